"""Numbers held over frames: slow where they waver, fast where they change, and saved as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from highbeam.errors import UsageError
from highbeam.video.state import Held, HeldStatistics, rise, taken

FOLLOW, LEAST = 0.1, 0.04


def held() -> Held:
    return Held(FOLLOW, LEAST)


def followed(measured: NDArray[np.floating[Any]], number: Held | None = None) -> NDArray[np.float64]:
    """What is held while numbers come in."""
    number = number or held()
    return np.array([number.record(np.array([value]))[0] for value in measured])


def test_nothing_is_held_at_first() -> None:
    number = held()
    assert number.value is None
    assert number.rate() == 1.0
    np.testing.assert_array_equal(number.record(np.array([3.0, -1.0])), [3.0, -1.0])
    assert number.rate() == pytest.approx(FOLLOW)


@given(value=arrays(np.float64, st.integers(1, 9), elements=st.floats(-1e6, 1e6)), count=st.integers(1, 30))
def test_what_stays_is_held_as_it_is(value: NDArray[np.float64], count: int) -> None:
    number = held()
    for _ in range(count):
        number.record(value)
    assert number.value is not None
    np.testing.assert_array_equal(number.value, value)


@given(values=st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=40))
def test_what_is_held_lies_among_what_was_measured(values: list[float]) -> None:
    got = followed(np.array(values))
    assert min(values) - 1e-9 <= got.min()
    assert got.max() <= max(values) + 1e-9


@given(values=st.lists(st.floats(-5.0, 5.0), min_size=2, max_size=40))
def test_the_rate_stays_between_follow_and_one(values: list[float]) -> None:
    number = held()
    for value in values:
        number.record(np.array([value]))
        assert FOLLOW <= number.rate() <= 1.0


@given(values=st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=30))
def test_signs_make_no_difference(values: list[float]) -> None:
    np.testing.assert_allclose(followed(-np.array(values)), -followed(np.array(values)), atol=1e-12)


def test_noise_is_smoothed() -> None:
    noise = 0.02 * np.random.default_rng(0).standard_normal(400)
    assert np.abs(np.diff(followed(noise))).mean() < 0.12 * np.abs(np.diff(noise)).mean()


def test_a_number_that_jumps_to_and_fro_is_smoothed() -> None:
    """As an exposure ratio between two maxima of a jagged entropy."""
    jumping = 0.1 * (np.random.default_rng(1).random(300) < 0.5)
    got = followed(jumping)
    assert np.abs(np.diff(got[20:])).mean() < 0.5 * np.abs(np.diff(jumping[20:])).mean()


@pytest.mark.parametrize("step", [0.3, 1.0, -2.0])
def test_a_large_change_that_lasts_is_followed_from_its_second_frame_on(step: float) -> None:
    got = followed(np.concatenate([np.zeros(20), np.full(10, step)]))
    assert abs(got[20]) < 0.2 * abs(step), "it may be a flash"
    np.testing.assert_allclose(got[23:], step, rtol=0.03)


def test_a_flash_is_not_followed() -> None:
    got = followed(np.concatenate([np.zeros(20), [1.5], np.zeros(10)]))
    assert got[20] < 0.2
    assert np.abs(got[22:]).max() < 0.03


@pytest.mark.parametrize("slope", [0.05, 0.1, -0.2])
def test_a_ramp_is_followed_without_lag(slope: float) -> None:
    ramp = slope * np.clip(np.arange(40) - 12, 0, 15)
    behind = np.abs(ramp - followed(ramp)) / abs(slope)
    assert behind.max() < 3.0, "frames"
    assert behind[30:].max() < 0.1


def test_a_long_slow_change_is_not_lost() -> None:
    drift = 0.002 * np.arange(300)
    assert np.abs(drift - followed(drift))[50:].max() < 0.03


def test_long_vectors_are_held_as_one() -> None:
    rng = np.random.default_rng(2)
    scene = rng.normal(20.0, 30.0, 500)
    number = held()
    number.record(scene)
    for _ in range(30):
        number.record(scene * (1.0 + 0.005 * rng.standard_normal(500)))
        assert number.rate() == pytest.approx(FOLLOW), "noise"
    other = 1.2 * scene
    for _ in range(4):
        number.record(other)
    assert number.value is not None
    np.testing.assert_allclose(number.value, other, rtol=0.02)


def test_another_shape_starts_anew() -> None:
    number = held()
    followed(np.arange(5.0), number)
    number.record(np.array([7.0, 8.0]))
    assert number.value is not None
    np.testing.assert_array_equal(number.value, [7.0, 8.0])
    assert number.rate() == pytest.approx(FOLLOW)


def test_what_is_handed_over_is_not_kept() -> None:
    number, measured = held(), np.array([1.0])
    number.record(measured)
    measured[0] = 5.0
    assert number.value is not None
    assert number.value[0] == 1.0


@given(
    before=st.lists(st.floats(-3, 3), min_size=0, max_size=20), after=st.lists(st.floats(-3, 3), min_size=1, max_size=9)
)
def test_a_state_goes_on_where_it_was_taken(before: list[float], after: list[float]) -> None:
    number, other = held(), held()
    followed(np.array(before), number)
    other.load_state_dict(number.state_dict())
    np.testing.assert_array_equal(followed(np.array(after), other), followed(np.array(after), number))


@pytest.mark.parametrize("key", ["value", "agreed", "recent", "size", "least"])
@pytest.mark.parametrize("wrong", [None, "x", np.inf, np.zeros((1, 1)), np.zeros(4)])
def test_what_is_no_state_is_refused(key: str, wrong: Any) -> None:
    number = held()
    followed(np.arange(3.0), number)
    with pytest.raises(UsageError, match=r"state_dict\(\)"):
        held().load_state_dict(number.state_dict() | {key: wrong})


@pytest.mark.parametrize("step", [0.1, 0.5, -3.0])
def test_what_catches_up_smoothly_never_jumps(step: float) -> None:
    """However large the step: at most the stated share of it in one frame, and all of it before long."""
    got = followed(np.concatenate([np.zeros(20), np.full(15, step)]), Held(FOLLOW, LEAST, 0.35))
    assert np.abs(np.diff(got)).max() < 0.35 * abs(step)
    np.testing.assert_allclose(got[30:], step, rtol=0.1)


def test_what_passes_by_moves_it_by_a_part() -> None:
    """As a lamp beside the road does for three frames: there and back without a jump."""
    got = followed(np.concatenate([np.zeros(20), np.full(3, 0.5), np.zeros(10)]), Held(FOLLOW, LEAST, 0.35))
    assert np.abs(np.diff(got)).max() < 0.2
    assert abs(got[-1]) < 0.02


@given(hurry=st.floats(0.0, 1.0))
def test_a_hurry_is_the_least_share(hurry: float) -> None:
    number = Held(FOLLOW, LEAST, 0.35)
    number.record(np.zeros(1))
    assert number.rate(hurry) == max(FOLLOW, hurry)
    assert number.record(np.ones(1), hurry)[0] == pytest.approx(max(FOLLOW, hurry))


def test_a_share_of_what_is_followed_may_be_larger_than_that_of_catching_up() -> None:
    number = Held(0.8, LEAST, 0.35)
    number.record(np.zeros(1))
    assert number.rate() == pytest.approx(0.8)


def test_statistics_in_a_hurry_take_what_is_measured() -> None:
    statistics = HeldStatistics(FOLLOW)
    statistics.settle("one", np.zeros(2))
    statistics.hurry = 1.0
    np.testing.assert_array_equal(statistics.settle("one", np.ones(2)), np.ones(2))
    statistics.hurry = 0.0
    assert statistics.given("one")[1] > 0.5


@pytest.mark.parametrize(("value", "expected"), [(0.0, 0.0), (1.0, 0.0), (1.5, 0.5), (2.0, 1.0), (9.0, 1.0)])
def test_a_rise_is_smooth_between_its_ends(value: float, expected: float) -> None:
    assert rise(value, 1.0, 2.0) == expected


def test_statistics_settle_each_under_its_name() -> None:
    statistics = HeldStatistics(FOLLOW)
    one, two = np.array([1.0]), np.array([5.0, 6.0])
    np.testing.assert_array_equal(statistics.settle("one", one), one)
    np.testing.assert_array_equal(statistics.settle("two", two), two)
    np.testing.assert_allclose(statistics.settle("one", np.array([1.02])), [1.002])
    np.testing.assert_array_equal(statistics.settle("two", two), two)


def test_what_is_given_is_what_settling_uses() -> None:
    """A network mixes on its own: it is told what is held and how much of it to keep."""
    one, other = HeldStatistics(FOLLOW), HeldStatistics(FOLLOW)
    assert one.given("scene") == (None, 0.0)
    rng = np.random.default_rng(3)
    for _ in range(10):
        measured = rng.standard_normal(7)
        given, keep = one.given("scene")
        mixed = measured if given is None else measured + keep * (given - measured)
        one.record("scene", measured)
        np.testing.assert_array_equal(other.settle("scene", measured), mixed)
        value, _ = one.given("scene")
        assert value is not None
        np.testing.assert_allclose(value, mixed, atol=1e-12)


def test_statistics_go_on_where_their_state_was_taken() -> None:
    rng, names = np.random.default_rng(4), ("red-levels", "a.name.with.dots")
    one, other = HeldStatistics(FOLLOW), HeldStatistics(FOLLOW)
    for _ in range(5):
        for name in names:
            one.record(name, rng.standard_normal(2))
    other.record("forgotten", np.zeros(1))
    other.load_state_dict(one.state_dict())
    assert other.given("forgotten") == (None, 0.0)
    for name in names:
        measured = rng.standard_normal(2)
        np.testing.assert_array_equal(one.settle(name, measured), other.settle(name, measured))


def test_an_empty_state_is_one() -> None:
    statistics = HeldStatistics(FOLLOW)
    assert statistics.state_dict() == {}
    statistics.load_state_dict({})
    assert statistics.given("anything") == (None, 0.0)


def test_entries_are_taken_as_copies() -> None:
    state = {"seen": np.zeros(3, np.float32)}
    found = taken(state, "seen", 1)
    found[0] = 1.0
    assert state["seen"][0] == 0.0
    assert found.dtype == np.float64
    with pytest.raises(UsageError, match="'seen'"):
        taken(state, "seen", 2)
    with pytest.raises(UsageError, match="'absent'"):
        taken(state, "absent", 0)
