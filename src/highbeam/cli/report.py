"""What the user is told of each picture and clip, and of all in the end."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from highbeam.cli import terminal

if TYPE_CHECKING:
    from highbeam.batch import Record

__all__ = ["Report"]


@dataclass
class Report:
    """Counts the records, shows each as asked for, and sums up.

    Attributes:
        as_json: write every record to standard output as one line of JSON.
        quiet: say nothing on standard error but what failed.
    """

    as_json: bool = False
    quiet: bool = False
    _counts: dict[str, int] = field(default_factory=dict)
    _failed: list[Record] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def add(self, record: Record) -> None:
        """Take in one record."""
        self._counts[record.status] = self._counts.get(record.status, 0) + 1
        if record.status == "failed":
            self._failed.append(record)
        if self.as_json:
            terminal.say(json.dumps(asdict(record)))
        elif record.status == "planned":
            terminal.say(terminal.printable(f"{record.source} -> {record.output}"))

    def finish(self) -> int:
        """Name what failed, sum up, and return the exit code: 1 if anything failed, else 0."""
        self._name_failed()
        if not self.quiet:
            seconds = time.monotonic() - self._start
            terminal.note(f"{self._summary()} in {seconds:.1f} s")
        return 1 if self._failed else 0

    def stopped(self, total: int, *, go_on: str = "--skip-existing") -> None:
        """Say how far the work came before it was stopped, what failed until then, and which option goes on."""
        self._name_failed()
        done = self._counts.get("done", 0)
        terminal.note(f"stopped: {done} of {total} done, every written file is whole; {go_on} goes on from here")

    def _name_failed(self) -> None:
        for record in self._failed:
            terminal.note(f"failed: {record.source}: {record.error} [{record.error_type}]")

    def _summary(self) -> str:
        """Return such as ``12 done, 1 failed``; ``0 done`` where nothing was to be done."""
        counts = [f"{self._counts[status]} {status}" for status in _ORDER if status in self._counts]
        return ", ".join(counts or ["0 done"])


_ORDER = ("planned", "done", "skipped", "failed")
