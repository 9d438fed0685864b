"""What a method is: a callable on one array that knows nothing of files, video or servers.

A method maps ``(H, W, 3)`` RGB to the same shape and dtype. ``uint8`` and ``uint16`` run over their whole
range, ``float32`` over [0, 1]; the dtype alone decides, never the values, because a dark 16-bit frame has
small ones. Transfer: display-referred values as stored (sRGB as a rule), as the papers take them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.errors import ArrayError

__all__ = [
    "SMALL",
    "Float",
    "MethodSpec",
    "Pixels",
    "Statistics",
    "Values",
    "check_pixels",
    "from_unit",
    "full_scale",
    "largest_channel",
    "to_unit",
]

Float: TypeAlias = NDArray[np.float32]
Values: TypeAlias = NDArray[np.float64]
Pixels: TypeAlias = NDArray[Any]
"""``uint8``, ``uint16`` or ``float32``, as checked by :func:`check_pixels`."""

SMALL = 0.04
"""A change of what a whole picture measures that nobody sees, as a rule."""

_FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
_CHANNELS = 3


@dataclass(frozen=True)
class MethodSpec:
    """One row of the table of methods.

    Attributes:
        name: what users call it by.
        summary: one line for a list.
        source: paper, section, equations.
        options: a frozen dataclass whose fields carry default, range, unit and description.
        apply: ``(pixels, options) -> pixels``, both ``(H, W, 3)`` of one dtype.
        held: the same with its statistics in the hands of the caller; None where it is not known whether there are any.
    """

    name: str
    summary: str
    source: str
    options: type[Any]
    apply: Callable[[Pixels, Any], Pixels]
    held: Callable[[Pixels, Any, Statistics], Pixels] | None = None


class Statistics(ABC):
    """What methods take from a whole picture, by name, in the hands of a caller who sees the pictures before and after.

    A method hands over what it measured and works with what it gets back, so that the frames of a video share numbers
    that change slowly. Numbers are handed over where equal steps look equally large, such as logarithms of ratios, with
    the size of a change that is small: a root mean square over 1 + that of the numbers themselves.
    """

    @abstractmethod
    def given(self, name: str) -> tuple[Values | None, float]:
        """Return what is known before measuring, None where nothing is, and how much of it to keep, in [0, 1]."""

    @abstractmethod
    def record(self, name: str, measured: Values, small: float = SMALL) -> None:
        """Take note of what a picture measures."""

    def settle(self, name: str, measured: Values, small: float = SMALL) -> Values:
        """Record what was measured and return the numbers to use, of the same shape."""
        given, keep = self.given(name)
        self.record(name, measured, small)
        return measured if given is None else measured + keep * (given - measured)


def full_scale(pixels: Pixels) -> float:
    """White in the units of the array's dtype: 255, 65535 or 1."""
    return _FULL_SCALE[pixels.dtype.name]


def largest_channel(pixels: Pixels) -> Pixels:
    """Return max(R, G, B) of ``(H, W, 3)`` as ``(H, W)`` of the same dtype; far faster than a maximum over an axis."""
    red, green, blue = cv2.split(pixels)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def check_pixels(pixels: object) -> Pixels:
    """Accept what every method accepts, and refuse the rest with a reason.

    Raises:
        ArrayError: not an array, not ``(H, W, 3)``, no pixel, another dtype or byte order, or float values
            that are not finite or lie outside [0, 1].
    """
    if not isinstance(pixels, np.ndarray):
        raise ArrayError(f"expected a numpy array, got {type(pixels).__name__}")
    if pixels.ndim != _CHANNELS or pixels.shape[2] != _CHANNELS or 0 in pixels.shape:
        raise ArrayError(f"expected shape (height, width, 3) in RGB with at least one pixel, got {pixels.shape}")
    if pixels.dtype.name not in _FULL_SCALE:
        raise ArrayError(f"expected uint8, uint16 or float32, got {pixels.dtype}; convert it first")
    if not pixels.dtype.isnative:  # a name like uint16 says nothing of the order of its bytes
        raise ArrayError(
            f"expected {pixels.dtype.name} in this machine's byte order; use .astype(np.{pixels.dtype.name})"
        )
    if pixels.dtype == np.float32:
        low, high = float(pixels.min()), float(pixels.max())
        if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails as well
            raise ArrayError(f"float32 pixels must lie in [0, 1], got {low:g} to {high:g}; scale or clip them first")
    return pixels


def to_unit(pixels: Pixels) -> Float:
    """Return the pixels as ``float32`` in [0, 1]."""
    if pixels.dtype == np.float32:
        return pixels
    return np.multiply(pixels, np.float32(1.0 / full_scale(pixels)), dtype=np.float32)


def from_unit(unit: Float, like: Pixels, *, gain: float = 1.0, offset: float = 0.0) -> Pixels:
    """Return ``offset + gain * unit`` in the dtype of ``like``: clipped, and rounded for integers.

    One pass over the memory: the affine step, clipping and rounding are done together.
    """
    white = full_scale(like)
    flat = unit.reshape(unit.shape[0], -1)
    if like.dtype == np.float32:
        scaled = cv2.addWeighted(flat, gain, flat, 0.0, offset)
        return np.asarray(np.clip(scaled, 0.0, 1.0)).reshape(unit.shape)
    depth = cv2.CV_8U if like.dtype == np.uint8 else cv2.CV_16U
    out = cv2.addWeighted(flat, gain * white, flat, 0.0, offset * white, dtype=depth)  # saturates and rounds
    return np.asarray(out).reshape(unit.shape)
