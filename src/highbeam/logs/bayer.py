"""Colours from a mosaic of filters before a sensor, and back.

The colours that a pixel lacks are the means of its neighbours that have them. Those that it has stay exactly, also at
the borders, which OpenCV's own functions copy from the next row: so a mosaic that is made of the colours again is the
one that they were made of.

Source: bilinear interpolation, as in Malvar, He, Cutler: High-quality linear interpolation for demosaicing of
Bayer-patterned color images. ICASSP 2004, section 1.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["demosaiced", "mosaicked"]

_GREEN = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_OTHERS = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
_CHANNELS = "rgb"


def demosaiced(mosaic: NDArray[Any], pattern: str) -> NDArray[Any]:
    """Return the colours of a mosaic.

    Args:
        mosaic: ``(H, W)``, ``uint8`` or ``uint16``.
        pattern: the filters of the first two pixels and of those below, such as ``rggb``.

    Returns:
        ``(H, W, 3)`` RGB of the same dtype; grey where there is but one row or column.
    """
    if min(mosaic.shape) == 1:
        return np.repeat(mosaic[..., np.newaxis], 3, axis=-1)
    planes = [np.zeros(mosaic.shape, np.float32) for _ in _CHANNELS]
    for number, (row, column) in _sites(pattern):
        planes[number][row::2, column::2] = mosaic[row::2, column::2]
    kernels = (_OTHERS, _GREEN, _OTHERS)
    full = [
        cv2.filter2D(plane, -1, kernel, borderType=cv2.BORDER_REFLECT_101)  # mirrored there, the pattern goes on
        for plane, kernel in zip(planes, kernels, strict=True)
    ]
    colours: NDArray[Any] = np.rint(np.stack(full, axis=-1)).astype(mosaic.dtype)
    return colours


def mosaicked(pixels: NDArray[Any], pattern: str) -> NDArray[Any]:
    """Return the mosaic of a picture: of each pixel the colour of its filter.

    Args:
        pixels: ``(H, W, 3)`` RGB.
        pattern: as for :func:`demosaiced`.

    Returns:
        ``(H, W)`` of the same dtype.
    """
    mosaic = np.empty(pixels.shape[:2], pixels.dtype)
    for number, (row, column) in _sites(pattern):
        mosaic[row::2, column::2] = pixels[row::2, column::2, number]
    return mosaic


def _sites(pattern: str) -> list[tuple[int, tuple[int, int]]]:
    return [(_CHANNELS.index(colour), divmod(at, 2)) for at, colour in enumerate(pattern)]
