"""Cameras and network streams, read by FFmpeg's libraries with as little delay as they allow."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from highbeam.errors import SourceError, StreamLostError
from highbeam.methods.base import Pixels
from highbeam.video.live_reader import Arrival

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Backlog", "Pace", "StreamSource", "reason", "to_rgb"]

_MPEG, _JPEG = 1, 2
"""FFmpeg's numbers of limited and full range."""

_LAWS = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""From FFmpeg's numbers of Y'CbCr matrices to those of its scaler."""

_BT601, _BT709 = 5, 1
_HD = 720
"""Lines from which a stream that does not say its matrix has that of high definition (ITU-R BT.709)."""


@dataclass(frozen=True)
class StreamSource:
    """A camera or a stream.

    Attributes:
        name: without a password.
        address: as FFmpeg takes it.
        form: FFmpeg's name of the kind of device; ``None``: found out.
        options: of FFmpeg's reader.
        opening: seconds until an attempt to open it is given up.
        silence: seconds without anything after which it counts as lost.
        returns: whether it can be opened again.
    """

    name: str
    address: str
    form: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    opening: float = 10.0
    silence: float = 5.0
    returns: bool = True

    def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
        """Yield the frames; see :class:`highbeam.video.live_reader.Source`.

        A recording, which knows its length, ends; anything else that ends is lost.

        Raises:
            StreamLostError: it gave frames and went away.
            SourceError: it could not be opened.
        """
        with self._opened() as (container, stream):
            ends = container.duration is not None
            paced = ends or container.format.name in {"hls", "dash"}
            packets = self._packets(container, stream, stop)
            yield from _in_time(packets, stream, stop) if paced else _decoded(packets, stream)
            if not ends and not stop.is_set():
                raise StreamLostError(self.name, "the stream ended")

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        import av

        try:
            container = av.open(
                self.address, format=self.form, options=dict(self.options), timeout=(self.opening, self.silence)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(self.name, f"cannot be opened: {self._reason(error, self.opening)}") from error
        with container:
            yield container, self._video(container)

    def _video(self, container: InputContainer) -> VideoStream:
        if container.format.name.endswith("_pipe") or container.format.name == "image2":
            raise SourceError(self.name, "is a single picture, no stream; download it and enhance the file")
        if not container.streams.video or container.format.name == "tty":  # which draws the letters of a text
            raise SourceError(self.name, "has no picture, only other data; check the address")
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # threads that decode whole frames hold some of them back
        return stream

    def _packets(
        self, container: InputContainer, stream: VideoStream, stop: threading.Event
    ) -> Iterator[tuple[float, Packet[Any]]]:
        """Yield packets and how long each was waited for, seconds."""
        import av

        packets = container.demux(stream)
        while not stop.is_set():
            before = time.monotonic()
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                raise StreamLostError(self.name, f"lost: {self._reason(error, self.silence)}") from error
            if packet is None:
                return
            yield time.monotonic() - before, packet

    def _reason(self, error: Exception, limit: float) -> str:
        return reason(error) or f"nothing came for {limit:g} s; check that it is there and sends"


def reason(error: Exception) -> str:
    """Say what FFmpeg complains of, without the address, which may hold a password; empty for a time-out."""
    import av

    if isinstance(error, av.error.ExitError):
        return ""
    if isinstance(error, PermissionError):
        return "permission denied; a camera is for members of its group, on most systems `video`"
    text = getattr(error, "strerror", None) or type(error).__name__
    return str(text)[:1].lower() + str(text)[1:]


def _decoded(packets: Iterator[tuple[float, Packet[Any]]], stream: VideoStream) -> Generator[Arrival, None, None]:
    """Decode frames as they come, but pass over any backlog."""
    backlog = Backlog()
    for waited, packet in packets:
        now = time.monotonic()
        if packet.size and backlog.passes(now, waited, key=packet.is_keyframe):
            yield Arrival(now, None)
            continue
        for frame in _frames(packet, stream):
            yield Arrival(now, partial(to_rgb, frame))


def _in_time(
    packets: Iterator[tuple[float, Packet[Any]]], stream: VideoStream, stop: threading.Event
) -> Generator[Arrival, None, None]:
    """Decode frames when they are due; what is there already, as all of a recording is, is no backlog."""
    pace = Pace()
    for waited, packet in packets:
        at = _seconds(packet.pts if packet.dts is None else packet.dts, packet.time_base)
        if packet.size and at is not None:
            passed = pace.passes(time.monotonic(), at, waited, key=packet.is_keyframe)
            stop.wait(pace.wait(time.monotonic(), at))
            if passed:
                yield Arrival(time.monotonic(), None)
                continue
        for frame in _frames(packet, stream):
            shown = _seconds(frame.pts, frame.time_base)
            if shown is not None:
                stop.wait(pace.wait(time.monotonic(), shown, most=Pace.LATE))
            yield Arrival(time.monotonic(), partial(to_rgb, frame))


def _frames(packet: Packet[Any], stream: VideoStream) -> list[VideoFrame]:
    """Decode a packet; what cannot be decoded yet, as where a stream was joined midway, gives nothing."""
    import av

    try:
        return stream.decode(packet)
    except av.FFmpegError:
        return []


def _seconds(ticks: int | None, base: Fraction | None) -> float | None:
    return None if ticks is None or base is None else float(ticks * base)


class Backlog:
    """Notices that frames come faster than they are decoded, and passes them over until reading has to wait again.

    What was not decoded leaves a gap, so that decoding starts again at a frame that needs no other.
    """

    WAIT = 0.002
    """Seconds of waiting that show that nothing more was there."""

    MOST = 1.0
    """Seconds without any waiting after which there is a backlog."""

    def __init__(self) -> None:
        self._waited: float | None = None
        self._passing = self._caught_up = False

    def passes(self, now: float, waited: float, *, key: bool) -> bool:
        """Whether to pass over a packet.

        Args:
            now: when it was read, seconds of any clock.
            waited: for how long reading it took, seconds.
            key: whether it needs no other to be decoded.
        """
        if waited > self.WAIT or self._waited is None:
            self._waited, self._caught_up = now, True
        if not self._passing and now - self._waited > self.MOST:
            self._passing, self._caught_up = True, False
        if self._passing and self._caught_up and key:
            self._passing = False
        return self._passing


class Pace:
    """When to show the frames of a recording, or of a stream that comes in pieces of some seconds.

    The time that was spent on waiting for the source moves the times of all later frames; what is late for any other
    reason came faster than it was decoded, and is passed over up to the next frame in time that needs no other.
    """

    LATE = 1.0
    """Seconds of being late that are caught up with by decoding faster."""

    EARLY = 10.0
    """Seconds from one frame to the next that no stream means: its clock jumped."""

    def __init__(self) -> None:
        self._offset = self._waited = 0.0
        self._last: float | None = None
        self._passing = False

    def passes(self, now: float, at: float, waited: float, *, key: bool) -> bool:
        """Whether to pass over a packet.

        Args:
            now: when it was read, seconds of the monotonic clock.
            at: its time of decoding, seconds of the stream's own clock.
            waited: for how long reading it took, seconds.
            key: whether it needs no other to be decoded.
        """
        late = self._late(now, at, waited)
        if late > self.LATE:
            self._passing = True
        elif late <= 0 and key:
            self._passing = False
        return self._passing

    def _late(self, now: float, at: float, waited: float) -> float:
        """Return the seconds for which a packet is late, without those that the source is late."""
        jumped = self._last is None or not -self.LATE <= at - self._last <= self.EARLY
        self._last = at
        if jumped:
            self._offset, self._waited = now - at, 0.0
        late = now - at - self._offset
        self._waited = min(self._waited + waited, max(0.0, late))
        if late > (0.0 if self._passing else self.LATE):
            shift = min(late, self._waited)
            self._offset += shift
            self._waited -= shift
            late -= shift
        return late

    def wait(self, now: float, at: float, most: float = EARLY) -> float:
        """Return the seconds until a packet or a frame is due.

        Args:
            now: seconds of the monotonic clock.
            at: its time, seconds of the stream's own clock.
            most: seconds; what is due later than that is of another clock, and due now.
        """
        early = self._offset + at - now
        return early if 0.0 < early <= most else 0.0


def to_rgb(frame: VideoFrame) -> Pixels:
    """Return a frame as ``(H, W, 3)`` RGB ``uint8``.

    A frame that does not say its range is of limited range, but for JPEG's own formats, and one that does not say its
    matrix has that of its size: standard or high definition.
    """
    law = _LAWS.get(int(frame.colorspace), _BT709 if frame.height >= _HD else _BT601)
    full = int(frame.color_range) == _JPEG or frame.format.name.startswith("yuvj")
    span = _JPEG if full else _MPEG
    packed = frame.reformat(
        format="rgb24", src_colorspace=law, dst_colorspace=law, src_color_range=span, dst_color_range=_JPEG
    )
    return np.asarray(packed.to_ndarray())
