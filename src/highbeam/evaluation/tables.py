"""Results as plain text: what a terminal shows, every switch included."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from highbeam.evaluation.likeness import cases_of
from highbeam.evaluation.report_words import Figure, decimals, figure_of
from highbeam.evaluation.results import Comparison, Interval, Results, SetInfo, SubjectInfo
from highbeam.evaluation.verdicts import LEAST_PICTURES, is_told, winner

__all__ = ["aligned", "tables", "verdict"]


def tables(results: Results) -> str:
    """Lay out results: a table per set, comparisons by the first figure, the protocol, and the warnings."""
    parts = [_set(results, found) for found in results.sets]
    parts.append(_times(results))
    parts.append("measured\n" + _facts({subject.name: _subject(subject) for subject in results.subjects}))
    parts.append("protocol\n" + _facts(results.protocol))
    parts.append("machine\n" + _facts(results.machine))
    parts += [f"warning: {text}" for text in results.warnings]
    return "\n\n".join(part for part in parts if part)


def aligned(lines: Sequence[Sequence[str]], *, left: bool = False) -> str:
    """Set cells below each other, the first column to the left, the others to the right unless all go to the left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def cell(place: int, text: str) -> str:
        return text.rjust(widths[place]) if place and not left else text.ljust(widths[place])

    return "\n".join("  ".join(cell(i, text) for i, text in enumerate(line)).rstrip() for line in lines)


def verdict(comparison: Comparison) -> str:
    """Say in words what a comparison has found."""
    name, first, second = comparison.figure, comparison.first, comparison.second
    if not is_told(comparison):
        return f"{first} and {second}: too few pictures to compare {name} (it takes {LEAST_PICTURES})"
    ahead = winner(comparison)
    won, lost = (comparison.wins, comparison.losses)[:: -1 if ahead == second else 1]
    told = f"{won} : {lost} pictures, p = {comparison.p:.2g}"
    if ahead is None:
        return f"{first} and {second}: no difference in {name} that can be told ({told})"
    return f"{ahead} is better than {second if ahead == first else first} in {name} ({told})"


def _set(results: Results, found: SetInfo) -> str:
    means = results.means[found.name]
    subsets = list(dict.fromkeys(subset for rows in means.values() for subset in rows))
    parts = [f"{found.name}: {found.count} {_NOUNS[found.kind]}, SHA-256 {found.sha256}"]
    for subset in subsets:
        rows = {name: kept[subset] for name, kept in means.items() if subset in kept}
        count = len(cases_of(results, found, subset))
        if subset != "all":
            parts.append(f"{subset} subset: the {count} {_SUBSETS[subset]}")
        parts.append(_means(rows, count))
    parts.append("\n".join(map(verdict, _first_figure(results, found.name))))
    if found.missing:
        parts.append(f"left out: {len(found.missing)}\n" + "\n".join(f"  {k}: {v}" for k, v in found.missing.items()))
    return "\n\n".join(part for part in parts if part)


_SUBSETS = {
    "strict": "whose scenes nothing measured here was trained on",
    "common": "that every subject has, over which alone their means compare",
}
_NOUNS = {"pairs": "pairs", "outputs": "references", "pictures": "pictures", "clips": "clips"}


def _first_figure(results: Results, name: str) -> Iterable[Comparison]:
    own = [row for row in results.comparisons if row.set == name]
    return [row for row in own if row.figure == own[0].figure]


def _means(rows: Mapping[str, Mapping[str, Interval]], count: int) -> str:
    """Lay out means; a subject of fewer pictures than ``count`` says of how many."""
    figures = list(dict.fromkeys(figure for kept in rows.values() for figure in kept))
    places = {figure: decimals(kept[figure].mean for kept in rows.values()) for figure in figures}
    lines = [["", *(_heading(figure_of(figure)) for figure in figures)]]
    for name, kept in rows.items():
        own = max((mean.count + mean.undefined for mean in kept.values()), default=0)
        label = name if own == count else f"{name} ({own} of {count})"
        lines.append([label, *(_cell(kept[figure], places[figure]) for figure in figures)])
    return aligned(lines)


def _heading(figure: Figure) -> str:
    way = {True: " (higher is better)", False: " (lower is better)", None: ""}[figure.better]
    return f"{figure.name}{', ' + figure.unit if figure.unit else ''}{way}"


def _cell(mean: Interval, places: int) -> str:
    if math.isnan(mean.mean):
        return "-"
    told = f"{mean.mean:.{places}f}"
    if math.isinf(mean.mean) and not math.isnan(mean.median):
        told += f" (median {mean.median:.{places}f})"
    if not math.isnan(mean.low):
        told += f" [{mean.low:.{places}f}, {mean.high:.{places}f}]"
    return told + (f" of {mean.count}" if mean.undefined else "")


def _times(results: Results) -> str:
    timed = [subject for subject in results.subjects if subject.seconds is not None]
    if not timed:
        return ""
    lines = [["one frame of 1280x720", "ms [quartiles]", "times OpenCV CLAHE"]]
    lines += [[subject.name, _milliseconds(subject), f"{subject.ratio or 0:.1f}"] for subject in timed]
    return aligned(lines)


def _milliseconds(subject: SubjectInfo) -> str:
    told = f"{1000 * (subject.seconds or 0):.1f}"
    if subject.quartiles is None:
        return told
    low, high = (1000 * second for second in subject.quartiles)
    return f"{told} [{low:.1f}, {high:.1f}]"


def _subject(subject: SubjectInfo) -> str:
    told = [f"{subject.kind}: {subject.about}" if subject.about else subject.kind]
    told += [f"SHA-256 {subject.sha256}"] if subject.sha256 else []
    told += [f"trained on {', '.join(subject.trained_on)}"] if subject.trained_on else []
    return "; ".join([*told, *(f"{name} {_fact(value)}" for name, value in subject.options.items())])


def _facts(facts: Mapping[str, object]) -> str:
    width = max(map(len, facts), default=0)
    return "\n".join(f"  {name.ljust(width)}  {_fact(value)}" for name, value in facts.items())


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_fact(inner)}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
