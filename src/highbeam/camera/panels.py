"""Panels of distributions, drawn with Pillow alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Panel", "Series", "draw_figure"]

_COLUMNS = 2
_WIDTH, _ROW, _TITLE, _AXIS, _LABEL, _MARGIN = 760, 30, 30, 28, 170, 16
_INK, _GRID, _REAL, _MADE = (40, 40, 40), (225, 225, 225), (200, 80, 20), (40, 90, 170)
_LOG_FLOOR = 1e-4  # zeros have no logarithm
_TICKS = 5


@dataclass(frozen=True)
class Series:
    """One distribution.

    Attributes:
        label: beside it.
        values: ``(n,)``, at least one.
        real: measured on real pictures, and drawn in the colour of those.
    """

    label: str
    values: NDArray[np.float64]
    real: bool = False


@dataclass(frozen=True)
class Panel:
    """One axis with several distributions.

    Attributes:
        title: above it.
        series: from top to bottom.
        logarithmic: the axis; values below 0.0001 are drawn there.
    """

    title: str
    series: tuple[Series, ...]
    logarithmic: bool = False


@dataclass(frozen=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    left: float
    right: float
    logarithmic: bool

    def __call__(self, value: float) -> float:
        share = (self._inner(value) - self._inner(self.low)) / (self._inner(self.high) - self._inner(self.low))
        return self.left + share * (self.right - self.left)

    def _inner(self, value: float) -> float:
        return math.log10(max(value, _LOG_FLOOR)) if self.logarithmic else value

    def ticks(self) -> list[float]:
        """Return round values along the axis."""
        if self.logarithmic:
            powers = range(math.floor(self._inner(self.low)), math.ceil(self._inner(self.high)) + 1)
            values = [10.0**power * step for power in powers for step in (1.0, 3.0)]
        else:
            step = _round_step((self.high - self.low) / _TICKS)
            first = math.ceil(self.low / step)
            values = [step * (first + n) for n in range(_TICKS * 3)]
        return [value for value in values if self.low <= value <= self.high]


def draw_figure(panels: Sequence[Panel]) -> Image.Image:
    """Draw panels in two columns.

    Each distribution shows all its values as dots, a thin line from the 5th to the 95th percentile, a bar from the
    25th to the 75th, and the median.
    """
    heights = [_TITLE + _ROW * len(panel.series) + _AXIS for panel in panels]
    rows = [max(heights[start : start + _COLUMNS]) for start in range(0, len(panels), _COLUMNS)]
    size = (_WIDTH * _COLUMNS, sum(rows) + 2 * _MARGIN)
    picture = Image.new("RGB", size, "white")
    brush = ImageDraw.Draw(picture)
    for place, panel in enumerate(panels):
        top = _MARGIN + sum(rows[: place // _COLUMNS])
        _draw_panel(brush, panel, _WIDTH * (place % _COLUMNS), top)
    return picture


def _draw_panel(brush: ImageDraw.ImageDraw, panel: Panel, left: int, top: int) -> None:
    scale = _scale_of(panel, left + _LABEL, left + _WIDTH - 2 * _MARGIN)
    start, end = top + _TITLE, top + _TITLE + _ROW * len(panel.series)
    brush.text((left + _LABEL, top + 6), panel.title, fill=_INK, font=_font(17))
    for tick in scale.ticks():
        brush.line([(scale(tick), start), (scale(tick), end)], fill=_GRID)
        brush.text((scale(tick), end + 3), f"{tick:g}", fill=_INK, font=_font(12), anchor="ma")
    for row, series in enumerate(panel.series):
        _draw_series(brush, series, scale, left, start + row * _ROW + _ROW // 2)


def _draw_series(brush: ImageDraw.ImageDraw, series: Series, scale: _Scale, left: int, middle: int) -> None:
    color = _REAL if series.real else _MADE
    brush.text((left + _LABEL - 10, middle), series.label, fill=color, font=_font(13), anchor="rm")
    p5, p25, p50, p75, p95 = (scale(float(v)) for v in np.percentile(series.values, (5, 25, 50, 75, 95)))
    brush.line([(p5, middle), (p95, middle)], fill=color)
    pale = tuple(255 - (255 - part) // 4 for part in color)
    brush.rectangle([p25, middle - 7, max(p75, p25 + 1), middle + 7], fill=pale, outline=color)
    brush.line([(p50, middle - 9), (p50, middle + 9)], fill=color, width=3)
    for value in series.values.tolist():
        x = scale(value)
        brush.ellipse([x - 1.5, middle + 8.5, x + 1.5, middle + 11.5], fill=color)


def _scale_of(panel: Panel, left: float, right: float) -> _Scale:
    values = np.concatenate([series.values for series in panel.series])
    low, high = float(values.min()), float(values.max())
    if panel.logarithmic:
        low, high = max(low, _LOG_FLOOR), max(high, _LOG_FLOOR)
        return _Scale(low / 1.1, high * 1.1, left, right, logarithmic=True)
    room = 0.03 * (high - low) or 1.0
    return _Scale(low - room, high + room, left, right, logarithmic=False)


def _round_step(step: float) -> float:
    """Return the nearest of 1, 2, 5 times a power of ten that is not smaller."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= step * (1.0 - 1e-9))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
