"""The figures: the right pixels in every place, regions and details that agree, and figures that can be read."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageColor

from highbeam.comparison import Score
from highbeam.crops import Box
from highbeam.errors import UsageError
from highbeam.evaluation.figures import (
    LEAST_COLUMN,
    WIDEST,
    Note,
    Page,
    assemble,
    dark_block,
    draw_block,
    marked,
    night_block,
    page_height,
    plan_page,
)
from highbeam.sheets import FRAME_COLORS

NOTES: list[Note] = [(("10.00", False), (" / ", False), ("0.500", True))] * 3
REGIONS = [Box(30, 6, 12, 9), Box(4, 20, 16, 12)]


def pictures(count: int, width: int = 64, height: int = 48) -> list[NDArray[np.uint8]]:
    """Noise that no place could be mistaken for another in."""
    return list(np.random.default_rng(5).integers(0, 256, (count, height, width, 3), np.uint8))


def cut(image: Image.Image, place: Box) -> NDArray[np.uint8]:
    return np.asarray(image)[place.y : place.y + place.height, place.x : place.x + place.width]


def resized(pixels: NDArray[np.uint8], part: Box, place: Box) -> NDArray[np.uint8]:
    """The part of a picture at the size of its place."""
    area = (part.x, part.y, part.x + part.width, part.y + part.height)
    image = Image.fromarray(pixels).resize((place.width, place.height), Image.Resampling.LANCZOS, box=area)
    return np.asarray(image)


def inside(box: Box, other: Box) -> bool:
    return (
        other.x <= box.x
        and other.y <= box.y
        and box.x + box.width <= other.x + other.width
        and box.y + box.height <= other.y + other.height
    )


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@given(count=st.integers(1, 14), columns=st.none() | st.integers(1, 14), extra=st.integers(0, 3000))
def test_columns_are_even_and_inside(count: int, columns: int | None, extra: int) -> None:
    page = plan_page(["a"] * count, 14 * LEAST_COLUMN + extra, columns)
    assert page.columns == min(count, columns) if columns else page.columns <= 6
    assert page.lines == math.ceil(count / page.columns)
    assert all(right - left == page.column + page.gap for left, right in zip(page.lefts, page.lefts[1:], strict=False))
    left, right = page.lefts[0], page.width - page.lefts[-1] - page.column
    assert min(left, right) >= page.gap
    assert abs(left - right) <= 1


@pytest.mark.parametrize(("count", "columns"), [(6, 6), (7, 4), (8, 4), (9, 5), (12, 6), (13, 5)])
def test_many_tiles_wrap_into_equally_full_lines(count: int, columns: int) -> None:
    assert plan_page(["a"] * count, 2000).columns == columns


@pytest.mark.parametrize(("width", "columns"), [(399, 4), (0, 1), (-5, 1), (WIDEST + 1, 2)])
def test_widths_that_cannot_be(width: int, columns: int) -> None:
    with pytest.raises(UsageError, match=f"must lie between {columns * LEAST_COLUMN} .* got {width}"):
        plan_page(["a"] * columns, width, columns)


def test_a_title_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UsageError, match="'a-very-long-name-of-some-method-or-other' does not fit"):
        plan_page(["a", "a-very-long-name-of-some-method-or-other"], 250)


def test_every_column_shows_its_picture() -> None:
    page, shown = plan_page(["input", "a", "reference"], 700), pictures(3)
    block = dark_block(page, 64, 48, NOTES)
    drawn = draw_block(page, block, shown)
    assert drawn.size == (700, block.height)
    assert [tile.column for tile in block.tiles] == [0, 1, 2]
    for tile in block.tiles:
        assert tile.place.x == page.lefts[tile.column]
        assert tile.part == Box(0, 0, 64, 48)
        assert tile.place.height == pytest.approx(page.column * 48 / 64, abs=1)
        assert (cut(drawn, tile.place) == resized(shown[tile.column], tile.part, tile.place)).all()


def test_tiles_wrap_with_a_title_over_each() -> None:
    page, shown = plan_page(["input", "a", "b", "c", "reference"], 700, 2), pictures(5)
    block = dark_block(page, 64, 48, NOTES[:1] * 5)
    drawn = draw_block(page, block, shown)
    assert [tile.place.x for tile in block.tiles] == [page.lefts[i % 2] for i in range(5)]
    assert len({tile.place.y for tile in block.tiles}) == 3
    titles = [text for text in block.texts if text.text in page.titles]
    assert [text.text for text in titles] == [*page.titles]
    for tile, title in zip(block.tiles, titles, strict=True):
        assert title.place.x == tile.place.x
        assert title.place.y + title.place.height <= tile.place.y
        assert (cut(drawn, tile.place) == resized(shown[tile.column], tile.part, tile.place)).all()
    places = [tile.place for tile in block.tiles] + [text.place for text in block.texts]
    assert all(inside(place, Box(0, 0, 700, block.height)) for place in places)
    assert all(apart(one, other) for one, other in itertools.combinations(places, 2))


@pytest.mark.parametrize("ratio", [0.5, 1.0, 16 / 9, 4.0])
@pytest.mark.parametrize("size", [(64, 48), (48, 64), (200, 40)])
def test_tiles_are_cropped_to_one_shape_around_the_middle(ratio: float, size: tuple[int, int]) -> None:
    page = plan_page(["a", "b", "c"], 900)
    place, part = (block := dark_block(page, *size, NOTES, ratio).tiles[0]).place, block.part
    assert part.width / part.height == pytest.approx(ratio, rel=0.05)
    assert part.width == size[0] or part.height == size[1]
    assert abs(2 * part.x + part.width - size[0]) <= 1
    assert abs(2 * part.y + part.height - size[1]) <= 1
    assert place.width / place.height == pytest.approx(part.width / part.height, rel=0.02)


def test_pictures_of_other_shapes_become_tiles_of_one_size() -> None:
    page = plan_page(["a", "b", "c"], 900)
    blocks = [dark_block(page, *size, NOTES, 1.5) for size in ((640, 480), (1280, 720), (300, 900))]
    assert len({block.tiles[0].place for block in blocks}) == 1


def test_a_tall_picture_is_drawn_narrower() -> None:
    page = plan_page(["a", "b", "c"], 900)
    place = dark_block(page, 20, 200, NOTES).tiles[1].place
    assert place.height == round(1.6 * page.column)
    assert place.width == pytest.approx(place.height / 10, abs=1)
    assert 2 * place.x + place.width == pytest.approx(2 * page.lefts[1] + page.column, abs=1)


def test_notes_say_what_was_measured_and_mark_the_best() -> None:
    notes = marked([Score(10.004, 0.5), Score(22.219, 0.7004), Score(9.0, 0.9), Score(22.221, -0.1)])
    assert ["".join(words for words, _ in note) for note in notes] == [
        "10.00 / 0.500",
        "22.22 / 0.700",
        "9.00 / 0.900",
        "22.22 / -0.100",
    ]
    bold = [[words for words, heavy in note if heavy] for note in notes]
    assert bold == [[], ["22.22"], ["0.900"], ["22.22"]], "what is written alike is marked alike"


def test_equal_pictures_are_the_best() -> None:
    notes = marked([Score(30.0, 0.9), Score(math.inf, 1.0)])
    assert notes[1] == (("inf", True), (" / ", False), ("1.000", True))
    assert not any(heavy for _, heavy in notes[0])


def test_bold_is_seen() -> None:
    page, shown = plan_page(["a", "b"], 900), pictures(2)
    light: Note = (("22.22 / 0.700", False),)
    heavy: Note = (("22.22 / 0.700", True),)
    block = dark_block(page, 64, 48, [light, heavy])
    drawn = draw_block(page, block, shown)
    ink = [255.0 - cut(drawn, text.place).mean() for text in block.texts]
    assert ink[1] > 1.2 * ink[0]


@pytest.mark.parametrize(("count", "width"), [(2, 300), (3, 700), (6, 2000), (1, 4000)])
def test_no_text_is_cut_or_leaves_its_place(count: int, width: int) -> None:
    titles = ["exposure-fusion" if width > 400 else "gypsy"] * count
    page, shown = plan_page(titles, width), pictures(count)
    note: Note = (("10.89", True), (" / ", False), ("0.999", True))
    block = dark_block(page, 64, 48, [note] * count)
    drawn = draw_block(page, block, shown)
    rest = np.array(drawn)
    for place in [tile.place for tile in block.tiles] + [text.place for text in block.texts]:
        rest[place.y : place.y + place.height, place.x : place.x + place.width] = 255
    assert (rest == 255).all()
    for text in block.texts:
        dark = cut(drawn, text.place).min(axis=2) < 128
        assert dark.any()
        across = np.nonzero(dark.any(axis=0))[0]
        assert across[0] + across[-1] == pytest.approx(text.place.width, abs=4 + text.size / 6)
    figure = np.asarray(assemble(page, [drawn]))
    top = np.nonzero((figure < 128).any(axis=(1, 2)))[0][0]
    assert top >= 2 * page.gap


def read_frame(drawn: Image.Image, place: Box, color: str) -> bool:
    pixels = cut(drawn, place)
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return all((edge == ImageColor.getrgb(color)).all() for edge in edges)


@pytest.mark.parametrize("beside", [False, True])
def test_details_show_the_framed_regions_in_every_column(*, beside: bool) -> None:
    page, shown = plan_page(["input", "a"], 1000), pictures(2)
    block = night_block(page, 64, 48, REGIONS, beside=beside)
    drawn = draw_block(page, block, shown)
    whole = [tile for tile in block.tiles if tile.part == Box(0, 0, 64, 48)]
    details = [tile for tile in block.tiles if tile.part in REGIONS]
    assert len(whole) == 2
    assert len(details) == 4
    for tile in details:
        inner = slice(page.frame, -page.frame)
        want = resized(shown[tile.column], tile.part, tile.place)
        assert (cut(drawn, tile.place)[inner, inner] == want[inner, inner]).all()
        color = FRAME_COLORS[REGIONS.index(tile.part)]
        assert read_frame(drawn, tile.place, color)
        own = whole[tile.column].place
        scale = own.width / 64
        assert tile.place.width / tile.part.width > scale, "a detail is larger than its region"
        region = next(f.place for f in block.frames if f.color == color and inside(f.place, own))
        assert read_frame(drawn, region, color)
        assert region.x + page.frame == pytest.approx(own.x + tile.part.x * scale, abs=1)
        assert region.y + page.frame == pytest.approx(own.y + tile.part.y * scale, abs=1)
        assert region.width - 2 * page.frame == pytest.approx(tile.part.width * scale, abs=2)
        assert tile.place.x >= own.x + own.width if beside else tile.place.y >= own.y + own.height


def test_the_picture_is_untouched_but_for_frames() -> None:
    page, shown = plan_page(["input", "a"], 1000), pictures(2)
    block = night_block(page, 64, 48, REGIONS)
    drawn = draw_block(page, block, shown)
    tile = block.tiles[0]
    different = (cut(drawn, tile.place) != resized(shown[0], tile.part, tile.place)).any(axis=2)
    for frame in block.frames:
        x, y = frame.place.x - tile.place.x, frame.place.y - tile.place.y
        if inside(frame.place, tile.place):
            different[y : y + frame.place.height, x : x + page.frame] = False
            different[y : y + frame.place.height, x + frame.place.width - page.frame : x + frame.place.width] = False
            different[y : y + page.frame, x : x + frame.place.width] = False
            different[y + frame.place.height - page.frame : y + frame.place.height, x : x + frame.place.width] = False
    assert not different.any()


def in_a_page(size: tuple[int, int], boxes: list[Box], *, beside: bool) -> tuple[Page, list[Box]]:
    page = plan_page(["a", "b", "c"], 1500)
    block = night_block(page, *size, boxes, beside=beside)
    assert all(inside(tile.place, Box(0, 0, page.width, block.height)) for tile in block.tiles)
    return page, [tile.place for tile in block.tiles if tile.column == 0]


@given(
    beside=st.booleans(),
    size=st.tuples(st.integers(200, 2000), st.integers(200, 2000)),
    shapes=st.lists(st.tuples(st.integers(5, 40), st.integers(5, 40)), min_size=1, max_size=3),
)
def test_details_are_even_and_apart(*, beside: bool, size: tuple[int, int], shapes: list[tuple[int, int]]) -> None:
    boxes = [Box(50 * i, 50 * i, *shape) for i, shape in enumerate(shapes)]
    try:
        page, (tile, *details) = in_a_page(size, boxes, beside=beside)
    except UsageError:
        return  # no room for some, which other tests pin down
    assert all(apart(one, other) for one, other in itertools.combinations([tile, *details], 2))
    left = page.lefts[0]
    assert all(left <= place.x and place.x + place.width <= left + page.column for place in details)
    if beside:
        assert len({(place.x, place.width) for place in details}) == 1
        assert details[-1].y + details[-1].height == pytest.approx(tile.height, abs=3)
    else:
        assert len({(place.y, place.height) for place in details}) == 1
    for box, place in zip(boxes, details, strict=True):
        slope = box.height / box.width
        assert abs(place.height - place.width * slope) <= 1 + slope, "no further than by rounding"


@pytest.mark.parametrize("beside", [False, True])
def test_details_stand_in_the_order_of_their_regions(*, beside: bool) -> None:
    page = plan_page(["a"], 900)
    block = night_block(page, 64, 48, REGIONS, beside=beside)
    details = [tile for tile in block.tiles if tile.part in REGIONS]
    assert [tile.part for tile in details] == (REGIONS if beside else REGIONS[::-1])


def test_leaders_join_regions_and_details_in_their_colour() -> None:
    page, shown = plan_page(["input", "a"], 1000), [np.zeros((48, 64, 3), np.uint8)] * 2
    assert not night_block(page, 64, 48, REGIONS).leaders
    block = night_block(page, 64, 48, REGIONS, leaders=True)
    drawn = np.asarray(draw_block(page, block, shown)).astype(int)
    assert len(block.leaders) == 2 * 2 * len(REGIONS)
    for leader in block.leaders:
        frames = [frame.place for frame in block.frames if frame.color == leader.color]
        for x, y in (leader.start, leader.end):
            assert any(inside(Box(x, y, 1, 1), place) for place in frames)
        x, y = (round(a + 0.5 * (b - a)) for a, b in zip(leader.start, leader.end, strict=True))
        near = drawn[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
        distances = np.abs(near - ImageColor.getrgb(leader.color)).sum(axis=1)
        assert distances.min() < 60


def test_a_region_at_the_edge_is_framed_within_the_picture() -> None:
    page = plan_page(["a"], 900)
    block = night_block(page, 64, 48, [Box(0, 0, 10, 10), Box(54, 38, 10, 10)])
    own = block.tiles[0].place
    assert sum(inside(frame.place, own) for frame in block.frames) == 2


@pytest.mark.parametrize(("boxes", "beside"), [([Box(0, 0, 64, 48)], False), ([Box(0, 0, 20, 20)] * 3, True)])
def test_regions_that_cannot_be_magnified_are_refused(boxes: list[Box], *, beside: bool) -> None:
    page = plan_page(["a", "b"], 900)
    with pytest.raises(UsageError, match="no room to magnify"):
        night_block(page, 64, 48, boxes, beside=beside)


@pytest.mark.parametrize("beside", [False, True])
def test_a_picture_without_regions(*, beside: bool) -> None:
    page = plan_page(["a", "b"], 900)
    block = night_block(page, 64, 48, [], beside=beside)
    assert [tile.column for tile in block.tiles] == [0, 1]
    assert block.height == block.tiles[0].place.height


@pytest.mark.parametrize("columns", [3, 2])
def test_a_figure_is_its_blocks_on_white(columns: int) -> None:
    page, shown = plan_page(["input", "a", "b"], 900, columns), pictures(3)
    strip = draw_block(page, dark_block(page, 64, 48, NOTES), shown)
    figure = assemble(page, [strip, strip])
    assert figure.size == (900, page_height(page, [strip.height] * 2))
    pixels = np.asarray(figure)
    margin = page.gap
    for edge in (pixels[:margin], pixels[-margin:], pixels[:, :margin], pixels[:, -margin:]):
        assert (edge == 255).all()
    second = figure.height - 2 * page.gap - strip.height
    first = second - page.between - strip.height
    for top in (first, second):
        assert (pixels[top : top + strip.height] == np.asarray(strip)).all()
    assert (pixels[:first] < 255).any() == (columns == 3), "titles once, or else in the blocks"
