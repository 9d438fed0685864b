"""What lets interrupted work go on: the folder where it waits, whole files with checksums, and what decided them."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

__all__ = [
    "Stateful",
    "described",
    "differing",
    "folder_of",
    "hold",
    "identity_of",
    "memory_of",
    "pack_state",
    "sealed",
    "unpack_state",
    "unsealed",
    "write_whole",
]

_SAMPLE = 1 << 20
_SAMPLES = 16
_DIGEST = 32


@runtime_checkable
class Stateful(Protocol):
    """A callable whose memory, a flat dict of arrays, numbers and texts, can be taken out and put back."""

    def state_dict(self) -> dict[str, Any]:
        """Take the memory out."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put it back."""


def memory_of(enhance: object) -> Stateful | None:
    """Return a callable as one with a memory; None where it has none."""
    return enhance if isinstance(enhance, Stateful) else None


def folder_of(output: Path) -> Path:
    """Return the place of a result's folder."""
    return output.parent / f".{output.name}.highbeam"


def hold(lock: io.BufferedWriter) -> bool:
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


def differing(before: str, now: Mapping[str, Any]) -> list[str]:
    """Return by which keys what is known of an earlier run, the text of :func:`described`, differs from this one's."""
    try:
        old = json.loads(before)
        return sorted(key for key in {*old, *now} if old.get(key) != now.get(key))
    except (ValueError, AttributeError, TypeError):
        return ["manifest"]


def described(manifest: Mapping[str, Any]) -> str:
    """Return what decides the work as text, the same for the same."""
    return json.dumps(manifest, indent=1, sort_keys=True)


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


def sealed(content: bytes) -> bytes:
    """Return a file's content with its checksum behind it."""
    return content + hashlib.sha256(content).digest()


def unsealed(path: Path) -> bytes | None:
    """Read a file that :func:`sealed` made; None where there is none, or a damaged one."""
    try:
        whole = path.read_bytes()
    except FileNotFoundError:
        return None
    content, digest = whole[:-_DIGEST], whole[-_DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of the working folder, under its name only once it is whole.

    Raises:
        OSError: the disk did not take it; nothing is left behind.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
