"""The slot that holds the newest frame, the pauses, and the reader that calls a lost source again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.errors import SourceError, StreamLostError
from highbeam.video.live_counts import Counts
from highbeam.video.live_reader import Arrival, Backoff, LiveFrame, Mailbox, Reader

QUICK = Backoff(first=0.01, most=0.02, jitter=0.0)
PIXELS = np.zeros((2, 3, 3), np.uint8)


def frame(index: int) -> LiveFrame:
    return LiveFrame(index, time.monotonic(), float(index), lambda: PIXELS)


class Scripted:
    """A source whose attempts go as they are told: a number of frames, then an error or the end."""

    name = "scripted"

    def __init__(self, *attempts: tuple[int, Exception | None], returns: bool = True) -> None:
        self.attempts, self.returns = list(attempts), returns
        self.opened = self.closed = 0

    def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
        self.opened += 1
        frames, error = self.attempts.pop(0)
        try:
            for _ in range(frames):
                if stop.is_set():
                    return
                yield Arrival(time.monotonic(), lambda: PIXELS)
            if error is not None:
                raise error
        finally:
            self.closed += 1


def drained(source: Scripted, **options: object) -> tuple[list[int], Counts, list[str]]:
    """Read a source to its end without dropping; returns the indices, the counts and what was told."""
    counts, told, taken = Counts(), list[str](), list[int]()
    mailbox = Mailbox(counts, every=True)
    with Reader(source, mailbox, counts, tell=told.append, backoff=QUICK, **options):  # type: ignore[arg-type]
        while not mailbox.is_over():
            if (got := mailbox.take(0.05)) is not None:
                taken.append(got.index)
    return taken, counts, told


def test_the_newest_frame_replaces_the_one_that_nobody_took() -> None:
    counts = Counts()
    mailbox = Mailbox(counts)
    for index in range(5):
        mailbox.put(frame(index))
    got = mailbox.take(0.0)
    assert got is not None
    assert got.index == 4
    assert mailbox.take(0.0) is None
    assert counts.tally().dropped == 4


def test_where_nothing_may_be_dropped_the_reader_waits() -> None:
    counts = Counts()
    mailbox = Mailbox(counts, every=True)

    def write() -> None:
        for index in range(5):
            mailbox.put(frame(index))
        mailbox.close()

    writer = threading.Thread(target=write)
    writer.start()
    taken = []
    while not mailbox.is_over():
        time.sleep(0.005)
        if (got := mailbox.take(1.0)) is not None:
            taken.append(got.index)
    writer.join()
    assert taken == [0, 1, 2, 3, 4]
    assert counts.tally().dropped == 0


def test_an_abandoned_mailbox_lets_the_reader_go() -> None:
    counts = Counts()
    mailbox = Mailbox(counts, every=True)
    mailbox.put(frame(0))
    writer = threading.Thread(target=mailbox.put, args=(frame(1),))
    writer.start()
    mailbox.abandon()
    writer.join(5.0)
    assert not writer.is_alive()
    mailbox.put(frame(2))
    assert mailbox.take(0.0) is None
    assert counts.tally().dropped == 3


def test_the_last_frame_is_taken_before_the_error_is_raised() -> None:
    mailbox = Mailbox(Counts())
    mailbox.put(frame(0))
    mailbox.close(SourceError("x", "broke"))
    assert not mailbox.is_over()
    assert mailbox.take(0.0) is not None
    assert not mailbox.is_over()
    with pytest.raises(SourceError, match="x: broke"):
        mailbox.take(0.0)


@given(st.integers(1, 10_000))
def test_pauses_double_up_to_a_limit_and_jitter_only_shortens(failures: int) -> None:
    whole = min(30.0, 2.0 ** min(failures - 1, 10))
    assert 0.8 * whole <= Backoff().pause(failures) <= whole


def test_pauses_differ_between_clients() -> None:
    assert len({Backoff().pause(3) for _ in range(10)}) > 1


def test_a_source_that_ends_is_not_called_again() -> None:
    source = Scripted((3, None))
    assert drained(source)[0] == [0, 1, 2]
    assert (source.opened, source.closed) == (1, 1)


def test_a_lost_source_comes_back_and_the_numbers_go_on() -> None:
    lost = StreamLostError("scripted", "lost: gone")
    source = Scripted((2, lost), (0, SourceError("scripted", "cannot be opened: refused")), (2, None))
    taken, counts, told = drained(source)
    assert taken == [0, 1, 2, 3]
    assert counts.tally().reconnects == 1
    assert source.closed == 3
    assert told == [
        "scripted: lost: gone; trying again in 0.0 s",
        "scripted: cannot be opened: refused; trying again in 0.0 s",
        "scripted: is back",
    ]


def test_the_first_connection_is_not_tried_again_unless_asked_for() -> None:
    refused = SourceError("scripted", "cannot be opened: refused")
    source = Scripted((0, refused))
    with pytest.raises(SourceError, match="refused"):
        drained(source)
    assert source.opened == 1
    source = Scripted((0, refused), (0, refused), (1, None))
    taken, counts, _ = drained(source, retries=2)
    assert (taken, counts.tally().reconnects) == ([0], 0)
    source = Scripted((0, refused), (0, refused))
    with pytest.raises(SourceError, match="cannot be opened: refused$"):
        drained(source, retries=1)


def test_retries_count_failures_in_a_row_and_then_it_is_lost() -> None:
    lost = StreamLostError("scripted", "lost: gone")
    source = Scripted((1, lost), (1, lost), (1, lost), (0, lost))
    with pytest.raises(StreamLostError, match="given up after 1 retries, --retries allows more"):
        drained(source, retries=1)
    assert source.opened == 4
    source = Scripted((1, lost))
    with pytest.raises(StreamLostError, match="gone; given up, --retries"):
        drained(source, retries=0)


def test_a_pipe_is_not_called_again() -> None:
    source = Scripted((2, SourceError("scripted", "ends within frame 3")), returns=False)
    with pytest.raises(SourceError, match="ends within"):
        drained(source, retries=5)
    assert source.opened == 1


def test_whatever_breaks_the_reader_is_raised_where_frames_are_taken() -> None:
    with pytest.raises(ZeroDivisionError):
        drained(Scripted((1, ZeroDivisionError())))


def test_frames_that_the_source_passed_over_are_counted_as_dropped() -> None:
    class Passing(Scripted):
        def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
            yield Arrival(0.0, None)
            yield from super().arrivals(stop)

    taken, counts, _ = drained(Passing((2, None)))
    assert taken == [1, 2]
    assert (counts.tally().received, counts.tally().dropped) == (3, 1)


@pytest.mark.parametrize(("rate", "expected"), [(10.0, [0.0, 0.1, 0.2]), (None, None)])
def test_frames_lie_where_they_came_or_evenly(rate: float | None, expected: list[float] | None) -> None:
    counts, times = Counts(), list[float]()
    mailbox = Mailbox(counts, every=True)
    with Reader(Scripted((3, None)), mailbox, counts, rate=rate):
        while not mailbox.is_over():
            if (got := mailbox.take(0.05)) is not None:
                times.append(got.at)
    if expected is None:
        assert times[0] == 0.0
        assert times == sorted(times)
    else:
        assert times == pytest.approx(expected)


@pytest.mark.parametrize("hold", [lambda stop: stop.wait(30.0), lambda _: time.sleep(10.0)])
def test_the_end_does_not_wait_for_a_source_that_says_nothing(hold: Callable[[threading.Event], object]) -> None:
    class Silent(Scripted):
        def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
            hold(stop)
            yield from ()

    counts = Counts()
    began = time.monotonic()
    with Reader(Silent(), Mailbox(counts), counts):
        pass
    assert time.monotonic() - began < 6.0
