"""Average precision of boxes: matched by pycocotools, and ranked here for each resample of the pictures.

Matching, the greater part of the work, does not depend on which pictures are drawn; the ranking does, and follows COCO:
ten IoU thresholds from 0.5 to 0.95, precision at 101 recalls, at most 100 boxes of a class in a picture.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import RuntimeMissingError
from highbeam.evaluation.perception.agreement import Agreement, Double, Sampled, mean_of_defined, over
from highbeam.evaluation.perception.boxes import Boxes

__all__ = ["BoxAgreement", "require_coco"]

_MOST = 100
_RECALLS = np.linspace(0, 1, 101)
_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_EVERYTHING = (0.0, 1e10)


@dataclass(frozen=True)
class _Ranking:
    """The boxes of a class at one IoU threshold, best score first, without those in crowds.

    Attributes:
        pictures: which picture each is of.
        hits: positions of those that are right.
    """

    pictures: NDArray[np.intp]
    hits: NDArray[np.intp]

    def precision(self, weights: Double, wanted: float) -> float:
        """Return average precision.

        A picture that is drawn twice has all its boxes twice in the ranking. Between a hit and its double precision
        only rises, and recall stays what it is along misses, so that the places of hits are all that counts.

        Args:
            weights: how often each picture is drawn, ``(P,)``.
            wanted: boxes that the truth has in them.
        """
        drawn = weights[self.pictures]
        hits = self.hits[drawn[self.hits] > 0]
        if not hits.size:
            return 0.0
        right = np.cumsum(drawn[hits])
        best_from_here = np.maximum.accumulate((right / np.cumsum(drawn)[hits])[::-1])[::-1]
        at = np.searchsorted(right / wanted, _RECALLS, side="left")
        return float(np.append(best_from_here, 0.0)[at].mean())


class BoxAgreement(Agreement):
    """Of detection.

    Args:
        truths: boxes of each picture that should be found; their scores do not count.
        seen: boxes that were.
        classes: how many there are.
        found_from: the score from which on a box counts as found in F1.
    """

    def __init__(self, truths: Sequence[Boxes], seen: Sequence[Boxes], classes: int, found_from: float) -> None:
        self._wanted = np.zeros((classes, len(truths)))
        self._right, self._found = np.zeros(len(truths)), np.zeros(len(truths))
        self._rankings: list[list[_Ranking]] = [[] for _ in range(classes)]
        for index, found in _match(truths, seen).items():
            self._count(found, found_from)
            self._wanted[index] = [0 if row is None else np.count_nonzero(row["gtIgnore"] == 0) for row in found]
            self._rankings[index] = _rankings(found)

    def _count(self, found: Sequence[dict[str, Any] | None], found_from: float) -> None:
        """Count boxes that are sure enough, and those of them that are right at an overlap of 0.5."""
        for picture, row in enumerate(found):
            if row is not None:
                sure = (np.asarray(row["dtScores"]) >= found_from) & ~row["dtIgnore"][0].astype(bool)
                self._found[picture] += np.count_nonzero(sure)
                self._right[picture] += np.count_nonzero(sure & (row["dtMatches"][0] > 0))

    def figures(self, weights: Double) -> Sampled:
        """Return AP averaged over the thresholds, AP50, and F1 of all boxes; and AP of each class."""
        table = np.stack([self._table(row) for row in weights])
        each, wanted = table.mean(axis=2), weights @ self._wanted.sum(axis=0)
        f1 = np.where(wanted > 0, over(2 * weights @ self._right, weights @ self._found + wanted), np.nan)
        return Sampled({"ap": mean_of_defined(each), "ap50": mean_of_defined(table[:, :, 0]), "f1": f1}, each)

    def _table(self, weights: Double) -> Double:
        """Return average precision, ``(C, T)``; NaN for classes of which the truth has none."""
        table = np.full((len(self._rankings), len(_THRESHOLDS)), np.nan)
        for index, wanted in enumerate((self._wanted @ weights).tolist()):
            if wanted:
                table[index] = [ranking.precision(weights, wanted) for ranking in self._rankings[index]]
        return table

    def amounts(self) -> Double:
        """Return the boxes of each class in the truth."""
        return np.asarray(self._wanted.sum(axis=1))


def require_coco() -> None:
    """Refuse to go on without pycocotools.

    Raises:
        RuntimeMissingError: it is not installed.
    """
    try:
        importlib.import_module("pycocotools.cocoeval")
    except ModuleNotFoundError as error:
        raise RuntimeMissingError("detection needs pycocotools: pip install 'highbeam[perception]'") from error


def _match(truths: Sequence[Boxes], seen: Sequence[Boxes]) -> dict[int, list[dict[str, Any] | None]]:
    """Return for each class that occurs what pycocotools makes of each picture, None where it has none of it."""
    classes = sorted({int(index) for boxes in (*truths, *seen) for index in boxes.classes})
    if not classes:
        return {}
    require_coco()
    cocoeval = importlib.import_module("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):  # the library tells its progress there
        judge = cocoeval.COCOeval(_as_coco(truths, classes), _as_coco(seen, classes), "bbox")
        judge.params.maxDets, judge.params.areaRng, judge.params.areaRngLbl = [_MOST], [_EVERYTHING], ["all"]
        judge.params.iouThrs = _THRESHOLDS
        judge.evaluate()
    count = len(truths)
    return {index: judge.evalImgs[at * count : (at + 1) * count] for at, index in enumerate(classes)}


def _as_coco(found: Sequence[Boxes], classes: Sequence[int]) -> Any:  # noqa: ANN401
    """Put boxes into the library's own form; identities start at 1, since it takes 0 for none."""
    rows = [(picture, boxes, at) for picture, boxes in enumerate(found) for at in range(len(boxes))]
    whole = importlib.import_module("pycocotools.coco").COCO()
    whole.dataset = {
        "images": [{"id": picture} for picture in range(len(found))],
        "categories": [{"id": index} for index in classes],
        "annotations": [_annotation(identity, *row) for identity, row in enumerate(rows, start=1)],
    }
    whole.createIndex()
    return whole


def _annotation(identity: int, picture: int, boxes: Boxes, at: int) -> dict[str, Any]:
    x0, y0, x1, y1 = boxes.corners[at].tolist()
    return {
        "id": identity,
        "image_id": picture,
        "category_id": int(boxes.classes[at]),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "score": float(boxes.scores[at]),
        "iscrowd": int(boxes.crowd is not None and boxes.crowd[at]),
    }


def _rankings(found: Sequence[dict[str, Any] | None]) -> list[_Ranking]:
    """Rank the boxes of a class, for each threshold."""
    rows = [(picture, row) for picture, row in enumerate(found) if row is not None]
    pictures = np.repeat([picture for picture, _ in rows], [len(row["dtScores"]) for _, row in rows]).astype(np.intp)
    order = np.argsort(-np.concatenate([row["dtScores"] for _, row in rows]), kind="mergesort")
    matched = np.concatenate([row["dtMatches"] for _, row in rows], axis=1)[:, order] > 0
    left_out = np.concatenate([row["dtIgnore"] for _, row in rows], axis=1)[:, order].astype(bool)
    pictures = pictures[order]
    return [_Ranking(pictures[~out], np.flatnonzero(right[~out])) for right, out in zip(matched, left_out, strict=True)]
