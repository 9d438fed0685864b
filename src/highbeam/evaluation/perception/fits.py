"""Whether outputs, as a file states them, may be laid out in some way: what is used where no adapter is named.

All of them take the outputs and how many classes are named, 0 for unknown. A side that is not fixed may be anything,
except where another side already is what it would have to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Port",
    "boxes_scores_labels",
    "class_map",
    "detr",
    "end_to_end",
    "logits_nchw",
    "logits_nhwc",
    "mask",
    "mask_two",
    "never",
    "yolov5",
    "yolov8",
]


@dataclass(frozen=True)
class Port:
    """An output as the file states it.

    Attributes:
        name: its own.
        shape: None for a side that is not fixed.
        integer: whether its values are whole numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    integer: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({', '.join('?' if side is None else str(side) for side in self.shape)})"


def never(_ports: Sequence[Port], _classes: int) -> bool:
    """Wait to be named."""
    return False


def _one(ports: Sequence[Port], rank: int) -> tuple[int | None, ...]:
    """Return the shape of the only output where it has so many axes; empty else."""
    return ports[0].shape if len(ports) == 1 and len(ports[0].shape) == rank else ()


def _may(side: int | None, wanted: int) -> bool:
    return side is None or side == wanted


def _tells(side: int | None, wanted: int, other: int | None, others: int) -> bool:
    """Tell whether a side is what it should be, or is not fixed while the other one is not what it would be."""
    return side == wanted or (side is None and other != others)


def logits_nchw(ports: Sequence[Port], classes: int) -> bool:
    """(N, C, H, W)."""
    shape = _one(ports, 4)
    if not shape or ports[0].integer:
        return False
    return _tells(shape[1], classes, shape[3], classes) if classes else not _classes_last(shape)


def logits_nhwc(ports: Sequence[Port], classes: int) -> bool:
    """(N, H, W, C)."""
    shape = _one(ports, 4)
    if not shape or ports[0].integer:
        return False
    if classes:
        return _tells(shape[3], classes, shape[1], classes)
    return _classes_last(shape) or (shape[1] is None and shape[3] is None)


def _classes_last(shape: tuple[int | None, ...]) -> bool:
    """Tell whether the last axis must be the classes: alone fixed, or shorter than what would be the rows."""
    if shape[1] is None or shape[3] is None:
        return shape[3] is not None
    return shape[3] < shape[1]


def class_map(ports: Sequence[Port], _classes: int) -> bool:
    """(N, H, W) or (N, 1, H, W) integers."""
    return ports[0].integer and _is_plane(ports)


def mask(ports: Sequence[Port], _classes: int) -> bool:
    """(N, H, W) or (N, 1, H, W) floats."""
    return not ports[0].integer and _is_plane(ports)


def _is_plane(ports: Sequence[Port]) -> bool:
    shape = _one(ports, 4)
    return bool(_one(ports, 3)) or (bool(shape) and _may(shape[1], 1))


def mask_two(ports: Sequence[Port], _classes: int) -> bool:
    """(N, 2, H, W)."""
    shape = _one(ports, 4)
    return bool(shape) and not ports[0].integer and _may(shape[1], 2)


def yolov5(ports: Sequence[Port], classes: int) -> bool:
    """(N, M, 5 + C)."""
    shape = _one(ports, 3)
    if not shape or not classes:
        return bool(shape) and not (shape[1] and shape[2] and shape[1] < shape[2])
    return _tells(shape[2], 5 + classes, shape[1], 4 + classes)


def yolov8(ports: Sequence[Port], classes: int) -> bool:
    """(N, 4 + C, M)."""
    shape = _one(ports, 3)
    if not shape or not classes:
        return bool(shape) and not (shape[1] and shape[2] and shape[1] > shape[2])
    return _tells(shape[1], 4 + classes, shape[2], 5 + classes)


def end_to_end(ports: Sequence[Port], classes: int) -> bool:
    """(N, M, 6)."""
    shape = _one(ports, 3)
    return bool(shape) and _tells(shape[2], 6, shape[1], 4 + classes)


def boxes_scores_labels(ports: Sequence[Port], _classes: int) -> bool:
    """(N, M, 4), (N, M) and (N, M), or each without N."""
    return [len(port.shape) for port in ports] in ([3, 2, 2], [2, 1, 1]) and _may(ports[0].shape[-1], 4)


def detr(ports: Sequence[Port], classes: int) -> bool:
    """(N, M, C + 1) and (N, M, 4)."""
    if [len(port.shape) for port in ports] != [3, 3]:
        return False
    return _may(ports[1].shape[2], 4) and (not classes or _may(ports[0].shape[2], classes + 1))
