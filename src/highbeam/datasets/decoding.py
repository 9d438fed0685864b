"""From an entry to its pixels, wherever it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.datasets.clips import read_frames
from highbeam.datasets.entries import Entry, Place
from highbeam.errors import DamagedPictureError, PictureError
from highbeam.pictures import Limits, decode, read

__all__ = ["Halves", "Rgb", "decode_entry", "decode_run", "read_span", "runs"]

Rgb: TypeAlias = NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

Halves: TypeAlias = tuple[Rgb, ...]
"""The bright picture and, of a pair, the dark one of the same size."""

_LONGEST_RUN = 16
"""Frames of a clip that are decoded one after the other: few enough to be held, enough to make up for the seek."""


def decode_entry(entry: Entry, *, limits: Limits | None = None) -> Halves:
    """Decode a picture or a pair; 16 bits become 8, rounded, and transparency is ignored.

    Raises:
        PictureError: it cannot be read, or the halves of a pair differ in size.
    """
    halves = tuple(_decode_place(place, limits or Limits()) for place in entry.places)
    return _matched(entry, halves)


def decode_run(run: Sequence[Entry], *, limits: Limits | None = None) -> Iterator[tuple[Entry, Halves | PictureError]]:
    """Decode entries of which those after the first, if any, are later frames of the same clip.

    Yields:
        Each entry with its pixels, or with what is wrong with it.
    """
    times = [entry.bright.pts for entry in run if entry.bright.pts is not None]
    if len(times) < len(run):
        for entry in run:
            yield entry, _attempt(entry, limits)
        return
    frames = read_frames(run[0].bright.path, times)
    for number, entry in enumerate(run):
        try:
            yield entry, (next(frames),)
        except PictureError as error:
            yield from ((later, error) for later in run[number:])
            return


def runs(entries: Sequence[Entry], longest: int = _LONGEST_RUN) -> list[tuple[Entry, ...]]:
    """Group entries for :func:`decode_run`: successive frames of a clip together, everything else alone."""
    grouped: list[list[Entry]] = []
    for entry in entries:
        last = grouped[-1] if grouped else []
        if 0 < len(last) < longest and _follows(last[-1], entry):
            last.append(entry)
        else:
            grouped.append([entry])
    return [tuple(group) for group in grouped]


def read_span(place: Place) -> bytes:
    """Read a picture's bytes out of a shard.

    Raises:
        PictureError: the shard cannot be read, or the bytes are not those that were packed.
    """
    offset, length = place.span or (0, 0)
    name = f"{place.path}@{offset}"
    try:
        with place.path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror}); check the shards") from error
    if hashlib.sha256(data).hexdigest() != place.sha256:
        raise DamagedPictureError(name, "is not what was packed (SHA-256 differs); copy or pack the shards again")
    return data


def _follows(one: Entry, other: Entry) -> bool:
    if one.bright.pts is None or other.bright.pts is None:
        return False
    return one.bright.path == other.bright.path and one.bright.pts < other.bright.pts


def _attempt(entry: Entry, limits: Limits | None) -> Halves | PictureError:
    try:
        return decode_entry(entry, limits=limits)
    except PictureError as error:
        return error


def _decode_place(place: Place, limits: Limits) -> Rgb:
    if place.pts is not None:
        return next(read_frames(place.path, [place.pts]))
    if place.span is not None:
        return _eight_bits(decode(read_span(place), name=f"{place.path}@{place.span[0]}", limits=limits).pixels)
    return _eight_bits(read(place.path, limits=limits).pixels)


def _eight_bits(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Rgb:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray((pixels.astype(np.uint32) + 128) // 257, np.uint8)  # 65535 is 255 times 257


def _matched(entry: Entry, halves: Halves) -> Halves:
    if entry.low is not None and halves[0].shape != halves[1].shape:
        (bright_height, bright_width, _), (height, width, _) = halves[0].shape, halves[1].shape
        raise DamagedPictureError(
            str(entry.low.path),
            f"is {width}x{height}, but its bright half {entry.bright.path} is {bright_width}x{bright_height};"
            " replace one of the two",
        )
    return halves
