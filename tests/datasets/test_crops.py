"""Crops of one size out of pictures of any size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets.crops import Window, central_window, cut, random_window
from tests.datasets.makers import Rgb, scene

shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))


def numbered(height: int, width: int) -> Rgb:
    """A picture whose values tell row and column."""
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(np.stack([y, x, np.full_like(x, 9)], -1), np.uint8)


@given(shapes, st.integers(1, 64), st.floats(1.0, 4.0), st.booleans(), st.integers(0, 2**32))
def test_every_crop_has_its_size_and_lies_in_the_picture(
    shape: tuple[int, int], size: int, zoom: float, flip: object, seed: int
) -> None:
    window = random_window(np.random.default_rng(seed), (*shape, 3), size, zoom=zoom, flip=bool(flip))
    height, width = shape
    assert size <= window.side <= max(size, round(size * zoom))
    assert 0 <= window.top <= max(0, height - window.side)
    assert 0 <= window.left <= max(0, width - window.side)
    assert window.side == size or window.side <= min(height, width)
    assert flip or not window.flipped
    crop = cut(numbered(height, width), window, size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    assert crop[..., 0].max() < height
    assert crop[..., 1].max() < width


@given(shapes, st.integers(1, 64))
def test_the_central_crop_is_central(shape: tuple[int, int], size: int) -> None:
    window = central_window((*shape, 3), size)
    for start, length in zip((window.top, window.left), shape, strict=True):
        assert start == (max(length - size, 0)) // 2
    assert (window.side, window.flipped) == (size, False)
    assert cut(numbered(*shape), window, size).shape == (size, size, 3)


def test_the_same_numbers_are_drawn_whatever_is_asked() -> None:
    rngs = [np.random.default_rng(3) for _ in range(3)]
    random_window(rngs[0], (50, 60, 3), 20)
    random_window(rngs[1], (5, 6, 3), 20, zoom=3.0, flip=False)
    rngs[2].random(4)
    assert len({rng.random() for rng in rngs}) == 1


def test_places_and_flips_are_even() -> None:
    rng = np.random.default_rng(0)
    windows = [random_window(rng, (40, 60, 3), 20, zoom=1.5) for _ in range(4000)]
    assert {window.side for window in windows} == set(range(20, 31))
    whole = [window for window in windows if window.side == 20]
    assert {window.top for window in whole} == set(range(21))
    assert {window.left for window in whole} == set(range(41))
    assert sum(window.flipped for window in windows) == pytest.approx(2000, abs=150)


def test_a_cut_is_exact() -> None:
    picture = numbered(30, 40)
    crop = cut(picture, Window(3, 7, 10), 10)
    assert np.array_equal(crop, picture[3:13, 7:17])
    assert np.array_equal(cut(picture, Window(3, 7, 10, flipped=True), 10), crop[:, ::-1])


def test_a_larger_window_is_averaged() -> None:
    picture = scene(3)
    crop = cut(picture, Window(0, 0, 48), 24)
    expected = cv2.resize(picture[:48, :48], (24, 24), interpolation=cv2.INTER_AREA)
    assert np.array_equal(crop, expected)
    assert crop.mean() == pytest.approx(picture[:48, :48].mean(), abs=1.0)


def test_a_small_picture_is_mirrored() -> None:
    crop = cut(numbered(2, 3), Window(0, 0, 8), 8)
    assert crop[:, 0, 0].tolist() == [0, 1, 1, 0, 0, 1, 1, 0]
    assert crop[0, :, 1].tolist() == [0, 1, 2, 2, 1, 0, 0, 1]


def test_the_picture_is_left_as_it_is() -> None:
    picture = numbered(20, 20)
    cut(picture, Window(0, 0, 20, flipped=True), 10)[...] = 0
    assert np.array_equal(picture, numbered(20, 20))
