"""Whatever is drawn or written into a manifest, what comes out is a picture."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from highbeam.camera.batch import Nights, darken, sample
from highbeam.camera.nights import LAMPS, GammaNight, SensorNight
from highbeam.camera.presets import PRESETS, names
from highbeam.camera.statistics import STATISTICS
from tests.camera.scenes import as_pixels, flat, levels_apart, random_levels, road

# far beyond what presets draw, but still physical
REACHES: dict[str, tuple[float, float]] = {
    "tone": (0.0, 1.0),
    "color_mix": (0.0, 1.2),
    "red_gain": (0.5, 4.0),
    "blue_gain": (0.5, 4.0),
    "exposure_ratio": (0.2, 5000.0),
    "ambient": (0.0, 3.0),
    "sky": (0.0, 5.0),
    "horizon": (-1.0, 2.0),
    "kelvin": (1667.0, 25000.0),
    "beam": (0.0, 50.0),
    "beam_x": (-1.0, 2.0),
    "beam_spread": (0.01, 3.0),
    "beam_reach": (0.01, 2.0),
    "beam_kelvin": (1667.0, 25000.0),
    "vignette": (0.0, 4.0),
    "glow": (0.0, 1.0),
    "shade_kept": (0.0, 1.0),
    "blur_sigma": (0.0, 6.0),
    "motion_x": (-30.0, 30.0),
    "motion_y": (-30.0, 30.0),
    "zoom": (0.0, 0.5),
    "veil": (0.0, 1.0),
    "shot_gain": (0.0, 0.5),
    "read_noise": (0.0, 0.5),
    "row_noise": (0.0, 0.1),
    "black_level": (0.0, 0.3),
    "black_error": (-0.2, 0.2),
    "awb": (0.0, 1.0),
    "denoise_luma": (0.0, 0.5),
    "denoise_chroma": (0.0, 20.0),
    "sharpen": (0.0, 3.0),
    "video_step": (0.0, 200.0),
    "video_skip": (0.0, 500.0),
}
WHOLE = {"bayer": (0, 1), "bits": (1, 24), "jpeg_quality": (0, 100)}
LAMP_REACHES = {
    "lamp_x": (-0.5, 1.5),
    "lamp_y": (-0.5, 1.5),
    "lamp_radius": (1e-4, 0.5),
    "lamp_stretch": (0.1, 10.0),
    "lamp_edge": (1.0, 16.0),
    "lamp_power": (0.0, 1e4),
    "lamp_pool": (0.0, 10.0),
}


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A manifest's row for the sensor law, with a few of its parameters on, anywhere in their reach."""
    chosen = draw(st.sets(st.sampled_from(sorted(REACHES)), max_size=9))
    record: dict[str, Any] = {"law": "sensor", "seed": draw(st.integers(0, 2**62))}
    record |= {name: draw(st.floats(*REACHES[name])) for name in sorted(chosen)}
    record |= {name: draw(st.integers(*ends)) for name, ends in WHOLE.items() if draw(st.booleans())}
    if draw(st.booleans()):
        record |= {name: [draw(st.floats(*ends))] * LAMPS for name, ends in LAMP_REACHES.items()}
    return record


def assert_pictures(pictures: Tensor) -> None:
    assert bool(pictures.isfinite().all())
    assert float(pictures.min()) >= 0.0
    assert float(pictures.max()) <= 1.0


def test_the_reaches_name_every_parameter() -> None:
    named = {*REACHES, *WHOLE, *LAMP_REACHES, "lamp_color", "window", "seed"}
    assert named == {spec.name for spec in fields(SensorNight)}


@given(records(), st.integers(1, 40), st.integers(1, 40))
def test_any_parameters_give_pictures(record: dict[str, Any], height: int, width: int) -> None:
    day = random_levels(1, height, width, seed=height)
    pair = darken(day, Nights.from_records([record]))
    for pictures in pair:
        assert_pictures(pictures)
    grid = pair.dark * 255.0
    assert float((grid - grid.round()).abs().max()) < 1e-3


@given(records())
def test_any_parameters_repeat_and_survive_the_manifest(record: dict[str, Any]) -> None:
    day = road(24, 32)
    once = Nights.from_records([record])
    again = Nights.from_records(once.records())
    assert again.records() == once.records()
    assert torch.equal(darken(day, once).dark, darken(day, again).dark)


@given(records(), records())
def test_any_two_pictures_leave_each_other_alone(one: dict[str, Any], other: dict[str, Any]) -> None:
    day = torch.cat((road(24, 32), random_levels(1, 24, 32)))
    together = darken(day, Nights.from_records([one, other]))
    alone = darken(day[:1], Nights.from_records([one]))
    moved = ((together.dark[:1] - alone.dark).abs() > 1e-3).float().mean()
    # rounding in the last bit may push a coarsely quantised block over the edge, never a picture
    assert float(moved) < 0.1
    assert levels_apart(together.reference[:1], alone.reference) < 1.0


@given(
    alpha=st.floats(0.0, 1.0),
    beta=st.floats(0.0, 1.0),
    gamma=st.floats(0.1, 20.0),
    blur=st.floats(0.0, 8.0),
    noise=st.floats(0.0, 1.0),
)
def test_any_gamma_night_is_a_picture(alpha: float, beta: float, gamma: float, blur: float, noise: float) -> None:
    record = {"law": "gamma", "alpha": alpha, "beta": beta, "gamma": gamma, "blur_sigma": blur, "noise_sigma": noise}
    assert_pictures(darken(random_levels(1, 12, 14), Nights.from_records([record])).dark)


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("preset", names())
def test_black_and_white_pictures_are_darkened(level: float, preset: str) -> None:
    pair = darken(flat(level, 32, 40, count=6), sample(preset, 6, Generator().manual_seed(0)))
    for pictures in pair:
        assert_pictures(pictures)


@pytest.mark.parametrize("preset", names())
def test_values_outside_the_range_do_no_harm(preset: str) -> None:
    day = 1.5 * torch.randn(4, 3, 16, 16, generator=Generator().manual_seed(1)).abs()
    drawn = sample(preset, 4, Generator().manual_seed(2))
    assert_pictures(darken(day, drawn).dark)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_statistic_takes_every_preset(preset: str) -> None:
    pair = darken(torch.cat([road(64, 80)] * 3), sample(preset, 3, Generator().manual_seed(3)))
    for row in range(3):
        found = [statistic(as_pixels(pair.dark, row)) for statistic in STATISTICS.values()]
        assert np.isfinite(found).all()


def test_darker_presets_make_darker_pictures() -> None:
    day = torch.cat([road(48, 64)] * 24)
    means = [
        float(darken(day, sample(name, 24, Generator().manual_seed(4))).dark.mean())
        for name in ("dusk", "street", "rural", "extreme")
    ]
    assert means == sorted(means, reverse=True)


def test_both_laws_are_in_a_manifest() -> None:
    laws = {record["law"] for record in sample("training", 40, Generator().manual_seed(5)).records()}
    assert laws == {GammaNight.law, SensorNight.law}
