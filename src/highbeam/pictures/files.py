"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from highbeam.errors import OutputError, PictureWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["write_bytes"]


def write_bytes(data: bytes, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a file under a temporary name beside its place, and move it there once it is on the disk.

    Whoever looks sees the old file, or none, or the whole new one. Only where nothing may be overwritten and the file
    system has no hard links is the name taken by an empty file first, which is seen for a moment, and left behind if
    the process is killed in it. A link in the place is replaced, not followed.

    Raises:
        OutputError: the file exists and is not to be overwritten.
        PictureWriteError: the disk did not take it; nothing is left behind.
    """
    place = Path(path)
    try:
        with _written(data, place.parent) as temporary:
            if overwrite:
                temporary.replace(place)
            else:
                _move_without_overwriting(temporary, place)
    except FileExistsError as error:
        raise OutputError(f"{path}: exists already; choose another name, or ask to overwrite") from error
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        raise PictureWriteError(
            os.fspath(path), f"cannot be written ({told}); check the folder and the disk"
        ) from error


@contextmanager
def _written(data: bytes, folder: Path) -> Iterator[Path]:
    """Write data to a temporary file that is gone afterwards, whatever happens."""
    temporary = folder / f".highbeam-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def _move_without_overwriting(temporary: Path, place: Path) -> None:
    """Give the file its name unless that is taken, even by another process at this moment."""
    try:
        os.link(temporary, place)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name first, then fill it
        place.open("xb").close()
        try:
            temporary.replace(place)
        except BaseException:
            place.unlink()
            raise
