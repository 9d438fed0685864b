"""TIFF: directories, strips, tiles and predictors read and written here; libtiff only expands LZW and PackBits.

Pillow opens a 16-bit colour TIFF as 8 bits, and OpenCV hands back half of a damaged one, so neither is asked.

Source: TIFF 6.0 (Adobe, 1992); Adobe Photoshop TIFF technical notes (2002) for deflate.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, product
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, TiffImagePlugin

from highbeam.pictures import exif, ifd
from highbeam.pictures.ifd import LONG, RATIONAL, SHORT, UNDEFINED, Field
from highbeam.pictures.source import DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from highbeam.pictures.picture import Samples

__all__ = ["MAGICS", "encode", "scan"]

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _STRIP_ROWS, _STRIP_SIZES, _ACROSS, _DOWN, _PLANAR = 273, 277, 278, 279, 282, 283, 284
_UNIT, _PREDICTOR, _COLOURS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_SIZES = 296, 317, 320, 322, 323, 324, 325
_EXTRA, _FORMAT, _XMP, _ICC, _DNG = 338, 339, 700, 34675, 50706
_NONE, _LZW, _ADOBE_DEFLATE, _DEFLATE, _PACKBITS = 1, 5, 8, 32946, 32773
_PREDICTED = (_LZW, _ADOBE_DEFLATE, _DEFLATE)
_COMPRESSIONS = (_NONE, _PACKBITS, *_PREDICTED)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INKS = 0, 1, 2, 3, 5
_COLOUR_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _INKS: 4}
_PREMULTIPLIED, _STRAIGHT = 1, 2  # alpha, of the kinds of extra samples
_SEPARATE = 2  # planes
_FINE, _DEEP = (1, 2, 4), 16  # bits of a sample
_MOST_SAMPLES, _MOST_CHUNKS, _MOST_TILE, _MOST_PAGES = 8, 1 << 17, 1 << 24, 64
_CHUNK = 1 << 18  # bytes of a strip as written, before compression
_SLACK = 1 << 12  # bytes by which compression may lengthen a chunk beyond its double


@dataclass(frozen=True)
class _Layout:
    """How the samples are stored; a chunk is a strip or a tile."""

    order: str
    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    extra: int | None
    compression: int
    differences: bool
    planar: bool
    tiled: bool
    chunk_width: int
    chunk_height: int
    offsets: Sequence[int]
    sizes: Sequence[int]
    colours: Sequence[int]

    @property
    def colour_channels(self) -> int:
        return _COLOUR_CHANNELS[self.photometric]


def scan(data: bytes) -> Source:
    """Read the structure of a TIFF.

    Raises:
        DamageError: cut short, or against the rules.
        RefusalError: several pages, camera raw, or samples, colours or compression that are not taken.
    """
    if data[2] == ord("+") or data[3] == ord("+"):
        raise RefusalError("is a BigTIFF; save it as an ordinary TIFF")
    tags = ifd.first(data)
    _refuse(tags)
    layout = _layout(tags)
    bits, channels = layout.bits, layout.colour_channels + (layout.extra is not None)
    if layout.photometric == _PALETTE:
        bits, channels = 8, 3
    block = exif.block_of(data[:4] + struct.pack(f"{tags.order}I", 8) + ifd.dump(exif.descriptive(data), tags.order, 8))
    metadata = Metadata(block, tags.raw(_ICC), tags.raw(_XMP), exif.resolution_of(data))
    return Source(
        layout.width,
        layout.height,
        bits,
        channels,
        metadata,
        partial(_decoded, layout, data),
        cmyk=layout.photometric == _INKS,
    )


def _refuse(tags: ifd.Directory) -> None:
    if tags.integers(_SUBFILE, 0)[0] & 1 or _DNG in tags.entries or tags.block[8:10] == b"CR":
        raise RefusalError("is a camera raw file; develop it and save the result as TIFF, PNG or JPEG")
    pages = 1 + sum(not page.integers(_SUBFILE, 0)[0] & 5 for page in _following(tags))  # previews and masks apart
    if pages > 1:
        raise RefusalError(f"is a TIFF of {pages} pages; save the one you want by itself")


def _following(tags: ifd.Directory) -> Iterator[ifd.Directory]:
    seen: set[int] = set()
    while tags.next:
        if tags.next in seen or len(seen) > _MOST_PAGES:
            raise DamageError("is a damaged TIFF: its pages go round in a circle, or on and on")
        seen.add(tags.next)
        tags = ifd.read(tags.block, tags.order, tags.next)
        yield tags


def _layout(tags: ifd.Directory) -> _Layout:
    def one(tag: int, *default: int) -> int:
        values = tags.integers(tag, *default)
        if not values:
            raise DamageError(f"is a damaged TIFF: it lacks tag {tag}")
        return values[0]

    samples, width, height = one(_SAMPLES, 1), one(_WIDTH), one(_HEIGHT)
    photometric, tiled = one(_PHOTOMETRIC), _TILES in tags.entries
    bits = tags.integers(_BITS, 1)
    _check_kind(tags, photometric, samples, bits)
    extras = tags.integers(_EXTRA) or (_STRAIGHT,)
    has_alpha = samples > _COLOUR_CHANNELS[photometric] and extras[0] in (_PREMULTIPLIED, _STRAIGHT)
    compression = one(_COMPRESSION, _NONE)
    layout = _Layout(
        order=tags.order,
        width=width,
        height=height,
        bits=bits[0],
        samples=samples,
        photometric=photometric,
        extra=extras[0] if has_alpha else None,
        compression=compression,
        differences=one(_PREDICTOR, 1) > 1 and bits[0] not in _FINE and compression in _PREDICTED,
        planar=one(_PLANAR, 1) == _SEPARATE and samples > 1,
        tiled=tiled,
        chunk_width=one(_TILE_WIDTH) if tiled else width,
        chunk_height=one(_TILE_HEIGHT) if tiled else min(one(_STRIP_ROWS, height), height),
        offsets=tags.integers(_TILES if tiled else _STRIPS),
        sizes=tags.integers(_TILE_SIZES if tiled else _STRIP_SIZES),
        colours=tags.integers(_COLOURS),
    )
    _check_chunks(layout)
    return layout


def _check_kind(tags: ifd.Directory, photometric: int, samples: int, bits: tuple[int, ...]) -> None:
    compression, predictor = tags.integers(_COMPRESSION, _NONE)[0], tags.integers(_PREDICTOR, 1)[0]
    if set(tags.integers(_FORMAT, 1)) != {1}:
        raise RefusalError("is a TIFF of floating-point or signed samples; convert it to 8 or 16 bits without sign")
    if photometric not in _COLOUR_CHANNELS:
        raise RefusalError(f"is a TIFF in colours of kind {photometric}; save it as grey, RGB, palette or CMYK")
    if compression not in _COMPRESSIONS or predictor not in (1, 2) or tags.integers(_FILL_ORDER, 1)[0] != 1:
        raise RefusalError(f"is a TIFF with compression {compression}; save it with none, LZW, deflate or PackBits")
    most_bits = 8 if photometric in (_PALETTE, _INKS) else 16
    most_samples = 1 if photometric == _PALETTE or bits[0] in _FINE else _MOST_SAMPLES
    if len(set(bits)) > 1 or bits[0] not in (*_FINE, 8, _DEEP) or bits[0] > most_bits:
        raise RefusalError(f"is a TIFF of {max(bits)}-bit samples; save it with 8 or 16 bits (CMYK and palettes: 8)")
    if not _COLOUR_CHANNELS[photometric] <= samples <= most_samples:
        raise RefusalError(f"is a TIFF of {samples} samples a pixel in colours of kind {photometric}")


def _check_chunks(layout: _Layout) -> None:
    if min(layout.width, layout.height, layout.chunk_width, layout.chunk_height) < 1:
        raise DamageError("is a TIFF without pixels")
    if layout.tiled and layout.chunk_width * layout.chunk_height > max(layout.width * layout.height, _MOST_TILE):
        raise DamageError("is a TIFF whose tiles are far larger than the picture")
    across, down = _chunks(layout)
    wanted = across * down * (layout.samples if layout.planar else 1)
    if not len(layout.offsets) == len(layout.sizes) == wanted or wanted > _MOST_CHUNKS:
        raise DamageError(f"is a damaged TIFF: {len(layout.offsets)} strips or tiles where {wanted} must be")


def _chunks(layout: _Layout) -> tuple[int, int]:
    return -(-layout.width // layout.chunk_width), -(-layout.height // layout.chunk_height)


def _decoded(layout: _Layout, data: bytes) -> Samples:
    samples = _stored(layout, data)
    if layout.photometric == _PALETTE:
        colours = np.array(layout.colours).reshape(3, 1 << layout.bits).T
        return (colours >> 8 if colours.max() >> 8 else colours).astype(np.uint8)[samples[..., 0]]
    white = np.iinfo(samples.dtype).max
    if layout.bits in _FINE:
        samples *= white // ((1 << layout.bits) - 1)
    if layout.photometric == _WHITE_IS_ZERO:
        samples[..., 0] = white - samples[..., 0]
    samples = samples[..., : layout.colour_channels + (layout.extra is not None)]
    return _straight(samples, white) if layout.extra == _PREMULTIPLIED else samples


def _straight(samples: Samples, white: int) -> Samples:
    """Divide the colours by the alpha they were multiplied with."""
    alpha = np.maximum(samples[..., -1:], 1).astype(np.uint64)
    colours = (samples[..., :-1] * np.uint64(white) + alpha // 2) // alpha
    return np.concatenate([np.minimum(colours, white).astype(samples.dtype), samples[..., -1:]], axis=-1)


def _stored(layout: _Layout, data: bytes) -> Samples:
    """Put the chunks together: ``(H, W, samples)`` as stored, predictor undone."""
    dtype = np.uint16 if layout.bits == _DEEP else np.uint8
    out = np.empty((layout.height, layout.width, layout.samples), dtype)
    across, down = _chunks(layout)
    planes = [slice(s, s + 1) for s in range(layout.samples)] if layout.planar else [slice(None)]
    places = product(planes, range(down), range(across))
    for (plane, row, column), offset, size in zip(places, layout.offsets, layout.sizes, strict=True):
        top, left = row * layout.chunk_height, column * layout.chunk_width
        place = out[top : top + layout.chunk_height, left : left + layout.chunk_width, plane]
        rows = layout.chunk_height if layout.tiled else len(place)
        most = 2 * rows * layout.chunk_width * place.shape[2] * out.itemsize + _SLACK
        chunk = _chunk(layout, data[offset : offset + min(size, most)], rows, place.shape[2])
        place[...] = chunk[: place.shape[0], : place.shape[1]]
    return out


def _chunk(layout: _Layout, packed: bytes, rows: int, samples: int) -> Samples:
    row_bytes = -(-layout.chunk_width * samples * layout.bits // 8)
    plain = _expanded(layout.compression, packed, rows, row_bytes)
    if len(plain) < rows * row_bytes:
        raise DamageError("is a TIFF that is cut short: part of its pixels is missing")
    stored: Samples = np.frombuffer(plain, np.uint8, rows * row_bytes).reshape(rows, row_bytes)
    if layout.bits in _FINE:
        parts = np.unpackbits(stored, axis=1).reshape(rows, -1, layout.bits)
        stored = np.packbits(parts, axis=2)[..., 0] >> (8 - layout.bits)
    elif layout.bits == _DEEP:
        stored = stored.view(f"{layout.order}u2").astype(np.uint16)
    chunk = stored[:, : layout.chunk_width * samples].reshape(rows, layout.chunk_width, samples)
    return np.cumsum(chunk, axis=1, dtype=chunk.dtype) if layout.differences else chunk


def _expanded(compression: int, packed: bytes, rows: int, row_bytes: int) -> bytes:
    if compression == _NONE:
        return packed
    if compression in (_ADOBE_DEFLATE, _DEFLATE):
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(packed, rows * row_bytes)
        unpacker.decompress(unpacker.unconsumed_tail, 1)  # on to the checksum
        return plain
    return _by_libtiff(compression, packed, rows, row_bytes)


class _CheckedTiff(TiffImagePlugin.TiffImageFile):
    """One whose size has been checked: Pillow would warn by its own limit, which all callers share."""

    def load_prepare(self) -> None:
        self.im = Image.new(self.mode, self.size).im
        super().load_prepare()


def _by_libtiff(compression: int, packed: bytes, rows: int, row_bytes: int) -> bytes:
    """Expand one chunk by way of a file that holds it as a grey picture, a byte a pixel."""
    tree = _tree("<", {_WIDTH: row_bytes, _HEIGHT: rows, _COMPRESSION: compression, _PHOTOMETRIC: _BLACK_IS_ZERO})
    tree |= _tree("<", {_BITS: 8, _SAMPLES: 1, _STRIP_ROWS: rows, _STRIPS: 8, _STRIP_SIZES: len(packed)})
    with _CheckedTiff(io.BytesIO(_file("<", packed, tree))) as image:
        return image.tobytes()


def _tree(order: str, numbers: dict[int, int | Sequence[int]]) -> ifd.Tree:
    def field(value: int | Sequence[int]) -> Field:
        values = [value] if isinstance(value, int) else value
        return Field(LONG, struct.pack(f"{order}{len(values)}I", *values))

    return {tag: field(value) for tag, value in numbers.items()}


def _file(order: str, body: bytes, tree: ifd.Tree) -> bytes:
    """Write a TIFF file: header, body at offset 8, directory."""
    body += bytes(len(body) % 2)
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(f"{order}I", 8 + len(body)) + body + ifd.dump(tree, order, 8 + len(body))


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, C)`` samples, 1 to 4 channels of 8 or 16 bits, with deflate; lossless whatever the quality."""
    del quality
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    block = metadata.exif
    order = ifd.first(block).order if block else "<"  # the values in EXIF keep theirs
    rows = max(1, _CHUNK // (width * channels * bits // 8))
    strips = [_deflated(samples[top : top + rows], order) for top in range(0, height, rows)]
    sizes = [len(strip) for strip in strips]
    tree = (exif.descriptive(block) if block else {}) | _tree(
        order,
        {
            _WIDTH: width,
            _HEIGHT: height,
            _STRIPS: list(accumulate(sizes[:-1], initial=8)),
            _STRIP_ROWS: rows,
            _STRIP_SIZES: sizes,
        },
    )
    short = {
        _BITS: [bits] * channels,
        _COMPRESSION: [_ADOBE_DEFLATE],
        _PHOTOMETRIC: [_BLACK_IS_ZERO if channels in (1, 2) else _RGB],
        _SAMPLES: [channels],
        _PREDICTOR: [2],
    }
    if channels in (2, 4):
        short[_EXTRA] = [_STRAIGHT]
    tree |= {tag: Field(SHORT, struct.pack(f"{order}{len(it)}H", *it)) for tag, it in short.items()}
    return _file(order, b"".join(strips), tree | _described(metadata, order))


def _described(metadata: Metadata, order: str) -> ifd.Tree:
    tree: ifd.Tree = {}
    if metadata.icc:
        tree[_ICC] = Field(UNDEFINED, metadata.icc)
    if metadata.xmp:
        tree[_XMP] = Field(1, metadata.xmp)
    if metadata.dpi:
        for tag, value in zip((_ACROSS, _DOWN), metadata.dpi, strict=True):
            tree[tag] = Field(RATIONAL, struct.pack(f"{order}II", round(value * 1000), 1000))
        tree[_UNIT] = Field(SHORT, struct.pack(f"{order}H", 2))
    return tree


def _deflated(rows: Samples, order: str) -> bytes:
    """Compress rows with predictor 2: every sample less the one of the same channel to its left."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(f"{order}u{differences.itemsize}").tobytes())
