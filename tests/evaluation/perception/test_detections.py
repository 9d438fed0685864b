from __future__ import annotations

import contextlib
import importlib
import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.errors import RuntimeMissingError
from highbeam.evaluation.perception import Boxes, detections
from highbeam.evaluation.perception.detections import BoxAgreement, require_coco

Row = tuple[float, float, float, float, float, int]


def boxes(*rows: Row, crowd: tuple[int, ...] = ()) -> Boxes:
    table = np.array(rows, np.float64).reshape(-1, 6)
    marked = np.isin(np.arange(len(table)), crowd)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64), marked)


def ap(truths: list[Boxes], seen: list[Boxes], classes: int = 1, weights: list[float] | None = None) -> Any:
    return BoxAgreement(truths, seen, classes, 0.5).figures(np.array([weights or [1.0] * len(truths)]))


TRUTH_ROW: Row = (0, 0, 10, 10, 1, 0)
TRUTH = boxes(TRUTH_ROW, (20, 0, 30, 10, 1, 0))


def test_perfect_and_nothing() -> None:
    assert ap([TRUTH], [TRUTH]).figures == {"ap": 1.0, "ap50": 1.0, "f1": 1.0}
    assert ap([TRUTH], [boxes()]).figures == {"ap": 0.0, "ap50": 0.0, "f1": 0.0}
    nothing = ap([boxes()], [TRUTH]).figures
    assert math.isnan(nothing["ap"][0])
    assert math.isnan(ap([boxes()], [boxes()]).figures["ap"][0])


def test_one_of_two_found_behind_a_false_alarm() -> None:
    """Ranking: wrong, right. Precision is 1/2 up to recall 1/2, that is at 51 of 101 recalls."""
    seen = boxes((50, 50, 60, 60, 0.9, 0), (0, 0, 10, 10, 0.8, 0))
    assert ap([TRUTH], [seen]).figures["ap"][0] == pytest.approx(51 / 101 / 2)


def test_a_loose_box_counts_up_to_its_overlap() -> None:
    """An overlap of 0.72 is right at 0.5, 0.55, 0.6, 0.65 and 0.7, at recall 1."""
    found = ap([boxes((0, 0, 10, 10, 1, 0))], [boxes((0, 0, 10, 7.2, 0.9, 0))]).figures
    assert found["ap50"][0] == 1.0
    assert found["ap"][0] == pytest.approx(0.5)


def test_a_second_box_of_one_thing_is_wrong() -> None:
    """Right, wrong, right: precision 1 at 51 recalls, 2/3 at 50."""
    seen = boxes((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.8, 0), (20, 0, 30, 10, 0.7, 0))
    assert ap([TRUTH], [seen]).figures["ap"][0] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_classes_do_not_mix_and_absent_ones_do_not_count() -> None:
    seen = boxes((0, 0, 10, 10, 0.9, 0), (20, 0, 30, 10, 0.9, 1))
    found = ap([TRUTH], [seen], classes=3)
    assert found.classes[0, 0] == pytest.approx(51 / 101)
    assert np.isnan(found.classes[0, 1:]).all()
    assert BoxAgreement([TRUTH], [seen], 3, 0.5).amounts().tolist() == [2, 0, 0]


def test_f1_counts_what_is_sure_enough() -> None:
    """One right of two sure ones and two wanted: 2 * 1 / (2 + 2); what is not sure counts nowhere."""
    seen = boxes((0, 0, 10, 10, 0.9, 0), (50, 0, 60, 10, 0.5, 0), (20, 0, 30, 10, 0.4, 0), (50, 0, 60, 10, 0.1, 0))
    assert ap([TRUTH], [seen]).figures["f1"][0] == 0.5
    assert ap([TRUTH, TRUTH], [seen, TRUTH], weights=[0.0, 2.0]).figures["f1"][0] == 1.0
    assert ap([TRUTH], [boxes((*TRUTH_ROW[:5], 1))], classes=2).figures["f1"][0] == 0.0


def test_crowds_neither_reward_nor_punish() -> None:
    truth = boxes((0, 0, 10, 10, 1, 0), (20, 20, 90, 90, 1, 0), crowd=(1,))
    seen = boxes((30, 30, 50, 50, 0.95, 0), (0, 0, 10, 10, 0.9, 0))
    assert ap([truth], [seen]).figures["ap"][0] == 1.0
    assert BoxAgreement([truth], [seen], 1, 0.5).amounts().tolist() == [1]


ROW = st.tuples(
    st.integers(0, 12), st.integers(0, 12), st.integers(3, 9), st.integers(3, 9), st.integers(1, 6), st.integers(0, 1)
).map(lambda r: (r[0], r[1], r[0] + r[2], r[1] + r[3], r[4] / 8, r[5]))
PICTURE = st.lists(ROW, max_size=5).map(lambda rows: boxes(*rows))
SETS = st.lists(st.tuples(PICTURE, PICTURE), min_size=3, max_size=3)


def judged(truths: list[Boxes], seen: list[Boxes]) -> list[float]:
    """AP and AP50 as pycocotools itself makes them, with everything it has."""
    cocoeval = importlib.import_module("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        judge = cocoeval.COCOeval(detections._as_coco(truths, [0, 1]), detections._as_coco(seen, [0, 1]), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return [math.nan if value < 0 else value for value in judge.stats[:2]]


@given(SETS)
def test_the_ranking_is_pycocotools_own(pairs: list[tuple[Boxes, Boxes]]) -> None:
    truths, seen = ([pair[at] for pair in pairs] for at in (0, 1))
    found = ap(truths, seen, 2).figures
    np.testing.assert_allclose([found["ap"][0], found["ap50"][0]], judged(truths, seen), atol=1e-12)


def apart(pairs: list[tuple[Boxes, Boxes]]) -> list[tuple[Boxes, Boxes]]:
    """Make all scores different: copies of a picture then come one after the other in the ranking."""
    return [
        (truth, Boxes(found.corners, found.scores + 0.01 * at + 0.001 * np.arange(len(found)), found.classes))
        for at, (truth, found) in enumerate(pairs)
    ]


@given(SETS, st.permutations([0, 1, 2]))
def test_a_picture_drawn_twice_is_a_picture_given_twice(pairs: list[tuple[Boxes, Boxes]], weights: list[int]) -> None:
    pairs = apart(pairs)
    truths, seen = ([pair[at] for pair in pairs] for at in (0, 1))
    again = np.repeat(np.arange(3), weights)
    found = ap(truths, seen, 2, [float(weight) for weight in weights]).figures
    expected = judged([truths[at] for at in again], [seen[at] for at in again])
    np.testing.assert_allclose([found["ap"][0], found["ap50"][0]], expected, atol=1e-12)


def test_without_pycocotools(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, *_: object) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'highbeam\[perception\]'"):
        require_coco()
