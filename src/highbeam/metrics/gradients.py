"""Full-reference metric of edges: gradient magnitude similarity deviation."""

from __future__ import annotations

import cv2
import numpy as np

from highbeam.methods.base import Pixels
from highbeam.metrics.base import Double, block_means, check_pair, check_sides, luma

__all__ = ["gmsd"]

_C = 170.0 / 255.0**2  # the paper's constant is for white at 255
_SIDE = 6  # the least that leaves one place for the 3 x 3 kernel at half the size


def gmsd(pixels: Pixels, reference: Pixels) -> float:
    """Deviation of gradient magnitude similarity: how unevenly edges were lost or made.

    W. Xue, L. Zhang, X. Mou, A. C. Bovik, "Gradient magnitude similarity deviation: a highly efficient perceptual image
    quality index", IEEE TIP 23(2), 2014, eq. 1 to 6: luma averaged over 2 x 2 pixels and halved, Prewitt gradients,
    c = 170 for white at 255. Taken where the whole kernel fits; the authors' software pads with zeros, which adds the
    same edge around both.

    Returns:
        A pure number, from 0 to 0.5, lower is better: the standard deviation over the picture of a similarity in
        (0, 1]; 0 for equal pictures.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype, or a side below 6 pixels.
    """
    check_pair(pixels, reference)
    check_sides(pixels, _SIDE, "GMSD")
    x, y = _magnitude(block_means(luma(pixels), 2)), _magnitude(block_means(luma(reference), 2))
    return float(np.std((2.0 * x * y + _C) / (x * x + y * y + _C)))


def _magnitude(values: Double) -> Double:
    kernel = np.repeat([[1.0, 0.0, -1.0]], 3, axis=0) / 3.0
    across, down = (np.asarray(cv2.filter2D(values, cv2.CV_64F, k))[1:-1, 1:-1] for k in (kernel, kernel.T))
    return np.asarray(np.sqrt(across * across + down * down))
