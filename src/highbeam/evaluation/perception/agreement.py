"""How well what a network sees agrees with what it should see: figures of single pictures and of a whole set.

A set is measured as one: its IoU comes from summed confusion matrices, its average precision from one ranking of all
boxes. So is a resample of its pictures, which is why figures are functions of how often each picture counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import EvaluationError
from highbeam.evaluation.perception.config import Task
from highbeam.evaluation.perception.fitting import ClassMap
from highbeam.evaluation.results import Interval
from highbeam.evaluation.verdicts import LEAST_PICTURES

__all__ = [
    "FIGURES",
    "Agreement",
    "Double",
    "MaskAgreement",
    "PixelAgreement",
    "Sampled",
    "Word",
    "counts_of",
    "interval",
    "ious",
    "mean_of_defined",
    "over",
    "resamples_of",
    "word_for",
]

Double: TypeAlias = NDArray[np.float64]
Word: TypeAlias = Literal["helps", "makes no difference that can be told", "makes it worse", "cannot be told"]

FIGURES: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {"segmentation": ("miou", "accuracy"), "mask": ("iou", "accuracy"), "detection": ("ap", "ap50", "f1")}
)
"""Names of the figures of each task; the first one decides."""

_HITS, _TRUTH, _SEEN = 0, 1, 2
_ENDS = (2.5, 97.5)
"""Percentiles between which an interval lies."""


@dataclass(frozen=True)
class Sampled:
    """Figures of B weightings of the pictures.

    Attributes:
        figures: ``(B,)`` by name.
        classes: ``(B, C)``, the deciding figure of each class alone; NaN where the truth has none of it.
    """

    figures: dict[str, Double]
    classes: Double


class Agreement(ABC):
    """What has been counted in the pictures of one subject."""

    @abstractmethod
    def figures(self, weights: Double) -> Sampled:
        """Return figures, of the set with each picture counted so many times.

        Args:
            weights: ``(B, P)``, a row for each weighting of the pictures.
        """

    @abstractmethod
    def amounts(self) -> Double:
        """Return how much the truth has of each class, ``(C,)``: pixels, or boxes."""


class PixelAgreement(Agreement):
    """Of segmentation.

    Args:
        counts: of each picture, as :func:`counts_of` gives them.
        classes: how many there are; those beyond the largest in the counts occur nowhere.
    """

    def __init__(self, counts: Sequence[NDArray[np.int64]], classes: int) -> None:
        self._counts = np.zeros((len(counts), 3, classes))
        for row, found in zip(self._counts, counts, strict=True):
            row[:, : found.shape[1]] = found

    def figures(self, weights: Double) -> Sampled:
        """Return mIoU and pixel accuracy, and the IoU of each class."""
        summed = np.tensordot(weights, self._counts, axes=1)
        each = ious(summed)
        accuracy = over(summed[:, _HITS].sum(axis=1), summed[:, _TRUTH].sum(axis=1))
        return Sampled({"miou": mean_of_defined(each), "accuracy": accuracy}, each)

    def amounts(self) -> Double:
        """Return the pixels of each class in the truth."""
        return np.asarray(self._counts[:, _TRUTH].sum(axis=0))


class MaskAgreement(PixelAgreement):
    """Of masks: classes 0 and 1, of which only the second has a figure."""

    def __init__(self, counts: Sequence[NDArray[np.int64]]) -> None:
        super().__init__(counts, 2)

    def figures(self, weights: Double) -> Sampled:
        """Return the IoU of the mask and pixel accuracy."""
        both = super().figures(weights)
        return Sampled({"iou": both.classes[:, 1], "accuracy": both.figures["accuracy"]}, both.classes[:, 1:])

    def amounts(self) -> Double:
        """Return the pixels of the mask in the truth."""
        return super().amounts()[1:]


def counts_of(truth: ClassMap, seen: ClassMap) -> NDArray[np.int64]:
    """Return the diagonal, the row sums and the column sums of a confusion matrix, ``(3, C)``.

    They are all of it that IoU and accuracy need: pixels that are right, that the truth has of a class, and that are
    taken for it. C is one more than the largest class.

    Args:
        truth: ``(H, W)`` classes from 0; pixels below 0 count nowhere.
        seen: ``(H, W)`` classes from 0.

    Raises:
        EvaluationError: they differ in shape.
    """
    if truth.shape != seen.shape:
        raise EvaluationError(f"truth is {truth.shape} and what was seen {seen.shape}; give one size")
    kept = truth >= 0
    truth, seen = truth[kept], seen[kept]
    classes = int(max(truth.max(initial=-1), seen.max(initial=-1))) + 1
    return np.stack([np.bincount(part, minlength=classes) for part in (truth[truth == seen], truth, seen)])


def ious(counts: Double) -> Double:
    """Return intersection over union of each class, ``(B, C)`` of summed counts ``(B, 3, C)``.

    Classes that the truth has nothing of are NaN: which classes count then does not depend on who is measured, and
    what is wrongly taken for one of them is missing in another.
    """
    hits, truth, seen = counts[:, _HITS], counts[:, _TRUTH], counts[:, _SEEN]
    return np.where(truth > 0, over(hits, truth + seen - hits), np.nan)


def mean_of_defined(values: Double) -> Double:
    """Return the mean over the last axis of what is not NaN; NaN where all are."""
    defined = ~np.isnan(values)
    return over(np.where(defined, values, 0).sum(axis=-1), defined.sum(axis=-1))


def over(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Double:
    """Divide; NaN where there is nothing to divide by."""
    above, below = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


def resamples_of(pictures: int, count: int, seed: int) -> Double:
    """Return how often each picture is drawn in ``count`` bootstrap resamples, ``(count, pictures)``."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(pictures, np.full(pictures, 1 / pictures), size=count).astype(np.float64)


def interval(value: float, sampled: Double, pictures: int, undefined: int = 0) -> Interval:
    """Return a figure of a set with its 95 % interval.

    Args:
        value: of the set itself, which becomes ``mean``.
        sampled: of the resamples; those where it is NaN are left out.
        pictures: in the set; fewer than two have no interval.
        undefined: pictures that have nothing to measure.
    """
    defined = sampled[~np.isnan(sampled)]
    enough = pictures > 1 and defined.size and not np.isnan(value)
    low, high = np.percentile(defined, _ENDS).tolist() if enough else (float("nan"),) * 2
    return Interval(float(value), low, high, pictures - undefined, undefined)


def word_for(difference: Interval) -> Word:
    """Say what a difference means, better being above 0; of fewer than six pictures with something to find, nothing."""
    if np.isnan(difference.low) or difference.count < LEAST_PICTURES:
        return "cannot be told"
    if difference.low > 0:
        return "helps"
    return "makes it worse" if difference.high < 0 else "makes no difference that can be told"
