"""The one place that writes to the terminal, and listens to its signals."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from highbeam.errors import PictureWriteError

__all__ = [
    "Stop",
    "complain",
    "note",
    "printable",
    "progress",
    "redraw",
    "say",
    "send",
    "stop_on_signals",
    "unwound_on_sigterm",
]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GLANCE = 0.01  # seconds


def printable(text: str) -> str:
    r"""Return a text in which line breaks and control characters are shown as escapes, such as ``\n``.

    File names may hold any of them: a list must keep one line per file, and a name must not steer the terminal.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(text: str) -> None:
    """Write a line to standard output.

    Raises:
        PictureWriteError: it cannot be written.
    """
    with _to_stdout():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def send(data: bytes) -> None:
    """Write bytes to standard output.

    Raises:
        PictureWriteError: they cannot be written.
    """
    with _to_stdout():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


@contextmanager
def _to_stdout() -> Iterator[None]:
    """Turn a full disk into an error that names standard output; a reader that went away ends the command silently."""
    try:
        yield
    except BrokenPipeError:
        raise  # the command's framework ends it: nobody is left to be told
    except OSError as error:
        with Path(os.devnull).open("wb") as nowhere:  # or the interpreter would fail on what is buffered as it ends
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise PictureWriteError("<stdout>", f"cannot be written ({error.strerror}); check where it goes") from error


def note(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def redraw(text: str) -> None:
    """Put a line in the place of the last one on standard error, which is a terminal; an empty one wipes it."""
    width = shutil.get_terminal_size().columns - 1
    sys.stderr.write(f"\r\x1b[K{printable(text)[:width]}")
    sys.stderr.flush()


def complain(text: str) -> None:
    """Write an error to standard error, on one line."""
    note(f"error: {text}")


@dataclass
class Stop:
    """Whether, and by which signal, the work is to stop.

    Attributes:
        event: set once it is.
        signal: the number of the signal, 0 if there was none.
        writing: whether another thread is putting a file in its place; ``None`` where the work is the main thread's.
    """

    event: threading.Event = field(default_factory=threading.Event)
    signal: int = 0
    writing: Callable[[], bool] | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Ask for an orderly end at the first signal; at the second, end without waiting for what is in work."""
        if self.signal:
            self._end(128 + number)
        self.signal = number
        self.event.set()

    def _end(self, code: int) -> NoReturn:
        """End the process, but leave no half-written file."""
        if self.writing is None:
            raise SystemExit(code)  # unwinds the work
        while self.writing():  # soon over: whoever comes to write from now on sees that the work is stopped
            time.sleep(_GLANCE)
        os._exit(code)  # other threads' work cannot be unwound

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as shells count: 130 for Ctrl-C."""
        return 128 + self.signal


@contextmanager
def stop_on_signals(writing: Callable[[], bool] | None = None) -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a wish to stop, while the block runs; outside the main thread, nothing changes.

    A wish, not an exception: an exception could strike between any two steps, this is looked at between pictures.

    Args:
        writing: where threads do the work: whether one of them is putting a file in its place, which a second signal
            waits for; without it, a second signal unwinds the main thread.
    """
    stop = Stop(writing=writing)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unwound_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the stack while the block runs, as Ctrl-C does, so that no temporary file is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def progress(total: int, *, hidden: bool) -> Iterator[Callable[[], None]]:
    """Show a bar with rate and time left on standard error; nothing where that is no terminal.

    Yields:
        A function to call after each step.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, rate="")

        def step() -> None:
            bar.advance(task)
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, rate=f"{speed:.1f} pictures/s" if speed else "")

        yield step
