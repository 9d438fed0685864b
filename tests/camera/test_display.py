"""The display transform and its inverse, against the standards' own numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from highbeam.camera.display import (
    NEUTRAL_KELVIN,
    add_tone,
    balance_gains,
    blackbody_gains,
    camera_to_display,
    display_to_camera,
    linear_to_srgb,
    mix_channels,
    planckian_xy,
    remove_tone,
    srgb_to_linear,
)
from tests.camera.scenes import random_levels

ALL_LEVELS = torch.arange(256).float() / 255.0
SHARES = st.floats(0.0, 1.0)


def literal_srgb_to_linear(value: float) -> float:
    """IEC 61966-2-1 for one value."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def test_decoding_follows_the_standard() -> None:
    expected = [literal_srgb_to_linear(level / 255.0) for level in range(256)]
    assert np.allclose(srgb_to_linear(ALL_LEVELS).numpy(), expected, atol=2e-7)


def test_every_level_survives_decoding_and_encoding() -> None:
    back = linear_to_srgb(srgb_to_linear(ALL_LEVELS)) * 255.0
    assert torch.equal(back.round(), torch.arange(256).float())
    assert float((back - ALL_LEVELS * 255.0).abs().max()) < 1e-3


def test_encoding_clips() -> None:
    assert linear_to_srgb(torch.tensor([-1.0, 0.0, 1.0, 7.0])).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0], abs=1e-6)


def test_transfer_leaves_its_input_alone() -> None:
    before = ALL_LEVELS.clone()
    srgb_to_linear(before)
    linear_to_srgb(before)
    assert torch.equal(before, ALL_LEVELS)


@given(SHARES)
def test_tone_is_undone(tone: float) -> None:
    pictures = ALL_LEVELS.reshape(1, 1, 16, 16)
    back = remove_tone(add_tone(pictures, tone), tone)
    # with the whole curve its ends are flat, so that float32 cannot tell the values there apart
    assert float((back - pictures).abs().max()) < (5e-4 if tone > 0.98 else 2e-5)


def test_the_whole_tone_curve_is_the_papers_smoothstep() -> None:
    pictures = ALL_LEVELS.reshape(1, 1, 16, 16)
    assert torch.allclose(add_tone(pictures, 1.0), 3.0 * pictures**2 - 2.0 * pictures**3, atol=1e-6)
    inverse = 0.5 - torch.sin(torch.asin(1.0 - 2.0 * pictures) / 3.0)  # Brooks et al. 2019, section 3.1
    assert torch.allclose(remove_tone(pictures, 1.0), inverse, atol=1e-6)


def test_tone_differs_by_row_and_keeps_black_middle_and_white() -> None:
    pictures = torch.tensor([0.0, 0.25, 0.5, 1.0]).reshape(1, 1, 1, 4).expand(2, 1, 1, 4).contiguous()
    toned = add_tone(pictures, torch.tensor([0.0, 0.8]))
    assert torch.equal(toned[0], pictures[0])
    assert toned[1, 0, 0].tolist()[0] == 0.0
    assert toned[1, 0, 0, 1] < 0.25
    assert toned[1, 0, 0, 2:].tolist() == pytest.approx([0.5, 1.0])


@given(st.floats(0.0, 1.2), st.floats(1.0, 2.4), st.floats(1.0, 1.9))
def test_colours_survive_the_sensor_and_back(mix: float, red: float, blue: float) -> None:
    pictures = random_levels(2, 5, 6)
    raw = mix_channels(pictures, display_to_camera(mix, red, blue))
    gains = balance_gains(red, blue, NEUTRAL_KELVIN, 1.0)
    back = mix_channels(raw * gains[:, :, None, None], camera_to_display(mix))
    assert float((back - pictures).abs().max()) < 1e-4


def test_white_stays_white_for_the_sensor_up_to_its_gains() -> None:
    raw = mix_channels(torch.ones(1, 3, 1, 1), display_to_camera(0.9, 2.0, 1.6)).flatten()
    assert raw.tolist() == pytest.approx([0.5, 1.0, 1.0 / 1.6], abs=1e-6)


def test_matrices_differ_by_row() -> None:
    mixes = camera_to_display(torch.tensor([0.0, 1.0]))
    assert torch.equal(mixes[0], torch.eye(3))
    assert mixes[1].sum(dim=1).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert (mixes[1].diagonal() > 1.0).all(), "colour correction takes the crosstalk out"


def test_matrices_apply_to_channels() -> None:
    pictures = random_levels(2, 4, 3)
    matrix = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(1))
    expected = torch.einsum("bij,bjhw->bihw", matrix, pictures)
    assert torch.allclose(mix_channels(pictures, matrix), expected, atol=1e-5)
    assert torch.allclose(mix_channels(pictures, matrix[:1])[0], expected[0], atol=1e-5)


@pytest.mark.parametrize(
    ("kelvin", "x", "y"), [(2856.0, 0.44757, 0.40745), (5000.0, 0.34510, 0.35161), (6500.0, 0.31352, 0.32363)]
)
def test_the_planckian_locus_meets_published_points(kelvin: float, x: float, y: float) -> None:
    found_x, found_y = planckian_xy(torch.tensor([kelvin]))  # CIE illuminant A; Planckian 5000 K and 6500 K
    assert (float(found_x), float(found_y)) == pytest.approx((x, y), abs=5e-4)


def test_the_pieces_of_the_locus_meet() -> None:
    for joint in (2222.0, 4000.0):
        below, above = planckian_xy(torch.tensor([joint - 0.5])), planckian_xy(torch.tensor([joint + 0.5]))
        for one, other in zip(below, above, strict=True):
            assert abs(float(one - other)) < 3e-4


def luminance(rgb: Tensor) -> Tensor:
    return rgb @ torch.tensor([0.2126, 0.7152, 0.0722])


def test_neutral_light_changes_nothing() -> None:
    assert torch.equal(blackbody_gains(NEUTRAL_KELVIN), torch.ones(1, 3))


@given(st.floats(1700.0, 12000.0), st.floats(1700.0, 12000.0))
def test_warmer_light_has_more_red_and_less_blue(one: float, other: float) -> None:
    warm, cold = sorted((one, other))
    red_warm, _, blue_warm = blackbody_gains(warm)[0].tolist()
    red_cold, _, blue_cold = blackbody_gains(cold)[0].tolist()
    assert red_warm >= red_cold - 1e-4
    assert blue_warm <= blue_cold + 1e-4


def test_light_keeps_its_luminance() -> None:
    gains = blackbody_gains(torch.tensor([2700.0, 4000.0, 9000.0]))
    # equal luminance before the division by the neutral white, whose channels are all near one
    assert torch.allclose(luminance(gains), torch.ones(3), atol=0.03)


def test_gains_follow_daylight_and_balance() -> None:
    plain = balance_gains(2.0, 1.6, 3000.0, 0.0)
    assert plain.flatten().tolist() == pytest.approx([2.0, 1.0, 1.6])
    whole = balance_gains(2.0, 1.6, 3000.0, 1.0) * blackbody_gains(3000.0)
    assert whole.flatten().tolist() == pytest.approx([2.0, 1.0, 1.6], rel=1e-5)
    half = balance_gains(1.0, 1.0, 3000.0, 0.5).log() / balance_gains(1.0, 1.0, 3000.0, 1.0).log()
    assert half.flatten().tolist() == pytest.approx([0.5, 0.5, 0.5], rel=1e-4)


def test_gains_are_given_per_row() -> None:
    gains = balance_gains(torch.tensor([1.0, 2.0]), 1.5, torch.tensor([6504.0, 6504.0]), torch.tensor([0.3, 0.9]))
    assert gains.shape == (2, 3)
    assert gains[:, 0].tolist() == pytest.approx([1.0, 2.0])
    assert not math.isnan(float(gains.sum()))
