"""Times of streams whose clock starts again, as where recordings were put one behind the other: they are carried on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["Clock", "carried_on"]

_JITTER = 2
"""By so many packets' durations times may go back without a new start."""


@dataclass
class _Run:
    """A piece of a stream in which times go on.

    Attributes:
        starts: presentation and decoding time of the first packet, units of the stream's time base.
        ends: the latest of both, with the packet's duration.
    """

    starts: tuple[int, int]
    ends: tuple[int, int]


@dataclass
class _Track:
    """One stream's pieces, and the latest time of decoding."""

    base: Fraction
    runs: list[_Run] = field(default_factory=list)
    last: int = 0


class Clock:
    """Watches packets for clocks that start again."""

    def __init__(self) -> None:
        """Start before the first packet."""
        self._tracks: dict[int, _Track] = {}

    def see(self, packet: Packet[Any]) -> int:
        """Note a packet as it is read.

        Returns:
            How often its stream's clock has started again so far.
        """
        track = self._tracks.setdefault(packet.stream_index, _Track(Fraction(packet.time_base or 1)))
        times = _times(packet)
        if times is None:
            return max(0, len(track.runs) - 1)
        ends = (times[0] + (packet.duration or 0), times[1] + (packet.duration or 0))
        if not track.runs or self._starts_again(track, packet, times[1]):
            track.runs.append(_Run(times, ends))
            track.last = times[1]
        run = track.runs[-1]
        run.ends = (max(run.ends[0], ends[0]), max(run.ends[1], ends[1]))
        track.last = max(track.last, times[1])
        return len(track.runs) - 1

    def offsets(self, main: int, tick: Fraction) -> tuple[Fraction, ...]:
        """Return by how much later each piece is, so that in no stream it begins before the piece before it ends.

        Args:
            main: the index of the stream whose pieces count.
            tick: what offsets are multiples of, seconds.

        Returns:
            Seconds, 0 for the first piece.
        """
        pieces = len(self._tracks[main].runs) if main in self._tracks else 1
        tracks = [track for track in self._tracks.values() if len(track.runs) == pieces]
        found = [Fraction(0)]
        for number in range(1, pieces):
            least = max(_distance(track, number) for track in tracks)
            found.append(found[-1] + math.ceil(least / tick) * tick)
        return tuple(found)

    def _starts_again(self, track: _Track, packet: Packet[Any], time: int) -> bool:
        return packet.is_keyframe and time < track.last - _JITTER * (packet.duration or 0)


def carried_on(packets: Iterable[Packet[Any]], offsets: Sequence[Fraction]) -> Iterator[Packet[Any]]:
    """Make packets later by what :meth:`Clock.offsets` found for their piece of the clip."""
    if not any(offsets):
        yield from packets
        return
    clock = Clock()
    for packet in packets:
        piece = min(clock.see(packet), len(offsets) - 1)
        later = round(offsets[piece] / packet.time_base) if packet.time_base else 0
        packet.pts = None if packet.pts is None else packet.pts + later
        packet.dts = None if packet.dts is None else packet.dts + later
        yield packet


def _times(packet: Packet[Any]) -> tuple[int, int] | None:
    """Presentation and decoding time; where one is not there, it is the other."""
    pts, dts = packet.pts, packet.dts
    if pts is None:
        return None if dts is None else (dts, dts)
    return pts, pts if dts is None else dts


def _distance(track: _Track, number: int) -> Fraction:
    before, run = track.runs[number - 1], track.runs[number]
    return max(end - start for end, start in zip(before.ends, run.starts, strict=True)) * track.base
