"""Many pictures, planned by :mod:`highbeam.planning`, enhanced on several threads.

:func:`run` yields one :class:`Record` per picture as it is finished; one bad picture does not stop the rest.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from highbeam.errors import PictureError, PictureWriteError
from highbeam.methods.base import Pixels
from highbeam.pictures import Limits, Picture, decode, encode, format_of_suffix, read, write_bytes
from highbeam.planning import Item, Plan

__all__ = [
    "Job",
    "Record",
    "Status",
    "enhance_item",
    "enhance_picture",
    "make_folder",
    "planned",
    "run",
    "writing",
]

Status: TypeAlias = Literal["planned", "done", "skipped", "failed"]


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


def run(
    plan: Plan, job: Job, *, workers: int = 1, stop: threading.Event | None = None
) -> Generator[Record, None, None]:
    """Enhance the pictures of a plan.

    Args:
        plan: from :func:`highbeam.planning.make_plan`.
        job: what to do with each.
        workers: threads; a picture is one thread's.
        stop: once it is set, by whichever thread, no picture is begun and those in work are given up at their next
            step; what is finished stays, whole.

    Yields:
        One record per picture as it is finished, first those of the skipped ones; none of pictures given up.
    """
    yield from (_record(item, job, "skipped") for item in plan.skipped)
    ended = threading.Event()

    def stopped() -> bool:
        return ended.is_set() or (stop is not None and stop.is_set())

    waiting = iter(plan.items)
    with ThreadPoolExecutor(workers, thread_name_prefix="highbeam") as pool:
        try:
            batch = itertools.islice(waiting, 2 * workers)  # few at a time: a plan may hold millions
            pending = {pool.submit(enhance_item, item, job, stopped=stopped) for item in batch}
            while pending:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                batch = itertools.islice(waiting, 0 if stopped() else len(finished))
                pending |= {pool.submit(enhance_item, item, job, stopped=stopped) for item in batch}
                yield from filter(None, (future.result() for future in finished))
        finally:
            ended.set()  # where the consumer has had enough, what is in work is given up as well


def planned(plan: Plan, job: Job) -> Iterator[Record]:
    """Yield the records of a plan that is only looked at."""
    yield from (_record(item, job, "skipped") for item in plan.skipped)
    yield from (_record(item, job, "planned") for item in plan.items)


def _never() -> bool:
    return False


def enhance_item(
    item: Item, job: Job, *, data: Callable[[], bytes] | None = None, stopped: Callable[[], bool] = _never
) -> Record | None:
    """Enhance one picture into its place.

    Args:
        item: the source and the place of the result, whose folder is made if need be.
        job: what to do.
        data: gives the encoded picture, where it is not in a file.
        stopped: asked between the steps; the work is given up once it says so.

    Returns:
        What became of it, failures included; ``None`` if it was given up.
    """
    start = time.perf_counter()
    record = _record(item, job, "done")
    try:
        size = _work(item, job, data, stopped)
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


def _work(item: Item, job: Job, data: Callable[[], bytes] | None, stopped: Callable[[], bool]) -> tuple[int, int]:
    """Read, enhance, encode and write, asking between the steps whether to stop; returns width and height."""
    name = str(item.source)
    _go_on(stopped)
    picture = read(item.source, limits=job.limits) if data is None else decode(data(), name=name, limits=job.limits)
    _go_on(stopped)
    bright = picture.with_pixels(job.enhancer(picture.pixels))
    _go_on(stopped)
    encoded = encode(bright, format=job.to_format or format_of_suffix(item.output), quality=job.quality)
    with _marked_as_writing():  # before the question: whoever stops the work and then finds no mark may end the process
        _go_on(stopped)
        make_folder(item.output)
        write_bytes(encoded, item.output, overwrite=job.overwrite)
    height, width = bright.pixels.shape[:2]
    return width, height


_WRITERS: set[int] = set()
"""The threads of this process that are putting a result in its place; adding and discarding are atomic."""


def writing() -> bool:
    """Whether a result is being put in its place, by any run in this process.

    Once a run was stopped, and this says no, ending the process leaves no temporary file of that run behind.
    """
    return bool(_WRITERS)


@contextmanager
def _marked_as_writing() -> Iterator[None]:
    thread = threading.get_ident()
    _WRITERS.add(thread)
    try:
        yield
    finally:
        _WRITERS.discard(thread)


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


def _go_on(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise _GivenUpError


def _record(item: Item, job: Job, status: Status) -> Record:
    return Record(str(item.source), str(item.output), status, job.method)


def _reason(error: Exception) -> str:
    if isinstance(error, PictureError):
        return error.reason
    return str(error) or "no reason given"
