"""Streams of a clip that end before their index does."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

__all__ = ["Short", "Tally", "stated_packets"]

_INDEXED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "avi"})
"""Formats, by FFmpeg's names, whose index is of all packets and is read before them."""


@dataclass(frozen=True)
class Short:
    """A stream that ends too early.

    Attributes:
        index: of the stream.
        kind: such as ``audio``.
        stated: how many packets the clip says it has.
        missing: how many of these are not there.
        ends: where the last one ends, seconds.
    """

    index: int
    kind: str
    stated: int
    missing: int
    ends: Fraction

    def __str__(self) -> str:
        """Say it."""
        return (
            f"stream {self.index} ({self.kind}) ends at {float(self.ends):.3f} s,"
            f" {self.missing} of its {self.stated} packets are missing"
        )


class Tally:
    """Counts the packets of some streams."""

    def __init__(self, container: InputContainer, streams: Iterable[Stream]) -> None:
        """Ask for what is stated, before anything is read.

        Args:
            container: the clip.
            streams: whose packets count; those that FFmpeg keeps back are passed over.
        """
        from av.stream import Discard

        given = [stream for stream in streams if stream.discard != Discard.all]
        self._kinds = {stream.index: stream.type for stream in given}
        self._stated = {stream.index: stated_packets(container, stream) for stream in given}
        self._counts = dict.fromkeys(self._stated, 0)
        self._ends = dict.fromkeys(self._stated, Fraction(0))

    def see(self, packet: Packet[Any]) -> None:
        """Count a packet, unless the end of the file tore it."""
        index = packet.stream_index
        if index not in self._counts or packet.is_corrupt or (packet.size == 0 and packet.pts is None):
            return
        self._counts[index] += 1
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            self._ends[index] = max(self._ends[index], end)

    def short(self) -> tuple[Short, ...]:
        """Return the streams that ended too early, once all is read."""
        return tuple(
            Short(index, self._kinds[index], stated, stated - self._counts[index], self._ends[index])
            for index, stated in self._stated.items()
            if stated > self._counts[index]
        )


def stated_packets(container: InputContainer, stream: Stream) -> int:
    """Return how many packets of a stream a file says it has, asked before they are read.

    That is the number in its index, of which an edit list has left what is needed. Where there is no index, it is that
    in the header, which is good for videos only: of sound, some writers count other things than packets.

    Returns:
        0 where it does not say.
    """
    indexed = len(stream.index_entries) if container.format.name in _INDEXED else 0
    return indexed or (stream.frames if stream.type == "video" else 0)
