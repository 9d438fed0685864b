"""Cutting crops of one size out of pictures of any size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from highbeam.datasets.decoding import Rgb

__all__ = ["Window", "central_window", "cut", "random_window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a picture that becomes a crop.

    Attributes:
        top: first row, pixels.
        left: first column.
        side: rows and columns; more than the crop has are averaged down to it.
        flipped: left and right are exchanged.
    """

    top: int
    left: int
    side: int
    flipped: bool = False


def random_window(
    rng: np.random.Generator, shape: tuple[int, ...], size: int, *, zoom: float = 1.0, flip: bool = True
) -> Window:
    """Draw a window.

    Args:
        rng: four numbers are drawn from it, whatever the arguments.
        shape: of the picture, height and width first.
        size: of the crop, pixels.
        zoom: the window's side is drawn from ``size`` to ``zoom * size``, as far as the picture reaches.
        flip: half of the windows are flipped.
    """
    draws = rng.random(4)
    height, width = shape[:2]
    widest = max(size, min(round(size * zoom), height, width))
    side = size + int(draws[0] * (widest - size + 1))
    top = int(draws[1] * (max(height - side, 0) + 1))
    left = int(draws[2] * (max(width - side, 0) + 1))
    return Window(top, left, side, flip and bool(draws[3] < 0.5))  # noqa: PLR2004 - half


def central_window(shape: tuple[int, ...], size: int) -> Window:
    """Return the window of the crop's own size in the middle of a picture."""
    height, width = shape[:2]
    return Window(max(height - size, 0) // 2, max(width - size, 0) // 2, size)


def cut(pixels: Rgb, window: Window, size: int) -> Rgb:
    """Return the crop ``(size, size, 3)`` of ``(H, W, 3)``; where the picture ends, it is mirrored."""
    height, width = pixels.shape[:2]
    down, right = max(0, window.side - height), max(0, window.side - width)
    if down or right:
        pixels = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="symmetric")
    crop = pixels[window.top : window.top + window.side, window.left : window.left + window.side]
    if window.side > size:
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return crop[:, ::-1] if window.flipped else crop
