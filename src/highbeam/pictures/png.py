"""PNG: chunks read and written here, pixels unpacked by Pillow's decoder alone.

Pillow opens a 16-bit colour PNG as 8 bits. Its decoder, however, unpacks either byte of a 16-bit sample, so one
pass fetches the high bytes and another the low ones. It does not mind missing rows, so that the data are inflated
and counted here and handed on stored, which costs Pillow next to nothing.

Source: Portable Network Graphics, third edition (W3C, 2025).
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from highbeam.pictures import colour, exif
from highbeam.pictures.source import INCHES_PER_METRE, DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highbeam.pictures.picture import Samples

__all__ = ["MAGIC", "encode", "scan"]

MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 3, _GREY_ALPHA: 2, _RGB_ALPHA: 4}
_TYPES = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGB_ALPHA}
_MODES = {  # (bits, colour type): Pillow's mode, and how its decoder shall unpack into it
    **{(bits, _GREY): ("L", f"L;{bits}") for bits in (2, 4)},
    **{(bits, _PALETTE): ("P", f"P;{bits}") for bits in (1, 2, 4)},
    (1, _GREY): ("1", "1"),
    (8, _GREY): ("L", "L"),
    (8, _RGB): ("RGB", "RGB"),
    (8, _PALETTE): ("P", "P"),
    (8, _GREY_ALPHA): ("LA", "LA"),
    (8, _RGB_ALPHA): ("RGBA", "RGBA"),
    (16, _GREY): ("LA", "LA"),  # two bytes are two bytes
    (16, _GREY_ALPHA): ("RGBA", "RGBA"),
    (16, _RGB): ("RGB", "RGB;16"),
    (16, _RGB_ALPHA): ("RGBA", "RGBA;16"),
}
_DEEP, _BYTE = 16, 8
# Of each pass, the first column and row, and the steps from there.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_XMP = b"XML:com.adobe.xmp"
_LONGEST_KEYWORD = 79
_MOST_UNPACKED = 1 << 26  # bytes of a compressed profile or packet
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_RAW_EXIF = (b"Raw profile type exif", b"Raw profile type APP1")  # ImageMagick's, older than the eXIf chunk
_KEYWORDS = {_XMP, *_RAW_EXIF}  # no other, lest a text pass for a chunk of the kind it is called


class _Shape(NamedTuple):
    width: int
    height: int
    bits: int
    kind: int
    compression: int
    filtering: int
    interlace: int


def scan(data: bytes) -> Source:
    """Read the structure of a PNG, checking every checksum.

    Raises:
        DamageError: cut short, altered, or against the rules.
        RefusalError: animated, or of high dynamic range.
    """
    chunks = _gathered(data)
    shape = _Shape(*struct.unpack(">IIBBBBB", chunks[b"IHDR"]))
    if (shape.bits, shape.kind) not in _MODES or shape[4:6] != (0, 0) or shape.interlace > 1:
        raise DamageError("has a PNG header that no PNG can have")
    if (shape.kind == _PALETTE) != (b"PLTE" in chunks) and shape.kind not in (_RGB, _RGB_ALPHA):
        raise DamageError("has a palette where none may be, or none where one must be")
    _refuse(chunks)
    channels = _CHANNELS[shape.kind] + (b"tRNS" in chunks and shape.kind in (_GREY, _RGB, _PALETTE))
    bits = max(shape.bits, _BYTE) if shape.kind == _PALETTE else shape.bits
    return Source(shape.width, shape.height, bits, channels, _metadata(chunks), partial(_samples, shape, chunks))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(MAGIC)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if checksum != zlib.crc32(body, zlib.crc32(kind)):
            raise DamageError(f"is damaged: the checksum of its PNG chunk {kind!r} does not match")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _gathered(data: bytes) -> dict[bytes, bytes]:
    """Return the first chunk of every kind, the pixel data joined, and known texts, with their kind, by keyword."""
    chunks: dict[bytes, bytes] = {}
    pixels = []
    for kind, body in _chunks(data):
        if not chunks and kind != b"IHDR":
            raise DamageError("does not begin with a PNG header")
        if kind == b"IDAT":
            pixels.append(body)
        elif kind in _TEXTS and (keyword := body[: _LONGEST_KEYWORD + 1].partition(b"\0")[0]) in _KEYWORDS:
            chunks.setdefault(keyword, kind + body)
        else:
            chunks.setdefault(kind, body)
    chunks[b"IDAT"] = b"".join(pixels)
    return chunks


def _refuse(chunks: dict[bytes, bytes]) -> None:
    if b"acTL" in chunks and struct.unpack_from(">I", chunks[b"acTL"])[0] > 1:
        raise RefusalError("is an animated PNG; save the frame you want as a still picture")
    colour.refuse_high_range(chunks.get(b"cICP", b"\0\0")[1])


def _metadata(chunks: dict[bytes, bytes]) -> Metadata:
    block = exif.block_of(chunks.get(b"eXIf"))
    for keyword in _RAW_EXIF:
        block = block or exif.block_of(_raw_profile(_text(chunks, keyword)))
    return Metadata(block, _profile(chunks), _text(chunks, _XMP) or None, _resolution(chunks))


def _profile(chunks: dict[bytes, bytes]) -> bytes | None:
    _, _, compressed = chunks.get(b"iCCP", b"").partition(b"\0")
    return _inflated(compressed[1:])


def _text(chunks: dict[bytes, bytes], keyword: bytes) -> bytes | None:
    """Return the text under a keyword, which zTXt and iTXt precede by its compression, iTXt also by its language."""
    chunk = chunks.get(keyword, b"")
    kind, (_, _, rest) = chunk[:4], chunk[4:].partition(b"\0")
    if kind == b"iTXt":
        text = rest[2:].split(b"\0", 2)[-1]
        return _inflated(text) if rest[:1] == b"\1" else text
    return _inflated(rest[1:]) if kind == b"zTXt" else rest


def _raw_profile(text: bytes | None) -> bytes | None:
    """Return what ImageMagick wrote as a line break, a name, a length and that many bytes in hexadecimal."""
    try:
        _, _, length, digits = (text or b"").split(b"\n", 3)
        profile = bytes.fromhex(digits.decode("ascii"))
        return profile[: int(length)] if 0 < int(length) <= len(profile) else None
    except ValueError:
        return None


def _inflated(data: bytes) -> bytes | None:
    """Return what zlib unpacks, or None where it cannot or where it is far too much."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data, _MOST_UNPACKED)
    except zlib.error:
        return None
    return plain if unpacker.eof else None


def _resolution(chunks: dict[bytes, bytes]) -> tuple[float, float] | None:
    across, down, unit = struct.unpack(">IIB", chunks.get(b"pHYs", bytes(9)))
    return (across / INCHES_PER_METRE, down / INCHES_PER_METRE) if across and down and unit == 1 else None


def _samples(shape: _Shape, chunks: dict[bytes, bytes]) -> Samples:
    samples = _unpacked(shape, chunks[b"IDAT"])
    if shape.kind == _PALETTE:
        return _expanded(samples[..., 0], chunks)
    if b"tRNS" in chunks and shape.kind in (_GREY, _RGB):
        return _keyed(samples, shape, chunks[b"tRNS"])
    return samples


def _rows(shape: _Shape, data: bytes) -> bytes:
    """Inflate the pixel data, which must be as many as the header asks for."""
    passes = _ADAM7 if shape.interlace else ((0, 0, 1, 1),)
    sizes = ((-((x - shape.width) // dx), -((y - shape.height) // dy)) for x, y, dx, dy in passes)
    row_bits = shape.bits * (1 if shape.kind == _PALETTE else _CHANNELS[shape.kind])
    wanted = sum(down * (1 - (-across * row_bits // 8)) for across, down in sizes if across > 0)
    rows = zlib.decompressobj().decompress(data, wanted)
    if len(rows) < wanted:
        raise DamageError("is a PNG that is cut short: part of its pixels is missing")
    return rows


def _unpacked(shape: _Shape, data: bytes) -> Samples:
    mode, code = _MODES[shape.bits, shape.kind]
    stored = zlib.compress(_rows(shape, data), 0)

    def decoded(code: str) -> Samples:
        image = Image.frombytes(mode, (shape.width, shape.height), stored, "zip", code, shape.interlace)
        plain = np.asarray(image.convert("L") if mode == "1" else image)
        return plain.reshape(shape.height, shape.width, -1)

    if code.endswith(";16"):
        return decoded(code + "B").astype(np.uint16) << 8 | decoded(code + "L")
    samples = decoded(code)
    return samples.view(">u2").astype(np.uint16) if shape.bits == _DEEP else samples


def _expanded(indices: Samples, chunks: dict[bytes, bytes]) -> Samples:
    colours = np.zeros((256, 3), np.uint8)
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    colours[: len(palette)] = palette
    if b"tRNS" not in chunks:
        return colours[indices]
    opacity = np.frombuffer(chunks[b"tRNS"][:256].ljust(256, b"\xff"), np.uint8)
    return np.column_stack([colours, opacity])[indices]


def _keyed(samples: Samples, shape: _Shape, transparent: bytes) -> Samples:
    """Add an alpha channel that is 0 where a pixel has the one transparent colour."""
    white = np.iinfo(samples.dtype).max
    key = np.frombuffer(transparent, ">u2", samples.shape[2]).astype(np.int64)
    key = key * white // ((1 << shape.bits) - 1)
    alpha = np.where((samples == key).all(axis=-1, keepdims=True), 0, white)
    return np.concatenate([samples, alpha.astype(samples.dtype)], axis=-1)


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, C)`` samples, 1 to 4 channels of 8 or 16 bits; lossless whatever the quality."""
    del quality
    height, width, channels = samples.shape
    shape = _Shape(width, height, samples.dtype.itemsize * 8, _TYPES[channels], 0, 0, 0)
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", *shape))]
    if metadata.icc:
        chunks.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (round(dpi * INCHES_PER_METRE) for dpi in metadata.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        chunks.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        chunks.append(_chunk(b"iTXt", _XMP + bytes(5) + metadata.xmp))
    chunks += [_chunk(b"IDAT", zlib.compress(_filtered(samples))), _chunk(b"IEND", b"")]
    return MAGIC + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _filtered(samples: Samples) -> bytes:
    """Return the rows, each with filter 2: every byte less the one above it."""
    stored = samples.astype(">u2") if samples.dtype == np.uint16 else samples
    rows = np.ascontiguousarray(stored).view(np.uint8).reshape(len(samples), -1)
    filtered = np.full((len(rows), rows.shape[1] + 1), 2, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered.tobytes()
