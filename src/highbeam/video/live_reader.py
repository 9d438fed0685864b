"""A thread that reads a live source and keeps its newest frame only, so that nothing ever queues up."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol, Self

from highbeam.errors import SourceError, StreamLostError
from highbeam.methods.base import Pixels
from highbeam.video.live_counts import Counts

__all__ = ["Arrival", "Backoff", "LiveFrame", "Mailbox", "Reader", "Source"]

_PATIENCE = 1.0
"""Seconds that the end of a run waits for a reader; it may be held up by a peer that says nothing."""


@dataclass(frozen=True)
class Arrival:
    """A frame as a source gives it.

    Attributes:
        when: it came, seconds of the monotonic clock.
        pixels: makes the picture of it, ``(H, W, 3)`` RGB ``uint8``; called for frames that are not dropped only.
            ``None`` for a frame that the source itself passed over to catch up.
    """

    when: float
    pixels: Callable[[], Pixels] | None


@dataclass(frozen=True)
class LiveFrame:
    """A frame on its way to the enhancer.

    Attributes:
        index: frames that came before it.
        arrived: when it came, seconds of the monotonic clock.
        at: its place in time, seconds since the first frame.
        pixels: makes the picture of it, ``(H, W, 3)`` RGB ``uint8``.
    """

    index: int
    arrived: float
    at: float
    pixels: Callable[[], Pixels]


class Source(Protocol):
    """Where live frames come from."""

    @property
    def name(self) -> str:
        """The source as it was given, without a password."""

    @property
    def returns(self) -> bool:
        """Whether it can be opened again after it was lost."""

    def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
        """Open it and yield its frames until it ends for good or the event is set.

        Raises:
            StreamLostError: it gave frames and went away.
            SourceError: it could not be opened or read.
        """


@dataclass(frozen=True)
class Backoff:
    """How long to wait before a lost source is called again: twice as long each time, up to a limit.

    Attributes:
        first: the first pause, seconds.
        most: the longest, seconds.
        jitter: share by which a pause may be shorter, so that many clients do not come back at the same moment.
    """

    first: float = 1.0
    most: float = 30.0
    jitter: float = 0.2

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after this many failures in a row, from 1."""
        whole = min(self.most, self.first * 2.0 ** min(failures - 1, 60))
        return whole * (1.0 - self.jitter * random.random())  # noqa: S311 - spreads load, keeps no secret


class Mailbox:
    """One slot between the reader and the enhancer.

    Args:
        counts: takes what is dropped.
        every: let the reader wait until the slot is free, instead of replacing what is in it.
    """

    def __init__(self, counts: Counts, *, every: bool = False) -> None:
        self._counts, self._every = counts, every
        self._changed = threading.Condition()
        self._frame: LiveFrame | None = None
        self._closed = self._abandoned = False
        self._error: BaseException | None = None

    def put(self, frame: LiveFrame) -> None:
        """Leave a frame; the one that nobody took is dropped for it, or waited for."""
        with self._changed:
            if self._every:
                self._changed.wait_for(lambda: self._frame is None or self._abandoned)
            if self._abandoned or self._frame is not None:
                self._counts.dropped()
            self._frame = None if self._abandoned else frame
            self._changed.notify_all()

    def take(self, timeout: float) -> LiveFrame | None:
        """Take the newest frame.

        Args:
            timeout: seconds to wait for one.

        Returns:
            ``None`` if none came in time or ever will.

        Raises:
            BaseException: whatever ended the reader, once the last frame is taken.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more frames come, and why if it is no ordinary end."""
        with self._changed:
            self._closed, self._error = True, error
            self._changed.notify_all()

    def abandon(self) -> None:
        """Say that no more frames are taken; the one that waits is dropped."""
        with self._changed:
            if self._frame is not None:
                self._counts.dropped()
            self._frame, self._abandoned = None, True
            self._changed.notify_all()

    def is_over(self) -> bool:
        """Whether no frame waits and none will come, without an error that :meth:`take` would raise."""
        with self._changed:
            return self._closed and self._frame is None and self._error is None


class Reader:
    """Reads a source in a thread of its own while the block runs, and calls it again when it is lost.

    Args:
        source: what to read.
        mailbox: where frames go.
        counts: what is counted.
        retries: failures in a row that are forgiven, those of the first connection included. ``None``: any number once
            a first frame came, none before, since then the address is likelier wrong than the network.
        rate: frames per second that the source stands for; frames then lie evenly in time. ``None``: they lie where
            they came.
        tell: takes what a user should know, in one line.
        backoff: the pauses between attempts.
    """

    def __init__(
        self,
        source: Source,
        mailbox: Mailbox,
        counts: Counts,
        *,
        retries: int | None = None,
        rate: float | None = None,
        tell: Callable[[str], None] = lambda _: None,
        backoff: Backoff | None = None,
    ) -> None:
        self._source, self._mailbox, self._counts = source, mailbox, counts
        self._retries, self._rate, self._tell = retries, rate, tell
        self._backoff = backoff or Backoff()
        self._stop = threading.Event()
        self._failures = 0
        self._first: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"read {source.name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._mailbox.abandon()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and self._lost():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again where the frames are taken
            self._mailbox.close(error)
        else:
            self._mailbox.close()

    def _lost(self) -> bool:
        """Read until the source ends, False, or is lost and worth another attempt, True after the pause.

        Raises:
            SourceError: no other attempt is worth it, or the source ended without having given a frame.
        """
        try:
            with closing(self._source.arrivals(self._stop)) as arrivals:
                for arrival in arrivals:
                    self._deliver(arrival)
        except SourceError as error:
            self._failures += 1
            self._check_worth(error)
            pause = self._backoff.pause(self._failures)
            self._tell(f"{error}; trying again in {pause:.1f} s")
            self._stop.wait(pause)
            return True
        if self._first is None and not self._stop.is_set():
            raise SourceError(self._source.name, "ended before its first frame; check that what sends it has any")
        return False

    def _check_worth(self, error: SourceError) -> None:
        """Raise the error where another attempt is not wanted."""
        if self._stop.is_set() or not self._source.returns:
            raise error
        if self._retries is None:
            if self._first is None:
                raise error
            return
        if self._failures <= self._retries:
            return
        if self._first is None:
            raise error
        tried = f" after {self._retries} retries" if self._retries else ""
        raise StreamLostError(error.name, f"{error.reason}; given up{tried}, --retries allows more") from error

    def _deliver(self, arrival: Arrival) -> None:
        if self._failures and self._first is not None:
            self._counts.reconnected()
            self._tell(f"{self._source.name}: is back")
        self._failures = 0
        index = self._counts.received()
        if self._first is None:
            self._first = arrival.when
        if arrival.pixels is None:
            self._counts.dropped()
            return
        at = arrival.when - self._first if self._rate is None else index / self._rate
        self._mailbox.put(LiveFrame(index, arrival.when, at, arrival.pixels))
