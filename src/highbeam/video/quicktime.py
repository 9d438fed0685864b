"""What FFmpeg does not tell of the tracks of MP4 and MOV, read from the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["sample_formats"]

_HEAD = 8
_LONG = 16
_PAIR = 4
_ID_AT = {0: 12, 1: 20}
"""Where a track's number is in its header box, by the box's version: behind two times of four bytes or of eight."""

_ENTRY_AT = 12  # of the sample description: behind version, flags and count comes the first entry's size


def sample_formats(path: Path) -> dict[int, str]:
    """Return what the samples of each track are.

    Args:
        path: a file of the family of MP4 and MOV; of any other, nothing is found.

    Returns:
        By the track's number, the four letters of its first sample description, such as ``avc1`` or ``tmcd``.
    """
    found: dict[int, str] = {}
    with path.open("rb") as file:
        end = path.stat().st_size
        for start, stop in _inside(file, (0, end), b"moov"):
            for track in _inside(file, (start, stop), b"trak"):
                number, entry = _number(file, track), _entry(file, track)
                if number is not None and entry is not None:
                    found[number] = entry
    return found


def _number(file: BinaryIO, track: tuple[int, int]) -> int | None:
    for start, stop in _inside(file, track, b"tkhd"):
        content = _read(file, start, min(stop, start + 32))
        at = _ID_AT.get(content[0]) if content else None
        if at is not None and len(content) >= at + _PAIR:
            return int.from_bytes(content[at : at + _PAIR], "big")
    return None


def _entry(file: BinaryIO, track: tuple[int, int]) -> str | None:
    ranges = [track]
    for kind in (b"mdia", b"minf", b"stbl", b"stsd"):
        ranges = [inner for outer in ranges for inner in _inside(file, outer, kind)]
    for start, stop in ranges:
        content = _read(file, start, min(stop, start + _ENTRY_AT + _PAIR))
        if len(content) == _ENTRY_AT + _PAIR:
            return content[_ENTRY_AT:].decode("latin-1")
    return None


def _inside(file: BinaryIO, outer: tuple[int, int], wanted: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the contents of the boxes of a kind begin and end."""
    place, end = outer
    while place + _HEAD <= end:
        head = _read(file, place, place + _LONG)
        size, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], _HEAD
        if size == 1:  # the size is too large for four bytes, and follows
            size, skip = int.from_bytes(head[8:], "big"), _LONG
        stop = end if size == 0 else place + size  # none: up to the end
        if stop < place + skip or stop > end:
            return
        if kind == wanted:
            yield place + skip, stop
        place = stop


def _read(file: BinaryIO, start: int, stop: int) -> bytes:
    file.seek(start)
    return file.read(stop - start)
