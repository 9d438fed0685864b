"""Ranges that parameters are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

__all__ = ["Choice", "Fixed", "LogUniform", "Range", "Sometimes", "Uniform"]


class Range(Protocol):
    """Something that numbers can be drawn from."""

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw ``(count,)`` numbers on the CPU."""
        ...


@dataclass(frozen=True)
class Fixed:
    """One value."""

    value: float

    def draw(self, count: int, generator: Generator) -> Tensor:  # noqa: ARG002 - a Range
        """Return the value ``(count,)`` times."""
        return torch.full((count,), float(self.value))


@dataclass(frozen=True)
class Uniform:
    """Evenly between two ends."""

    low: float
    high: float

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw ``(count,)`` numbers."""
        return torch.rand(count, generator=generator) * (self.high - self.low) + self.low


@dataclass(frozen=True)
class LogUniform:
    """Evenly between two positive ends in the logarithm: for ratios and gains."""

    low: float
    high: float

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw ``(count,)`` numbers."""
        return Uniform(math.log(self.low), math.log(self.high)).draw(count, generator).exp()


@dataclass(frozen=True)
class Sometimes:
    """With a chance from one range, else a fixed value.

    Attributes:
        chance: 0 to 1.
        then: the range.
        otherwise: the value where it is not drawn from.
    """

    chance: float
    then: Range
    otherwise: float = 0.0

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw ``(count,)`` numbers."""
        on = torch.rand(count, generator=generator) < self.chance
        return torch.where(on, self.then.draw(count, generator), torch.tensor(float(self.otherwise)))


@dataclass(frozen=True)
class Choice:
    """One of several values, each as likely."""

    values: tuple[float, ...]

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Draw ``(count,)`` numbers."""
        return torch.tensor(self.values)[torch.randint(len(self.values), (count,), generator=generator)]
