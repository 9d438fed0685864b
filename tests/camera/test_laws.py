"""The whole laws, proven end to end: what was asked for is measured back from the stored pictures."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from highbeam.camera.display import blackbody_gains, srgb_to_linear
from highbeam.camera.laws import gamma_law, sensor_law
from highbeam.camera.nights import GammaNight, SensorNight
from tests.camera.scenes import flat, levels_apart, random_levels, road

INVERTIBLE = {
    "tone": 0.7,
    "color_mix": 1.0,
    "red_gain": 2.2,
    "blue_gain": 1.7,
    "awb": 0.8,
    "bits": 16,
    "black_level": 64 / 1023,
}


def lamp(**given: float) -> dict[str, Tensor]:
    """The fields of one lamp in the first place, in one picture."""
    off = SensorNight.off(1)
    values = {"lamp_x": 0.5, "lamp_y": 0.25, "lamp_radius": 0.05, "lamp_power": 10.0} | given
    for name, value in values.items():
        getattr(off, name)[0, 0] = value
    return {name: getattr(off, name) for name in values}


def dark_of(day: Tensor, **given: Tensor | float) -> Tensor:
    return sensor_law(day, SensorNight.off(len(day), **given)).dark


# --- identity


def test_with_everything_off_the_sensor_law_is_the_identity() -> None:
    day = random_levels(2, 33, 47)
    pair = sensor_law(day, SensorNight.off(2))
    assert levels_apart(pair.dark, day) < 1e-3
    assert pair.reference is day


def test_with_everything_off_the_gamma_law_is_the_identity() -> None:
    day = random_levels(2, 33, 47)
    pair = gamma_law(day, GammaNight.off(2))
    assert levels_apart(pair.dark, day) < 1e-3
    assert pair.reference is day


def test_the_cameras_own_colours_and_curves_cancel_within_a_level() -> None:
    day = random_levels(2, 33, 47)
    assert levels_apart(dark_of(day, **INVERTIBLE), day) <= 1.0 + 1e-3


@given(st.floats(0.0, 0.9), st.floats(0.0, 1.0), st.floats(1.0, 2.4), st.floats(1.0, 1.9))
def test_any_camera_cancels_within_a_level(tone: float, mix: float, red: float, blue: float) -> None:
    day = random_levels(1, 16, 16)
    assert levels_apart(dark_of(day, tone=tone, color_mix=mix, red_gain=red, blue_gain=blue), day) <= 1.0 + 1e-3


def test_the_mosaic_alone_keeps_flat_pictures() -> None:
    for level in (0.1, 0.5, 0.9):
        day = torch.round(flat(level, 21, 35) * 255.0) / 255.0
        assert levels_apart(dark_of(day, bayer=1, **INVERTIBLE), day) <= 1.0 + 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (5, 5), (15, 17)])
def test_any_size_is_taken(shape: tuple[int, int]) -> None:
    day = random_levels(1, *shape)
    given = {"bayer": 1, "shot_gain": 0.001, "jpeg_quality": 80, "video_step": 9.0, "denoise_chroma": 2.0, "beam": 0.5}
    assert dark_of(day, exposure_ratio=4.0, motion_x=4.0, zoom=0.05, blur_sigma=1.0, **given).shape == day.shape


# --- what was asked for is found again


@given(st.floats(1.0, 20.0))
def test_the_exposure_ratio_is_recovered(ratio: float) -> None:
    dark = dark_of(flat(0.9, 16, 16), exposure_ratio=ratio)
    found = srgb_to_linear(flat(0.9, 1, 1)).mean() / srgb_to_linear(dark).mean()
    assert float(found) == pytest.approx(ratio, rel=0.02)


@given(st.floats(0.8, 3.0))
def test_the_width_of_defocus_is_recovered(sigma: float) -> None:
    day = flat(0.2, 32, 64)
    day[..., 32:] = 0.8
    profile = srgb_to_linear(dark_of(day, blur_sigma=sigma, exposure_ratio=1.5))[0, 1, 16].double()
    weight, place = profile.diff(), torch.arange(63, dtype=torch.float64)
    mean = (weight * place).sum() / weight.sum()
    variance = (weight * (place - mean) ** 2).sum() / weight.sum()
    assert math.sqrt(float(variance)) == pytest.approx(sigma, rel=0.06)


@given(st.floats(2400.0, 9000.0))
def test_the_colour_of_the_light_is_recovered(kelvin: float) -> None:
    dark = srgb_to_linear(dark_of(flat(0.95, 8, 8), kelvin=kelvin, exposure_ratio=3.0))[0, :, 0, 0]
    gains = blackbody_gains(kelvin)[0]
    assert (dark / dark[1]).tolist() == pytest.approx((gains / gains[1]).tolist(), rel=0.04, abs=0.01)


@given(st.floats(2400.0, 9000.0), st.floats(0.0, 1.0))
def test_white_balance_takes_its_share_of_the_colour(kelvin: float, awb: float) -> None:
    dark = srgb_to_linear(dark_of(flat(0.95, 8, 8), kelvin=kelvin, awb=awb, exposure_ratio=3.0))[0, :, 0, 0]
    gains = blackbody_gains(kelvin)[0] ** (1.0 - awb)
    assert (dark / dark[1]).tolist() == pytest.approx((gains / gains[1]).tolist(), rel=0.04, abs=0.01)


@given(st.floats(5e-4, 8e-3), st.integers(0, 2**40))
def test_photon_transfer_through_the_whole_chain(shot: float, seed: int) -> None:
    levels = torch.tensor([0.35, 0.5, 0.65, 0.8, 0.9])
    day = levels.reshape(-1, 1, 1, 1).expand(-1, 3, 64, 64).contiguous()
    night = SensorNight.off(5, shot_gain=shot, read_noise=0.01, bits=14, black_level=0.06, seed=seed + torch.arange(5))
    light = srgb_to_linear(sensor_law(day, night).dark).flatten(1).double()
    mean, variance = light.mean(dim=1), light.var(dim=1)
    expected = shot * mean + 0.01**2
    # 20480 samples per level: the variance is known to 1 %; the 8-bit grid adds next to nothing here
    assert (variance[:4] / expected[:4]).tolist() == pytest.approx([1.0] * 4, rel=0.08)


def test_noise_of_a_mosaic_keeps_its_strength_where_colours_are_measured() -> None:
    night = SensorNight.off(1, bayer=1, shot_gain=0.002, read_noise=0.004, seed=3)
    light = srgb_to_linear(sensor_law(flat(0.6, 256, 256), night).dark)[0]
    expected = math.sqrt(0.002 * float(srgb_to_linear(torch.tensor(0.6))) + 0.004**2)
    for channel, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        assert float(light[channel, row::2, column::2].std()) == pytest.approx(expected, rel=0.05)


@given(st.floats(0.9, 1.0), st.floats(0.5, 1.0), st.floats(1.5, 5.0))
def test_the_gamma_law_is_its_formula(alpha: float, beta: float, gamma: float) -> None:
    day = random_levels(1, 16, 16)
    dark = gamma_law(day, GammaNight.off(1, alpha=alpha, beta=beta, gamma=gamma)).dark
    assert levels_apart(dark, beta * (alpha * day) ** gamma) <= 0.501


@given(st.floats(0.01, 0.06), st.integers(0, 2**40))
def test_the_gamma_laws_noise_is_recovered(sigma: float, seed: int) -> None:
    night = GammaNight.off(1, gamma=2.0, noise_sigma=sigma, seed=torch.tensor([seed]))
    dark = gamma_law(flat(0.7, 128, 128), night).dark
    assert float(dark.std()) == pytest.approx(sigma, rel=0.03)
    assert float(dark.mean()) == pytest.approx(0.49, abs=0.002)


def test_the_gamma_law_blurs() -> None:
    day = road()
    soft = gamma_law(day, GammaNight.off(1, blur_sigma=1.5)).dark
    assert float(soft.diff(dim=3).abs().mean()) < 0.5 * float(day.diff(dim=3).abs().mean())


# --- stages do what they are there for


def test_dark_pictures_lie_on_the_8_bit_grid() -> None:
    for storage in ({}, {"video_step": 8.0}, {"jpeg_quality": 75}):
        dark = dark_of(road(), exposure_ratio=5.0, **storage) * 255.0
        assert float((dark - dark.round()).abs().max()) < 1e-3


def test_headlights_light_the_road_and_not_the_sky() -> None:
    day = flat(0.7, 60, 80)
    dark = dark_of(day, exposure_ratio=4.0, ambient=0.05, beam=1.0)[0, 1]
    assert float(dark[40:].max()) > 3.0 * float(dark[:25].max())


def test_vignetting_and_veil_and_black_errors_are_felt() -> None:
    day = road()
    plain = dark_of(day, exposure_ratio=4.0)
    assert float(dark_of(day, exposure_ratio=4.0, vignette=0.4)[..., 0, 0].mean()) < float(plain[..., 0, 0].mean())
    assert float(dark_of(day, exposure_ratio=4.0, veil=0.1).min()) > float(plain.min())
    assert float(dark_of(day, exposure_ratio=4.0, black_error=0.01).mean()) < float(plain.mean())
    assert float(dark_of(day, exposure_ratio=4.0, black_error=-0.01).mean()) > float(plain.mean())


def test_row_noise_makes_rows() -> None:
    dark = dark_of(flat(0.5, 64, 64), row_noise=0.01, seed=1)[0, 1]
    assert float(dark.std(dim=1).max()) < 1e-6
    assert float(dark.mean(dim=1).std()) > 0.005


def test_noise_reduction_calms_the_noise() -> None:
    given = {"exposure_ratio": 8.0, "shot_gain": 0.001, "read_noise": 0.001, "bayer": 1, "seed": 2}
    grain = dark_of(flat(0.6), **given).std()
    calm = dark_of(flat(0.6), denoise_luma=0.1, denoise_chroma=4.0, **given).std()
    assert float(calm) < 0.5 * float(grain)


def test_motion_and_zoom_soften() -> None:
    day = road()
    sharp = float(day.diff(dim=3).abs().mean())
    for motion in ({"motion_x": 9.0}, {"zoom": 0.2}):
        assert float(dark_of(day, **motion).diff(dim=3).abs().mean()) < 0.8 * sharp


def test_zoom_grows_from_the_horizon_of_the_whole_frame() -> None:
    point = flat(0.0, 64, 64)
    point[..., 15:17, 63] = 1.0  # at the frame's centre, as seen from its upper left quarter
    window = torch.tensor([[0.0, 0.25, 0.5, 1.0]])
    still = dark_of(point, zoom=0.3, window=window, horizon=0.5)
    moved = dark_of(point, zoom=0.3)
    assert float(still[0, 0, 15:17, 63].mean()) > float(moved[0, 0, 15:17, 63].mean())


# --- lamps and the reference


def test_lamps_shine_in_the_dark_picture_and_stay_in_the_reference() -> None:
    day = flat(0.4, 80, 80)
    pair = sensor_law(day, SensorNight.off(1, exposure_ratio=10.0, **lamp()))
    for picture in pair:
        assert float(picture[0, :, 20, 40].min()) > 0.95
    assert torch.allclose(pair.reference[..., 60:, :], day[..., 60:, :], atol=2e-3)
    assert float(pair.dark[..., 60:, :].max()) < 0.2


def test_the_reference_keeps_the_hue_where_the_sensor_burns_out() -> None:
    red = torch.zeros(1, 12, 3)
    red[..., 0], red[..., 1], red[..., 2] = 1.0, 0.05, 0.02
    pair = sensor_law(
        flat(0.1, 80, 80), SensorNight.off(1, exposure_ratio=5.0, lamp_color=red, **lamp(lamp_power=40.0))
    )
    dark, reference = pair.dark[0, :, 20, 40], pair.reference[0, :, 20, 40]
    assert float(dark[1]) > 0.9, "overexposed to yellow or white"
    assert float(reference[0]) > 0.95
    assert float(reference[1]) < 0.35, "still red"


def test_glow_reaches_far_around_a_lamp_in_the_dark_picture_alone() -> None:
    day = flat(0.2, 80, 80)
    bare = sensor_law(day, SensorNight.off(1, exposure_ratio=20.0, **lamp()))
    glowing = sensor_law(day, SensorNight.off(1, exposure_ratio=20.0, glow=0.3, **lamp()))
    assert float(glowing.dark[0, 0, 45, 40]) > 2.0 * float(bare.dark[0, 0, 45, 40])
    assert torch.equal(glowing.reference, bare.reference)


def test_pools_light_the_ground() -> None:
    day = flat(0.6, 80, 80)
    given = {"exposure_ratio": 6.0, "ambient": 0.1}
    unlit = dark_of(day, **given, **lamp())
    lit = dark_of(day, **given, **lamp(lamp_pool=0.8))
    assert float(lit[0, 0, 44, 40]) > 2.0 * float(unlit[0, 0, 44, 40])


def test_the_reference_keeps_as_much_shade_as_asked_for() -> None:
    day = flat(0.8, 40, 60)
    given = {"ambient": 0.1, "exposure_ratio": 4.0}
    none = sensor_law(day, SensorNight.off(1, **given)).reference
    some = sensor_law(day, SensorNight.off(1, shade_kept=0.3, **given)).reference
    assert torch.equal(none, day)
    found = srgb_to_linear(some).mean() / srgb_to_linear(day).mean()
    assert float(found) == pytest.approx(0.1**0.3, rel=0.02)


# --- rows and seeds


def test_a_row_depends_on_its_own_seed_alone() -> None:
    day = road().repeat(3, 1, 1, 1)
    given = {"exposure_ratio": 8.0, "shot_gain": 0.002, "read_noise": 0.002, "bayer": 1}
    dark = sensor_law(day, SensorNight.off(3, seed=torch.tensor([5, 6, 5]), **given)).dark
    assert torch.equal(dark[0], dark[2])
    assert not torch.equal(dark[0], dark[1])


def test_the_input_is_left_alone() -> None:
    day = road()
    before = day.clone()
    sensor_law(day, SensorNight.off(1, exposure_ratio=4.0, tone=0.5, bayer=1, beam=1.0, shade_kept=0.5, **lamp()))
    gamma_law(day, GammaNight.off(1, gamma=3.0, blur_sigma=1.0, noise_sigma=0.1))
    assert torch.equal(day, before)


def test_mixed_rows_are_each_their_own() -> None:
    day = road().repeat(3, 1, 1, 1)
    night = SensorNight.off(
        3,
        exposure_ratio=torch.tensor([1.0, 6.0, 12.0]),
        bayer=torch.tensor([0, 1, 0]),
        tone=torch.tensor([0.0, 0.5, 0.0]),
        shot_gain=torch.tensor([0.0, 0.002, 0.001]),
        jpeg_quality=torch.tensor([0, 0, 60]),
        blur_sigma=torch.tensor([0.0, 0.0, 2.0]),
    )
    together = sensor_law(day, night).dark
    assert levels_apart(together[:1], day[:1]) < 1e-3
    for row in range(3):
        alone = sensor_law(day[row : row + 1], night.take(torch.tensor([row]))).dark
        assert levels_apart(together[row : row + 1], alone) <= 1.0
        assert float((together[row] != alone[0]).float().mean()) < 1e-3
