"""What a live run counts: frames that came, were enhanced and were dropped, and how long each was on its way."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass

__all__ = ["Counts", "Delays", "Tally"]

_STEP = math.log(1.02)
"""Delays within 2 % of each other are counted together: a run of weeks needs no more memory than one of minutes."""

_SHORTEST = 1e-6  # seconds


@dataclass(frozen=True)
class Tally:
    """How a live run stands.

    Attributes:
        received: frames that came from the source.
        enhanced: frames that reached every output.
        dropped: frames that came and were passed over, because a newer one came or the run ended.
        reconnects: how often a lost source came back.
        seconds: since the first frame came.
        fps: enhanced frames per second between the first and the last; 0 below two frames.
        delay: median of the time from a frame's arrival to its output, seconds; 0 before the first.
        delay_p95: 95th percentile of it, seconds.
    """

    received: int
    enhanced: int
    dropped: int
    reconnects: int
    seconds: float
    fps: float
    delay: float
    delay_p95: float

    def __str__(self) -> str:
        """Say it in one line."""
        again = f", reconnected {self.reconnects} times" if self.reconnects else ""
        return (
            f"{self.received} received, {self.enhanced} enhanced, {self.dropped} dropped{again}; {self.fps:.1f} fps,"
            f" delay {1000 * self.delay:.0f} ms, 95 % below {1000 * self.delay_p95:.0f} ms"
        )

    def as_dict(self) -> dict[str, float]:
        """Return the numbers by name, for JSON."""
        return asdict(self)


class Delays:
    """A distribution of times in bins that are 2 % wide."""

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one."""
        self._bins[math.floor(math.log(max(seconds, _SHORTEST)) / _STEP)] += 1

    def quantile(self, share: float) -> float:
        """Return the time, seconds, that this share of all, in [0, 1], does not exceed; 0 where there is none."""
        left = share * self._bins.total()
        for number in sorted(self._bins):
            left -= self._bins[number]
            if left <= 0:
                return math.exp((number + 0.5) * _STEP)
        return 0.0


class Counts:
    """Counts of one live run, written by the thread that reads and by the one that enhances."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received = self._enhanced = self._dropped = self._reconnects = 0
        self._began: float | None = None
        self._first = self._last = 0.0
        self._delays = Delays()

    def received(self) -> int:
        """Count a frame that came; returns how many came before it."""
        with self._lock:
            if self._began is None:
                self._began = time.monotonic()
            self._received += 1
            return self._received - 1

    def dropped(self, frames: int = 1) -> None:
        """Count frames that were passed over."""
        with self._lock:
            self._dropped += frames

    def reconnected(self) -> None:
        """Count a source that came back."""
        with self._lock:
            self._reconnects += 1

    def enhanced(self, arrived: float) -> int:
        """Count a frame that reached every output now.

        Args:
            arrived: when it came, seconds of the monotonic clock.

        Returns:
            How many there are now.
        """
        with self._lock:
            self._last = time.monotonic()
            if not self._enhanced:
                self._first = self._last
            self._enhanced += 1
            self._delays.add(self._last - arrived)
            return self._enhanced

    def elapsed(self) -> float:
        """Return the seconds since the first frame came; 0 before."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def tally(self) -> Tally:
        """Return how the run stands."""
        with self._lock:
            span = self._last - self._first
            return Tally(
                received=self._received,
                enhanced=self._enhanced,
                dropped=self._dropped,
                reconnects=self._reconnects,
                seconds=self.elapsed(),
                fps=(self._enhanced - 1) / span if span > 0 else 0.0,
                delay=self._delays.quantile(0.5),
                delay_p95=self._delays.quantile(0.95),
            )
