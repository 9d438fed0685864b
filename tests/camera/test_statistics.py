"""Each statistic measures what it says, on pictures where that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from highbeam.camera.optics import gaussian_blur
from highbeam.camera.statistics import (
    STATISTICS,
    blacks,
    blockiness,
    blur,
    brightness,
    highlights,
    noise,
    saturation,
    warmth,
)
from highbeam.camera.storage import jpeg, video
from tests.camera.scenes import as_pixels, road

Pixels = NDArray[np.uint8]


def plain(red: int, green: int, blue: int, size: int = 64) -> Pixels:
    return np.full((size, size, 3), (red, green, blue), np.uint8)


def grainy(spread: float, level: float = 90.0, size: int = 256, seed: int = 0) -> Pixels:
    grain = np.random.default_rng(seed).normal(level, spread, (size, size, 1))
    return np.repeat(np.clip(np.rint(grain), 0, 255).astype(np.uint8), 3, axis=2)


@given(st.integers(0, 255))
def test_brightness_is_the_mean_luma(level: int) -> None:
    assert brightness(plain(level, level, level)) == pytest.approx(level)


def test_brightness_weighs_green_most() -> None:
    found = [brightness(plain(*color)) for color in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    assert found[1] > found[0] > found[2]


def test_blacks_and_highlights_are_shares() -> None:
    pixels = plain(100, 100, 100, 100)
    pixels[:10] = 2
    pixels[50:55] = (255, 20, 20)
    assert blacks(pixels) == pytest.approx(0.1)
    assert highlights(pixels) == pytest.approx(0.05)


@given(st.floats(1.0, 12.0), st.integers(0, 1000))
def test_noise_is_recovered_on_flats(spread: float, seed: int) -> None:
    assert noise(grainy(spread, seed=seed)) == pytest.approx(spread, rel=0.12)


def test_noise_is_recovered_beside_texture() -> None:
    pixels = grainy(4.0)
    pixels[:, 128:] = np.where(np.indices((256, 128)).sum(axis=0) % 9 < 4, 30, 200)[..., None]
    assert noise(pixels) == pytest.approx(4.0, rel=0.15)


def test_noise_is_not_measured_where_it_is_clipped() -> None:
    pixels = grainy(5.0)
    pixels[:200] = 0
    assert noise(pixels) == pytest.approx(5.0, rel=0.25)


def test_a_clean_or_black_picture_has_no_noise() -> None:
    assert noise(plain(80, 90, 100)) == 0.0
    assert noise(plain(0, 0, 0)) == 0.0


def test_more_blur_is_more() -> None:
    day = road(128, 160)
    found = [blur(as_pixels(gaussian_blur(day, sigma))) for sigma in (0.0, 0.8, 1.6, 3.2)]
    assert found == sorted(found)
    assert 0.0 <= found[0] < found[-1] <= 1.0


def test_nothing_to_see_is_wholly_blurred() -> None:
    assert blur(plain(7, 7, 7)) == 1.0


def test_blur_along_one_axis_counts() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::16] = 255
    smeared = np.asarray(gaussian_blur(torch.from_numpy(stripes[..., 0].astype(np.float32))[None, None], 3.0))[0, 0]
    soft = np.repeat(smeared[..., None], 3, axis=2).astype(np.uint8)
    assert blur(soft) > blur(stripes)


def test_pictures_without_blocks_have_a_blockiness_of_one() -> None:
    assert blockiness(grainy(8.0)) == pytest.approx(1.0, abs=0.05)
    assert blockiness(plain(9, 9, 9)) == pytest.approx(1.0)


def test_storage_makes_blocks() -> None:
    slope = np.linspace(-18.0, 18.0, 256)[None, :, None] + np.linspace(-6.0, 6.0, 256)[:, None, None]
    shaded = np.clip(grainy(3.0, level=30.0) + slope, 0.0, 255.0) / 255.0
    dark = torch.from_numpy(shaded.astype(np.float32)).permute(2, 0, 1)[None]
    light_jpeg, hard_jpeg = (blockiness(as_pixels(jpeg(dark, quality))) for quality in (90, 30))
    assert hard_jpeg > light_jpeg
    assert hard_jpeg > 1.3
    assert blockiness(as_pixels(video(dark, 6.0, 60.0))) > 2.0


def test_warmth_has_the_sign_of_red_over_blue() -> None:
    assert warmth(plain(200, 100, 50)) == pytest.approx(150 / 350)
    assert warmth(plain(50, 100, 200)) == pytest.approx(-150 / 350)
    assert warmth(plain(70, 70, 70)) == 0.0
    assert warmth(plain(0, 0, 0)) == 0.0


def test_saturation_is_the_share_of_colour() -> None:
    assert saturation(plain(200, 100, 100)) == pytest.approx(0.5)
    assert saturation(plain(80, 80, 80)) == 0.0
    assert saturation(plain(0, 0, 0)) == 0.0


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (9, 3), (16, 16), (50, 70)])
def test_every_statistic_takes_any_size(name: str, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert np.isfinite(STATISTICS[name](pixels))
