"""From the arrays that a network gives to scores, masks and boxes: one function for each layout.

All of them take the outputs, the configuration, and height and width of the network's input, and hold the
number of axes against what they expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import EvaluationError
from highbeam.evaluation.perception.boxes import Boxes
from highbeam.evaluation.perception.config import PerceptionConfig

__all__ = [
    "class_map",
    "detr",
    "end_to_end",
    "logits_nchw",
    "logits_nhwc",
    "mask_logits",
    "mask_probabilities",
    "mask_two",
    "separate",
    "yolov5",
    "yolov8",
]

Array: TypeAlias = NDArray[Any]


def _rank(outputs: Sequence[Array], counts: tuple[int, ...], shapes: str) -> list[Array]:
    """Hold outputs against their numbers of axes, take off the batch where all have one, and return them."""
    ranks = tuple(array.ndim for array in outputs)
    if ranks != counts or any(array.shape[0] != 1 for array in outputs):
        got = ", ".join(str(array.shape) for array in outputs)
        raise EvaluationError(f"expected {shapes} with N = 1, the network gave {got}; choose another adapter")
    return [array[0] for array in outputs]


def logits_nchw(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Scores of segmentation ``(1, C, h, w)``."""
    return _rank(outputs, (4,), "(N, C, H, W)")[0]


def logits_nhwc(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Scores of segmentation ``(1, h, w, C)``."""
    return _rank(outputs, (4,), "(N, H, W, C)")[0].transpose(2, 0, 1)


def class_map(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Integers ``(1, h, w)`` or ``(1, 1, h, w)``."""
    plane = _plane(outputs, "integers (N, H, W) or (N, 1, H, W)")
    if not np.issubdtype(plane.dtype, np.integer):
        raise EvaluationError(f"expected integers, the network gave {plane.dtype}; choose another adapter")
    return plane


def _plane(outputs: Sequence[Array], shapes: str) -> Array:
    """Return the one plane ``(h, w)`` of ``(1, h, w)`` or ``(1, 1, h, w)``."""
    if len(outputs) == 1 and outputs[0].ndim == 4 and outputs[0].shape[1] == 1:  # noqa: PLR2004 - N, 1, H, W
        outputs = [outputs[0][:, 0]]
    return _rank(outputs, (3,), shapes)[0]


def mask_logits(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Logits ``(1, 1, h, w)`` or ``(1, h, w)``."""
    return _sigmoid(_plane(outputs, "(N, 1, H, W)"))


def mask_probabilities(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Probabilities ``(1, 1, h, w)`` or ``(1, h, w)``."""
    return np.asarray(_plane(outputs, "(N, 1, H, W)"), np.float64)


def mask_two(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Array:
    """Scores of no and yes ``(1, 2, h, w)``: the softmax of two is the sigmoid of their difference."""
    both = _rank(outputs, (4,), "(N, 2, H, W)")[0]
    if len(both) != 2:  # noqa: PLR2004 - yes and no
        raise EvaluationError(f"expected (N, 2, H, W), the network gave {outputs[0].shape}; choose another adapter")
    return _sigmoid(both[1].astype(np.float64) - both[0])


def _sigmoid(logits: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64))))


def _from_middles(rows: Array) -> NDArray[np.float64]:
    """Turn middle x, y, width, height into corners."""
    middle, half = np.asarray(rows[:, :2], np.float64), np.asarray(rows[:, 2:4], np.float64) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _best(corners: Array, scores: Array) -> Boxes:
    """Give each box the class ``(M, C)`` that scores highest."""
    classes = scores.argmax(axis=1).astype(np.int64) if scores.size else np.zeros(len(scores), np.int64)
    best = np.take_along_axis(scores, classes[:, None], axis=1)[:, 0] if scores.size else np.zeros(len(scores))
    return Boxes(np.asarray(corners, np.float64), np.asarray(best, np.float64), classes)


def _wide_enough(rows: Array, least: int, shapes: str) -> Array:
    if rows.shape[1] < least:
        raise EvaluationError(
            f"expected {shapes}, the network gave (1, {len(rows)}, {rows.shape[1]}); choose another adapter"
        )
    return rows


def yolov5(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Boxes:
    """Rows of x, y, width, height, objectness and C classes, ``(1, M, 5 + C)``; each box takes its best class."""
    rows = _wide_enough(_rank(outputs, (3,), "(N, M, 5 + C)")[0], 6, "(N, M, 5 + C)")
    return _best(_from_middles(rows), rows[:, 5:].astype(np.float64) * rows[:, 4:5])


def yolov8(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Boxes:
    """Columns of x, y, width, height and C classes, ``(1, 4 + C, M)``; each box takes its best class."""
    rows = _wide_enough(_rank(outputs, (3,), "(N, 4 + C, M)")[0].T, 5, "(N, 4 + C, M)")
    return _best(_from_middles(rows), rows[:, 4:].astype(np.float64))


def end_to_end(outputs: Sequence[Array], _config: PerceptionConfig, _size: tuple[int, int]) -> Boxes:
    """Rows of x0, y0, x1, y1, score, class, ``(1, M, 6)``."""
    rows = _wide_enough(_rank(outputs, (3,), "(N, M, 6)")[0], 6, "(N, M, 6)").astype(np.float64)
    return Boxes(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))


def separate(outputs: Sequence[Array], config: PerceptionConfig, size: tuple[int, int]) -> Boxes:
    """Boxes, scores and labels, with or without a batch of one."""
    shapes = "boxes (N, M, 4) or (M, 4), scores and labels (N, M) or (M)"
    if len(outputs) == 3 and outputs[0].ndim == 2:  # noqa: PLR2004 - torchvision drops the batch of one
        outputs = [array[None] for array in outputs]
    corners, scores, classes = _rank(outputs, (3, 2, 2), shapes)
    factor = np.array([size[1], size[0]] * 2) if config.box_units == "fractions" else 1.0
    corners = np.asarray(corners, np.float64) * factor
    return Boxes(corners, np.asarray(scores, np.float64), np.rint(classes).astype(np.int64))


def detr(outputs: Sequence[Array], _config: PerceptionConfig, size: tuple[int, int]) -> Boxes:
    """Logits ``(1, M, C + 1)``, the last for no object, and boxes ``(1, M, 4)`` in fractions of the sides."""
    logits, boxes = _rank(outputs, (3, 3), "logits (N, M, C + 1) and boxes (N, M, 4)")
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    chances = raised / raised.sum(axis=1, keepdims=True)
    return _best(_from_middles(boxes) * np.array([size[1], size[0]] * 2), chances[:, :-1])
