"""Figures are drawn for whatever values there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from highbeam.camera.panels import Panel, Series, draw_figure

REAL_COLOR, MADE_COLOR = (200, 80, 20), (40, 90, 170)


def series(*values: float, real: bool = False) -> Series:
    return Series("label", np.array(values), real=real)


def columns_of(picture: Image.Image, color: tuple[int, int, int], left: int = 170) -> list[int]:
    """Where a colour is met, right of the labels."""
    found = (np.asarray(picture) == color).all(axis=2)
    return [int(x) for x in np.flatnonzero(found.any(axis=0)) if x >= left]


def test_panels_stand_in_two_columns() -> None:
    one = Panel("one", (series(1.0, 2.0),))
    widths = [draw_figure([one] * count).size for count in (1, 2, 3)]
    assert widths[0] == widths[1]
    assert widths[2][0] == widths[1][0]
    assert widths[2][1] > widths[1][1]


def test_more_series_need_more_height() -> None:
    short, tall = (draw_figure([Panel("p", (series(1.0, 2.0),) * count)]) for count in (2, 5))
    assert tall.height > short.height


def test_larger_values_stand_further_right() -> None:
    panel = Panel("p", (series(1.0, 2.0, 3.0, real=True), series(10.0, 11.0, 12.0)))
    picture = draw_figure([panel])
    assert max(columns_of(picture, REAL_COLOR)) < min(columns_of(picture, MADE_COLOR))


def test_equal_values_stand_at_equal_places() -> None:
    picture = draw_figure([Panel("p", (series(3.0, 5.0, 9.0, real=True), series(3.0, 5.0, 9.0)))])
    assert columns_of(picture, REAL_COLOR) == columns_of(picture, MADE_COLOR)


def middle_of(value: float) -> float:
    """Where one value is drawn on a logarithmic axis from 0.01 to 1."""
    ends, one = series(0.01, 1.0), series(value, real=True)
    return float(np.mean(columns_of(draw_figure([Panel("p", (ends, one), logarithmic=True)]), REAL_COLOR)))


def test_a_logarithmic_axis_gives_each_decade_as_much_room() -> None:
    low, middle, high = (middle_of(value) for value in (0.01, 0.1, 1.0))
    assert middle - low == pytest.approx(high - middle, abs=3.0)
    assert high - low > 300.0


@given(
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=8),
    st.booleans(),
)
def test_any_values_are_drawn(values: list[float], logarithmic: bool) -> None:  # noqa: FBT001
    picture = draw_figure([Panel("p", (Series("s", np.array(values)),), logarithmic=logarithmic)])
    assert len(columns_of(picture, MADE_COLOR)) > 0


@pytest.mark.parametrize("logarithmic", [False, True])
def test_one_value_many_times_is_drawn(logarithmic: bool) -> None:  # noqa: FBT001
    for value in (0.0, 1.0, 250.0):
        picture = draw_figure([Panel("p", (series(value, value, value),), logarithmic=logarithmic)])
        assert columns_of(picture, MADE_COLOR)
