from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from highbeam.errors import EvaluationError
from highbeam.evaluation.perception.agreement import (
    MaskAgreement,
    PixelAgreement,
    counts_of,
    interval,
    resamples_of,
    word_for,
)
from highbeam.evaluation.perception.fitting import ClassMap
from highbeam.evaluation.results import Interval
from highbeam.evaluation.verdicts import LEAST_PICTURES

MAPS = arrays(np.int32, (3, 2, 4, 5), elements=st.integers(0, 3))


def literal(truths: ClassMap, seen: ClassMap, classes: int) -> tuple[list[float], float, float]:
    """IoU of each class, mIoU and pixel accuracy, pixel by pixel over all pictures."""
    matrix = [[0] * classes for _ in range(classes)]
    for truth, found in zip(truths.ravel().tolist(), seen.ravel().tolist(), strict=True):
        if truth >= 0:
            matrix[truth][found] += 1
    each = []
    for c in range(classes):
        wanted, taken = sum(matrix[c]), sum(row[c] for row in matrix)
        each.append(matrix[c][c] / (wanted + taken - matrix[c][c]) if wanted else math.nan)
    defined = [value for value in each if not math.isnan(value)]
    total = sum(map(sum, matrix))
    mean = sum(defined) / len(defined) if defined else math.nan
    return each, mean, sum(matrix[c][c] for c in range(classes)) / total if total else math.nan


@given(MAPS, arrays(np.int32, (3, 2, 4, 5), elements=st.integers(-1, 3)))
def test_figures_of_a_set_are_those_of_all_its_pixels(seen: ClassMap, truths: ClassMap) -> None:
    counts = [counts_of(*pair) for pair in zip(truths, seen, strict=True)]
    found = PixelAgreement(counts, 4).figures(np.ones((1, 3)))
    each, mean, accuracy = literal(truths, seen, 4)
    np.testing.assert_allclose(found.classes[0], each)
    np.testing.assert_allclose([found.figures["miou"][0], found.figures["accuracy"][0]], [mean, accuracy])


@given(MAPS, MAPS)
def test_a_resample_is_the_set_with_pictures_repeated(seen: ClassMap, truths: ClassMap) -> None:
    counts = [counts_of(*pair) for pair in zip(truths, seen, strict=True)]
    found = PixelAgreement(counts, 4).figures(np.array([[2.0, 0.0, 1.0]]))
    again = [0, 0, 2]
    np.testing.assert_allclose(found.figures["miou"][0], literal(truths[again], seen[again], 4)[1])


def test_by_hand() -> None:
    truth = np.array([[0, 0, 1, 1], [0, 0, 1, -1]], np.int32)
    seen = np.array([[0, 0, 0, 1], [0, 2, 1, 0]], np.int32)
    counts = counts_of(truth, seen)
    assert counts.tolist() == [[3, 2, 0], [4, 3, 0], [4, 2, 1]]
    found = PixelAgreement([counts], 3).figures(np.ones((1, 1)))
    assert found.classes[0].tolist()[:2] == [3 / 5, 2 / 3]
    assert math.isnan(found.classes[0, 2])  # nothing of it is there, whatever was taken for it
    assert found.figures["miou"][0] == pytest.approx((3 / 5 + 2 / 3) / 2)
    assert found.figures["accuracy"][0] == 5 / 7


def test_masks_leave_the_background_out() -> None:
    truth = np.array([[0, 0, 1, 1]], np.int32)
    agreement = MaskAgreement([counts_of(truth, np.array([[0, 1, 1, 0]], np.int32))])
    assert agreement.figures(np.ones((1, 1))).figures == {"iou": 1 / 3, "accuracy": 0.5}
    assert agreement.amounts().tolist() == [2]
    empty = MaskAgreement([counts_of(truth * 0, truth)]).figures(np.ones((1, 1)))
    assert math.isnan(empty.figures["iou"][0])


def test_maps_of_two_sizes() -> None:
    with pytest.raises(EvaluationError, match=r"truth is \(1, 2\) and what was seen \(2, 1\)"):
        counts_of(np.zeros((1, 2), np.int32), np.zeros((2, 1), np.int32))


def test_resamples_draw_as_many_as_there_are_and_follow_the_seed() -> None:
    drawn = resamples_of(7, 500, 3)
    assert (drawn.sum(axis=1) == 7).all()
    assert (drawn == resamples_of(7, 500, 3)).all()
    assert (drawn != resamples_of(7, 500, 4)).any()
    assert drawn.mean() == 1


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        values = rng.normal(0.3, 1.0, 40)
        drawn = resamples_of(40, 400, trial) @ values / 40
        found = interval(values.mean(), drawn, 40)
        held += found.low <= 0.3 <= found.high
    assert 0.9 < held / 300 < 0.98


def test_intervals_leave_out_what_is_not_defined() -> None:
    found = interval(0.5, np.array([np.nan, 0.4, 0.6, np.nan]), 5, 2)
    assert (found.count, found.undefined) == (3, 2)
    assert 0.4 < found.low < found.high < 0.6
    for alone in (interval(0.5, np.array([0.5]), 1), interval(math.nan, np.array([np.nan]), 4)):
        assert math.isnan(alone.low)
        assert math.isnan(alone.high)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.1, 0.2, "helps"),
        (-0.2, -0.1, "makes it worse"),
        (-0.1, 0.1, "makes no difference that can be told"),
        (0.0, 0.1, "makes no difference that can be told"),
        (math.nan, math.nan, "cannot be told"),
    ],
)
def test_words(low: float, high: float, word: str) -> None:
    assert word_for(Interval(0.0, low, high, 9)) == word


def test_words_take_as_many_pictures_as_comparisons_do() -> None:
    assert word_for(Interval(0.3, 0.1, 0.5, LEAST_PICTURES)) == "helps"
    for low, high in ((0.1, 0.5), (-0.5, -0.1), (-0.1, 0.1)):
        assert word_for(Interval(0.0, low, high, LEAST_PICTURES - 1, 20)) == "cannot be told"
