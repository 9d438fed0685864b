"""JPEG: segments read here, pixels decoded by Pillow's decoder alone, and decoded to the end or not at all.

libjpeg fills what is missing from the compressed data with grey and only warns, which no binding reports. But a
complete scan does not care what follows it: so the picture is decoded twice, with two different tails after
every stretch of compressed data. Where the decoder had to read on into a tail, the two pictures differ.

Source: ITU-T T.81 (1992), annexes B and G; JFIF 1.02; ICC.1:2022 annex B.4; CIPA DC-007 for pictures of several
frames, of which the first is taken.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from highbeam.pictures import exif
from highbeam.pictures.source import DamageError, Metadata, RefusalError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highbeam.pictures.picture import Samples

__all__ = ["MAGIC", "encode", "scan"]

MAGIC = b"\xff\xd8\xff"
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive; all with Huffman codes
_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless, hierarchical, arithmetic
_PROGRESSIVE = 0xC2
_JFIF, _APP1, _APP2, _ADOBE, _LAST_APP, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
# Fill bytes (0xff) may precede a marker. Both patterns start once in a run of them, so that a long one costs no more.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # neither a stuffed byte nor a restart
_RESTART = re.compile(rb"(?<!\xff)\xff++[\xd0-\xd7]")
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}  # Adobe stores inks inverted
_BITS, _INKS = 8, 4
_MOST_ICC = 255 * 65_519  # bytes: so many parts of such a size
_MOST_SCANS = 100  # libjpeg writes ten, those that search for the best some dozens; each costs a walk over the whole
_COEFFICIENTS = 64
# The first bits are all set in one tail and all clear in the other, so that even one missing bit shows.
_NOISE = bytes.fromhex("5ac3963ca56b0f1e78d2b4e1692d87f04b1c") * 4
_TAILS = (b"\xfc" + _NOISE, b"\x03" + _NOISE[::-1])


class _Segment(NamedTuple):
    marker: int
    body: bytes
    compressed: bytes  # what follows the header of a scan


@dataclass
class _Layout:
    """What the segments say: the frame, the scans, and the segments that the decoder needs."""

    frame: _Segment | None = None
    applications: list[_Segment] = field(default_factory=list)
    needed: list[_Segment] = field(default_factory=list)
    scans: list[bytes] = field(default_factory=list)


def scan(data: bytes) -> Source:
    """Read the structure of a JPEG, up to the end of its first frame.

    Raises:
        DamageError: cut short, or against the rules.
        RefusalError: lossless, arithmetic, hierarchical, or of more than 8 bits.
    """
    layout = _layout(data)
    if layout.frame is None:
        raise DamageError("is a JPEG without a frame")
    body = layout.frame.body
    bits, height, width, channels = struct.unpack_from(">BHHB", body)
    if bits != _BITS or channels not in _MODES:
        raise RefusalError(f"is a JPEG of {channels} channels and {bits} bits; 1, 3 or 4 channels of 8 bits are taken")
    components = [body[6 + 3 * index] for index in range(channels)]
    _check_scans(layout.scans, components, progressive=layout.frame.marker == _PROGRESSIVE)
    samples = partial(_samples, (width, height), channels, layout.needed)
    return Source(width, height, bits, channels, _metadata(layout.applications), samples, cmyk=channels == _INKS)


def _layout(data: bytes) -> _Layout:
    layout = _Layout()
    for segment in _segments(data):
        if segment.marker in _OTHER_FRAMES:
            raise RefusalError("is a lossless, arithmetic or hierarchical JPEG; save it as an ordinary one")
        if segment.marker in _FRAMES:
            if layout.frame is not None:
                raise DamageError("is a JPEG with two frames in one")
            layout.frame = segment
        if segment.marker == _SCAN:
            layout.scans.append(segment.body)
        if _JFIF <= segment.marker <= _LAST_APP:
            layout.applications.append(segment)
        if segment.marker in (_JFIF, _ADOBE) or not _JFIF <= segment.marker <= _COMMENT:
            layout.needed.append(segment)
    return layout


def _segments(data: bytes) -> Iterator[_Segment]:
    """Walk from one marker to the next until the end of the picture."""
    at = 2
    while True:
        found = _MARKER.search(data, at)  # like every decoder, past stray bytes
        if not found:
            raise DamageError("is a JPEG that is cut short")
        marker, start = found[1][0], found.end()
        if marker == _END:
            return
        (length,) = struct.unpack_from(">H", data, start)
        at = start + length
        compressed = b""
        if marker == _SCAN:
            following = _MARKER.search(data, at)
            if not following:
                raise DamageError("is a JPEG that is cut short")
            compressed, at = data[at : following.start()].rstrip(b"\xff"), following.start()
        yield _Segment(marker, data[start + 2 : start + length], compressed)


def _check_scans(scans: list[bytes], components: list[int], *, progressive: bool) -> None:
    """Check that the scans together hold every coefficient of every component down to its last bit."""
    if len(scans) > _MOST_SCANS:
        raise DamageError(f"is a JPEG of {len(scans)} scans, which no encoder writes")
    whole = {component: [False] * _COEFFICIENTS for component in components}
    for body in scans:
        start, end, precision = body[-3:]
        finest = not progressive or precision & 0xF == 0
        band = slice(start, end + 1) if progressive else slice(None)
        for component in body[1 : 1 + 2 * body[0] : 2]:
            whole[component][band] = [finest] * len(whole[component][band])
    if not all(all(coefficients) for coefficients in whole.values()):
        raise DamageError("is a JPEG that lacks some of its scans")


def _metadata(applications: list[_Segment]) -> Metadata:
    def bodies(marker: int, prefix: bytes) -> list[bytes]:
        return [it.body[len(prefix) :] for it in applications if it.marker == marker and it.body.startswith(prefix)]

    block = exif.block_of(next(iter(bodies(_APP1, _EXIF)), None))
    xmp = next(iter(bodies(_APP1, _XMP)), None)
    dpi = next(map(_density, bodies(_JFIF, b"JFIF\0")), None) or exif.resolution_of(block)
    return Metadata(block, _profile(bodies(_APP2, _ICC)), xmp, dpi)


def _profile(parts: list[bytes]) -> bytes | None:
    """Join a profile, each part of which begins with its number and the number of parts."""
    parts = sorted(part for part in parts if part[2:])
    numbers = [(part[0], part[1]) for part in parts]
    if numbers != [(number + 1, len(parts)) for number in range(len(parts))]:
        return None
    return b"".join(part[2:] for part in parts) or None


def _density(body: bytes) -> tuple[float, float] | None:
    """Return the resolution of a JFIF segment: version, unit (1 inch, 2 centimetre), across, down."""
    _, unit, across, down = struct.unpack_from(">HBHH", body)
    scale = {1: 1.0, 2: 2.54}.get(unit)
    return (across * scale, down * scale) if scale and across and down else None


def _samples(size: tuple[int, int], channels: int, segments: list[_Segment]) -> Samples:
    mode, code = _MODES[channels]
    image = Image.new(mode, size)

    def decoded(tail: bytes) -> Samples:
        image.frombytes(_joined(segments, tail), "jpeg", code, "")
        return np.asarray(image).reshape(size[1], size[0], channels)

    samples = decoded(_TAILS[0])
    if not np.array_equal(samples, decoded(_TAILS[1])):
        raise DamageError("is a JPEG that is cut short: part of its compressed data is missing")
    return samples


def _joined(segments: list[_Segment], tail: bytes) -> bytes:
    """Write the segments with a tail after every stretch of compressed data."""
    parts = [bytes([0xFF, _START])]
    for marker, body, compressed in segments:
        parts.append(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body)
        if marker == _SCAN:
            parts += [_RESTART.sub(lambda restart: tail + restart[0], compressed), tail]
    return b"".join(parts) + bytes([0xFF, _END])


def encode(samples: Samples, metadata: Metadata, quality: int) -> bytes:
    """Write ``(H, W, 1 or 3)`` of 8 bits, with colour at full resolution (4:4:4)."""
    if metadata.icc and len(metadata.icc) > _MOST_ICC:
        raise RefusalError(f"its colour profile has {len(metadata.icc)} bytes, more than the {_MOST_ICC} that fit")
    options = {"icc_profile": metadata.icc, "xmp": metadata.xmp, "dpi": metadata.dpi}
    options["exif"] = _EXIF + metadata.exif if metadata.exif else None
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    out = io.BytesIO()
    given = {name: value for name, value in options.items() if value}
    image.save(out, "JPEG", quality=quality, subsampling=0, **given)
    return out.getvalue()
