"""Full-reference metrics of differences and structure: how near a picture is to the one it should be.

Both arrays are ``(H, W, 3)`` RGB of one dtype, as methods take them: ``uint8``, ``uint16`` or ``float32`` in [0, 1].
White, L below, is decided by the dtype: 255, 65535 or 1. All sums are made in ``float64``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np

from highbeam.methods.base import Pixels, full_scale
from highbeam.metrics.base import Double, check_pair, check_sides, luma, to_double

__all__ = ["ms_ssim", "psnr", "psnr_y", "ssim", "ssim_y"]

_WINDOW = 11
_SIGMA = 1.5
_STRIP = 64  # rows
_C1 = 0.01**2
_C2 = 0.03**2
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_MULTISCALE_SIDE = (_WINDOW - 1) * 2 ** (len(_SCALES) - 1) + 1


def psnr(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio, 10 log10(L^2 / MSE), the mean squared error taken over all pixels and channels.

    That is its definition; no paper is followed.

    Returns:
        dB, from 0 to infinity, higher is better; infinity where the two are equal.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    check_pair(pixels, reference)
    if pixels.dtype == np.float32:
        return _decibels(to_double(pixels), to_double(reference))
    squares = cv2.norm(pixels, reference, cv2.NORM_L2SQR)  # of whole numbers: exact, and made without copies
    return _of_error(squares / (pixels.size * full_scale(pixels) ** 2))


def psnr_y(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio, 10 log10(L^2 / MSE), of the luma Y' over its full range; else as :func:`psnr`.

    Luma is that of ITU-R BT.601-7, section 2.5.1. Figures made with the studio range of 16 to 235, as MATLAB's
    ``rgb2ycbcr`` has it, are 1.3 dB higher.

    Returns:
        dB, from 0 to infinity, higher is better; infinity where the luma of the two is equal.

    Raises:
        ArrayError: as for :func:`psnr`.
    """
    check_pair(pixels, reference)
    return _decibels(luma(pixels), luma(reference))


def _decibels(x: Double, y: Double) -> float:
    return _of_error(float(np.mean(np.square(x - y))))


def _of_error(error: float) -> float:
    return math.inf if error == 0.0 else -10.0 * math.log10(error)


def ssim(pixels: Pixels, reference: Pixels) -> float:
    """Structural similarity, the mean over the channels and over all places where the whole window fits.

    Gaussian window of 11 x 11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, no downsampling: Z. Wang, A. C. Bovik,
    H. R. Sheikh, E. P. Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE
    TIP 13(4), 2004, eq. 13 with the moments of eq. 14 to 16.

    Returns:
        A pure number, from -1 to 1, higher is better; only equal pictures reach 1.

    Raises:
        ArrayError: as for :func:`psnr`, or a side shorter than the window.
    """
    check_pair(pixels, reference)
    check_sides(pixels, _WINDOW, "SSIM")
    return math.fsum(_means(x, y)[0] for x, y in zip(cv2.split(pixels), cv2.split(reference), strict=True)) / 3.0


def ssim_y(pixels: Pixels, reference: Pixels) -> float:
    """Structural similarity of the luma Y' of ITU-R BT.601-7, section 2.5.1, as the paper has it; else as :func:`ssim`.

    Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13.

    Returns:
        A pure number, from -1 to 1, higher is better; 1 where the luma of the two is equal.

    Raises:
        ArrayError: as for :func:`ssim`.
    """
    check_pair(pixels, reference)
    check_sides(pixels, _WINDOW, "SSIM")
    return _means(luma(pixels), luma(reference))[0]


def ms_ssim(pixels: Pixels, reference: Pixels) -> float:
    """Structural similarity at five scales, the mean over the channels.

    MS-SSIM = l_5 ** w_5 prod_j cs_j ** w_j with w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333 from fine to coarse:
    Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar
    2003, eq. 7 and section 3.2. Each scale is the one before, averaged over 2 x 2 pixels; an odd last row or column is
    repeated. As the authors' software has it, each term is first averaged over the picture, at the coarsest scale the
    product of both. A mean below 0, which has no real power, counts as 0.

    Returns:
        A pure number, from 0 to 1, higher is better; only equal pictures reach 1.

    Raises:
        ArrayError: as for :func:`psnr`, or a side below 161 pixels, so that the window does not fit the coarsest scale.
    """
    check_pair(pixels, reference)
    check_sides(pixels, _MULTISCALE_SIDE, "MS-SSIM")
    return float(np.mean([_channel_ms_ssim(x, y) for x, y in _channels(pixels, reference)]))


def _channel_ms_ssim(x: Double, y: Double) -> float:
    value = 1.0
    for scale, weight in enumerate(_SCALES):
        if scale:
            x, y = _halve(x), _halve(y)
        both, structure = _means(x, y)
        last = scale == len(_SCALES) - 1
        value *= max(both if last else structure, 0.0) ** weight
    return value


def _halve(x: Double) -> Double:
    padded = np.pad(x, [(0, side % 2) for side in x.shape], mode="edge")
    return np.asarray((padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4.0)


def _channels(pixels: Pixels, reference: Pixels) -> Iterator[tuple[Double, Double]]:
    for x, y in zip(cv2.split(pixels), cv2.split(reference), strict=True):
        yield to_double(x), to_double(y)


def _means(x: Pixels | Double, y: Pixels | Double) -> tuple[float, float]:
    """Return the means of luminance times structure, and of structure, over all places where the whole window fits.

    Strip by strip, so that what is in work stays in the processor's cache: three times as fast as the whole at once.
    """
    height, width = x.shape[0] - _WINDOW + 1, x.shape[1] - _WINDOW + 1
    both, alone = [], []
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height) + _WINDOW - 1)
        luminance, structure = _terms(_as_double(x[rows]), _as_double(y[rows]))
        alone.append(float(structure.sum()))
        both.append(float(np.multiply(luminance, structure, out=luminance).sum()))  # a BLAS product would start threads
    return math.fsum(both) / (height * width), math.fsum(alone) / (height * width)


def _as_double(x: Pixels | Double) -> Double:
    return np.asarray(x) if x.dtype == np.float64 else to_double(x)


def _terms(x: Double, y: Double) -> tuple[Double, Double]:
    """Return the luminance term, and contrast times structure, at all places where the whole window fits."""
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    variances = _local_mean(x * x + y * y) - (square_x + square_y)
    covariance = _local_mean(x * y) - product
    luminance = (2.0 * product + _C1) / (square_x + square_y + _C1)
    return luminance, (2.0 * covariance + _C2) / (variances + _C2)


def _local_mean(x: Double) -> Double:
    """Return the Gaussian mean at all places where the whole window fits, ``(H - 10, W - 10)``."""
    kernel = cv2.getGaussianKernel(_WINDOW, _SIGMA, cv2.CV_64F)
    edge = _WINDOW // 2
    return np.asarray(cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel))[edge:-edge, edge:-edge]
