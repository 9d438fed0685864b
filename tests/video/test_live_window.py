"""The preview window, on a screen of its own where one can be had."""

from __future__ import annotations

import builtins
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from highbeam.errors import SinkError, UsageError
from highbeam.video.live_window import WindowSink, check_display
from tests.video.live_servers import numbered


@pytest.fixture(scope="session")
def screen_name() -> Iterator[str]:
    """A screen that nobody sees, to the end of the tests: the toolkit ends the process that loses one."""
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("no Xvfb, the screen that nobody sees")
    reads, writes = os.pipe()
    words = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "640x480x24"]
    with subprocess.Popen(words, pass_fds=[writes], stderr=subprocess.DEVNULL) as server:
        os.close(writes)
        with open(reads, encoding="ascii") as told:  # noqa: PTH123 - a descriptor
            name = f":{told.readline().strip()}"
        yield name
        server.terminate()


@pytest.fixture
def screen(screen_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", screen_name)


def test_where_there_is_no_display_the_other_outputs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match=r"no display here; use -o live.mp4, -o - or -o http://127.0.0.1:8080"):
        check_display()
    monkeypatch.setenv("DISPLAY", ":0")
    check_display()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    check_display()


def test_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter", reason="this Python has no tkinter")
    monkeypatch.setenv("DISPLAY", "127.0.0.1:9999")
    with pytest.raises(SinkError, match="window: cannot be opened"):
        WindowSink("road").open()


def test_a_python_without_the_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "tkinter":
            raise ImportError(name)
        return real(name, *others)

    monkeypatch.delitem(sys.modules, "tkinter", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SinkError, match="this Python has no tkinter; install it"):
        WindowSink("road").open()


@pytest.mark.usefixtures("screen")
def test_frames_are_shown_as_they_are() -> None:
    sink = WindowSink("road")
    sink.open()
    assert sink.idle()
    for number in range(3):
        sink.write(numbered(number), 0.0)
    assert sink._root is not None
    assert sink._shown is not None
    assert sink._root.title() == "road"
    shown = str(sink._shown)
    height, width = numbered(2).shape[:2]
    colours = [
        [tuple(map(int, sink._root.tk.splitlist(sink._root.tk.call(shown, "get", x, y)))) for x in range(0, width, 8)]
        for y in (0, height - 1)
    ]
    assert np.array_equal(np.array(colours), numbered(2)[[0, -1], ::8])
    sink.close()
    sink.close()
    sink.write(numbered(1), 0.0)  # nobody is looking any more
    assert sink.idle()


@pytest.mark.usefixtures("screen")
def test_what_is_larger_than_the_screen_is_shrunk() -> None:
    sink = WindowSink("road")
    sink.open()
    sink.write(np.zeros((1000, 2000, 3), np.uint8), 0.0)
    assert sink._shown is not None
    assert (sink._shown.width(), sink._shown.height()) == (576, 288)
    sink.close()


@pytest.mark.usefixtures("screen")
@pytest.mark.parametrize("how", ["close", "q"])
def test_closing_the_window_ends_the_run(how: str) -> None:
    sink = WindowSink("road")
    sink.open()
    assert sink._root is not None
    if how == "close":
        sink._root.tk.call(sink._root.protocol("WM_DELETE_WINDOW"))
    else:
        sink._root.focus_force()
        sink._root.update()
        sink._root.event_generate("<q>")
    assert not sink.idle()
    sink.close()
