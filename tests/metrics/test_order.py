"""Lightness order error."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.metrics import loe
from highbeam.scenes import make_scene, render


def _steps(height: int = 8, width: int = 10) -> NDArray[np.uint8]:
    values = np.random.default_rng(1).permutation(height * width).reshape(height, width)
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("power", [0.4, 2.0])
def test_a_rising_curve_keeps_the_order(power: float) -> None:
    source = _steps()
    curved = (source / 79.0) ** power
    assert loe((65535 * curved).astype(np.uint16), source.astype(np.uint16)) == 0.0


def test_a_negative_turns_every_pair_round() -> None:
    source = _steps()
    assert loe(79 - source, source) == 79.0  # all others; a place against itself stays equal


def test_one_moved_place_is_counted_with_all_that_it_passes() -> None:
    source = _steps()
    output = source.copy()
    output[source == 10] = 79 + 1  # over 69 others, each of which sees it from its side as well
    assert loe(output, source) == 2 * 69 / 80


def test_equal_places_that_part_are_counted_once() -> None:
    source = np.full((1, 2, 3), 50, np.uint8)
    output = source.copy()
    output[0, 1] = 60
    assert loe(output, source) == 0.5


def test_only_the_largest_channel_counts() -> None:
    source = _steps()
    output = source.copy()
    output[..., :2] //= 2
    assert loe(output, source) == 0.0


def test_large_pictures_are_averaged_to_fifty_rows() -> None:
    rng = np.random.default_rng(2)
    source = np.repeat(rng.permutation(50 * 60).reshape(50, 60, 1), 3, axis=2).astype(np.uint16)
    output = np.repeat(rng.permutation(50 * 60).reshape(50, 60, 1), 3, axis=2).astype(np.uint16)
    large = [picture.repeat(4, axis=0).repeat(4, axis=1) for picture in (output, source)]
    assert loe(*large) == loe(output, source)
    assert loe(*(picture.transpose(1, 0, 2) for picture in large)) == loe(output, source)


def test_local_changes_are_worse_than_global_ones() -> None:
    source = render(make_scene(4), 90, 160, time="night", exposure=1.5).image
    curve = (255 * (source / 255.0) ** 0.45).astype(np.uint8)
    ramp = np.linspace(0.3, 1.0, 160)[:, None]
    assert loe(curve, source) < 0.1 * loe((curve * ramp).astype(np.uint8), source)
