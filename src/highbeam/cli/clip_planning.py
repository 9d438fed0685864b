"""Which words of a command line stand for clips, and where each clip's result goes."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from highbeam.errors import OutputError, UsageError
from highbeam.planning import Existing, Item, Plan, check_items
from highbeam.sources import Source, has_picture_suffix, inner_path, looking
from highbeam.video.containers import CONTAINERS, container_of, has_clip_suffix, result_suffix

__all__ = ["Words", "divide", "names_clip", "plan_clips"]


@dataclass(frozen=True)
class Words:
    """The words of a command line, by what they stand for.

    Attributes:
        pictures: words that stand for pictures, or for what is neither, which those who read pictures complain of.
        clips: the clips.
    """

    pictures: tuple[str, ...]
    clips: tuple[Source, ...]


def divide(words: Sequence[str], out: str | None = None) -> Words:
    """Tell words for clips from words for pictures; folders and globs may stand for both.

    In folders and globs, suffixes decide; a file that is named itself is a clip by what is in it, too.

    Args:
        words: files, folders and globs, as a user gives them.
        out: the folder of the results; what lies in it is no source.

    Raises:
        UsageError: a folder or file cannot be looked at.
    """
    kept_out = None if out is None else Path(os.path.realpath(out))
    pictures: list[str] = []
    clips: dict[str, Source] = {}
    with looking():
        for word in words:
            found = list(_of_word(word, kept_out))
            here = found if _is_named_clip(word) else [source for source in found if has_clip_suffix(source.path)]
            for source in here:
                _note(clips, source)
            if not here or any(has_picture_suffix(source.path) for source in found):
                pictures.append(word)
    return Words(tuple(pictures), tuple(clips.values()))


def _is_named_clip(word: str) -> bool:
    """Whether a word is a file that is a clip."""
    from highbeam.video.probing import holds_clip

    return bool(word) and Path(word).is_file() and holds_clip(Path(word))


def _note(clips: dict[str, Source], source: Source) -> None:
    """Keep each clip once, in the place of its first mention, with the longer path below the results."""
    before = clips.setdefault(os.path.realpath(source.path), source)
    if len(source.inner.parts) > len(before.inner.parts):
        clips[os.path.realpath(source.path)] = source


def names_clip(out: str) -> bool:
    """Whether an output is a clip's file: it has the suffix of a container, is no folder and does not end in one."""
    return container_of(out) is not None and not out.endswith(os.sep) and not Path(out).is_dir()


def plan_clips(
    clips: Sequence[Source], out: str, *, existing: Existing = "refuse", container: str | None = None
) -> Plan:
    """Decide where each clip's result goes; nothing is written.

    Args:
        clips: from :func:`divide`.
        out: a folder, or for one clip a file.
        existing: what to do where a result exists.
        container: suffix of the results, such as ``mp4``; the clips' own where there is none.

    Raises:
        OutputError: two results would meet, a result would replace an input, or one exists.
        UsageError: there is no such container.
    """
    suffix = None if container is None else f".{container.lower().removeprefix('.')}"
    if suffix is not None and suffix not in CONTAINERS:
        known = ", ".join(name.removeprefix(".") for name in CONTAINERS)
        raise UsageError(f"no container {container!r} (containers: {known})")
    if names_clip(out) and clips:
        if len(clips) != 1:
            raise OutputError(f"{out}: names one clip, but the sources are many; give a folder (or end it with /)")
        if suffix is not None and PurePath(out).suffix.lower() != suffix:
            raise OutputError(f"{out}: the suffix does not fit the container {container}; leave one of the two out")
        return check_items([Item(clips[0].path, Path(out))], existing)
    _refuse_unknown_suffix(clips, out)
    items = [Item(clip.path, Path(out) / clip.inner.with_suffix(suffix or result_suffix(clip.inner))) for clip in clips]
    return check_items(items, existing)


def _refuse_unknown_suffix(clips: Sequence[Source], out: str) -> None:
    """Refuse ``bright.avi`` for one clip: it would become a folder of that name, which nobody means."""
    alone = len(clips) == 1 and len(clips[0].inner.parts) == 1
    if alone and PurePath(out).suffix and not Path(out).is_dir() and not out.endswith(os.sep):
        known = ", ".join(CONTAINERS)
        raise OutputError(
            f"{out}: its suffix names no container of clips; accepted are {known} (for a folder, end it with /)"
        )


def _of_word(word: str, out: Path | None) -> Iterator[Source]:
    """Yield every file that a word stands for, sorted; hidden ones and, in folders, results are left out."""
    path = Path(word)
    if word and path.is_file():
        yield Source(path, PurePath(path.name))
    elif word and path.is_dir():
        yield from _in_folder(path, out)
    elif word and not path.exists() and glob.has_magic(word):
        base = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
        inside = out is not None and Path(os.path.realpath(base)) in out.parents
        for found in sorted(map(Path, glob.glob(word, recursive=True))):  # noqa: PTH207 - Path.glob takes no absolute one
            if found.is_file() and not (inside and out in Path(os.path.realpath(found)).parents):
                yield Source(found, inner_path(found, base))


def _in_folder(folder: Path, out: Path | None) -> Iterator[Source]:
    for top, folders, names in os.walk(folder):
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if Path(os.path.realpath(Path(top, name))) != out]
        for name in sorted(names):
            path = Path(top, name)
            if not name.startswith(".") and path.is_file():
                yield Source(path, inner_path(path, folder))
