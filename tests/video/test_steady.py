"""Steadiness over the frames of a video, for every method: what must not change, and what must at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.datasets.clips import frame_times, read_frames
from highbeam.errors import ArrayError, UsageError
from highbeam.methods import METHODS, Enhancer, MethodSpec, load
from highbeam.methods.base import from_unit, to_unit
from highbeam.metrics.clips import brightness, flicker_ratio
from highbeam.scenes import encode, expose, make_scene, render
from highbeam.video.steady import Steady, SteadyOptions
from highbeam.weights import path_of
from tests.conftest import SHARED

Frames: TypeAlias = list[NDArray[Any]]

HEIGHT, WIDTH = 96, 160
COUNT = 24
MEASURING = ("unet-m", "unet-s", "clahe", "msrcr", "msrcp", "exposure-fusion")
"""Methods that take something from the whole frame."""

INDIFFERENT = ("ssr", "msr")
"""Methods that take a change of exposure out by themselves, and take nothing from the whole frame."""

NIGHT = SHARED / "clips" / "night_highway.mp4"
every_method = pytest.mark.parametrize("name", METHODS)


@cache
def lights(seed: int = 4) -> tuple[NDArray[Any], ...]:
    """Linear light of a drive by night at 12 m/s and 30 frames a second, before the sensor's noise."""
    scene = make_scene(seed)
    cameras = [scene.camera(0.4 * k, k / 30) for k in range(COUNT if seed == 4 else 1)]
    return tuple(render(scene, HEIGHT, WIDTH, camera=camera, noise_seed=None).linear for camera in cameras)


@cache
def days() -> tuple[NDArray[np.uint8], ...]:
    scene = make_scene(4)
    cameras = [scene.camera(0.4 * k, k / 30) for k in range(COUNT)]
    return tuple(render(scene, HEIGHT, WIDTH, camera=c, time="day", noise_seed=None).image for c in cameras)


def taken(linear: Iterable[NDArray[Any]], exposures: Iterable[float] | None = None, seed: int = 1) -> Frames:
    """What a camera stores, with fresh noise in each frame."""
    scenes = list(linear)
    factors = [1.0] * len(scenes) if exposures is None else list(exposures)
    return [
        encode(expose(light * factor, 1 / 900, 0.0022, [k, seed]))
        for k, (light, factor) in enumerate(zip(scenes, factors, strict=True))
    ]


def parked(count: int = COUNT) -> list[NDArray[Any]]:
    """The light of a car that waits."""
    return [lights()[0]] * count


def hunting(count: int = COUNT) -> list[float]:
    """Exposures of a camera that never settles: 10 % from frame to frame."""
    return [float(factor) for factor in np.exp(0.1 * np.random.default_rng(0).standard_normal(count))]


def darkened(exposures: Iterable[float] | None = None) -> Frames:
    """The day clip by night: one exposure for all frames, and noise of its own in each."""
    rng = np.random.default_rng(3)
    frames = []
    for day, factor in zip(days(), exposures or [1.0] * COUNT, strict=True):
        light = factor * 0.18 * (day / 255.0) ** 2.2
        frames.append(encode(light + rng.normal(size=light.shape) * np.sqrt(light / 2000 + 0.0015**2)))
    return frames


def through(method: Callable[[NDArray[Any]], NDArray[Any]], frames: Iterable[NDArray[Any]]) -> Frames:
    return [method(frame) for frame in frames]


def unrest(frames: Frames) -> float:
    """Mean change of brightness from frame to frame, percent."""
    return 100.0 * float(np.mean(np.abs(np.diff(brightness(frames)))))


def means(frames: Frames) -> NDArray[np.float64]:
    return np.array([float(frame.mean()) for frame in frames])


def psnr(frames: Frames) -> float:
    return float(np.mean([cv2.PSNR(frame, day) for frame, day in zip(frames, days(), strict=True)]))


# What does not change


@every_method
def test_a_frame_that_stays_gives_an_output_that_stays(name: str) -> None:
    frame = taken(parked(1))[0]
    outputs = through(Steady(load(name)), [frame] * 6)
    for output in outputs[1:]:
        assert np.abs(output.astype(int) - outputs[0]).max() <= 1, "rounding alone"


@every_method
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_first_frame_is_what_a_picture_gives(name: str, dtype: str) -> None:
    unit = to_unit(cv2.resize(taken(parked(1))[0], (4 * WIDTH, 4 * HEIGHT)))  # CLAHE's tiles need pixels to count
    frame = from_unit(unit, like=np.empty(0, dtype))
    before = frame.copy()
    output = Steady(load(name))(frame)
    assert output.dtype == frame.dtype
    assert output.shape == frame.shape
    assert not np.shares_memory(output, frame)
    np.testing.assert_array_equal(frame, before)
    apart = 255.0 * np.abs(to_unit(output) - to_unit(load(name)(frame)))
    if name == "clahe":  # OpenCV has mappings in whole levels, and for deep pictures shares out what it clips evenly
        assert apart.mean() < (0.5 if dtype == "uint8" else 2.0)
    else:
        assert apart.max() <= 1.01


@every_method
def test_depths_agree(name: str) -> None:
    frames = taken(lights()[:5], hunting(5))
    plain, *deep = (
        through(Steady(load(name)), [from_unit(to_unit(frame), like=np.empty(0, dtype)) for frame in frames])
        for dtype in ("uint8", "uint16", "float32")
    )
    for outputs in deep:
        for a, b in zip(outputs, plain, strict=True):
            assert np.abs(to_unit(a) - to_unit(b)).mean() < 3.0 / 255


def test_a_method_of_pixels_is_left_alone_where_the_exposure_is_steady() -> None:
    """Nothing that moves leaves a trace: each output is a function of its own frame."""
    frames = taken(parked(8))
    for k, frame in enumerate(frames):
        frame[40:60, 10 * k : 10 * k + 20] = 230
    for output, frame in zip(through(Steady(load("gamma")), frames), frames, strict=True):
        np.testing.assert_array_equal(output, load("gamma")(frame))


def test_a_flash_is_not_followed() -> None:
    exposures = [1.0] * 8 + [3.0] + [1.0] * 4
    for name in ("gamma", "exposure-fusion", "unet-s"):
        bright = means(through(Steady(load(name)), taken(parked(13), exposures)))
        assert np.abs(bright[9:] / bright[7] - 1.0).max() < 0.04, name


def test_no_strength_leaves_frames_as_they_are() -> None:
    for frame, output in zip(
        taken(parked(4), hunting(4)),
        through(Steady(load("clahe", strength=0)), taken(parked(4), hunting(4))),
        strict=True,
    ):
        np.testing.assert_array_equal(output, frame)


def test_some_strength_is_steady_too() -> None:
    frames, method = taken(parked(), hunting()), load("exposure-fusion", strength=0.5)
    assert unrest(through(Steady(method), frames)) < unrest(through(method, frames)) / 3


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), "frame"])
def test_what_is_no_frame_is_refused_and_changes_nothing(wrong: Any) -> None:
    steady, again = Steady(load("msrcp")), Steady(load("msrcp"))
    frames = taken(lights()[:4])
    through(steady, frames[:2])
    with pytest.raises(ArrayError):
        steady(wrong)
    for a, b in zip(through(steady, frames[2:]), through(again, frames)[2:], strict=True):
        np.testing.assert_array_equal(a, b)


# Starting anew


@every_method
def test_a_cut_is_a_fresh_start(name: str) -> None:
    before, after = taken(lights()[:5]), darkened()[:3]
    steady = Steady(load(name))
    through(steady, before)
    for a, b in zip(through(steady, after), through(Steady(load(name)), after), strict=True):
        np.testing.assert_array_equal(a, b)


@every_method
def test_brightness_is_right_within_three_frames_of_a_change_that_is_no_cut(name: str) -> None:
    """Light that comes on at once, in the same scene: nothing but brightness says so."""
    frames = taken(parked(20), [1.0] * 10 + [1.5] * 10)
    bright, plain = means(through(Steady(load(name)), frames)), means(through(load(name), frames))
    settled = plain[12:].mean()
    assert abs(bright[14:].mean() / settled - 1.0) < 0.05
    assert np.abs(bright[13:] / bright[-3:].mean() - 1.0).max() < 0.04


@pytest.mark.parametrize("name", ["unet-s", "unet-m", "clahe"])
def test_a_scene_that_nearly_is_a_cut_is_followed_at_once(name: str) -> None:
    """Two roads with much in common: too like each other for a cut, and the brightness is right within three frames."""
    one, other = taken(parked(8)), darkened()[:1] * 8
    mixed = [cv2.addWeighted(a, 0.62, b, 0.38, 0.0) for a, b in zip(one, other, strict=True)]
    steady, fresh = Steady(load(name), SteadyOptions(cut=0.9)), Steady(load(name))
    bright, right = means(through(steady, one + mixed)), means(through(fresh, mixed))
    assert np.abs(bright[11:] / right[3:] - 1.0).max() < 0.05


@pytest.mark.parametrize("name", ["gamma", "exposure-fusion", "unet-s"])
def test_resetting_is_a_fresh_start(name: str) -> None:
    steady, frames = Steady(load(name)), taken(lights()[:4], hunting(4))
    first = through(steady, frames)
    steady.reset()
    for a, b in zip(through(steady, frames), first, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["clahe", "msrcr", "unet-s"])
def test_another_size_or_dtype_is_a_fresh_start(name: str) -> None:
    frames = taken(lights()[:4])
    small = [np.ascontiguousarray(frame[:64, :96]) for frame in frames]
    deep = [frame.astype(np.uint16) * 257 for frame in frames]
    steady = Steady(load(name))
    for clip in (frames, small, deep, frames):
        for a, b in zip(through(steady, clip), through(Steady(load(name)), clip), strict=True):
            np.testing.assert_array_equal(a, b)


@every_method
def test_black_frames_are_no_trouble(name: str) -> None:
    black, lit = np.zeros((HEIGHT, WIDTH, 3), np.uint8), taken(lights()[:3])
    steady = Steady(load(name))
    outputs = through(steady, [black, black, black, *lit, black, *lit])
    assert all(np.isfinite(output).all() for output in outputs)
    for a, b in zip(outputs[3:6], through(Steady(load(name)), lit), strict=True):
        assert abs(float(a.mean()) / float(b.mean()) - 1.0) < 0.02


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 2), (7, 5)])
def test_small_frames(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for name in ("gamma", "clahe", "msrcp", "unet-s"):
        steady = Steady(load(name))
        for _ in range(3):
            frame = rng.integers(0, 60, (*size, 3), np.uint8)
            assert steady(frame).shape == frame.shape


# Saving and going on


@every_method
def test_a_state_goes_on_where_it_was_taken(name: str) -> None:
    frames = taken(lights()[:9], hunting(9))
    steady, other = Steady(load(name)), Steady(load(name))
    through(steady, frames[:6])
    other.load_state_dict(steady.state_dict())
    for a, b in zip(through(steady, frames[6:]), through(other, frames[6:]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_is_plain_and_stays_as_it_was() -> None:
    steady = Steady(load("msrcr"))
    frames = taken(lights()[:4])
    through(steady, frames)
    state = steady.state_dict()
    assert all(isinstance(value, np.ndarray | float | int | str) for value in state.values())
    copied = {key: np.array(value) for key, value in state.items()}
    through(steady, frames)
    for key, value in state.items():
        np.testing.assert_array_equal(value, copied[key])


def test_a_state_survives_a_file(tmp_path: Path) -> None:
    frames, steady = taken(lights()[:6], hunting(6)), Steady(load("exposure-fusion"))
    through(steady, frames[:4])
    np.savez(tmp_path / "state.npz", **steady.state_dict())
    other = Steady(load("exposure-fusion"))
    with np.load(tmp_path / "state.npz") as saved:
        other.load_state_dict(dict(saved))
    for a, b in zip(through(steady, frames[4:]), through(other, frames[4:]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_state_before_the_first_frame_is_a_state() -> None:
    steady, frames = Steady(load("msrcp")), taken(lights()[:3])
    through(steady, frames)
    steady.load_state_dict(Steady(load("msrcp")).state_dict())
    for a, b in zip(through(steady, frames), through(Steady(load("msrcp")), frames), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("usual", "much"),
        ("usual", None),
        ("source", np.full((36, 64), np.nan)),
        ("source", np.zeros(3)),
        ("exposure.sum", np.zeros(2)),
        ("exposure.value", np.zeros((2, 2))),
        ("exposure.agreed", np.zeros(5)),
        ("statistics.log-ratio.size", "large"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(key: str, value: object) -> None:
    frames = taken(lights()[:4])
    steady, other = Steady(load("exposure-fusion")), Steady(load("exposure-fusion"))
    through(steady, frames[:3])
    through(other, frames[:3])
    with pytest.raises(UsageError, match=r"state_dict\(\)"):
        steady.load_state_dict(steady.state_dict() | {key: value})
    np.testing.assert_array_equal(steady(frames[3]), other(frames[3]))


def test_a_state_with_a_part_missing_is_refused() -> None:
    steady = Steady(load("exposure-fusion"))
    through(steady, taken(lights()[:2]))
    state = steady.state_dict()
    del state["statistics.log-ratio.agreed"]
    with pytest.raises(UsageError, match="agreed"):
        steady.load_state_dict(state)


# How steady


@pytest.mark.parametrize("name", MEASURING)
def test_what_a_method_measures_does_not_flicker_with_noise(name: str) -> None:
    frames = taken(parked())
    plain, steady = unrest(through(load(name), frames)), unrest(through(Steady(load(name)), frames))
    assert steady < max(0.4 * plain, 0.1) or name == "unet-s", "its flicker is of places, not of the whole"
    assert steady < 0.5, "percent, which nobody sees"


@every_method
def test_a_hunting_exposure_is_held(name: str) -> None:
    frames = taken(parked(), hunting())
    plain, steady = (through(method, frames) for method in (load(name), Steady(load(name))))
    assert flicker_ratio(steady, frames) < 0.2
    if name in INDIFFERENT or name == "unet-s":
        assert unrest(steady) < 0.8, "percent: the first have next to none without, the second has its own"
    else:
        assert unrest(steady) < max(unrest(plain) / 3, 0.15)


@every_method
def test_a_drive_is_as_steady_as_its_input(name: str) -> None:
    frames = taken(lights())
    assert flicker_ratio(through(Steady(load(name)), frames), frames) < 1.2


@every_method
def test_a_hunting_exposure_in_a_drive_is_not_amplified(name: str) -> None:
    frames = taken(lights(), hunting())
    assert flicker_ratio(through(Steady(load(name)), frames), frames) < 0.6


@every_method
def test_steadiness_costs_no_quality(name: str) -> None:
    frames = darkened()
    assert psnr(through(Steady(load(name)), frames)) > psnr(through(load(name), frames)) - 0.1


@pytest.mark.parametrize("name", ["gamma", "can24", "exposure-fusion", "unet-s", "clahe"])
@pytest.mark.parametrize("direction", [1, -1])
def test_a_tunnel_is_left_and_entered_without_lag(name: str, direction: int) -> None:
    """Light rises sixfold, or falls, over 15 frames: the brightness is reached at most three frames late."""
    share = np.clip((np.arange(32) - 8) / 15, 0.0, 1.0)
    frames = taken(parked(32), np.exp(np.log(6.0) * (share if direction > 0 else 1.0 - share)))
    plain, steady = means(through(load(name), frames)), means(through(Steady(load(name)), frames))
    whole = plain[-4:].mean() - plain[:8].mean()
    late = float(np.sum((plain - steady)[6:30])) / whole
    assert late < 3.0, "frames, by the area between the curves"
    assert abs(steady[-1] / plain[-1] - 1.0) < 0.03
    for k in range(8, 26):
        lowest, highest = plain[k - 3 : k + 1].min(), plain[k - 3 : k + 1].max()
        assert 0.97 * lowest - 0.25 * abs(whole) * (name in {"clahe", "unet-s"}) < steady[k]
        assert steady[k] < 1.03 * highest + 0.25 * abs(whole) * (name in {"clahe", "unet-s"})


# Methods of other hands


@dataclass(frozen=True)
class NoOptions:
    """None."""


class Pumping:
    """A method whose brightness wavers by itself, and that does not tell why."""

    def __init__(self) -> None:
        self._draws = np.random.default_rng(5)

    def __call__(self, pixels: NDArray[Any], _: NoOptions) -> NDArray[Any]:
        gain = np.exp(0.1 * self._draws.standard_normal())
        return from_unit(np.asarray(np.sqrt(to_unit(pixels)) * gain, np.float32), like=pixels)


def pumping() -> Enhancer:
    return Enhancer(MethodSpec("pumping", "wavers", "", NoOptions, Pumping()), NoOptions())


@pytest.mark.parametrize("clip", ["parked", "parked, hunting", "drive", "drive, hunting"])
def test_a_method_that_tells_nothing_is_held_by_its_output(clip: str) -> None:
    frames = taken(parked() if "parked" in clip else lights(), hunting() if "hunting" in clip else None)
    plain, steady = through(pumping(), frames), through(Steady(pumping()), frames)
    assert unrest(steady) < unrest(plain) / 3


def test_what_is_not_wanted_is_left_out() -> None:
    frames = taken(parked(8), hunting(8))
    none = SteadyOptions(exposure=False, statistics=False)
    for a, b in zip(through(Steady(load("msrcr"), none), frames), through(load("msrcr"), frames), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("option", "value"), [("follow", 0.0), ("follow", 1.5), ("follow_exposure", -1), ("cut", 0)])
def test_options_have_ranges(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option):
        SteadyOptions(**{option: value})


@pytest.mark.parametrize("twin", [False, True])
def test_an_own_network_is_steady_with_and_without_a_deep_file(tmp_path: Path, *, twin: bool) -> None:
    shutil.copy(path_of("unet-m", "uint8"), tmp_path / "own.onnx")
    if twin:
        shutil.copy(path_of("unet-m", "float32"), tmp_path / "own.float32.onnx")
    own, frames = load(str(tmp_path / "own.onnx")), taken(parked(), hunting())
    outputs = through(Steady(own), frames)
    assert all(output.dtype == np.uint8 for output in outputs)
    assert unrest(outputs) < 0.3
    assert flicker_ratio(outputs, frames) < 0.2


def test_a_large_frame_in_tiles_is_held_too() -> None:
    """The scene of tiles is measured on its own way, and settled before the tiles are computed."""
    small = taken(parked(4))
    frames = [np.tile(frame, (22, 13, 1)) for frame in small]
    steady = Steady(load("unet-s", tile=4))
    assert frames[0].shape[0] * frames[0].shape[1] > 4e6
    outputs = through(steady, frames[:3])
    assert any(key.startswith("statistics.scene") for key in steady.state_dict())
    assert unrest(outputs) < 0.5


# Real clips


def night_frames(first: int, count: int) -> Frames:
    if not NIGHT.is_file():
        pytest.skip(f"no real clip: {NIGHT} is not there")
    times = [time for time, _ in frame_times(NIGHT)][first : first + count]
    return [cv2.resize(frame, (320, 180), interpolation=cv2.INTER_AREA) for frame in read_frames(NIGHT, times)]


@pytest.mark.parametrize("name", ["gamma", "clahe", "msrcr", "exposure-fusion", "unet-s", "unet-m"])
def test_a_real_night_is_no_less_steady_than_without(name: str) -> None:
    frames = night_frames(0, 30)
    plain, steady = through(load(name), frames), through(Steady(load(name)), frames)
    assert flicker_ratio(steady, frames) < max(1.2, 1.05 * flicker_ratio(plain, frames))


@pytest.mark.parametrize("name", ["unet-s", "unet-m"])
def test_a_lamp_beside_the_road_makes_no_jump(name: str) -> None:
    """Frames 23 to 28: brighter by a quarter and back, by what passes; the network's own answer is a jump."""
    frames = night_frames(0, 34)
    jumps = [np.abs(np.diff(brightness(through(m, frames))))[18:].max() for m in (load(name), Steady(load(name)))]
    assert jumps[1] < 0.5 * jumps[0]
    assert jumps[1] < 0.08


def test_a_real_night_has_no_cut_and_keeps_its_exposure() -> None:
    frames = night_frames(500, 40)
    steady = Steady(load("gamma"))
    states = [(steady(frame), steady.state_dict())[1] for frame in frames]
    assert all(later["usual"] != 0.0 for later in states[1:]), "starting anew would put it to zero"
    sums = [float(state["exposure.sum"]) for state in states]
    assert max(abs(b - a) for a, b in pairwise(sums)) < 0.05
