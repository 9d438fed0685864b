"""From a file to a picture, or to one error that says what is wrong with the file."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

import numpy as np

from highbeam.errors import DamagedPictureError, PictureError, PictureTooLargeError, UnsupportedPictureError
from highbeam.pictures import colour, exif
from highbeam.pictures.formats import ACCEPTED, FORMATS, Format, format_of, format_of_suffix, other_kind
from highbeam.pictures.picture import DEFAULT_LIMITS, Header, Limits, Picture, Samples
from highbeam.pictures.source import DamageError, Source, reading

__all__ = ["decode", "inspect", "read", "read_stream"]

_ENOUGH = 512  # bytes that tell a format
_PIECE = 1 << 20  # bytes; what is asked for at once takes room at once
_SIDE_DATA = 1 << 26  # bytes of metadata at most, beside pixels that do not compress
_DEEPEST_PIXEL = 8  # bytes: four channels of 16 bits
_STEPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}


def inspect(data: bytes, *, name: str = "<bytes>", limits: Limits = DEFAULT_LIMITS) -> Header:
    """Say what a picture is without decoding it.

    Raises:
        PictureError: as for :func:`decode`, as far as it shows without decoding.
    """
    form, source = _opened(data, name, limits)
    grey, alpha = source.channels in (1, 2), source.channels in (2, 4) and not source.cmyk
    return Header(form.name, source.width, source.height, source.bits, grey, alpha, _orientation(source))


def decode(data: bytes, *, name: str = "<bytes>", limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decode one still picture and turn it upright.

    Args:
        data: a whole JPEG, PNG, TIFF, WebP, AVIF or BMP file.
        name: for messages; a suffix in it must be that of the format.
        limits: checked from the header, before anything is decoded.

    Returns:
        The picture, 8 bits as ``uint8`` and more as ``uint16`` (10 and 12 bits scaled up to the whole range).
        Palettes are expanded, 1-bit becomes grey, CMYK becomes sRGB.

    Raises:
        UnsupportedPictureError: another format, animated, several pages, floating point.
        PictureTooLargeError: beyond the limits.
        DamagedPictureError: empty, cut short, altered, or named as another format.
    """
    form, source = _opened(data, name, limits)
    with reading(name):
        samples = source.samples()
        if samples.shape[:2] != (source.height, source.width):
            raise DamageError("is damaged: its picture has another size than its header says")
        return _picture(form, source, samples, name)


def read(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Decode the picture in a file; see :func:`decode`.

    Raises:
        PictureError: also where the file is missing, is no file, or may not be read.
    """
    name = os.fspath(path)
    try:
        data = _content(Path(path), name, limits)
    except IsADirectoryError as error:
        raise PictureError(name, "is a directory, not a picture; name the files in it") from error
    except FileNotFoundError as error:
        raise PictureError(name, "there is no such file; check the path") from error
    except (OSError, ValueError) as error:
        raise PictureError(name, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return decode(data, name=name, limits=limits)


def _content(path: Path, name: str, limits: Limits) -> bytes:
    """Read a file whole, unless its first bytes or its length already tell that it will not do."""
    state = path.stat()
    if not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)):  # a pipe would wait for ever
        raise PictureError(name, "is not an ordinary file; save the picture to one first")
    with path.open("rb") as file:
        return read_stream(file, name=name, limits=limits, stated=state.st_size)


def read_stream(stream: BinaryIO, *, name: str = "<stream>", limits: Limits = DEFAULT_LIMITS, stated: int = 0) -> bytes:
    """Read a file or a pipe to its end, unless its first 512 bytes or its length tell that it will not do.

    Args:
        stream: buffered, so that it gives as many bytes as it is asked for, or all that are left.
        name: for messages; a suffix in it must be that of the format.
        limits: those of the picture; at most the bytes that one within them can have are read, uncompressed or not.
        stated: length in bytes, where it is known before.

    Raises:
        PictureTooLargeError: longer than any picture within the limits.
        UnsupportedPictureError: not a picture of an accepted format.
        DamagedPictureError: empty, or named as another format.
        OSError: from the stream.
    """
    start, most = stream.read(_ENOUGH), limits.max_pixels * _DEEPEST_PIXEL + _SIDE_DATA
    _recognised(start, name)
    whole = io.BytesIO()
    length = max(stated, whole.write(start))
    while length <= most and (piece := stream.read(_PIECE)):
        whole.write(piece)
        length = max(stated, whole.tell())
    if length > most:
        told = f"{stated} bytes" if stated > most else f"more than {most} bytes"
        raise PictureTooLargeError(name, f"has {told}, more than a picture within the limits can")
    return whole.getvalue()


def _recognised(data: bytes, name: str) -> Format:
    """Return the format of the data, which must agree with the suffix of the name."""
    if not data:
        raise DamagedPictureError(name, "is empty (0 bytes); get an undamaged copy")
    form, named = format_of(data), FORMATS.get(format_of_suffix(name) or "")
    if form is None:
        kind = other_kind(data)
        if named and kind is None:
            raise DamagedPictureError(name, f"does not begin like the {named.title} it is named; get an undamaged copy")
        what = f"is of kind {kind}" if kind else "is not a picture of any known kind"
        raise UnsupportedPictureError(name, f"{what}; accepted are {ACCEPTED}: convert it to one of them")
    if named not in (None, form):
        reason = f"is named like {named.title} and holds {form.title}; rename it to end in {form.suffixes[0]}"
        raise DamagedPictureError(name, reason)
    return form


def _opened(data: bytes, name: str, limits: Limits) -> tuple[Format, Source]:
    form = _recognised(data, name)
    with reading(name):
        source = form.scan(data)
        if min(source.width, source.height) < 1:
            raise DamageError("has no pixels")
        objection = limits.objection(source.width, source.height) or limits.objection(*source.frame)
    if objection:
        raise PictureTooLargeError(name, f"{objection}; make it smaller, or raise the limits")
    return form, source


def _orientation(source: Source) -> int:
    return source.orientation or exif.orientation_of(source.metadata.exif, source.metadata.xmp)


def _picture(form: Format, source: Source, samples: Samples, name: str) -> Picture:
    kept, turn = source.metadata, _orientation(source)
    icc = kept.icc
    if source.cmyk:
        samples, icc = colour.cmyk_to_rgb(samples, icc)
    samples = _upright(samples, turn)
    grey, alpha = samples.shape[2] in (1, 2), samples.shape[2] in (2, 4)
    pixels = samples[..., :1] if grey else samples[..., :3]
    return Picture(
        pixels=np.array(np.broadcast_to(pixels, (*samples.shape[:2], 3)), order="C"),
        grey=grey,
        alpha=np.array(samples[..., -1], order="C") if alpha else None,
        format=form.name,
        exif=exif.upright(kept.exif, turn) if kept.exif else None,
        icc=colour.fitting(icc, grey=grey),
        xmp=exif.upright_xmp(kept.xmp) if kept.xmp else None,
        dpi=kept.dpi[::-1] if kept.dpi and exif.turned(turn) else kept.dpi,
        name=name,
    )


def _upright(samples: Samples, orientation: int) -> Samples:
    """Turn and mirror ``(H, W, C)`` by an EXIF orientation (CIPA DC-008, 4.6.4 A)."""
    down, across = _STEPS[orientation]
    samples = samples[::down, ::across]
    return samples.swapaxes(0, 1) if exif.turned(orientation) else samples
