"""From rows to results: means with intervals, comparisons of every two subjects, and what a reader must know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from highbeam.evaluation.cases import TestSet
from highbeam.evaluation.likeness import common_cases
from highbeam.evaluation.overlap import shared_cases, strict_keys, warnings_for
from highbeam.evaluation.protocol import Protocol, figures_of, spec_of
from highbeam.evaluation.results import Comparison, Interval, Results, Row, SetInfo, SubjectInfo
from highbeam.evaluation.runner import Evaluation
from highbeam.evaluation.statistics import interval, sign_flip
from highbeam.evaluation.timing import Timed

__all__ = ["summarise"]


def summarise(
    evaluation: Evaluation,
    rows: Sequence[Row],
    *,
    machine: Mapping[str, Any],
    seconds: Mapping[str, Timed] | None = None,
) -> Results:
    """Bring rows together: means with intervals, comparisons of every two subjects, and warnings.

    Args:
        evaluation: what the rows are of.
        rows: of :meth:`Evaluation.rows`.
        machine: what they were made with.
        seconds: what each subject takes for a frame.
    """
    timed = seconds or {}
    infos = [replace(subject.info, **_times(timed.get(subject.name))) for subject in evaluation.subjects]
    by_set = {found.name: [row for row in rows if row.set == found.name] for found in evaluation.sets}
    sets = [_set_info(evaluation, found, infos, by_set[found.name]) for found in evaluation.sets]
    return Results(
        protocol=evaluation.protocol.describe(found.kind for found in evaluation.sets)
        | {"largest picture (pixels)": evaluation.limits.max_pixels},
        machine=dict(machine),
        sets=tuple(sets),
        subjects=tuple(infos),
        rows=tuple(rows),
        means={found.name: _set_means(evaluation, found, infos, by_set[found.name]) for found in evaluation.sets},
        comparisons=tuple(
            comparison
            for found in evaluation.sets
            for comparison in _comparisons(found, by_set[found.name], infos, evaluation.protocol)
        ),
        passed_over=dict(evaluation.passed_over),
        warnings=(
            *warnings_for(evaluation.sets, infos),
            *_unmeasured(by_set),
            *_without_scenes(evaluation),
            *_counted(sets),
            *_unlike(by_set),
            *_passed_over(evaluation.passed_over),
        ),
    )


def _set_info(evaluation: Evaluation, found: TestSet, infos: Sequence[SubjectInfo], rows: Sequence[Row]) -> SetInfo:
    shared = {info.name: shared_cases(found, info.trained_on) for info in infos}
    kept = {name: keys for name, keys in shared.items() if keys}
    count = len({row.case for row in rows})
    return SetInfo(found.name, found.kind, count, found.sha256, evaluation.lost[found.name], kept)


def _set_means(
    evaluation: Evaluation, found: TestSet, infos: Sequence[SubjectInfo], rows: Sequence[Row]
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Return the means of a set by subject and subset."""
    protocol, every = evaluation.protocol, frozenset(case.key for case in found.cases)
    strict, figures = strict_keys(found, infos), figures_of(evaluation.protocol, found.kind)
    wanted = found.layout and (strict != every or protocol.strict)  # of a plain folder no scene is known
    subsets = {"all": every} | ({"strict": strict} if wanted else {})
    common = common_cases(rows)
    if common != {row.case for row in rows}:
        subsets["common"] = common
    return {
        info.name: {
            subset: _means([row for row in rows if row.subject == info.name and row.case in keys], figures, protocol)
            for subset, keys in subsets.items()
        }
        for info in infos
    }


def _times(found: Timed | None) -> dict[str, Any]:
    return {} if found is None else found._asdict()


def _counted(sets: Sequence[SetInfo]) -> list[str]:
    return [
        f"{found.name}: {len(found.missing)} left out because they are missing, cannot be read or do not fit"
        for found in sets
        if found.missing
    ]


def _unmeasured(by_set: Mapping[str, Sequence[Row]]) -> list[str]:
    """Name figures that no picture of a set has, such as of metrics that take larger pictures."""
    return [
        f"{name}: {figure} is defined on none of the pictures"
        for name, rows in by_set.items()
        for figure in (rows[0].values if rows else ())
        if all(math.isnan(row.values[figure]) for row in rows)
    ]


def _unlike(by_set: Mapping[str, Sequence[Row]]) -> list[str]:
    return [
        f"{name}: its subjects have figures of different pictures, {len(common_cases(rows))} of them of all; compare"
        " means over these alone"
        for name, rows in by_set.items()
        if common_cases(rows) != {row.case for row in rows}
    ]


def _passed_over(found: Mapping[str, int]) -> list[str]:
    told = "; ".join(f"{count} {what}" for what, count in found.items())
    return [f"passed over, since nothing here measures them: {told}"] if found else []


def _without_scenes(evaluation: Evaluation) -> list[str]:
    return [
        f"{found.name}: no scene of it is known, so there is no strict subset; name it as LAYOUT:ROOT if it is one"
        for found in evaluation.sets
        if evaluation.protocol.strict and not found.layout
    ]


def _means(rows: Sequence[Row], figures: Sequence[str], protocol: Protocol) -> dict[str, Interval]:
    return {
        figure: interval(
            [row.values[figure] for row in rows],
            resamples=protocol.resamples,
            confidence=protocol.confidence,
            seed=protocol.seed,
        )
        for figure in figures
    }


def _comparisons(
    found: TestSet, rows: Sequence[Row], infos: Sequence[SubjectInfo], protocol: Protocol
) -> list[Comparison]:
    by_subject = {info.name: {row.case: row for row in rows if row.subject == info.name} for info in infos}
    return [
        _comparison(found.name, figure, (one, by_subject[one]), (other, by_subject[other]), protocol)
        for figure in figures_of(protocol, found.kind)
        for one, other in combinations(by_subject, 2)
        if spec_of(figure).higher_is_better is not None
    ]


def _comparison(
    name: str,
    figure: str,
    first: tuple[str, Mapping[str, Row]],
    second: tuple[str, Mapping[str, Row]],
    protocol: Protocol,
) -> Comparison:
    both = [key for key in first[1] if key in second[1]]
    differences = [_difference(first[1][key].values[figure], second[1][key].values[figure]) for key in both]
    sign = 1.0 if spec_of(figure).higher_is_better else -1.0
    return Comparison(
        set=name,
        figure=figure,
        first=first[0],
        second=second[0],
        difference=interval(
            differences, resamples=protocol.resamples, confidence=protocol.confidence, seed=protocol.seed
        ),
        p=sign_flip(differences, resamples=protocol.resamples, seed=protocol.seed),
        wins=sum(sign * value > 0.0 for value in differences),
        losses=sum(sign * value < 0.0 for value in differences),
    )


def _difference(one: float, other: float) -> float:
    """Return the difference of two figures; none where both are infinite."""
    return 0.0 if one == other else one - other
