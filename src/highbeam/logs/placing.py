"""Where a result goes, and that it appears there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from highbeam.errors import LogWriteError, OutputError

__all__ = ["check_output", "placed"]

_OF_BAGS = (".db3", ".mcap", ".zstd", ".db3-wal", ".db3-shm", ".yaml")


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
def placed(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a temporary place beside the output, and move what is there to the output if the block ends well.

    Raises:
        OutputError: meanwhile something else took the place.
        LogWriteError: the disk did not take the result.
    """
    _make_folder(output)
    temporary = output.parent / f".highbeam-{secrets.token_hex(8)}.tmp"
    try:
        yield temporary
        _sync(temporary)
        _move(temporary, output, overwrite=overwrite)
    except FileExistsError as error:
        raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite") from error
    except OSError as error:
        told = error.strerror or error
        raise LogWriteError(str(output), f"cannot be written ({told}); check the folder and the disk") from error
    finally:
        _remove(temporary)


def _make_folder(output: Path) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"its folder cannot be made ({error.strerror}); check the path and the permissions"
        raise LogWriteError(str(output), reason) from error


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
    old = output.parent / f"{temporary.name}.old"
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
