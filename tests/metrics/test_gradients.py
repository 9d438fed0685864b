"""Gradient magnitude similarity deviation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from highbeam.metrics import gmsd
from highbeam.scenes import make_scene, render

DAY = render(make_scene(4), 96, 160, time="day").image


def test_more_blur_and_more_noise_are_worse() -> None:
    noise = np.random.default_rng(1).normal(size=DAY.shape)
    blurred = [cv2.GaussianBlur(DAY, (0, 0), sigma) for sigma in (0.6, 1.0, 2.0)]
    noisy = [np.clip(DAY + level * noise, 0, 255).astype(np.uint8) for level in (2, 6, 18)]
    for row in (blurred, noisy):
        values = [gmsd(np.asarray(picture), DAY) for picture in row]
        assert sorted(values) == values
        assert values[0] > 0.0


def test_flat_pictures_of_any_brightness_have_the_same_edges() -> None:
    assert gmsd(np.full((9, 9, 3), 10, np.uint8), np.full((9, 9, 3), 200, np.uint8)) == pytest.approx(0.0, abs=1e-12)


def test_an_even_loss_of_edges_is_no_deviation() -> None:
    """What the metric does not tell: a ramp at half its slope is as similar everywhere, so the deviation is 0."""
    ramp = np.repeat(np.arange(0, 240, 6, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(40, axis=0)
    assert gmsd(ramp // 2, ramp) == pytest.approx(0.0, abs=1e-9)


def test_is_symmetric() -> None:
    other = np.asarray(cv2.GaussianBlur(DAY, (0, 0), 1.5))
    assert gmsd(DAY, other) == gmsd(other, DAY)
