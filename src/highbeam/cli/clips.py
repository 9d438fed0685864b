"""Clips on the command line: what is done with them, how far they are, and what became of them.

``highbeam enhance`` takes clips beside pictures; what is particular to clips is here.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from highbeam.batch import Record, make_folder
from highbeam.cli import terminal
from highbeam.cli.clip_planning import divide, plan_clips
from highbeam.errors import ClipError, PictureError
from highbeam.planning import Existing, Item, Plan, check_items

if TYPE_CHECKING:
    from highbeam.batch import Job
    from highbeam.cli.clip_options import ClipOptions
    from highbeam.cli.report import Report
    from highbeam.methods.registry import Enhancer
    from highbeam.video.clips import ClipJob, ClipResult, Step
    from highbeam.video.encoding import Encoding
    from highbeam.video.steady import SteadyOptions

__all__ = [
    "ClipRecord",
    "ClipWork",
    "gather",
    "job_of",
    "method_identity",
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
class ClipWork:
    """The clips of a command line: where each goes, and how.

    Attributes:
        plan: places of the results.
        job: what to do with each.
        method: its name, for the records.
    """

    plan: Plan
    job: ClipJob
    method: str

    def __len__(self) -> int:
        """How many are to be enhanced."""
        return len(self.plan.items)

    def refuse_meetings(self, pictures: Plan) -> None:
        """Refuse results of clips and of pictures in each other's place.

        Raises:
            OutputError: there are such.
        """
        items = [(*plan.items, *plan.skipped) for plan in (pictures, self.plan)]
        if all(items):
            check_items(list(itertools.chain(*items)), "overwrite")

    def planned(self) -> Iterator[Record]:
        """Yield what would be done."""
        return planned_clips(self.plan, self.method)

    def run(self, report: Report, stop: threading.Event) -> None:
        """Enhance them all, and tell of each."""
        with closing(run_clips(self.plan, self.job, method=self.method, stop=stop, hidden=report.quiet)) as records:
            for record in records:
                report.add(record)
                if not report.quiet:
                    warn(record)


def gather(
    words: Sequence[str], out: str, job: Job, options: ClipOptions, existing: Existing
) -> tuple[list[str], ClipWork]:
    """Take the clips out of a command line.

    Args:
        words: files, folders and globs, as a user gives them.
        out: a folder, or for one clip a file.
        job: what is to be done with pictures: clips share the method, and whether results are replaced.
        options: of the clips.
        existing: what to do where a result exists.

    Returns:
        The words that stand for pictures (or nothing), and the work on the clips.

    Raises:
        UsageError: an option is wrong, or a folder or file cannot be looked at.
        OutputError: two results would meet, a result would replace an input, or one exists.
    """
    from highbeam.video.encoding import Encoding
    from highbeam.video.steady import SteadyOptions

    encoding = Encoding(
        options.codec,
        options.crf,
        options.pixel_format,
        options.encoder_preset,
        drop_streams=options.drop_streams,
    )
    steady = SteadyOptions(denoise=options.denoise) if options.steady else None
    enhancer = cast("Enhancer", job.enhancer)
    clip_job = job_of(enhancer, encoding, steady=steady, overwrite=job.overwrite, resume=options.resume)
    found = divide(words, out)
    plan = plan_clips(found.clips, out, existing=existing, container=options.container)
    return list(found.pictures), ClipWork(plan, clip_job, job.method)


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
        return ClipJob(lambda: enhancer, method_identity(enhancer, None), encoding, 0, overwrite, resume)
    from highbeam.video.steady import Steady

    identity = method_identity(enhancer, steady)
    return ClipJob(lambda: Steady(enhancer, steady), identity, encoding, overwrite=overwrite, resume=resume)


def method_identity(enhancer: Enhancer, steady: SteadyOptions | None) -> str:
    """Return whatever decides what a method makes, in words; of a network also what is in its files."""
    import highbeam

    words: list[str] = [str(highbeam.__version__), enhancer.spec.name, repr(enhancer.options)]
    words.append(f"strength {enhancer.strength}, protect highlights {enhancer.protect_highlights}, steady {steady}")
    return ", ".join(words + _files_of(enhancer.spec.name))


def _files_of(method: str) -> list[str]:
    """Return the SHA-256 of each of a network's files: of the catalogue's, and of one's own with its deep twin."""
    import hashlib

    from highbeam.weights import catalog

    if method in catalog():
        return [file.sha256 for kind, file in sorted(catalog()[method].files.items()) if kind != "safetensors"]
    if not method.endswith(".onnx"):
        return []
    files = (Path(method), Path(method).with_suffix(".float32.onnx"))
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]


def planned_clips(plan: Plan, method: str) -> Iterator[Record]:
    """Yield the records of a plan that is only looked at."""
    yield from (_skipped(item, method) for item in plan.skipped)
    yield from (ClipRecord(str(item.source), str(item.output), "planned", method) for item in plan.items)


def _skipped(item: Item, method: str) -> ClipRecord:
    """Of a clip whose result exists; where a run that was to replace it was interrupted, that is said."""
    from highbeam.resuming import folder_of

    left = folder_of(item.output).exists()
    notes = ("its result exists, but a run was interrupted; --resume --overwrite goes on",) if left else ()
    return ClipRecord(str(item.source), str(item.output), "skipped", method, notes=notes)


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
    yield from (_skipped(item, method) for item in plan.skipped)
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
    from highbeam.video.clips import enhance_clip

    start = time.perf_counter()
    record = ClipRecord(str(item.source), str(item.output), "failed", method)
    try:
        make_folder(item.output)
        result = enhance_clip(item.source, item.output, job, progress=step, stop=stop)
    except Exception as error:  # noqa: BLE001 - see above
        reason = error.reason if isinstance(error, ClipError | PictureError) else str(error) or "no reason given"
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
