"""Exposure fusion with a camera response model (Ying et al. 2017).

A second, brighter exposure of the picture is synthesised and fused with it where the scene is dark:

- camera response       g(P, k) = e^(b (1 - k^a)) P^(k^a), a = -0.3293, b = 1.1258        (eq. 9)
- weight                W = T^mu, mu = 1/2, T the illumination map                        (eq. 4)
- exposure ratio        k = argmax H(g(B, k)) over under-exposed pixels, T < 1/2, with B the geometric mean of their
                        channels and H the entropy of B's 8-bit histogram                 (eq. 10 to 12)
- fusion                R = W P + (1 - W) g(P, k)                                         (eq. 2)

Source: Z. Ying, G. Li, Y. Ren, R. Wang, W. Wang, "A New Image Contrast Enhancement Algorithm Using Exposure Fusion
Framework", CAIP 2017. The response model's constants come from the DoRF database of Grossberg and Nayar (2004).
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.methods.base import Float, Pixels, Statistics, from_unit, full_scale, largest_channel, to_unit
from highbeam.methods.illumination import illumination_map

__all__ = ["ExposureFusionOptions", "camera_response", "exposure_fusion", "exposure_ratio"]

_A, _B = -0.3293, 1.1258
_UNDER_EXPOSED = 0.5
_LEVELS = 2**20
"""Levels on which B is counted, so fine that quantising twice does not move the maximum."""

_RATIO_STEP = 0.025


@dataclass(frozen=True)
class ExposureFusionOptions:
    """Options of exposure fusion."""

    mu: Annotated[float, Field(gt=0, le=2, description="exponent of the weight; larger enhances more; no unit")] = 0.5
    smoothness: Annotated[float, Field(gt=0, le=10, description="lambda of the illumination map; no unit")] = 0.5
    max_ratio: Annotated[float, Field(ge=1, le=50, description="largest exposure ratio searched; no unit")] = 7.0
    ratio: Annotated[
        float | None, Field(ge=1, le=50, description="fixed exposure ratio instead of the search; no unit")
    ] = None


def exposure_fusion(pixels: Pixels, options: ExposureFusionOptions, statistics: Statistics | None = None) -> Pixels:
    """Fuse the picture with a synthetic brighter exposure of itself.

    Two ratios far apart can have nearly the same entropy, so that a little noise throws the choice over:
    ``statistics`` holds its logarithm over the frames of a video.
    """
    unit = to_unit(pixels)
    illumination = illumination_map(largest_channel(unit), options.smoothness)
    ratio = options.ratio or exposure_ratio(unit, illumination, options.max_ratio)
    if statistics is not None and options.ratio is None:
        ratio = float(np.exp(statistics.settle("log-ratio", np.log([ratio]))[0]))
    brighter = _expose(pixels, ratio)
    weight = cv2.merge([cv2.pow(illumination, options.mu)] * 3)
    return from_unit(np.asarray(cv2.add(brighter, cv2.multiply(weight, cv2.subtract(unit, brighter)))), pixels)


def exposure_ratio(unit: Float, illumination: Float, max_ratio: float) -> float:
    """Choose the exposure whose under-exposed pixels carry the most information.

    Args:
        unit: ``(H, W, 3)`` ``float32`` in [0, 1].
        illumination: ``(H, W)`` ``float32`` in [0, 1].
        max_ratio: end of the search, which starts at 1.

    Returns:
        The ratio with the largest entropy, in steps of 0.025, the smallest one of equals; 1 where nothing is
        under-exposed.
    """
    below = _under_exposed_below(unit, illumination)
    if below[-1] == 0.0:
        return 1.0
    ratios = np.arange(1.0, max_ratio + _RATIO_STEP / 2, _RATIO_STEP)
    return float(ratios[np.argmax(_entropies(below, ratios))])


def camera_response(value: NDArray[np.floating], ratio: float) -> NDArray[np.floating]:
    """Predict what the camera would store at ``ratio`` times the exposure; in and out [0, 1], clipped."""
    power = ratio**_A
    return np.asarray(np.minimum(np.exp(_B * (1.0 - power)) * value**power, 1.0))


def _expose(pixels: Pixels, ratio: float) -> Float:
    """Apply the camera response, through a table where the pixels are integers."""
    if pixels.dtype == np.float32:
        return camera_response(pixels, ratio).astype(np.float32)
    white = full_scale(pixels)
    table = camera_response(np.arange(white + 1.0) / white, ratio).astype(np.float32)
    return np.asarray(cv2.LUT(pixels, table)) if pixels.dtype == np.uint8 else table[pixels]


def _under_exposed_below(unit: Float, illumination: Float) -> NDArray[np.float64]:
    """Return how many under-exposed pixels have a geometric mean of channels below each of 2^20 levels."""
    red, green, blue = cv2.split(unit)
    mean = cv2.pow(cv2.multiply(cv2.multiply(red, green), blue), 1.0 / 3.0)
    dark = mean[illumination < np.float32(_UNDER_EXPOSED)]
    levels = (dark * np.float32(_LEVELS - 1) + np.float32(0.5)).astype(np.int32)
    return np.concatenate([[0.0], np.cumsum(np.bincount(levels, minlength=_LEVELS), dtype=np.float64)])


def _entropies(below: NDArray[np.float64], ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy in bits of the 8-bit histogram of g(B, k), for each ratio k.

    The 8-bit levels' borders are carried back through g instead of the pixels forward, so that a ratio costs 255
    look-ups in the running count, however large the picture.
    """
    power = ratios[:, None] ** _A
    borders = (np.arange(255) + 0.5) / 255.0
    at = (borders / np.exp(_B * (1.0 - power))) ** (1.0 / power)
    index = np.ceil(np.minimum(at, 1.0) * (_LEVELS - 1)).astype(np.int64) + (at > 1.0)
    ends = np.full((len(ratios), 1), below[-1])
    counts = np.diff(np.concatenate([np.zeros_like(ends), below[index], ends], axis=1), axis=1)
    share = counts / below[-1]
    return np.asarray(-(share * np.log2(np.where(share > 0.0, share, 1.0))).sum(axis=1))
