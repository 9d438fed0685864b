"""The hidden folder beside a result in which its parts wait until they are joined."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highbeam.errors import ClipWriteError, OutputError, ResumeError
from highbeam.resuming import (
    described,
    differing,
    folder_of,
    hold,
    sealed,
    unpack_state,
    unsealed,
    write_whole,
)
from highbeam.video.parts import Part, read_part

__all__ = ["Kept", "Workspace", "kept", "workspace"]


@dataclass(frozen=True)
class Kept:
    """What is remembered of a part whose packets are on the disk.

    Attributes:
        frames: how many.
        first: time of the first one, units of the clip's time base.
        last: time of the last one.
        delay: by how many frames decoding must run ahead of showing.
        headers: SHA-256 of the codec's headers.
    """

    frames: int
    first: int
    last: int
    delay: int
    headers: str


def kept(part: Part) -> Kept:
    """Return what is remembered of a part."""
    return Kept(len(part.times), part.times[0], part.times[-1], part.delay, part.headers)


class Workspace:
    """One result's folder: ``manifest.json``, ``000000.part`` and so on, and the enhancer's state after the last."""

    def __init__(self, folder: Path, output: Path) -> None:
        """Name it; nothing is made yet.

        Args:
            folder: the folder itself.
            output: the result.
        """
        self.folder, self.output = folder, output

    @property
    def whole(self) -> Path:
        """Where the result grows until it gets its name."""
        return self.folder / "whole.tmp"

    def part(self, number: int) -> Path:
        """The place of a part."""
        return self.folder / f"{number:06}.part"

    def begin(self, manifest: Mapping[str, Any], *, resume: bool) -> None:
        """Start afresh, or check that what is there belongs to the same work.

        Raises:
            ResumeError: it does not.
            ClipWriteError: the disk did not take the manifest.
        """
        place = self.folder / "manifest.json"
        if resume and place.exists():
            self._check(differing(place.read_text(encoding="utf-8"), manifest))
            return
        for old in self.folder.iterdir():
            if old.name != "lock":
                old.unlink()
        with self.taken():
            write_whole(place, described(manifest).encode())

    def _check(self, differs: list[str]) -> None:
        if not differs:
            return
        raise ResumeError(
            str(self.output),
            f"the run that is to be resumed had another {', '.join(differs)};"
            " ask for the same again, or leave --resume out to start afresh",
        )

    def finished(self) -> list[Kept]:
        """Return what there is to know of the parts that are there, up to the first that is missing or damaged."""
        parts: list[Kept] = []
        while (part := read_part(self.part(len(parts)))) is not None:
            parts.append(kept(part))
        return parts

    def keep(self, number: int, part: Part, state: bytes | None) -> None:
        """Keep a part, and the enhancer's state after it.

        Raises:
            ClipWriteError: the disk did not take it.
        """
        with self.taken():
            if state is not None:
                write_whole(self._state(number), sealed(state))  # first: where there is a part, there is its state
            write_whole(self.part(number), part.to_bytes())
            self._state(number - 1).unlink(missing_ok=True)

    def state(self, number: int) -> dict[str, Any] | None:
        """Return the enhancer's state after a part; None where there is none, or a damaged one."""
        content = unsealed(self._state(number))
        return None if content is None else unpack_state(content)

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Turn what the disk says into an error that names the result."""
        try:
            yield
        except OSError as error:
            raise ClipWriteError(
                str(self.output),
                f"cannot be written ({error.strerror or error}); check the folder and the disk, then --resume goes on",
            ) from error

    def _state(self, number: int) -> Path:
        return self.folder / f"{number:06}.state"


@contextmanager
def workspace(output: Path) -> Iterator[Workspace]:
    """Make a result's folder, and hold it against other processes.

    Raises:
        OutputError: another process is making the same result.
        ClipWriteError: the folder cannot be made.
    """
    space = Workspace(folder_of(output), output)
    with space.taken():
        space.folder.mkdir(parents=True, exist_ok=True)
        lock = (space.folder / "lock").open("wb")
    with lock:
        if not hold(lock):
            raise OutputError(f"{output}: is being made by another process; wait for it")
        yield space
