"""What is written to the terminal, and how its signals are heard."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.cli.terminal import Stop, complain, note, printable, progress, stop_on_signals, unwound_on_sigterm


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


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    stop = Stop()
    stop.event.set()  # the work came to its end by itself
    stop(signal.SIGINT, None)
    assert codes == []
    stop(signal.SIGINT, None)
    assert codes == [130]


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
