"""What a metric is, and what all of them share: checks, luma, linear light and means over blocks.

Pictures are ``(H, W, 3)`` RGB as methods take them: ``uint8``, ``uint16`` or ``float32`` in [0, 1], display-referred.
The dtype alone decides what white is; beyond this module white is 1, and all arithmetic is ``float64``.

A metric that finds nothing to measure in a picture, such as no flat block, returns NaN: neither good nor bad. Summaries
leave such pictures out and count them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.errors import ArrayError
from highbeam.methods.base import Pixels, check_pixels, full_scale

__all__ = [
    "Double",
    "Kind",
    "Mask",
    "MetricSpec",
    "block_means",
    "check_pair",
    "check_sides",
    "linear_light",
    "luma",
    "to_double",
]

Double: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Kind: TypeAlias = Literal["full-reference", "no-reference", "input-output", "clip"]

_BT601 = np.array([[0.299, 0.587, 0.114]])


@dataclass(frozen=True)
class MetricSpec:
    """One row of the table of metrics.

    Attributes:
        name: what users call it by.
        summary: one line for a list.
        kind: what ``function`` takes: ``full-reference`` the output and the reference, ``no-reference`` the output,
            ``input-output`` the output and the dark input, ``clip`` the frames of the output and those of the input.
        unit: of the value; empty for a pure number.
        range: least and greatest value; the latter may be infinite.
        higher_is_better: None where a value only describes.
        source: paper, section, equations; or that it is this project's own.
        function: the pure function, from pictures or clips to one ``float``.
    """

    name: str
    summary: str
    kind: Kind
    unit: str
    range: tuple[float, float]
    higher_is_better: bool | None
    source: str
    function: Callable[..., float]


def check_pair(pixels: Pixels, other: Pixels) -> None:
    """Accept two pictures that can be compared.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    check_pixels(pixels)
    check_pixels(other)
    if pixels.shape != other.shape or pixels.dtype != other.dtype:
        raise ArrayError(
            f"expected two pictures of one shape and dtype, got {pixels.shape} {pixels.dtype}"
            f" and {other.shape} {other.dtype}"
        )


def check_sides(pixels: Pixels, least: int, what: str) -> None:
    """Refuse a picture that is too small for a metric.

    Raises:
        ArrayError: a side has less than ``least`` pixels.
    """
    if min(pixels.shape[:2]) < least:
        raise ArrayError(f"{what} needs at least {least} pixels along each side, got {pixels.shape[:2]}")


def to_double(pixels: Pixels) -> Double:
    """Return pixels, or one channel of them, as ``float64`` with white at 1."""
    return np.asarray(pixels / np.float64(full_scale(pixels)))


def luma(pixels: Pixels) -> Double:
    """Return Y' = 0.299 R' + 0.587 G' + 0.114 B' of the stored values, ``(H, W)`` with white at 1.

    ITU-R BT.601-7, section 2.5.1, over the full range: without the offset and the 16 to 235 of video.
    """
    return np.asarray(cv2.transform(to_double(pixels), _BT601)).reshape(pixels.shape[:2])


def linear_light(pixels: Pixels) -> Double:
    """Return sRGB pixels in linear light, of the same shape with white at 1: IEC 61966-2-1:1999, section 5.2."""
    if pixels.dtype == np.float32:
        return _linear(to_double(pixels))
    return np.asarray(_linear_steps(pixels.dtype.name)[pixels])


@cache
def _linear_steps(dtype: str) -> Double:
    steps = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    table = _linear(to_double(steps))
    table.setflags(write=False)  # all callers share it
    return table


def _linear(encoded: Double) -> Double:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - the law


def block_means(values: Double, side: int) -> Double:
    """Return the means of whole blocks, ``(H // side, W // side)`` and channels as they are; the rest is left out."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    whole = np.ascontiguousarray(values[: rows * side, : columns * side])
    return np.asarray(cv2.resize(whole, (columns, rows), None, 0, 0, cv2.INTER_AREA))
