"""Small views of frames, and what two of them tell: whether there is a cut, and how much brighter the whole became.

Brightness changes along the curves

    y' = g y / (1 + (g - 1) y)

which add log g to log(y / (1 - y)): black stays black and white stays white, all are monotone, and two after each other
are one of them. So changes of brightness can be summed up over frames in log g. In linear light, far below white, g is
the exposure.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.methods.base import Float, Pixels, Values, full_scale

__all__ = ["brighten", "brightening", "change", "explained", "expose", "light", "lit", "view"]

_Reals: TypeAlias = NDArray[np.floating[Any]]

_SIZE = (64, 36)
_FINE = 4
"""Cells along a side of a view's cell that are averaged in the depth of the frame, whose rounding then averages out."""

_LUMA = (0.299, 0.587, 0.114)

_TOE = 0.02
"""Of white: below it, differences are of noise."""

_BLUR = 1.5
"""Of views, in their cells: what has moved by one is still the same scene."""

_LEAST_CONTRAST = 0.1
"""Logarithmic contrast of a frame that shows nothing, so that noise on black is no change of scene."""

_LARGEST = 1.5
"""Logarithmic difference of a place that counts in full; a lamp that comes on counts no more than that."""

_BLACK, _WHITE = 0.004, 0.98
"""Of white on the display: what is darker or lighter in one of the frames does not follow the exposure."""

_LEAST_CELLS = 16
_ROUNDS = 4
_FINITE = 1e-4

_TUKEY = 4.0
"""Reach of the weights, in median distances."""

_DOUBT = 0.15
"""Standard error of a view's mean over the typical difference of its cells, as if about 50 of them moved on their own;
measured on drives whose exposure does not change."""

_NEAR, _MOST = 0.7, 4.0
"""Log g of a cell's change up to which it counts, and the largest share in which an output follows its input."""

_BELIEVED = 1.0
"""Largest log g from one frame to the next."""


def view(pixels: Pixels) -> Float:
    """Return luma Y' (BT.601) in [0, 1] averaged over areas, ``(36, 64)``, or less for smaller pictures.

    Args:
        pixels: ``(H, W, 3)`` as methods take them.
    """
    height, width = pixels.shape[:2]
    wide, high = min(_SIZE[0], width), min(_SIZE[1], height)
    fine = (min(wide * _FINE, width), min(high * _FINE, height))
    shrunk = np.asarray(cv2.resize(pixels, fine, interpolation=cv2.INTER_AREA)).astype(np.float32)
    luma = np.asarray(cv2.transform(shrunk, np.array([_LUMA], np.float32) / np.float32(full_scale(pixels))))
    return np.asarray(cv2.resize(luma, (wide, high), interpolation=cv2.INTER_AREA), np.float32)


def change(before: Float, now: Float) -> float:
    """Return by how much two views show different things: 0 for one scene under any exposure, about 1 for two scenes.

    The mean difference of their logarithms behind a common gain, over the contrast that they have in themselves.
    """
    first, second = (np.log(cv2.GaussianBlur(luma, (0, 0), _BLUR) + np.float32(_TOE)) for luma in (before, now))
    apart = second - first
    apart = np.minimum(np.abs(apart - np.median(apart)), _LARGEST)
    return float(np.mean(apart)) / max(_LEAST_CONTRAST, 0.5 * (_contrast(first) + _contrast(second)))


def light(luma: Float) -> Float:
    """Return a view in linear light; where the curve is a power, the order of averaging makes no difference."""
    return _linear(luma).astype(np.float32)


def brightening(before: Float, now: Float, lit: NDArray[np.bool_]) -> tuple[float, float]:
    """Return log g of the curve by which one view is brighter than the one before, and the standard error of it.

    The curve that takes the later view back to the mean of the earlier one, over those cells whose difference it
    explains: Tukey's biweight, found by Newton's method. The error is that of what it leaves.

    Args:
        before: the earlier view, ``(H, W)`` in [0, 1].
        now: the later one.
        lit: where to look, ``(H, W)``.
    """
    if np.count_nonzero(lit) < _LEAST_CELLS:
        return 0.0, 0.0
    first, second = (np.clip(luma[lit].astype(np.float64), _FINITE, 1.0 - _FINITE) for luma in (before, now))
    shift, doubt = _match(first, second)
    return -min(max(shift, -_BELIEVED), _BELIEVED), doubt


def explained(output: Float, source_before: Float, source: Float, now: Float) -> Float:
    """Return what the output of the frame before would be under what has changed in the input since, cell by cell.

    As far as the output follows the input: the least-squares share of its changes on the scale of the module's curves.

    Args:
        output: view of the output of the frame before.
        source_before: view of the input that it was made from.
        source: view of this frame's.
        now: view of this frame's output.
    """
    before, given, later, after = (
        _logit(np.clip(luma.astype(np.float64), _FINITE, 1.0 - _FINITE))
        for luma in (source_before, source, output, now)
    )
    moved, out = given - before, after - later
    cause, effect = moved - np.median(moved), out - np.median(out)  # the rest of a method's own pumping is no effect
    near = np.maximum(np.abs(cause), np.abs(effect)) < _NEAR
    power = float(np.sum(np.square(cause[near])))
    share = float(np.sum(cause[near] * effect[near])) / power if power > 0.0 else 0.0
    return _bend(np.clip(output, _FINITE, 1.0 - _FINITE), np.clip(share, 0.0, _MOST) * moved).astype(np.float32)


def lit(*views: Float) -> NDArray[np.bool_]:
    """Return where no view is black or white, which is where brightness tells of the exposure."""
    return np.asarray((np.minimum.reduce(views) > _BLACK) & (np.maximum.reduce(views) < _WHITE))


def expose(pixels: Pixels, log_gain: float) -> Pixels:
    """Change the exposure of a picture ``(H, W, 3)`` by the module's curve in linear light.

    Returns:
        A new array of the same dtype, but ``float32`` in [0, 1] for ``uint8``, whose dark levels are too far apart.
    """
    if pixels.dtype == np.float32:
        return _encoded(_bend(_linear(pixels), log_gain)).astype(np.float32)
    white = full_scale(pixels)
    table = _encoded(_bend(_linear(np.arange(white + 1.0) / white), log_gain))
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, table.astype(np.float32)))
    return np.asarray(np.rint(white * table).astype(pixels.dtype)[pixels])


def brighten(pixels: Pixels, log_gain: float) -> Pixels:
    """Change the brightness of a picture ``(H, W, 3)`` by the module's curve; a new array of the same dtype."""
    if pixels.dtype == np.float32:
        return _bend(pixels, log_gain).astype(np.float32)
    white = full_scale(pixels)
    table = np.rint(white * _bend(np.arange(white + 1.0) / white, log_gain)).astype(pixels.dtype)
    return np.asarray(cv2.LUT(pixels, table)) if pixels.dtype == np.uint8 else table[pixels]


def _match(first: Values, second: Values) -> tuple[float, float]:
    """Return log g that takes the second to the first, and by how much it may be wrong."""
    shift, doubt = float(np.median(_logit(first) - _logit(second))), 0.0
    for _ in range(_ROUNDS):
        bent = _bend(second, shift)
        apart = first - bent
        spread = float(np.median(np.abs(apart)))
        weights = np.square(np.maximum(1.0 - np.square(apart / (_TUKEY * spread + _FINITE)), 0.0))
        slope = max(float(np.sum(weights * bent * (1.0 - bent))), _FINITE)
        shift += float(np.sum(weights * apart)) / slope
        doubt = _DOUBT * spread * float(np.sum(weights)) / slope
    return shift, doubt


def _bend(values: _Reals, log_gain: float | _Reals) -> _Reals:
    gain = np.exp(log_gain)
    return np.asarray(gain * values / (1.0 + (gain - 1.0) * values))


def _linear(values: _Reals) -> _Reals:
    """Undo the curve of sRGB (IEC 61966-2-1), which most cameras come near to."""
    powered = ((values + 0.055) / 1.055) ** 2.4
    return np.asarray(np.where(values <= 0.04045, values / 12.92, powered))  # noqa: PLR2004 - the norm's


def _encoded(values: _Reals) -> _Reals:
    """Apply the curve of sRGB."""
    powered = 1.055 * np.maximum(values, 0.0031308) ** (1.0 / 2.4) - 0.055
    curve = np.where(values <= 0.0031308, 12.92 * values, powered)  # noqa: PLR2004 - the norm's
    return np.asarray(np.clip(curve, 0.0, 1.0))


def _logit(values: Values) -> Values:
    return np.asarray(np.log(values / (1.0 - values)))


def _contrast(logarithms: Float) -> float:
    """Return the mean distance from the median."""
    return float(np.mean(np.abs(logarithms - np.median(logarithms))))
