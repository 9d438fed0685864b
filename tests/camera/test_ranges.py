"""Numbers are drawn from where they should come, and repeat."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from highbeam.camera.ranges import Choice, Fixed, LogUniform, Range, Sometimes, Uniform

EVERY: tuple[Range, ...] = (
    Fixed(3.0),
    Uniform(-1.0, 2.0),
    LogUniform(0.01, 10.0),
    Sometimes(0.5, Uniform(1.0, 2.0)),
    Choice((1.0, 4.0)),
)


def dice(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("reach", EVERY, ids=lambda reach: type(reach).__name__)
@pytest.mark.parametrize("count", [0, 1, 7])
def test_as_many_are_drawn_as_asked_for_and_they_repeat(reach: Range, count: int) -> None:
    drawn = reach.draw(count, dice(5))
    assert drawn.shape == (count,)
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, reach.draw(count, dice(5)))


@given(st.floats(-100.0, 100.0), st.floats(0.0, 100.0), st.integers(0, 2**30))
def test_uniform_stays_between_its_ends(low: float, width: float, seed: int) -> None:
    drawn = Uniform(low, low + width).draw(50, dice(seed))
    room = 1e-5 * (abs(low) + width + 1.0)
    assert low - room <= float(drawn.min())
    assert float(drawn.max()) <= low + width + room


@given(st.floats(1e-4, 1e2), st.floats(1.0, 1e4), st.integers(0, 2**30))
def test_log_uniform_stays_between_its_ends(low: float, factor: float, seed: int) -> None:
    drawn = LogUniform(low, low * factor).draw(50, dice(seed))
    assert low * 0.999 <= float(drawn.min())
    assert float(drawn.max()) <= low * factor * 1.001


def test_uniform_fills_its_range_evenly() -> None:
    drawn = Uniform(2.0, 6.0).draw(20_000, dice())
    assert float(drawn.mean()) == pytest.approx(4.0, abs=0.03)
    assert float(drawn.std()) == pytest.approx(4.0 / math.sqrt(12.0), rel=0.02)


def test_log_uniform_has_its_median_at_the_geometric_mean() -> None:
    assert float(LogUniform(1.0, 100.0).draw(20_000, dice()).median()) == pytest.approx(10.0, rel=0.05)


def test_sometimes_is_as_often_as_said() -> None:
    drawn = Sometimes(0.3, Uniform(1.0, 2.0), otherwise=-5.0).draw(20_000, dice())
    on = drawn > 0.0
    assert float(on.float().mean()) == pytest.approx(0.3, abs=0.01)
    assert drawn[~on].eq(-5.0).all()
    assert float(drawn[on].min()) >= 1.0


def test_choices_are_equally_likely() -> None:
    drawn = Choice((10.0, 12.0, 14.0)).draw(9000, dice())
    for value in (10.0, 12.0, 14.0):
        assert float((drawn == value).float().mean()) == pytest.approx(1 / 3, abs=0.02)


def test_fixed_is_fixed() -> None:
    assert Fixed(0.0625).draw(4, dice()).tolist() == [0.0625] * 4
