"""Which parts of a picture to look at closely: where an enhancement revealed what the dark had hidden."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from highbeam.errors import UsageError
from highbeam.methods.base import Float, Pixels, largest_channel, to_unit

__all__ = ["Box", "choose_crops", "crop_size"]

_WORK = 480
"""Longer side, in pixels, at which crops are looked for."""

_WINDOW = 9
"""Side of the window of local contrast at that size, pixels."""

_DARK = 0.30
"""Largest channel, share of white, from which a region does not count as dark."""

_LAMP = 0.75
"""Largest channel, share of white, from which a pixel counts as a lamp."""

_NOISE = 0.01
"""Local contrast of the dark picture, share of white, at which it is half detail and half noise or compression."""

_SHARE = 0.22
"""Longer side of a crop as a share of the picture's side along it."""


@dataclass(frozen=True)
class Box:
    """A part of a picture, in pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    def check_inside(self, width: int, height: int, name: str) -> None:
        """Refuse a box that does not lie in a picture of this size.

        Raises:
            UsageError: it is empty or leaves the picture; names the picture.
        """
        if (
            min(self.width, self.height) < 1
            or min(self.x, self.y) < 0
            or self.x + self.width > width
            or self.y + self.height > height
        ):
            crop = f"{self.x},{self.y},{self.width},{self.height}"
            raise UsageError(f"crop {crop} (x,y,width,height) does not lie in {name}, which is {width} x {height}")


def choose_crops(before: Pixels, after: Sequence[Pixels], count: int) -> tuple[Box, ...]:
    """Choose crops where the enhanced versions show most detail that the dark picture hid.

    A place counts by the local contrast (standard deviation of the smoothed lightness) that it gained, averaged over
    the versions, weighted by how dark it was, by how much contrast it had at all (what comes from nothing is noise)
    and by how central it lies; lamps and their surroundings count against a crop. Crops do not overlap.

    Args:
        before: the dark picture, ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32``.
        after: its enhanced versions, of the same shape.
        count: how many crops; fewer come back where a picture is too small for so many, none without a version.

    Returns:
        The best crops, in order from left to right.
    """
    if count == 0 or not after:
        return ()
    height, width = before.shape[:2]
    scale = min(1.0, _WORK / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    score = _score(_small(before, size), [_small(version, size) for version in after])
    box_width, box_height = crop_size(width, height, count)
    # a pixel more than needed, so that crops apart at this size are apart at full size whatever the rounding
    window = (min(size[0], math.ceil(box_width * scale) + 1), min(size[1], math.ceil(box_height * scale) + 1))
    places = _best_places(score, window, count)
    boxes = [
        Box(min(round(x / scale), width - box_width), min(round(y / scale), height - box_height), box_width, box_height)
        for x, y in places
    ]
    return tuple(sorted(boxes, key=lambda box: (box.x, box.y)))


def crop_size(width: int, height: int, count: int) -> tuple[int, int]:
    """Width and height of a crop: wide where one fills the column, squarer where several share it."""
    ratio = {1: 2.0, 2: 4.0 / 3.0}.get(count, 1.0)
    across = _SHARE * width if count < 4 else 0.8 * _SHARE * width  # noqa: PLR2004 - more crops, smaller ones
    across = min(across, 0.6 * height * ratio)
    return max(1, round(across)), max(1, round(across / ratio))


def _small(pixels: Pixels, size: tuple[int, int]) -> Float:
    """Return the largest channel at the working size, ``(h, w)`` in [0, 1]."""
    shrunk = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return largest_channel(to_unit(shrunk))


def _score(before: Float, after: Sequence[Float]) -> Float:
    """Return the detail revealed at each pixel; negative on lamps."""
    had = _contrast(before)
    gained = np.mean([np.maximum(_contrast(version) - had, 0.0) for version in after], axis=0)
    real = np.square(had) / (np.square(had) + _NOISE**2)
    dark = np.clip(1.0 - cv2.GaussianBlur(before, (0, 0), _WINDOW) / _DARK, 0.0, 1.0)
    lamp = cv2.dilate((before > _LAMP).astype(np.float32), np.ones((_WINDOW, _WINDOW), np.uint8))
    revealed = gained * real * _centrality(before.shape) * (dark * (1.0 - lamp) + 1e-3)
    return np.asarray(revealed - 0.1 * lamp, dtype=np.float32)


def _centrality(shape: tuple[int, ...]) -> Float:
    """Return a weight that falls from 1 at the centre to 0 in the corners: edges show sky, bonnet and dashboard."""
    down, across = (1.0 - np.linspace(-1.0, 1.0, side + 2, dtype=np.float32)[1:-1] ** 2 for side in shape)
    return np.asarray(np.multiply.outer(down, np.sqrt(across)), dtype=np.float32)


def _contrast(lightness: Float) -> Float:
    """Local standard deviation, after a blur that takes noise away but leaves shapes."""
    smooth = cv2.GaussianBlur(lightness, (0, 0), 1.5)
    mean = cv2.boxFilter(smooth, -1, (_WINDOW, _WINDOW))
    square = cv2.boxFilter(np.square(smooth), -1, (_WINDOW, _WINDOW))
    return np.asarray(np.sqrt(np.maximum(square - np.square(mean), 0.0)))


def _best_places(score: Float, window: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Top-left corners of the windows with the largest mean score, best first, none overlapping another."""
    width, height = window
    total = cv2.integral(score)
    mean = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    places: list[tuple[int, int]] = []
    while len(places) < count and np.isfinite(mean).any():
        y, x = (int(i) for i in np.unravel_index(int(np.argmax(mean)), mean.shape))
        places.append((x, y))
        mean[max(0, y - height + 1) : y + height, max(0, x - width + 1) : x + width] = -np.inf
    return places
