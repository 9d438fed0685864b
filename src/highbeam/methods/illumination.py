"""The illumination map of Ying et al. 2017: the smooth light that falls on the scene, edges kept.

The map T minimises sum (T - L)^2 + lambda sum_d W_d (grad_d T)^2 over the picture, with L the largest channel and
W_d = 1 / (|sum over a window of grad_d L| |grad_d L| + epsilon), d horizontal and vertical: texture, whose gradients
cancel inside a window, is smoothed away, while edges stay (after Xu et al., "Structure extraction from texture via
relative total variation", 2012). That is one sparse symmetric positive definite linear system.

Source: Z. Ying, G. Li, Y. Ren, R. Wang, W. Wang, "A New Image Contrast Enhancement Algorithm Using Exposure Fusion
Framework", CAIP 2017, sec. 3.1; the product form of W and lambda = 0.5 are those of the authors' program.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from highbeam.methods.base import Float

__all__ = ["illumination_map"]

_EPSILON = 1e-3
_WINDOW = 5

_UNKNOWNS = 160_000
"""Size of the system at most: T is smooth between edges, so a coarser grid loses little (docs/methods give figures)."""

_TOLERANCE = 2e-3
"""Relative residual at which the solver stops: what is left is below one 8-bit step of the fused picture."""

_MOST_ITERATIONS = 400


def illumination_map(lightness: Float, smoothness: float) -> Float:
    """Estimate the illumination.

    The system is solved on a grid ``s`` times coarser by conjugate gradients, coarse to fine, and interpolated. The
    coarse grid's lambda is lambda / s: between lambda / s^2, right where W is bounded by epsilon, and lambda, right
    where gradients, s times larger on the grid, rule W.

    Args:
        lightness: the largest channel, ``(H, W)`` ``float32`` in [0, 1].
        smoothness: lambda at full size, above 0.

    Returns:
        ``(H, W)`` ``float32`` in [0, 1].
    """
    height, width = lightness.shape
    step = max(1.0, math.sqrt(height * width / _UNKNOWNS))
    size = (max(1, round(width / step)), max(1, round(height / step)))
    coarse = np.asarray(cv2.resize(lightness, size, interpolation=cv2.INTER_AREA))
    solved = _solve(coarse, smoothness / step)
    return np.asarray(np.clip(cv2.resize(solved, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, 1.0))


def _solve(lightness: Float, smoothness: float) -> Float:
    """Solve (1 + lambda D^T W D) T = L, starting from the solution on a grid half as fine."""
    start = lightness
    height, width = lightness.shape
    if min(height, width) >= 32:  # noqa: PLR2004 - below that a start from L converges as fast
        half = np.asarray(cv2.resize(lightness, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
        start = np.asarray(cv2.resize(_solve(half, smoothness / 2.0), (width, height), interpolation=cv2.INTER_LINEAR))
    across, down = _weights(lightness)
    return _conjugate_gradients(lightness, start, smoothness * across, smoothness * down)


def _weights(lightness: Float) -> tuple[Float, Float]:
    """Return W of the module's equation for the differences to the right and below, ``(H, W-1)`` and ``(H-1, W)``."""
    across, down = np.diff(lightness, axis=1), np.diff(lightness, axis=0)
    return _weight(across, (_WINDOW, 1)), _weight(down, (1, _WINDOW))


def _weight(gradient: Float, window: tuple[int, int]) -> Float:
    if gradient.size == 0:
        return gradient
    total = cv2.boxFilter(gradient, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(np.float32(1.0) / (np.abs(total) * np.abs(gradient) + np.float32(_EPSILON)))


def _conjugate_gradients(target: Float, start: Float, across: Float, down: Float) -> Float:
    """Jacobi-preconditioned conjugate gradients (Shewchuk 1994, sec. B3) on the five-point system."""
    diagonal = _diagonal(across, down)
    x = start.copy()
    residual = target - _apply(x, across, down)
    search = residual / diagonal
    energy = float(np.vdot(residual, search))
    enough = _TOLERANCE**2 * float(np.vdot(target, target / diagonal))
    for _ in range(_MOST_ITERATIONS):
        if energy <= enough:
            break
        image = _apply(search, across, down)
        length = np.float32(energy / float(np.vdot(search, image)))
        x += length * search
        residual -= length * image
        scaled = residual / diagonal
        energy, before = float(np.vdot(residual, scaled)), energy
        search *= np.float32(energy / before)
        search += scaled
    return x


def _diagonal(across: Float, down: Float) -> Float:
    out = np.ones((across.shape[0], down.shape[1]), np.float32)
    out[:, :-1] += across
    out[:, 1:] += across
    out[:-1] += down
    out[1:] += down
    return out


def _apply(x: Float, across: Float, down: Float) -> Float:
    """Multiply by 1 + D^T W D: each weighted difference flows out of one pixel and into its neighbour."""
    out = x.copy()
    flow = np.subtract(x[:, 1:], x[:, :-1])
    flow *= across
    out[:, :-1] -= flow
    out[:, 1:] += flow
    flow = np.subtract(x[1:], x[:-1])
    flow *= down
    out[:-1] -= flow
    out[1:] += flow
    return out
