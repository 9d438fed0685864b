"""From a message's bytes to pixels that a method takes, and back to bytes of the same encoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import PictureError, UnsupportedPictureError
from highbeam.logs.bayer import demosaiced, mosaicked
from highbeam.logs.errors import FrameError, UnsupportedFrameError
from highbeam.logs.messages import Bytes, ImageLayout
from highbeam.pictures import decode, encode

__all__ = ["ENCODINGS", "Enhance", "enhance_file", "enhance_samples"]

Enhance: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""A method: ``(H, W, 3)`` RGB of ``uint8`` or ``uint16`` to the same."""


@dataclass(frozen=True)
class _Encoding:
    """How a pixel is stored.

    Attributes:
        bits: of each sample.
        channels: samples of a pixel.
        rgb: which of them are red, green and blue.
        pattern: of a mosaic, as :func:`highbeam.logs.bayer.demosaiced` takes it; empty for others.
    """

    bits: int
    channels: int
    rgb: tuple[int, ...]
    pattern: str = ""

    def dtype(self, *, big_endian: bool) -> np.dtype[Any]:
        return np.dtype(f"{'>' if big_endian else '<'}u{self.bits // 8}")


def _rows() -> dict[str, _Encoding]:
    rows: dict[str, _Encoding] = {}
    for bits in (8, 16):
        rows |= {
            f"rgb{bits}": _Encoding(bits, 3, (0, 1, 2)),
            f"bgr{bits}": _Encoding(bits, 3, (2, 1, 0)),
            f"rgba{bits}": _Encoding(bits, 4, (0, 1, 2)),
            f"bgra{bits}": _Encoding(bits, 4, (2, 1, 0)),
            f"mono{bits}": _Encoding(bits, 1, (0, 0, 0)),
        }
        for pattern in ("rggb", "bggr", "gbrg", "grbg"):
            rows[f"bayer_{pattern}{bits}"] = _Encoding(bits, 1, (0,), pattern)
    return rows


ENCODINGS = _rows()
"""What an ``Image`` message may hold, by its name for it."""


def enhance_samples(layout: ImageLayout, data: Bytes, enhance: Enhance) -> bytearray:
    """Enhance the samples of an ``Image`` message.

    Args:
        layout: what the message says of them.
        data: the samples alone, rows with their padding.
        enhance: the method.

    Returns:
        As many bytes, of the same encoding; padding and transparency as they were.

    Raises:
        UnsupportedFrameError: the encoding is not taken.
        FrameError: the bytes do not fit what the message says.
    """
    encoding, result = _encoding(layout), bytearray(data)
    samples = _samples(layout, encoding, result)
    native = samples.astype(samples.dtype.newbyteorder("="))
    if encoding.pattern:
        colours = enhance(demosaiced(native[..., 0], encoding.pattern))
        samples[..., 0] = mosaicked(colours, encoding.pattern)
    elif encoding.channels == 1:
        samples[..., 0] = _mean(enhance(np.ascontiguousarray(native[..., encoding.rgb])))
    else:
        samples[..., encoding.rgb] = enhance(np.ascontiguousarray(native[..., encoding.rgb]))
    return result


def _encoding(layout: ImageLayout) -> _Encoding:
    encoding = ENCODINGS.get(layout.encoding)
    if encoding is None:
        raise UnsupportedFrameError(f"encoding {layout.encoding!r} is not taken (taken are {', '.join(ENCODINGS)})")
    return encoding


def _samples(layout: ImageLayout, encoding: _Encoding, data: bytearray) -> NDArray[Any]:
    """Look at bytes as ``(H, W, C)`` samples; a row may begin anywhere."""
    dtype = encoding.dtype(big_endian=layout.big_endian)
    pixel = encoding.channels * dtype.itemsize
    row = layout.width * pixel
    said = f"{layout.width}x{layout.height} {layout.encoding} in rows of {layout.step} bytes"
    if not row or not layout.height or layout.step < row:
        raise FrameError(f"no picture can be {said}")
    if len(data) < layout.step * (layout.height - 1) + row:
        raise FrameError(f"{len(data)} bytes are too few for {said}")
    shape, strides = (layout.height, layout.width, encoding.channels), (layout.step, pixel, dtype.itemsize)
    return np.ndarray(shape, dtype, data, strides=strides)


def _mean(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the rounded mean of the three channels, as :mod:`highbeam.pictures` stores grey."""
    total: NDArray[Any] = pixels.sum(axis=-1, dtype=np.uint32)
    return ((total + 1) // 3).astype(pixels.dtype)


def enhance_file(format: str, data: bytes, enhance: Enhance) -> bytes:
    """Enhance the file in a ``CompressedImage`` message.

    Args:
        format: what the message says of it.
        data: the file.
        enhance: the method.

    Returns:
        A file of the same format.

    Raises:
        UnsupportedFrameError: it holds distances, or no still picture of a known format.
        FrameError: it is damaged.
    """
    if "compressedDepth" in format:
        raise UnsupportedFrameError(f"format {format!r} holds distances, which are not enhanced")
    try:
        picture = decode(data, name="picture")
        return encode(picture.with_pixels(enhance(picture.pixels)))
    except UnsupportedPictureError as error:
        raise UnsupportedFrameError(f"format {format!r}: the picture {error.reason}") from error
    except PictureError as error:
        raise FrameError(f"the picture {error.reason}") from error
