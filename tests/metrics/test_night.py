"""Highlights, noise and blocks: what each says of pictures whose truth is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.methods import load
from highbeam.metrics import blockiness, highlight_growth, noise_amplification, noise_level
from highbeam.scenes import make_scene, render


def _flat(level: float, noise: float, seed: int = 0, side: int = 160) -> NDArray[np.uint16]:
    values = level + noise * np.random.default_rng(seed).normal(size=(side, side))
    return np.repeat(np.rint(65535 * np.clip(values, 0, 1))[..., None], 3, axis=2).astype(np.uint16)


def _lamp(radius: int) -> NDArray[np.uint8]:
    picture = np.full((100, 100, 3), 20, np.uint8)
    cv2.rectangle(picture, (10, 10), (10 + radius - 1, 10 + radius - 1), (255, 255, 255), -1)
    return picture


def test_growth_is_the_ratio_of_areas() -> None:
    assert highlight_growth(_lamp(20), _lamp(10)) == pytest.approx((0.04 + 1e-4) / (0.01 + 1e-4))
    assert highlight_growth(_lamp(10), _lamp(20)) == pytest.approx((0.01 + 1e-4) / (0.04 + 1e-4))


def test_growth_out_of_nothing_has_a_value() -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    assert highlight_growth(_lamp(10), black) == pytest.approx(101.0)
    assert highlight_growth(black, black) == 1.0
    assert highlight_growth(black + np.uint8(255), black) == pytest.approx(10001.0)
    assert highlight_growth(black, black + np.uint8(255)) == pytest.approx(1 / 10001.0)


def test_nearly_white_is_luma_of_nine_tenths() -> None:
    black = np.zeros((10, 10, 3), np.uint8)
    for colour, near in (((230, 230, 230), True), ((229, 229, 229), False), ((255, 255, 0), False)):
        assert (highlight_growth(np.full((10, 10, 3), colour, np.uint8), black) > 1.0) == near


def test_a_gain_without_protection_blooms() -> None:
    night = render(make_scene(4), 144, 256, exposure=2.0).image
    plain = load("gamma", gamma=3.0, protect_highlights=False)(night)
    assert highlight_growth(plain, night) > 1.5
    assert highlight_growth(load("gamma", gamma=3.0)(night), night) < highlight_growth(plain, night)


@pytest.mark.parametrize("gain", [0.5, 2.0, 4.0])
def test_a_gain_amplifies_noise_by_itself_and_leaves_the_level(gain: float) -> None:
    source = _flat(0.1, 0.01)
    output = np.rint(gain * source).astype(np.uint16)
    assert noise_amplification(output, source) == pytest.approx(gain, rel=1e-3)
    assert noise_level(output, source) == pytest.approx(noise_level(source, source), rel=1e-3)
    assert noise_level(source, source) == pytest.approx(5.0, rel=0.05)  # 0.01 at 0.1 is 0.05 at mid-grey


def test_blocks_are_not_chosen_for_being_quiet() -> None:
    """Two draws of one noise: were quiet blocks of the input taken, the second would look noisier."""
    ratios = [noise_amplification(_flat(0.2, 0.02, 2 * k), _flat(0.2, 0.02, 2 * k + 1)) for k in range(6)]
    assert float(np.mean(ratios)) == pytest.approx(1.0, abs=0.03)


def test_denoising_lowers_both() -> None:
    source = _flat(0.1, 0.01)
    smooth = np.asarray(cv2.GaussianBlur(source, (0, 0), 1.5)) * np.uint16(2)
    assert noise_amplification(smooth, source) < 0.8
    assert noise_level(smooth, source) < 0.5 * noise_level(source, source)


def test_a_slope_is_no_noise() -> None:
    ramp = np.linspace(0.1, 0.7, 160)[None, :, None]
    source = np.rint(65535 * np.broadcast_to(ramp, (160, 160, 3))).astype(np.uint16)
    assert noise_level(source, source) < 0.01


def test_noise_is_measured_beside_texture() -> None:
    source = _flat(0.2, 0.01)
    source[:, :120] = np.where(np.indices((160, 120)).sum(axis=0)[..., None] // 6 % 2, 6000, 30000)
    assert noise_level(source, source) == pytest.approx(2.5, rel=0.1)


def test_the_noise_of_a_rendered_sensor_is_found() -> None:
    scene = make_scene(4)
    noisy, clean = (render(scene, 144, 256, exposure=3.0, noise_seed=seed).image for seed in (1, None))
    assert noise_amplification(noisy, clean) > 1.3
    assert noise_level(noisy, noisy) > 1.2 * noise_level(clean, clean)  # which has texture


@pytest.mark.parametrize("metric", [noise_amplification, noise_level])
def test_nothing_to_measure_noise_in(metric: object) -> None:
    assert callable(metric)
    for level in (0.0, 0.01, 0.9):
        assert math.isnan(metric(_flat(level, 0.0), _flat(level, 0.0)))
    assert math.isnan(metric(_flat(1.0, 0.0), _flat(0.3, 0.0)))  # blown out in the output


def _compressed(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)


def test_compression_in_the_dark_makes_blocks() -> None:
    night = render(make_scene(4), 144, 256, exposure=1.0).image
    values = [blockiness(_compressed(night, quality), night) for quality in (95, 40, 10)]
    assert sorted(values) == values
    assert blockiness(night, night) == pytest.approx(1.0, abs=0.15)
    assert values[-1] > 1.5


def test_a_gain_brings_blocks_out_no_more_than_what_is_inside_them() -> None:
    night = _compressed(render(make_scene(4), 144, 256).image, 30)
    brighter = np.clip(3 * night.astype(np.uint16), 0, 255).astype(np.uint8)
    assert blockiness(brighter, night) == pytest.approx(blockiness(night, night), rel=0.2)


def test_the_grid_starts_at_the_corner() -> None:
    steps = np.repeat(np.arange(0, 40, 5, dtype=np.uint8)[None, :, None], 3, axis=2)
    tiles = steps.repeat(64, axis=0).repeat(8, axis=1)
    assert blockiness(tiles, tiles) == pytest.approx(
        (2.5 + 0.1) / 0.1
    )  # half the borders, the level ones, have no step
    shifted = np.roll(tiles, 3, axis=1)[:, 8:56].copy()
    assert blockiness(shifted, shifted) < 1.0


def test_only_the_dark_is_looked_at() -> None:
    bright = np.full((64, 64, 3), 52, np.uint8)
    assert math.isnan(blockiness(bright, bright))
    assert blockiness(bright - np.uint8(1), bright - np.uint8(1)) == 1.0  # 51 of 255 is a fifth of white, and dark
    assert blockiness(np.zeros_like(bright), np.zeros_like(bright)) == 1.0
