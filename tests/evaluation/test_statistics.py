"""Intervals and tests against what is known of them."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from highbeam.evaluation.statistics import interval, sign_flip

OPTIONS = {"resamples": 4000, "confidence": 0.95, "seed": 0}


def test_the_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).normal(20.0, 3.0, 40)
    found = interval(list(values), **OPTIONS)  # type: ignore[arg-type]
    reference = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(reference.low, abs=0.08)
    assert found.high == pytest.approx(reference.high, abs=0.08)
    assert (found.count, found.undefined) == (40, 0)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, inside = np.random.default_rng(3), 0
    for trial in range(200):
        found = interval(list(rng.normal(5.0, 1.0, 30)), resamples=400, confidence=0.9, seed=trial)
        inside += found.low <= 5.0 <= found.high
    assert 0.8 <= inside / 200 <= 0.97


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 9.0]
    again = [interval(values, resamples=300, confidence=0.9, seed=seed) for seed in (0, 0, 1)]
    assert again[0] == again[1]
    assert again[0] != again[2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (math.nan, math.nan, math.nan, 0, 0)),
        ([math.nan], (math.nan, math.nan, math.nan, 0, 1)),
        ([3.0], (3.0, math.nan, math.nan, 1, 0)),
        ([3.0, math.nan], (3.0, math.nan, math.nan, 1, 1)),
        ([2.0, 2.0], (2.0, 2.0, 2.0, 2, 0)),
        ([math.inf, math.inf], (math.inf, math.inf, math.inf, 2, 0)),
    ],
)
def test_few_and_odd_values(values: list[float], expected: tuple[float, ...]) -> None:
    found = interval(values, **OPTIONS)  # type: ignore[arg-type]
    for got, wanted in zip((found.mean, found.low, found.high, found.count, found.undefined), expected, strict=True):
        assert got == wanted or (math.isnan(got) and math.isnan(wanted))


def test_an_infinite_value_makes_the_mean_and_the_upper_end_infinite() -> None:
    found = interval([10.0] * 9 + [math.inf], **OPTIONS)  # type: ignore[arg-type]
    assert (found.mean, found.low, found.high) == (math.inf, 10.0, math.inf)


def test_many_values_are_drawn_in_pieces() -> None:
    values = list(np.random.default_rng(0).normal(0.0, 1.0, 3000))
    found = interval(values, resamples=3000, confidence=0.95, seed=0)
    error = 1.96 / math.sqrt(3000)
    assert found.high - found.low == pytest.approx(2 * error, rel=0.1)


def literal(differences: list[float]) -> float:
    """Try every pattern of signs."""
    seen = abs(sum(differences))
    patterns = list(product((1, -1), repeat=len(differences)))
    beyond = sum(abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= seen - 1e-9 for signs in patterns)
    return beyond / len(patterns)


@pytest.mark.parametrize("seed", range(4))
def test_few_pictures_are_tested_exactly(seed: int) -> None:
    differences = list(np.random.default_rng(seed).normal(0.4, 1.0, 7))
    assert sign_flip(differences, resamples=100, seed=0) == pytest.approx(literal(differences))


def test_many_pictures_agree_with_scipy() -> None:
    differences = np.random.default_rng(5).normal(0.25, 1.0, 40)
    reference = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=4000, rng=1, alternative="two-sided"
    )
    assert sign_flip(list(differences), resamples=4000, seed=0) == pytest.approx(reference.pvalue, abs=0.03)


def test_what_cannot_be_tested() -> None:
    assert math.isnan(sign_flip([], resamples=100, seed=0))
    assert math.isnan(sign_flip([1.0, math.nan], resamples=100, seed=0))
    assert sign_flip([0.0, 0.0, 0.0], resamples=100, seed=0) == 1.0


def test_infinite_differences_count_as_the_largest_of_their_sign() -> None:
    differences = [1.0, 2.0, 2.0, 1.0, 2.0, 1.0, -math.inf]
    assert sign_flip(differences, resamples=100, seed=0) == sign_flip([*differences[:-1], -2.0], resamples=100, seed=0)
    assert sign_flip([math.inf] * 6, resamples=100, seed=0) == 2 / 64
    found = interval([-math.inf, 1.0, 2.0], **OPTIONS)  # type: ignore[arg-type]
    assert (found.mean, found.low) == (-math.inf, -math.inf)
    assert math.isnan(interval([-math.inf, math.inf], **OPTIONS).mean)  # type: ignore[arg-type]


def test_p_is_evenly_spread_where_there_is_no_difference() -> None:
    rng = np.random.default_rng(7)
    found = [sign_flip(list(rng.normal(0.0, 1.0, 10)), resamples=100, seed=0) for _ in range(300)]
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.09


@pytest.mark.parametrize(
    ("values", "mean", "median"),
    [
        ([1.0, math.inf, 3.0], math.inf, 3.0),
        ([1.0, 2.0, 3.0, math.inf], math.inf, 2.5),
        ([1.0, math.inf], math.inf, math.inf),
        ([4.0, math.nan], 4.0, 4.0),
        ([-math.inf, math.inf], math.nan, math.nan),
        ([], math.nan, math.nan),
    ],
)
def test_the_median_stands_beside_the_mean(values: list[float], mean: float, median: float) -> None:
    found = interval(values, resamples=100, confidence=0.95, seed=0)
    assert str((found.mean, found.median)) == str((mean, median))
