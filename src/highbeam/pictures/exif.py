"""EXIF and XMP, kept byte for byte as far as the truth allows.

A block is edited where it stands, never parsed and written anew, so that GPS, maker notes and unknown tags
survive. Three things in it stop being true once a picture has been turned upright and enhanced: the
orientation, the stated width and height, and the thumbnail.

Source: CIPA DC-008 (Exif 2.32), sections 4.6.4 and 4.6.5; XMP specification part 2 (tiff schema).
"""

from __future__ import annotations

import math
import re
import struct
from contextlib import suppress

from highbeam.pictures import ifd
from highbeam.pictures.source import DamageError

__all__ = [
    "block_of",
    "descriptive",
    "orientation_of",
    "resolution_of",
    "turned",
    "upright",
    "upright_xmp",
    "without_orientation",
]

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_ORIENTATION = 0x0112
_WIDTH, _HEIGHT = 0xA002, 0xA003
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_CENTIMETRES = 3
_CM_PER_INCH = 2.54
_CODES = {ifd.SHORT: "H", ifd.LONG: "I"}
_ENTRY = 12
_ORIENTATIONS = range(1, 9)
_TURNED = 5
_PREFIX = b"Exif\0\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))\s*([1-8])(?=\s*[\"'<])")
_DESCRIPTIVE = frozenset(
    {0x010E, 0x010F, 0x0110, _ORIENTATION, 0x0131, 0x0132, 0x013B, 0x013C}  # description, camera, software, author
    | {0x4746, 0x4749, 0x8298, 0x83BB, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F}  # rating, copyright, IPTC, keywords
    | {_EXIF_IFD, _GPS_IFD}
)


def block_of(data: bytes | None) -> bytes | None:
    """Return an EXIF block without its prefix; None where there is none that can be read."""
    block = (data or b"").removeprefix(_PREFIX)
    try:
        ifd.first(block)
    except DamageError:
        return None
    return block


def orientation_of(exif: bytes | None, xmp: bytes | None = None) -> int:
    """Return the orientation, 1 to 8, that EXIF states, else XMP, else 1."""
    found = _XMP_ORIENTATION.search(xmp or b"")
    stated = int(found[2]) if found else 1
    with suppress(DamageError):  # no EXIF, or none that can be read
        tags = ifd.first(exif or b"")
        (stated,) = tags.integers(_ORIENTATION) if _orientation(tags) else (stated,)
    return stated if stated in _ORIENTATIONS else 1


def turned(orientation: int) -> bool:
    """Whether an orientation exchanges width and height."""
    return orientation >= _TURNED


def _orientation(tags: ifd.Directory) -> ifd.Entry | None:
    """Return the tag where it is one number, which then stands in the entry itself."""
    entry = tags.entries.get(_ORIENTATION)
    return entry if entry and entry.kind in _CODES and entry.count == 1 else None


def resolution_of(exif: bytes | None) -> tuple[float, float] | None:
    """Return pixels per inch, across and down, as EXIF or TIFF tags state it; None where they do not."""
    try:
        tags = ifd.first(exif or b"")
        across, down = tags.rational(_X_RESOLUTION), tags.rational(_Y_RESOLUTION)
        (unit,) = tags.integers(_RESOLUTION_UNIT, 2)
    except (DamageError, ValueError):
        return None
    scale = _CM_PER_INCH if unit == _CENTIMETRES else 1.0
    if not across or not down or unit not in (2, _CENTIMETRES) or not math.isfinite(across + down):
        return None
    return across * scale, down * scale


def upright(exif: bytes, orientation: int) -> bytes:
    """Return the block as it is true of the picture turned upright: orientation 1, no thumbnail."""
    block = bytearray(exif)
    tags = ifd.first(exif)
    if entry := _orientation(tags):
        struct.pack_into(tags.order + _CODES[entry.kind], block, entry.at, 1)
    struct.pack_into(f"{tags.order}I", block, tags.end, 0)  # the next directory is the thumbnail's
    if turned(orientation):
        _exchange(block, tags)
    return bytes(block)


def _exchange(block: bytearray, tags: ifd.Directory) -> None:
    """Swap the width and height that the EXIF directory states, where it does."""
    try:
        (at,) = tags.integers(_EXIF_IFD)
        inside = ifd.read(tags.block, tags.order, at)
        sides = inside.entries[_WIDTH], inside.entries[_HEIGHT]
    except (DamageError, KeyError, ValueError):
        return
    if all(side.kind in _CODES and side.count == 1 for side in sides):
        for to, source in (sides, sides[::-1]):
            # Type, count and value are the last ten bytes of an entry whose value lies inside it.
            block[to.at - 6 : to.at + 4] = tags.block[source.at - 6 : source.at + 4]


def without_orientation(exif: bytes) -> bytes:
    """Return the block without that tag, which says the same as orientation 1."""
    tags = ifd.first(exif)
    entry = _orientation(tags)
    if entry is None:
        return exif
    place, after = entry.at - 8, tags.end + 4
    count = struct.pack(f"{tags.order}H", (tags.end - tags.at - 2) // _ENTRY - 1)
    kept = exif[tags.at + 2 : place] + exif[place + _ENTRY : after] + bytes(_ENTRY)
    return exif[: tags.at] + count + kept + exif[after:]


def upright_xmp(xmp: bytes) -> bytes:
    """Return the packet with its orientation set to 1."""
    return _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)


def descriptive(block: bytes) -> ifd.Tree:
    """Return the tags of a TIFF file or EXIF block that describe the picture rather than how it is stored."""
    return {tag: item for tag, item in ifd.first(block).tree().items() if tag in _DESCRIPTIVE}
