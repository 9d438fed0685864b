"""Parts of an enhanced clip: encoded on their own, kept in files of their own, and joined without encoding again.

A part's file is a line of JSON that describes its packets, the packets one after the other, and the SHA-256 of all of
that. Each starts with a key frame and refers to nothing outside, so that any part can be made again alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highbeam.errors import DamagedClipError, EncoderError
from highbeam.resuming import sealed, unsealed
from highbeam.video.encoding import Encoder, new_context

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

__all__ = ["Joined", "Part", "PartEncoder", "read_part"]


@dataclass(frozen=True)
class Part:
    """The packets of one part, in the order in which they are decoded.

    Attributes:
        times: of its frames in the order in which they are shown, units of the clip's time base.
        durations: of the same frames.
        order: per packet, which of the frames it is.
        keys: per packet, whether it is a key frame.
        sizes: per packet, bytes.
        headers: SHA-256 of the codec's headers, which all parts share.
        data: the packets.
    """

    times: tuple[int, ...]
    durations: tuple[int, ...]
    order: tuple[int, ...]
    keys: tuple[bool, ...]
    sizes: tuple[int, ...]
    headers: str
    data: bytes

    @property
    def delay(self) -> int:
        """By how many frames decoding must run ahead of showing."""
        return max(position - frame for position, frame in enumerate(self.order))

    def chunks(self) -> Iterator[tuple[int, bool, bytes]]:
        """Yield, per packet, which of the frames it is, whether it is a key frame, and its bytes."""
        start = 0
        for frame, key, size in zip(self.order, self.keys, self.sizes, strict=True):
            yield frame, key, self.data[start : start + size]
            start += size

    def to_bytes(self) -> bytes:
        """Return the content of the part's file."""
        described = {key: value for key, value in asdict(self).items() if key != "data"}
        return sealed(json.dumps(described).encode() + b"\n" + self.data)


def read_part(path: Path) -> Part | None:
    """Read a part's file.

    Returns:
        ``None`` where there is none, or a damaged one: it is to be made again.
    """
    content = unsealed(path)
    if content is None:
        return None
    line, _, data = content.partition(b"\n")
    described: dict[str, Any] = json.loads(line)
    frozen: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in described.items()
    }
    return Part(**frozen, data=data)


class PartEncoder:
    """Encodes the frames of one part."""

    def __init__(self, encoder: Encoder, name: str) -> None:
        """Start.

        Args:
            encoder: what to encode with.
            name: of the result, for errors.
        """
        self._context = new_context(encoder)
        self._unit, self._name = 1 / encoder.rate, name
        self._times: list[int] = []
        self._durations: list[int] = []
        self._packets: list[tuple[int, bool, bytes]] = []

    def __len__(self) -> int:
        """How many frames were taken."""
        return len(self._times)

    def add(self, frame: VideoFrame, pts: int, duration: int) -> None:
        """Encode one frame, to be shown at a time and for a duration."""
        frame.pts, frame.time_base = len(self._times), self._unit  # the encoder counts; times are put back on packets
        self._times.append(pts)
        self._durations.append(duration)
        self._encode(frame)

    def finish(self) -> Part:
        """Return the part.

        Raises:
            EncoderError: the encoder did not give one packet per frame.
        """
        self._encode(None)
        if sorted(number for number, _, _ in self._packets) != list(range(len(self._times))):
            raise EncoderError(
                self._name, f"the encoder made {len(self._packets)} frames of {len(self._times)}; choose another codec"
            )
        order, keys, data = zip(*self._packets, strict=True)
        headers = hashlib.sha256(self._context.extradata or b"").hexdigest()
        sizes = tuple(map(len, data))
        return Part(tuple(self._times), tuple(self._durations), order, keys, sizes, headers, b"".join(data))

    def _encode(self, frame: VideoFrame | None) -> None:
        import av

        try:
            made = self._context.encode(frame)
        except av.FFmpegError as error:
            raise EncoderError(self._name, f"the encoder failed ({error.strerror}); choose another codec") from error
        self._packets.extend((int(packet.pts or 0), packet.is_keyframe, bytes(packet)) for packet in made)


class Joined:
    """The packets of all parts as one stream."""

    def __init__(self, paths: list[Path], delay: int, base: Fraction, unit: Fraction, later: Fraction) -> None:
        """Prepare.

        Args:
            paths: the parts' files, in order.
            delay: by how many frames decoding must run ahead of showing, in any of them.
            base: the unit of the parts' times, seconds.
            unit: the unit of the stream's times, seconds; ``base`` is a multiple of it, or times are rounded.
            later: seconds by which the whole is to be later.
        """
        self._paths, self._delay, self._base, self._unit, self._later = paths, delay, base, unit, later

    def packets(self, stream: Stream) -> Iterator[Packet[Stream]]:
        """Yield the packets, with the times at which they are to be decoded: those of the frames before, in order."""
        import av

        waiting: list[int] = []
        for path in self._paths:
            part = self._read(path)
            times = [self._scaled(time, self._later) for time in part.times]
            waiting = waiting or self._early(times)
            waiting.extend(times)
            for position, (frame, key, data) in enumerate(part.chunks()):
                packet = av.Packet(data)
                packet.pts, packet.dts = times[frame], waiting[position]
                packet.duration = self._scaled(part.durations[frame])
                packet.is_keyframe, packet.time_base, packet.stream = key, self._unit, stream
                yield packet
            waiting = waiting[len(times) :]

    def _early(self, times: list[int]) -> list[int]:
        """Times before the first one, as many as decoding runs ahead."""
        step = max(1, times[1] - times[0]) if len(times) > 1 else 1
        return [times[0] - step * ahead for ahead in range(self._delay, 0, -1)]

    def _scaled(self, time: int, later: Fraction = Fraction(0)) -> int:
        return round((time * self._base + later) / self._unit)

    def _read(self, path: Path) -> Part:
        part = read_part(path)
        if part is None:
            raise DamagedClipError(str(path), "was damaged on the disk meanwhile; run again with --resume")
        return part
