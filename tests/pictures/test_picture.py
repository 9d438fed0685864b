"""Pictures and limits hold what they promise."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from highbeam.errors import ArrayError, OptionError
from highbeam.pictures import Limits, Picture
from tests.pictures.makers import a_picture, gradient


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.int16),
    ],
)
def test_only_rgb_of_8_or_16_bits_is_a_picture(pixels: Any) -> None:
    with pytest.raises(ArrayError, match="expected"):
        Picture(pixels)


@pytest.mark.parametrize(
    "alpha", [np.zeros((5, 4), np.uint8), np.zeros((4, 4), np.uint16), np.zeros((4, 4, 1), np.uint8)]
)
def test_alpha_must_match_the_pixels(alpha: Any) -> None:
    with pytest.raises(ArrayError, match="expected alpha"):
        Picture(np.zeros((4, 4, 3), np.uint8), alpha=alpha)


def test_with_pixels_changes_nothing_else() -> None:
    before = a_picture(np.uint16, alpha=True, icc=b"icc", dpi=(72.0, 72.0), name="x.png")
    after = before.with_pixels(before.pixels // 2)
    assert np.array_equal(after.pixels, before.pixels // 2)
    others = {field.name for field in dataclasses.fields(Picture)} - {"pixels"}
    assert all(getattr(after, name) is getattr(before, name) for name in others)


@pytest.mark.parametrize("pixels", [gradient(12, 21), gradient(12, 20, dtype=np.uint16), gradient(12, 20, 4)])
def test_with_pixels_refuses_another_shape_or_dtype(pixels: Any) -> None:
    with pytest.raises(ArrayError, match=r"\(12, 20, 3\) uint8 as before"):
        a_picture().with_pixels(pixels)


def test_limits_say_what_is_too_large() -> None:
    limits = Limits(max_pixels=100, max_side=20)
    assert limits.objection(10, 10) is None
    assert limits.objection(20, 5) is None
    assert "longest side allowed is 20" in str(limits.objection(21, 1))
    assert "at most 100" in str(limits.objection(11, 10))


@pytest.mark.parametrize("wrong", [{"max_pixels": 0}, {"max_side": -1}])
def test_limits_must_leave_room_for_a_pixel(wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="at least 1"):
        Limits(**wrong)
