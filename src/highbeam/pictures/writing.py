"""From a picture to a file, keeping everything the format can keep and refusing to lose the rest unasked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from highbeam.errors import OptionError, OutputError, PictureWriteError, nearest
from highbeam.pictures import colour, files
from highbeam.pictures.formats import FORMATS, Format, format_of_suffix
from highbeam.pictures.picture import Picture, Samples
from highbeam.pictures.source import Metadata, writing

__all__ = ["encode", "write"]

_BEST = 100


def encode(picture: Picture, *, format: str | None = None, quality: int | None = None) -> bytes:
    """Encode a picture.

    16 bits become 8, rounded, in a format that has no more (JPEG, WebP, BMP), and 12 in AVIF. Transparency is
    untouched but for that; 16 bits with transparency are written to AVIF with quality 100 for its sake. EXIF, ICC,
    XMP and resolution are kept except in BMP, which has room for the resolution alone; WebP and AVIF state resolution
    in EXIF only.

    Args:
        picture: what to encode; a grey one is written with one channel where the format has it.
        format: key of ``FORMATS``; None keeps the picture's own.
        quality: 1 to 100; None is 95 for JPEG, 90 for WebP and AVIF. 100 is lossless in WebP and nearly so in
            AVIF. PNG, TIFF and BMP are always lossless.

    Raises:
        OptionError: no such format, or a quality out of range.
        PictureWriteError: the format cannot hold the picture: transparency, size, metadata beyond its room.
    """
    form = _format(format or picture.format)
    if quality is not None and not 1 <= quality <= _BEST:
        raise OptionError(f"quality must be 1 to {_BEST}, got {quality}")
    samples = _samples(picture, form)
    icc = colour.fitting(picture.icc, grey=True)
    if colour.space_of(icc) == colour.GREY and samples.shape[2] in (3, 4) and form.keeps_metadata:
        reason = f"its colour profile is for grey, and {form.title} would store it in colour; choose PNG or TIFF"
        raise PictureWriteError(picture.name, reason)
    with writing(picture.name, form.title):
        metadata = Metadata(picture.exif, icc, picture.xmp, picture.dpi)
        return form.encode(samples, metadata, quality or form.quality or _BEST)


def write(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Encode a picture into a file, whole or not at all; see :func:`encode` and :func:`files.write_bytes`.

    Args:
        picture: what to write.
        path: where; without ``format``, its suffix decides the format.
        format: key of ``FORMATS``; must agree with the suffix where that is one of a format.
        quality: see :func:`encode`.
        overwrite: replace an existing file.

    Raises:
        OptionError: no such format, or a quality out of range.
        OutputError: the file exists, or its suffix says no format or another one.
        PictureWriteError: the format or the disk did not take the picture.
    """
    name, named = os.fspath(path), format_of_suffix(path)
    if format is None and named is None:
        raise OutputError(f"{name}: its suffix tells no format; accepted are {', '.join(_usual_suffixes())}")
    form = _format(format or named or "")
    if named not in (None, form.name):
        raise OutputError(f"{name}: its suffix does not fit {form.title}; let it end in {form.suffixes[0]}")
    if not overwrite and os.path.lexists(path):
        raise OutputError(f"{name}: exists already; choose another name, or ask to overwrite")
    files.write_bytes(encode(picture, format=form.name, quality=quality), Path(path), overwrite=overwrite)


def _usual_suffixes() -> list[str]:
    return [row.suffixes[0] for row in FORMATS.values()]


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise OptionError(f"there is no format {name!r}{nearest(name, FORMATS)}; accepted are {', '.join(FORMATS)}")
    return FORMATS[name]


def _samples(picture: Picture, form: Format) -> Samples:
    """Return ``(H, W, C)`` with as many channels, and as many bits, as the format shall store."""
    height, width, _ = picture.pixels.shape
    if max(height, width) > form.max_side:
        reason = f"is {width}x{height}, and {form.title} ends at {form.max_side} pixels a side; choose PNG or TIFF"
        raise PictureWriteError(picture.name, reason)
    parts = [picture.pixels]
    if picture.alpha is not None:
        if not form.keeps_alpha:
            keepers = ", ".join(row.title for row in FORMATS.values() if row.keeps_alpha)
            reason = f"has transparency, which {form.title} does not keep; choose one of {keepers}"
            raise PictureWriteError(picture.name, reason)
        parts.append(picture.alpha[..., np.newaxis])
    if picture.grey and len(parts) in form.channels:
        parts[0] = _mean(picture.pixels)
    samples = np.concatenate(parts, axis=-1)
    return samples if form.sixteen_bit or samples.dtype == np.uint8 else _eight_bits(samples)


def _mean(pixels: Samples) -> Samples:
    """Return the rounded mean of the three channels, ``(H, W, 1)``."""
    total: Samples = pixels.sum(axis=-1, keepdims=True, dtype=np.uint32)
    return ((total + 1) // 3).astype(pixels.dtype)


def _eight_bits(samples: Samples) -> Samples:
    """Return 16 bits as 8, rounded to nearest: 65535 is 255 times 257."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)
