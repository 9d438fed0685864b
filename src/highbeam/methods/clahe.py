"""Contrast-limited adaptive histogram equalisation of the lightness.

The picture is divided into tiles; each tile's histogram of lightness is clipped, what was cut off is spread evenly over
all levels, and its running sum becomes that tile's mapping; a pixel's mapping is interpolated between the four tiles
around it. Source: A. M. Reza, "Realization of the Contrast Limited Adaptive Histogram Equalization (CLAHE) for
Real-Time Image Enhancement", J. VLSI Signal Processing 38, 2004, sec. 3.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.methods.base import Float, Pixels, from_unit, to_unit

__all__ = ["ClaheOptions", "clahe", "equalize"]

_CONVERSIONS = {
    "lab": (cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB),
    "hsv": (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB),
    "hls": (cv2.COLOR_RGB2HLS, cv2.COLOR_HLS2RGB),
    "ycrcb": (cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB),
}
_LIGHTNESS = {"lab": 0, "hsv": 2, "hls": 1, "ycrcb": 0}
_WHITE = {"lab": 100.0, "hsv": 1.0, "hls": 1.0, "ycrcb": 1.0}
"""Lightness of white where the channels are ``float32``."""

_BINS = 256


@dataclass(frozen=True)
class ClaheOptions:
    """Options of CLAHE."""

    clip_limit: Annotated[
        float, Field(ge=1, le=100, description="largest histogram bin, multiples of the mean bin")
    ] = 2.0
    tiles: Annotated[int, Field(ge=1, le=64, description="tiles along each side")] = 8
    space: Annotated[
        Literal["lab", "hsv", "hls", "ycrcb"], Field(description="colour space whose lightness is equalised")
    ] = "lab"


def clahe(pixels: Pixels, options: ClaheOptions) -> Pixels:
    """Equalise the lightness, with histograms of 256 bins for every dtype.

    ``uint8`` goes through OpenCV. Deeper pictures keep their depth: the same mappings are interpolated between bins.
    (OpenCV's own 16-bit mode counts on 65,536 bins, of which a tile fills few: no bin reaches the limit, nothing is
    clipped, and the noise of dark frames is blown up.)
    """
    to, back = _CONVERSIONS[options.space]
    at = _LIGHTNESS[options.space]
    if pixels.dtype == np.uint8:
        planes = list(cv2.split(cv2.cvtColor(pixels, to)))
        side = (options.tiles, options.tiles)
        planes[at] = cv2.createCLAHE(clipLimit=options.clip_limit, tileGridSize=side).apply(planes[at])
        return np.asarray(cv2.cvtColor(cv2.merge(planes), back))
    planes = list(cv2.split(cv2.cvtColor(to_unit(pixels), to)))
    white = np.float32(_WHITE[options.space])
    planes[at] = equalize(planes[at] / white, options.clip_limit, options.tiles) * white
    return from_unit(np.asarray(cv2.cvtColor(cv2.merge(planes), back)), pixels)


def equalize(lightness: Float, clip_limit: float, tiles: int) -> Float:
    """CLAHE of one channel without quantising it.

    Args:
        lightness: ``(H, W)`` ``float32`` in [0, 1].
        clip_limit: largest bin of a tile's histogram, in multiples of its mean bin.
        tiles: tiles along each side.

    Returns:
        ``(H, W)`` ``float32`` in [0, 1].
    """
    height, width = lightness.shape
    maps = _tile_maps(lightness, clip_limit, tiles)
    level = np.clip(lightness, 0.0, 1.0) * np.float32(_BINS - 1)
    low = np.minimum(level.astype(np.int32), _BINS - 2)
    share = level - low
    top, down = _between_tiles(height, tiles)
    left, across = _between_tiles(width, tiles)
    out = np.zeros_like(lightness)
    for row, row_weight in ((top, 1.0 - down), (np.minimum(top + 1, tiles - 1), down)):
        for column, column_weight in ((left, 1.0 - across), (np.minimum(left + 1, tiles - 1), across)):
            at = (row[:, None] * tiles + column[None, :]) * _BINS + low
            mapped = maps[at] * (1.0 - share) + maps[at + 1] * share
            out += np.outer(row_weight, column_weight).astype(np.float32) * mapped
    return out


def _tile_maps(lightness: Float, clip_limit: float, tiles: int) -> Float:
    """Return each tile's mapping from bin to [0, 1], one after the other, ``(tiles * tiles * 256,)``."""
    height, width = (math.ceil(side / tiles) for side in lightness.shape)
    border = (0, height * tiles - lightness.shape[0], 0, width * tiles - lightness.shape[1])
    padded = cv2.copyMakeBorder(lightness, *border, cv2.BORDER_REFLECT_101)
    level = np.rint(np.clip(padded, 0.0, 1.0) * (_BINS - 1)).astype(np.int64)
    tile = np.arange(tiles)
    which = np.repeat(tile, height)[:, None] * tiles + np.repeat(tile, width)[None, :]
    counts = np.bincount((which * _BINS + level).ravel(), minlength=tiles * tiles * _BINS).reshape(-1, _BINS)
    limit = max(1, int(clip_limit * height * width / _BINS))  # whole pixels, as OpenCV counts them
    clipped = np.minimum(counts, limit)
    spread = clipped + (counts - clipped).sum(axis=1, keepdims=True) / _BINS
    return np.asarray(np.cumsum(spread, axis=1) / (height * width), np.float32).ravel()


def _between_tiles(side: int, tiles: int) -> tuple[NDArray[np.int64], Float]:
    """Return for each pixel the tile whose centre lies before it, and how far it is to the next one, in [0, 1]."""
    position = (np.arange(side) + 0.5) / math.ceil(side / tiles) - 0.5
    inside = np.clip(position, 0.0, tiles - 1.0)
    before = np.minimum(inside.astype(np.int64), tiles - 1)
    return before, (inside - before).astype(np.float32)
