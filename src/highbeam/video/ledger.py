"""Which packets gave no frame: what went into a decoder against what came out."""

from __future__ import annotations

import heapq
from collections import deque

__all__ = ["DecodingLedger", "Ledger"]

_SETTLED_AT_ONCE = 64
"""So many frames, and fields without one, are looked at together, once the distance of two frames is known."""

_MOST_REORDERED = 16
"""So many frames H.264 and HEVC let a decoder hold back."""


class Ledger:
    """The times at which frames are due, until they come or are missed.

    Of an interlaced clip, two packets may be the fields of one frame, which has the time of the first: where that came,
    the second is not missed.
    """

    def __init__(self, *, fields: bool) -> None:
        """Start empty.

        Args:
            fields: whether a packet may hold one field of a frame.
        """
        self._fields = fields
        self._due: list[int] = []  # a heap
        self._told: list[tuple[int, bool]] = []  # in the order of their times, and whether there is a frame
        self._step: int | None = None
        self._came: int | None = None
        self._shown: int | None = None

    def expect(self, pts: int, dts: int | None) -> None:  # noqa: ARG002 - as of the other ledger
        """Note that a packet went into the decoder."""
        heapq.heappush(self._due, pts)

    def came(self, pts: int) -> list[int]:
        """Note that a frame came out; frames come in the order of their times.

        Returns:
            The times of frames before it that are missed, as far as that is certain by now.
        """
        if pts not in self._due:  # a handful: as many as the decoder holds back
            return []
        before = self._before(pts)
        heapq.heappop(self._due)
        if not self._fields:
            return before
        if self._came is not None:
            self._step = min(self._step or pts - self._came, pts - self._came)
        self._came = pts
        self._told += [*((time, False) for time in before), (pts, True)]
        return self._settle() if len(self._told) >= _SETTLED_AT_ONCE else []

    def time(self, pts: int) -> int:
        """Return when the frame that came is shown."""
        return pts

    def close(self) -> list[int]:
        """Return the times of all others that are missed: nothing comes any more."""
        rest = sorted(self._due)
        self._due = []
        if not self._fields:
            return rest
        self._told += [(time, False) for time in rest]
        return self._settle()

    def _before(self, pts: int) -> list[int]:
        found = []
        while self._due[0] < pts:
            found.append(heapq.heappop(self._due))
        return found

    def _settle(self) -> list[int]:
        """Tell fields of frames that were missed from second fields of those that came."""
        missed = []
        for time, there in self._told:
            second = self._shown is not None and time - self._shown < (self._step or 0)
            if there or not second:
                self._shown = time
            if not there and not second:
                missed.append(time)
        self._told = []
        return missed


class DecodingLedger:
    """The same for a container that tells only the order of decoding: frames get its times as they come out."""

    def __init__(self) -> None:
        """Start empty."""
        self._due: dict[int, int] = {}  # which packet it was, in the order of decoding
        self._times: deque[int] = deque()
        self._count = 0

    def expect(self, pts: int, dts: int | None) -> None:
        """Note that a packet went into the decoder."""
        self._due[pts] = self._count
        self._times.append(pts if dts is None else dts)
        self._count += 1

    def came(self, pts: int) -> list[int]:
        """Note that a frame came out.

        Returns:
            The times of packets that went in so long before its own that they are missed.
        """
        number = self._due.pop(pts, 0)
        missed = []
        while self._due and (first := next(iter(self._due.items())))[1] < number - _MOST_REORDERED:
            missed.append(first[0])
            del self._due[first[0]]
            self._times.popleft()  # nothing is shown then; what follows keeps its time
        return missed

    def time(self, pts: int) -> int:
        """Return when the frame that came is shown."""
        return self._times.popleft() if self._times else pts

    def close(self) -> list[int]:
        """Return the times of all others that are missed: nothing comes any more."""
        return list(self._due)
