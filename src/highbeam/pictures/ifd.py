"""Image file directories: the tag lists that TIFF files and EXIF blocks are made of.

Source: TIFF 6.0 (Adobe, 1992), section 2. A block is a whole TIFF file or EXIF block, to which all offsets
relate. Values are read only when asked for, so that a directory that names the same data many times costs
nothing.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from highbeam.pictures.source import DamageError

__all__ = ["LONG", "RATIONAL", "SHORT", "UNDEFINED", "Directory", "Entry", "Field", "Tree", "dump", "first", "read"]

BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 1, 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {BYTE: "B", SHORT: "H", LONG: "I", 13: "I"}
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_NESTED = {0x8769, 0x8825, 0xA005}  # EXIF, GPS, interoperability
_DEPTH = 3
_HEADER, _ENTRY, _INLINE = 8, 12, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: the type and count of its values, and where in the block they lie."""

    kind: int
    count: int
    at: int


class Field(NamedTuple):
    """One tag to be written: its type, and its values as bytes in the order of the block."""

    kind: int
    raw: bytes


Tree: TypeAlias = "dict[int, Field | Tree]"
"""A directory to be written, with directories inside."""


@dataclass(frozen=True)
class Directory:
    """One directory of a block.

    Attributes:
        block: the whole block.
        order: ``<`` or ``>``, as in :mod:`struct`.
        at: where it stands in the block.
        entries: by tag.
        end: where the offset of the next directory is stored.
        next: offset of the next directory, or 0.
    """

    block: bytes
    order: str
    at: int
    entries: dict[int, Entry]
    end: int
    next: int

    def raw(self, tag: int) -> bytes | None:
        """Return a tag's values as bytes; None where it is absent.

        Raises:
            DamageError: they lie outside the block.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return None
        size = _SIZES[entry.kind] * entry.count
        value = self.block[entry.at : entry.at + size]
        if len(value) != size:
            raise DamageError(f"is cut short: the values of TIFF tag {tag} lie beyond its end")
        return value

    def integers(self, tag: int, *default: int) -> tuple[int, ...]:
        """Return a tag's whole numbers, or the default where it is absent.

        Raises:
            DamageError: not whole numbers, or outside the block.
        """
        value = self.raw(tag)
        if value is None:
            return default
        kind = self.entries[tag].kind
        if kind not in _INTEGERS or not value:
            raise DamageError(f"has a TIFF tag {tag} that holds no whole number")
        return struct.unpack(f"{self.order}{self.entries[tag].count}{_INTEGERS[kind]}", value)

    def rational(self, tag: int) -> float | None:
        """Return a tag's first fraction; None where it is absent, of another type, or has no value."""
        value = self.raw(tag)
        if not value or self.entries[tag].kind != RATIONAL:
            return None
        above, below = struct.unpack_from(f"{self.order}II", value)
        return above / below if below else None

    def tree(self, depth: int = _DEPTH) -> Tree:
        """Copy the directory, and those inside, for :func:`dump`; values that cannot be read are left out.

        At most as many bytes as the block has are copied, because hostile tags can all name the same data.
        """
        tree: Tree = {}
        room = len(self.block)
        for tag, entry in self.entries.items():
            room -= _SIZES[entry.kind] * entry.count
            if room < 0:
                break
            with suppress(DamageError, struct.error):
                tree[tag] = self._nested(tag, depth) if tag in _NESTED else Field(entry.kind, self.raw(tag) or b"")
        return tree

    def _nested(self, tag: int, depth: int) -> Tree:
        if not depth:
            raise DamageError("nests directories without end")
        return read(self.block, self.order, self.integers(tag)[0]).tree(depth - 1)


def first(block: bytes) -> Directory:
    """Return the first directory of a block.

    Raises:
        DamageError: no such block, or the directory lies outside it.
    """
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < _HEADER:
        raise DamageError("does not begin like TIFF")
    return read(block, order, struct.unpack_from(f"{order}I", block, 4)[0])


def read(block: bytes, order: str, at: int) -> Directory:
    """Return the directory at an offset; entries of types unknown to TIFF 6.0 are left out.

    Raises:
        DamageError: it lies outside the block.
    """
    try:
        (count,) = struct.unpack_from(f"{order}H", block, at)
        end = at + 2 + _ENTRY * count
        entries = dict(_entry(block, order, place) for place in range(at + 2, end, _ENTRY))
        (following,) = struct.unpack_from(f"{order}I", block, end)
    except struct.error as error:
        raise DamageError("is cut short: a TIFF directory lies beyond its end") from error
    return Directory(block, order, at, {tag: it for tag, it in entries.items() if it.kind in _SIZES}, end, following)


def _entry(block: bytes, order: str, place: int) -> tuple[int, Entry]:
    tag, kind, count = struct.unpack_from(f"{order}HHI", block, place)
    at = place + 8
    if _SIZES.get(kind, 0) * count > _INLINE:  # else the values stand where their offset would
        (at,) = struct.unpack_from(f"{order}I", block, at)
    return tag, Entry(kind, count, at)


def dump(tree: Tree, order: str, at: int) -> bytes:
    """Write a directory, its values and the directories inside, to be placed at offset ``at`` (even)."""
    spot = at + 2 + _ENTRY * len(tree) + 4
    entries, values = [], []
    for tag, item in sorted(tree.items()):
        if isinstance(item, Field):
            kind, count, raw = item.kind, len(item.raw) // _SIZES[item.kind], item.raw
        else:
            kind, count, raw = LONG, 1, dump(item, order, spot)
        if len(raw) <= _INLINE and isinstance(item, Field):
            stored, raw = raw.ljust(_INLINE, b"\0"), b""
        else:
            stored = struct.pack(f"{order}I", spot)
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + stored)
        values.append(raw + bytes(len(raw) % 2))
        spot += len(values[-1])
    return struct.pack(f"{order}H", len(tree)) + b"".join(entries) + bytes(4) + b"".join(values)
