"""Where a result goes, and that it appears there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from highbeam.errors import LogWriteError, OutputError
from highbeam.resuming import folder_of, hold

__all__ = ["check_output", "placed", "taken", "working"]

_OF_BAGS = (".db3", ".mcap", ".zstd", ".db3-wal", ".db3-shm", ".yaml")
_OLD = "old"


def check_output(source: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse an output that would be of another form than the log, or could cost somebody something.

    Raises:
        OutputError: it would.
    """
    _refuse_other_form(source, output)
    ours, theirs = Path(os.path.realpath(output)), Path(os.path.realpath(source))
    if ours == theirs or _same_file(ours, theirs) or theirs in ours.parents or ours in theirs.parents:
        raise OutputError(f"{output}: would meet the input {source}; an input is never overwritten, choose another")
    if not os.path.lexists(output):
        return
    if not overwrite:
        raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite")
    if output.is_dir() != source.is_dir():
        kinds = ("a folder", "not a folder") if output.is_dir() else ("not a folder", "one")
        raise OutputError(f"{output}: is {kinds[0]}, and the result is {kinds[1]}; choose another name")
    if output.is_dir() and not all(path.is_file() and path.suffix in _OF_BAGS for path in output.iterdir()):
        raise OutputError(f"{output}: holds more than a bag; remove it yourself, or choose another name")


def _refuse_other_form(source: Path, output: Path) -> None:
    suffix = "" if source.is_dir() else source.suffix.lower()
    given = output.suffix.lower()
    if suffix and given != suffix:
        raise OutputError(f"{output}: the result is of the log's own form; let the name end in {suffix}")
    if not suffix and given in {".bag", ".db3", ".mcap"}:
        raise OutputError(f"{output}: the result is a folder, as the log is; leave {given} out")


def _same_file(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:
        return False


@contextmanager
def working(output: Path) -> Iterator[Path]:
    """Make the hidden folder beside a result in which it grows, and hold it against other processes.

    A folder that was moved aside for a result that did not come, because the process was killed between the two, gets
    its name back.

    Raises:
        OutputError: another process is making the same result.
        LogWriteError: the folder cannot be made.
    """
    folder = folder_of(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("wb")
    except OSError as error:
        reason = f"its folder cannot be made ({error.strerror}); check the path and the permissions"
        raise LogWriteError(str(output), reason) from error
    with lock:
        if not hold(lock):
            raise OutputError(f"{output}: is being made by another process; wait for it")
        with taken(output):
            if not os.path.lexists(output) and os.path.lexists(folder / _OLD):
                (folder / _OLD).rename(output)
        yield folder


@contextmanager
def taken(output: Path) -> Iterator[None]:
    """Turn what the disk says into an error that names the result.

    Raises:
        LogWriteError: it said something.
    """
    try:
        yield
    except OSError as error:
        told = error.strerror or error
        reason = f"cannot be written ({told}); check the folder and the disk, then --resume goes on"
        raise LogWriteError(str(output), reason) from error


@contextmanager
def placed(output: Path, folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary place, and move what is there to the output if the block ends well.

    Args:
        output: the result.
        folder: its working folder; what another run left in the temporary place is removed.
        overwrite: replace an existing output.

    Raises:
        OutputError: meanwhile something else took the place.
        LogWriteError: the disk did not take the result.
    """
    temporary = folder / "whole.tmp"
    _remove(temporary)
    try:
        with taken(output), _free(output):
            yield temporary
            _sync(temporary)
            _move(temporary, output, overwrite=overwrite)
    finally:
        _remove(temporary)


@contextmanager
def _free(output: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite") from error


def _sync(place: Path) -> None:
    for path in [*place.iterdir()] if place.is_dir() else [place]:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _move(temporary: Path, output: Path, *, overwrite: bool) -> None:
    if not temporary.is_dir() and not overwrite:
        _link(temporary, output)
        return
    if not overwrite and os.path.lexists(output):
        raise FileExistsError
    old = temporary.parent / _OLD
    _remove(old)
    if temporary.is_dir() and output.is_dir():  # a folder cannot take the place of one that is not empty
        output.rename(old)
    temporary.replace(output)
    _remove(old)


def _link(temporary: Path, output: Path) -> None:
    """Give a file its name unless that is taken, even by another process at this moment."""
    try:
        os.link(temporary, output)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(output):
            raise FileExistsError from None
        temporary.rename(output)


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):
        place.unlink()
