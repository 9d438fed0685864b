"""What was made of a log's pictures so far, on the disk: interrupted work goes on there, and nothing is made twice.

``journal`` has an entry per picture, in the order of the log: what was made of the message, or why nothing was, with
checksums of both messages. ``kept`` says how much of it is surely on the disk, and what the methods remember there;
what lies behind was perhaps half written, and is made again.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from highbeam.errors import LogResumeError
from highbeam.logs.messages import Bytes
from highbeam.resuming import (
    described,
    differing,
    identity_of,
    pack_state,
    sealed,
    unpack_state,
    unsealed,
    write_whole,
)

__all__ = ["FORMAT", "Journal", "Outcome", "States", "identity_of_log"]

FORMAT = 1
"""Of the working folder; another one cannot be resumed."""

_HEAD = struct.Struct("<QIIB")
"""Of an entry: bytes that follow, CRC-32 of the message that was read, CRC-32 of what follows, whether it was made."""

_PICTURES = 32
_SECONDS = 5.0
"""After so many pictures, or so long, what was made is put on the disk."""

States = Mapping[str, Mapping[str, Any]]
"""What methods remember, by topic: arrays, numbers and texts."""


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Attributes:
        made: the message with the enhanced picture; None where it is damaged.
        reason: what is wrong with a damaged one.
    """

    made: Bytes | None
    reason: str = ""


class Journal:
    """The journal of one result, to be closed.

    Attributes:
        finished: pictures that an earlier run left.
        kept: pictures that another run would find now.
        states: what methods remember behind the finished ones.
    """

    def __init__(self, folder: Path, output: Path) -> None:
        """Name it; nothing is read or written yet.

        Args:
            folder: where it is.
            output: the result.
        """
        self._folder, self._output = folder, output
        self._file: BinaryIO | None = None
        self._at, self._time = 0, time.monotonic()
        self.finished = self.kept = 0
        self.states: States = {}

    def begin(self, manifest: Mapping[str, Any], *, resume: bool) -> None:
        """Start afresh, or go on from what is there.

        Args:
            manifest: what decides the work.
            resume: go on, if it was decided by the same.

        Raises:
            LogResumeError: it was not.
            OSError: the disk did not take it.
        """
        place = self._folder / "manifest.json"
        if resume and place.exists():
            self._check(differing(place.read_text(encoding="utf-8", errors="replace"), manifest))
            self.finished = self.kept = self._read()
        if not self.finished:
            self._clear()
            write_whole(place, described(manifest).encode())
            self._file = (self._folder / "journal").open("w+b")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # of a full disk, which was told where it mattered
                self._file.close()

    def next(self, data: Bytes) -> Outcome | None:
        """Return what an earlier run made of the next picture; None where it came to none.

        Raises:
            LogResumeError: it was another message.
        """
        if self._file is None or self._at >= self.finished:
            return None
        self._at += 1
        size, source, _, made = _HEAD.unpack(self._file.read(_HEAD.size))
        content = self._file.read(size)
        if source != zlib.crc32(data):
            told = "what an earlier run made does not fit the log; run again without --resume"
            raise LogResumeError(str(self._output), told)
        return Outcome(content) if made else Outcome(None, content.decode())

    def add(self, data: Bytes, outcome: Outcome, states: Callable[[], States]) -> None:
        """Take in what became of the next picture.

        Args:
            data: the message as it was read.
            outcome: what became of it.
            states: gives what the methods remember now.

        Raises:
            OSError: the disk did not take it.
        """
        if self._file is None:
            return
        content = outcome.reason.encode() if outcome.made is None else outcome.made
        head = _HEAD.pack(len(content), zlib.crc32(data), zlib.crc32(content), outcome.made is not None)
        self._file.write(head)
        self._file.write(content)
        self._at += 1
        if self._at - self.kept >= _PICTURES or time.monotonic() - self._time >= _SECONDS:
            self.keep(states())

    def keep(self, states: States) -> None:
        """Put all that was made on the disk.

        Args:
            states: what the methods remember now.

        Raises:
            OSError: the disk did not take it.
        """
        if self._file is None or self._at <= self.kept:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        flat = {f"{topic} {key}": value for topic, state in states.items() for key, value in state.items()}
        packed = pack_state({"count": self._at, "end": self._file.tell(), **flat})
        write_whole(self._folder / "kept", sealed(packed))
        self.kept, self._time = self._at, time.monotonic()

    def _check(self, differs: list[str]) -> None:
        if differs:
            told = f"the run that is to be resumed had another {', '.join(differs)}"
            raise LogResumeError(
                str(self._output), f"{told}; ask for the same again, or leave --resume out to start afresh"
            )

    def _read(self) -> int:
        """Find out how many pictures are there, undamaged, and make ready to read them."""
        content = unsealed(self._folder / "kept")
        if content is None:
            return 0
        flat = unpack_state(content)
        count, end = flat.pop("count"), flat.pop("end")
        try:
            file = (self._folder / "journal").open("r+b")
        except FileNotFoundError:
            return 0
        if not _is_whole(file, count, end):
            file.close()
            return 0
        file.truncate(end)
        file.seek(0)
        self._file, self.states = file, _by_topic(flat)
        return int(count)

    def _clear(self) -> None:
        for old in self._folder.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
            elif old.name != "lock":
                old.unlink()


def _is_whole(file: BinaryIO, count: int, end: int) -> bool:
    """Whether a file has so many entries, none of them damaged, up to a place."""
    for _ in range(count):
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return False
        size, _, checksum, _ = _HEAD.unpack(head)
        if size > end or zlib.crc32(file.read(size)) != checksum:
            return False
    return file.tell() == end


def _by_topic(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    states: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        topic, _, name = key.partition(" ")
        states.setdefault(topic, {})[name] = value
    return states


def identity_of_log(path: Path) -> str:
    """Return what tells a log from others: of a file, or of each file in a folder."""
    if not path.is_dir():
        return identity_of(path)
    return ", ".join(f"{file.name} {identity_of(file)}" for file in sorted(path.iterdir()) if file.is_file())
