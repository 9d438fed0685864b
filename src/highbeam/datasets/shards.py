"""Packed data: tar shards of encoded pictures, and an index that tells where each one lies and where it came from.

The index gives every picture's offset, so that shards are read at random without walking through their tar headers;
any tar program unpacks them. The same pictures and settings give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from highbeam.datasets.entries import Entry, Light, Missing, Place, Split, Survey
from highbeam.errors import OptionError, ShardError
from highbeam.pictures import write_bytes

__all__ = [
    "INDEX",
    "Index",
    "PackedPart",
    "PackedPicture",
    "PackedShard",
    "PackedSource",
    "ShardWriter",
    "read_index",
    "scan_shards",
]

INDEX = "index.json"

_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True, slots=True)
class PackedPart:
    """Where an encoded picture lies.

    Attributes:
        shard: file name.
        member: name in the tar.
        offset: of the encoded picture in the shard, bytes.
        bytes: its length.
        sha256: of its bytes.
    """

    shard: str
    member: str
    offset: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackedPicture:
    """A picture or pair, with the fields of :class:`~highbeam.datasets.entries.Entry`.

    Attributes:
        name: as found when packing.
        source: what it was recorded in.
        split: which part it belongs to.
        light: under which it was taken.
        width: as packed, pixels.
        height: as packed, pixels.
        parts: the bright picture and, of a pair, the dark one.
    """

    name: str
    source: str
    split: Split
    light: Light
    width: int
    height: int
    parts: tuple[PackedPart, ...]


@dataclass(frozen=True, slots=True)
class PackedShard:
    """A shard file: its name, length in bytes and SHA-256."""

    file: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackedSource:
    """A source: its split, and how many of its pictures were packed."""

    split: Split
    pictures: int


@dataclass(frozen=True)
class Index:
    """What ``index.json`` holds.

    Attributes:
        settings: how it was packed.
        dropped: how many were left out, by reason.
        bad: files that could not be used: name and reason.
        sources: by name.
        shards: in order.
        pictures: in the order of packing.
        kind: what tells this index from others.
        version: of its layout.
    """

    settings: dict[str, Any]
    dropped: dict[str, int]
    bad: tuple[tuple[str, str], ...]
    sources: dict[str, PackedSource]
    shards: tuple[PackedShard, ...]
    pictures: tuple[PackedPicture, ...]
    kind: Literal["highbeam-shards"] = "highbeam-shards"
    version: Literal[1] = 1

    def to_bytes(self) -> bytes:
        """Return the index as JSON."""
        from pydantic import TypeAdapter  # noqa: PLC0415 - slow to import, and only the index needs it

        return TypeAdapter(Index).dump_json(self) + b"\n"


def read_index(root: Path) -> Index:
    """Read the index of packed shards.

    Raises:
        ShardError: there is none, or it is damaged or of another version.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    path = root / INDEX
    try:
        return TypeAdapter(Index).validate_json(path.read_bytes())
    except OSError as error:
        raise ShardError(f"{path}: cannot be read ({error.strerror}); is this a folder of packed shards?") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ShardError(f"{path}: is not an index of packed shards ({where}: {first['msg']}); pack again") from error


def scan_shards(root: Path) -> Survey:
    """Survey packed shards: the entries whose shards are there in full length."""
    try:
        index = read_index(root)
    except ShardError as error:
        return Survey((), (Missing(str(error)),))
    faults = {shard.file: fault for shard in index.shards if (fault := _fault(root / shard.file, shard.bytes))}
    entries = (_entry(root, row) for row in index.pictures if not any(part.shard in faults for part in row.parts))
    return Survey(tuple(entries), tuple(map(Missing, faults.values())))


def _fault(path: Path, length: int) -> str | None:
    if not path.is_file():
        return f"{path}: no such file"
    found = path.stat().st_size
    return None if found == length else f"{path}: has {found} bytes instead of {length}; copy it again"


def _entry(root: Path, row: PackedPicture) -> Entry:
    places = [Place(root / part.shard, span=(part.offset, part.bytes), sha256=part.sha256) for part in row.parts]
    low = places[1] if len(places) > 1 else None
    return Entry(row.name, row.source, places[0], low, row.light, row.split)


@dataclass
class ShardWriter:
    """Fills shards of one split one after the other, each below a size.

    Attributes:
        folder: where the shards go; it exists.
        split: first part of their names.
        most: bytes of a shard at most.
        shards: those that are finished.
    """

    folder: Path
    split: Split
    most: int
    shards: list[PackedShard] = field(default_factory=list)
    _buffer: io.BytesIO = field(default_factory=io.BytesIO)
    _count: int = 0

    def add(self, encoded: tuple[tuple[bytes, str], ...]) -> tuple[PackedPart, ...]:
        """Add a picture or the halves of a pair, each with its suffix; they stay in one shard.

        Raises:
            OptionError: it does not fit into a shard even alone.
        """
        needed = sum(_BLOCK + _padded(len(data)) for data, _ in encoded)
        if needed + 2 * _BLOCK > self.most:
            raise OptionError(f"one picture takes {needed} bytes, and a shard {self.most}; allow larger shards")
        if self._buffer.tell() + needed + 2 * _BLOCK > self.most:
            self.finish()
        halves = ("",) if len(encoded) == 1 else (".bright", ".low")
        parts = tuple(
            self._append(f"{self.split}-{self._count:07d}{half}{suffix}", data)
            for half, (data, suffix) in zip(halves, encoded, strict=True)
        )
        self._count += 1
        return parts

    def finish(self) -> None:
        """Write the shard that is being filled, if there is anything in it."""
        if not self._buffer.tell():
            return
        data = self._buffer.getvalue() + bytes(2 * _BLOCK)  # the end mark of a tar
        write_bytes(data, self.folder / self._file)
        self.shards.append(PackedShard(self._file, len(data), hashlib.sha256(data).hexdigest()))
        self._buffer = io.BytesIO()

    @property
    def _file(self) -> str:
        return f"{self.split}-{len(self.shards):04d}.tar"

    def _append(self, member: str, data: bytes) -> PackedPart:
        header = tarfile.TarInfo(member)  # no time, no owner: the same pictures give the same bytes
        header.size = len(data)
        self._buffer.write(header.tobuf(tarfile.USTAR_FORMAT))
        offset = self._buffer.tell()
        self._buffer.write(data + bytes(_padded(len(data)) - len(data)))
        return PackedPart(self._file, member, offset, len(data), hashlib.sha256(data).hexdigest())


def _padded(length: int) -> int:
    return -(-length // _BLOCK) * _BLOCK
