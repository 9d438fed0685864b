from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.evaluation.perception.config import PerceptionConfig
from highbeam.evaluation.perception.fitting import best_class, map_to_picture, place, prepare, spread

LETTER = PerceptionConfig("detection")
STRETCH = PerceptionConfig("detection", resize="stretch")


def test_a_letterbox_by_hand() -> None:
    found = place((100, 200), (320, 320), LETTER)
    assert (found.inner, found.top, found.left) == ((160, 320), 80, 0)
    boxes = found.boxes_to_picture(np.array([[0.0, 80, 320, 240], [32, 96, 64, 400]]))
    assert boxes.tolist() == [[0, 0, 200, 100], [20, 10, 40, 100]]


def test_a_free_size_is_padded_to_the_stride_and_never_enlarged() -> None:
    found = place((33, 64), None, LETTER)
    assert (found.net, found.inner, found.top) == ((64, 64), (33, 64), 15)
    assert place((33, 64), None, STRETCH).inner == (64, 64)


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([LETTER, STRETCH]))
def test_boxes_come_back_where_they_were(height: int, width: int, config: PerceptionConfig) -> None:
    found = place((height, width), (64, 96), config)
    (high, wide), top, left = found.inner, found.top, found.left
    whole = np.array([[left, top, left + wide, top + high]], np.float64)
    np.testing.assert_allclose(found.boxes_to_picture(whole), [[0, 0, width, height]], atol=1e-9)
    assert top + high <= 64
    assert left + wide <= 96


@given(st.integers(1, 40), st.integers(1, 40))
def test_maps_come_back_in_the_pictures_size(height: int, width: int) -> None:
    found = place((height, width), (32, 48), LETTER)
    scores = np.zeros((2, 4, 6), np.float32)
    scores[1] = 1
    assert (best_class(scores, found) == 1).all()
    assert (map_to_picture(np.full((4, 6), 3), found) == 3).all()
    assert spread(scores[1], found).shape == (height, width)


def test_a_map_of_the_inputs_size_is_taken_pixel_by_pixel() -> None:
    found = place((8, 8), (8, 8), LETTER)
    classes = np.random.default_rng(0).integers(0, 5, (8, 8))
    assert (map_to_picture(classes, found) == classes).all()
    scores = np.random.default_rng(0).random((5, 8, 8))
    assert (best_class(scores, found) == scores.astype(np.float32).argmax(axis=0)).all()


def test_nearest_takes_the_pixel_whose_area_the_centre_lies_in() -> None:
    found = place((4, 4), (2, 2), STRETCH)
    assert map_to_picture(np.array([[1, 2], [3, 4]]), found).tolist() == [[1, 1, 2, 2]] * 2 + [[3, 3, 4, 4]] * 2


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_what_goes_in_by_hand(dtype: str, white: int) -> None:
    pixels = np.zeros((2, 4, 3), dtype)
    pixels[..., 0] = white
    config = PerceptionConfig("mask", channels="bgr", mean=(0.1, 0.2, 0.3), std=(1, 2, 4))
    fed = prepare(pixels, place((2, 4), (4, 4), config), config, "nchw", "float32")
    assert fed.shape == (1, 3, 4, 4)
    assert fed.dtype == np.float32
    assert fed.flags.c_contiguous
    np.testing.assert_allclose(fed[0, :, 1, 0], [-0.1, -0.1, 0.7 / 4], atol=1e-6)
    np.testing.assert_allclose(fed[0, :, 0, 0], (114 / 255 - np.array([0.1, 0.2, 0.3])) / [1, 2, 4], atol=1e-6)


def test_bytes_are_fed_as_they_are() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    fed = prepare(pixels, place((4, 4), (4, 4), LETTER), LETTER, "nhwc", "uint8")
    assert fed.dtype == np.uint8
    assert (fed[0] == pixels).all()
