"""Full-reference metrics: how near a picture is to the one it should be.

Both arrays are ``(H, W, 3)`` RGB of one dtype, as methods take them: ``uint8``, ``uint16`` or ``float32`` in [0, 1].
White, L below, is decided by the dtype: 255, 65535 or 1. All sums are made in ``float64``.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.errors import ArrayError
from highbeam.methods.base import Pixels, check_pixels, full_scale

__all__ = ["psnr", "ssim"]

_Double: TypeAlias = NDArray[np.float64]

_WINDOW = 11
_SIGMA = 1.5
_K1 = 0.01
_K2 = 0.03


def psnr(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio, 10 log10(L^2 / MSE), the mean squared error taken over all pixels and channels.

    Returns:
        Decibels; infinity where the two are equal.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    _check_pair(pixels, reference)
    error = float(np.mean(np.square(np.subtract(pixels, reference, dtype=np.float64))))
    return math.inf if error == 0.0 else 10.0 * math.log10(full_scale(pixels) ** 2 / error)


def ssim(pixels: Pixels, reference: Pixels) -> float:
    """Structural similarity, the mean over the channels and over all places where the whole window fits.

    Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, no downsampling: Z. Wang, A. C. Bovik,
    H. R. Sheikh, E. P. Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    TIP 13(4), 2004, eq. 13 with the moments of eq. 14 to 16.

    Returns:
        At most 1, which only equal pictures reach.

    Raises:
        ArrayError: as for :func:`psnr`, or a side shorter than the window.
    """
    _check_pair(pixels, reference)
    if min(pixels.shape[:2]) < _WINDOW:
        raise ArrayError(f"SSIM needs at least {_WINDOW} pixels along each side, got {pixels.shape[:2]}")
    white = full_scale(pixels)
    channels = zip(cv2.split(pixels), cv2.split(reference), strict=True)
    return float(np.mean([_channel_ssim(x.astype(np.float64), y.astype(np.float64), white) for x, y in channels]))


def _channel_ssim(x: _Double, y: _Double, white: float) -> float:
    c1, c2 = (_K1 * white) ** 2, (_K2 * white) ** 2
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    var_x = _local_mean(x * x) - mean_x**2
    var_y = _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    luminance = (2.0 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2.0 * covariance + c2) / (var_x + var_y + c2)
    return float(np.mean(luminance * structure))


def _local_mean(x: _Double) -> _Double:
    """Return the Gaussian mean at all places where the whole window fits, ``(H - 10, W - 10)``."""
    kernel = cv2.getGaussianKernel(_WINDOW, _SIGMA, cv2.CV_64F)
    edge = _WINDOW // 2
    return np.asarray(cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel))[edge:-edge, edge:-edge]


def _check_pair(pixels: Pixels, reference: Pixels) -> None:
    check_pixels(pixels)
    check_pixels(reference)
    if pixels.shape != reference.shape or pixels.dtype != reference.dtype:
        raise ArrayError(
            f"expected two pictures of one shape and dtype, got {pixels.shape} {pixels.dtype}"
            f" and {reference.shape} {reference.dtype}"
        )
