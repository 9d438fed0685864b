"""Plots as SVG text: scatter, boxes and quality against time, drawn without a plotting library.

Colours and fonts are the page's: marks carry the classes ``c0``, ``c1``, ... and the style sheet says what they look
like, by day and by night. Every name is escaped. What is not finite cannot be drawn and is left out; :func:`drawable`
says what can.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["COLORS", "Axis", "Group", "Point", "boxes", "drawable", "escape", "marker", "scatter", "short", "ticks"]

COLORS = 8
"""Classes of colour; the first is for the input alone."""

_WIDTH, _HEIGHT = 520.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 14.0, 14.0, 50.0
_NARROW = 400.0
"""Width of box plots, of which three stand beside each other."""

_ROW = 26.0
_GUTTER = 122.0
_LINE = 15.0
"""Pixels between the middles of two labels that do not touch."""


@dataclass(frozen=True)
class Axis:
    """What is drawn along a direction.

    Attributes:
        title: beside the axis.
        log: steps of ten are equally long; only positive values are drawn.
        tick: words for the number at a tick.
        rule: a value at which a line is drawn, and what it means.
    """

    title: str
    log: bool = False
    tick: Callable[[float], str] = lambda value: f"{value:.10g}".replace("-", "\N{MINUS SIGN}")
    rule: tuple[float, str] | None = None


@dataclass(frozen=True)
class Point:
    """A mark.

    Attributes:
        x: value along x.
        y: value along y.
        about: shown when somebody points at it.
        style: which colour and shape, as :func:`marker` takes it.
        low: lower end of the bar through it along y; NaN for none.
        high: upper end.
        label: written beside it.
    """

    x: float
    y: float
    about: str
    style: int
    low: float = math.nan
    high: float = math.nan
    label: str = ""


@dataclass(frozen=True)
class Group:
    """The values of one box.

    Attributes:
        name: beside the box.
        style: which colour and shape, as :func:`marker` takes it.
        values: each with what is shown when somebody points at it.
    """

    name: str
    style: int
    values: Sequence[tuple[float, str]]


def escape(value: object) -> str:
    """Return text that HTML and SVG show as it is and never obey, whatever a file's name holds."""
    plain = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in str(value))
    return html.escape(plain, quote=True)


def short(name: str, most: int) -> str:
    """Return a name of at most so many letters, shortened in its middle: both ends tell most."""
    kept = most - 1
    return name if len(name) <= most else f"{name[: (kept + 1) // 2]}\N{HORIZONTAL ELLIPSIS}{name[-(kept // 2) :]}"


def drawable(points: Iterable[Point], x: Axis, y: Axis) -> list[Point]:
    """Return the points that have a place on both axes."""
    return [point for point in points if _has_place(point.x, x) and _has_place(point.y, y)]


def marker(style: int, x: float, y: float, radius: float = 4.5) -> str:
    """Return the outline of a mark, as the attributes ``class`` and ``d`` of a path; colour and shape say the style."""
    color = 0 if style == 0 else 1 + (style - 1) % (COLORS - 1)
    return f'class="mark c{color}" d="{_SHAPES[style % len(_SHAPES)](x, y, radius)}"'


def scatter(points: Sequence[Point], x: Axis, y: Axis, about: str) -> str:
    """Draw marks, with bars and labels where they have them; empty without a point that can be drawn."""
    shown = drawable(points, x, y)
    if not shown:
        return ""
    across = _scale([point.x for point in shown], x, _LEFT, _WIDTH - _RIGHT)
    ends = [value for point in shown for value in (point.y, point.low, point.high) if _has_place(value, y)]
    up = _scale(ends, y, _HEIGHT - _BOTTOM, _TOP)
    marks = "".join(_mark(point, across, up) for point in shown)
    return _svg(_WIDTH, _HEIGHT, about, _grid(across, up) + marks + _labels(shown, across, up))


def boxes(groups: Sequence[Group], axis: Axis, about: str) -> str:
    """Draw one lying box per group: quartiles, median, mean, and whiskers to the last value within 1.5 box lengths.

    Values beyond the whiskers are marks of their own. Empty where no group has a finite value.
    """
    finite = [value for group in groups for value, _ in group.values if _has_place(value, axis)]
    if not finite:
        return ""
    height = _TOP + _ROW * len(groups) + _BOTTOM
    across = _scale(finite, axis, _GUTTER, _NARROW - _RIGHT)
    rows = "".join(_box(group, across, _TOP + _ROW * (i + 0.5)) for i, group in enumerate(groups))
    return _svg(_NARROW, height, about, _axis_below(across, _TOP, height - _BOTTOM) + rows)


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return round numbers between two, about as many as asked for."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / count))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) <= count)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two powers of ten, given by their exponents."""
    sparse = high - low > 2.5  # noqa: PLR2004 - decades that leave room for 2 and 5 between the powers
    powers = range(math.floor(low), math.ceil(high) + 1, max(1, round((high - low) / 6)))
    found = [factor * 10.0**power for power in powers for factor in ((1,) if sparse else (1, 2, 5))]
    return [tick for tick in found if tick > 0 and low <= math.log10(tick) <= high]


@dataclass(frozen=True)
class _Scale:
    """Where values lie; ``low`` and ``high`` are exponents of ten where the axis is logarithmic."""

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        here = math.log10(value) if self.axis.log else value
        return self.start + (self.end - self.start) * (here - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        return _log_ticks(self.low, self.high) if self.axis.log else ticks(self.low, self.high)


def _has_place(value: float, axis: Axis) -> bool:
    return math.isfinite(value) and (value > 0 or not axis.log)


def _scale(values: Sequence[float], axis: Axis, start: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    if axis.log:
        low, high = math.log10(low), math.log10(high)
        pad = max(0.18, 0.08 * (high - low))
        return _Scale(axis, low - pad, high + pad, start, end)
    pad = 0.06 * (high - low)
    if pad <= 1e-9 * abs(high):  # one value, or as good as one
        pad = 0.05 * abs(high) or 1.0
    return _Scale(axis, low - pad, high + pad, start, end)


def _svg(width: float, height: float, about: str, inside: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(about)}">{inside}</svg>'
    )


def _text(x: float, y: float, words: str, anchor: str = "middle", *, kind: str = "", turn: str = "") -> str:
    extra = (f' class="{kind}"' if kind else "") + (f' transform="{turn}"' if turn else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def _grid(across: _Scale, up: _Scale) -> str:
    left, right = across.start, across.end
    lines = [
        f'<path class="grid" d="M{left:g} {up.at(tick):.1f}H{right:g}"/>'
        + _text(left - 8, up.at(tick) + 4, up.axis.tick(tick), "end")
        for tick in up.ticks()
    ]
    middle = (up.start + up.end) / 2
    title = _text(15, middle, up.axis.title, kind="title", turn=f"rotate(-90 15 {middle:g})")
    return "".join(lines) + title + _axis_below(across, up.end, up.start)


def _axis_below(across: _Scale, top: float, bottom: float) -> str:
    lines = [
        f'<path class="grid" d="M{across.at(tick):.1f} {top:g}V{bottom:g}"/>'
        + _text(across.at(tick), bottom + 18, across.axis.tick(tick))
        for tick in across.ticks()
    ]
    base = f'<path class="base" d="M{across.start:g} {bottom:g}H{across.end:g}"/>'
    title = _text((across.start + across.end) / 2, bottom + 40, across.axis.title, kind="title")
    return "".join(lines) + _rule(across, top, bottom) + base + title


def _rule(across: _Scale, top: float, bottom: float) -> str:
    if across.axis.rule is None:
        return ""
    x = across.at(across.axis.rule[0])
    if not across.start < x < across.end:
        return ""
    words = _text(x - 5, top + 12, across.axis.rule[1], "end", kind="rule")
    return f'<path class="rule" d="M{x:.1f} {top:g}V{bottom:g}"/>' + words


def _mark(point: Point, across: _Scale, up: _Scale) -> str:
    x, y = across.at(point.x), up.at(point.y)
    bar = ""
    if _has_place(point.low, up.axis) and _has_place(point.high, up.axis):
        low, high = up.at(point.low), up.at(point.high)
        bar = f'<path class="bar" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"/>'
    outline = marker(point.style, x, y, 6.5 if point.label else 4.5)
    return f"<path {outline}><title>{escape(point.about)}</title></path>{bar}"


def _labels(points: Sequence[Point], across: _Scale, up: _Scale) -> str:
    """Write names beside their marks, each as far below the one above it as it takes to be read."""
    named = sorted((point for point in points if point.label), key=lambda point: up.at(point.y))
    out, taken = [], list[tuple[float, float, float]]()
    for point in named:
        x, name = across.at(point.x), short(point.label, 22)
        wide = 7.0 * len(name)
        left = x + 12 + wide > across.end  # no room to the right
        start = x - 12 - wide if left else x + 12
        y = up.at(point.y) + 4
        for begin, end, other in sorted(taken, key=lambda place: place[2]):
            if begin < start + wide and start < end and abs(other - y) < _LINE:
                y = other + _LINE
        taken.append((start, start + wide, y))
        out.append(_text(x - 12 if left else x + 12, y, name, "end" if left else "start", kind="label"))
    return "".join(out)


def _box(group: Group, across: _Scale, y: float) -> str:
    name = f"<g><title>{escape(group.name)}</title>{_text(_GUTTER - 12, y + 4, short(group.name, 14), 'end')}</g>"
    pairs = [(value, about) for value, about in group.values if _has_place(value, across.axis)]
    if not pairs:
        return name
    values = np.array([value for value, _ in pairs])
    quarter, median, three = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    reach = 1.5 * (three - quarter)
    inside = values[(values >= quarter - reach) & (values <= three + reach)]
    at = [across.at(v) for v in (float(inside.min()), quarter, median, three, float(inside.max()))]
    outside = [(value, about) for value, about in pairs if not quarter - reach <= value <= three + reach]
    dots = "".join(
        f"<path {marker(group.style, across.at(value), y, 3)}><title>{escape(about)}</title></path>"
        for value, about in outside
    )
    mean = marker(group.style, across.at(float(values.mean())), y, 3.6).replace("mark", "mark mean")
    return f"{name}{_outline(group.style, at, y)}<path {mean}/>{dots}"


def _outline(style: int, at: Sequence[float], y: float) -> str:
    color = marker(style, 0, 0).split('"')[1].removeprefix("mark ")
    least, quarter, median, three, most = at
    wide = max(1.0, three - quarter)
    return (
        f'<path class="whisker {color}" d="M{least:.1f} {y:g}H{quarter:.1f}M{three:.1f} {y:g}H{most:.1f}'
        f'M{least:.1f} {y - 4:g}v8M{most:.1f} {y - 4:g}v8"/>'
        f'<rect class="box {color}" x="{quarter:.1f}" y="{y - 8:g}" width="{wide:.1f}" height="16"/>'
        f'<path class="median {color}" d="M{median:.1f} {y - 8:g}v16"/>'
    )


def _polygon(corners: Sequence[tuple[float, float]]) -> Callable[[float, float, float], str]:
    def outline(x: float, y: float, radius: float) -> str:
        return f"M{'L'.join(f'{x + radius * a:.1f} {y + radius * b:.1f}' for a, b in corners)}z"

    return outline


def _circle(x: float, y: float, radius: float) -> str:
    half = f"a{radius:g} {radius:g} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{half} {2 * radius:g} 0{half} {-2 * radius:g} 0z"


_ARM, _END = 0.38, 1.14
_CROSS = (
    *((-_ARM, -_END), (_ARM, -_END), (_ARM, -_ARM), (_END, -_ARM), (_END, _ARM), (_ARM, _ARM)),
    *((_ARM, _END), (-_ARM, _END), (-_ARM, _ARM), (-_END, _ARM), (-_END, -_ARM), (-_ARM, -_ARM)),
)

_SHAPES = (
    _polygon(((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))),
    _circle,
    _polygon(((0, -1.2), (1.1, 0.8), (-1.1, 0.8))),
    _polygon(((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))),
    _polygon(((0, 1.2), (1.1, -0.8), (-1.1, -0.8))),
    _polygon(_CROSS),
)
"""Outlines of marks, so that styles are told apart without colour."""
