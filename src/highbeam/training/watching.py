"""Whoever looks on while a network trains: a progress bar, a test, or nobody."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Watcher"]


class Watcher:
    """Is told what happens; this one ignores it. Only the first of several processes tells."""

    def begin(self, step: int, steps: int) -> None:
        """Training starts, or goes on, behind ``step`` of ``steps``."""

    def wants_stop(self) -> bool:
        """Whether training should end behind the step that is under way; asked in every process."""
        return False

    def advance(self, step: int) -> None:
        """So many steps are done."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """What was measured over the steps since this was last told."""

    def note(self, text: str) -> None:
        """Something that a person should read."""
