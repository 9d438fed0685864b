"""The hidden folder beside a result in which its parts wait until they are joined."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from highbeam.errors import ClipWriteError, OutputError, ResumeError
from highbeam.video.parts import Part, read_part, sealed, unsealed, write_whole

__all__ = ["Kept", "Workspace", "folder_of", "identity_of", "kept", "pack_state", "unpack_state", "workspace"]

_SAMPLE = 1 << 20
_SAMPLES = 16


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
        text = json.dumps(manifest, indent=1, sort_keys=True)
        if resume and place.exists():
            self._check(place.read_text(encoding="utf-8"), text)
            return
        for old in self.folder.iterdir():
            if old.name != "lock":
                old.unlink()
        with self.taken():
            write_whole(place, text.encode())

    def _check(self, before: str, now: str) -> None:
        if before == now:
            return
        try:
            old, new = json.loads(before), json.loads(now)
            differing = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
        except (ValueError, AttributeError, TypeError):
            differing = ["manifest"]
        raise ResumeError(
            str(self.output),
            f"the run that is to be resumed had another {', '.join(differing)};"
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


def folder_of(output: Path) -> Path:
    """Return the place of a result's folder."""
    return output.parent / f".{output.name}.highbeam"


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
        if not _held(lock):
            raise OutputError(f"{output}: is being made by another process; wait for it")
        yield space


def _held(lock: io.BufferedWriter) -> bool:
    """Whether this process now holds the lock, which ends with the process, however that ends."""
    try:
        fcntl: Any = importlib.import_module("fcntl")
    except ImportError:  # a system without it: nobody is held back
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def identity_of(path: Path) -> str:
    """Return what tells a file from others: its size, and the SHA-256 of samples from start to end."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for place in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE) * place // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return f"{size}:{digest.hexdigest()}"


def pack_state(state: Mapping[str, Any]) -> bytes:
    """Return a state of arrays, numbers and texts as bytes that hold nothing to be executed.

    Raises:
        TypeError: there is something else in it.
    """
    arrays: dict[str, Any] = {f"a{index}": np.asarray(value) for index, value in enumerate(state.values())}
    for key, value in zip(state, arrays.values(), strict=True):
        if value.dtype.hasobject:
            raise TypeError(f"the state {key!r} is neither an array, a number nor a text")
    plain = [isinstance(value, bool | int | float | str) for value in state.values()]
    stream = io.BytesIO()
    np.savez(stream, names=np.array(json.dumps([list(state), plain])), **arrays)
    return stream.getvalue()


def unpack_state(content: bytes) -> dict[str, Any]:
    """Return a state that :func:`pack_state` packed."""
    with np.load(io.BytesIO(content), allow_pickle=False) as packed:
        names, plain = json.loads(str(packed["names"]))
        return {
            name: packed[f"a{index}"].item() if single else packed[f"a{index}"]
            for index, (name, single) in enumerate(zip(names, plain, strict=True))
        }
