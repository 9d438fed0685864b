"""Many pictures: where each result goes, checked before any work, and the work itself, on several threads.

:func:`make_plan` touches nothing and refuses whatever could lose a picture: two results in one place, a result in the
place of an input, an existing file that nobody said may be replaced. :func:`run` then yields one :class:`Record` per
picture as it is finished; one bad picture does not stop the rest.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import unicodedata
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from highbeam.errors import OutputError, PictureError, PictureWriteError
from highbeam.methods.base import Pixels
from highbeam.pictures import (
    FORMATS,
    Limits,
    Picture,
    decode,
    encode,
    format_of_suffix,
    read,
    write_bytes,
)
from highbeam.sources import Source, find_sources, has_picture_suffix, looking

__all__ = [
    "Existing",
    "Item",
    "Job",
    "Plan",
    "Record",
    "Status",
    "check_items",
    "check_suffix",
    "enhance_item",
    "enhance_picture",
    "make_folder",
    "make_plan",
    "names_file",
    "planned",
    "run",
]

Existing: TypeAlias = Literal["refuse", "skip", "overwrite"]
"""What to do where a result exists already."""

Status: TypeAlias = Literal["planned", "done", "skipped", "failed"]

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


@dataclass(frozen=True)
class Job:
    """What to do with every picture.

    Attributes:
        enhancer: ``(H, W, 3)`` RGB ``uint8`` or ``uint16`` to the same; called from several threads.
        method: its name, for the records.
        to_format: of the results; by the output's suffix, or else the input's own, where there is none.
        quality: of lossy formats, 1 to 100.
        limits: on the pictures that are read.
        overwrite: replace existing results.
    """

    enhancer: Callable[[Pixels], Pixels]
    method: str
    to_format: str | None = None
    quality: int | None = None
    limits: Limits = field(default_factory=Limits)
    overwrite: bool = False


@dataclass(frozen=True)
class Record:
    """What became of one picture.

    Attributes:
        source: the input as it was named or found.
        output: the place of the result.
        status: ``done``, ``skipped`` (the result existed), ``failed``, or ``planned`` (nothing was to be done).
        method: the method's name.
        seconds: spent on this picture, reading and writing included; of done and failed ones.
        width: of the picture, pixels; of done ones.
        height: of the picture, pixels; of done ones.
        error: what was wrong, without the name of the file; of failed ones.
        error_type: the exception's class.
    """

    source: str
    output: str
    status: Status
    method: str
    seconds: float | None = None
    width: int | None = None
    height: int | None = None
    error: str | None = None
    error_type: str | None = None


def make_plan(
    words: Sequence[str], out: str | os.PathLike[str], *, to_format: str | None = None, existing: Existing = "refuse"
) -> Plan:
    """Find the pictures and decide where each result goes; nothing is written.

    Args:
        words: files, folders and globs, as :func:`highbeam.sources.find_sources` takes them.
        out: a folder, below which the sources' own folders are kept; or, for one file, a file, if it has a picture
            suffix and is not an existing folder.
        to_format: a name of :data:`highbeam.pictures.FORMATS` that gives the results their suffix; the sources keep
            theirs where there is none.
        existing: what to do where a result exists.

    Raises:
        UsageError: a word names nothing.
        OutputError: two results would meet (also where the file system ignores case, or through links), a result
            would replace an input, or one exists.
    """
    sources, target = find_sources(words, Path(out)), Path(out)
    if names_file(out):
        if len(words) > 1 or not Path(words[0]).is_file():
            raise OutputError(f"{out}: names one file, but the sources may be many; give a folder (or end it with /)")
        check_suffix(target, to_format)
        items = [Item(sources[0].path, target)]
    else:
        items = [Item(source.path, target / _result_name(source, to_format)) for source in sources]
    return check_items(items, existing)


def check_items(items: Sequence[Item], existing: Existing = "refuse") -> Plan:
    """Refuse what could lose a picture, and set aside what exists; see :func:`make_plan`.

    Raises:
        OutputError: two results would meet, one would replace an input, or one exists.
    """
    with looking():
        _refuse_meetings(items)
        _refuse_inputs(items)
        _refuse_blocked(items)
    there = [item for item in items if os.path.lexists(item.output)]
    if existing == "refuse" and there:
        raise OutputError(
            f"{len(there)} of {len(items)} results exist: {_first_few(there)};"
            " pass --overwrite to replace them or --skip-existing to leave them alone"
        )
    if existing == "overwrite":
        return Plan(tuple(items))
    return Plan(tuple(item for item in items if item not in set(there)), tuple(there))


def names_file(out: str | os.PathLike[str]) -> bool:
    """Whether an output is a file: it has a picture suffix, is no existing folder and does not end with a slash."""
    text = os.fspath(out)
    with looking():
        return has_picture_suffix(text) and not text.endswith(os.sep) and not Path(text).is_dir()


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


def _refuse_meetings(items: Sequence[Item]) -> None:
    """Refuse two results in one place, or one in a place where another needs a folder."""
    placed: dict[str, Item] = {}
    for item in items:
        other = placed.setdefault(_place(item.output), item)
        if other is not item:
            raise OutputError(f"{other.source} and {item.source} would both become {item.output}{_WAYS_OUT}")
    for place, item in placed.items():
        for folder in PurePath(place).parents:
            if str(folder) in placed:
                other = placed[str(folder)]
                raise OutputError(
                    f"{other.source} would become {other.output}, which {item.source} needs as a folder{_WAYS_OUT}"
                )


_WAYS_OUT = "; rename one, or enhance them into two folders"


def _place(output: Path) -> str:
    """The place of a result, links followed, as a file system that ignores case and composition of letters sees it."""
    return unicodedata.normalize("NFC", os.path.realpath(output)).casefold()


def _refuse_inputs(items: Sequence[Item]) -> None:
    inputs = {_inode(item.source): item for item in items}
    inputs.pop(None, None)
    for item in items:
        met = inputs.get(_inode(item.output))
        if met is not None:
            raise OutputError(
                f"{item.output}: the result of {item.source} would replace the input {met.source};"
                " an input is never overwritten, choose another output"
            )


def _inode(path: Path) -> tuple[int, int] | None:
    """Tell files apart whatever their names, so that links of both kinds are seen through."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _refuse_blocked(items: Sequence[Item]) -> None:
    """Refuse a result in the place of a folder, and one below what is not a folder."""
    for item in items:
        if item.output.is_dir():
            raise OutputError(f"{item.output}: the result of {item.source} would go here, but this is a folder")
    for folder in {item.output.parent for item in items}:
        nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not nearest.is_dir():
            raise OutputError(f"{nearest}: not a folder; choose another output")


def _first_few(items: Sequence[Item]) -> str:
    named = ", ".join(str(item.output) for item in items[:_NAMED])
    return f"{named}, ..." if len(items) > _NAMED else named


def run(
    plan: Plan, job: Job, *, workers: int = 1, stop: threading.Event | None = None
) -> Generator[Record, None, None]:
    """Enhance the pictures of a plan.

    Args:
        plan: from :func:`make_plan`.
        job: what to do with each.
        workers: threads; a picture is one thread's.
        stop: once it is set, by whichever thread, no picture is begun and those in work are given up at their next
            step; what is finished stays, whole.

    Yields:
        One record per picture as it is finished, first those of the skipped ones; none of pictures given up.
    """
    yield from (_record(item, job, "skipped") for item in plan.skipped)
    stop = stop or threading.Event()
    waiting = iter(plan.items)
    with ThreadPoolExecutor(workers, thread_name_prefix="highbeam") as pool:
        try:
            batch = itertools.islice(waiting, 2 * workers)  # few at a time: a plan may hold millions
            pending = {pool.submit(enhance_item, item, job, stop=stop) for item in batch}
            while pending:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                batch = itertools.islice(waiting, 0 if stop.is_set() else len(finished))
                pending |= {pool.submit(enhance_item, item, job, stop=stop) for item in batch}
                yield from filter(None, (future.result() for future in finished))
        finally:
            stop.set()  # also where the consumer has had enough


def planned(plan: Plan, job: Job) -> Iterator[Record]:
    """Yield the records of a plan that is only looked at."""
    yield from (_record(item, job, "skipped") for item in plan.skipped)
    yield from (_record(item, job, "planned") for item in plan.items)


def enhance_item(
    item: Item, job: Job, *, data: bytes | None = None, stop: threading.Event | None = None
) -> Record | None:
    """Enhance one picture into its place.

    Args:
        item: the source and the place of the result, whose folder is made if need be.
        job: what to do.
        data: the encoded picture, where it is not in a file.
        stop: give up at the next step once it is set.

    Returns:
        What became of it, failures included; ``None`` if it was given up.
    """
    start = time.perf_counter()
    record = _record(item, job, "done")
    try:
        size = _work(item, job, data, stop or threading.Event())
    except _GivenUpError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one picture must not stop the rest
        record = replace(record, status="failed", error=_reason(error), error_type=type(error).__name__)
    else:
        record = replace(record, width=size[0], height=size[1])
    return replace(record, seconds=round(time.perf_counter() - start, 4))


def enhance_picture(picture: Picture, job: Job) -> bytes:
    """Return a picture enhanced and encoded, in the job's format or its own."""
    bright = picture.with_pixels(job.enhancer(picture.pixels))
    return encode(bright, format=job.to_format, quality=job.quality)


class _GivenUpError(Exception):
    """The work was stopped from outside."""


def _work(item: Item, job: Job, data: bytes | None, stop: threading.Event) -> tuple[int, int]:
    """Read, enhance, encode and write, looking between the steps whether to stop; returns width and height."""
    name = str(item.source)
    _go_on(stop)
    picture = read(item.source, limits=job.limits) if data is None else decode(data, name=name, limits=job.limits)
    _go_on(stop)
    bright = picture.with_pixels(job.enhancer(picture.pixels))
    _go_on(stop)
    encoded = encode(bright, format=job.to_format or format_of_suffix(item.output), quality=job.quality)
    _go_on(stop)
    make_folder(item.output)
    write_bytes(encoded, item.output, overwrite=job.overwrite)
    height, width = bright.pixels.shape[:2]
    return width, height


def make_folder(output: Path) -> None:
    """Make the folder of a result, if need be.

    Raises:
        PictureWriteError: it cannot be made; names the result.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"its folder cannot be made ({error.strerror}); check the path and the permissions"
        raise PictureWriteError(str(output), reason) from error


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise _GivenUpError


def _record(item: Item, job: Job, status: Status) -> Record:
    return Record(str(item.source), str(item.output), status, job.method)


def _reason(error: Exception) -> str:
    if isinstance(error, PictureError):
        return error.reason
    return str(error) or "no reason given"
