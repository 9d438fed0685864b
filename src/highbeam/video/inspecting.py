"""What a clip is: found before any work, by reading its packets once and decoding its first frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from highbeam.errors import ClipError, DamagedClipError, UnsupportedClipError
from highbeam.video.clock import Clock
from highbeam.video.colours import Colour, is_known_matrix
from highbeam.video.hidden import is_hidden
from highbeam.video.tally import Short, Tally, stated_packets
from highbeam.video.upright import Turn, turn_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Clip", "gives_frame", "inspect", "opened", "other_streams", "packets", "reason", "stated_rate"]

_ATTACHED_PICTURE = 1 << 10
_NO_TIMES = 1 << 7
_EIGHT = 8
_ONLY_DECODED = frozenset({"avi"})
"""Formats that keep the order of decoding only; FFmpeg guesses when frames are shown, of H.264 in vain."""

_MOST_ERRORS = 100
"""Read errors in a row, after which nothing more is expected of a file."""

_USUAL_RATE = Fraction(30)
_FASTEST = 1000


@dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
        path: the file.
        width: of a stored frame.
        height: of a stored frame.
        turn: how stored frames are to be laid.
        pixel_format: FFmpeg's name.
        deep: whether there are more than 8 bits.
        bits: of a sample.
        colour: the tags.
        law: the matrix that is meant; see :class:`highbeam.video.colours.Colour`.
        aspect: width to height of a stored pixel.
        time_base: the unit of times, seconds.
        tick: the largest time of which all the frames' are multiples, seconds.
        rate: frames a second, on average.
        frames: how many packets with frames to show can be read.
        promised: how many the container's index says there are; 0 where it does not say.
        interlaced: whether frames are of two fields.
        readable: whether the packets could be read to the end.
        timed: whether packets tell when their frames are shown, and not only in which order they are decoded.
        pieces: for each piece of the clip with a clock of its own, by how much its times are made later, seconds; 0 for
            the first one.
        short: the other streams that end before their index does.
        start: time of the first frame to show, units of ``time_base``; before zero where a clock wraps.
    """

    path: Path
    width: int
    height: int
    turn: Turn
    pixel_format: str
    deep: bool
    bits: int
    colour: Colour
    law: int
    aspect: Fraction
    time_base: Fraction
    tick: Fraction
    rate: Fraction
    frames: int
    promised: int = 0
    interlaced: bool = False
    readable: bool = True
    timed: bool = True
    pieces: tuple[Fraction, ...] = (Fraction(0),)
    short: tuple[Short, ...] = ()
    start: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, upright."""
        return (self.height, self.width) if self.turn.swapped else (self.width, self.height)

    @property
    def missing(self) -> int:
        """How many frames the container promised that are not there."""
        return max(0, self.promised - self.frames)


@dataclass
class _Seen:
    """What passed by while reading."""

    shown: int = 0
    every: int = 0
    divisor: int = 0
    start: int | None = None
    errors: list[str] = field(default_factory=list)
    first: VideoFrame | None = None
    reordered: bool = False
    latest: int | None = None
    clock: Clock = field(default_factory=Clock)
    short: tuple[Short, ...] = ()


def inspect(path: Path) -> Clip:
    """Read a clip's packets and its first frame.

    Raises:
        ClipError: it cannot be read, has no video or no frame, or is of a kind that is not taken.
    """
    with opened(path) as (container, stream):
        context = stream.codec_context
        stated = stated_packets(container, stream)
        seen = _look_through(path, container, stream)
        if seen.first is None:
            raise DamagedClipError(str(path), "has no frame that can be decoded; get an undamaged copy")
        frame = seen.first
        colour = Colour(context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        base = stream.time_base or Fraction(1, 1000)
        return Clip(
            path=path,
            width=frame.width,
            height=frame.height,
            turn=_turn(path, frame),
            pixel_format=frame.format.name,
            bits=(bits := max(part.bits for part in frame.format.components)),
            deep=bits > _EIGHT,
            colour=(tags := _checked(path, colour, frame)),
            law=tags.law(frame.height),
            aspect=stream.sample_aspect_ratio or Fraction(1),
            time_base=base,
            tick=(tick := base * (seen.divisor or 1)),
            rate=_rate(stream),
            frames=seen.shown,
            promised=stated - (seen.every - seen.shown) if stated else 0,
            interlaced=frame.interlaced_frame,
            readable=not seen.errors,
            timed=seen.reordered or not context.has_b_frames or container.format.name not in _ONLY_DECODED,
            pieces=seen.clock.offsets(stream.index, tick),
            short=seen.short,
            start=seen.start or 0,
        )


def _look_through(path: Path, container: InputContainer, stream: VideoStream) -> _Seen:
    """Count the packets, and decode until there is one frame."""
    import av

    seen, tally = _Seen(), Tally(container, other_streams(container))
    stream.codec_context.thread_type = "SLICE"  # the first frame is wanted at once, not after as many as threads
    for packet in packets(container, tuple(container.streams), seen.errors):
        piece = seen.clock.see(packet)
        tally.see(packet)
        if packet.stream_index != stream.index:
            continue
        if seen.first is None:
            with suppress(av.FFmpegError):  # a damaged start; a later packet may do
                seen.first = next(iter(packet.decode()), None)
        if packet.size == 0 and packet.pts is None:
            continue
        seen.every += 1
        if gives_frame(packet):
            seen.shown += 1
            seen.divisor = math.gcd(seen.divisor, packet.pts or 0)
            seen.reordered |= seen.latest is not None and packet.pts is not None and packet.pts <= seen.latest
            seen.latest = packet.pts
            if packet.pts is not None and piece == 0:
                seen.start = packet.pts if seen.start is None else min(seen.start, packet.pts)
    seen.short = tally.short()
    if seen.every == 0:
        raise DamagedClipError(str(path), "has no frame; get an undamaged copy")
    return seen


def packets(container: InputContainer, streams: tuple[Stream, ...], errors: list[str]) -> Iterator[Packet[Any]]:
    """Read packets to the end, past places that cannot be read.

    Args:
        container: the clip.
        streams: whose packets are wanted.
        errors: takes what was wrong.

    Yields:
        The packets, and last of all an empty one per stream, which makes its decoder give what it holds back.
    """
    import av

    failures = 0
    while failures < _MOST_ERRORS:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
        except av.FFmpegError as error:
            failures += 1
            errors.append(reason(error))
            del errors[_MOST_ERRORS:]
            continue
        return
    for stream in streams:
        packet = av.Packet()
        packet.stream = stream
        packet.time_base = stream.time_base or Fraction(1, 1000)
        yield packet


def gives_frame(packet: Packet[Any]) -> bool:
    """Whether a packet holds a frame to show: an edit list hides some, and so do VP8 and VP9 those to refer to."""
    return not packet.is_discard and not is_hidden(packet.stream.codec_context.name, memoryview(packet))


def other_streams(container: InputContainer) -> tuple[Stream, ...]:
    """Return every stream but the one that is enhanced."""
    video = _main_video(container)
    return tuple(stream for stream in container.streams if video is None or stream.index != video.index)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a clip and its first video, and turn the library's errors into one that names the file."""
    import av

    try:
        container = av.open(str(path), "r", metadata_errors="replace")
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise ClipError(str(path), f"cannot be read ({reason(error)}); check the path") from error
    except (av.FFmpegError, ValueError, EOFError, OSError) as error:
        told = f"cannot be read as a clip ({reason(error)}); get an undamaged copy"
        raise DamagedClipError(str(path), told) from error
    with container:
        video = _main_video(container)
        if video is None:
            raise UnsupportedClipError(str(path), "has no video; name clips and pictures only")
        if cast("object", video.codec_context) is None:
            raise UnsupportedClipError(str(path), "its video is of a codec that cannot be decoded here")
        yield container, video


def reason(error: BaseException) -> str:
    """Return what an error of the library says, without the name of the file."""
    return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _main_video(container: InputContainer) -> VideoStream | None:
    moving = (video for video in container.streams.video if not video.disposition.value & _ATTACHED_PICTURE)
    return next(moving, None)


def stated_rate(stream: VideoStream) -> Fraction | None:
    """Return the frames a second, on average; None where nothing says them.

    Of a bare stream, such as ``.h264``, whose frames have no times, the rate that it states counts: FFmpeg's average is
    a guess.
    """
    untimed = stream.container.format.flags & _NO_TIMES
    return (stream.guessed_rate if untimed else None) or stream.average_rate or stream.guessed_rate


def _rate(stream: VideoStream) -> Fraction:
    """Frames a second, as a fraction that every encoder takes."""
    rate = Fraction(stated_rate(stream) or _USUAL_RATE).limit_denominator(1001)
    return rate if 0 < rate <= _FASTEST else _USUAL_RATE


def _turn(path: Path, frame: VideoFrame) -> Turn:
    """Return how the container wants its frames laid."""
    for data in cast("Any", frame.side_data):
        if data.type.name == "DISPLAYMATRIX":
            turn = turn_of([int(entry) for entry in np.frombuffer(bytes(data), np.int32)])
            if turn is None:
                raise UnsupportedClipError(str(path), "is to be shown at an angle that is no right one; re-encode it")
            return turn
    return Turn()


def _checked(path: Path, colour: Colour, frame: VideoFrame) -> Colour:
    """Refuse a matrix that cannot be honoured; say in words what the format says."""
    if not is_known_matrix(colour.matrix) and not frame.format.is_rgb:
        raise UnsupportedClipError(
            str(path), f"has the colour matrix {colour.matrix} of H.273, which is none that Highbeam converts"
        )
    if frame.format.is_rgb:
        return Colour(0, colour.primaries, colour.transfer, 1)  # the result's own Y'CbCr: limited, and said so
    if frame.format.name.startswith("yuvj"):
        return Colour(colour.matrix, colour.primaries, colour.transfer, 2)
    return colour
