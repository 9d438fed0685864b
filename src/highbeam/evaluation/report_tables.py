"""The tables of the report, as HTML: summary, comparisons, every picture, subjects, sets, figures and the protocol."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from highbeam.evaluation.likeness import alike, cases_of
from highbeam.evaluation.plots import escape, marker
from highbeam.evaluation.report_words import (
    Figure,
    decimals,
    figure_of,
    figures_of,
    interval,
    number,
    probability,
    seconds,
    subjects_of,
)
from highbeam.evaluation.results import Comparison, Interval, Results, Row, SetInfo, SubjectInfo
from highbeam.evaluation.verdicts import LEAST_PICTURES, is_told, winner

__all__ = [
    "comparisons",
    "facts",
    "glossary",
    "name_of",
    "pictures",
    "set_facts",
    "styles_of",
    "subject_list",
    "summary",
]

_SUBSETS = {
    "all": "All pictures",
    "strict": "Strict: without pictures whose scenes training data show",
    "common": "Common: pictures that every subject has",
}


def styles_of(results: Results) -> dict[str, int]:
    """Return the colour and shape of each subject by name: 0 for the input, then in their order."""
    others = [subject.name for subject in results.subjects if subject.kind != "input"]
    return {subject.name: 0 for subject in results.subjects} | {name: i for i, name in enumerate(others, 1)}


def name_of(subject: str, styles: Mapping[str, int]) -> str:
    """Return a subject's mark and name."""
    mark = (
        f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true"><path {marker(styles.get(subject, 0), 7, 7)}/></svg>'
    )
    return f'<span class="name">{mark}{escape(subject)}</span>'


def summary(results: Results, one: SetInfo, styles: Mapping[str, int]) -> str:
    """Return the means of a set with their intervals, the best of each column bold where it is of the same pictures."""
    means = results.means.get(one.name, {})
    figures = list(
        dict.fromkeys(name for subsets in means.values() for part in subsets.values() for name in part)
    ) or list(figures_of(row for row in results.rows if row.set == one.name))
    places = {
        name: decimals(part[name].mean for subsets in means.values() for part in subsets.values() if name in part)
        for name in figures
    }
    head = "".join(_heading(figure_of(name)) for name in figures)
    bodies = "".join(
        _subset(words, _rows_of(results, one.name, subset), _Columns(results, one, subset, places), styles)
        for subset, words in _SUBSETS.items()
    )
    return _scrolled(
        f'<table class="summary"><thead><tr><th scope="col">Subject</th><th scope="col" class="n">Pictures</th>{head}'
        f"</tr></thead>{bodies}</table>",
        f"Means on {one.name}",
    )


def _rows_of(results: Results, set_name: str, subset: str) -> dict[str, Mapping[str, Interval]]:
    means = results.means.get(set_name, {})
    known = {subject.name: means.get(subject.name, {}) for subject in results.subjects}
    return {name: subsets[subset] for name, subsets in known.items() if subset in subsets}


def _heading(figure: Figure) -> str:
    way = {True: "higher is better", False: "lower is better", None: "describes"}[figure.better]
    arrow = f' <span class="arrow" aria-label="{way}">{figure.arrow}</span>' if figure.arrow else ""
    unit = f'<small class="unit">{escape(figure.unit)}</small>' if figure.unit else ""
    return f'<th scope="col" class="n" title="{escape(figure.summary)}">{escape(figure.name)}{arrow}{unit}</th>'


class _Columns(NamedTuple):
    """The columns of a table of means: what they are over, and with how many places they are shown."""

    results: Results
    one: SetInfo
    subset: str
    places: Mapping[str, int]

    def best(self, rows: Iterable[Mapping[str, Interval]]) -> dict[str, str]:
        """Return the best of each column as it is printed; empty where the pictures are not the same."""
        kept = list(rows)
        return {
            name: _best(name, [row[name].mean for row in kept if name in row], count)
            if alike(self.results, self.one, self.subset, name)
            else ""
            for name, count in self.places.items()
        }


def _subset(
    words: str, rows: Mapping[str, Mapping[str, Interval]], columns: _Columns, styles: Mapping[str, int]
) -> str:
    if not rows:
        return ""
    best, places = columns.best(rows.values()), columns.places
    total = len(cases_of(columns.results, columns.one, columns.subset))
    lines = "".join(
        f'<tr><th scope="row">{name_of(subject, styles)}</th><td class="n">{_most(row.values(), total)}</td>'
        + "".join(_mean(row.get(name), places[name], best[name]) for name in places)
        + "</tr>"
        for subject, row in rows.items()
    )
    return f'<tbody><tr class="part"><th scope="rowgroup" colspan="{len(places) + 2}">{words}</th></tr>{lines}</tbody>'


def _best(name: str, means: Iterable[float], places: int) -> str:
    """Return the best mean as it is printed, so that what looks equal is treated alike; empty where none is better."""
    figure = figure_of(name)
    known = [mean for mean in means if not math.isnan(mean)]
    if figure.better is None or len(known) < 2:  # noqa: PLR2004 - nothing to be better than
        return ""
    return number(max(known, key=figure.merit), places)


def _most(found: Iterable[Interval], total: int) -> str:
    own = max((one.count + one.undefined for one in found), default=0)
    return str(own) if own == total else f"{own} of {total}"


def _mean(found: Interval | None, places: int, best: str) -> str:
    if found is None:
        return '<td class="n"></td>'
    value = number(found.mean, places)
    value = f"<strong>{value}</strong>" if value == best else value
    notes = [interval(found, places)] + ([f"of {found.count} pictures"] if found.undefined else [])
    if math.isinf(found.mean) and not math.isnan(found.median):
        notes.insert(0, f"median {number(found.median, places)}")
    small = "".join(f"<small>{note}</small>" for note in notes if note)
    return f'<td class="n">{value}{small}</td>'


def comparisons(results: Results, one: SetInfo, main: str | None, styles: Mapping[str, int]) -> str:
    """Return the paired comparisons of a set: the main figure's, and the others' to unfold; empty without any."""
    found = [row for row in results.comparisons if row.set == one.name]
    by_figure = {name: [row for row in found if row.figure == name] for name in dict.fromkeys(r.figure for r in found)}
    parts: list[str] = []
    for name in sorted(by_figure, key=lambda name: name != main):
        table = _compared(by_figure[name], figure_of(name), styles)
        parts.append(table if not parts else f"<details><summary>{escape(name)}</summary>{table}</details>")
    return "".join(parts)


def _compared(rows: Sequence[Comparison], figure: Figure, styles: Mapping[str, int]) -> str:
    places = decimals(row.difference.mean for row in rows)
    lines = "".join(_pair(row, places, styles) for row in rows)
    unit = f'<small class="unit">{escape(figure.unit)}</small>' if figure.unit else ""
    return _scrolled(
        f'<table class="compared"><caption>{escape(figure.title)}</caption><thead><tr><th scope="col">First</th>'
        f'<th scope="col">Second</th><th scope="col" class="n">First minus second{unit}</th>'
        '<th scope="col" class="n">p</th><th scope="col" class="n">First wins</th><th scope="col" class="n">loses</th>'
        f'<th scope="col">In words</th></tr></thead><tbody>{lines}</tbody></table>',
        f"Comparisons by {figure.name}",
    )


def _pair(row: Comparison, places: int, styles: Mapping[str, int]) -> str:
    between = interval(row.difference, places, sign=True)
    return (
        f"<tr><td>{name_of(row.first, styles)}</td><td>{name_of(row.second, styles)}</td>"
        f'<td class="n">{number(row.difference.mean, places, sign=True)}<small>{between}</small></td>'
        f'<td class="n">{probability(row.p)}</td><td class="n">{row.wins}</td><td class="n">{row.losses}</td>'
        f"<td>{_verdict(row)}</td></tr>"
    )


def _verdict(row: Comparison) -> str:
    if not is_told(row):
        return f"cannot be told from fewer than {LEAST_PICTURES} pictures"
    ahead = winner(row)
    if ahead is None:
        return '<span class="faint">no significant difference</span>'
    return f"<strong>{escape(ahead)}</strong> is significantly better"


def pictures(results: Results, styles: Mapping[str, int]) -> str:
    """Return one row per picture and subject, for sorting and filtering."""
    figures = figures_of(results.rows)
    places = {name: decimals(row.values[name] for row in results.rows if name in row.values) for name in figures}
    plain = [("Set", ""), ("Case", ""), ("Subject", ""), ("Size", "n")]
    titles = [*plain, *((_titled(figure_of(name)), "n") for name in figures)]
    head = "".join(
        f'<th scope="col" class="{kind}"><button type="button">{title}</button></th>' for title, kind in titles
    )
    lines = "".join(_picture(row, places, styles) for row in results.rows)
    return _scrolled(
        f'<table id="pictures"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>', "Every picture", "tall"
    )


def _titled(figure: Figure) -> str:
    unit = f" <small>{escape(figure.unit)}</small>" if figure.unit else ""
    return f"{escape(figure.name)} {figure.arrow}{unit}"


def _picture(row: Row, places: Mapping[str, int], styles: Mapping[str, int]) -> str:
    cells = "".join(
        f"<td>{number(row.values[name], count) if name in row.values else ''}</td>" for name, count in places.items()
    )
    mark = f'<i class="dot c{marker(styles.get(row.subject, 0), 0, 0).split(chr(34))[1].split(" c")[1]}"></i>'
    return (
        f"<tr><td>{escape(row.set)}</td><td>{escape(row.case)}</td><td>{mark}{escape(row.subject)}</td>"
        f"<td>{row.width}\N{MULTIPLICATION SIGN}{row.height}</td>{cells}</tr>"
    )


def subject_list(results: Results, styles: Mapping[str, int]) -> str:
    """Return what was measured."""
    lines = "".join(_subject(subject, styles) for subject in results.subjects)
    return _scrolled(
        '<table class="words"><thead><tr><th scope="col">Subject</th><th scope="col">Kind</th><th scope="col">'
        'What it is</th><th scope="col">Trained on</th><th scope="col" class="n">Time per frame</th>'
        f'<th scope="col" class="n">Over CLAHE\'s</th></tr></thead><tbody>{lines}</tbody></table>',
        "Subjects",
    )


def _subject(subject: SubjectInfo, styles: Mapping[str, int]) -> str:
    digest = f'<small class="hash">SHA-256 {escape(subject.sha256)}</small>' if subject.sha256 else ""
    said = ", ".join(f"{name} {value}" for name, value in subject.options.items())
    options = f"<small>{escape(said)}</small>" if said else ""
    trained = escape(", ".join(subject.trained_on)) or "\N{EN DASH}"
    spread = ""
    if subject.quartiles is not None:
        spread = f"<small>[{', '.join(map(seconds, subject.quartiles))}]</small>"
    ratio = "\N{EN DASH}" if subject.ratio is None else f"{number(subject.ratio, 2)}\N{MULTIPLICATION SIGN}"
    return (
        f'<tr><th scope="row">{name_of(subject.name, styles)}</th><td>{subject.kind}</td>'
        f'<td class="told">{escape(subject.about)}{options}{digest}</td><td>{trained}</td>'
        f'<td class="n">{seconds(subject.seconds)}{spread}</td><td class="n">{ratio}</td></tr>'
    )


def set_facts(results: Results, one: SetInfo) -> str:
    """Return what a set is, what is missing from it, and what of it training data show."""
    files = "pairs with references, outputs alone" if one.kind == "outputs" else one.kind
    parts = [f'<p class="lead">{one.count} {"case" if one.count == 1 else "cases"}; {files}.']
    parts.append(f' <span class="hash">SHA-256 {escape(one.sha256)}</span></p>' if one.sha256 else "</p>")
    measured = {subject.name for subject in subjects_of(results, one.name)}
    for subject, keys in one.shared.items():
        if keys and subject in measured:
            told = f"Training data of {escape(subject)} show the scenes of {len(keys)} of these cases"
            parts.append(_unfolded(told, [escape(key) for key in keys]))
    if one.missing:
        lines = [f"{escape(key)}: {escape(reason)}" for key, reason in one.missing.items()]
        parts.append(_unfolded(f"{len(lines)} missing", lines))
    return "".join(parts)


def _unfolded(title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>"


def glossary(results: Results) -> str:
    """Return what each figure means."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_way(figure_of(name))}</td>'
        f'<td>{escape(figure_of(name).unit)}</td><td class="told">{escape(figure_of(name).summary)}'
        f"<small>{escape(figure_of(name).source)}</small></td></tr>"
        for name in figures_of(results.rows)
    )
    return _scrolled(
        '<table class="words"><thead><tr><th scope="col">Figure</th><th scope="col">Better</th><th scope="col">Unit'
        f'</th><th scope="col">Meaning</th></tr></thead><tbody>{lines}</tbody></table>',
        "Figures",
    )


def _way(figure: Figure) -> str:
    return {True: "higher", False: "lower", None: "\N{EN DASH}"}[figure.better]


def facts(found: Mapping[str, object], about: str) -> str:
    """Return every switch or fact by name, with what lies in lists and tables within."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_fact(value)}</td></tr>' for name, value in found.items()
    )
    return _scrolled(f'<table class="words facts"><tbody>{lines}</tbody></table>', about)


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        inner = "".join(f"<dt>{escape(name)}</dt><dd>{_fact(held)}</dd>" for name, held in value.items())
        return f"<dl>{inner}</dl>" if inner else "none"
    if isinstance(value, list | tuple):
        return ", ".join(_fact(held) for held in value) or "none"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return escape(value)


def _scrolled(table: str, about: str, kind: str = "") -> str:
    """Wrap a table so that it scrolls by itself, by keyboard too, where the page is narrow."""
    return f'<div class="scroll {kind}" role="region" aria-label="{escape(about)}" tabindex="0">{table}</div>'
