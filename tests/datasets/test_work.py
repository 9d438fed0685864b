"""Results in order, few at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from highbeam.datasets.work import in_order, no_bar


def one(number: int) -> list[int]:
    return [number]


def our_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("highbeam-data")]


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order(workers: int) -> None:
    def slow(number: int) -> list[int]:
        time.sleep(0.002 * (number % 3))
        return [number * number]

    with in_order(slow, range(30), workers) as results:
        assert list(results) == [number * number for number in range(30)]
    with in_order(slow, [], workers) as results:
        assert list(results) == []


def test_a_job_may_have_any_number_of_results() -> None:
    with in_order(range, [3, 0, 1], 2) as results:
        assert list(results) == [0, 1, 2, 0]


def test_few_are_begun_ahead() -> None:
    begun: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    with in_order(one, jobs(), 2) as results:
        assert next(results) == 0
        assert len(begun) == 4
        assert next(results) == 1
        assert len(begun) == 5


def test_an_error_is_handed_on_and_ends_the_rest() -> None:
    done: list[int] = []

    def work(number: int) -> list[int]:
        if number == 3:
            raise ValueError("three")
        done.append(number)
        return [number]

    with pytest.raises(ValueError, match="three"), in_order(work, range(1000), 1) as results:
        list(results)
    assert len(done) < 10


def test_whoever_stops_asking_leaves_no_thread() -> None:
    with in_order(one, range(1000), 2) as results:
        next(results)
        assert our_threads()
    assert not our_threads()


def test_whoever_stops_asking_does_not_wait_for_whole_jobs() -> None:
    made: list[int] = []

    def work(job: int) -> Iterator[int]:
        for number in range(1 if job == 0 else 1000):
            time.sleep(0.005)
            made.append(number)
            yield number

    with in_order(work, range(3), 1) as results:
        next(results)
        time.sleep(0.05)
    assert len(made) < 500
    assert not our_threads()


def test_no_bar() -> None:
    with no_bar(5) as step:
        step()
