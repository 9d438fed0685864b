"""AVIF: boxes read here for the depth and the true frame sizes; pixels by OpenCV, where it knows the kind.

Pillow reduces deeper pictures to 8 bits, and its decoder (dav1d) makes a picture of a file whose tail is missing
and filled with zeros. OpenCV's (aom) keeps the depth and calls such a file corrupt. But OpenCV takes no grey with
transparency, and in grey takes limited range for full, so that 8-bit grey is left to Pillow once OpenCV has found
no fault. Both build on libavif.

Source: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items), AV1-AVIF 1.1, AV1 bitstream specification 5.3 to 5.5.
"""

from __future__ import annotations

import io
import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import AvifImagePlugin, Image

from highbeam.pictures import colour, exif, opencv
from highbeam.pictures.source import DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highbeam.pictures.picture import Samples

__all__ = ["encode", "matches", "scan"]

_BRANDS = (b"avif", b"avis")
_HIGH_DEPTH, _TWELVE, _MONOCHROME = 0x40, 0x20, 0x10  # of the third byte of av1C
_SEQUENCE_HEADER, _LAST_SMALL_LEVEL, _LONGEST_HEADER = 1, 7, 256
_PLAIN_DEPTH, _DEEPEST, _WHITE = 8, 12, 65535
_LOSSLESS = 100
_SWAPPED = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}  # OpenCV's BGR
_SPEED = 8  # of 0 to 10; four times as fast as 6 for files 5 % larger


def matches(data: bytes) -> bool:
    """Whether data begins like an AVIF."""
    length = int.from_bytes(data[:4], "big")
    brands = {data[at : at + 4] for at in range(8, min(length, 256), 4)}
    return data[4:8] == b"ftyp" and not brands.isdisjoint(_BRANDS)


def scan(data: bytes) -> Source:
    """Read the structure of an AVIF.

    Raises:
        DamageError: cut short, or against the rules.
        RefusalError: animated, or of high dynamic range.
    """
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(data))  # makes room for pixels only when asked for them
    if image.n_frames > 1 or data[8:12] == b"avis":
        raise RefusalError("is an AVIF sequence; save the frame you want as a still picture")
    boxes = _unfolded(data)
    for start, end in boxes.get(b"colr", ()):
        colour.refuse_high_range(_transfer(data[start:end]))
    flags = [data[start + 2] for start, _ in boxes[b"av1C"]]
    bits = max(map(_depth, flags))
    grey = all(flag & _MONOCHROME for flag in flags)  # alpha, a picture of its own, always is
    payloads = _payloads(data, boxes)
    frames = [_frame(payload) for payload in payloads]
    ended = not any(payload.endswith(b"\0") for payload in payloads)
    block = exif.block_of(image.info.get("exif"))
    metadata = Metadata(block, image.info.get("icc_profile"), image.info.get("xmp"), exif.resolution_of(block))
    return Source(
        *image.size,
        bits,
        (1 if grey else 3) + image.mode.endswith("A"),
        metadata,
        partial(_samples, image, data, bits, grey=grey, ended=ended),
        orientation=exif.orientation_of(block),  # Pillow has put the container's rotation there
        frame=(max(width for width, _ in frames), max(height for _, height in frames)),
    )


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Walk over the boxes of a stretch of data: kind, start and end of what is inside."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        stop = at + size if size else end
        if not start <= stop <= end:
            raise DamageError("is an AVIF that is cut short")
        yield kind, start, stop
        at = stop


def _unfolded(data: bytes) -> dict[bytes, list[tuple[int, int]]]:
    """Return where the boxes of the meta box lie, by kind, with the item properties among them."""
    found: dict[bytes, list[tuple[int, int]]] = {}
    inside = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 0}
    waiting = [(0, len(data))]
    while waiting:
        for kind, start, end in _boxes(data, *waiting.pop()):
            found.setdefault(kind, []).append((start, end))
            if kind == b"iinf":
                waiting.append((start + (6 if data[start] == 0 else 8), end))
            elif kind in inside:
                waiting.append((start + inside[kind], end))
    return found


def _transfer(body: bytes) -> int:
    kind, _, transfer = struct.unpack_from(">4sHH", body)
    return transfer if kind == b"nclx" else 0


def _depth(flags: int) -> int:
    return 10 + 2 * bool(flags & _TWELVE) if flags & _HIGH_DEPTH else _PLAIN_DEPTH


class _Fields:
    """Whole numbers of given sizes in bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)

    def slice(self, size: int | None) -> bytes:
        end = len(self._data) if size is None else self._at + size
        if end > len(self._data):
            raise DamageError("is an AVIF that is cut short")
        start, self._at = self._at, end
        return self._data[start:end]

    def take(self, size: int) -> int:
        return int.from_bytes(self.slice(size), "big")

    def leb128(self) -> int:
        value = 0
        for shift in range(0, 56, 7):
            byte = self.take(1)
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
        return value


class _Bits:
    """Whole numbers of given sizes in bits, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, size: int) -> int:
        self._left -= size
        if self._left < 0:
            raise DamageError("is an AVIF that is cut short")
        return self._value >> self._left & ((1 << size) - 1)


def _coded_item(entry: bytes) -> int | None:
    """Return the identity of an item that is coded as AV1, by its information entry."""
    item, _, kind = struct.unpack_from({2: ">HH4s", 3: ">IH4s"}[entry[0]], entry, 4)
    return int(item) if kind == b"av01" else None


def _locations(fields: _Fields) -> Iterator[tuple[int, int, int, int]]:
    """Read the item location box: item, construction method, offset and length of each extent."""
    version, sizes = fields.take(4) >> 24, fields.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 0xF for shift in (12, 8, 4, 0))
    wide = 4 if version > 1 else 2
    for _ in range(fields.take(wide)):
        item = fields.take(wide)
        method = fields.take(2) & 0xF if version else 0
        fields.take(2)  # data reference
        base = fields.take(base_size)
        for _ in range(fields.take(2)):
            fields.take(index_size if version else 0)
            yield item, method, base + fields.take(offset_size), fields.take(length_size)


def _payloads(data: bytes, boxes: dict[bytes, list[tuple[int, int]]]) -> list[bytes]:
    """Return the AV1 data of every coded item."""
    coded = {_coded_item(data[start:end]) for start, end in boxes[b"infe"]}
    inside = b"".join(data[start:end] for start, end in boxes.get(b"idat", ()))
    ((start, end),) = boxes[b"iloc"]
    payloads: dict[int, list[bytes]] = {}
    room = 2 * len(data)  # hostile extents can all name the same data
    for item, method, offset, length in _locations(_Fields(data[start:end])):
        if item in coded:
            extent = (inside if method else data)[offset : offset + length if length else None]
            room -= len(extent)
            if room < 0:
                raise DamageError("is a damaged AVIF: it holds more than its own size")
            payloads.setdefault(item, []).append(extent)
    return [b"".join(extents) for extents in payloads.values()]


def _frame(payload: bytes) -> tuple[int, int]:
    """Return the largest frame that the sequence headers of an item allow."""
    sizes = [_frame_size(unit) for kind, unit in _units(payload) if kind == _SEQUENCE_HEADER]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def _units(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk over open bitstream units (5.3): kind and content."""
    fields = _Fields(payload)
    while not fields.ended:
        header = fields.take(1)
        fields.take(header >> 2 & 1)  # extension
        yield header >> 3 & 0xF, fields.slice(fields.leb128() if header >> 1 & 1 else None)


def _frame_size(header: bytes) -> tuple[int, int]:
    """Return width and height of a sequence header (5.5.1)."""
    bits = _Bits(header[:_LONGEST_HEADER])
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced
        bits.take(5)
    else:
        if bits.take(1):
            raise RefusalError("is an AVIF with timing of a video; save it as a still picture")
        delays = bits.take(1)
        for _ in range(bits.take(5) + 1):
            bits.take(12)
            bits.take(bits.take(5) > _LAST_SMALL_LEVEL)  # tier
            if delays and bits.take(1):
                bits.take(4)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _samples(image: Image.Image, data: bytes, bits: int, *, grey: bool, ended: bool) -> Samples:
    """Decode by OpenCV, or grey of 8 bits by Pillow; ``ended`` is the sign of completeness where OpenCV has none."""
    judged = _opencv_knows(grey=grey, alpha=image.mode.endswith("A"))
    found = opencv.decoded(data) if judged else None
    if found is None and (judged or not ended):
        raise DamageError("is an AVIF with damaged pixels")
    if bits == _PLAIN_DEPTH and (grey or not judged):
        samples = np.array(image).reshape(image.height, image.width, -1)
    else:
        samples = _spread(found, bits)
    colours = samples[..., : 1 if grey else 3]  # grey with alpha, or any grey, may come as RGB
    return np.concatenate([colours, samples[..., -1:]], axis=-1) if samples.shape[2] in (2, 4) else colours


def _opencv_knows(*, grey: bool, alpha: bool) -> bool:
    return bool(cv2.haveImageWriter("any.avif")) and not (grey and alpha)


def _spread(deep: Samples | None, bits: int) -> Samples:
    """Return OpenCV's samples as RGB, those of 10 or 12 bits over the whole range of 16."""
    if deep is None or (bits > _PLAIN_DEPTH) != (deep.dtype == np.uint16):
        raise RefusalError(f"is an AVIF of {bits} bits that this build of OpenCV does not read; save it as 16-bit PNG")
    deep = deep.reshape(*deep.shape[:2], -1)
    scaled: Samples = deep << (16 - bits) | deep >> (2 * bits - 16) if bits > _PLAIN_DEPTH else deep
    return scaled[..., _SWAPPED[deep.shape[2]]]


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, 1, 3 or 4)``: 8 bits with colour at full resolution (4:4:4) and lossless alpha, 16 bits as 12.

    An alpha that is opaque all over is left out.

    AVIF holds 12 bits at most, to which 16 are rounded. Of those, colour is stored at half resolution (4:2:0), except
    at quality 100, which is lossless in 12 bits. OpenCV codes alpha with the quality of the colour, so that a picture
    with transparency is always written with quality 100: alpha comes back to half a step of 12 bits.
    """
    if samples.dtype == np.uint16:
        return _landed(_encoded_deep(samples, metadata, quality), metadata)
    return _encoded(samples, metadata, quality)


def _landed(data: bytes, metadata: Metadata) -> bytes:
    """Return what OpenCV wrote, unless it left metadata out, as it did before it knew them all."""
    found = AvifImagePlugin.AvifImageFile(io.BytesIO(data)).info
    if (found.get("icc_profile"), found.get("xmp")) != (metadata.icc, metadata.xmp):
        raise RefusalError("this build of OpenCV drops colour profiles and XMP from deep AVIF")
    return data


def _encoded(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    # Pillow would take the orientation out of EXIF itself, and rewrite the rest.
    block = exif.without_orientation(metadata.exif) if metadata.exif else None
    options: dict[str, Any] = {"exif": block, "icc_profile": metadata.icc, "xmp": metadata.xmp}
    if samples.shape[2] == len("RGBA"):
        options |= {"codec": "aom", "advanced": {"alpha:lossless": "1"}}
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    subsampling = "4:0:0" if samples.shape[2] == 1 else "4:4:4"
    out = io.BytesIO()
    given = {name: value for name, value in options.items() if value}
    image.save(out, "AVIF", quality=quality, subsampling=subsampling, speed=_SPEED, **given)
    return out.getvalue()


def _encoded_deep(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    white = (1 << _DEEPEST) - 1
    deep = ((samples.astype(np.uint32) * white + _WHITE // 2) // _WHITE).astype(np.uint16)
    pairs = (
        (cv2.IMAGE_METADATA_EXIF, metadata.exif),
        (cv2.IMAGE_METADATA_XMP, metadata.xmp),
        (cv2.IMAGE_METADATA_ICCP, metadata.icc),
    )
    given = [(kind, np.frombuffer(value, np.uint8)) for kind, value in pairs if value]
    transparent = deep.shape[2] == len("RGBA") and bool((deep[..., 3] < white).any())
    quality = _LOSSLESS if transparent else quality
    options = [cv2.IMWRITE_AVIF_DEPTH, _DEEPEST, cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, _SPEED]
    swapped = np.ascontiguousarray(deep[..., _SWAPPED[deep.shape[2]]])
    done, data = cv2.imencodeWithMetadata(
        ".avif", swapped, [kind for kind, _ in given], [it for _, it in given], options
    )
    if not done:
        raise RefusalError("this build of OpenCV does not write such an AVIF")
    return data.tobytes()
