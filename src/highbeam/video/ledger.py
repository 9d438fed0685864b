"""Which packets gave no frame: what went into a decoder against what came out."""

from __future__ import annotations

import heapq

__all__ = ["Ledger"]

_SETTLED_AT_ONCE = 64
"""So many frames, and fields without one, are looked at together, once the distance of two frames is known."""


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

    def expect(self, pts: int) -> None:
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
