"""The report of an evaluation: one HTML file that holds everything, and asks nothing of any network.

The page forbids itself every connection, and every script and style but its own, by a Content-Security-Policy; names of
files are escaped wherever they stand. The same results and pictures give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from highbeam.evaluation import report_tables as tables
from highbeam.evaluation.plots import Axis, Group, Point, boxes, drawable, escape, scatter
from highbeam.evaluation.report_perception import perceived
from highbeam.evaluation.report_pictures import Store, Tiles, case_pictures
from highbeam.evaluation.report_words import (
    Chosen,
    choose_cases,
    decimals,
    figure_of,
    figures_of,
    main_figure,
    main_subject,
    number,
    seconds,
    subjects_of,
)
from highbeam.evaluation.results import Results, Row, SetInfo
from highbeam.evaluation.verdicts import SIGNIFICANT

__all__ = ["Chosen", "Tiles", "choose_cases", "render"]

_FRAME_RATE = 30
"""Frames per second of a dashcam, drawn where time is."""


def render(results: Results, tiles: Tiles, title: str = "Night pictures, enhanced", *, cases: int = 2) -> str:
    """Return the report of an evaluation as one HTML page.

    Args:
        results: what was found.
        tiles: makes the pictures of a case again; called for the few cases that are shown.
        title: of the page.
        cases: how many of the best, and of the worst, are shown in pictures for each set.

    Returns:
        The page, to be written as UTF-8.
    """
    styles, store = tables.styles_of(results), Store()
    draw = partial(case_pictures, results, tiles=tiles, styles=styles, store=store)
    chosen = choose_cases(results, count=cases)
    sets = [
        _set(results, one, i, _shown(results, one, chosen[one.name], draw), styles)
        for i, one in enumerate(results.sets)
    ]
    body = "".join(
        [_header(results, title), _warnings(results), _subjects(results, styles), *sets, _rest(results, styles)]
    )
    defined = "".join(store.definitions)
    return _page(title, f'<svg class="held" aria-hidden="true"><defs>{defined}</defs></svg>{body}')


def _page(title: str, body: str) -> str:
    style, script = (
        Path(__file__).with_name(f"report.{suffix}").read_text(encoding="utf-8") for suffix in ("css", "js")
    )
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}\n"
        f'<div id="tip" role="status" hidden></div><script>{script}</script></body></html>\n'
    )


def _digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _header(results: Results, title: str) -> str:
    cases = sum(one.count for one in results.sets)
    date = escape(results.machine.get("date", "undated"))
    counts = ", ".join(
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((len(results.subjects), "subject"), (len(results.sets), "set"), (cases, "case"))
    )
    links = "".join(f'<a href="#set{i}">{escape(one.name)}</a>' for i, one in enumerate(results.sets))
    return (
        f'<header><p class="kicker">Highbeam evaluation</p><h1>{escape(title)}</h1><p class="date">{date}'
        f'<span> \N{MIDDLE DOT} {counts}</span></p><nav aria-label="Contents"><a href="#subjects">Subjects</a>'
        f'{links}<a href="#every">Every picture</a>'
        '<a href="#meaning">Figures</a><a href="#protocol">Protocol</a></nav></header>'
    )


def _warnings(results: Results) -> str:
    if not results.warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in results.warnings)
    head = '<section class="warnings" aria-labelledby="warned"><h2 id="warned">Read this first</h2>'
    return f"{head}<ul>{items}</ul></section>"


def _subjects(results: Results, styles: Mapping[str, int]) -> str:
    told = (
        "Time is for one frame of 1280\N{MULTIPLICATION SIGN}720 on the machine described below, picture in memory to"
        " picture in memory: the median of five, in brackets the quartiles."
    )
    return f'<section id="subjects"><h2>Subjects</h2>{tables.subject_list(results, styles)}{_note(told)}</section>'


def _interval(results: Results) -> str:
    return escape(results.protocol.get("interval", "95 % bootstrap"))


def _note(words: str) -> str:
    return f'<p class="note">{words}</p>'


def _set(results: Results, one: SetInfo, index: int, shown: str, styles: Mapping[str, int]) -> str:
    figures = figures_of(row for row in results.rows if row.set == one.name)
    main = main_figure(figures)
    told = (
        f"Means over the pictures with their intervals ({_interval(results)}); arrows point to the better; the best of"
        " each column is bold, the untouched input included; nothing is bold where subjects have different pictures."
    )
    return (
        f'<section class="set" id="set{index}"><h2>{escape(one.name)}</h2>{tables.set_facts(results, one)}'
        f"<h3>Summary</h3>{tables.summary(results, one, styles)}{_note(told)}"
        f"{_compared(results, one, main, styles)}{_plots(results, one, figures, main, styles)}{shown}</section>"
    )


def _compared(results: Results, one: SetInfo, main: str | None, styles: Mapping[str, int]) -> str:
    found = tables.comparisons(results, one, main, styles)
    if not found:
        return ""
    count = sum(row.set == one.name for row in results.comparisons)
    told = (
        f"The same pictures, pair by pair: sign-flip permutation test, two-sided; significant means p &lt;"
        f" {SIGNIFICANT}, each comparison by itself. Ties count for neither. Of {count} comparisons without any"
        f" difference, {count * SIGNIFICANT:.2g} would pass by chance."
    )
    return f"<h3>Paired comparisons</h3>{found}{_note(told)}"


def _plots(results: Results, one: SetInfo, figures: Sequence[str], main: str | None, styles: Mapping[str, int]) -> str:
    rows = [row for row in results.rows if row.set == one.name]
    drawn = _pairs(rows, figures, styles) + _against_time(results, one, main, styles)
    many = "".join(_spread(rows, name, styles) for name in figures)
    keys = "".join(f"<li>{tables.name_of(subject.name, styles)}</li>" for subject in subjects_of(results, one.name))
    if not drawn + many:
        return ""
    return (
        f'<h3>Distributions</h3><ul class="keys" aria-label="Marks">{keys}</ul><div class="plots">{drawn}</div>'
        f'<div class="plots small">{many}</div>'
        + _note("Boxes: quartiles and median; whiskers to the last value within 1.5 box lengths; hollow mark: mean.")
    )


def _two(figures: Sequence[str]) -> tuple[str, ...]:
    directed = [name for name in figures if figure_of(name).better is not None]
    return ("ssim", "psnr") if {"psnr", "ssim"} <= set(figures) else tuple(directed[:2])


def _pairs(rows: Sequence[Row], figures: Sequence[str], styles: Mapping[str, int]) -> str:
    if len(_two(figures)) < 2:  # noqa: PLR2004 - a plane has two directions
        return ""
    names = _two(figures)
    x, y = (Axis(figure_of(name).title) for name in names)
    both = [row for row in rows if all(name in row.values for name in names)]
    places = [decimals(row.values[name] for row in both) for name in names]
    points = [
        Point(row.values[names[0]], row.values[names[1]], _about(row, names, places), styles.get(row.subject, 0))
        for row in both
    ]
    caption = f"Each mark is a picture of a subject: {escape(names[1])} against {escape(names[0])}."
    return _figure(scatter(points, x, y, caption), caption + _left_out(len(points) - len(drawable(points, x, y))))


def _about(row: Row, names: Sequence[str], places: Sequence[int]) -> str:
    figures = ", ".join(f"{name} {number(row.values[name], n)}" for name, n in zip(names, places, strict=True))
    return f"{row.case} \N{MIDDLE DOT} {row.subject} \N{MIDDLE DOT} {figures}"


def _left_out(count: int) -> str:
    return f" {count} not drawn: undefined or infinite." if count else ""


def _figure(drawing: str, caption: str) -> str:
    words = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="drawn">{drawing}{words}</figure>' if drawing else ""


def _against_time(results: Results, one: SetInfo, main: str | None, styles: Mapping[str, int]) -> str:
    means = results.means.get(one.name, {})
    points = []
    for subject in results.subjects:
        found = means.get(subject.name, {}).get("all", {}).get(main or "")
        if found is None or subject.seconds is None:
            continue
        about = (
            f"{subject.name} \N{MIDDLE DOT} {main} {number(found.mean, 2)} \N{MIDDLE DOT} {seconds(subject.seconds)}"
        )
        style = styles[subject.name]
        points.append(Point(subject.seconds, found.mean, about, style, found.low, found.high, subject.name))
    rule = (1 / _FRAME_RATE, f"{_FRAME_RATE} frames/s")
    time = Axis("time per frame of 1280\N{MULTIPLICATION SIGN}720", log=True, tick=seconds, rule=rule)
    quality = Axis(figure_of(main or "").title)
    caption = f"Mean {escape(main or '')} with its interval against time; the time axis is logarithmic."
    left_out = len(points) - len(drawable(points, time, quality))
    return _figure(scatter(points, time, quality, caption), caption + _left_out(left_out))


def _spread(rows: Sequence[Row], name: str, styles: Mapping[str, int]) -> str:
    having = [row for row in rows if name in row.values]
    places = decimals(row.values[name] for row in having)
    groups = [
        Group(
            subject,
            styles.get(subject, 0),
            [(row.values[name], _about(row, [name], [places])) for row in having if row.subject == subject],
        )
        for subject in dict.fromkeys(row.subject for row in having)
    ]
    axis = Axis(figure_of(name).title)
    everything = [Point(row.values[name], 0, "", 0) for row in having]
    left_out = len(everything) - len(drawable(everything, axis, Axis("")))
    return _figure(boxes(groups, axis, f"Box plot of {name}"), _left_out(left_out))


def _shown(results: Results, one: SetInfo, chosen: Chosen, draw: Callable[[tuple[str, str]], str]) -> str:
    subject = main_subject(subjects_of(results, one.name))
    if subject is None or not chosen.best:
        return ""
    by = main_figure(figures_of(results.of(one.name, subject.name)))
    parts = [
        _case(results, (one.name, case), f"{word} {i}", draw((one.name, case)))
        for word, keys in (("Best", chosen.best), ("Worst", chosen.worst))
        for i, case in enumerate(keys, 1)
    ]
    told = (
        f"Chosen by {escape(by or '')} of {escape(subject.name)}. Drag across a picture, or focus it and press the"
        " arrow keys. Pictures are JPEG of at most 960 pixels; figures were measured on the originals."
    )
    return f"<h3>Best and worst cases</h3>{_note(told)}{''.join(parts)}"


def _case(results: Results, where: tuple[str, str], rank: str, drawn: str) -> str:
    row = next(row for row in results.rows if (row.set, row.case) == where)
    size = f"{row.width}\N{MULTIPLICATION SIGN}{row.height}"
    return (
        f'<article class="case"><h4><span class="rank">{rank}</span> {escape(where[1])} <small>{size}</small></h4>'
        f'<label class="together"><input type="checkbox" checked> Sliders move together</label>{drawn}</article>'
    )


def _rest(results: Results, styles: Mapping[str, int]) -> str:
    return (
        f"{perceived(results.perception, styles)}"
        f'<section id="every"><h2>Every picture</h2>{_filters(results)}{tables.pictures(results, styles)}</section>'
        f'<section id="meaning"><h2>What the figures mean</h2>{tables.glossary(results)}</section>'
        f'<section id="protocol"><h2>Protocol</h2>{tables.facts(results.protocol, "Protocol")}'
        f"<h3>Machine</h3>{tables.facts(results.machine, 'Machine')}</section>"
    )


def _filters(results: Results) -> str:
    choices = (("Set", 0, [one.name for one in results.sets]), ("Subject", 2, [one.name for one in results.subjects]))
    selects = "".join(
        f'<label>{word} <select data-column="{column}"><option value="">all</option>'
        + "".join(f"<option>{escape(name)}</option>" for name in names)
        + "</select></label>"
        for word, column, names in choices
    )
    count = f'<output id="count">{len(results.rows)} of {len(results.rows)} rows</output>'
    return f'<div class="filters">{selects}<label>Name holds <input type="search" id="needle"></label>{count}</div>'
