"""One clip in, one brighter clip out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from highbeam.errors import ClipError, ClipWriteError, DamagedClipError, OutputError, ResumeError, UnsupportedClipError
from highbeam.methods.base import Pixels
from highbeam.resuming import identity_of, memory_of, pack_state
from highbeam.video.colours import Converter
from highbeam.video.containers import CONTAINERS, container_of
from highbeam.video.decoding import Damage, Shot, shots
from highbeam.video.encoding import Encoding, choose
from highbeam.video.inspecting import inspect, opened, packets
from highbeam.video.muxing import Recipe, assemble, lost_tags, plan_streams, time_unit
from highbeam.video.overlap import overlap
from highbeam.video.parts import Joined, PartEncoder
from highbeam.video.workspace import Workspace, kept, workspace

__all__ = ["ClipJob", "ClipResult", "Step", "enhance_clip"]

_FORMAT = 1
"""Of the working folder; another one cannot be resumed."""


@dataclass(frozen=True)
class ClipJob:
    """What to do with every clip.

    Attributes:
        make: returns a fresh callable for one clip: ``(H, W, 3)`` RGB ``uint8`` or ``uint16`` to the same, called with
            its frames in order, never from two threads. With ``state_dict()`` and ``load_state_dict()``, a flat dict of
            arrays, numbers and texts, it goes on from where it was; without, frames are shown to it again.
        identity: whatever decides what the callable makes, in words: a resumed run must have the same.
        encoding: of the results.
        warm_up: how many frames before a resumed one a callable without state must have seen; 0 where each frame is
            enhanced by itself, all of them where there is no number.
        overwrite: replace an existing result.
        resume: go on from what an earlier run left.
    """

    make: Callable[[], Callable[[Pixels], Pixels]]
    identity: str
    encoding: Encoding = field(default_factory=Encoding)
    warm_up: int | None = None
    overwrite: bool = False
    resume: bool = False


@dataclass(frozen=True)
class ClipResult:
    """What became of one clip.

    Attributes:
        frames: in the result.
        resumed: of these, made by an earlier run.
        width: pixels, upright.
        height: pixels, upright.
        damage: what could not be read of the source; None for an undamaged one.
        notes: what is otherwise worth telling.
    """

    frames: int
    resumed: int
    width: int
    height: int
    damage: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """How far a clip is.

    Attributes:
        done: frames, those of an earlier run included.
        total: frames in the clip, as far as its packets tell.
        resumed: frames made by an earlier run.
    """

    done: int
    total: int
    resumed: int


class _StoppedError(Exception):
    """The work was stopped from outside."""


def enhance_clip(
    source: Path,
    output: Path,
    job: ClipJob,
    *,
    progress: Callable[[Step], None] | None = None,
    stop: threading.Event | None = None,
) -> ClipResult | None:
    """Enhance a clip into its place.

    Args:
        source: the clip.
        output: the place of the result, whose folder is made if need be; its suffix names the container.
        job: what to do.
        progress: called after every frame, on the caller's thread.
        stop: once it is set, the work is given up after the frame in work; what is finished waits to be resumed.

    Returns:
        ``None`` if it was given up.

    Raises:
        ClipError: the clip, the codec or the disk is not what is needed; no result has the output's name.
        OutputError: the result exists, or another process is making it.
    """
    recipe = _plan(source, output, job)
    with workspace(output) as space:
        space.begin(_manifest(recipe, job), resume=job.resume)
        run = _Run(recipe, job, space, progress or (lambda _: None), stop or threading.Event())
        try:
            result = run()
        except _StoppedError:
            return None
        except (DamagedClipError, UnsupportedClipError):
            space.remove()  # nothing to go on from
            raise
        space.remove()
        return result


def _plan(source: Path, output: Path, job: ClipJob) -> Recipe:
    """Find out whether it can be done, before any work."""
    container = container_of(output)
    if container is None:
        raise UnsupportedClipError(str(output), f"its suffix names no container; use one of {', '.join(CONTAINERS)}")
    if output.exists() and not job.overwrite:
        raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite")
    clip = inspect(source)
    encoder = choose(job.encoding, clip, container)
    return plan_streams(clip, container, encoder, drop=job.encoding.drop_streams)


def _manifest(recipe: Recipe, job: ClipJob) -> dict[str, Any]:
    """Return everything that decides what the parts hold."""
    import av

    encoder = {key: str(value) for key, value in asdict(recipe.encoder).items()}
    return {
        "format": _FORMAT,
        "source": identity_of(recipe.clip.path),
        "method": job.identity,
        "encoder": encoder,
        "frames of a part": job.encoding.part,
        "container": recipe.container.format,
        "library": {name: list(version) for name, version in sorted(av.library_versions.items())},
    }


class _Run:
    """The work on one clip."""

    def __init__(
        self,
        recipe: Recipe,
        job: ClipJob,
        space: Workspace,
        progress: Callable[[Step], None],
        stop: threading.Event,
    ) -> None:
        self._recipe, self._job, self._space = recipe, job, space
        self._progress, self._stop = progress, stop
        self._clip = recipe.clip
        self._converter = Converter(self._clip.law, full=self._clip.colour.full, deep=self._clip.deep)
        self._parts = space.finished()
        self._start = sum(part.frames for part in self._parts)
        self._resumed = self._start
        self._damage = Damage(self._clip)
        self._enhance = job.make()
        self._replay = self._prepared()
        self._done = 0

    def __call__(self) -> ClipResult:
        overlap(self._produced, self._worked, self._encoded)
        frames = sum(part.frames for part in self._parts)
        if not frames:
            raise DamagedClipError(str(self._clip.path), "has no frame that can be decoded; get an undamaged copy")
        notes = (*self._recipe.notes, *self._notes(), *self._finish(frames))
        width, height = self._clip.size
        damage = str(self._damage) if self._damage else None
        return ClipResult(frames, self._resumed, width, height, damage, notes)

    def _notes(self) -> tuple[str, ...]:
        fields = ("its fields are enhanced as whole frames",) if self._clip.interlaced else ()
        restarts = ("its clock starts again midway; times are carried on",) if len(self._clip.pieces) > 1 else ()
        return (*fields, *restarts)

    def _prepared(self) -> int:
        """Bring the enhancer to where the finished parts end; returns how many frames it must see again for that."""
        if not self._start:
            return 0
        memory = memory_of(self._enhance)
        if memory is not None:
            state = self._space.state(len(self._parts) - 1)
            if state is None:
                return self._start
            memory.load_state_dict(state)
            return 0
        return self._start if self._job.warm_up is None else min(self._start, self._job.warm_up)

    def _produced(self) -> Generator[tuple[int, Shot, Pixels | None], None, None]:
        """Decode; frames that nobody needs again are only counted."""
        for index, shot in enumerate(shots(self._clip, self._damage)):
            self._check_resumed(index, shot)
            needed = index >= self._start - self._replay
            pixels = self._clip.turn(self._converter.to_rgb(shot.frame)) if needed else None
            yield index, shot, pixels

    def _check_resumed(self, index: int, shot: Shot) -> None:
        """Compare the times of the finished parts with those of the clip."""
        if index == self._start - 1 and shot.pts != self._parts[-1].last:
            raise ResumeError(
                str(self._space.output), "what an earlier run made does not fit the clip; run again without --resume"
            )

    def _worked(self, item: tuple[int, Shot, Pixels | None]) -> tuple[Shot, Pixels, bytes | None] | None:
        """Enhance one frame."""
        index, shot, pixels = item
        if self._stop.is_set():
            raise _StoppedError
        self._done = index + 1
        if pixels is None:
            return None
        bright = self._enhance(pixels)
        if index < self._start:
            return None
        if bright.shape != pixels.shape or bright.dtype != pixels.dtype:
            raise ClipError(
                str(self._clip.path),
                f"the enhancer made {bright.dtype} {bright.shape} of {pixels.dtype} {pixels.shape}; it must keep both",
            )
        self._progress(Step(self._done, max(self._done, self._clip.frames), self._resumed))
        return shot, bright, self._state_after(index)

    def _state_after(self, index: int) -> bytes | None:
        """Return the enhancer's state where a part ends."""
        memory = None if (index + 1) % self._job.encoding.part else memory_of(self._enhance)
        return None if memory is None else pack_state(memory.state_dict())

    def _encoded(self, items: Iterator[tuple[Shot, Pixels, bytes | None] | None]) -> None:
        """Encode part after part; while an encoder gives what it holds back, the next one takes frames."""
        part: PartEncoder | None = None
        with _Closer(self._keep) as closer:
            for item in items:
                if item is None:
                    continue
                shot, pixels, state = item
                part = part or PartEncoder(self._recipe.encoder, str(self._clip.path))
                frame = self._converter.to_frame(pixels, self._recipe.encoder.pixel_format)
                part.add(frame, shot.pts, shot.duration)
                if len(part) == self._job.encoding.part:
                    closer.close(part, state)
                    part = None
            if part is not None:
                closer.close(part, None)

    def _keep(self, encoder: PartEncoder, state: bytes | None) -> None:
        part = encoder.finish()
        self._space.keep(len(self._parts), part, state)
        self._parts.append(kept(part))

    def _finish(self, frames: int) -> tuple[str, ...]:
        """Join the parts, check the whole, and give it its name; returns what the container did not keep."""
        if self._stop.is_set():
            raise _StoppedError
        paths = [self._space.part(number) for number in range(len(self._parts))]
        unit = time_unit(self._clip, self._recipe.container)
        delay = max(part.delay for part in self._parts)
        joined = Joined(paths, delay, self._clip.time_base, unit, self._recipe.later)
        with suppress(FileNotFoundError):
            self._space.whole.unlink()
        try:
            written = assemble(self._recipe, joined, self._parts[0].headers, self._space.whole)
            lost = self._check(written, frames)
        except ClipWriteError as error:
            self._space.whole.unlink(missing_ok=True)
            raise ClipWriteError(str(self._space.output), error.reason) from error
        with self._space.taken():
            _place(self._space.whole, self._space.output, overwrite=self._job.overwrite)
        return lost

    def _check(self, written: int, frames: int) -> tuple[str, ...]:
        """Read the whole once more: as many frames as there were, from the first time to the last.

        Returns:
            What the container did not keep.
        """
        times: list[Fraction] = []
        count = 0
        with opened(self._space.whole) as (container, stream):
            lost = lost_tags(self._clip, container)
            for packet in packets(container, (stream,), []):
                if packet.size and packet.pts is not None:
                    count += 1
                    time = packet.pts * packet.time_base
                    times = [min(times[0], time), max(times[1], time)] if times else [time, time]
        ends = [time * self._clip.time_base for time in (self._parts[0].first, self._parts[-1].last)]
        if not written == count == frames or not self._same(times, [end + self._recipe.later for end in ends]):
            raise ClipWriteError(
                str(self._space.output),
                f"{frames} frames from {float(ends[0]):.3f} s to {float(ends[1]):.3f} s went in, but {count} came out"
                f" from {float(times[0]) if times else 0:.3f} s to {float(times[-1]) if times else 0:.3f} s;"
                " nothing was written, choose another container",
            )
        later = times[0] - ends[0]
        ticks = self._recipe.container.ticks
        if ticks and abs(later) < Fraction(1, ticks) and not self._recipe.container.holds(self._clip.tick):
            return lost  # rounded, which is told already
        return (
            (*lost, f"all streams start {float(later):.3f} s later, for want of times before zero") if later else lost
        )

    def _same(self, times: list[Fraction], ends: list[Fraction]) -> bool:
        """Whether times came through, as far as the container can hold them."""
        if not self._recipe.container.holds(self._clip.tick):
            return True
        return times == ends or (not self._recipe.container.origin and times[1] - times[0] == ends[1] - ends[0])


class _Closer:
    """Finishes parts on a thread of its own, one after the other, at most one behind the one in work."""

    def __init__(self, keep: Callable[[PartEncoder, bytes | None], None]) -> None:
        self._keep = keep
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="highbeam-clip")
        self._last: Future[None] | None = None

    def close(self, part: PartEncoder, state: bytes | None) -> None:
        """Finish a part soon; whatever was wrong with the one before is raised now."""
        self._wait()
        self._last = self._pool.submit(self._keep, part, state)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._wait()
        finally:
            self._pool.shutdown()


def _place(whole: Path, output: Path, *, overwrite: bool) -> None:
    """Give the result its name once it is on the disk."""
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    if overwrite:
        whole.replace(output)
        return
    try:
        os.link(whole, output)
    except FileExistsError as error:
        raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite") from error
    except OSError:  # a file system without hard links
        if output.exists():
            raise OutputError(f"{output}: exists already; choose another name, or ask to overwrite") from None
        whole.replace(output)
