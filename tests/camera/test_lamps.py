"""Lamps are where their kind is to be found."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from highbeam.camera.lamps import LampMix, draw_lamps
from highbeam.camera.nights import LAMPS, SensorNight

COUNT = 300


def drawn(mix: LampMix, horizon: float = 0.5, seed: int = 0) -> dict[str, Tensor]:
    return draw_lamps(mix, torch.full((COUNT,), horizon), Generator().manual_seed(seed))


def test_no_lamps_by_default() -> None:
    lamps = drawn(LampMix())
    assert float(lamps["lamp_power"].abs().max()) == 0.0
    assert float(lamps["lamp_pool"].abs().max()) == 0.0


def test_lamps_fit_the_parameters() -> None:
    lamps = drawn(LampMix(street=0.3, heads=0.3, windows=0.2))
    night = SensorNight.off(COUNT, **lamps)
    assert torch.equal(night.lamp_power, lamps["lamp_power"])


def test_the_same_dice_give_the_same_lamps() -> None:
    mix = LampMix(street=0.2, tails=0.5)
    for name, values in drawn(mix, seed=3).items():
        assert torch.equal(values, drawn(mix, seed=3)[name])


@pytest.mark.parametrize("kind", ["street", "heads", "tails", "signals", "windows"])
def test_a_kind_is_as_frequent_as_said(kind: str) -> None:
    on = drawn(LampMix(**{kind: 0.4}))["lamp_power"] > 0.0
    assert float(on.float().mean()) == pytest.approx(0.4, abs=0.05)


def test_chances_add_up_over_kinds() -> None:
    on = drawn(LampMix(street=0.2, heads=0.2, tails=0.2, signals=0.2, windows=0.2))["lamp_power"] > 0.0
    assert bool(on.all())


@pytest.mark.parametrize(("kind", "above"), [("street", True), ("signals", True), ("heads", False), ("tails", False)])
@given(horizon=st.floats(0.3, 0.7))
def test_lamps_hang_above_the_horizon_and_cars_are_below(kind: str, above: bool, horizon: float) -> None:  # noqa: FBT001
    heights = drawn(LampMix(**{kind: 1.0}), horizon)["lamp_y"]
    assert bool((heights < horizon).all()) == above
    assert bool((heights > horizon).all()) != above


@pytest.mark.parametrize("kind", ["heads", "tails"])
def test_the_two_lamps_of_a_car_belong_together(kind: str) -> None:
    lamps = drawn(LampMix(**{kind: 1.0}))
    for name in ("lamp_y", "lamp_radius", "lamp_power", "lamp_stretch"):
        left, right = lamps[name].reshape(COUNT, LAMPS // 2, 2).unbind(dim=2)
        assert torch.equal(left, right), name
    left, right = lamps["lamp_x"].reshape(COUNT, LAMPS // 2, 2).unbind(dim=2)
    radius = lamps["lamp_radius"][:, ::2]
    gap = (right - left) / radius
    assert float(gap.min()) > 5.9
    assert float(gap.max()) < 14.1


def test_street_lamps_are_strangers() -> None:
    heights = drawn(LampMix(street=1.0))["lamp_y"].reshape(-1, 2)
    assert not bool(heights[:, 0].eq(heights[:, 1]).any())


def test_tail_lamps_are_red_and_headlights_are_not() -> None:
    red = drawn(LampMix(tails=1.0))["lamp_color"]
    assert bool((red[..., 0] == 1.0).all())
    assert float(red[..., 1:].max()) < 0.1
    white = drawn(LampMix(heads=1.0))["lamp_color"]
    assert float(white[..., 1].min()) > 0.4


def test_the_strongest_channel_is_one() -> None:
    for kind in ("street", "heads", "windows"):
        color = drawn(LampMix(**{kind: 1.0}))["lamp_color"]
        assert torch.allclose(color.amax(dim=2), torch.ones(COUNT, LAMPS), atol=1e-5)


def test_windows_have_edges() -> None:
    assert float(drawn(LampMix(windows=1.0))["lamp_edge"].min()) == 8.0
    assert float(drawn(LampMix(street=1.0))["lamp_edge"].max()) == 2.0


@pytest.mark.parametrize("chances", [{"street": 0.7, "tails": 0.5}, {"heads": -0.1}])
def test_impossible_chances_are_refused(chances: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="chances"):
        LampMix(**chances)
