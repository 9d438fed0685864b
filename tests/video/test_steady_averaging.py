"""Averages of frames over time: how much noise they take off, and that nothing that moves leaves a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.errors import UsageError
from highbeam.methods import load
from highbeam.methods.base import to_unit
from highbeam.metrics.clips import brightness, flicker_ratio
from highbeam.scenes import encode, expose, make_scene, render
from highbeam.video.averaging import Averaged, noise_of, trusted
from highbeam.video.steady import Steady, SteadyOptions

Unit: TypeAlias = NDArray[np.float32]

HEIGHT, WIDTH, SIGMA = 96, 160, 0.02
LEVEL = 1.0 / 255.0


def noisy(clean: NDArray[Any], seed: int, sigma: float = SIGMA) -> Unit:
    draws = np.random.default_rng([seed, 7]).standard_normal(clean.shape)
    return np.asarray(np.clip(clean + sigma * draws, 0.0, 1.0), np.float32)


@cache
def texture(width: int = WIDTH) -> Unit:
    """Smooth light, display values in [0.15, 0.6]."""
    coarse = np.random.default_rng(0).random((8, width // 12, 3)).astype(np.float32)
    return np.asarray(0.15 + 0.45 * np.clip(cv2.resize(coarse, (width, HEIGHT), interpolation=cv2.INTER_CUBIC), 0, 1))


@cache
def driven(count: int = 16) -> tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], ...]:
    """A drive by night: what the sensor stores, and the same without noise."""
    scene, pairs = make_scene(4), []
    for k in range(count):
        light = render(scene, HEIGHT, WIDTH, camera=scene.camera(0.4 * k, k / 30), noise_seed=None).linear
        pairs.append((encode(expose(light, 1 / 900, 0.0022, [k, 1])), encode(light)))
    return tuple(pairs)


def waiting(count: int = 24) -> list[NDArray[np.uint8]]:
    scene = make_scene(4)
    light = render(scene, HEIGHT, WIDTH, noise_seed=None).linear
    return [encode(expose(light, 1 / 900, 0.0022, [k, 1])) for k in range(count)]


def averaged(frames: Iterable[Unit], strength: float = 1.0) -> list[Unit]:
    average = Averaged(strength)
    return [average(frame) for frame in frames]


def error(outputs: Sequence[NDArray[Any]], clean: Sequence[NDArray[Any]]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean([np.mean(np.square(a - b)) for a, b in zip(outputs, clean, strict=True)])))


# Noise


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
def test_what_stands_still_keeps_the_stated_share_of_noise(strength: float) -> None:
    outputs = averaged((noisy(texture(), k) for k in range(40)), strength)
    kept = 0.9 * strength
    expected = SIGMA * np.sqrt((1.0 - kept) / (1.0 + kept))
    assert error(outputs[-5:], [texture()] * 5) == pytest.approx(expected, rel=0.15)


def test_no_strength_changes_nothing() -> None:
    frames = [noisy(texture(), k) for k in range(4)]
    for frame, output in zip(frames, averaged(frames, 0.0), strict=True):
        np.testing.assert_allclose(output, frame, atol=1e-6)
        assert not np.shares_memory(output, frame)


def test_frames_are_left_as_they_were() -> None:
    frames = [noisy(texture(), k) for k in range(3)]
    copies = [frame.copy() for frame in frames]
    outputs = averaged(frames)
    outputs[0][:] = 0.0
    for frame, copied in zip(frames, copies, strict=True):
        np.testing.assert_array_equal(frame, copied)


def test_the_noise_is_found_by_level_and_channel() -> None:
    """Twice as strong in blue, and growing with the light."""
    ramp = np.repeat(np.tile(np.linspace(0.1, 0.8, WIDTH, dtype=np.float32), (HEIGHT, 1))[..., None], 3, axis=2)
    sigma = 0.03 * np.sqrt(ramp) * np.array([1.0, 1.0, 2.0])
    rng = np.random.default_rng(0)
    frame, mean = ((ramp + sigma * rng.standard_normal(ramp.shape)).astype(np.float32) for _ in range(2))
    found = np.sqrt(noise_of(frame, mean, np.ones(ramp.shape[:2], np.float32)))
    for level in (60, 120, 180):
        expected = 0.03 * np.sqrt(level / 255.0)
        np.testing.assert_allclose(found[:, level], expected * np.array([1.0, 1.0, 2.0]), rtol=0.15)


def test_noise_is_trusted_and_a_shift_below_it_is_not() -> None:
    """A patch that is brighter by seven tenths of the noise is seen by its mean."""
    clean, count = np.full((HEIGHT, WIDTH, 3), 0.3, np.float32), np.full((HEIGHT, WIDTH), 9.0, np.float32)
    frame = noisy(clean, 1)
    noise = np.full((3, 256), SIGMA**2)
    assert float(trusted(frame, clean, count, noise).mean()) > 0.95
    frame[30:60, 40:80] += 0.7 * SIGMA * 2
    assert float(trusted(frame, clean, count, noise)[34:56, 44:76].mean()) < 0.05


def test_a_rendered_drive_gets_clearer() -> None:
    """Where the clean frames are known: by at least one decibel, and no frame gets worse."""
    pairs = driven()
    outputs = averaged([to_unit(frame) for frame, _ in pairs])
    gains = [
        cv2.PSNR(np.rint(255.0 * output).astype(np.uint8), clean) - cv2.PSNR(frame, clean)
        for output, (frame, clean) in zip(outputs, pairs, strict=True)
    ]
    assert np.mean(gains[3:]) > 1.0
    assert min(gains[1:]) > 0.0


def test_what_moves_as_a_whole_is_averaged_along_the_motion() -> None:
    wide = texture(2 * WIDTH)
    clean = [np.ascontiguousarray(wide[:, 3 * k : 3 * k + WIDTH]) for k in range(20)]
    outputs = averaged(noisy(frame, k) for k, frame in enumerate(clean))
    assert error(outputs[-6:], clean[-6:]) < 0.7 * SIGMA


# Ghosts


@pytest.mark.parametrize("speed", [1, 4, 11])
@pytest.mark.parametrize("lamp", [0.95, 0.3, 0.16])
def test_what_moves_over_dark_leaves_no_trail(speed: int, lamp: float) -> None:
    """Behind a disc, the mean of the strip that it has left differs by less than half a level from that without it."""
    dark = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32)
    clean = []
    for k in range(13):
        frame = dark.copy()
        cv2.circle(frame, (10 + speed * k, 48), 7, (lamp, lamp, 0.8 * lamp), -1)
        clean.append(frame)
    moving, empty = (averaged(noisy(frame, k) for k, frame in enumerate(clip)) for clip in (clean, [dark] * 13))
    left = (np.abs(np.array(clean[:-1]) - dark).max(axis=(0, 3)) > 0) & (np.abs(clean[-1] - dark).max(axis=2) == 0)
    residue = (moving[-1] - empty[-1])[left]
    assert abs(float(residue.mean())) < 0.5 * LEVEL
    assert float(np.sqrt(np.mean(np.square(residue)))) < 1.5 * SIGMA, "noise that is not averaged there"
    here = np.abs(clean[-1] - dark).max(axis=2) > 0
    assert abs(float((moving[-1] - clean[-1])[here].mean())) < 1.5 * LEVEL, "the thing itself is whole"


def test_light_that_goes_out_is_gone_at_once() -> None:
    clean = [texture()] * 8 + [0.7 * texture()] * 2
    outputs = averaged(noisy(frame, k) for k, frame in enumerate(clean))
    assert float(outputs[8].mean()) == pytest.approx(float(clean[8].mean()), abs=0.5 * LEVEL)


def test_a_cut_is_a_fresh_start_for_the_average() -> None:
    steady = Steady(load("gamma"), SteadyOptions(denoise=1.0))
    rng = np.random.default_rng(0)
    other = [np.asarray(cv2.resize(rng.integers(0, 200, (6, 9, 3), np.uint8), (WIDTH, HEIGHT)))] * 2
    for frame in waiting(4):
        steady(frame)
    fresh = Steady(load("gamma"), SteadyOptions(denoise=1.0))
    for frame in other:
        np.testing.assert_array_equal(steady(frame), fresh(frame))


# With methods


@pytest.mark.parametrize("name", ["unet-s", "unet-m"])
def test_places_that_a_network_judges_by_their_noise_stand_still(name: str) -> None:
    frames = waiting()
    plain, steady = (
        [method(frame) for frame in frames]
        for method in (Steady(load(name)), Steady(load(name), SteadyOptions(denoise=1.0)))
    )
    assert flicker_ratio(steady, frames) < 0.5 * flicker_ratio(plain, frames)
    assert float(np.abs(np.diff(brightness(steady))).max()) < 0.01


def test_it_is_off_unless_asked_for() -> None:
    off = Steady(load("gamma"))
    for frame in waiting(3):
        np.testing.assert_array_equal(off(frame), load("gamma")(frame))
    assert not any(key.startswith("average") for key in off.state_dict())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_depths_are_kept(dtype: str) -> None:
    steady = Steady(load("gamma"), SteadyOptions(denoise=0.5))
    white = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    for k in range(3):
        frame = (white * noisy(texture(), k)).astype(dtype)
        assert steady(frame).dtype == frame.dtype


@pytest.mark.parametrize("size", [(1, 1), (2, 40), (33, 3), (31, 200), (40, 40)])
def test_small_frames_are_averaged_too(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    average = Averaged(1.0)
    for _ in range(3):
        frame = rng.random((*size, 3)).astype(np.float32)
        output = average(frame)
        assert output.shape == frame.shape
        assert np.isfinite(output).all()


def test_black_stays_black() -> None:
    for output in averaged([np.zeros((40, 60, 3), np.float32)] * 3):
        assert output.max() == 0.0


# Saving and going on


def test_an_average_goes_on_where_its_state_was_taken() -> None:
    frames = [to_unit(frame) for frame, _ in driven(10)]
    one, other = Averaged(1.0), Averaged(1.0)
    for frame in frames[:6]:
        one(frame)
    other.load_state_dict(one.state_dict())
    for frame in frames[6:]:
        np.testing.assert_array_equal(one(frame), other(frame))


def test_steadiness_goes_on_with_its_average() -> None:
    options = SteadyOptions(denoise=0.8)
    one, other = (Steady(load("unet-s"), options) for _ in range(2))
    frames = [frame for frame, _ in driven(9)]
    for frame in frames[:5]:
        one(frame)
    other.load_state_dict(one.state_dict())
    for frame in frames[5:]:
        np.testing.assert_array_equal(one(frame), other(frame))


def test_the_state_before_the_first_frame_is_one_of_an_average() -> None:
    average, frame = Averaged(1.0), noisy(texture(), 0)
    average(frame)
    average.load_state_dict(Averaged(1.0).state_dict())
    np.testing.assert_array_equal(average(noisy(texture(), 1)), noisy(texture(), 1))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", np.full((4, 5, 3), np.nan)),
        ("mean", np.zeros((4, 5, 3))),
        ("count", None),
        ("count", np.zeros((HEIGHT, WIDTH))),
    ],
)
def test_what_is_no_state_of_an_average_is_refused(key: str, value: Any) -> None:
    average = Averaged(1.0)
    average(noisy(texture(), 0))
    with pytest.raises(UsageError, match=r"state_dict\(\)"):
        average.load_state_dict(average.state_dict() | {key: value})


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_the_strength_has_a_range(wrong: float) -> None:
    with pytest.raises(ValueError, match="denoise"):
        SteadyOptions(denoise=wrong)
