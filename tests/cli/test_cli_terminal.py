"""What is written to the terminal, and how its signals are heard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.cli.terminal import Stop, complain, note, printable, progress, stop_on_signals, unwound_on_sigterm
from tests.cli.conftest import environment


@given(text=st.text())
def test_a_line_stays_a_line_and_steers_nothing(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text).splitlines()) <= 1


@pytest.mark.parametrize("text", ["a b.png", "naïve 夜.png", "", "日本語"])
def test_what_can_be_shown_is_shown(text: str) -> None:
    assert printable(text) == text


def test_what_cannot_be_shown_is_spelled_out() -> None:
    assert printable("a\nb\x1b[31m\udcff") == r"a\nb\x1b[31m\udcff"


def test_errors_are_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    note("fine")
    complain("line\nbreak.png: is empty")
    assert capsys.readouterr() == ("", "fine\nerror: line\\nbreak.png: is empty\n")


def test_no_progress_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for hidden in (True, False):
        with progress(2, hidden=hidden) as step:
            step()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_wish_to_stop(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert (stop.signal, stop.event.is_set()) == (0, False)
        os.kill(os.getpid(), number)
        assert stop.event.wait(2.0)
    assert (stop.signal, stop.exit_code) == (number, 128 + number)
    assert signal.getsignal(number) is before


def test_a_second_signal_unwinds_the_main_threads_work() -> None:
    stop = Stop()
    stop.event.set()  # the work came to its end by itself
    stop(signal.SIGINT, None)
    with pytest.raises(SystemExit) as caught:
        stop(signal.SIGTERM, None)
    assert caught.value.code == 143


WRITES = """
import os, signal, sys, threading, time
from highbeam.cli.terminal import stop_on_signals

left = [20]  # glances until the file is in its place

def writing():
    left[0] -= 1
    return left[0] > 0

with stop_on_signals(writing) as stop:
    signal.raise_signal(signal.SIGINT)
    threading.Thread(target=time.sleep, args=(60,)).start()  # work that nothing can end
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        print("unwound")
"""


def test_a_second_signal_waits_for_the_files_of_other_threads_and_for_nothing_else() -> None:
    begun = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", WRITES], capture_output=True, env=environment(), check=False, timeout=30
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, b"", b"")
    assert 0.15 < time.monotonic() - begun < 25


def test_other_threads_leave_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    seen: list[bool] = []

    def look() -> None:
        with stop_on_signals() as stop, unwound_on_sigterm():
            seen.append(stop.event.is_set())
            seen.append((signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [False, True]


def test_sigterm_unwinds() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, unwound_on_sigterm():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
