"""Work on many pictures: in order, on several threads, with a bar."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice, takewhile
from threading import Event
from typing import TypeAlias, TypeVar

__all__ = ["Bar", "in_order", "no_bar"]

Bar: TypeAlias = Callable[[int], AbstractContextManager[Callable[[], None]]]
"""From a number of steps to a context whose value is called after each of them."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def no_bar(_total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show nothing."""
    return nullcontext(lambda: None)


@contextmanager
def in_order(work: Callable[[Job], Iterable[Result]], jobs: Iterable[Job], workers: int) -> Iterator[Iterator[Result]]:
    """Give the results of jobs in their order, made on threads that end with the block.

    Few jobs are begun ahead, so that few results are ever in memory. Whoever leaves the block early waits for no more
    than the result that each thread is at.

    Args:
        work: from a job to its results, made one by one.
        jobs: may be endless.
        workers: threads.
    """
    todo, stop, waiting = iter(jobs), Event(), deque[Future[list[Result]]]()

    def done(job: Job) -> list[Result]:
        return list(takewhile(lambda _result: not stop.is_set(), work(job)))

    def results() -> Iterator[Result]:
        waiting.extend(pool.submit(done, job) for job in islice(todo, 2 * workers))
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(done, job) for job in islice(todo, 1))

    with ThreadPoolExecutor(workers, thread_name_prefix="highbeam-data") as pool:
        try:
            yield results()
        finally:
            stop.set()
            for future in waiting:
                future.cancel()
