"""The one table of formats: what each is called, what it can keep, and who reads and writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from highbeam.pictures import avif, bmp, jpeg, png, tiff, webp

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from highbeam.pictures.picture import Samples
    from highbeam.pictures.source import Metadata, Source

__all__ = ["ACCEPTED", "FORMATS", "SUFFIXES", "Format", "format_of", "format_of_suffix", "other_kind"]


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: key of the table.
        title: for messages.
        suffixes: lower case, the usual one first.
        channels: how many samples of a pixel can be written: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        sixteen_bit: deeper than 8 bits can be written.
        keeps_metadata: EXIF, ICC and XMP can be written.
        max_side: longest side that can be written, in pixels.
        quality: default, 1 to 100; None where the format is lossless.
        matches: whether data begins like this format.
        scan: reads the structure.
        encode: ``(samples, metadata, quality)`` to bytes.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    channels: frozenset[int]
    sixteen_bit: bool
    keeps_metadata: bool
    max_side: int
    quality: int | None
    matches: Callable[[bytes], bool]
    scan: Callable[[bytes], Source]
    encode: Callable[[Samples, Metadata, int], bytes]

    @property
    def keeps_alpha(self) -> bool:
        """Whether transparency can be written."""
        return not self.channels.isdisjoint({2, 4})


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magics)


_ALL, _NO_LIMIT = frozenset({1, 2, 3, 4}), 2**31 - 1
_ROWS = (
    Format(
        name="jpeg",
        title="JPEG",
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
        channels=frozenset({1, 3}),
        sixteen_bit=False,
        keeps_metadata=True,
        max_side=65_500,
        quality=95,
        matches=_starts(jpeg.MAGIC),
        scan=jpeg.scan,
        encode=jpeg.encode,
    ),
    Format(
        name="png",
        title="PNG",
        suffixes=(".png",),
        channels=_ALL,
        sixteen_bit=True,
        keeps_metadata=True,
        max_side=_NO_LIMIT,
        quality=None,
        matches=_starts(png.MAGIC),
        scan=png.scan,
        encode=png.encode,
    ),
    Format(
        name="tiff",
        title="TIFF",
        suffixes=(".tif", ".tiff"),
        channels=_ALL,
        sixteen_bit=True,
        keeps_metadata=True,
        max_side=_NO_LIMIT,
        quality=None,
        matches=_starts(*tiff.MAGICS),
        scan=tiff.scan,
        encode=tiff.encode,
    ),
    Format(
        name="webp",
        title="WebP",
        suffixes=(".webp",),
        channels=frozenset({3, 4}),
        sixteen_bit=False,
        keeps_metadata=True,
        max_side=16_383,
        quality=90,
        matches=webp.matches,
        scan=webp.scan,
        encode=webp.encode,
    ),
    Format(
        name="avif",
        title="AVIF",
        suffixes=(".avif",),
        channels=frozenset({1, 3, 4}),
        sixteen_bit=True,
        keeps_metadata=True,
        max_side=65_536,
        quality=90,
        matches=avif.matches,
        scan=avif.scan,
        encode=avif.encode,
    ),
    Format(
        name="bmp",
        title="BMP",
        suffixes=(".bmp", ".dib"),
        channels=frozenset({1, 3, 4}),
        sixteen_bit=False,
        keeps_metadata=False,
        max_side=_NO_LIMIT,
        quality=None,
        matches=_starts(bmp.MAGIC),
        scan=bmp.scan,
        encode=bmp.encode,
    ),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}
SUFFIXES: dict[str, str] = {suffix: row.name for row in _ROWS for suffix in row.suffixes}
ACCEPTED = ", ".join(row.title for row in _ROWS)

_OTHERS = (  # where it stands, what stands there, what it is
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"\0\0\1\0", "icon"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"PK\3\4", "zip archive"),
    (8, b"AVI ", "AVI video"),
    (0, b"\x1aE\xdf\xa3", "Matroska or WebM video"),
    *((8, brand, "HEIC") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")),
    (4, b"ftyp", "MP4 or QuickTime video"),
)


def format_of(data: bytes) -> Format | None:
    """Return the format that data begins like."""
    return next((row for row in _ROWS if row.matches(data)), None)


def other_kind(data: bytes) -> str | None:
    """Return what data of no accepted format is, where that is known."""
    return next((title for at, magic, title in _OTHERS if data[at : at + len(magic)] == magic), None)


def format_of_suffix(path: str | os.PathLike[str]) -> str | None:
    """Return the name of the format that a path's suffix stands for; None where it stands for none."""
    return SUFFIXES.get(PurePath(path).suffix.lower())
