"""In which order pictures are seen, and what is random about each: functions of a seed and a running number alone.

Nothing here has a state, so that a position is a number, and what comes after it is the same however it was reached:
by any number of processes, after a crash, with or without a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import OptionError

__all__ = ["Order", "Share"]


@dataclass(frozen=True)
class Share:
    """Which part of the work is this process's.

    Attributes:
        rank: from 0.
        world: how many processes there are.

    Raises:
        OptionError: a rank that is not below the number of processes.
    """

    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise OptionError(f"rank must be 0 to {self.world - 1}, got {self.rank}")


@dataclass(frozen=True)
class Order:
    """An endless sequence in which every epoch has every picture once.

    Attributes:
        count: pictures.
        seed: of the order and of everything random.
    """

    count: int
    seed: int = 0

    def picture(self, number: int) -> int:
        """Return the index of the picture with a running number, which counts on over epochs."""
        epoch, position = divmod(number, self.count)
        return int(_shuffled(self.seed, epoch, self.count)[position])

    def generator(self, number: int) -> np.random.Generator:
        """Return what is random about the picture with a running number."""
        return np.random.default_rng([self.seed, _PICTURE, number])

    def numbers(self, start: int, batch: int, share: Share) -> range:
        """Return the running numbers of this process's batch, of those that all processes take from a number on."""
        first = start + share.rank * batch
        return range(first, first + batch)


_EPOCH, _PICTURE = 0, 1  # so that the order and the crops draw from different streams


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, _EPOCH, epoch]).permutation(count)
