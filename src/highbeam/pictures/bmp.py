"""BMP: the header read here, so that size and length are known first; pixels by Pillow.

Source: Microsoft, Bitmap Storage (BITMAPCOREHEADER to BITMAPV5HEADER).
"""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import BmpImagePlugin, Image

from highbeam.pictures.source import INCHES_PER_METRE, DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from highbeam.pictures.picture import Samples

__all__ = ["MAGIC", "encode", "scan"]

MAGIC = b"BM"
_FILE_HEADER, _CORE, _INFO, _V4 = 14, 12, 40, 108
_PLAIN, _BITFIELDS = 0, 3
_DEPTHS = (1, 4, 8, 16, 24, 32)
_MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # red, green, blue, alpha
_SRGB = b"BGRs"  # LCS_sRGB, a number, as it lies in the file
_MODES = {"L": "L", "1": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA"}


def scan(data: bytes) -> Source:
    """Read the header of a BMP.

    Raises:
        DamageError: cut short, or against the rules.
        RefusalError: run-length coded, or a JPEG or PNG in disguise.
    """
    pixels_at, header = struct.unpack_from("<II", data, 10)
    compression, dpi = _PLAIN, None
    if header == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
    elif header >= _INFO:
        width, height, _, depth, compression, _, across, down = struct.unpack_from("<iiHHIIii", data, 18)
        if across > 0 and down > 0:
            dpi = (across / INCHES_PER_METRE, down / INCHES_PER_METRE)
    else:
        raise DamageError("has a BMP header that no BMP can have")
    if compression not in (_PLAIN, _BITFIELDS):
        raise RefusalError("is a run-length coded BMP; save it uncompressed, or as PNG")
    height = abs(height)  # negative where the rows run from top to bottom
    if depth not in _DEPTHS or width < 1:
        raise DamageError("has a BMP header that no BMP can have")
    if pixels_at + -(-width * depth // 32) * 4 * height > len(data):
        raise DamageError("is a BMP that is cut short")
    image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    mode = _MODES[image.mode]
    return Source(width, height, 8, len(mode), Metadata(dpi=dpi), partial(_samples, image, mode))


def _samples(image: Image.Image, mode: str) -> Samples:
    return np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, 1, 3 or 4)`` of 8 bits, uncompressed; of the metadata only the resolution has a place."""
    del quality
    if samples.shape[2] == len(_MASKS):
        return _with_alpha(samples, metadata.dpi or (0, 0))
    out = io.BytesIO()
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    image.save(out, "BMP", dpi=metadata.dpi or (0, 0))
    return out.getvalue()


def _with_alpha(samples: Samples, dpi: tuple[float, float]) -> bytes:
    """Write BITMAPV4HEADER, the first that has a mask for alpha, and rows from bottom to top."""
    height, width, _ = samples.shape
    rows = samples[::-1, :, [2, 1, 0, 3]].tobytes()
    across, down = (round(per_inch * INCHES_PER_METRE) for per_inch in dpi)
    start = _FILE_HEADER + _V4
    file = struct.pack("<2sIHHI", MAGIC, start + len(rows), 0, 0, start)
    info = (_V4, width, height, 1, 32, _BITFIELDS, len(rows), across, down, 0, 0)
    return file + struct.pack("<IiiHHIIiiII", *info) + struct.pack("<4I4s48x", *_MASKS, _SRGB) + rows
