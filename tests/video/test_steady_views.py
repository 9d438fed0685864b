"""Small views of frames: cuts, exposures, and the curves that change them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from highbeam.scenes import KINDS, encode, make_scene, render
from highbeam.video.cuts import brighten, brightening, change, explained, expose, light, lit, view

DTYPES = ("uint8", "uint16", "float32")


def landscape(seed: int = 0, height: int = 90, width: int = 160) -> NDArray[np.float32]:
    """Smooth light with structure, display values in [0.02, 0.6]."""
    noise = np.random.default_rng(seed).random((9, 16, 3)).astype(np.float32)
    return np.asarray(0.02 + 0.58 * np.clip(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1))


def stored(unit: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "float32":
        return unit.astype(np.float32)
    return np.asarray(np.rint(unit * np.iinfo(dtype).max), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_view_is_the_mean_luma(dtype: str) -> None:
    unit = landscape()
    seen = view(stored(unit, dtype))
    assert seen.shape == (36, 64)
    assert seen.dtype == np.float32
    luma = unit @ np.array([0.299, 0.587, 0.114])
    assert seen.mean() == pytest.approx(luma.mean(), abs=1e-3)
    assert seen[:18].mean() == pytest.approx(luma[:45].mean(), abs=2e-3)


@pytest.mark.parametrize(("size", "shape"), [((1, 1), (1, 1)), ((10, 300), (10, 64)), ((720, 1280), (36, 64))])
def test_a_view_is_no_larger_than_the_frame(size: tuple[int, int], shape: tuple[int, int]) -> None:
    assert view(np.full((*size, 3), 51, np.uint8)).shape == shape
    np.testing.assert_allclose(view(np.full((*size, 3), 51, np.uint8)), 0.2, atol=1e-6)


def test_dark_levels_between_two_steps_are_seen() -> None:
    """Averages of 8-bit cells keep what rounding to a level would lose."""
    rng = np.random.default_rng(0)
    frames = [
        np.rint(np.clip(level + rng.normal(0, 1.5, (360, 640, 3)), 0, 255)).astype(np.uint8) for level in (8, 8.3)
    ]
    first, second = (float(view(frame).mean()) * 255 for frame in frames)
    assert second - first == pytest.approx(0.3, abs=0.03)


@given(gain=st.floats(0.3, 1.6), seed=st.integers(0, 20))
def test_an_exposure_is_no_cut(gain: float, seed: int) -> None:
    unit = landscape(seed)
    assert change(view(unit), view((unit * np.float32(gain)).clip(0, 1))) < 0.35


def test_a_frame_is_no_cut_from_itself() -> None:
    seen = view(landscape())
    assert change(seen, seen) == 0.0


@given(first=st.integers(0, 50), second=st.integers(51, 99))
def test_other_pictures_are_cuts(first: int, second: int) -> None:
    assert change(view(landscape(first)), view(landscape(second))) > 0.5


def test_other_roads_are_cuts_and_steps_along_one_are_not() -> None:
    scenes = [make_scene(4, kind) for kind in KINDS]
    street, country = (view(render(scene, 90, 160, noise_seed=None).image) for scene in scenes)
    moved = view(render(scenes[0], 90, 160, camera=scenes[0].camera(0.4, 1 / 30), noise_seed=None).image)
    assert change(street, country) > 0.6
    assert change(street, moved) < 0.2


def test_noise_in_the_dark_is_no_cut() -> None:
    rng = np.random.default_rng(0)
    dark = [view(rng.integers(0, 4, (90, 160, 3), np.uint8)) for _ in range(2)]
    assert change(*dark) < 0.3


def test_black_is_no_cut_from_black_but_from_light() -> None:
    black = view(np.zeros((90, 160, 3), np.uint8))
    assert change(black, black) == 0.0
    assert change(black, view(landscape())) > 0.5


@given(gain=st.floats(-0.7, 0.7), seed=st.integers(0, 9))
def test_a_change_of_exposure_is_measured(gain: float, seed: int) -> None:
    before = landscape(seed)
    now = expose(before, gain)
    first, second = view(before), view(now)
    measured, doubt = brightening(light(first), light(second), lit(first, second))
    assert measured == pytest.approx(gain, abs=0.03)
    assert doubt < 0.03


def test_what_moves_does_not_disturb_the_measure() -> None:
    before = landscape()
    now = expose(before, 0.1)
    now[20:60, 30:70] = 0.9
    now[70:, :40] = 0.01
    first, second = view(before), view(now)
    assert brightening(light(first), light(second), lit(first, second))[0] == pytest.approx(0.1, abs=0.03)


def test_motion_is_doubted() -> None:
    before = landscape()
    first, second = view(before), view(np.roll(before, 5, axis=1))
    measured, doubt = brightening(light(first), light(second), lit(first, second))
    assert abs(measured) < 3.0 * doubt
    assert doubt > 0.01


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_nothing_is_measured_on_black_or_white(level: float) -> None:
    flat = view(np.full((90, 160, 3), level, np.float32))
    assert brightening(light(flat), light(flat), lit(flat, flat)) == (0.0, 0.0)


def test_steps_beyond_belief_are_bounded() -> None:
    first, second = (np.full((36, 64), level, np.float32) for level in (0.01, 0.9))
    assert brightening(first, second, lit(first, second))[0] == 1.0
    assert brightening(second, first, lit(first, second))[0] == -1.0


@pytest.mark.parametrize("curve", [brighten, expose])
@pytest.mark.parametrize("dtype", DTYPES)
@given(gain=st.floats(-1.5, 1.5))
def test_curves_keep_black_white_and_order(curve: Any, dtype: str, gain: float) -> None:
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    before = stored(ramp, dtype)
    copied = before.copy()
    after = curve(before, gain)
    np.testing.assert_array_equal(before, copied)
    assert not np.shares_memory(before, after)
    row = after[0, :, 0].astype(np.float64)
    assert row[0] == 0.0
    assert row[-1] == pytest.approx(1.0 if after.dtype == np.float32 else np.iinfo(after.dtype).max)
    assert (np.diff(row) >= 0.0).all()
    assert (row.max(), row.min()) == (row[-1], row[0])


@pytest.mark.parametrize("curve", [brighten, expose])
@given(first=st.floats(-0.8, 0.8), second=st.floats(-0.8, 0.8))
def test_two_curves_are_one(curve: Any, first: float, second: float) -> None:
    unit = landscape()
    np.testing.assert_allclose(curve(curve(unit, first), second), curve(unit, first + second), atol=2e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_depths_keep_theirs_but_8_bits_are_exposed_into_float(dtype: str) -> None:
    frame = stored(landscape(), dtype)
    assert brighten(frame, 0.1).dtype == frame.dtype
    assert expose(frame, 0.1).dtype == (np.float32 if dtype == "uint8" else frame.dtype)
    np.testing.assert_allclose(
        expose(frame, 0.1).astype(np.float64) / (65535 if dtype == "uint16" else 1), expose(landscape(), 0.1), atol=4e-3
    )


def test_far_below_white_the_curve_is_the_exposure_of_a_camera() -> None:
    linear = (0.05 * landscape()).astype(np.float64)
    given_frame, expected = encode(linear), encode(1.1 * linear)
    exposed = 255.0 * expose(given_frame, float(np.log(1.1)))
    assert np.abs(exposed - expected).max() < 1.2


def test_what_the_input_explains_is_no_pumping() -> None:
    """A tone curve whose input gets brighter at some places."""
    before = landscape()
    now = before.copy()
    now[:40] = expose(before[:40], 0.3)
    views = [view(frame) for frame in (np.sqrt(before), before, now, np.sqrt(now))]
    expected = explained(*views)
    assert np.abs(expected - views[3]).mean() < 0.2 * np.abs(views[0] - views[3]).mean()


def test_pumping_is_not_explained_by_an_input_that_stays() -> None:
    before = landscape()
    rng = np.random.default_rng(0)
    now = (before + rng.normal(0, 0.005, before.shape)).clip(0, 1).astype(np.float32)
    views = [view(frame) for frame in (np.sqrt(before), before, now, brighten(np.sqrt(now), 0.2))]
    measured, _ = brightening(explained(*views), views[3], lit(views[0], views[3]))
    assert measured == pytest.approx(0.2, abs=0.02)
