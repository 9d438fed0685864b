"""Clips: flicker and warping error of rendered drives, whose motion is known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.errors import ArrayError, MetricError
from highbeam.metrics import flicker, flicker_ratio, warping_error, warping_error_ratio
from highbeam.metrics.clips import brightness, optical_flow
from highbeam.scenes import drive, flow, make_scene

Clip = list[NDArray[np.uint8]]
SIZE = (108, 192)
WOBBLE = (1.0, 0.9, 1.1, 0.95, 1.05, 1.0)


@pytest.fixture(scope="module")
def night() -> Clip:
    return [frame.image for frame in drive(make_scene(4), 6, *SIZE, exposure=2.0)]


@pytest.fixture(scope="module")
def clean() -> Clip:
    return [frame.image for frame in drive(make_scene(4), 3, *SIZE, time="day", noise_seed=None)]


def _scaled(clip: Clip, gains: Sequence[float]) -> Clip:
    return [np.rint(np.clip(g * f.astype(float), 0, 255)).astype(np.uint8) for g, f in zip(gains, clip, strict=True)]


def _grey(values: Sequence[float]) -> list[NDArray[np.float32]]:
    return [np.full((32, 32, 3), value, np.float32) for value in values]


def test_brightness_is_relative_to_the_clip() -> None:
    assert brightness(_grey([0.1, 0.2, 0.3])).tolist() == pytest.approx([0.5, 1.0, 1.5])
    assert brightness(_grey([0.0, 0.0])).tolist() == [1.0, 1.0]


def test_known_flicker() -> None:
    steady, wavering = _grey([0.2] * 4), _grey([0.4, 0.44, 0.4, 0.36])
    assert flicker(wavering, steady) == pytest.approx(10.0, rel=1e-5)
    assert flicker_ratio(wavering, steady) == pytest.approx(10.01 / 0.01, rel=1e-5)
    assert flicker(steady, wavering) == 0.0  # an output that stands still whatever the input does
    assert flicker(wavering, wavering) == 0.0


@pytest.mark.parametrize("gain", [0.25, 1.5])
def test_an_equal_gain_changes_nothing(gain: float) -> None:
    source, output = _grey([0.2, 0.25, 0.18, 0.22]), _grey([0.3, 0.28, 0.31, 0.35])
    brighter = [np.float32(gain) * frame for frame in output]
    assert flicker(brighter, source) == pytest.approx(flicker(output, source), rel=1e-5)
    assert flicker_ratio(brighter, source) == pytest.approx(flicker_ratio(output, source), rel=1e-5)


def test_a_fixed_curve_is_explained_by_the_input_and_opposite_motion_is_not() -> None:
    source = _grey([0.2, 0.21, 0.19, 0.2, 0.22])
    curve = [frame ** np.float32(0.5) for frame in source]
    assert flicker(curve, source) < 0.25
    assert flicker_ratio(curve, source) == pytest.approx(0.5, rel=0.05)
    against = [np.float32(0.4) - frame for frame in source]
    assert flicker(against, source) == pytest.approx(100 * 0.015 / 0.196, rel=1e-3)


def test_wavering_drives_flicker_more_the_more_they_waver(night: Clip) -> None:
    values = [flicker(_scaled(night, [1 + s * (w - 1) for w in WOBBLE]), night) for s in (0.0, 0.3, 1.0)]
    assert sorted(values) == values
    assert values[0] == pytest.approx(0.0, abs=1e-12)
    assert values[2] > 5.0


def test_a_black_clip_neither_flickers_nor_warps() -> None:
    black = _grey([0.0] * 3)
    assert flicker(black, black) == 0.0
    assert flicker_ratio(black, black) == 1.0
    assert warping_error(black, black) == 0.0
    assert warping_error_ratio(black, black) == 1.0


def test_flow_is_that_of_the_scene(clean: Clip) -> None:
    scene = make_scene(4)
    true, visible = flow(scene, scene.camera(0.0, 0.0), scene.camera(1.2, 0.1), *SIZE)
    found, same = optical_flow(clean[0], clean[1])
    error = np.hypot(*np.moveaxis(found - true, 2, 0))
    assert float(np.median(error[visible & same])) < 0.5
    assert float(np.median(error[same & visible])) <= float(np.median(error[visible]))
    assert 0.5 < same.mean() < 1.0


def test_what_is_hidden_is_left_out() -> None:
    """A square that moves right over a fixed ground hides what is there and leaves a strip behind it."""
    rng = np.random.default_rng(1)
    ground = rng.integers(60, 200, (16, 16, 3), np.uint8).repeat(6, axis=0).repeat(6, axis=1)
    square = rng.integers(60, 200, (8, 8, 3), np.uint8).repeat(6, axis=0).repeat(6, axis=1)
    first, second = ground.copy(), ground.copy()
    first[24:72, 18:66], second[24:72, 24:72] = square, square
    forward, same = optical_flow(first, second)
    assert float(np.median(forward[30:66, 24:60, 0])) == pytest.approx(6.0, abs=0.5)
    assert same[30:66, 66:72].mean() < 0.5
    assert same[:12].mean() > 0.9


def test_places_that_leave_the_picture_are_left_out() -> None:
    wide = np.random.default_rng(2).integers(0, 256, (12, 30, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    forward, same = optical_flow(wide[:, 6:134].copy(), wide[:, :128].copy())
    assert float(np.median(forward[..., 0])) == pytest.approx(6.0, abs=0.3)
    assert not same[:, 123:].any()
    assert same[:, 10:100].mean() > 0.8


def test_wavering_and_noise_raise_the_warping_error(night: Clip) -> None:
    still = warping_error(night, night)
    assert 0.0 < still < warping_error(_scaled(night, WOBBLE), night)
    assert warping_error_ratio(night, night) == 1.0
    noise = np.random.default_rng(4).normal(0, 12, (6, *SIZE, 3))
    noisy = [np.clip(f + n, 0, 255).astype(np.uint8) for f, n in zip(night, noise, strict=True)]
    assert warping_error_ratio(noisy, night) > 1.2


def test_an_equal_gain_leaves_the_warping_error(night: Clip) -> None:
    wide = [frame.astype(np.uint16) * np.uint16(60) for frame in night[:3]]
    brighter = [frame * np.uint16(4) for frame in wide]
    assert warping_error(brighter, wide) == pytest.approx(warping_error(wide, wide), rel=1e-9)
    assert warping_error_ratio(brighter, wide) == pytest.approx(1.0, rel=1e-9)


def test_a_still_clip_has_no_warping_error(clean: Clip) -> None:
    assert warping_error([clean[0]] * 3, [clean[0]] * 3) == pytest.approx(0.0, abs=1e-3)


def test_a_moved_picture_has_hardly_any() -> None:
    wide = np.random.default_rng(3).integers(60, 200, (12, 30, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    moved = [wide[:, 4 * k : 4 * k + 160].copy() for k in range(3)]
    unmoved = float(np.sqrt(np.mean((moved[0].astype(float) - moved[1]) ** 2))) / float(np.mean(wide)) * 100
    assert warping_error(moved, moved) < 0.25 * unmoved


def test_clips_must_be_long_enough_and_of_one_length(night: Clip) -> None:
    with pytest.raises(MetricError, match="at least 3 frames here, got 2"):
        flicker(night[:2], night[:2])
    assert flicker_ratio(night[:2], night[:2]) == 1.0
    with pytest.raises(MetricError, match="one length, got 3 and 2"):
        warping_error(night[:3], night[:2])
    with pytest.raises(MetricError, match="at least 2 frames"):
        warping_error(night[:1], night[:1])


def test_frames_must_be_of_one_shape(night: Clip) -> None:
    odd = [*night[:2], night[2][:-1]]
    with pytest.raises(ArrayError, match="one shape and dtype"):
        flicker(odd, odd)
    with pytest.raises(ArrayError, match="at least 32 pixels"):
        optical_flow(night[0][:31], night[1][:31])


def test_where_no_motion_can_be_followed_there_is_no_value(monkeypatch: pytest.MonkeyPatch, night: Clip) -> None:
    nowhere = np.zeros((*SIZE, 2)), np.zeros(SIZE, bool)
    monkeypatch.setattr("highbeam.metrics.clips.optical_flow", lambda *_: nowhere)
    assert math.isnan(warping_error(night[:2], night[:2]))
    assert math.isnan(warping_error_ratio(night[:2], night[:2]))
