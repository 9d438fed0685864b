"""Parameters keep their shapes, and survive records exactly."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from highbeam.camera.nights import LAMPS, GammaNight, Night, SensorNight
from highbeam.errors import UsageError

LAWS: tuple[type[Night], ...] = (GammaNight, SensorNight)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_off_has_a_row_each(law: type[Night], count: int) -> None:
    night = law.off(count)
    assert len(night) == count
    for spec in fields(night):
        value = getattr(night, spec.name)
        assert value.shape == (count, *spec.metadata["shape"])
        assert value.dtype == spec.metadata["dtype"]


@pytest.mark.parametrize("law", LAWS)
def test_every_parameter_is_described(law: type[Night]) -> None:
    for spec in fields(law):
        assert set(spec.metadata) == {"off", "unit", "shape", "dtype"}
        described = (law.__doc__ or "") + (Night.__doc__ or "")
        assert f" {spec.name}: " in described, f"{spec.name} is not in the docstring"


def test_given_values_are_numbers_for_all_or_rows() -> None:
    night = SensorNight.off(3, exposure_ratio=8.0, bits=torch.tensor([10, 12, 14]), lamp_power=2.0)
    assert night.exposure_ratio.tolist() == [8.0, 8.0, 8.0]
    assert night.bits.tolist() == [10, 12, 14]
    assert night.lamp_power.shape == (3, LAMPS)
    assert night.sky.tolist() == [1.0, 1.0, 1.0]


def test_rows_do_not_share_memory() -> None:
    night = SensorNight.off(2)
    night.tone[0] = 0.5
    assert night.tone.tolist() == [0.5, 0.0]
    assert SensorNight.off(1).tone.tolist() == [0.0]


def test_an_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"sensor law has no parameter 'exposure'.*'exposure_ratio'"):
        SensorNight.off(1, exposure=2.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"beta: expected \(2,\)"):
        GammaNight.off(2, beta=torch.ones(3))
    with pytest.raises(UsageError, match="lamp_x"):
        SensorNight.off(2, lamp_x=torch.ones(2, LAMPS + 1))


def test_wrong_types_are_refused() -> None:
    good = GammaNight.off(1)
    parts = {spec.name: getattr(good, spec.name) for spec in fields(good)}
    with pytest.raises(UsageError, match="gamma: expected"):
        GammaNight(**(parts | {"gamma": parts["gamma"].double()}))


def test_nights_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        GammaNight.off(1).gamma = torch.ones(1)  # type: ignore[misc]


def test_rows_are_taken_by_number_and_by_mask() -> None:
    night = GammaNight.off(4, gamma=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert night.take(torch.tensor([3, 0])).gamma.tolist() == [4.0, 1.0]
    assert night.take(torch.tensor([False, True, False, True])).gamma.tolist() == [2.0, 4.0]


def test_rows_are_joined_in_order() -> None:
    one, two = GammaNight.off(1, gamma=2.0), GammaNight.off(2, gamma=3.0)
    assert GammaNight.join([one, two]).gamma.tolist() == [2.0, 3.0, 3.0]
    assert GammaNight.join([one]) is one


@given(st.lists(st.floats(0.125, 200.0, width=32), min_size=1, max_size=4), st.integers(0, 2**62))
def test_records_survive_json_exactly(ratios: list[float], seed: int) -> None:
    night = SensorNight.off(
        len(ratios), exposure_ratio=torch.tensor(ratios), seed=torch.tensor(seed).expand(len(ratios)), lamp_y=0.3
    )
    records = json.loads(json.dumps(night.records()))
    assert len(records) == len(ratios)
    back = SensorNight.from_records(records)
    for spec in fields(night):
        assert torch.equal(getattr(back, spec.name), getattr(night, spec.name)), spec.name


def test_what_a_record_leaves_out_is_off() -> None:
    night = SensorNight.from_records([{"exposure_ratio": 9.0}, {"lamp_x": [0.1] * LAMPS}])
    assert night.exposure_ratio.tolist() == [9.0, 1.0]
    assert float(night.lamp_x[0].abs().max()) == 0.0
    assert night.lamp_x[1].tolist() == pytest.approx([0.1] * LAMPS)


def test_no_records_are_no_rows() -> None:
    assert len(SensorNight.from_records([])) == 0


def test_a_record_with_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(UsageError, match="gamma law has no parameter 'jpeg'"):
        GammaNight.from_records([{"jpeg": 70}])


def test_lamps_are_the_fields() -> None:
    night = SensorNight.off(2, lamp_power=3.0, lamp_stretch=2.0)
    lamps = night.lamps
    assert torch.equal(lamps.power, night.lamp_power)
    assert torch.equal(lamps.stretch, night.lamp_stretch)
    assert lamps.color.shape == (2, LAMPS, 3)
