"""Clips on the command line: which are meant, where each goes, and how far they are.

``highbeam enhance`` takes clips beside pictures; what is particular to clips is here.
"""

from __future__ import annotations

import glob
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from highbeam.batch import Record, make_folder
from highbeam.cli import terminal
from highbeam.errors import OutputError, UsageError
from highbeam.planning import Existing, Item, Plan, check_items
from highbeam.sources import Source, has_picture_suffix, inner_path, looking
from highbeam.video.containers import CONTAINERS, container_of, has_clip_suffix, result_suffix

if TYPE_CHECKING:
    from highbeam.methods.registry import Enhancer
    from highbeam.video.clips import ClipJob, ClipResult, Step
    from highbeam.video.encoding import Encoding
    from highbeam.video.steady import SteadyOptions

__all__ = [
    "ClipRecord",
    "Words",
    "divide",
    "job_of",
    "names_clip",
    "plan_clips",
    "planned_clips",
    "run_clips",
    "warn",
]


@dataclass(frozen=True)
class ClipRecord(Record):
    """What became of one clip; a failed one with ``frames`` is there up to what could be read.

    Attributes:
        frames: of the result.
        resumed: of these, made by an earlier run.
        fps: frames that this run enhanced in a second.
        notes: what is worth telling, such as streams that were left out.
    """

    frames: int | None = None
    resumed: int | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


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
            here = [source for source in found if has_clip_suffix(source.path)]
            for source in here:
                clips.setdefault(os.path.realpath(source.path), source)
            if not here or any(has_picture_suffix(source.path) for source in found):
                pictures.append(word)
    return Words(tuple(pictures), tuple(clips.values()))


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
    if names_clip(out):
        if len(clips) != 1:
            raise OutputError(f"{out}: names one clip, but the sources are many; give a folder (or end it with /)")
        if suffix is not None and PurePath(out).suffix.lower() != suffix:
            raise OutputError(f"{out}: the suffix does not fit the container {container}; leave one of the two out")
        return check_items([Item(clips[0].path, Path(out))], existing)
    items = [Item(clip.path, Path(out) / clip.inner.with_suffix(suffix or result_suffix(clip.inner))) for clip in clips]
    return check_items(items, existing)


def job_of(
    enhancer: Enhancer, encoding: Encoding, *, steady: SteadyOptions | None, overwrite: bool, resume: bool
) -> ClipJob:
    """Say what to do with clips.

    Args:
        enhancer: a method with its options.
        encoding: of the results.
        steady: how the method is held steady over the frames; without, each frame is enhanced by itself.
        overwrite: replace existing results.
        resume: go on from what an earlier run left.
    """
    from highbeam.video.clips import ClipJob

    if steady is None:
        return ClipJob(lambda: enhancer, _identity(enhancer, None), encoding, 0, overwrite, resume)
    from highbeam.video.steady import Steady

    identity = _identity(enhancer, steady)
    return ClipJob(lambda: Steady(enhancer, steady), identity, encoding, overwrite=overwrite, resume=resume)


def _identity(enhancer: Enhancer, steady: SteadyOptions | None) -> str:
    """Return whatever decides what a method makes, in words; of a network of one's own, also what is in its file."""
    import hashlib

    import highbeam

    words: list[str] = [str(highbeam.__version__), enhancer.spec.name, repr(enhancer.options)]
    words.append(f"strength {enhancer.strength}, protect highlights {enhancer.protect_highlights}, steady {steady}")
    if enhancer.spec.name.endswith(".onnx"):
        words.append(hashlib.sha256(Path(enhancer.spec.name).read_bytes()).hexdigest())
    return ", ".join(words)


def planned_clips(plan: Plan, method: str) -> Iterator[Record]:
    """Yield the records of a plan that is only looked at."""
    yield from (ClipRecord(str(item.source), str(item.output), "skipped", method) for item in plan.skipped)
    yield from (ClipRecord(str(item.source), str(item.output), "planned", method) for item in plan.items)


def run_clips(
    plan: Plan, job: ClipJob, *, method: str, stop: threading.Event | None = None, hidden: bool = False
) -> Generator[Record, None, None]:
    """Enhance the clips of a plan, one after the other: each uses all the CPUs.

    Args:
        plan: from :func:`plan_clips`.
        job: what to do with each.
        method: its name, for the records.
        stop: once it is set, the clip in work is given up after the frame in work; ``--resume`` goes on from there.
        hidden: show no progress.

    Yields:
        One record per clip as it is finished, first those of the skipped ones; none of clips given up.
    """
    yield from (ClipRecord(str(item.source), str(item.output), "skipped", method) for item in plan.skipped)
    for number, item in enumerate(plan.items, 1):
        if stop is not None and stop.is_set():
            return
        title = f"{item.source.name} ({number} of {len(plan.items)})" if len(plan.items) > 1 else item.source.name
        with _progress(title, hidden=hidden) as step:
            record = _enhanced(item, job, method, stop, step)
        if record is not None:
            yield record


def warn(record: Record) -> None:
    """Write what is worth telling of a clip to standard error."""
    for note in record.notes if isinstance(record, ClipRecord) else ():
        terminal.note(f"{record.source}: {note}")


def _enhanced(
    item: Item, job: ClipJob, method: str, stop: threading.Event | None, step: Callable[[Step], None]
) -> ClipRecord | None:
    """Enhance one clip; whatever is wrong with it must not stop the rest."""
    from highbeam.errors import ClipError
    from highbeam.video.clips import enhance_clip

    start = time.perf_counter()
    record = ClipRecord(str(item.source), str(item.output), "failed", method)
    try:
        make_folder(item.output)
        result = enhance_clip(item.source, item.output, job, progress=step, stop=stop)
    except Exception as error:  # noqa: BLE001 - see above
        reason = error.reason if isinstance(error, ClipError) else str(error) or "no reason given"
        record = replace(record, error=reason, error_type=type(error).__name__)
    else:
        if result is None:
            return None
        record = _told(record, result, time.perf_counter() - start)
    return replace(record, seconds=round(time.perf_counter() - start, 4))


def _told(record: ClipRecord, result: ClipResult, seconds: float) -> ClipRecord:
    record = replace(
        record,
        status="done",
        width=result.width,
        height=result.height,
        frames=result.frames,
        resumed=result.resumed,
        fps=round((result.frames - result.resumed) / seconds, 2),
        notes=result.notes,
    )
    if result.damage is None:
        return record
    return replace(
        record, status="failed", error=f"{result.damage}; the rest is in the result", error_type="DamagedClipError"
    )


@contextmanager
def _progress(title: str, *, hidden: bool) -> Iterator[Callable[[Step], None]]:
    """Show a bar with frames a second and time left on standard error; nothing where that is no terminal."""
    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    name, rate = TextColumn("{task.description}", markup=False), TextColumn("{task.fields[rate]}")
    columns = (name, BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(elapsed_when_finished=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(terminal.printable(title), total=None, rate="")
        start = time.monotonic()

        def show(step: Step) -> None:
            speed = (step.done - step.resumed) / max(time.monotonic() - start, 1e-6)
            bar.update(task, total=step.total, completed=step.done, rate=f"{speed:.1f} frames/s")

        yield show


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
