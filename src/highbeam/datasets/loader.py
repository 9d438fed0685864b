"""Feeding a training device: crops of pictures that are decoded once, made in the background while it works."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from highbeam.datasets.crops import central_window, cut, random_window
from highbeam.datasets.decoding import Halves, Rgb, decode_entry
from highbeam.datasets.entries import Bad, Entry
from highbeam.datasets.order import Order, Share
from highbeam.errors import DatasetError, OptionError, PictureError, PositionError, UsageError

__all__ = ["Batch", "Cache", "Loader", "LoaderOptions", "Waiting", "central_batches"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops of one size.

    Attributes:
        bright: ``(B, S, S, 3)`` RGB ``uint8``.
        low: the dark halves of pairs, likewise; None for single pictures.
        indices: ``(B,)`` ``int64``, which entry each crop is from.
        numbers: ``(B,)`` ``int64``, running numbers that no other crop of the training has: seeds for what is drawn
            per crop later on, such as the night that it is darkened to.
    """

    bright: Rgb
    low: Rgb | None
    indices: NDArray[np.int64]
    numbers: NDArray[np.int64]


@dataclass(frozen=True)
class Waiting:
    """How long whoever asked for batches has waited for them, of how long in all; seconds."""

    waited: float
    total: float

    @property
    def share(self) -> float:
        """From 0, always fed, to 1."""
        return self.waited / self.total if self.total > 0.0 else 0.0


@dataclass(frozen=True)
class LoaderOptions:
    """How to load.

    Attributes:
        batch: crops in a batch of this process.
        crop: side of a crop, pixels.
        zoom: crops show squares of up to ``zoom`` times their side, shrunk.
        flip: exchange left and right in half of them.
        seed: of the order, the crops and the flips.
        cache_bytes: for decoded pictures; what does not fit is decoded again each time.
        workers: threads that make batches.
        ahead: batches that are begun before they are asked for.

    Raises:
        OptionError: a value out of range.
    """

    batch: int = 8
    crop: int = 256
    zoom: float = 1.0
    flip: bool = True
    seed: int = 0
    cache_bytes: int = 2_000_000_000
    workers: int = 1
    ahead: int = 4

    def __post_init__(self) -> None:
        least = {"batch": 1, "crop": 1, "zoom": 1.0, "seed": 0, "cache_bytes": 0, "workers": 1, "ahead": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise OptionError(f"{name} must be at least {bound}, got {getattr(self, name)}")


class Cache:
    """Decoded entries, kept until a budget is used up; from then on, what is not in it is decoded each time.

    What was kept first stays: as every epoch visits every picture once, giving up old ones for new ones would only
    make misses of hits. Usable from several threads.

    Attributes:
        bad: entries that could not be decoded, by index.
    """

    def __init__(self, entries: Sequence[Entry], budget: int) -> None:
        self.bad: dict[int, Bad] = {}
        self._entries = entries
        self._room = budget
        self._kept: dict[int, Halves] = {}
        self._lock = Lock()

    def get(self, index: int) -> Halves | None:
        """Return the pixels of an entry, or None if it is bad."""
        if index in self._kept:
            return self._kept[index]
        if index in self.bad:
            return None
        try:
            halves = decode_entry(self._entries[index])
        except PictureError as error:
            with self._lock:
                self.bad[index] = Bad(self._entries[index].name, error.reason)
            return None
        self._keep(index, halves)
        return halves

    def _keep(self, index: int, halves: Halves) -> None:
        needed = sum(half.nbytes for half in halves)
        with self._lock:
            if index not in self._kept and needed <= self._room:
                self._kept[index] = halves
                self._room -= needed


class Loader:
    """An endless iterator over batches; close it, or use it as a context manager, to end its threads.

    A bad picture is replaced by the next one and listed in :attr:`bad`. The position is that of the next batch to be
    handed out: what has been made ahead does not count.

    Args:
        entries: all pictures, or all pairs; the same ones in the same order in every process.
        options: see :class:`LoaderOptions`.
        share: of this process; all processes take equal parts of every step.
        cache: of these entries, where another loader has filled it; else the loader has its own.

    Raises:
        UsageError: no entries, or pairs and single pictures together.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        options: LoaderOptions | None = None,
        share: Share | None = None,
        cache: Cache | None = None,
    ) -> None:
        _check_uniform(entries)
        self._entries = tuple(entries)
        self._options, self._share = options or LoaderOptions(), share or Share()
        self._order = Order(len(self._entries), self._options.seed)
        self._cache = cache or Cache(self._entries, self._options.cache_bytes)
        self._pool = ThreadPoolExecutor(self._options.workers, thread_name_prefix="highbeam-data")
        self._next = 0
        self._begun: deque[Future[Batch]] = deque()
        self._asked: float | None = None
        self._waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the next batch.

        Raises:
            DatasetError: every picture is bad.
        """
        asked = time.perf_counter()
        self._asked = asked if self._asked is None else self._asked
        self._begin()
        batch = self._begun.popleft().result()
        self._next += self._step
        self._begin()
        self._waited += time.perf_counter() - asked
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    @property
    def epoch(self) -> int:
        """How many times all pictures have been handed out, by all processes together."""
        return self._next // self._order.count

    @property
    def bad(self) -> tuple[Bad, ...]:
        """The entries that could not be decoded, so far."""
        return tuple(self._cache.bad[index] for index in sorted(self._cache.bad))

    def waiting(self) -> Waiting:
        """Return how long batches were waited for since this was last asked, or since the first batch."""
        now = time.perf_counter()
        told = Waiting(self._waited, 0.0 if self._asked is None else now - self._asked)
        self._asked, self._waited = (None if self._asked is None else now), 0.0
        return told

    def state_dict(self) -> dict[str, int | str]:
        """Return the position, as a checkpoint takes it: epoch, position in it, seed, and what they count in."""
        epoch, position = divmod(self._next, self._order.count)
        return {
            "epoch": epoch,
            "position": position,
            "seed": self._order.seed,
            "count": self._order.count,
            "data": _digest(self._entries),
        }

    def load_state_dict(self, state: Mapping[str, int | str]) -> None:
        """Go on from a position; the number of processes and the size of batches may differ from those before.

        Raises:
            PositionError: it is one in other data, or with another seed.
        """
        mine = self.state_dict()
        for key in ("seed", "count", "data"):
            if state.get(key) != mine[key]:
                raise PositionError(
                    f"the saved position is one in other data: {key} is {state.get(key)}, here {mine[key]};"
                    " go on with the data and the seed of then, or start anew"
                )
        while self._begun:
            self._begun.pop().cancel()
        self._next = int(state["epoch"]) * self._order.count + int(state["position"])

    @property
    def _step(self) -> int:
        return self._options.batch * self._share.world

    def _begin(self) -> None:
        """Have as many batches under way as wanted."""
        while len(self._begun) < self._options.ahead:
            start = self._next + len(self._begun) * self._step
            self._begun.append(self._pool.submit(self._made, start))

    def _made(self, start: int) -> Batch:
        numbers = self._order.numbers(start, self._options.batch, self._share)
        crops, indices = [], []
        for number in numbers:
            index, halves = self._found(self._order.picture(number))
            rng = self._order.generator(number)
            window = random_window(
                rng, halves[0].shape, self._options.crop, zoom=self._options.zoom, flip=self._options.flip
            )
            crops.append(tuple(cut(half, window, self._options.crop) for half in halves))
            indices.append(index)
        return _batch(crops, indices, numbers)

    def _found(self, index: int) -> tuple[int, Halves]:
        """Return an entry that can be decoded: the one meant, or the first after it."""
        for candidate in (*range(index, self._order.count), *range(index)):
            halves = self._cache.get(candidate)
            if halves is not None:
                return candidate, halves
        first = self._cache.bad[0]
        raise DatasetError(f"none of {self._order.count} pictures can be read, such as {first.name}: {first.reason}")


def central_batches(
    entries: Sequence[Entry], batch: int, crop: int, share: Share | None = None, *, cache: Cache | None = None
) -> Iterator[Batch]:
    """Yield the central crops of this process's part of the entries, each once, for evaluation.

    Args:
        entries: all pictures, or all pairs; process ``rank`` of ``world`` takes every ``world``-th.
        batch: crops in a batch; the last one may have fewer.
        crop: side of a crop, pixels.
        share: of this process.
        cache: of these entries, where this is done again and again.

    Raises:
        UsageError: no entries, or pairs and single pictures together.
        DatasetError: an entry cannot be decoded: figures over fewer pictures would not compare.
    """
    _check_uniform(entries)
    share, cache = share or Share(), cache or Cache(entries, 0)
    mine = range(share.rank, len(entries), share.world)
    for start in range(0, len(mine), batch):
        indices = mine[start : start + batch]
        crops = []
        for index in indices:
            halves = cache.get(index)
            if halves is None:
                raise DatasetError(f"{cache.bad[index].name}: {cache.bad[index].reason}")
            crops.append(tuple(cut(half, central_window(half.shape, crop), crop) for half in halves))
        yield _batch(crops, indices, indices)


def _batch(crops: Sequence[Halves], indices: Sequence[int], numbers: Sequence[int]) -> Batch:
    halves = [np.stack(half) for half in zip(*crops, strict=True)]
    low = halves[1] if len(halves) > 1 else None
    return Batch(halves[0], low, np.asarray(indices, np.int64), np.asarray(numbers, np.int64))


def _check_uniform(entries: Sequence[Entry]) -> None:
    if not entries:
        raise UsageError("there are no pictures to load")
    if len({entry.low is None for entry in entries}) > 1:
        raise UsageError("pairs and single pictures do not go together; load them one after the other")


def _digest(entries: Sequence[Entry]) -> str:
    """Tell lists of entries apart, wherever they lie."""
    return hashlib.sha256("\n".join(entry.name for entry in entries).encode()).hexdigest()[:16]
