"""Gaussian surrounds of any scale at a cost that does not grow with the scale.

A Gaussian of standard deviation s leaves next to nothing above the frequency 1/s, so it is computed on a grid about
s/4 pixels apart, where its standard deviation is about 4. Averaging down and interpolating up blur a little on their
own; that variance is taken off the Gaussian's, so that the whole has the variance that was asked for.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from highbeam.methods.base import Float

__all__ = ["log_surround"]

_GRID_SIGMA = 4.0
"""Standard deviation on the coarse grid, in its pixels: below 3 the interpolation error shows, above it costs time."""

_REACH = 4.5
"""Half width of the kernel in standard deviations: what lies beyond weighs less than 1e-5."""


def log_surround(image: Float, sigmas: tuple[float, ...], weights: tuple[float, ...]) -> Float:
    """Return the weighted mean over scales of log(1 + Gaussian surround).

    The sum that multi-scale retinex subtracts: S(x) = sum_n w_n log(1 + (F_n * I)(x)), with F_n a Gaussian of standard
    deviation sigma_n and half-sample symmetric borders. Logarithms are taken on the finest scale's grid; a surround
    is smooth there, so log and interpolation commute to second order.

    Args:
        image: ``(H, W)`` or ``(H, W, C)`` ``float32``, not negative, in 8-bit units [0, 255].
        sigmas: standard deviations in pixels, each above 0.
        weights: one for each scale; they should sum to 1.

    Returns:
        The shape of ``image``, ``float32``, in [0, log 256].
    """
    size = image.shape[:2]
    total: Float | None = None
    grid = image
    for sigma, weight in sorted(zip(sigmas, weights, strict=True)):
        grid = _shrink(grid, _grid_size(size, sigma))
        blurred = _blur(grid, size, sigma)
        term = np.float32(weight) * np.log1p(blurred)
        total = term if total is None else total + _enlarge(term, total.shape[:2])
    if total is None:
        raise ValueError("log_surround needs at least one scale")
    return _enlarge(total, size)


def _grid_size(size: tuple[int, int], sigma: float) -> tuple[int, int]:
    step = max(1, int(sigma / _GRID_SIGMA))
    return math.ceil(size[0] / step), math.ceil(size[1] / step)


def _shrink(image: Float, size: tuple[int, int]) -> Float:
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)).reshape(*size, *image.shape[2:])


def _enlarge(image: Float, size: tuple[int, int]) -> Float:
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)).reshape(*size, *image.shape[2:])


def _blur(grid: Float, size: tuple[int, int], sigma: float) -> Float:
    """Blur on the coarse grid with ``sigma`` given in pixels of the full size."""
    sy, sx = (_grid_sigma(sigma, full / coarse) for full, coarse in zip(size, grid.shape[:2], strict=True))
    ky, kx = (2 * math.ceil(_REACH * s) + 1 for s in (sy, sx))
    return np.asarray(cv2.GaussianBlur(grid, (kx, ky), sx, sigmaY=sy, borderType=cv2.BORDER_REFLECT)).reshape(
        grid.shape
    )


def _grid_sigma(sigma: float, step: float) -> float:
    """Standard deviation left for the grid, in its pixels, once box average and interpolation have done their part.

    A box of ``step`` pixels has variance (step^2 - 1) / 12; linear interpolation over ``step`` adds step^2 / 6.
    """
    spare = sigma**2 - (step**2 - 1.0) / 12.0 - (step**2 / 6.0 if step > 1.0 else 0.0)
    return math.sqrt(max(spare, 0.01)) / step
