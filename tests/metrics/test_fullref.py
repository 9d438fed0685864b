"""PSNR and SSIM against literal versions written from the papers' equations."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from highbeam.errors import ArrayError
from highbeam.methods.base import Pixels
from highbeam.metrics import ms_ssim, psnr, psnr_y, ssim, ssim_y

_LOL = Path(__file__).parents[2].parent / "shared" / "data" / "lol" / "eval15"
_WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}


def _noise(seed: int, dtype: str = "uint8", height: int = 14, width: int = 13) -> Pixels:
    unit = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    return unit if dtype == "float32" else np.rint(unit * _WHITE[dtype]).astype(dtype)


def _literal_psnr(a: Pixels, b: Pixels) -> float:
    total = sum((float(x) - float(y)) ** 2 for x, y in zip(a.ravel(), b.ravel(), strict=True))
    return 10 * math.log10(_WHITE[a.dtype.name] ** 2 / (total / a.size))


def _literal_ssim(a: Pixels, b: Pixels) -> float:
    """Equations 13 to 16, window by window."""
    white = _WHITE[a.dtype.name]
    weights = np.array([[math.exp(-(i * i + j * j) / 4.5) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    values = []
    for channel in range(3):
        for top in range(a.shape[0] - 10):
            for left in range(a.shape[1] - 10):
                x = a[top : top + 11, left : left + 11, channel].astype(np.float64)
                y = b[top : top + 11, left : left + 11, channel].astype(np.float64)
                values.append(_window(weights, x, y, (0.01 * white) ** 2, (0.03 * white) ** 2))
    return float(np.mean(values))


def _window(
    weights: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], c1: float, c2: float
) -> float:
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
    cov = (weights * (x - mx) * (y - my)).sum()
    return float((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_both_agree_with_the_literal_versions(dtype: str) -> None:
    a, b = _noise(1, dtype), _noise(2, dtype)
    assert psnr(a, b) == pytest.approx(_literal_psnr(a, b), abs=1e-9)
    assert ssim(a, b) == pytest.approx(_literal_ssim(a, b), abs=1e-9)


def test_a_known_error_gives_the_known_psnr() -> None:
    black = np.zeros((2, 2, 3), np.uint8)
    assert psnr(black, black + np.uint8(255)) == 0.0
    assert psnr(black, black + np.uint8(1)) == pytest.approx(48.1308, abs=1e-4)  # 20 log10(255)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_equal_pictures_are_perfect(dtype: str) -> None:
    a = _noise(3, dtype)
    assert psnr(a, a.copy()) == math.inf
    assert ssim(a, a.copy()) == 1.0


@settings(max_examples=40, deadline=None)
@given(first=st.integers(0, 2**32 - 1), second=st.integers(0, 2**32 - 1))
def test_both_are_symmetric_and_bounded(first: int, second: int) -> None:
    a, b = _noise(first), _noise(second)
    assert psnr(a, b) == psnr(b, a)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    assert -1.0 <= ssim(a, b) <= 1.0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_channel_order_and_mirroring_do_not_matter(seed: int) -> None:
    a, b = _noise(seed), _noise(seed + 1)
    assert ssim(a[..., ::-1].copy(), b[..., ::-1].copy()) == pytest.approx(ssim(a, b), abs=1e-12)
    assert ssim(a[::-1].copy(), b[::-1].copy()) == pytest.approx(ssim(a, b), abs=1e-12)


def test_more_noise_is_worse() -> None:
    clean = np.full((32, 32, 3), 120, np.uint8)
    clean[:, 16:] = 60
    noise = np.random.default_rng(5).normal(size=clean.shape)
    noisy = [np.clip(clean + level * noise, 0, 255).astype(np.uint8) for level in (2, 8, 32)]
    assert sorted((psnr(n, clean) for n in noisy), reverse=True) == [psnr(n, clean) for n in noisy]
    assert sorted((ssim(n, clean) for n in noisy), reverse=True) == [ssim(n, clean) for n in noisy]


def test_the_window_must_fit() -> None:
    assert ssim(_noise(1, height=11, width=11), _noise(2, height=11, width=11)) < 1.0
    with pytest.raises(ArrayError, match="at least 11 pixels"):
        ssim(_noise(1, height=10), _noise(2, height=10))


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_pairs_that_do_not_match_are_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(ArrayError, match="one shape and dtype"):
        metric(_noise(1), _noise(1, width=12))
    with pytest.raises(ArrayError, match="one shape and dtype"):
        metric(_noise(1), _noise(1, "uint16"))
    with pytest.raises(ArrayError, match="float64"):
        metric(np.zeros((12, 12, 3)), np.zeros((12, 12, 3)))
    with pytest.raises(ArrayError, match="shape"):
        metric(_noise(1), _noise(1)[..., 0])


@pytest.mark.skipif(not _LOL.is_dir(), reason="the LOL evaluation pairs are not beside the repository")
def test_a_real_dark_picture_is_far_from_its_reference() -> None:
    low, high = (np.asarray(Image.open(_LOL / half / "1.png").convert("RGB")) for half in ("low", "high"))
    assert 5.0 < psnr(low, high) < 12.0
    assert 0.0 < ssim(low, high) < 0.5


def test_luma_is_that_of_bt_601() -> None:
    black = np.zeros((12, 12, 3), np.uint8)
    for channel, weight in enumerate((0.299, 0.587, 0.114)):
        lit = black.copy()
        lit[..., channel] = 255
        assert psnr_y(lit, black) == pytest.approx(-20 * math.log10(weight))


def test_the_studio_range_scores_higher_by_what_the_docstring_says() -> None:
    a, b = (np.repeat(_noise(seed)[..., :1], 3, axis=2) for seed in (1, 2))
    studio = [(16 + 219 * picture.astype(np.float32) / 255) / 255 for picture in (a, b)]
    assert psnr(*studio) - psnr_y(a, b) == pytest.approx(20 * math.log10(255 / 219), abs=1e-4)


def test_on_greys_luma_and_rgb_are_the_same() -> None:
    a, b = (np.repeat(_noise(seed)[..., :1], 3, axis=2) for seed in (1, 2))
    assert psnr_y(a, b) == pytest.approx(psnr(a, b), abs=1e-9)
    assert ssim_y(a, b) == pytest.approx(ssim(a, b), abs=1e-9)


def test_a_change_of_hue_at_equal_luma_is_not_seen_in_it() -> None:
    grey = np.full((12, 12, 3), 0.5, np.float32)
    tinted = grey + np.array([0.1, -0.1 * 0.299 / 0.587, 0.0], np.float32)
    assert psnr(tinted, grey) < 30.0
    assert psnr_y(tinted, grey) > 120.0
    assert ssim_y(tinted, grey) == pytest.approx(1.0, abs=1e-9)


def test_five_scales_need_161_pixels() -> None:
    assert ms_ssim(_noise(1, height=161, width=161), _noise(2, height=161, width=161)) < 1.0
    with pytest.raises(ArrayError, match="MS-SSIM needs at least 161 pixels"):
        ms_ssim(_noise(1, height=160, width=170), _noise(2, height=160, width=170))


def test_a_negative_has_no_similarity_left() -> None:
    picture = _noise(4, height=170, width=165)
    assert ssim(255 - picture, picture) < 0.0
    assert ms_ssim(255 - picture, picture) == 0.0


def test_coarse_scales_forgive_grain() -> None:
    clean = np.full((176, 176, 3), 120, np.uint8)
    clean[:, 88:] = 60
    noisy = np.clip(clean + 12 * np.random.default_rng(5).normal(size=clean.shape), 0, 255).astype(np.uint8)
    assert ssim(noisy, clean) < ms_ssim(noisy, clean) < 1.0
