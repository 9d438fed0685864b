"""Three steps at once, with short queues between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["overlap"]

_GLANCE = 0.05  # seconds; how soon a step that cannot hand on sees that nobody takes

_Item = TypeVar("_Item")
_First = TypeVar("_First")
_Second = TypeVar("_Second")


class _BrokenError(Exception):
    """A neighbour broke off."""


@dataclass(frozen=True)
class _End:
    """Stands after the last item; early, where more were to come."""

    early: bool = False


class _Pipe(Generic[_Item]):
    """A queue of few places from which the taker may go away."""

    def __init__(self, places: int) -> None:
        self._queue: queue.Queue[_Item | _End] = queue.Queue(places)
        self._left = threading.Event()

    def put(self, item: _Item | _End) -> None:
        while not self._left.is_set():
            try:
                return self._queue.put(item, timeout=_GLANCE)
            except queue.Full:
                continue
        raise _BrokenError

    def leave(self) -> None:
        """Take no more."""
        self._left.set()

    def __iter__(self) -> Iterator[_Item]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.early:
            raise _BrokenError


def overlap(
    produce: Callable[[], Generator[_First, None, None]],
    work: Callable[[_First], _Second],
    consume: Callable[[Iterator[_Second]], None],
    *,
    places: int = 4,
) -> None:
    """Produce on one thread, work on this one and consume on a third, at the same time and in order.

    Args:
        produce: called on a thread of its own; gives the items.
        work: called on this thread, with one after the other.
        consume: called on a thread of its own, with the results.
        places: items that wait between two steps.

    Raises:
        BaseException: what broke one of the three. What came before it was finished by the later steps, and both
            threads have ended.
    """
    errors: list[BaseException] = []
    first: _Pipe[_First] = _Pipe(places)
    second: _Pipe[_Second] = _Pipe(places)

    def feed() -> None:
        with _between(None, first, errors), closing(produce()) as items:
            for item in items:
                first.put(item)

    def drain() -> None:
        with _between(second, None, errors):
            consume(iter(second))

    threads = [threading.Thread(target=step, name="highbeam-clip") for step in (feed, drain)]
    for thread in threads:
        thread.start()
    with _between(first, second, errors):
        for item in first:
            second.put(work(item))
    _join(threads, first)
    if errors:
        raise errors[0]


@contextmanager
def _between(taken: _Pipe[Any] | None, given: _Pipe[Any] | None, errors: list[BaseException]) -> Iterator[None]:
    """Do a step, and tell its neighbours that it is over, and whether too early."""
    early = True
    try:
        yield
        early = False
    except _BrokenError:
        pass  # a neighbour ended early and says why itself
    except BaseException as error:  # noqa: BLE001 - raised again on the caller's thread
        errors.append(error)
    finally:
        if taken is not None:
            taken.leave()
        if given is not None:
            with suppress(_BrokenError):
                given.put(_End(early))


def _join(threads: list[threading.Thread], first: _Pipe[Any]) -> None:
    """Wait for both; whatever strikes meanwhile (Ctrl-C) ends the first, and with it the second."""
    try:
        for thread in threads:
            thread.join()
    except BaseException:
        first.leave()
        for thread in threads:
            thread.join()
        raise
