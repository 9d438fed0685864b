"""What a picture is once it is in memory, and what can be known of it before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import ArrayError, OptionError
from highbeam.pictures.exif import turned

__all__ = ["DEFAULT_LIMITS", "Header", "Limits", "Picture", "Samples"]

Samples: TypeAlias = NDArray[Any]
"""``uint8`` or ``uint16``."""

_CHANNELS = 3


@dataclass(frozen=True)
class Limits:
    """How large a picture may be; found in its header, before anything is decoded.

    Attributes:
        max_pixels: most pixels, width times height.
        max_side: most pixels along one side.

    Raises:
        OptionError: a limit below 1.
    """

    max_pixels: int = 100_000_000
    max_side: int = 65_535

    def __post_init__(self) -> None:
        if min(self.max_pixels, self.max_side) < 1:
            raise OptionError(f"limits must be at least 1, got {self}")

    def objection(self, width: int, height: int) -> str | None:
        """Say why a size is too large, or None where it is not."""
        if max(width, height) > self.max_side:
            return f"is {width}x{height}, and the longest side allowed is {self.max_side} pixels"
        if width * height > self.max_pixels:
            return f"is {width}x{height}, {width * height} pixels, and at most {self.max_pixels} are allowed"
        return None


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded.

    Attributes:
        format: a key of ``FORMATS``.
        width: pixels, as stored (before the orientation is applied).
        height: pixels, as stored.
        bits: of each sample as stored: 1, 2, 4, 8, 10, 12 or 16.
        grey: one channel of brightness.
        alpha: transparency beside the colours.
        orientation: EXIF orientation 1 to 8 that decoding will apply.
    """

    format: str
    width: int
    height: int
    bits: int
    grey: bool
    alpha: bool
    orientation: int

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once the orientation is applied, pixels."""
        return (self.height, self.width) if turned(self.orientation) else (self.width, self.height)


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded still picture, upright, with what came along with it.

    Attributes:
        pixels: ``(H, W, 3)`` RGB, ``uint8`` or ``uint16`` over the whole range; grey is repeated.
        grey: the file had, and shall have, one channel of brightness.
        alpha: ``(H, W)`` of the same dtype, 0 transparent, not premultiplied; None where there is none.
        format: the key of ``FORMATS`` it was read from.
        exif: EXIF as a TIFF block, orientation 1, without a thumbnail.
        icc: ICC profile of the pixels.
        xmp: XMP packet, orientation 1.
        dpi: horizontal and vertical resolution in pixels per inch.
        name: where it came from, for messages.

    Raises:
        ArrayError: arrays of other shapes or dtypes.
    """

    pixels: Samples
    grey: bool = False
    alpha: Samples | None = None
    format: str = "png"
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    name: str = "<bytes>"

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) != _CHANNELS or shape[2] != _CHANNELS or 0 in shape:
            raise ArrayError(f"expected pixels of shape (height, width, 3) with at least one pixel, got {shape}")
        if dtype not in (np.uint8, np.uint16):
            raise ArrayError(f"expected uint8 or uint16 pixels, got {dtype}")
        if self.alpha is not None and (self.alpha.shape, self.alpha.dtype) != (shape[:2], dtype):
            raise ArrayError(f"expected alpha {shape[:2]} {dtype}, got {self.alpha.shape} {self.alpha.dtype}")

    def with_pixels(self, pixels: Samples) -> Picture:
        """Return this picture with other pixels of the same shape and dtype.

        Raises:
            ArrayError: another shape or dtype.
        """
        if (pixels.shape, pixels.dtype) != (self.pixels.shape, self.pixels.dtype):
            wanted = f"{self.pixels.shape} {self.pixels.dtype}"
            raise ArrayError(f"expected pixels {wanted} as before, got {pixels.shape} {pixels.dtype}")
        return replace(self, pixels=pixels)
