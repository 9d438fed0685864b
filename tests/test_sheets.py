"""The compare sheet: even, legible, and the right picture in every place."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageFont

from highbeam.crops import Box
from highbeam.errors import UsageError
from highbeam.sheets import (
    FRAME_COLORS,
    Layout,
    Row,
    _fitted,
    assemble,
    draw_row,
    layout,
    sheet_height,
    strip_height,
    to_bytes,
)

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 30), (30, 30, 200)
Color: TypeAlias = tuple[int, int, int]


def flat(color: Color, height: int = 60, width: int = 90) -> NDArray[np.uint8]:
    return np.full((height, width, 3), color, np.uint8)


def area(sheet: Image.Image, color: Color) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of all pixels of a color, right and bottom outside."""
    y, x = np.nonzero((np.asarray(sheet) == color).all(axis=2))
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def one_row(plan: Layout, crops: tuple[Box, ...] = (), notes: tuple[str, ...] = ()) -> Image.Image:
    row = Row("night.png", [flat(RED), flat(GREEN), flat(BLUE)], crops, notes)
    return assemble(plan, ["input", "a", "b"], [draw_row(plan, row)])


@given(columns=st.integers(1, 12), extra=st.integers(0, 3000))
def test_columns_are_even(columns: int, extra: int) -> None:
    plan = layout(columns, columns * 120 + extra)
    assert len(plan.lefts) == columns
    assert all(b - a == plan.column + plan.gap for a, b in zip(plan.lefts[:-1], plan.lefts[1:], strict=True))
    left, right = plan.lefts[0], plan.width - plan.lefts[-1] - plan.column
    assert plan.gap <= left
    assert abs(left - right) <= 1
    assert plan.column > 80
    assert plan.frame >= 2
    assert plan.title >= plan.text >= 11


@pytest.mark.parametrize(("columns", "width"), [(4, 479), (1, 119), (2, 16_001), (3, 0), (3, -5)])
def test_widths_that_cannot_be(columns: int, width: int) -> None:
    with pytest.raises(UsageError, match=f"must lie between {columns * 120}"):
        layout(columns, width)


def test_every_picture_stands_in_its_column() -> None:
    plan = layout(3, 900)
    sheet = one_row(plan)
    assert sheet.width == 900
    places = [area(sheet, color) for color in (RED, GREEN, BLUE)]
    for left, place in zip(plan.lefts, places, strict=True):
        assert place[0] == left
        assert place[2] == left + plan.column
        assert place[3] - place[1] == pytest.approx(plan.column * 60 / 90, abs=1)
    assert len({place[1] for place in places}) == 1
    assert (np.asarray(sheet)[[0, -1]] == 255).all()
    assert sheet.height - places[0][3] == plan.margin


def test_the_pixels_come_through() -> None:
    """A tile as large as its picture shows the picture."""
    plan = layout(2, 600)
    picture = np.random.default_rng(1).integers(0, 255, (50, plan.column, 3), np.uint8)
    strip = draw_row(plan, Row("", [picture, flat(RED, 50, plan.column)]))
    top = area(strip, RED)[1]
    shown = np.asarray(strip)[top : top + 50, plan.lefts[0] : plan.lefts[0] + plan.column]
    np.testing.assert_array_equal(shown, picture)


def test_crops_are_framed_and_enlarged() -> None:
    plan = layout(3, 1200)
    crops = (Box(0, 0, 30, 20), Box(60, 40, 30, 20))
    with_crops, without = one_row(plan, crops), one_row(plan)
    assert with_crops.height > without.height
    for box, name in zip(crops, FRAME_COLORS, strict=False):
        color = ImageColor.getcolor(name, "RGB")
        assert isinstance(color, tuple)
        left, _, right, _ = area(with_crops, (color[0], color[1], color[2]))
        assert left >= plan.lefts[0]
        assert right <= plan.lefts[-1] + plan.column
        assert box.width < plan.column


def test_a_crop_shows_its_part() -> None:
    plan = layout(1, 400)
    picture = flat(RED)
    picture[40:60, 60:90] = GREEN
    strip = draw_row(plan, Row("", [picture], [Box(62, 42, 26, 16)]))
    below = np.asarray(strip)[-(plan.column // 4) :, plan.lefts[0] + 5 : plan.lefts[0] + plan.column - 5]
    assert (below[:-5] == GREEN).all()


def test_crops_of_several_shapes_share_the_width() -> None:
    plan = layout(1, 500)
    crops = [Box(0, 0, 10, 40), Box(10, 0, 60, 20), Box(0, 40, 20, 20)]
    strip = np.asarray(draw_row(plan, Row("", [flat(RED)], crops)))
    colors = [ImageColor.getcolor(name, "RGB") for name in FRAME_COLORS[:3]]
    bottom = strip[-1]
    counts = [int((bottom == color).all(axis=1).sum()) for color in colors]
    gaps = 2 * plan.gap
    assert sum(counts) + gaps == plan.column
    assert counts[1] > counts[2] > counts[0]


def test_notes_stand_below_in_dark_grey() -> None:
    plan = layout(3, 900)
    notes = ("10.38 dB / 0.229", "19.41 dB / 0.470", "")
    noted, plain = one_row(plan, (), notes), one_row(plan)
    assert noted.height == plain.height + plan.gap + plan.text
    below = np.asarray(noted)[area(noted, RED)[3] :]
    ink = below.min(axis=2) < 128
    assert ink[:, plan.lefts[0] : plan.lefts[1]].any()
    assert ink[:, plan.lefts[1] : plan.lefts[2]].any()
    assert not ink[:, plan.lefts[2] :].any()


def test_rows_follow_each_other() -> None:
    plan = layout(2, 400)
    strips = [draw_row(plan, Row("x", [flat(color), flat(color)])) for color in (RED, GREEN, BLUE)]
    sheet = assemble(plan, ["input", "a"], strips)
    tops = [area(sheet, color)[1] for color in (RED, GREEN, BLUE)]
    assert tops == sorted(tops)
    assert tops[1] - tops[0] == tops[2] - tops[1]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (500, 1), (3, 4000), (3000, 40)])
def test_pictures_of_every_shape(height: int, width: int) -> None:
    plan = layout(2, 400)
    crops = (Box(0, 0, width, 1), Box(0, 0, 1, height))
    strip = draw_row(plan, Row("x", [flat(RED, height, width)] * 2, crops))
    assert strip.width == 400
    assert strip.height < 4 * plan.column + 200


@given(
    width=st.integers(1, 300), height=st.integers(1, 300), crops=st.integers(0, 3), noted=st.booleans(),
    column=st.integers(120, 300),
)  # fmt: skip
def test_the_height_is_known_before(width: int, height: int, crops: int, column: int, *, noted: bool) -> None:
    plan = layout(2, 2 * column)
    boxes = [Box(i, 0, max(1, width // 3), max(1, height // (i + 1))) for i in range(crops)]
    row = Row("x", [flat(RED, height, width)] * 2, [Box(0, 0, box.width, box.height) for box in boxes], ["n"] * noted)
    strip = draw_row(plan, row)
    assert strip.height == strip_height(plan, width, height, boxes, noted=noted)
    assert assemble(plan, ["a", "b"], [strip] * 3).height == sheet_height(plan, [strip.height] * 3)


@pytest.mark.parametrize("text", ["", "night.png", "夜 naïve.png", "x" * 3000, "a/" * 400 + "b.png"])
def test_names_are_shortened_until_they_fit(text: str) -> None:
    font = ImageFont.load_default(14)
    for room in (200, 40):
        short = _fitted(font, text, room)
        assert font.getlength(short) <= room
        assert short == text or "..." in short
    assert _fitted(font, text, 1) == ""


def test_a_shortened_name_keeps_both_ends() -> None:
    short = _fitted(ImageFont.load_default(14), "recordings/2026-11-23/night/front_camera_000123.png", 150)
    assert short.startswith("recor")
    assert short.endswith(".png")


def test_deeper_pixels_become_the_nearest_bytes() -> None:
    every = np.arange(65536, dtype=np.uint16).reshape(-1, 1, 1).repeat(3, 2)
    np.testing.assert_array_equal(to_bytes(every)[:, 0, 0], np.rint(np.arange(65536) / 257.0))
    unit = np.array([[[0.0, 0.5, 1.0]]], np.float32)
    assert to_bytes(unit).tolist() == [[[0, 128, 255]]]
    own = flat(RED)
    assert to_bytes(own) is own
    assert to_bytes(every).dtype == to_bytes(unit).dtype == np.uint8
