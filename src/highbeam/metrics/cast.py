"""Input-output metrics of colour: greys that take on a colour, and signals that change theirs."""

from __future__ import annotations

import math

import numpy as np

from highbeam.methods.base import Pixels
from highbeam.metrics.base import Double, block_means, check_pair, check_sides, linear_light, to_double
from highbeam.metrics.colour import cielab

__all__ = ["grey_cast", "signal_hue_shift"]

_BLOCK = 8
_LUMINANCE = np.array([0.2126390, 0.7151687, 0.0721923])  # of linear light: ITU-R BT.709-6
_MIDDLE = ((50.0 + 16.0) / 116.0) ** 3  # luminance of L* = 50
_NEAR_GREY = 10.0  # chroma at L* = 50
_SEEN = 0.003  # luminance in the input, about 10 of 255: below, colour is noise
_NOT_CLIPPED = 0.9  # largest channel of the output, linear

_BRIGHT, _PALE = 0.5, 0.5
_TIE = 1e-6  # so that a channel that is exactly half is so in each dtype
_HUELESS = 5.0  # chroma in the output
_ANY_HUE = 90.0  # degrees, the mean distance to a random hue


def grey_cast(output: Pixels, source: Pixels) -> float:
    """How far enhancement moves what was nearly grey away from its own colour, as one vector for the picture.

    Both pictures are averaged over 8 x 8 pixels in linear light, which takes most of the noise off. Each block of the
    input is then lit up to the luminance of the output's block, so that a gain moves nothing, and the mean over nearly
    grey blocks is taken of the difference in (a*, b*) of CIELAB. Nearly grey is a chroma of at most 10 where the block
    is lit to L* = 50. Left out are blocks of luminance below 0.003 in the input, and of a channel above 0.9 in the
    output. The definition is this project's own; CIELAB is that of ISO/CIE 11664-4:2019.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``, read as sRGB.
        source: the dark input, of the same shape and dtype.

    Returns:
        CIELAB units, from 0 to infinity, lower is better: the length of the mean vector. NaN where no block qualifies.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype, or a side below 8 pixels.
    """
    check_pair(output, source)
    check_sides(source, _BLOCK, "grey cast")
    after, before = (block_means(linear_light(p), _BLOCK).reshape(-1, 3) for p in (output, source))
    bright_after, bright_before = after @ _LUMINANCE, before @ _LUMINANCE
    fit = (bright_before >= _SEEN) & (after.max(axis=1) <= _NOT_CLIPPED)
    if not fit.any():
        return math.nan
    chromaticity = before[fit] / bright_before[fit, None]
    grey = np.hypot(*cielab(chromaticity * _MIDDLE)[:, 1:].T) <= _NEAR_GREY
    if not grey.any():
        return math.nan
    lit = cielab(before[fit][grey] * (bright_after[fit] / bright_before[fit])[grey, None])
    moved = (cielab(after[fit][grey]) - lit)[:, 1:].mean(axis=0)
    return float(np.hypot(*moved))


def signal_hue_shift(output: Pixels, source: Pixels) -> float:
    """How far the hues of what shines in a colour of its own turn: tail lights, traffic lights, blue lights.

    Such pixels have, in the input, a largest channel of at least half of white and a smallest one of at most half of
    the largest. The value is the mean over them of the absolute difference in the hue angle of CIELAB. A pixel of
    chroma below 5 in the output has lost its hue and counts as 90 degrees, as far as a random hue is in the mean.
    The definition is this project's own; CIELAB is that of ISO/CIE 11664-4:2019.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``, read as sRGB.
        source: the dark input, of the same shape and dtype.

    Returns:
        Degrees, from 0 to 180, lower is better. NaN where no pixel of the input qualifies.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    check_pair(output, source)
    unit = to_double(source)
    largest = unit.max(axis=2)
    at = (largest >= _BRIGHT) & (unit.min(axis=2) <= _PALE * largest + _TIE)
    if not at.any():
        return math.nan
    after, before = (cielab(linear_light(pixels[at])) for pixels in (output, source))
    turn = np.abs((_hue(after) - _hue(before) + 180.0) % 360.0 - 180.0)
    return float(np.mean(np.where(np.hypot(after[:, 1], after[:, 2]) < _HUELESS, _ANY_HUE, turn)))


def _hue(colours: Double) -> Double:
    return np.degrees(np.arctan2(colours[:, 2], colours[:, 1]))
