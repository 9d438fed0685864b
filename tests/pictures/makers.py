"""Pictures and files for the tests, made by other programs than the one under test, or by hand."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from highbeam.pictures import Picture

Array = NDArray[Any]

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d" dc:x="caf\xc3\xa9"/></x:xmpmeta>'


@cache
def srgb() -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def profile_for(space: bytes) -> bytes:
    """A profile that says it is for another colour space; only its header is true to form."""
    return srgb()[:16] + space + srgb()[20:]


def gradient(height: int = 12, width: int = 20, channels: int = 3, dtype: Any = np.uint8) -> Array:
    """Smooth, of all different channels, over the whole range."""
    white = np.iinfo(dtype).max
    y, x = np.mgrid[0:height, 0:width] / max(height, width, 2)
    planes = [(x + y) / 2, (1 - x + y) / 2, (x + 1 - y) / 2, (2 - x - y) / 2]
    return np.stack([np.round(plane * white) for plane in planes[:channels]], axis=-1).astype(dtype)


def noise(height: int = 12, width: int = 20, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> Array:
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def image(samples: Array) -> Image.Image:
    return Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def by_opencv(suffix: str, samples: Array, *options: int) -> bytes:
    swapped = samples[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]]
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(swapped), list(options))
    assert ok
    return data.tobytes()


def exif(orientation: int | None = 6, *, size: tuple[int, int] = (20, 12)) -> bytes:
    """EXIF as Pillow writes it, with a camera, GPS, a date, a maker note and the size."""
    block = Image.Exif()
    block[0x010F] = "Maker"
    if orientation is not None:
        block[0x0112] = orientation
    block.get_ifd(0x8769)[0x9003] = "2024:01:02 03:04:05"
    block.get_ifd(0x8769)[0x927C] = b"maker's own note"
    block.get_ifd(0x8769)[0xA002], block.get_ifd(0x8769)[0xA003] = size
    block.get_ifd(0x8825)[1] = "N"
    block.get_ifd(0x8825)[2] = (48.0, 51.0, 30.5)
    return block.tobytes()[6:]


def told(block: bytes | None) -> dict[str, Any]:
    """What EXIF says, as Pillow reads it."""
    read = Image.Exif()
    read.load(block or b"")
    inside, gps = read.get_ifd(0x8769), read.get_ifd(0x8825)
    return {
        "maker": read.get(0x010F),
        "orientation": read.get(0x0112),
        "date": inside.get(0x9003),
        "note": inside.get(0x927C),
        "size": (inside.get(0xA002), inside.get(0xA003)),
        "north": gps.get(1),
        "latitude": tuple(map(float, gps.get(2, ()))),
    }


TOLD = {
    "maker": "Maker",
    "orientation": 1,
    "date": "2024:01:02 03:04:05",
    "note": b"maker's own note",
    "size": (20, 12),
    "north": "N",
    "latitude": (48.0, 51.0, 30.5),
}


def a_picture(dtype: Any = np.uint8, *, grey: bool = False, alpha: bool = False, **more: Any) -> Picture:
    samples = gradient(12, 20, 4, dtype)
    pixels = np.repeat(samples[..., :1], 3, axis=-1) if grey else samples[..., :3].copy()
    return Picture(pixels, grey=grey, alpha=samples[..., 3].copy() if alpha else None, **more)


def same(got: Array | None, wanted: Array) -> bool:
    return got is not None and np.array_equal(got, wanted)


def opencv_reads(data: bytes) -> Array:
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert read is not None
    return np.atleast_3d(read)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    samples: Array, bits: int, kind: int, *, before: bytes = b"", size: tuple[int, int] | None = None, short: int = 0
) -> bytes:
    """A PNG by hand, unfiltered; samples hold what is stored, two bytes each for 16 bits."""
    height, width = samples.shape[:2]
    rows = []
    for row in samples.reshape(height, -1):
        if bits == 16:
            rows.append(b"\0" + row.astype(">u2").tobytes())
        else:
            string = "".join(f"{value:0{bits}b}" for value in row)
            string += "0" * (-len(string) % 8)
            rows.append(b"\0" + int(string, 2).to_bytes(len(string) // 8, "big"))
    data = b"".join(rows)
    header = struct.pack(">IIBBBBB", *(size or (width, height)), bits, kind, 0, 0, 0)
    stored = zlib.compress(data[: len(data) - short])
    parts = chunk(b"IHDR", header), before, chunk(b"IDAT", stored), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(tags: dict[int, tuple[int, Any]], body: bytes = b"", *, order: str = "<", following: int = 0) -> bytes:
    """A TIFF by hand: the body stands at offset 8; a tag is its type (3, 4, 5 or 7) and its value or values."""
    codes = {3: "H", 4: "I", 5: "I"}
    at = 8 + len(body)
    entries, heap, spot = b"", b"", at + 2 + 12 * len(tags) + 4
    for tag, (kind, value) in sorted(tags.items()):
        if kind == 7:
            raw, count = value, len(value)
        else:
            values = value if isinstance(value, list | tuple) else [value]
            raw, count = struct.pack(f"{order}{len(values)}{codes[kind]}", *values), len(values) // (1 + (kind == 5))
        entries += struct.pack(f"{order}HHI", tag, kind, count)
        entries += raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", spot + len(heap))
        heap += raw if len(raw) > 4 else b""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", at)
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", following) + heap


def tiff_tags(samples: Array, *, offsets: Any = 8, sizes: Any = None, **more: Any) -> dict[int, tuple[int, Any]]:
    """The tags of an uncompressed TIFF of one strip; ``more`` names others as ``t338=(3, 1)``."""
    height, width, channels = samples.shape
    tags: dict[int, tuple[int, Any]] = {
        256: (4, width),
        257: (4, height),
        258: (3, [8 * samples.dtype.itemsize] * channels),
        259: (3, 1),
        262: (3, 2 if channels > 2 else 1),
        273: (4, offsets),
        277: (3, channels),
        278: (4, height),
        279: (4, samples.nbytes if sizes is None else sizes),
    }
    return tags | {int(name[1:]): value for name, value in more.items() if value is not None}
