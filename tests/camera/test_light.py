"""Light falls where it is told to, has the colour it is given, and does not care how the frame is cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from highbeam.camera.display import blackbody_gains
from highbeam.camera.light import (
    Axes,
    Lamps,
    ambient_map,
    frame_axes,
    headlight_map,
    lamp_light,
    lamp_pools,
    vignette,
)

WHOLE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
NEUTRAL = 6504.0


def axes(height: int = 90, width: int = 160, window: Tensor = WHOLE) -> Axes:
    return frame_axes(torch.zeros(len(window), 3, height, width), window)


def lamp(**given: float) -> Lamps:
    """One lamp, in the middle if not told otherwise."""
    values = {"x": 0.5, "y": 0.5, "radius": 0.05, "stretch": 1.0, "edge": 2.0, "power": 1.0, "pool": 0.0} | given
    color = torch.tensor([[[1.0, 0.5, 0.25]]])
    return Lamps(**{name: torch.tensor([[value]]) for name, value in values.items()}, color=color)


def beam(place: Axes, level: float = 1.0, *, reach: float = 0.2, kelvin: float = NEUTRAL) -> Tensor:
    return headlight_map(place, level, x=0.5, spread=0.2, reach=reach, horizon=0.5, kelvin=kelvin)


def test_axes_lie_in_the_middle_of_pixels() -> None:
    place = axes(2, 4)
    assert place.x[0].tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875])
    assert place.y[0].tolist() == pytest.approx([0.25, 0.75])
    assert float(place.aspect) == pytest.approx(2.0)


def test_a_crop_lies_where_it_was_cut() -> None:
    whole = axes(90, 160)
    crop = axes(45, 40, torch.tensor([[0.25, 0.5, 0.25, 0.5]]))
    assert torch.allclose(crop.x, whole.x[:, 40:80], atol=1e-6)
    assert torch.allclose(crop.y, whole.y[:, 45:], atol=1e-6)
    assert torch.allclose(crop.aspect, whole.aspect)


def test_every_map_of_a_crop_is_the_crop_of_the_map() -> None:
    whole, crop = axes(90, 160), axes(45, 40, torch.tensor([[0.25, 0.5, 0.25, 0.5]]))
    one = lamp(x=0.3, y=0.6, pool=0.5, edge=4.0)
    maps = (
        lambda place: ambient_map(place, 0.4, 0.1, 0.5, 3000.0).expand(1, 3, -1, place.x.shape[1]),
        beam,
        lambda place: lamp_pools(place, one),
        lambda place: lamp_light(place, one, 0.2),
        lambda place: vignette(place, 0.3),
    )
    for of in maps:
        assert torch.allclose(of(crop), of(whole)[:, :, 45:, 40:80], atol=1e-5)


def test_full_even_light_is_exactly_one() -> None:
    assert torch.equal(ambient_map(axes(), 1.0, 1.0, 0.5, NEUTRAL), torch.ones(1, 3, 90, 1))


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(2000.0, 9000.0))
def test_ambient_light_has_its_level_colour_and_sky(level: float, sky: float, kelvin: float) -> None:
    light = ambient_map(axes(), level, sky, 0.5, kelvin)[0, :, :, 0]
    color = blackbody_gains(kelvin)[0]
    assert torch.allclose(light[:, -1], level * color, rtol=0.01)
    assert torch.allclose(light[:, 0], level * sky * color, rtol=0.05, atol=2e-3)


def test_the_beam_is_brightest_where_it_reaches() -> None:
    light = beam(axes(200, 160), reach=0.2)[0, 1]
    row, column = divmod(int(light.argmax()), 160)
    assert (row + 0.5) / 200 == pytest.approx(0.5 + 0.2, abs=0.05)
    assert column in {79, 80}
    assert float(light.max()) == pytest.approx(1.0, abs=0.2)


def test_the_beam_ends_at_the_horizon_and_fades_sideways() -> None:
    light = beam(axes(200, 160))[0, 1]
    assert float(light[:90].max()) < 0.01
    across = light[140]
    assert float(across[80 + 32] / across[80]) == pytest.approx(math.exp(-0.5), rel=0.05)  # one spread aside
    assert float(across[0]) < 0.06 * float(across[80])


def test_the_beam_has_a_colour_and_a_level_per_row() -> None:
    two = axes(window=WHOLE.repeat(2, 1))
    light = headlight_map(
        two, torch.tensor([0.0, 0.5]), x=0.5, spread=0.2, reach=0.2, horizon=0.5, kelvin=torch.tensor([NEUTRAL, 3200.0])
    )
    assert float(light[0].abs().max()) == 0.0
    middle = light[1, :, 63, 80]
    assert torch.allclose(middle / middle[1], blackbody_gains(3200.0)[0] / blackbody_gains(3200.0)[0, 1], rtol=1e-4)


def test_a_lamp_has_its_power_place_size_and_colour() -> None:
    light = lamp_light(axes(181, 321), lamp(x=0.25, y=0.75, power=3.0))[0]
    row, column = divmod(int(light[0].argmax()), 321)
    assert ((column + 0.5) / 321, (row + 0.5) / 181) == pytest.approx((0.25, 0.75), abs=0.005)
    assert light[:, row, column].tolist() == pytest.approx([3.0, 1.5, 0.75], rel=0.01)
    one_radius = round(0.05 * 181)
    assert float(light[0, row, column + one_radius] / light[0, row, column]) == pytest.approx(math.exp(-0.5), rel=0.05)
    assert float(light[0, row + one_radius, column] / light[0, row, column]) == pytest.approx(math.exp(-0.5), rel=0.05)


def test_a_lamp_can_be_wide_and_have_edges() -> None:
    box = lamp_light(axes(200, 200), lamp(radius=0.1, stretch=2.0, edge=8.0))[0, 0]
    wide, high = (box[100] > 0.5).sum(), (box[:, 100] > 0.5).sum()
    assert float(wide) == pytest.approx(2.0 * float(high), rel=0.06)
    assert float(box[100, 100 + 30]) > 0.9
    assert float(box[100, 100 + 55]) < 0.02


@given(st.floats(0.05, 0.6), st.floats(0.5, 8.0), st.floats(0.6, 2.0))
def test_glow_moves_light_and_keeps_nearly_all_of_it(glow: float, power: float, stretch: float) -> None:
    place, one = axes(600, 600), lamp(radius=0.006, power=power, stretch=stretch)
    bare, glowing = lamp_light(place, one)[0, 0], lamp_light(place, one, glow)[0, 0]
    assert float(glowing.sum() / bare.sum()) == pytest.approx(1.0, abs=0.03)
    assert float(glowing[300, 300 + 60]) > 100.0 * float(bare[300, 300 + 60])
    assert float(glowing.max()) < float(bare.max())


def test_no_power_is_no_light() -> None:
    assert float(lamp_light(axes(), lamp(power=0.0), 0.3).abs().max()) == 0.0
    assert float(lamp_pools(axes(), lamp(pool=0.0)).abs().max()) == 0.0


def test_lamps_add_up() -> None:
    left, right = lamp(x=0.2), lamp(x=0.8)
    both = Lamps(
        **{
            name: torch.cat((getattr(left, name), getattr(right, name)), dim=1)
            for name in ("x", "y", "radius", "stretch", "edge", "power", "pool", "color")
        }
    )
    assert torch.allclose(
        lamp_light(axes(), both, 0.1), lamp_light(axes(), left, 0.1) + lamp_light(axes(), right, 0.1), atol=1e-6
    )


def test_a_pool_lies_below_its_lamp() -> None:
    light = lamp_pools(axes(200, 200), lamp(x=0.3, y=0.2, pool=0.7))[0]
    row, column = divmod(int(light[0].argmax()), 200)
    assert column == pytest.approx(60, abs=1)
    assert row / 200 == pytest.approx(0.5, abs=0.01)
    assert light[:, row, column].tolist() == pytest.approx([0.7, 0.35, 0.175], rel=0.01)


@given(st.floats(0.0, 1.0))
def test_vignetting_follows_the_fourth_power_of_the_cosine(strength: float) -> None:
    fall = vignette(axes(300, 400), strength)[0, 0]
    cosine = math.cos(math.atan(math.sqrt(strength)))
    assert float(fall[0, 0]) == pytest.approx(cosine**4, rel=0.01)
    assert float(fall[150, 200]) == pytest.approx(1.0, abs=1e-3)
    assert torch.allclose(fall, fall.flip(0).flip(1), atol=1e-5)


def test_no_vignetting_is_exact() -> None:
    assert torch.equal(vignette(axes(), 0.0), torch.ones(1, 1, 90, 160))
