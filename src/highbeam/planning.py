"""Where each result goes, checked before any work.

:func:`make_plan` leaves nothing behind and refuses whatever could lose a picture: two results in one place, a result in
the place of an input, an existing file that nobody said may be replaced.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from highbeam.errors import OutputError
from highbeam.pictures import FORMATS, format_of_suffix
from highbeam.sources import Source, find_sources, has_picture_suffix, looking

__all__ = ["Existing", "Item", "Plan", "check_items", "check_suffix", "make_plan", "names_file", "told_apart"]

Existing: TypeAlias = Literal["refuse", "skip", "overwrite"]
"""What to do where a result exists already."""

_NAMED = 3
"""How many files an error message names before it only counts."""


@dataclass(frozen=True)
class Item:
    """One picture and the place of its result."""

    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """What to do: ``items``; ``skipped`` have a result already and are left alone."""

    items: tuple[Item, ...]
    skipped: tuple[Item, ...] = ()


def make_plan(
    words: Sequence[str], out: str | os.PathLike[str], *, to_format: str | None = None, existing: Existing = "refuse"
) -> Plan:
    """Find the pictures and decide where each result goes; no result is written yet.

    Args:
        words: files, folders and globs, as :func:`highbeam.sources.find_sources` takes them.
        out: a folder, below which the sources' own folders are kept; or, for one file, a file, if it has a picture
            suffix and is not an existing folder.
        to_format: a name of :data:`highbeam.pictures.FORMATS` that gives the results their suffix; the sources keep
            theirs where there is none.
        existing: what to do where a result exists.

    Raises:
        UsageError: a word names nothing.
        OutputError: two results would meet (also through links, or because the file system does not tell their
            names apart), a result would replace an input, or one exists.
    """
    sources, target = find_sources(words, Path(out)), Path(out)
    _refuse_unknown_suffix(words, out)
    if names_file(out):
        if len(words) > 1 or not Path(words[0]).is_file():
            raise OutputError(f"{out}: names one file, but the sources may be many; give a folder (or end it with /)")
        check_suffix(target, to_format)
        items = [Item(sources[0].path, target)]
    else:
        items = [Item(source.path, target / _result_name(source, to_format)) for source in sources]
    return check_items(items, existing)


def check_items(items: Sequence[Item], existing: Existing = "refuse", *, inputs: Iterable[Path] | None = None) -> Plan:
    """Refuse what could lose a picture, and set aside what exists; see :func:`make_plan`.

    Args:
        items: the pictures and the places of their results.
        existing: what to do where a result exists.
        inputs: every file that no result may replace; the items' sources where there are none.

    Raises:
        OutputError: two results would meet, one would replace an input, or one exists.
    """
    with looking():
        _refuse_meetings(items)
        _refuse_inputs(items, [item.source for item in items] if inputs is None else inputs)
        _refuse_blocked(items)
    there = [item for item in items if os.path.lexists(item.output)]
    if existing == "refuse" and there and len(items) == 1:
        raise OutputError(f"{there[0].output}: exists already; pass --overwrite to replace it")
    if existing == "refuse" and there:
        raise OutputError(
            f"{len(there)} of {len(items)} results exist: {_first_few(there)};"
            " pass --overwrite to replace them or --skip-existing to leave them alone"
        )
    if existing == "overwrite":
        return Plan(tuple(items))
    left_alone = frozenset(there)
    return Plan(tuple(item for item in items if item not in left_alone), tuple(there))


def names_file(out: str | os.PathLike[str]) -> bool:
    """Whether an output is a file: it has a picture suffix, is no existing folder and does not end with a slash."""
    text = os.fspath(out)
    with looking():
        return has_picture_suffix(text) and not text.endswith(os.sep) and not Path(text).is_dir()


def _refuse_unknown_suffix(words: Sequence[str], out: str | os.PathLike[str]) -> None:
    """Refuse ``night.gif`` for one file: it would become a folder of that name, which nobody means."""
    text, target = os.fspath(out), Path(out)
    one_file = len(words) == 1 and Path(words[0]).is_file()
    if one_file and target.suffix and not names_file(out) and not target.is_dir() and not text.endswith(os.sep):
        known = ", ".join(row.suffixes[0] for row in FORMATS.values())
        raise OutputError(f"{out}: its suffix tells no format; accepted are {known} (for a folder, end it with /)")


def check_suffix(target: Path, to_format: str | None) -> None:
    """Refuse a file whose suffix says another format than the one asked for.

    Raises:
        OutputError: it does.
    """
    if to_format is not None and format_of_suffix(target) != to_format:
        raise OutputError(f"{target}: the suffix does not fit the format {to_format}; leave one of the two out")


def _result_name(source: Source, to_format: str | None) -> PurePath:
    """Return the path of a result below the output folder: with the format's suffix, unless it has one already."""
    inner = source.inner
    if to_format is None or format_of_suffix(inner) == to_format:
        return inner
    suffix = FORMATS[to_format].suffixes[0]
    return inner.with_suffix(suffix) if has_picture_suffix(inner) else inner.with_name(inner.name + suffix)


def told_apart(first: str, second: str) -> bool:
    """Whether the file system keeps two places apart whose names differ in case or composition of letters alone.

    It is asked, with names in a temporary folder beside the places: systems, and even folders of one system, differ.

    Args:
        first: an absolute path; need not exist.
        second: another, equal to the first but for case and composition.

    Returns:
        ``False`` also where the system would not tell, which is the careful answer.
    """
    folder = Path(Path(first).anchor)
    for one, other in zip(Path(first).parts, Path(second).parts, strict=False):
        if one != other and _keeps_apart(folder, one, other):
            return True
        folder /= one
    return False


def _keeps_apart(folder: Path, one: str, other: str) -> bool:
    """Whether two names are two in a folder, or in the nearest above it that exists."""
    nearest = next(place for place in (folder, *folder.parents) if place.is_dir())
    with suppress(OSError), tempfile.TemporaryDirectory(prefix=".highbeam-", dir=nearest) as empty:
        Path(empty, one).touch()
        return not Path(empty, other).exists()
    return False


_Taken: TypeAlias = Mapping[str, Sequence[tuple[str, Item]]]
"""Places of results and what goes there, by the folded place: those under one key may be one."""


def _refuse_meetings(items: Sequence[Item]) -> None:
    """Refuse two results in one place, or one in a place where another needs a folder."""
    taken: dict[str, list[tuple[str, Item]]] = {}
    for item in items:
        place = os.path.realpath(item.output)
        near = taken.setdefault(_folded(place), [])
        met = _first_met(near, place)
        if met is not None:
            raise OutputError(f"{met.source} and {item.source} would both become {item.output}{_WAYS_OUT}")
        near.append((place, item))
    _refuse_folders(taken)


def _refuse_folders(taken: _Taken) -> None:
    needed: dict[str, Item] = {}
    for near in taken.values():
        for place, item in near:
            needed.setdefault(os.path.dirname(place), item)  # noqa: PTH120 - realpath gives text
    for folder, item in needed.items():
        for above in (folder, *map(str, PurePath(folder).parents)):
            met = _first_met(taken.get(_folded(above), ()), above)
            if met is not None:
                raise OutputError(
                    f"{met.source} would become {met.output}, which {item.source} needs as a folder{_WAYS_OUT}"
                )


_WAYS_OUT = "; rename one, or enhance them into two folders"


def _folded(place: str) -> str:
    """A place as a file system that ignores case and composition of letters sees it."""
    return unicodedata.normalize("NFC", place).casefold()


def _first_met(near: Sequence[tuple[str, Item]], place: str) -> Item | None:
    return next((item for other, item in near if other == place or not told_apart(other, place)), None)


def _refuse_inputs(items: Sequence[Item], inputs: Iterable[Path]) -> None:
    protected = {_inode(path): path for path in inputs}
    protected.pop(None, None)
    for item in items:
        met = protected.get(_inode(item.output))
        if met is not None:
            raise OutputError(
                f"{item.output}: would replace the input {met}; an input is never overwritten, choose another output"
            )


def _inode(path: Path) -> tuple[int, int] | None:
    """Tell files apart whatever their names, so that links of both kinds are seen through."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse_blocked(items: Sequence[Item]) -> None:
    """Refuse a file in the place of a folder, and a result below what is not a folder."""
    for item in items:
        if item.output.is_dir() and not item.source.is_dir():
            raise OutputError(f"{item.output}: the result of {item.source} would go here, but this is a folder")
    for folder in {item.output.parent for item in items}:
        nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not nearest.is_dir():
            raise OutputError(f"{nearest}: not a folder; choose another output")


def _first_few(items: Sequence[Item]) -> str:
    named = ", ".join(str(item.output) for item in items[:_NAMED])
    return f"{named}, ..." if len(items) > _NAMED else named
