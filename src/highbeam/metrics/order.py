"""Input-output metric of naturalness: how often enhancement turns round which of two places is the lighter."""

from __future__ import annotations

import cv2
import numpy as np

from highbeam.methods.base import Pixels, largest_channel
from highbeam.metrics.base import Double, check_pair, to_double

__all__ = ["loe"]

_SIDE = 50
_EQUAL = 1e-6  # so that places that are equally light are so in each dtype
_BAND = 512


def loe(output: Pixels, source: Pixels) -> float:
    """Lightness order error: with how many places, in the mean over all places, the order of lightness has changed.

    S. Wang, J. Zheng, H.-M. Hu, B. Li, "Naturalness preserved enhancement algorithm for non-uniform illumination
    images", IEEE TIP 22(9), 2013. Lightness is max(R, G, B); of two places the order is kept where
    ``a >= b`` says the same of both pictures.

    Downsampling decides the figure. Here both lightnesses are averaged over areas to a grid whose shorter side has 50
    places (smaller pictures are taken as they are), and what differs by less than a millionth of white is equal.
    Software that samples points, takes local maxima or rounds to 8 bits gives other figures, so compare none across
    papers.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``.
        source: the dark input, of the same shape and dtype.

    Returns:
        Places, from 0 to infinity, lower is better: 0 for a kept order, and always less than their number, which is
        50 x 89 for 1280 x 720.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    check_pair(output, source)
    x, y = _lightness(output), _lightness(source)
    wrong = 0
    for k in range(0, x.size, _BAND):  # all at once would take gigabytes for a wide panorama
        at = slice(k, k + _BAND)
        wrong += int(np.count_nonzero((x[at, None] >= x - _EQUAL) ^ (y[at, None] >= y - _EQUAL)))
    return wrong / x.size


def _lightness(pixels: Pixels) -> Double:
    largest = to_double(largest_channel(pixels))
    height, width = largest.shape
    ratio = _SIDE / min(height, width)
    if ratio < 1.0:
        largest = np.asarray(
            cv2.resize(largest, (round(width * ratio), round(height * ratio)), None, 0, 0, cv2.INTER_AREA)
        )
    return largest.ravel()
