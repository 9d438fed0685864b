"""What a terminal shows while a network trains. Imported once training is sure to be wanted: it needs torch."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from highbeam.cli import terminal
from highbeam.cli.terminal import Stop
from highbeam.training import Watcher

__all__ = ["Bar", "Lines", "watching"]


class Lines(Watcher):
    """Writes a line for every set of scalars.

    Args:
        stop: tells whether a signal came.
        quiet: leave the scalars out.
    """

    def __init__(self, stop: Stop, *, quiet: bool) -> None:
        self._stop, self._quiet = stop, quiet

    def wants_stop(self) -> bool:
        """Whether a signal came."""
        return self._stop.event.is_set()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write them."""
        if not self._quiet:
            terminal.note(_line(step, values))

    def note(self, text: str) -> None:
        """Write it."""
        terminal.note(text)


class Bar(Lines):
    """Moves a bar with the loss, the speed and the time left; validations are written above it."""

    def __init__(self, stop: Stop, progress: Progress) -> None:
        super().__init__(stop, quiet=False)
        self._progress, self._task = progress, progress.add_task("", told="")
        self._began = (0, time.monotonic())

    def begin(self, step: int, steps: int) -> None:
        """Show the bar, where training goes on; of several processes, only one comes here."""
        self._began = (step, time.monotonic())
        self._progress.update(self._task, total=steps, completed=step)
        self._progress.start()

    def advance(self, step: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Show the loss beside the bar, everything else above it."""
        if "loss/total" not in values:
            self.note(_line(step, values))
            return
        first, since = self._began
        rate = (step - first) / max(1e-9, time.monotonic() - since)
        self._progress.update(self._task, told=f"loss {values['loss/total']:.4f}, {rate:.1f} steps/s")

    def note(self, text: str) -> None:
        """Write it above the bar."""
        self._progress.console.print(terminal.printable(text), highlight=False, markup=False)


@contextmanager
def watching(stop: Stop, *, quiet: bool) -> Iterator[Watcher]:
    """Yield a bar where standard error is a terminal, else lines."""
    if quiet or not sys.stderr.isatty():
        yield Lines(stop, quiet=quiet)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True))
    try:
        yield Bar(stop, progress)
    finally:
        progress.stop()


def _line(step: int, values: Mapping[str, float]) -> str:
    return f"step {step}: " + ", ".join(f"{name} {value:.4g}" for name, value in values.items())
