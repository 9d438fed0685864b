"""Values of many pictures brought together, exactly, also over processes: a thin shell over the pure functions.

One value is kept for each picture and metric, and nothing is added up before the end, and then by ``math.fsum``, which
rounds once. So a mean depends neither on how the pictures were dealt to processes nor on who reports first. Pictures
are told apart by a key: one that two processes measured, as samplers that fill up odd counts make them do, counts once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from highbeam.errors import MetricError
from highbeam.methods.base import Pixels
from highbeam.metrics.base import Kind
from highbeam.metrics.registry import find

__all__ = ["Accumulator", "Summary", "measure"]

Given: TypeAlias = Pixels | Sequence[Pixels]
"""A picture; for metrics of clips, its frames."""

_BESIDE: Mapping[Kind, str] = {"full-reference": "reference", "input-output": "source", "clip": "source"}


@dataclass(frozen=True)
class Summary:
    """What the values of one metric come to.

    Attributes:
        mean: over the pictures where the metric is defined; NaN where there are none.
        median: over the same.
        low: the lowest of the same.
        high: the highest of the same.
        count: how many they are.
        undefined: pictures left out, because the metric found nothing to measure in them.
    """

    mean: float
    median: float
    low: float
    high: float
    count: int
    undefined: int


def measure(
    names: Iterable[str], output: Given, *, reference: Given | None = None, source: Given | None = None
) -> dict[str, float]:
    """Measure one picture, or one clip, by several metrics.

    Args:
        names: keys of :data:`highbeam.metrics.METRICS`; those of clips take frames, the others pictures.
        output: what was made of ``source``.
        reference: what it should be; for metrics of the kind ``full-reference``.
        source: the dark input; for metrics of the kinds ``input-output`` and ``clip``.

    Returns:
        The values, by name, in the order of the names. NaN where a metric is not defined.

    Raises:
        UnknownMetricError: no metric of that name.
        MetricError: a metric lacks what it needs.
        ArrayError: pictures that a metric does not take.
    """
    beside = {"reference": reference, "source": source}
    values = {}
    for spec in map(find, names):
        other = beside[_BESIDE[spec.kind]] if spec.kind in _BESIDE else None
        if other is None and spec.kind in _BESIDE:
            raise MetricError(f"{spec.name} is {spec.kind}: give it a {_BESIDE[spec.kind]}")
        values[spec.name] = spec.function(output) if other is None else spec.function(output, other)
    return values


@dataclass
class Accumulator:
    """Values by metric and picture; can be pickled, and so sent between processes.

    Attributes:
        values: by metric, then by the picture's key.
    """

    values: dict[str, dict[str, float]] = field(default_factory=dict)

    def update(self, key: str, measured: Mapping[str, float]) -> None:
        """Keep what was measured of one picture.

        Args:
            key: tells the picture from all others in all processes; its path in the data set, as a rule.
            measured: values by metric, as from :func:`measure`.

        Raises:
            UnknownMetricError: no metric of that name.
            MetricError: there is another value of the same metric under that key.
        """
        for name, value in measured.items():
            kept = self.values.setdefault(find(name).name, {}).setdefault(key, value)
            if kept != value and not (math.isnan(kept) and math.isnan(value)):
                raise MetricError(f"{name} of {key!r} is both {kept!r} and {value!r}; give each picture its own key")

    def merge(self, *others: Accumulator) -> Accumulator:
        """Return all values together, and leave their owners as they are; what two have measured counts once.

        Raises:
            MetricError: two have different values for one picture.
        """
        together = Accumulator()
        for part in (self, *others):
            for name, values in part.values.items():
                for key, value in values.items():
                    together.update(key, {name: value})
        return together

    def compute(self) -> dict[str, Summary]:
        """Summarise each metric: the same to the last bit for any split of the pictures and any order."""
        return {name: _summary(list(values.values())) for name, values in self.values.items()}


def _summary(values: list[float]) -> Summary:
    defined = sorted(value for value in values if not math.isnan(value))
    count = len(defined)
    if not count:
        return Summary(math.nan, math.nan, math.nan, math.nan, 0, len(values))
    middle = defined[(count - 1) // 2 : count // 2 + 1]
    mean, median = math.fsum(defined) / count, math.fsum(middle) / len(middle)
    return Summary(mean, median, defined[0], defined[-1], count, len(values) - count)
