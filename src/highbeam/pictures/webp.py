"""WebP: chunks read here, because Pillow's decoder makes room for the whole canvas at once; pixels by Pillow.

Source: RFC 9649, WebP image format; RFC 6386 section 9.1 for the lossy frame header.
"""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, WebPImagePlugin

from highbeam.pictures import exif
from highbeam.pictures.source import DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from highbeam.pictures.picture import Samples

__all__ = ["encode", "matches", "scan"]

_HEADER = 12
_ANIMATED, _ALPHA = 0x02, 0x10
_SIDE = 0x3FFF
_LOSSLESS_SIGNATURE, _LOSSY_SIGNATURE = 0x2F, b"\x9d\x01\x2a"
_LOSSLESS = 100


def matches(data: bytes) -> bool:
    """Whether data begins like a WebP."""
    return data[:4] == b"RIFF" and data[8:_HEADER] == b"WEBP"


def scan(data: bytes) -> Source:
    """Read the structure of a WebP.

    Raises:
        DamageError: cut short, or against the rules.
        RefusalError: animated.
    """
    chunks = _chunks(data)
    extended = chunks.get(b"VP8X")
    if b"ANIM" in chunks or b"ANMF" in chunks or (extended and extended[0] & _ANIMATED):
        raise RefusalError("is an animated WebP; save the frame you want as a still picture")
    width, height, alpha = _frame(chunks)
    if extended:
        canvas = tuple(1 + int.from_bytes(extended[at : at + 3], "little") for at in (4, 7))
        if canvas != (width, height):
            raise DamageError(f"is a damaged WebP: a canvas of {canvas} and a picture of {(width, height)}")
        alpha = alpha or bool(extended[0] & _ALPHA)
    block = exif.block_of(chunks.get(b"EXIF"))
    metadata = Metadata(block, chunks.get(b"ICCP"), chunks.get(b"XMP "), exif.resolution_of(block))
    return Source(width, height, 8, 4 if alpha else 3, metadata, partial(_samples, data))


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the first chunk of every kind."""
    (size,) = struct.unpack_from("<I", data, 4)
    end = size + 8
    if end > len(data):
        raise DamageError("is a WebP that is cut short")
    chunks: dict[bytes, bytes] = {}
    at = _HEADER
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise DamageError("is a WebP that is cut short")
        chunks.setdefault(kind, data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
    return chunks


def _frame(chunks: dict[bytes, bytes]) -> tuple[int, int, bool]:
    """Return width, height and alpha as the picture itself states them."""
    if lossless := chunks.get(b"VP8L"):
        signature, bits = struct.unpack_from("<BI", lossless)
        if signature != _LOSSLESS_SIGNATURE:
            raise DamageError("is a damaged WebP: its lossless picture has no signature")
        return (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1, bool(bits >> 28 & 1)
    start, width, height = struct.unpack_from("<3sHH", chunks[b"VP8 "], 3)
    if start != _LOSSY_SIGNATURE:
        raise DamageError("is a damaged WebP: its picture has no start code")
    return width & _SIDE, height & _SIDE, b"ALPH" in chunks


def _samples(data: bytes) -> Samples:
    with WebPImagePlugin.WebPImageFile(io.BytesIO(data)) as image:
        return np.array(image)


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, 3 or 4)`` of 8 bits; lossless at quality 100. Alpha is lossless at every quality."""
    options = {"exif": metadata.exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    out = io.BytesIO()
    given = {name: value for name, value in options.items() if value}
    lossless = quality == _LOSSLESS
    Image.fromarray(samples).save(out, "WEBP", quality=quality, lossless=lossless, exact=True, **given)
    return out.getvalue()
