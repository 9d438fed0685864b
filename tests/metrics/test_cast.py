"""Colour casts and signals: gains move nothing, tints and clipping do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.metrics import grey_cast, signal_hue_shift
from highbeam.metrics.colour import lab
from highbeam.scenes import encode, make_scene, render

TINT = np.array([1.1, 1.0, 0.85])


def _wall(noise: float = 0.0) -> NDArray[np.float64]:
    light = np.linspace(0.02, 0.1, 96)[None, :, None] * np.array([1.02, 1.0, 0.98])
    drawn = noise * np.random.default_rng(3).normal(size=(64, 96, 3))
    return np.asarray(light + light * drawn)


def _float(light: NDArray[np.float64]) -> NDArray[np.float32]:
    x = np.clip(light, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


@pytest.mark.parametrize("gain", [0.5, 3.0, 8.0])
def test_more_light_is_no_cast(gain: float) -> None:
    assert grey_cast(_float(gain * _wall()), _float(_wall())) < 1e-3


def test_a_tint_is_the_distance_it_moves() -> None:
    source = _float(_wall())
    tinted = _float(4 * _wall() * TINT)
    moved = lab(tinted) - lab(_float(4 * _wall() * float(TINT @ [0.2126390, 0.7151687, 0.0721923])))
    assert grey_cast(tinted, source) == pytest.approx(float(np.hypot(*moved[..., 1:].mean(axis=(0, 1)))), rel=0.02)
    assert grey_cast(tinted, source) > 5.0


def test_noise_averages_out() -> None:
    assert grey_cast(_float(4 * _wall(0.3)), _float(_wall())) < 0.5


def test_coloured_dark_and_clipped_places_are_left_out() -> None:
    for light in (_wall() * (3.0, 1.0, 0.3), 0.001 * np.ones((64, 96, 3))):
        assert math.isnan(grey_cast(_float(light), _float(light)))
    assert math.isnan(grey_cast(np.ones((64, 96, 3), np.float32), _float(_wall())))
    mixed = _wall()
    mixed[:32] *= (3.0, 1.0, 0.3)  # a coloured half does not count, whatever becomes of it
    changed = mixed.copy()
    changed[:32] *= (0.3, 1.0, 3.0)
    assert grey_cast(_float(changed), _float(mixed)) < 1e-3


def _signal(colour: tuple[float, float, float]) -> NDArray[np.float32]:
    picture = np.full((16, 16, 3), 0.05)
    picture[4:8, 4:8] = colour
    return picture.astype(np.float32)


def test_a_turned_signal_is_measured_in_degrees() -> None:
    before, after = _signal((0.9, 0.1, 0.1)), _signal((0.9, 0.5, 0.1))
    (_, a, b), (_, c, d) = lab(before)[5, 5], lab(after)[5, 5]
    expected = math.degrees(abs(math.atan2(d, c) - math.atan2(b, a)))
    assert signal_hue_shift(after, before) == pytest.approx(expected)
    assert signal_hue_shift(before, before) == 0.0


def test_hues_are_compared_round_the_circle() -> None:
    near, other = _signal((0.9, 0.1, 0.42)), _signal((0.9, 0.1, 0.55))  # either side of hue 0
    hues = [math.degrees(math.atan2(*lab(p)[5, 5, :0:-1])) for p in (near, other)]
    assert hues[0] * hues[1] < 0
    assert signal_hue_shift(near, other) == pytest.approx(abs(hues[0] - hues[1]))


def test_a_signal_that_went_white_counts_as_a_random_hue() -> None:
    assert signal_hue_shift(_signal((1.0, 1.0, 1.0)), _signal((0.9, 0.1, 0.1))) == 90.0


def test_pictures_without_signals_have_no_value() -> None:
    assert math.isnan(signal_hue_shift(_signal((0.9, 0.6, 0.6)), _signal((0.9, 0.6, 0.6))))
    assert math.isnan(signal_hue_shift(_signal((0.4, 0.1, 0.1)), _signal((0.4, 0.1, 0.1))))


def test_a_clipping_gain_turns_signals_and_a_fitting_one_does_not() -> None:
    picture = _signal((0.6, 0.2, 0.1))
    light = ((picture + 0.055) / 1.055) ** 2.4
    assert signal_hue_shift(_float(1.5 * light.astype(np.float64)), picture) < 1.0
    assert signal_hue_shift(_float(12 * light.astype(np.float64)), picture) > 15.0


def test_rendered_nights() -> None:
    linear = render(make_scene(4), 144, 256, exposure=2.0).linear
    source = encode(linear)
    assert grey_cast(encode(2 * linear), source) < 0.5
    assert grey_cast(encode(2 * linear * TINT.astype(np.float32)), source) > 4.0
    assert signal_hue_shift(source, source) == 0.0
