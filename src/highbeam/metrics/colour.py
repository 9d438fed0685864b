"""Colour differences between a picture and the one it should be: CIELAB and CIEDE2000."""

from __future__ import annotations

import cv2
import numpy as np

from highbeam.methods.base import Pixels
from highbeam.metrics.base import Double, check_pair, linear_light

__all__ = ["ciede2000", "ciede2000_p95", "cielab", "difference", "lab"]

_TO_XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
_LINEAR_BELOW = (6 / 29) ** 3
_SLOPE = (29 / 6) ** 2 / 3
_TWENTY_FIVE_TO_THE_SEVENTH = 25.0**7
_BAND = 1 << 16  # pixels at once: what stays in the cache


def ciede2000(pixels: Pixels, reference: Pixels) -> float:
    """Mean colour difference, Delta E_00, over all pixels.

    G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test
    data, and mathematical observations", Color Research and Application 30(1), 2005, eq. 2 to 22, with
    k_L = k_C = k_H = 1. Pixels are read as sRGB, white D65, and not smoothed for a viewing distance.

    Returns:
        Delta E_00, from 0 to infinity, lower is better; about 1 can just be seen side by side.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    return float(np.mean(_map(pixels, reference)))


def ciede2000_p95(pixels: Pixels, reference: Pixels) -> float:
    """Colour difference that 95 % of the pixels stay below, interpolated linearly; else as :func:`ciede2000`.

    Sharma, Wu, Dalal 2005, eq. 2 to 22.

    Returns:
        Delta E_00, from 0 to infinity, lower is better.

    Raises:
        ArrayError: as for :func:`ciede2000`.
    """
    return float(np.percentile(_map(pixels, reference), 95.0))


def _map(pixels: Pixels, reference: Pixels) -> Double:
    check_pair(pixels, reference)
    x, y = (cielab(linear_light(p)).reshape(-1, 3) for p in (pixels, reference))
    return np.concatenate([difference(x[k : k + _BAND], y[k : k + _BAND]) for k in range(0, len(x), _BAND)])


def lab(pixels: Pixels) -> Double:
    """Return L*, a*, b* of sRGB pixels, ``(H, W, 3)``; else as :func:`cielab`."""
    return cielab(linear_light(pixels))


def cielab(linear: Double) -> Double:
    """Return L* in [0, 100], a* and b* of linear light, ``(..., 3)`` with the primaries and the white of sRGB.

    White is what the primaries sum to, so that greys have a* = b* = 0: ISO/CIE 11664-4:2019; primaries and D65 of
    ITU-R BT.709-6, section 1.
    """
    flat = linear.reshape(-1, 1, 3)
    relative = np.asarray(cv2.transform(flat, _TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)))
    f = np.where(relative > _LINEAR_BELOW, np.cbrt(relative), _SLOPE * relative + 4.0 / 29.0)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1).reshape(linear.shape)


def difference(first: Double, second: Double) -> Double:
    """Return Delta E_00 between colours in CIELAB, ``(..., 3)``, as ``(...)``; equations as in :func:`ciede2000`."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(first, -1, 0), np.moveaxis(second, -1, 0)
    stretch = 1.5 - 0.5 * _share_of_chroma((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2.0)  # eq. 2 to 5
    chroma1, hue1 = _polar(a1 * stretch, b1)
    chroma2, hue2 = _polar(a2 * stretch, b2)
    grey = chroma1 * chroma2 == 0.0
    turn = np.where(grey, 0.0, _shorter(hue2 - hue1))
    big_hue = 2.0 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2.0))  # eq. 11
    hue = _mean_hue(hue1, hue2, grey)
    chroma = (chroma1 + chroma2) / 2.0
    weight_l, weight_c, weight_h = _weights((l1 + l2) / 2.0, chroma, hue)
    in_l, in_c, in_h = (l2 - l1) / weight_l, (chroma2 - chroma1) / weight_c, big_hue / weight_h
    rotation = 2.0 * _share_of_chroma(chroma) * np.sin(np.radians(60.0 * np.exp(-(((hue - 275.0) / 25.0) ** 2))))
    return np.asarray(np.sqrt(np.maximum(in_l**2 + in_c**2 + in_h**2 - rotation * in_c * in_h, 0.0)))  # eq. 22


def _share_of_chroma(chroma: Double) -> Double:
    """Return sqrt(C^7 / (C^7 + 25^7)), of eq. 4 and 17."""
    cube = chroma * chroma * chroma
    seventh = cube * cube * chroma  # far faster than a power
    return np.asarray(np.sqrt(seventh / (seventh + _TWENTY_FIVE_TO_THE_SEVENTH)))


def _polar(a: Double, b: Double) -> tuple[Double, Double]:
    """Return chroma, and hue in degrees in [0, 360): eq. 6 and 7."""
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360.0


def _shorter(turn: Double) -> Double:
    """Return the turn by the shorter arc; half a turn keeps its sign: eq. 10."""
    return np.asarray(turn - 360.0 * (turn > 180.0) + 360.0 * (turn < -180.0))  # noqa: PLR2004


def _mean_hue(hue1: Double, hue2: Double, grey: Double) -> Double:
    """Return the hue midway on the shorter arc; where one colour has no hue, that of the other: eq. 14."""
    total = hue1 + hue2
    far = np.abs(hue1 - hue2) > 180.0  # noqa: PLR2004 - half a turn
    half = total / 2.0 + np.where(far, np.where(total < 360.0, 180.0, -180.0), 0.0)  # noqa: PLR2004 - a whole turn
    return np.where(grey, total, half)


def _weights(lightness: Double, chroma: Double, hue: Double) -> tuple[Double, Double, Double]:
    """Return S_L, S_C and S_H: eq. 15, 18 to 20."""
    square = (lightness - 50.0) ** 2
    angle = np.radians(hue)
    t = (
        1.0
        - 0.17 * np.cos(angle - np.radians(30.0))
        + 0.24 * np.cos(2.0 * angle)
        + 0.32 * np.cos(3.0 * angle + np.radians(6.0))
        - 0.20 * np.cos(4.0 * angle - np.radians(63.0))
    )
    return 1.0 + 0.015 * square / np.sqrt(20.0 + square), 1.0 + 0.045 * chroma, 1.0 + 0.015 * chroma * t
