"""Crops: inside the picture, apart from each other, and where the dark hid something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from highbeam.crops import Box, choose_crops
from highbeam.errors import UsageError
from highbeam.methods import load
from highbeam.methods.base import Pixels
from tests.conftest import load_rgb


def apart(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return beside or one.y + one.height <= other.y or other.y + other.height <= one.y


def stripes(height: int, width: int, low: int, high: int) -> NDArray[np.uint8]:
    """Vertical stripes, 16 pixels each."""
    column = np.where(np.arange(width) // 16 % 2, high, low).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(column[None, :, None], (height, width, 3)))


@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    count=st.integers(0, 6),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_crops_lie_inside_and_apart(height: int, width: int, count: int, seed: int, dtype: str) -> None:
    unit = np.random.default_rng(seed).random((max(1, height // 8), max(1, width // 8), 1), np.float32)
    tiled = np.resize(unit, (height, width, 3))
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    before: Pixels = (tiled * white * 0.2).astype(dtype)
    boxes = choose_crops(before, [(tiled * white).astype(dtype)], count)
    assert len(boxes) <= count
    for number, box in enumerate(boxes):
        box.check_inside(width, height, "a.png")
        assert all(apart(box, other) for other in boxes[:number])


def test_as_many_as_asked_for_where_there_is_room(night: NDArray[np.uint8]) -> None:
    for count in range(7):
        assert len(choose_crops(night, [load("gamma")(night)], count)) == count


def test_the_same_picture_gives_the_same_crops(night: NDArray[np.uint8]) -> None:
    after = [load("gamma")(night)]
    assert choose_crops(night, after, 3) == choose_crops(night, after, 3)


def test_a_crop_lies_where_detail_was_revealed() -> None:
    before = np.full((360, 640, 3), 12, np.uint8)
    before[180:300, 60:220] = stripes(120, 160, 4, 20)
    after = np.full((360, 640, 3), 90, np.uint8)
    after[180:300, 60:220] = stripes(120, 160, 40, 160)
    (box,) = choose_crops(before, [after], 1)
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    assert 60 <= middle[0] <= 220
    assert 180 <= middle[1] <= 300


def test_lamps_are_left_alone() -> None:
    """The contrast that an enhancement gives a lamp and its surroundings counts against a crop."""
    before = stripes(360, 640, 4, 16)
    after = stripes(360, 640, 40, 130)
    for picture in (before, after):
        picture[120:200, 300:360] = 250
    after[100:220, 280:380, 0] = 255
    boxes = choose_crops(before, [after], 2)
    lamp = Box(300, 120, 60, 80)
    assert len(boxes) == 2
    assert all(apart(lamp, box) for box in boxes)


def test_what_was_light_already_does_not_count() -> None:
    before, after = stripes(360, 640, 4, 16), stripes(360, 640, 40, 120)
    before[:, 320:] = stripes(360, 320, 120, 150)
    after[:, 320:] = stripes(360, 320, 60, 240)
    (box,) = choose_crops(before, [after], 1)
    assert box.x + box.width / 2 < 320


def test_noise_that_is_blown_up_does_not_count() -> None:
    """Black with a grain of one step becomes coarse blocks; faint stripes become stripes: the stripes are shown."""
    grain = np.random.default_rng(3).integers(0, 2, (45, 40, 1), np.uint8).repeat(8, 0).repeat(8, 1).repeat(3, 2)
    before, after = stripes(360, 640, 6, 22), stripes(360, 640, 40, 90)
    before[:, 320:], after[:, 320:] = grain, grain * np.uint8(120)
    (box,) = choose_crops(before, [after], 1)
    assert box.x + box.width / 2 < 320


def test_real_pictures_get_crops_off_their_lamps(real_nights: list[Path]) -> None:
    for path in real_nights[::12]:
        dark = load_rgb(path)
        boxes = choose_crops(dark, [load("gamma")(dark)], 2)
        assert len(boxes) == 2
        for box in boxes:
            part = dark[box.y : box.y + box.height, box.x : box.x + box.width]
            assert np.mean(part.max(axis=2) > 0.9 * 255) < 0.05


@pytest.mark.parametrize(
    "box", [Box(-1, 0, 5, 5), Box(0, 0, 0, 5), Box(0, 0, 5, 0), Box(6, 0, 5, 5), Box(0, 4, 5, 5), Box(0, -2, 5, 5)]
)
def test_boxes_that_leave_the_picture_are_refused(box: Box) -> None:
    with pytest.raises(UsageError, match=r"does not lie in night\.png, which is 10 x 8"):
        box.check_inside(10, 8, "night.png")


def test_a_box_may_be_the_whole_picture() -> None:
    Box(0, 0, 10, 8).check_inside(10, 8, "night.png")
