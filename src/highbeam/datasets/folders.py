"""Folders of day pictures and clips, and folders of pairs."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath

from highbeam.datasets.clips import frame_times, is_clip
from highbeam.datasets.entries import Bad, Entry, Light, Missing, Place, Split, Survey, merged
from highbeam.errors import PictureError, UsageError
from highbeam.pictures import format_of_suffix

__all__ = ["PAIR_FOLDERS", "files_in", "is_picture", "pair_up", "scan_folder", "scan_pairs", "scan_words"]

PAIR_FOLDERS = (("low", "high"), ("low", "normal"), ("input", "target"), ("dark", "day"), ("dark", "reference"))
"""What the folders of dark and bright halves may be called."""


def is_picture(path: PurePath) -> bool:
    """Whether a name ends like that of a picture."""
    return format_of_suffix(path) is not None


def files_in(folder: Path, wanted: Callable[[Path], bool] = is_picture) -> list[Path]:
    """List the wanted files below a folder in order; hidden ones are left out, links to folders not followed."""
    found: list[Path] = []
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(top) / name for name in sorted(names) if not name.startswith("."))
        found.extend(path for path in paths if wanted(path))
    return sorted(found)


def scan_folder(root: Path) -> Survey:
    """Survey a folder of day pictures and clips, to its full depth, or one clip or picture.

    Every folder that holds pictures is one source, and so is every clip.
    """
    found = scan_words([str(root)])
    if found.entries or found.bad:
        return found
    return Survey((), (Missing(f"{root}: no picture or clip below it"),))


def scan_words(words: Sequence[str], *, light: Light = "day") -> Survey:
    """Survey files, folders and globs of pictures and clips.

    Names begin with the folder that was named or, of a file, with the folder it lies in; two folders of one name are
    told apart by a number.

    Raises:
        UsageError: a word names nothing.
    """
    labels: dict[str, Path] = {}
    surveys: list[Survey] = []
    for word in words:
        for path in _expanded(word):
            base = path if path.is_dir() else path.parent
            label = _label(base, labels)
            files = files_in(path, lambda file: is_picture(file) or is_clip(file)) if path.is_dir() else [path]
            surveys.extend(_scan_file(file, PurePath(label, file.relative_to(base)), light) for file in files)
    return merged(surveys)


def scan_pairs(root: Path) -> Survey:
    """Survey two folders of pairs, matched by their paths without suffixes."""
    for low, high in PAIR_FOLDERS:
        if (root / low).is_dir() and (root / high).is_dir():
            return pair_up(root / low, root / high, source="pairs")
    names = " or ".join(f"{low}/ and {high}/" for low, high in PAIR_FOLDERS)
    return Survey((), (Missing(f"{root}: no folders of pairs; expected {names}"),))


def pair_up(
    low: Path,
    high: Path,
    *,
    source: str,
    split: Split | None = None,
    key: Callable[[PurePath], str] = lambda inner: inner.with_suffix("").as_posix(),
    source_of: Callable[[str], str | None] = lambda _name: None,
) -> Survey:
    """Match the pictures of two folders.

    Args:
        low: folder of the dark halves.
        high: folder of the bright halves.
        source: of every pair, and first part of its name.
        split: of every pair.
        key: from a path inside its folder to what both halves have in common.
        source_of: from a pair's key to its source, where that is known better.

    Returns:
        The pairs, the pictures without other half, and those whose place another picture has taken.
    """
    bad: list[Bad] = []
    lows, highs = _keyed(low, key, bad), _keyed(high, key, bad)
    entries = (
        Entry(f"{source}/{name}", source_of(name) or source, Place(highs[name]), Place(lows[name]), split=split)
        for name in sorted(lows.keys() & highs.keys())
    )
    alone = [*(lows[name] for name in lows.keys() - highs), *(highs[name] for name in highs.keys() - lows)]
    return Survey(tuple(entries), halves=tuple(sorted(map(str, alone))), bad=tuple(bad))


def _keyed(folder: Path, key: Callable[[PurePath], str], bad: list[Bad]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in files_in(folder):
        other = found.setdefault(key(path.relative_to(folder)), path)
        if other is not path:
            bad.append(Bad(str(path), f"would be the same half as {other}; remove one of the two"))
    return found


def _expanded(word: str) -> Iterator[Path]:
    path = Path(os.path.abspath(word))  # noqa: PTH100 - links stay as they are named, ".." and "." go
    if word and path.exists():
        yield path
        return
    found = sorted(glob.glob(word, recursive=True)) if glob.has_magic(word) else []  # noqa: PTH207 - may be absolute
    if not found:
        raise UsageError(f"{word or repr(word)}: no such file or folder")
    for name in found:
        yield from _expanded(name)


def _label(base: Path, labels: dict[str, Path]) -> str:
    """Return the name of a folder, numbered where another folder of that name came before."""
    name, number = base.name or "root", 1
    label = name
    while labels.setdefault(label, base) != base:
        number += 1
        label = f"{name}~{number}"
    return label


def _scan_file(path: Path, name: PurePath, light: Light) -> Survey:
    if not is_clip(path):
        return Survey((Entry(name.as_posix(), name.parent.as_posix(), Place(path), light=light),))
    try:
        times = frame_times(path)
    except PictureError as error:
        return Survey((), bad=(Bad(name.as_posix(), error.reason),))
    source = name.as_posix()
    return Survey(
        tuple(
            Entry(f"{source}#{number:06d}", source, Place(path, pts), light=light, seconds=seconds)
            for number, (pts, seconds) in enumerate(times)
        )
    )
