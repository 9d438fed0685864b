"""``highbeam enhance``: pictures and clips in, brighter ones out; :mod:`highbeam.cli.logs` does it with robot logs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from highbeam.cli.clip_options import (
    ClipOptions,
    Codec,
    Container,
    Crf,
    Denoise,
    DropStreams,
    EncoderPreset,
    PixelFormat,
    Resume,
    Steady,
)
from highbeam.cli.options import check_denoise, check_format, check_output, enhancer_of, held, limits_of, refuse
from highbeam.errors import UsageError
from highbeam.machine import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highbeam.batch import Job
    from highbeam.cli.live import LiveWords
    from highbeam.cli.report import Report
    from highbeam.methods.registry import Enhancer
    from highbeam.planning import Existing

__all__ = ["enhance"]

_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC",
        help="Pictures and clips: files, folders (searched to their full depth, hidden files left out), quoted globs"
        " (** for any depth), or - for a picture on standard input. Or robot logs: .bag, .mcap, .db3, folders of ROS 2"
        " bags. Or one live source: a camera's number, /dev/videoN, an address (rtsp, http, udp, ...), or"
        " - with --size.",
        show_default=False,
    ),
]
_Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Folder for the results, which keeps the folders below each SRC; for one file also a file;"
        " - for standard output. Of a live source: a video file, - for raw frames, http://127.0.0.1:PORT, or window.",
        show_default=False,
    ),
]
_Method = Annotated[
    str | None, typer.Option("--method", "-m", help="How to enhance; `highbeam methods` lists them and the default.")
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the method, such as sigmas=15,80,250; repeatable."),
]
_Strength = Annotated[float, typer.Option(help="From 0, the picture as it is, to 1, the method's full effect.")]
_Protect = Annotated[bool, typer.Option("--protect-highlights/--no-protect-highlights", help="Keep lamps as they are.")]
_Format = Annotated[
    str | None,
    typer.Option("--format", help="Of pictures: png, jpeg, tiff, webp, avif or bmp; as the input if not given."),
]
_Quality = Annotated[int | None, typer.Option(min=1, max=100, help="Of lossy picture formats, 1 to 100.")]
_MaxPixels = Annotated[
    str | None,
    typer.Option(
        metavar="COUNT", help="Refuse larger pictures: a pixel count (50000000) or megapixels (50M). Default: 100M."
    ),
]
_Workers = Annotated[
    int | None, typer.Option(min=1, help="Pictures worked on at once; as many as usable CPUs if not given.")
]
_Topic = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="Of a robot log: whose pictures to enhance; repeatable."),
]
_Suffix = Annotated[
    str | None,
    typer.Option(help="Of a robot log: write the results beside the originals, to topics whose names end so."),
]
_Skip = Annotated[bool, typer.Option("--skip-existing", help="Leave results alone that exist.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist; never an input.")]
_Size = Annotated[
    str | None, typer.Option(metavar="WxH", help="Of raw RGB24 frames on standard input, which make - a live source.")
]
_Rate = Annotated[float | None, typer.Option(help="Of raw frames, per second; as they come if not given.")]
_EveryFrame = Annotated[
    bool, typer.Option("--every-frame", help="Let the pipe of raw frames wait, instead of dropping any.")
]
_Retries = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Failures in a row that a live source is forgiven; if not given, any number after its first frame and"
        " none before.",
    ),
]
_Duration = Annotated[float | None, typer.Option(metavar="SECONDS", help="Of a live source, from its first frame.")]
_Frames = Annotated[int | None, typer.Option(min=1, metavar="COUNT", help="Of a live source, to enhance.")]
_Serve = Annotated[
    int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Show a live source at http://127.0.0.1:PORT also.")
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would be written.")]
_Json = Annotated[bool, typer.Option("--json", help="Write one JSON record per picture or clip to standard output.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary; failures are still listed.")]


def enhance(
    sources: _Sources,
    *,
    output: _Output = None,
    method: _Method = None,
    options: _Set = None,
    strength: _Strength = 1.0,
    protect_highlights: _Protect = True,
    to_format: _Format = None,
    quality: _Quality = None,
    max_pixels: _MaxPixels = None,
    workers: _Workers = None,
    topics: _Topic = None,
    suffix: _Suffix = None,
    skip_existing: _Skip = False,
    overwrite: _Overwrite = False,
    container: Container = None,
    codec: Codec = None,
    crf: Crf = None,
    encoder_preset: EncoderPreset = None,
    pixel_format: PixelFormat = None,
    drop_streams: DropStreams = False,
    steady: Steady = True,
    denoise: Denoise = 0.0,
    resume: Resume = False,
    size: _Size = None,
    rate: _Rate = None,
    every_frame: _EveryFrame = False,
    retries: _Retries = None,
    duration: _Duration = None,
    frames: _Frames = None,
    serve: _Serve = None,
    dry_run: _DryRun = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Enhance pictures and clips, robot logs, or what a camera sees now.

    Exit code 0: all done; 1: some failed, the rest is done; 2: bad usage, nothing was touched; 130 or 143: stopped by
    Ctrl-C or SIGTERM, every written file is whole.
    """
    from highbeam.cli.live import LiveWords

    bound = enhancer_of(method, options or [], strength=strength, protect_highlights=protect_highlights)
    live = LiveWords(size, rate, every_frame, retries, duration, frames, serve)
    clips = ClipOptions(container, codec, crf, encoder_preset, pixel_format, drop_streams, steady, denoise, resume)
    files = _FileWords(
        to_format,
        quality,
        max_pixels,
        workers,
        topics,
        suffix,
        skip_existing,
        overwrite,
        dry_run,
        as_json,
        quiet,
        clips,
    )
    check_denoise(denoise, steady=steady)
    if live.are_wanted(sources):
        code = _enhance_live(sources[0], output, bound, live, files)
    else:
        code = _enhance_stored(sources, output, bound, files)
    raise typer.Exit(code)


@dataclass(frozen=True)
class _FileWords:
    """The options of files, and how to tell what became of them, as they were given."""

    to_format: str | None
    quality: int | None
    max_pixels: str | None
    workers: int | None
    topics: list[str] | None
    suffix: str | None
    skip_existing: bool
    overwrite: bool
    dry_run: bool
    as_json: bool
    quiet: bool
    clips: ClipOptions


def _enhance_live(source: str, output: str | None, bound: Enhancer, live: LiveWords, files: _FileWords) -> int:
    """Refuse what is for files alone, and follow the source; returns the exit code."""
    from highbeam.cli.live import enhance_live

    alone: dict[str, object]
    alone = {"--format": files.to_format, "--max-pixels": files.max_pixels, "--workers": files.workers}
    alone |= {"--skip-existing": files.skip_existing, "--dry-run": files.dry_run, "--resume": files.clips.resume}
    alone |= {"--topic": files.topics, "--suffix": files.suffix}
    refuse(alone | files.clips.for_clips_alone(), "live sources")
    return enhance_live(
        source,
        output,
        held(bound, steady=files.clips.steady, denoise=files.clips.denoise),
        live,
        overwrite=files.overwrite,
        quality=files.quality,
        as_json=files.as_json,
        quiet=files.quiet,
    )


def _enhance_stored(sources: list[str], output: str | None, bound: Enhancer, files: _FileWords) -> int:
    """Enhance logs, a pipe, or pictures and clips; returns the exit code."""
    from highbeam.batch import Job
    from highbeam.cli.logs import Wish, concerns_logs, enhance_logs
    from highbeam.cli.report import Report

    place, clips = check_output(output), files.clips
    existing = _existing(skip=files.skip_existing, overwrite=files.overwrite, resume=clips.resume)
    job = Job(
        enhancer=bound,
        method=bound.spec.name,
        to_format=check_format(files.to_format),
        quality=files.quality,
        limits=limits_of(files.max_pixels),
        overwrite=files.overwrite,
    )
    report = Report(as_json=files.as_json, quiet=files.quiet)
    wish = Wish(
        tuple(files.topics or ()), files.suffix, steady=clips.steady, denoise=clips.denoise, resume=clips.resume
    )
    if concerns_logs(sources, wish):
        refuse(clips.for_clips_alone(), "robot logs")
        return enhance_logs(
            sources, place, job, existing, report, wish=wish, workers=files.workers, dry_run=files.dry_run
        )
    if place == "-" or "-" in sources:
        from highbeam.cli.pipe import enhance_pipe

        return enhance_pipe(sources, place, job, existing, report, dry_run=files.dry_run)
    return _enhance_files(
        sources, place, job, existing, report, clip_options=clips, workers=files.workers, dry_run=files.dry_run
    )


def _existing(*, skip: bool, overwrite: bool, resume: bool) -> Existing:
    if skip and overwrite:
        raise UsageError("--skip-existing and --overwrite contradict each other; choose one")
    return "overwrite" if overwrite else "skip" if skip or resume else "refuse"


def _enhance_files(
    sources: list[str],
    output: str,
    job: Job,
    existing: Existing,
    report: Report,
    *,
    clip_options: ClipOptions,
    workers: int | None,
    dry_run: bool,
) -> int:
    """Plan, do it, tell; returns the exit code."""
    from contextlib import closing

    from highbeam.batch import planned, run, writing
    from highbeam.cli import terminal
    from highbeam.cli.clips import gather
    from highbeam.planning import Plan, make_plan

    words, clips = gather(sources, output, job, clip_options, existing)
    if not words:
        _refuse_for_clips(job, workers)
    plan = make_plan(words, output, to_format=job.to_format, existing=existing) if words else Plan(())
    clips.refuse_meetings(plan)
    if dry_run:
        for record in (*planned(plan, job), *clips.planned()):
            report.add(record)
        return report.finish()
    count = len(plan.items)
    with terminal.stop_on_signals(writing) as stop:
        with (
            _threads(workers, count) as threads,
            terminal.progress(count + len(plan.skipped), hidden=report.quiet or not words) as step,
            closing(run(plan, _divided(job, threads), workers=threads, stop=stop.event)) as records,
        ):
            for record in records:
                report.add(record)
                step()
        clips.run(report, stop.event)
    if stop.signal:
        report.stopped(count + len(clips), go_on="--resume" if len(clips) else "--skip-existing")
        return stop.exit_code
    return report.finish()


def _refuse_for_clips(job: Job, workers: int | None) -> None:
    """Refuse what is for pictures alone where there is none."""
    from highbeam.pictures import Limits

    limits = None if job.limits == Limits() else job.limits
    given = {"--format": job.to_format, "--quality": job.quality, "--max-pixels": limits, "--workers": workers}
    refuse(given, "clips alone, whose options are --container, --codec, --crf and the like")


def _divided(job: Job, workers: int) -> Job:
    """Give each worker its part of the CPU."""
    from dataclasses import replace

    from highbeam.methods.registry import Enhancer

    return replace(job, enhancer=job.enhancer.among(workers)) if isinstance(job.enhancer, Enhancer) else job


@contextmanager
def _threads(wanted: int | None, pictures: int) -> Iterator[int]:
    """Yield the number of threads; where they are several, OpenCV must not divide each picture among more."""
    count = max(1, min(wanted or usable_cpus(), pictures))
    if count == 1:
        yield count
        return
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield count
    finally:
        cv2.setNumThreads(before)
