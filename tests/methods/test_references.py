"""Every method against its literal version, in all three dtypes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.methods import load
from highbeam.methods.clahe import equalize
from highbeam.methods.exposure_fusion import camera_response, exposure_ratio
from highbeam.methods.illumination import illumination_map
from highbeam.methods.retinex import color_balance
from highbeam.methods.surround import log_surround
from tests.conftest import load_rgb
from tests.methods import literal

DTYPES = ("uint8", "uint16", "float32")
WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}

LITERAL: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "gamma": literal.gamma,
    "ssr": literal.ssr,
    "msr": literal.msr,
    "msrcr": literal.msrcr,
    "msrcp": literal.msrcp,
    "exposure-fusion": literal.exposure_fusion,
}

LEAST_PSNR = {"gamma": 58.0, "ssr": 52.0, "msr": 52.0, "msrcr": 52.0, "msrcp": 52.0, "exposure-fusion": 40.0}
"""dB on 8-bit output; rounding alone gives 58.9."""


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of values in [0, 1]."""
    return float(-10.0 * np.log10(np.mean((a.astype(np.float64) - b) ** 2) + 1e-20))


def as_dtype(picture: NDArray[np.uint8], dtype: str) -> NDArray[Any]:
    unit = picture / 255.0
    return unit.astype(np.float32) if dtype == "float32" else np.rint(unit * WHITE[dtype]).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LITERAL)
def test_agrees_with_the_literal_version(name: str, dtype: str, night: NDArray[np.uint8]) -> None:
    fast = load(name, protect_highlights=False)(as_dtype(night, dtype))
    slow = LITERAL[name](night / 255.0)
    assert psnr(fast / WHITE[dtype], slow) >= LEAST_PSNR[name]


@pytest.mark.parametrize("name", [name for name in LITERAL if name != "gamma"])
def test_agrees_with_the_literal_version_on_real_nights(name: str, real_nights: list[Path]) -> None:
    for path in real_nights[::18]:  # the benchmark goes through all of them; a full-size literal run takes seconds
        whole = load_rgb(path)
        picture = np.asarray(cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        fast = load(name, protect_highlights=False)(picture)
        assert psnr(fast / 255.0, LITERAL[name](picture / 255.0)) >= 40.0, path.name


@pytest.mark.parametrize("tiles", [1, 4, 8])
@pytest.mark.parametrize("clip_limit", [1.0, 2.0, 7.5])
def test_clahe_agrees_with_the_literal_version(clip_limit: float, tiles: int, night: NDArray[np.uint8]) -> None:
    space = cv2.cvtColor(night, cv2.COLOR_RGB2YCrCb)
    space[..., 0] = literal.clahe(space[..., 0], clip_limit, tiles)
    slow = cv2.cvtColor(space, cv2.COLOR_YCrCb2RGB)
    method = load("clahe", space="ycrcb", clip_limit=clip_limit, tiles=tiles, protect_highlights=False)
    # OpenCV takes a tile's centre half a pixel further down and right; the rest is the colour conversion's rounding.
    error = method(night).astype(int) - slow
    assert np.abs(error).max() <= 6
    assert np.abs(error).mean() < 0.5


@pytest.mark.parametrize(("clip_limit", "tiles"), [(1.0, 1), (2.0, 8), (7.5, 8), (4.0, 2)])
def test_deep_equalisation_agrees_with_the_literal_version(
    clip_limit: float, tiles: int, night: NDArray[np.uint8]
) -> None:
    rng = np.random.default_rng(1)
    large = np.asarray(cv2.resize(night[..., 1], (1280, 720), interpolation=cv2.INTER_CUBIC))
    large = np.clip(large + rng.normal(0, 1.5, large.shape), 0, 255).astype(np.uint8)
    slow = literal.clahe(large, clip_limit, tiles)
    fast = equalize((large / 255.0).astype(np.float32), clip_limit, tiles)
    assert psnr(fast, slow / 255.0) > 48.0  # the literal one rounds its mappings and its result


def test_deep_equalisation_invents_no_steps() -> None:
    """A finely graded ramp keeps far more than 256 values."""
    ramp = np.linspace(0.02, 0.1, 256 * 256, dtype=np.float32).reshape(256, 256)
    assert len(np.unique(equalize(ramp, 2.0, 8))) > 10_000


@pytest.mark.parametrize("space", ["lab", "hsv", "hls", "ycrcb"])
def test_clahe_raises_contrast_in_every_space(space: str, night: NDArray[np.uint8]) -> None:
    for picture in (night, as_dtype(night, "float32")):
        out = load("clahe", space=space, protect_highlights=False)(picture)
        assert out[:70, :120].astype(float).std() > picture[:70, :120].astype(float).std()


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0, 15.0, 80.0, 250.0])
def test_surround_has_the_variance_it_was_asked_for(sigma: float) -> None:
    """An impulse's response is measured: mass and variance along both axes, far from the borders."""
    side = min(1601, int(12 * sigma) | 1)
    image = np.zeros((side, side), np.float32)
    image[side // 2, side // 2] = 1e4
    response = np.expm1(log_surround(image, (sigma,), (1.0,))).astype(np.float64)
    if side >= int(12 * sigma):
        offsets = np.arange(side) - side // 2
        assert response.sum() == pytest.approx(1e4, rel=0.02)
        for axis in (0, 1):
            variance = (response.sum(axis=axis) * offsets**2).sum() / response.sum()
            assert variance == pytest.approx(sigma**2, rel=0.06)
    else:
        assert response.sum() == pytest.approx(1e4, rel=0.02)  # symmetric borders lose nothing


def test_surround_keeps_a_constant_and_needs_a_scale() -> None:
    flat = np.full((33, 57, 3), 99.0, np.float32)
    np.testing.assert_allclose(log_surround(flat, (15.0, 80.0, 250.0), (1 / 3,) * 3), np.log(100.0), rtol=1e-5)
    with pytest.raises(ValueError, match="at least one scale"):
        log_surround(flat, (), ())


def test_illumination_agrees_with_the_full_system(night: NDArray[np.uint8]) -> None:
    lightness = (night.max(axis=2) / 255.0).astype(np.float32)
    assert np.abs(illumination_map(lightness, 0.5) - literal.illumination(lightness.astype(np.float64))).max() < 0.02


def test_illumination_smooths_texture_and_keeps_edges() -> None:
    rng = np.random.default_rng(0)
    step = np.where(np.arange(200) < 100, 0.1, 0.8)[None, :].repeat(120, axis=0)
    noisy = np.clip(step + rng.normal(0, 0.02, step.shape), 0, 1).astype(np.float32)
    light = illumination_map(noisy, 0.5)
    assert light[:, :95].std() < 0.35 * noisy[:, :95].std()
    assert light[:, 104:].mean() - light[:, :96].mean() == pytest.approx(0.7, abs=0.03)


def test_camera_response_brightens_and_is_identity_at_one() -> None:
    values = np.linspace(0.0, 1.0, 257)
    np.testing.assert_allclose(camera_response(values, 1.0), values)
    assert (camera_response(values, 4.0) >= values).all()
    assert (np.diff(camera_response(values, 4.0)) >= 0).all()
    np.testing.assert_allclose(camera_response(values, 3.3), literal.response(values, 3.3))


def test_exposure_ratio_is_the_entropy_maximum(night: NDArray[np.uint8]) -> None:
    unit = (night / 255.0).astype(np.float32)
    light = literal.illumination(unit.max(axis=2).astype(np.float64)).astype(np.float32)
    chosen = exposure_ratio(unit, light, 7.0)
    dark = np.cbrt((night / 255.0).prod(axis=2))[light < 0.5]
    best = max(literal.entropy(literal.response(dark, k)) for k in np.arange(1.0, 7.01, 0.025))
    assert literal.entropy(literal.response(dark, chosen)) == pytest.approx(best, abs=0.01)


def test_exposure_ratio_of_a_bright_picture_is_one() -> None:
    bright = np.full((8, 8, 3), 0.9, np.float32)
    assert exposure_ratio(bright, bright[..., 0], 7.0) == 1.0


def test_a_fixed_ratio_is_taken(night: NDArray[np.uint8]) -> None:
    dim = load("exposure-fusion", ratio=1.5, protect_highlights=False)(night)
    lit = load("exposure-fusion", ratio=7.0, protect_highlights=False)(night)
    assert lit.mean() > dim.mean() > night.mean()


def test_color_balance_clips_the_shares_it_was_asked_for() -> None:
    channel = np.random.default_rng(3).gamma(2.0, 5.0, (200, 300)).astype(np.float32)
    out = color_balance(channel, 2.0, 5.0, otherwise=channel)
    assert (out <= 0).mean() == pytest.approx(0.02, abs=0.002)
    assert (out >= 1).mean() == pytest.approx(0.05, abs=0.002)
    np.testing.assert_allclose(np.clip(out, 0, 1), literal.balance(channel.astype(float), 2.0, 5.0), atol=2e-3)


def test_color_balance_without_contrast_gives_the_alternative() -> None:
    flat = np.full((4, 4), 3.0, np.float32)
    other = np.full((4, 4), 0.25, np.float32)
    assert color_balance(flat, 1.0, 1.0, otherwise=other) is other
