"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from highbeam.datasets.shards import INDEX, read_index
from highbeam.errors import OutputError, PictureWriteError, ShardError

__all__ = ["check_target", "published"]


def check_target(out: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """Refuse a place for shards where something could be lost.

    Raises:
        OutputError: something is there that is not to be overwritten or is not only packed shards, an input lies in
            it, or it lies in no folder.
    """
    inside = next((path for path in inputs if _below(path, out)), None)
    if inside is not None:
        raise OutputError(f"{out}: holds the input {inside}; choose another folder")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise OutputError(f"{out}: exists already; choose another folder, or ask to overwrite")
        _check_only_shards(out)
    elif os.path.lexists(out) and not out.is_dir():
        raise OutputError(f"{out}: is not a folder; choose another name")


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` to fill, and put it in the place of ``out`` once the block has ended well.

    Raises:
        PictureWriteError: the disk did not take it; what was there before is still there.
    """
    temporary = out.parent / f".{out.name}-{secrets.token_hex(8)}.tmp"
    try:
        with _writing(out):
            temporary.mkdir(parents=True)
        yield temporary
        with _writing(out):
            _put(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PictureWriteError(str(out), f"cannot be written ({error.strerror}); check the folder") from error


def _put(filled: Path, out: Path) -> None:
    if not out.is_dir():
        filled.rename(out)
        return
    aside = filled.with_suffix(".old")
    out.rename(aside)
    try:
        filled.rename(out)
    except BaseException:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _check_only_shards(out: Path) -> None:
    try:
        known = {shard.file for shard in read_index(out).shards} | {INDEX}
    except ShardError as error:
        raise OutputError(f"{out}: exists already, and is not packed shards; choose another folder") from error
    other = sorted(path.name for path in out.iterdir() if path.name not in known)
    if other:
        raise OutputError(f"{out}: holds more than packed shards, such as {other[0]}; choose another folder")


def _below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
