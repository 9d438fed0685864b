"""Contrast-limited adaptive histogram equalisation of the lightness.

The picture is divided into tiles; each tile's histogram of lightness is clipped, what was cut off is spread evenly over
all levels, and its running sum becomes that tile's mapping; a pixel's mapping is interpolated between the four tiles
around it. Source: A. M. Reza, "Realization of the Contrast Limited Adaptive Histogram Equalization (CLAHE) for
Real-Time Image Enhancement", J. VLSI Signal Processing 38, 2004, sec. 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.methods.base import Float, Pixels, Statistics, from_unit, to_unit

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
_SMALL = 0.01  # change of mappings: a picture is dark, and few of their bins have to do with it
_MOST_ROWS = 32_000  # OpenCV draws from nothing larger


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


def clahe(pixels: Pixels, options: ClaheOptions, statistics: Statistics | None = None) -> Pixels:
    """Equalise the lightness, with histograms of 256 bins for every dtype.

    ``uint8`` goes through OpenCV. Deeper pictures keep their depth: the same mappings are interpolated between bins.
    (OpenCV's own 16-bit mode counts on 65,536 bins, of which a tile fills few: no bin reaches the limit, nothing is
    clipped, and the noise of dark frames is blown up.) ``statistics`` holds the tiles' mappings over the frames of a
    video.
    """
    to, back = _CONVERSIONS[options.space]
    at = _LIGHTNESS[options.space]
    if pixels.dtype == np.uint8:
        planes = list(cv2.split(cv2.cvtColor(pixels, to)))
        planes[at] = _equalize_bytes(planes[at], options, statistics)
        return np.asarray(cv2.cvtColor(cv2.merge(planes), back))
    planes = list(cv2.split(cv2.cvtColor(to_unit(pixels), to)))
    white = np.float32(_WHITE[options.space])
    planes[at] = equalize(planes[at] / white, options.clip_limit, options.tiles, statistics) * white
    return from_unit(np.asarray(cv2.cvtColor(cv2.merge(planes), back)), pixels)


def equalize(lightness: Float, clip_limit: float, tiles: int, statistics: Statistics | None = None) -> Float:
    """CLAHE of one channel without quantising it.

    Args:
        lightness: ``(H, W)`` ``float32`` in [0, 1].
        clip_limit: largest bin of a tile's histogram, in multiples of its mean bin.
        tiles: tiles along each side.
        statistics: holds the tiles' mappings over the frames of a video.

    Returns:
        ``(H, W)`` ``float32`` in [0, 1].
    """
    height, width = lightness.shape
    maps = _settled(lightness, clip_limit, tiles, statistics)
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


def _equalize_bytes(plane: Pixels, options: ClaheOptions, statistics: Statistics | None) -> Pixels:
    side = (options.tiles, options.tiles)
    if statistics is None:
        return np.asarray(cv2.createCLAHE(clipLimit=options.clip_limit, tileGridSize=side).apply(plane))
    maps = _settled(plane * np.float32(1.0 / (_BINS - 1)), options.clip_limit, options.tiles, statistics)
    return _look_up(plane, maps.reshape(options.tiles, options.tiles, _BINS))


def _settled(lightness: Float, clip_limit: float, tiles: int, statistics: Statistics | None) -> Float:
    """Return the mappings, or what is held of them: OpenCV's at every depth, so that a frame may change its own."""
    if statistics is None:
        return _tile_maps(lightness, clip_limit, tiles, _evenly)
    maps = _tile_maps(lightness, clip_limit, tiles, _as_opencv)
    return statistics.settle("tiles", maps.astype(np.float64), _SMALL).astype(np.float32)


def _look_up(plane: Pixels, maps: Float) -> Pixels:
    """Map ``(H, W)`` ``uint8`` by mappings ``(T, T, 256)`` to [0, 1], interpolated between tiles.

    The mappings are brought to each row first; then one drawing from them interpolates along the rows.
    """
    height, width = plane.shape
    tiles = len(maps)
    (top, down), (left, across) = (_between_tiles(side, tiles) for side in (height, width))
    place = left.astype(np.float32) + across
    share = down[:, None, None]
    out = np.empty_like(plane)
    step = max(1, _MOST_ROWS // tiles)
    for first in range(0, height, step):
        rows = slice(first, first + step)
        below = np.minimum(top[rows] + 1, tiles - 1)
        own = maps[top[rows]] * (1.0 - share[rows]) + maps[below] * share[rows]
        at = np.arange(len(own), dtype=np.float32)[:, None] * tiles + place
        atlas = np.float32(_BINS - 1) * own.reshape(-1, _BINS)
        drawn = cv2.remap(atlas, plane[rows].astype(np.float32), at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[rows] = np.rint(drawn)
    return out


def _tile_maps(
    lightness: Float, clip_limit: float, tiles: int, spread: Callable[[NDArray[np.int64]], NDArray[Any]]
) -> Float:
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
    filled = clipped + spread((counts - clipped).sum(axis=1, keepdims=True))
    return np.asarray(np.cumsum(filled, axis=1) / (height * width), np.float32).ravel()


def _evenly(excess: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share out among the bins what was cut off, ``(T, 1)``."""
    return np.asarray(excess / _BINS)


def _as_opencv(excess: NDArray[np.int64]) -> NDArray[np.int64]:
    """Share out whole pixels as OpenCV does: the rest goes to every so many-th bin, from the darkest on."""
    each, rest = np.divmod(excess, _BINS)
    step = np.maximum(_BINS // np.maximum(rest, 1), 1)
    bins = np.arange(_BINS)
    return np.asarray(each + ((bins % step == 0) & (bins // step < rest)))


def _between_tiles(side: int, tiles: int) -> tuple[NDArray[np.int64], Float]:
    """Return for each pixel the tile whose centre lies before it, and how far it is to the next one, in [0, 1]."""
    position = (np.arange(side) + 0.5) / math.ceil(side / tiles) - 0.5
    inside = np.clip(position, 0.0, tiles - 1.0)
    before = np.minimum(inside.astype(np.int64), tiles - 1)
    return before, (inside - before).astype(np.float32)
