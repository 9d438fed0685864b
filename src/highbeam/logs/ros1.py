"""What is in a bag of ROS 1, record by record; :mod:`highbeam.logs.ros1_copy` writes the like.

Source: the ROS wiki's page on the bag format, version 2.0.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from highbeam.errors import DamagedLogError, UnsupportedLogError
from highbeam.logs import packing
from highbeam.logs.edit import Tally
from highbeam.logs.messages import Bytes
from highbeam.logs.model import UNKNOWN, Channel, LogSummary, plain_type
from highbeam.logs.packing import PackingError

__all__ = [
    "CHUNK",
    "CHUNK_INFO",
    "CONNECTION",
    "INDEX",
    "MAGIC",
    "MESSAGE",
    "VERSION",
    "Bag",
    "EndsError",
    "Record",
    "channel_of",
    "fields_of",
    "records_of",
    "survey",
    "time_of",
]

MAGIC = b"#ROSBAG V"
VERSION = b"#ROSBAG V2.0\n"
MESSAGE, _BAG, INDEX, CHUNK, CHUNK_INFO, CONNECTION = range(2, 8)
_NANO = 10**9
_LARGEST_HEADER = 1 << 20
_TIMED = struct.Struct("<II")


class Record(NamedTuple):
    """One record.

    Attributes:
        fields: what its header says, by name; ``cut`` marks a chunk of which the end is missing.
        header: as it is stored.
        data: what comes after the header.
    """

    fields: dict[bytes, bytes]
    header: Bytes
    data: Bytes

    @property
    def op(self) -> int:
        """What kind it is of."""
        return (self.fields.get(b"op") or b"\0")[0]  # a damaged record may state none, or state nothing

    def number(self, name: bytes) -> int:
        """Return a field that is a number."""
        return int.from_bytes(self.fields[name], "little")

    @property
    def time(self) -> int:
        """When a message was received, in nanoseconds."""
        return time_of(self.fields[b"time"])


class EndsError(Exception):
    """The bag ends, or stops making sense, before its end."""


def time_of(stored: bytes) -> int:
    """Return a stored time in nanoseconds."""
    seconds, rest = _TIMED.unpack(stored)
    return int(seconds * _NANO + rest)


def fields_of(header: Bytes) -> dict[bytes, bytes]:
    """Return what a header says, by name.

    Raises:
        EndsError: it cannot be read.
    """
    found, at = {}, 0
    while at < len(header):
        size = int.from_bytes(header[at : at + 4], "little")
        name, equals, value = bytes(header[at + 4 : at + 4 + size]).partition(b"=")
        at += 4 + size
        if not equals or at > len(header):
            raise EndsError("a record's header cannot be read")
        found[name] = value
    return found


def _inner(data: bytes) -> Iterator[Record]:
    """Walk over the records of an unpacked chunk.

    Raises:
        EndsError: the last one is not whole.
    """
    view, at = memoryview(data), 0
    while at < len(data):
        parts = []
        for _ in range(2):
            size = int.from_bytes(view[at : at + 4], "little")
            parts.append(view[at + 4 : at + 4 + size])
            at += 4 + size
        if at > len(data):
            raise EndsError("a chunk ends within a record")
        yield Record(fields_of(parts[0]), *parts)


class Bag:
    """Reads a bag's own records one after another, as far as they go."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file = file
        if (line := file.readline(len(VERSION))) != VERSION:
            version = line.removeprefix(MAGIC).decode(errors="replace").strip()
            raise UnsupportedLogError(str(path), f"is a bag of version {version}; convert it with `rosbag migrate`")
        try:
            first = self._next()
        except EndsError as error:
            raise DamagedLogError(str(path), f"has no beginning ({error}); get an undamaged copy") from error
        if first is None or first.op != _BAG:
            raise DamagedLogError(str(path), "does not begin like a bag; get an undamaged copy")
        if first.fields.get(b"encryptor"):
            raise UnsupportedLogError(str(path), "is encrypted; decrypt it first")
        self.first = first
        self.known = self._described()

    def _described(self) -> list[Record]:
        """Return the connections that the index lists, if it is there: their own chunk may be damaged."""
        start, found = self.file.tell(), list[Record]()
        self.file.seek(self.first.number(b"index_pos") or start)
        try:
            while (record := self._next()) is not None and record.op in {CONNECTION, CHUNK_INFO}:
                found += [record] if record.op == CONNECTION else []
        except EndsError:
            found = []
        self.file.seek(start)
        return found

    def records(self) -> Iterator[Record]:
        """Walk over the records after the first one.

        Raises:
            EndsError: the last one is not whole; a chunk that is not is given before.
        """
        described = 0
        while (record := self._next()) is not None:
            described += record.op == CHUNK_INFO
            yield record
        if not self.first.number(b"index_pos") or described < self.first.number(b"chunk_count"):
            raise EndsError("the file ends without an index: its recording was never closed")

    def _next(self) -> Record | None:
        at = self.file.tell()
        if not (start := self.file.read(4)):
            return None
        size = int.from_bytes(start, "little")
        if size > _LARGEST_HEADER:
            raise EndsError(f"what is at byte {at} is no record")
        header = self._read(size, at)
        fields = fields_of(header)
        length = int.from_bytes(self._read(4, at), "little")
        data = self.file.read(length)
        if len(data) < length:
            if fields.get(b"op") == bytes([CHUNK]):
                return Record({**fields, b"cut": b""}, header, data)
            raise EndsError(f"the file ends within the record at byte {at}")
        return Record(fields, header, data)

    def _read(self, size: int, at: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise EndsError(f"the file ends within the record at byte {at}")
        return data


def records_of(chunk: Record) -> list[Record]:
    """Return the records of a chunk; of one that is cut short, those that are whole.

    Raises:
        PackingError: it cannot be unpacked, or makes no sense.
    """
    cut, name = b"cut" in chunk.fields, chunk.fields.get(b"compression", b"none").decode(errors="replace")
    if name not in packing.KNOWN:
        raise PackingError(f"is packed with {name!r}, which is not known")
    data = packing.unpack(chunk.data, name, whole=not cut)
    if not cut and len(data) != chunk.number(b"size"):
        raise PackingError(f"has {len(data)} bytes and not the {chunk.number(b'size')} that it states")
    found: list[Record] = []
    try:
        for record in _inner(data):
            if record.op in {MESSAGE, CONNECTION}:
                record.number(b"conn")
            found.append(record)
    except (EndsError, KeyError) as error:
        if not cut:
            raise PackingError(f"is damaged ({error})") from error
    return found


def channel_of(connection: Record) -> Channel:
    """Return the channel that a record describes."""
    said = fields_of(connection.data)
    name, kind = connection.fields[b"topic"], said.get(b"type", b"")
    return Channel(name.decode(errors="replace"), plain_type(kind.decode(errors="replace")), "ros1")


def survey(path: Path) -> LogSummary:
    """Read a bag and say what it holds."""
    tally, packs, channels = Tally(), set[str](), dict[int, Channel]()
    summary = LogSummary(str(path), "ROS 1 bag", size=path.stat().st_size)
    with path.open("rb") as file:
        bag = Bag(file, path)
        try:
            for record in itertools.chain(bag.known, bag.records()):
                _survey_record(record, channels, tally, packs)
        except (EndsError, KeyError, struct.error) as error:
            summary.broken = str(error)
    for channel in channels.values():
        tally.open(channel)
    summary.topics, summary.compression, summary.ids = tally.topics(), tuple(sorted(packs)), frozenset(channels)
    return summary


def _survey_record(record: Record, channels: dict[int, Channel], tally: Tally, packs: set[str]) -> None:
    if record.op == CONNECTION:
        channels.setdefault(record.number(b"conn"), channel_of(record))
    elif record.op == MESSAGE:
        channel = channels.get(record.number(b"conn"), UNKNOWN)
        if channel is not UNKNOWN and tally.add(channel, record.time, len(record.data)):
            tally.look(channel, record.data)
    elif record.op == CHUNK:
        packs.add(record.fields.get(b"compression", b"none").decode(errors="replace"))
        with suppress(PackingError):  # told when it is copied
            for inner in records_of(record):
                _survey_record(inner, channels, tally, packs)
        if b"cut" in record.fields:
            raise EndsError("the file ends within a chunk")
