"""Batches: mixed laws, seeds, windows, manifests, devices."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from highbeam.camera.batch import Nights, darken, sample
from highbeam.camera.nights import SensorNight
from highbeam.camera.presets import TRAINING, names
from highbeam.errors import ArrayError, OptionError, UsageError
from tests.camera.scenes import DEVICES, flat, levels_apart, random_levels, road

COUNT = 8


def nights(preset: str = "training", count: int = COUNT, seed: int = 0) -> Nights:
    return sample(preset, count, Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def day() -> torch.Tensor:
    return torch.cat([road(64, 80, seed=seed) for seed in range(COUNT)])


@pytest.mark.parametrize("preset", names())
def test_every_preset_gives_night_pictures(preset: str, day: torch.Tensor) -> None:
    pair = darken(day, nights(preset))
    assert pair.dark.shape == pair.reference.shape == day.shape
    assert pair.dark.dtype == pair.reference.dtype == torch.float32
    for pictures in pair:
        assert float(pictures.min()) >= 0.0
        assert float(pictures.max()) <= 1.0
    assert float(pair.dark.mean()) < 0.8 * float(day.mean())
    grid = pair.dark * 255.0
    assert float((grid - grid.round()).abs().max()) < 1e-3


@pytest.mark.parametrize("preset", names())
def test_the_same_seed_gives_the_same_pictures(preset: str, day: torch.Tensor) -> None:
    one, again, other = (darken(day, nights(preset, seed=seed)).dark for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("preset", names())
def test_a_picture_does_not_depend_on_its_neighbours(preset: str, day: torch.Tensor) -> None:
    drawn = nights(preset)
    together = darken(day, drawn)
    records = drawn.records()
    order = [5, 2, 7]
    apart = darken(day[order], Nights.from_records([records[row] for row in order]))
    for pictures, alone in zip(together, apart, strict=True):
        assert levels_apart(pictures[order], alone) <= 8.0  # a coefficient on the edge of rounding may fall either way
        assert float(((pictures[order] - alone).abs() > 1e-3).float().mean()) < 2e-3


def test_the_training_mix_has_its_shares() -> None:
    drawn = nights(count=4000)
    for name, share in TRAINING.items():
        assert drawn.presets.count(name) / 4000 == pytest.approx(share, abs=0.03)


def test_the_mix_can_be_chosen() -> None:
    drawn = sample("training", 50, Generator().manual_seed(0), {"gamma": 1.0, "dusk": 1.0})
    assert set(drawn.presets) == {"gamma", "dusk"}
    with pytest.raises(OptionError, match="no preset 'dawn'"):
        sample("training", 1, Generator(), {"dawn": 1.0})


def test_rows_are_partitioned_among_the_laws() -> None:
    drawn = nights(count=40)
    rows = torch.cat([part.rows for part in drawn.parts])
    assert sorted(rows.tolist()) == list(range(40))
    assert len(drawn) == 40
    for part in drawn.parts:
        laws = {"gamma" if drawn.presets[row] == "gamma" else "sensor" for row in part.rows.tolist()}
        assert laws == {part.night.law}


@given(st.integers(0, 2**40), st.sampled_from(names()))
def test_manifests_survive_json(seed: int, preset: str) -> None:
    drawn = nights(preset, 3, seed)
    records = drawn.records()
    back = Nights.from_records(json.loads(json.dumps(records)))
    assert back.records() == records
    assert back.presets == drawn.presets


def test_records_give_the_same_pictures(day: torch.Tensor) -> None:
    drawn = nights()
    again = Nights.from_records(json.loads(json.dumps(drawn.records())))
    assert torch.equal(darken(day, drawn).dark, darken(day, again).dark)


def test_a_record_needs_a_known_law() -> None:
    for record in ({}, {"law": "moon"}):
        with pytest.raises(UsageError, match="law"):
            Nights.from_records([record])


def test_a_record_needs_no_preset() -> None:
    drawn = Nights.from_records([{"law": "sensor", "exposure_ratio": 3.0}])
    assert drawn.presets == ("",)
    assert drawn.records()[0]["exposure_ratio"] == 3.0


def test_a_crop_is_lit_as_its_part_of_the_frame() -> None:
    whole = flat(0.7, 80, 120)
    record = {
        "law": "sensor",
        "exposure_ratio": 3.0,
        "ambient": 0.1,
        "sky": 0.2,
        "beam": 1.0,
        "vignette": 0.3,
        "lamp_power": [5.0, *[0.0] * 11],
        "lamp_x": [0.6, *[0.0] * 11],
        "lamp_y": [0.4, *[0.0] * 11],
        "lamp_pool": [0.5, *[0.0] * 11],
        "glow": 0.1,
        "shade_kept": 0.3,
    }
    full = darken(whole, Nights.from_records([record]))
    window = torch.tensor([[0.5, 0.25, 0.25, 0.5]])
    part = darken(whole[..., 20:60, 60:90], Nights.from_records([record]).in_windows(window))
    for one, other in zip(full, part, strict=True):
        assert levels_apart(one[..., 20:60, 60:90], other) <= 1.0


def test_windows_are_recorded_and_leave_the_gamma_law_alone() -> None:
    windows = torch.rand(COUNT, 4, generator=Generator().manual_seed(0)) * 0.5 + 0.25
    placed = nights().in_windows(windows)
    for row, record in enumerate(placed.records()):
        if record["law"] == "sensor":
            assert record["window"] == pytest.approx(windows[row].tolist())
        else:
            assert "window" not in record


def test_the_input_is_left_alone(day: torch.Tensor) -> None:
    before = day.clone()
    darken(day, nights())
    assert torch.equal(day, before)


def test_references_are_the_day_where_there_are_no_lamps(day: torch.Tensor) -> None:
    for preset in ("gamma", "sensor", "extreme"):
        assert torch.equal(darken(day, nights(preset)).reference, day)


def test_large_pictures_go_one_by_one() -> None:
    pair = darken(random_levels(2, 600, 500), nights("sensor", 2))
    assert pair.dark.shape == (2, 3, 600, 500)


def test_no_pictures_are_refused() -> None:
    with pytest.raises(ArrayError, match="at least one pixel"):
        darken(torch.zeros(0, 3, 4, 4), nights(count=1))


@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 4, 4, 3), (1, 1, 4, 4), (1, 3, 0, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArrayError, match="expected shape"):
        darken(torch.zeros(shape), nights(count=1))


def test_other_types_are_refused() -> None:
    with pytest.raises(ArrayError, match="float32"):
        darken(torch.zeros(1, 3, 4, 4, dtype=torch.float64), nights(count=1))


def test_another_number_of_parameters_is_refused() -> None:
    with pytest.raises(ArrayError, match="2 pictures, but parameters for 3"):
        darken(torch.zeros(2, 3, 4, 4), nights(count=3))


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(OptionError, match="no preset 'nihgt'"):
        nights("nihgt")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("preset", ["training", "street", "gamma"])
def test_pictures_stay_on_their_device_and_repeat_there(device: str, preset: str, day: torch.Tensor) -> None:
    there = day.to(device)
    one, again = (darken(there, nights(preset)) for _ in range(2))
    for pictures in one:
        assert pictures.device.type == device
    assert torch.equal(one.dark, again.dark)


def test_noise_free_stages_need_nothing_from_the_cpu() -> None:
    """The meta device refuses to meet tensors of another: it stands in for a GPU where there is none."""
    from highbeam.camera import light, optics, processing, sensor, storage

    pictures = torch.zeros(2, 3, 32, 48, device="meta")
    amount = torch.tensor([0.1, 0.5])
    night = SensorNight.off(2, lamp_power=2.0, lamp_pool=0.4, beam=0.5)
    axes = light.frame_axes(pictures, night.window)
    planes = sensor.mosaic(pictures)
    results = (
        light.ambient_map(axes, amount, amount, amount, 3000.0 + amount),
        light.headlight_map(
            axes, amount, x=amount, spread=amount, reach=amount, horizon=amount, kelvin=4000.0 + amount
        ),
        light.lamp_pools(axes, night.lamps),
        light.lamp_light(axes, night.lamps, amount),
        light.vignette(axes, amount),
        optics.gaussian_blur(pictures, amount * 3.0),
        optics.zoom_blur(pictures, amount),
        optics.veil(pictures, amount),
        sensor.demosaic(sensor.digitise(planes, torch.tensor([10, 12]), amount, amount)),
        processing.reduce_noise(pictures, amount, amount * 5.0, amount),
        storage.jpeg(pictures, torch.tensor([70, 90])),
        storage.video(pictures, amount * 20.0, amount),
    )
    assert all(result.device.type == "meta" for result in results)
