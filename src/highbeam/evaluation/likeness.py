"""Whether means are over the same pictures: only such are held against each other, and only such have a best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from highbeam.evaluation.results import Results, Row, SetInfo

__all__ = ["alike", "cases_of", "common_cases"]


def common_cases(rows: Iterable[Row]) -> frozenset[str]:
    """Return the cases that every subject has a row of, among the subjects of these rows of one set."""
    by_subject: dict[str, set[str]] = {}
    for row in rows:
        by_subject.setdefault(row.subject, set()).add(row.case)
    return frozenset(set.intersection(*by_subject.values())) if by_subject else frozenset()


def cases_of(results: Results, one: SetInfo, subset: str) -> frozenset[str]:
    """Return the cases of a set that a subset of the means is over, measured by any subject.

    Args:
        results: of the evaluation.
        one: the set.
        subset: ``all``, ``strict`` or ``common``.
    """
    rows = [row for row in results.rows if row.set == one.name]
    if subset == "common":
        return common_cases(rows)
    seen = {key for keys in one.shared.values() for key in keys} if subset == "strict" else set()
    return frozenset(row.case for row in rows if row.case not in seen)


def alike(results: Results, one: SetInfo, subset: str, figure: str) -> bool:
    """Whether a figure's means are over the same pictures for every subject that was measured on a set."""
    kept = cases_of(results, one, subset)
    found = {_defined(results.of(one.name, subject.name), kept, figure) for subject in results.subjects}
    return len(found - {None}) <= 1


def _defined(rows: Sequence[Row], kept: frozenset[str], figure: str) -> frozenset[str] | None:
    """Return the cases that a subject has the figure of; None where it was not measured at all."""
    if not rows:
        return None
    return frozenset(row.case for row in rows if row.case in kept and not math.isnan(row.values.get(figure, math.nan)))
