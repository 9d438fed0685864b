"""From what a user names (files, globs, folders) to the pictures that are meant."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NoReturn

from highbeam.errors import OutputError, UsageError
from highbeam.pictures import SUFFIXES, format_of_suffix

__all__ = ["Source", "find_sources", "has_picture_suffix", "inner_path", "looking"]


@dataclass(frozen=True)
class Source:
    """A picture to be enhanced.

    Attributes:
        path: the file, relative where it was named so.
        inner: where it lies in the folder, or below the fixed part of the glob, through which it was found: the path
            of its result below an output folder. Never absolute, never with ``..``.
    """

    path: Path
    inner: PurePath


def has_picture_suffix(path: PurePath | str) -> bool:
    """Whether a name ends like that of a picture, in upper or lower case."""
    return format_of_suffix(path) is not None


def find_sources(words: Sequence[str], out: Path | None = None) -> tuple[Source, ...]:
    """Find the pictures that are meant.

    A word is an existing file (taken whatever its suffix), an existing folder (searched to its full depth for picture
    suffixes; hidden files and folders are skipped, links to folders are not followed), or a glob (``*``, ``?``,
    ``[...]``, and ``**`` for any depth), tried in this order, so that a file with a bracket in its name is found.

    Args:
        words: as a user gives them.
        out: the folder of the results; where it lies inside a folder or glob, what is in it is no source.

    Returns:
        The sources in the order of the words, sorted within each; one that was named twice comes once, where it came
        first, with the longer ``inner``, so that a folder and one inside it fit together in either order.

    Raises:
        UsageError: a word names nothing, or nothing that is a picture.
        OutputError: ``out`` is itself one of the folders.
    """
    found: dict[str, Source] = {}
    with looking():
        for word in words:
            for source in _of_word(word, out):
                identity = _identity(source.path)
                before = found.setdefault(identity, source)
                if len(source.inner.parts) > len(before.inner.parts):
                    found[identity] = source  # in the place of the other
    return tuple(found.values())


@contextmanager
def looking() -> Iterator[None]:
    """Turn what the system says of a path that cannot be looked at (a name too long, no permission) into an error.

    Raises:
        UsageError: the system would not tell.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be looked at ({error.strerror}); check the path") from error


def inner_path(path: PurePath, base: PurePath) -> PurePath:
    """Return the path below a base, or the bare name where it would lead out of the base."""
    inner = path.relative_to(base) if path.is_relative_to(base) else PurePath(path.name)
    return PurePath(path.name) if ".." in inner.parts else inner


def _identity(path: Path) -> str:
    """The place of a file: two names of one file that are links are two, two spellings of one name are one."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 - realpath gives text


def _of_word(word: str, out: Path | None) -> list[Source]:
    path = Path(word)
    if word and path.is_file():
        return [Source(path, PurePath(path.name))]
    if word and path.is_dir():
        found = list(_in_folder(path, out))
    elif word and path.exists():
        raise UsageError(f"{word}: neither a file nor a folder; to read from a pipe, give - and redirect it")
    elif glob.has_magic(word):
        found = list(_in_glob(word, out))
    else:
        raise UsageError(f"{word or repr(word)}: no such file or folder")
    if not found:
        raise UsageError(f"{word}: no picture found there (suffixes: {', '.join(sorted(SUFFIXES))})")
    return found


def _in_folder(folder: Path, out: Path | None) -> Iterator[Source]:
    kept_out = None if out is None else os.path.realpath(out)
    if os.path.realpath(folder) == kept_out:
        raise OutputError(f"{out}: is also the folder of the sources; choose another folder for the results")
    for top, folders, names in os.walk(folder, onerror=_unreadable):
        here = Path(top)
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if os.path.realpath(here / name) != kept_out]
        for name in sorted(names):
            if not name.startswith(".") and has_picture_suffix(name) and _may_be_read(here / name):
                yield Source(here / name, inner_path(here / name, folder))


def _in_glob(pattern: str, out: Path | None) -> Iterator[Source]:
    base = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))
    kept_out = None
    if out is not None and Path(os.path.realpath(base)) in Path(os.path.realpath(out)).parents:
        kept_out = Path(os.path.realpath(out))
    for path in sorted(map(Path, glob.glob(pattern, recursive=True))):  # noqa: PTH207 - Path.glob takes no absolute one
        if not has_picture_suffix(path) or not _may_be_read(path):
            continue
        if kept_out is None or not Path(_identity(path)).is_relative_to(kept_out):
            yield Source(path, inner_path(path, base))


def _may_be_read(path: Path) -> bool:
    """Whether it is worth trying: a dead link is, so that it is reported; a pipe is not, since it would block."""
    return path.is_file() or not path.exists()


def _unreadable(error: OSError) -> NoReturn:
    raise UsageError(f"{error.filename}: the folder cannot be read ({error.strerror})") from error
