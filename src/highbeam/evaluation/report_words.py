"""What the report says and chooses: numbers as text, what figures mean, and which cases are worth a look."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from highbeam.evaluation.results import RESCALED, Interval, Results, Row, SubjectInfo
from highbeam.metrics.registry import METRICS

__all__ = [
    "Chosen",
    "Figure",
    "choose_cases",
    "decimals",
    "figure_of",
    "figures_of",
    "interval",
    "main_figure",
    "main_subject",
    "number",
    "probability",
    "seconds",
    "subjects_of",
]

_KEPT = 4
"""Digits that a typical value of a column is shown with."""

_LEAST_P = 0.001


@dataclass(frozen=True)
class Figure:
    """What is known of a figure by its name.

    Attributes:
        name: as in the results.
        unit: of the value; empty for a pure number.
        better: whether higher is better; None where it only describes, or is not known here.
        summary: one line.
        source: where it is defined.
    """

    name: str
    unit: str = ""
    better: bool | None = None
    summary: str = ""
    source: str = ""

    @property
    def arrow(self) -> str:
        """Which way is better, as an arrow; empty where no way is."""
        return {True: "\N{UPWARDS ARROW}", False: "\N{DOWNWARDS ARROW}", None: ""}[self.better]

    @property
    def title(self) -> str:
        """The name with its unit and arrow, for an axis."""
        unit = f", {self.unit}" if self.unit else ""
        return f"{self.name}{unit} {self.arrow}".rstrip()

    def merit(self, value: float) -> float:
        """Return a value that is the larger the better."""
        return -value if self.better is False else value


class Chosen(NamedTuple):
    """Cases of a set that are shown in pictures.

    Attributes:
        best: keys, the best first.
        worst: keys, the worst first.
    """

    best: tuple[str, ...]
    worst: tuple[str, ...]


def figure_of(name: str) -> Figure:
    """Return what the table of metrics says of a figure."""
    spec = METRICS.get(name.removesuffix(RESCALED))
    if spec is None:
        return Figure(name)
    after = ", after the output was brought to the reference's mean brightness" if name.endswith(RESCALED) else ""
    return Figure(name, spec.unit, spec.higher_is_better, spec.summary + after, spec.source)


def figures_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the names of all figures of some rows, in the order in which they first come."""
    return tuple(dict.fromkeys(name for row in rows for name in row.values))


def main_figure(figures: Sequence[str]) -> str | None:
    """Return ``psnr`` if it is there, else the first figure that has a direction; None without any."""
    directed = [name for name in figures if figure_of(name).better is not None]
    return "psnr" if "psnr" in figures else next(iter(directed), None)


def main_subject(subjects: Sequence[SubjectInfo]) -> SubjectInfo | None:
    """Return the first network, else the first subject that is not the input, else the first; None without any."""
    networks = [subject for subject in subjects if subject.kind == "network"]
    others = [subject for subject in subjects if subject.kind != "input"]
    return next(iter([*networks, *others, *subjects]), None)


def choose_cases(results: Results, figure: str | None = None, count: int = 2) -> dict[str, Chosen]:
    """Choose the best and worst cases of each set, by one figure of the main subject.

    Args:
        results: of the evaluation.
        figure: by which; a set that lacks it, or None, takes the set's own main figure.
        count: most of the best, and most of the worst; no case is both.

    Returns:
        By name of the set. Cases where the figure is not defined are never chosen.
    """
    return {one.name: _choose(results, one.name, figure, count) for one in results.sets}


def subjects_of(results: Results, set_name: str) -> tuple[SubjectInfo, ...]:
    """Return the subjects that were measured on a set."""
    present = {row.subject for row in results.rows if row.set == set_name}
    return tuple(subject for subject in results.subjects if subject.name in present)


def _choose(results: Results, set_name: str, figure: str | None, count: int) -> Chosen:
    subject = main_subject(subjects_of(results, set_name))
    rows = results.of(set_name, subject.name) if subject else ()
    figures = figures_of(rows)
    by = figure if figure in figures else main_figure(figures)
    if by is None:
        return Chosen((), ())
    known = [(figure_of(by).merit(row.values[by]), row.case) for row in rows if not _undefined(row.values, by)]
    ranked = [case for _, case in sorted(known, key=lambda pair: (-pair[0], pair[1]))]
    best, worst = min(count, (len(ranked) + 1) // 2), min(count, len(ranked) // 2)
    return Chosen(tuple(ranked[:best]), tuple(reversed(ranked[len(ranked) - worst :])))


def _undefined(values: Mapping[str, float], name: str) -> bool:
    return math.isnan(values.get(name, math.nan))


def decimals(values: Iterable[float]) -> int:
    """Return how many places a column of such values is shown with."""
    sizes = [abs(value) for value in values if math.isfinite(value) and value]
    if not sizes:
        return 2
    return max(0, min(_KEPT, _KEPT - 1 - math.floor(math.log10(float(np.median(sizes))))))


def number(value: float, places: int, *, sign: bool = False) -> str:
    """Return a number as it is printed; a dash where there is none."""
    if math.isnan(value):
        return "\N{EN DASH}"
    if math.isinf(value):
        plain = "inf" if value > 0 else "-inf"
    else:
        plain = f"{value:.{places}f}" if abs(value) < 10**7 else f"{value:.3g}"
    plain = f"+{plain}" if sign and value > 0 else plain
    return plain.replace("inf", "\N{INFINITY}").replace("-", "\N{MINUS SIGN}")


def interval(found: Interval, places: int, *, sign: bool = False) -> str:
    """Return an interval's two ends in brackets; empty where there are none."""
    if math.isnan(found.low) or math.isnan(found.high):
        return ""
    return f"[{number(found.low, places, sign=sign)}, {number(found.high, places, sign=sign)}]"


def probability(p: float) -> str:
    """Return a p-value as it is printed."""
    return f"< {_LEAST_P}" if p < _LEAST_P else number(p, 3)


def seconds(value: float | None) -> str:
    """Return a time in the unit that suits it; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} \N{MICRO SIGN}s"
