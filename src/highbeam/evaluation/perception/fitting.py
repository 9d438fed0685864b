"""From a picture to what a network takes, and from what it gives back to the picture's own pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.evaluation.perception.config import PerceptionConfig
from highbeam.methods.base import Pixels, to_unit

__all__ = ["ClassMap", "Placement", "best_class", "map_to_picture", "place", "prepare", "spread"]

ClassMap: TypeAlias = NDArray[np.int32]
_GREY = 114.0
"""What letterboxes are padded with, of 255: the convention that YOLO networks are trained with."""


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a network's input.

    Attributes:
        picture: height and width of the picture.
        net: height and width of the input.
        inner: height and width that the picture has in it.
        top: rows of padding above it.
        left: columns of padding beside it.
    """

    picture: tuple[int, int]
    net: tuple[int, int]
    inner: tuple[int, int]
    top: int
    left: int

    def boxes_to_picture(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bring boxes ``(M, 4)`` x0, y0, x1, y1 from pixels of the input to those of the picture, clipped to it."""
        (height, width), (high, wide) = self.picture, self.inner
        offset = np.array([self.left, self.top] * 2, np.float64)
        factor = np.array([width / wide, height / high] * 2)
        return np.asarray(np.clip((boxes - offset) * factor, 0, [width, height] * 2))


def place(picture: tuple[int, int], size: tuple[int, int] | None, config: PerceptionConfig) -> Placement:
    """Say where a picture goes.

    Args:
        picture: height and width.
        size: of the input; None for the picture's own, padded to multiples of the stride.
        config: whether to stretch.
    """
    height, width = picture
    stride = config.stride
    net = size or (-(-height // stride) * stride, -(-width // stride) * stride)
    if config.resize == "stretch":
        return Placement(picture, net, net, 0, 0)
    factor = min(net[0] / height, net[1] / width) if size else 1.0
    high, wide = (max(1, round(side * factor)) for side in picture)
    return Placement(picture, net, (high, wide), (net[0] - high) // 2, (net[1] - wide) // 2)


def prepare(pixels: Pixels, placement: Placement, config: PerceptionConfig, layout: str, dtype: str) -> NDArray[Any]:
    """Resize, pad and normalise a picture.

    Args:
        pixels: ``(H, W, 3)`` RGB, any dtype that methods take.
        placement: where it goes.
        config: order of channels and how to normalise.
        layout: ``nchw`` or ``nhwc``.
        dtype: what the network takes; ``uint8`` is fed levels as they are.

    Returns:
        ``(1, 3, h, w)`` or ``(1, h, w, 3)``, C order.
    """
    levels = to_unit(pixels) * np.float32(255)
    if levels.shape[:2] != placement.inner:
        levels = np.asarray(cv2.resize(levels, placement.inner[::-1], interpolation=cv2.INTER_LINEAR))
    whole = np.full((*placement.net, 3), _GREY, np.float32)
    (high, wide), top, left = placement.inner, placement.top, placement.left
    whole[top : top + high, left : left + wide] = levels
    if config.channels == "bgr":
        whole = whole[..., ::-1]
    if dtype == "uint8":
        fed = np.clip(np.rint(whole), 0, 255)
    else:
        scaled = whole * np.float32(1 / 255 if config.scale is None else config.scale)
        fed = (scaled - np.array(config.mean, np.float32)) / np.array(config.std, np.float32)
    return np.ascontiguousarray((fed.transpose(2, 0, 1) if layout == "nchw" else fed)[None], dtype)


def spread(plane: NDArray[Any], placement: Placement) -> NDArray[np.float32]:
    """Bring a plane of scores, of any resolution, over the whole input to the picture: ``(H, W)``, bilinear."""
    plane = np.ascontiguousarray(plane, np.float32)
    if plane.shape != placement.net:
        plane = np.asarray(cv2.resize(plane, placement.net[::-1], interpolation=cv2.INTER_LINEAR))
    inner = _inner(plane, placement)
    if placement.inner != placement.picture:
        inner = np.asarray(cv2.resize(inner, placement.picture[::-1], interpolation=cv2.INTER_LINEAR))
    return np.asarray(inner, np.float32)


def best_class(scores: NDArray[Any], placement: Placement) -> ClassMap:
    """Return which class has the highest score in each pixel of the picture, of scores ``(C, h, w)``; the first wins.

    Class by class, so that 150 classes of a large picture need no more memory than two.
    """
    best = spread(scores[0], placement)
    winner = np.zeros(placement.picture, np.int32)
    for index in range(1, len(scores)):
        plane = spread(scores[index], placement)
        above = plane > best
        winner[above] = index
        best = np.where(above, plane, best)
    return winner


def map_to_picture(classes: NDArray[Any], placement: Placement) -> ClassMap:
    """Bring a map of classes, of any resolution, over the whole input to the picture, by the nearest pixel."""
    classes = _nearest(np.asarray(classes, np.int32), placement.net)
    return _nearest(_inner(classes, placement), placement.picture)


def _inner(plane: NDArray[Any], placement: Placement) -> NDArray[Any]:
    (high, wide), top, left = placement.inner, placement.top, placement.left
    return np.ascontiguousarray(plane[top : top + high, left : left + wide])


def _nearest(plane: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """Take for each pixel the one whose area its centre lies in; OpenCV's own nearest takes corners."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp) for new, old in zip(size, plane.shape, strict=True)
    )
    return plane if plane.shape == size else np.ascontiguousarray(plane[rows[:, None], columns])
