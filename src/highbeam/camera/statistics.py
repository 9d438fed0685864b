"""What tells night pictures apart, as one number per picture and axis.

All take ``(H, W, 3)`` ``uint8`` RGB as stored, because that is what a network meets.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["STATISTICS", "blacks", "blockiness", "blur", "brightness", "highlights", "noise", "saturation", "warmth"]

_SIDE = 16  # of the patches among which flat ones are sought
_FLAT_SHARE = 0.25
_BRIGHT, _BLACK = 250, 8
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def brightness(pixels: NDArray[np.uint8]) -> float:
    """Mean luma, 0 to 255."""
    return float(_luma(pixels).mean())


def blacks(pixels: NDArray[np.uint8]) -> float:
    """Share of pixels with a luma under 8, 0 to 1."""
    return float((_luma(pixels) < _BLACK).mean())


def highlights(pixels: NDArray[np.uint8]) -> float:
    """Share of pixels whose largest channel is at least 250, 0 to 1: lamps, and what they burn out."""
    return float((pixels.max(axis=2) >= _BRIGHT).mean())


def noise(pixels: NDArray[np.uint8]) -> float:
    """Standard deviation of the noise in luma levels: the Laplacian difference of Immerkaer 1996 over flat patches.

    Flat are the quarter of 16x16 patches with the smallest spread of means, among those that are neither black nor
    burnt out, where clipping would hide the noise; all of them where there is none.
    """
    luma = _luma(pixels)
    response = np.abs(cv2.filter2D(luma, cv2.CV_32F, _IMMERKAER, borderType=cv2.BORDER_REFLECT_101))
    level, local = _patches(luma).mean(axis=1), _patches(response).mean(axis=1)
    smooth = cv2.GaussianBlur(luma, (0, 0), 2.0)
    structure = _patches(smooth).std(axis=1)
    usable = (level > _BLACK) & (level < _BRIGHT - 50)
    if not usable.any():
        usable = np.ones_like(usable)
    limit = np.quantile(structure[usable], _FLAT_SHARE)
    return float(np.median(local[usable & (structure <= limit)]) * np.sqrt(np.pi / 2.0) / 6.0)


def blur(pixels: NDArray[np.uint8]) -> float:
    """Perceived blur, 0 (sharp) to 1: how little a further blur takes away (Crete et al., SPIE 6492, 2007)."""
    luma = _luma(pixels)
    return max((share for axis in (0, 1) if (share := _blur_along(luma, axis)) is not None), default=1.0)


def blockiness(pixels: NDArray[np.uint8]) -> float:
    """Mean step of luma across the borders of 8x8 blocks over that within them, in the darker half; 1 without blocks.

    After Wang, Bovik and Evans, ICIP 2000, in the picture's own domain.
    """
    luma = _luma(pixels)
    dark = luma <= np.median(luma)
    across, within = zip(_steps(luma, dark), _steps(luma.T, dark.T), strict=True)
    return float((np.sum(across) + 0.05) / (np.sum(within) + 0.05))


def warmth(pixels: NDArray[np.uint8]) -> float:
    """Mean red less mean blue over their sum with green, -1 to 1: sodium light is above 0, twilight below."""
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0).tolist()
    return float((red - blue) / max(red + green + blue, 1e-3))


def saturation(pixels: NDArray[np.uint8]) -> float:
    """Mean distance between the largest and the smallest channel over the mean of the largest, 0 to 1."""
    high, low = pixels.max(axis=2), pixels.min(axis=2)
    return float((high - low).mean() / max(float(high.mean()), 1e-3))


STATISTICS: MappingProxyType[str, Callable[[NDArray[np.uint8]], float]] = MappingProxyType(
    {
        "brightness": brightness,
        "blacks": blacks,
        "highlights": highlights,
        "noise": noise,
        "blur": blur,
        "blockiness": blockiness,
        "warmth": warmth,
        "saturation": saturation,
    }
)
"""The statistics by name, in the order of the report."""


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def _patches(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut into ``(patches, 256)``; a plane smaller than a patch is one."""
    height, width = (size // _SIDE for size in plane.shape)
    if height == 0 or width == 0:
        return plane.reshape(1, -1)
    whole = plane[: height * _SIDE, : width * _SIDE].reshape(height, _SIDE, width, _SIDE)
    return whole.transpose(0, 2, 1, 3).reshape(height * width, -1)


def _blur_along(luma: NDArray[np.float32], axis: int) -> float | None:
    """Section 3 of the paper along one axis: the share of neighbouring differences that survives a nine-tap mean."""
    kernel = (1, 9) if axis == 0 else (9, 1)  # OpenCV wants the width first
    blurred = cv2.blur(luma, kernel)
    before, after = np.abs(np.diff(luma, axis=axis)), np.abs(np.diff(blurred, axis=axis))
    total = float(before.sum())
    lost = float(np.maximum(before - after, 0.0).sum())
    return None if total == 0.0 else (total - lost) / total


def _steps(luma: NDArray[np.float32], chosen: NDArray[np.bool_]) -> tuple[float, float]:
    """Mean absolute step between columns across block borders, and within blocks, among the chosen pixels."""
    steps = np.abs(np.diff(luma, axis=1))
    both = chosen[:, 1:] & chosen[:, :-1]
    border = np.arange(1, luma.shape[1]) % 8 == 0
    return _mean(steps, both & border), _mean(steps, both & ~border)


def _mean(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0
