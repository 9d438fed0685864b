"""Boxes that a detector found, or that labels tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.evaluation.perception.config import PerceptionConfig

__all__ = ["Boxes", "suppress"]


@dataclass(frozen=True)
class Boxes:
    """What a detector found in one picture.

    Attributes:
        corners: ``(M, 4)`` float64: x0, y0, x1, y1; pixel (i, j) reaches from j to j + 1 and from i to i + 1.
        scores: ``(M,)`` float64.
        classes: ``(M,)`` int64.
        crowd: ``(M,)``, regions of labels where boxes are neither right nor wrong; None for none.
    """

    corners: NDArray[np.float64]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64]
    crowd: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, kept: NDArray[Any]) -> Boxes:
        """Return the boxes of an index or a mask."""
        crowd = None if self.crowd is None else self.crowd[kept]
        return Boxes(self.corners[kept], self.scores[kept], self.classes[kept], crowd)


def suppress(boxes: Boxes, config: PerceptionConfig, *, nms: bool) -> Boxes:
    """Drop boxes below the floor and, if asked, of two overlapping ones the weaker; the strongest come first."""
    boxes = boxes.only(np.flatnonzero(boxes.scores >= config.floor))
    boxes = boxes.only(np.argsort(-boxes.scores, kind="stable"))
    if nms and len(boxes):
        corners, classes = boxes.corners, boxes.classes.tolist()
        sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
        kept = cv2.dnn.NMSBoxesBatched(sides, boxes.scores.tolist(), classes, 0.0, config.nms_iou)
        boxes = boxes.only(np.sort(np.asarray(kept, np.intp).ravel()))
    return boxes.only(np.arange(min(len(boxes), config.most)))
