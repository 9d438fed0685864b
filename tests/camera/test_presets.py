"""Presets name real parameters, and stay within what they promise."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Generator

from highbeam.camera.display import linear_to_srgb
from highbeam.camera.nights import GammaNight, SensorNight
from highbeam.camera.presets import PRESETS, TRAINING, draw, find_preset, names, read_noise_of, shown_noise
from highbeam.camera.ranges import Choice, Fixed, LogUniform, Range, Sometimes, Uniform
from highbeam.errors import OptionError

SCENES = ("dusk", "street", "rural", "extreme")


def dice(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def ends(reach: Range) -> tuple[float, float]:
    if isinstance(reach, Uniform | LogUniform):
        return reach.low, reach.high
    if isinstance(reach, Choice):
        return min(reach.values), max(reach.values)
    assert isinstance(reach, Fixed)
    return reach.value, reach.value


def test_the_promised_names_are_there() -> None:
    assert set(SCENES) <= set(PRESETS)
    assert {"gamma", "sensor", "training"} <= set(names())
    assert all(PRESETS[name].name == name for name in PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_ranges_name_parameters_of_the_law(name: str) -> None:
    preset = PRESETS[name]
    assert set(preset.ranges) <= {spec.name for spec in fields(preset.law)}
    assert preset.summary


@pytest.mark.parametrize("name", PRESETS)
def test_draws_stay_in_their_ranges(name: str) -> None:
    night = draw(PRESETS[name], 400, dice())
    for parameter, reach in PRESETS[name].ranges.items():
        drawn = getattr(night, parameter).float()
        if isinstance(reach, Sometimes):
            drawn = drawn[drawn != reach.otherwise]
        inner = reach.then if isinstance(reach, Sometimes) else reach
        low, high = ends(inner)
        room = 1.0 if getattr(night, parameter).dtype == torch.int64 else 1e-6 + 1e-4 * abs(high)
        assert bool(((drawn >= low - room) & (drawn <= high + room)).all()), parameter


@pytest.mark.parametrize("name", PRESETS)
def test_draws_are_finite_and_repeat(name: str) -> None:
    one, again = draw(PRESETS[name], 20, dice(3)), draw(PRESETS[name], 20, dice(3))
    other = draw(PRESETS[name], 20, dice(4))
    for spec in fields(one):
        values = getattr(one, spec.name)
        assert bool(values.isfinite().all()), spec.name
        assert torch.equal(values, getattr(again, spec.name)), spec.name
    assert not torch.equal(one.seed, other.seed)


def test_the_gamma_law_keeps_to_its_published_ranges() -> None:
    night = draw(PRESETS["gamma"], 2000, dice())
    assert isinstance(night, GammaNight)
    for name, low, high in (("alpha", 0.9, 1.0), ("beta", 0.5, 1.0), ("gamma", 1.5, 5.0)):
        values = getattr(night, name)
        assert low <= float(values.min()) < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < float(values.max()) <= high


def test_every_sensor_night_has_read_noise_with_its_shot_noise() -> None:
    for name, preset in PRESETS.items():
        night = draw(preset, 50, dice())
        if isinstance(night, SensorNight):
            assert bool((night.shot_gain > 0.0).all()), name
            assert bool((night.read_noise > 0.0).all()), name
            assert bool((night.exposure_ratio > 0.99).all()), name


def test_read_noise_follows_the_published_line() -> None:
    shot = torch.logspace(-4, -2, 20_000)
    log_variance = 2.0 * read_noise_of(shot, dice()).log()
    residual = log_variance - (2.18 * shot.log() + 1.2)
    assert float(residual.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(residual.std()) == pytest.approx(0.26, rel=0.03)


def test_no_shot_noise_has_no_read_noise() -> None:
    assert read_noise_of(torch.zeros(3), dice()).tolist() == [0.0, 0.0, 0.0]


def test_shown_noise_is_what_the_display_shows() -> None:
    shot, read = torch.tensor([4e-5]), torch.tensor([3e-4])
    light = 0.01 + torch.randn(400_000, generator=dice()) * torch.sqrt(shot * 0.01 + read**2)
    assert float(shown_noise(shot, read)) == pytest.approx(float(linear_to_srgb(light).std()), rel=0.03)


def test_cameras_smooth_more_where_there_is_more_noise() -> None:
    night = draw(PRESETS["street"], 2000, dice())
    assert isinstance(night, SensorNight)
    both = torch.stack((night.shot_gain.log(), night.denoise_luma.log()))
    assert float(torch.corrcoef(both)[0, 1]) > 0.5


def test_scenes_grow_darker() -> None:
    ratios = []
    for name in SCENES:
        night = draw(PRESETS[name], 500, dice())
        assert isinstance(night, SensorNight)
        ratios.append(float((night.exposure_ratio / night.ambient).median()))
    assert ratios == sorted(ratios)


def test_the_mix_adds_up_over_known_presets() -> None:
    assert sum(TRAINING.values()) == pytest.approx(1.0)
    assert set(TRAINING) == set(PRESETS)


@pytest.mark.parametrize(("wrong", "right"), [("streets", "street"), ("trainings", "training"), ("nothing", "presets")])
def test_an_unknown_preset_is_refused_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(OptionError, match=rf"no preset '{wrong}'.*{right}"):
        find_preset(wrong)


def test_presets_are_frozen_and_can_be_varied() -> None:
    darker = replace(PRESETS["sensor"], ranges={**PRESETS["sensor"].ranges, "exposure_ratio": Fixed(99.0)})
    night = draw(darker, 3, dice())
    assert isinstance(night, SensorNight)
    assert night.exposure_ratio.tolist() == [99.0] * 3
    with pytest.raises(TypeError):
        PRESETS["new"] = darker  # type: ignore[index]
