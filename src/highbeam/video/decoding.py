"""Frames of a clip in the order in which they are shown, and what could not be decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from highbeam.machine import usable_cpus
from highbeam.video.clock import carried_on
from highbeam.video.inspecting import Clip, gives_frame, opened, packets
from highbeam.video.ledger import DecodingLedger, Ledger

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["Damage", "Shot", "shots"]

_MOST_PLACES = 100
_NAMED = 3
_MOST_THREADS = 4


@dataclass
class Damage:
    """Where a clip is damaged.

    Attributes:
        clip: the clip.
        lost: frames that could not be decoded.
        patched: frames that the decoder had to fill up.
        places: the first of their times, units of the clip's time base.
        errors: what reading the file complained of.
        last: the time of the last frame, units of the clip's time base.
        changed: where frames of another size follow, which are left out.
    """

    clip: Clip
    lost: int = 0
    patched: int = 0
    places: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    last: int | None = None
    changed: str = ""

    def __bool__(self) -> bool:
        """Whether there is any."""
        unread = self.errors or not self.clip.readable
        return bool(self.lost or self.patched or unread or self.clip.missing or self.clip.short or self.changed)

    def __str__(self) -> str:
        """Say what, and at which times."""
        told = []
        if self.lost or self.patched:
            times = sorted({f"{float(place * self.clip.time_base):.3f}" for place in self.places}, key=float)
            more = ", ..." if len(times) > _NAMED else ""
            told.append(
                f"damaged at {', '.join(times[:_NAMED])}{more} s"
                f" ({self.lost} frames lost, {self.patched} patched by the decoder)"
            )
        told.extend(map(str, self.clip.short))
        if self.clip.missing or ((self.errors or not self.clip.readable) and not told):
            ends = float((self.last or 0) * self.clip.time_base)
            short = f"; {self.clip.missing} of {self.clip.promised} frames are missing" if self.clip.missing else ""
            told.append(f"cannot be read to its end, the last frame is at {ends:.3f} s{short}")
        told.extend([self.changed] if self.changed else [])
        return "; ".join(told) or "undamaged"

    def lose(self, times: Iterable[int]) -> None:
        """Note frames that could not be decoded."""
        for pts in times:
            self.lost += 1
            self.at(pts)

    def at(self, pts: int) -> None:
        """Note a place."""
        if len(self.places) < _MOST_PLACES:
            self.places.append(pts)


@dataclass(frozen=True)
class Shot:
    """One decoded frame.

    Attributes:
        pts: when it is shown, units of the clip's time base; larger from frame to frame.
        duration: for how long, in the same unit.
        frame: the frame as it is stored.
    """

    pts: int
    duration: int
    frame: VideoFrame


def shots(clip: Clip, damage: Damage) -> Iterator[Shot]:
    """Decode a clip; what is damaged is noted and passed over, and where the size of the frames changes, it ends.

    Args:
        clip: from :func:`highbeam.video.inspecting.inspect`.
        damage: takes what could not be decoded.
    """
    before: int | None = None
    step = max(1, round(1 / (clip.rate * clip.time_base)))
    for frame in _frames(clip, damage):
        pts = frame.pts if frame.pts is not None else (0 if before is None else before + step)
        if before is not None and pts <= before:
            damage.lost += 1  # its time has passed: it was to be seen for no time at all
            damage.at(pts)
            continue
        damage.last = pts
        yield Shot(pts, frame.duration or (pts - before if before is not None else step), frame)
        before = pts


def _frames(clip: Clip, damage: Damage) -> Iterator[VideoFrame]:
    """Decode, and compare what went into the decoder with what came out."""
    import av

    ledger = Ledger(fields=clip.interlaced) if clip.timed else DecodingLedger()
    with opened(clip.path) as (container, stream):
        context = stream.codec_context
        context.thread_type = "AUTO"
        context.thread_count = min(_MOST_THREADS, usable_cpus())
        for packet in carried_on(packets(container, (stream,), damage.errors), clip.pieces):
            if packet.pts is not None and gives_frame(packet):
                ledger.expect(packet.pts, packet.dts)
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                continue  # found by the frames that do not come
            for frame in decoded:
                if (frame.width, frame.height) != (clip.width, clip.height):
                    damage.changed = _changed(clip, frame)
                    return
                if frame.pts is not None:
                    damage.lose(ledger.came(frame.pts))
                    frame.pts = ledger.time(frame.pts)
                if frame.is_corrupt:
                    damage.patched += 1
                    damage.at(frame.pts or 0)
                yield frame
    damage.lose(ledger.close())


def _changed(clip: Clip, frame: VideoFrame) -> str:
    when = float((frame.pts or 0) * clip.time_base)
    return (
        f"changes from {clip.width} by {clip.height} to {frame.width} by {frame.height} at {when:.3f} s, and is left"
        " out from there (cut it there and enhance the pieces)"
    )
