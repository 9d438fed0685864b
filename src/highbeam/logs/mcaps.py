"""What is in an MCAP file, record by record; :mod:`highbeam.logs.mcap_copy` writes the like.

Source: the MCAP format specification, version 0.
"""

from __future__ import annotations

import io
import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel as ChannelRecord
from mcap.records import Chunk, Schema

from highbeam.errors import DamagedLogError
from highbeam.logs import packing
from highbeam.logs.edit import Tally
from highbeam.logs.messages import Bytes
from highbeam.logs.model import UNKNOWN, Channel, LogSummary, plain_type
from highbeam.logs.packing import PackingError

__all__ = [
    "HEAD",
    "MAGIC",
    "MESSAGE",
    "UNREADABLE",
    "EndsError",
    "Names",
    "Record",
    "chunk_of",
    "described",
    "records",
    "survey",
]

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # of a record: what it is, and its length
MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_CRC = 4  # bytes
_FOOTER = struct.Struct("<BQQQI")  # with its head: start of the summary, and of its offsets, checksum
UNREADABLE = (McapError, struct.error, ValueError, KeyError, OverflowError)


class Record(NamedTuple):
    """One record: what it is, and what is in it.

    Attributes:
        op: its opcode.
        content: all but that and the length.
        whole: nothing is missing at the end.
    """

    op: int
    content: Bytes
    whole: bool = True


class EndsError(Exception):
    """The file ends, or stops making sense, before its end."""


def records(file: BinaryIO, path: Path) -> Iterator[Record]:
    """Walk over the records up to the end of the data.

    Raises:
        DamagedLogError: the file does not begin like an MCAP.
        EndsError: the last one is not whole; of a chunk that is not, what there is is given before.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise DamagedLogError(str(path), "does not begin like an MCAP; get an undamaged copy")
    size = path.stat().st_size
    while True:
        at = file.tell()
        if len(head := file.read(HEAD.size)) < HEAD.size:
            raise EndsError(f"the file ends at byte {size} without an index: its recording was never closed")
        op, length = HEAD.unpack(head)
        if op in {Opcode.DATA_END, Opcode.FOOTER}:
            yield Record(op, file.read(length))
            return
        missing = at + HEAD.size + length - size
        if missing <= 0 or op == Opcode.CHUNK:
            yield Record(op, file.read(min(length, size)), missing <= 0)
        if missing > 0:
            raise EndsError(f"the file ends within the record at byte {at}")


def chunk_of(record: Record) -> tuple[Chunk, list[Record]]:
    """Read a chunk's head and what is in it; of one that is cut short, the records that are whole.

    Raises:
        PackingError: it cannot be unpacked, is not what its checksum says, or makes no sense.
    """
    chunk = Chunk.read(ReadDataStream(io.BytesIO(record.content)))
    if chunk.compression not in packing.KNOWN:
        raise PackingError(f"is packed with {chunk.compression!r}, which is not known")
    data = packing.unpack(chunk.data, chunk.compression, whole=record.whole)
    if record.whole and chunk.uncompressed_crc not in (0, zlib.crc32(data)):
        raise PackingError("is damaged: its checksum is another")
    if record.whole and chunk.uncompressed_size != len(data):
        raise PackingError(f"has {len(data)} bytes and not the {chunk.uncompressed_size} that it states")
    found = list(_inner(data))
    if record.whole and sum(HEAD.size + len(inner.content) for inner in found) != len(data):
        raise PackingError("is damaged: its records do not fill it")
    return chunk, found


def _inner(data: bytes) -> Iterator[Record]:
    """Walk over the records of an unpacked chunk; one that is not whole ends it."""
    view, at = memoryview(data), 0
    while at + HEAD.size <= len(data):
        op, length = HEAD.unpack_from(data, at)
        start, at = at + HEAD.size, at + HEAD.size + length
        if at > len(data):
            return
        yield Record(op, view[start:at])


def described(file: BinaryIO) -> list[Record]:
    """Return the schemas and channels that the end of a file lists: their own chunk may be damaged.

    Nothing where the end is not there, or not what its checksum says.
    """
    before, found = file.tell(), list[Record]()
    try:
        file.seek(-_FOOTER.size - len(MAGIC), os.SEEK_END)
        end = file.tell()
        footer = file.read(_FOOTER.size)
        op, length, start, _, crc = _FOOTER.unpack(footer)
        if (op, length) == (Opcode.FOOTER, _FOOTER.size - HEAD.size) and 0 < start < end:
            file.seek(start)
            summary = file.read(end - start)
            if crc in (0, zlib.crc32(summary + footer[:-_CRC])):
                found = [row for row in _inner(summary) if row.op in {Opcode.SCHEMA, Opcode.CHANNEL}]
                _check(found)
    except (OSError, *UNREADABLE):  # also where the file is shorter than that
        found = []
    file.seek(before)
    return found


def _check(found: Iterable[Record]) -> None:
    names = Names()
    for record in found:
        names.take(record)


class Names:
    """The schemas and channels that were met so far."""

    def __init__(self) -> None:
        self.schemas: dict[int, Bytes] = {}
        self.records: dict[int, ChannelRecord] = {}
        self.channels: dict[int, Channel] = {}
        self._types: dict[int, str] = {}

    def take(self, record: Record) -> None:
        """Take in a record of either."""
        if record.op == Opcode.SCHEMA:
            self.schema(record.content)
        else:
            self.channel(record.content)

    def schema(self, content: Bytes) -> None:
        """Take in a schema."""
        schema = Schema.read(ReadDataStream(io.BytesIO(content)))
        self.schemas.setdefault(schema.id, bytes(content))
        self._types.setdefault(schema.id, plain_type(schema.name))

    def channel(self, content: Bytes) -> ChannelRecord:
        """Take in a channel, whose schema came before."""
        record: ChannelRecord = ChannelRecord.read(ReadDataStream(io.BytesIO(content)))
        self.records.setdefault(record.id, record)
        channel = Channel(record.topic, self._types.get(record.schema_id, ""), record.message_encoding)
        self.channels.setdefault(record.id, channel)
        return record


def survey(path: Path, *, packed: bool = False) -> LogSummary:
    """Read an MCAP and say what it holds.

    Args:
        path: the file.
        packed: its messages are packed one by one.
    """
    summary = LogSummary(str(path), "MCAP", size=path.stat().st_size)
    surveyor = _Surveyor(Tally(packed=packed), summary)
    with path.open("rb") as file:
        try:
            for record in itertools.chain(described(file), records(file, path)):
                surveyor.take(record)
        except EndsError as error:
            summary.broken = str(error)
        except UNREADABLE as error:
            summary.broken = f"a record cannot be read ({error!r})"
    for channel in surveyor.names.channels.values():
        surveyor.tally.open(channel)
    summary.topics, summary.ids = surveyor.tally.topics(), frozenset(surveyor.names.channels)
    summary.compression = tuple(sorted(surveyor.packs))
    return summary


class _Surveyor:
    def __init__(self, tally: Tally, summary: LogSummary) -> None:
        self.tally, self.summary, self.names, self.packs = tally, summary, Names(), set[str]()

    def take(self, record: Record) -> None:
        if record.op == Opcode.CHUNK:
            self._take_chunk(record)
        elif record.op in {Opcode.SCHEMA, Opcode.CHANNEL}:
            self.names.take(record)
        elif record.op == Opcode.MESSAGE:
            number, _, time, _ = MESSAGE.unpack_from(record.content)
            channel, data = self.names.channels.get(number, UNKNOWN), record.content[MESSAGE.size :]
            if channel is not UNKNOWN and self.tally.add(channel, time, len(data)):
                self.tally.look(channel, data)
        self.summary.attachments += record.op == Opcode.ATTACHMENT
        self.summary.metadata += record.op == Opcode.METADATA

    def _take_chunk(self, record: Record) -> None:
        try:
            chunk, found = chunk_of(record)
        except PackingError:
            return  # told when it is copied
        self.packs.add(chunk.compression or "none")
        for inner in found:
            self.take(inner)
