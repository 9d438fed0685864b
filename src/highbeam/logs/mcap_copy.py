"""An MCAP written anew: what stays the same is copied as it is packed, the rest is packed as it was.

Source: the MCAP format specification, version 0.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Attachment,
    AttachmentIndex,
    Chunk,
    ChunkIndex,
    DataEnd,
    Footer,
    McapRecord,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)
from mcap.records import Channel as ChannelRecord

from highbeam.logs import packing
from highbeam.logs.edit import Edit
from highbeam.logs.mcaps import (
    HEAD,
    MAGIC,
    MESSAGE,
    UNREADABLE,
    EndsError,
    Names,
    Record,
    chunk_of,
    described,
    records,
)
from highbeam.logs.messages import Bytes
from highbeam.logs.model import UNKNOWN, LogSummary
from highbeam.logs.packing import PackingError

__all__ = ["copy"]

_MOST_IDS = 1 << 16

Retell: TypeAlias = Callable[[str, Edit], str]
"""Says in the words of rosbag2's own metadata what the result holds."""


def framed(op: int, content: Bytes) -> bytes:
    return b"".join((HEAD.pack(op, len(content)), content))


def copy(source: Path, target: Path, edit: Edit, summary: LogSummary, retell: Retell | None = None) -> None:
    """Copy an MCAP, with its messages as the edit makes them.

    Args:
        source: the file.
        target: a new file.
        edit: what is done to messages.
        summary: what the file holds.
        retell: rewrites the metadata that rosbag2 leaves in its files.
    """
    with source.open("rb") as file, target.open("xb") as out:
        writer = _Writer(out, edit, (number for number in range(1, _MOST_IDS) if number not in summary.ids), retell)
        for record in described(file):
            writer.names.take(record)
        try:
            for record in records(file, source):
                writer.take(record)
        except EndsError as error:
            edit.report.broken = str(error)
        except UNREADABLE as error:
            edit.report.broken = f"a record cannot be read ({error!r})"
        writer.finish()


class _Block:
    """A chunk of the result, and its index."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.index: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.changed = False

    def add(self, op: int, content: Bytes) -> None:
        self.data += framed(op, content)

    def times(self) -> tuple[int, int]:
        times = [time for entries in self.index.values() for time, _ in entries] or [0]
        return min(times), max(times)


class _Summary:
    """What the end of the file says of the rest."""

    def __init__(self) -> None:
        self.chunks: list[ChunkIndex] = []
        self.attachments: list[AttachmentIndex] = []
        self.metadata: list[MetadataIndex] = []
        self.counts: Counter[int] = Counter()
        self.first: int | None = None
        self.last = 0

    def count(self, number: int, time: int) -> None:
        self.counts[number] += 1
        self.first = time if self.first is None else min(self.first, time)
        self.last = max(self.last, time)

    def statistics(self, names: Names) -> Statistics:
        return Statistics(
            attachment_count=len(self.attachments),
            channel_count=len(names.records),
            channel_message_counts=dict(self.counts),
            chunk_count=len(self.chunks),
            message_count=self.counts.total(),
            message_end_time=self.last,
            message_start_time=self.first or 0,
            metadata_count=len(self.metadata),
            schema_count=len(names.schemas),
        )

    def pack(self, names: Names, start: int) -> bytes:
        """Return the summary, which starts at a place in the file, with the footer that ends it."""
        builder, offsets = RecordBuilder(), list[SummaryOffset]()
        schemas = [Schema.read(ReadDataStream(io.BytesIO(content))) for content in names.schemas.values()]
        groups: list[tuple[Opcode, list[McapRecord]]] = [
            (Opcode.SCHEMA, schemas),
            (Opcode.CHANNEL, list(names.records.values())),
            (Opcode.STATISTICS, [self.statistics(names)]),
            (Opcode.CHUNK_INDEX, list(self.chunks)),
            (Opcode.ATTACHMENT_INDEX, list(self.attachments)),
            (Opcode.METADATA_INDEX, list(self.metadata)),
        ]
        for op, group in groups:
            before = builder.count
            for record in group:
                record.write(builder)
            if group:
                offsets.append(SummaryOffset(op, start + before, builder.count - before))
        place = start + builder.count
        for offset in offsets:
            offset.write(builder)
        whole: bytes = builder.end()  # type: ignore[no-untyped-call]
        checked = whole + HEAD.pack(Opcode.FOOTER, 20) + struct.pack("<QQ", start, place)
        return whole + _packed(Footer(start, place, zlib.crc32(checked)))


def _packed(record: McapRecord) -> bytes:
    builder = RecordBuilder()
    record.write(builder)
    whole: bytes = builder.end()  # type: ignore[no-untyped-call]
    return whole


class _Writer:
    """Writes the result record by record, and its summary at the end."""

    def __init__(self, out: BinaryIO, edit: Edit, free: Iterator[int], retell: Retell | None) -> None:
        self.out, self.edit, self.free, self.retell = out, edit, free, retell
        self.names, self.summary, self.beside = Names(), _Summary(), dict[int, int]()
        self.passed: tuple[ChunkIndex, str] | None = None  # a chunk that could not be unpacked: its index follows
        self.told: list[Metadata] = []
        self.checked = False
        self.crc = 0
        self._write(MAGIC)

    def _write(self, data: Bytes | bytearray) -> None:
        self.out.write(data)
        self.crc = zlib.crc32(data, self.crc)

    def take(self, record: Record) -> None:
        """Write what becomes of a record."""
        if record.op != Opcode.MESSAGE_INDEX:
            self._close_passed()
        if record.op == Opcode.CHUNK:
            self._take_chunk(record)
        elif record.op == Opcode.MESSAGE_INDEX:
            self._take_index(record)
        elif record.op == Opcode.METADATA:
            self._take_metadata(record.content)
        elif record.op == Opcode.DATA_END:
            self.checked = any(record.content)
        elif record.op != Opcode.FOOTER:
            self._take_other(record)

    def _take_other(self, record: Record) -> None:
        """Write a record that is not about chunks: in files without them, also messages."""
        if record.op == Opcode.ATTACHMENT:
            self._index_attachment(record.content)
        block = _Block()
        self._fill(block, record)
        self._write(block.data)

    def _index_attachment(self, content: Bytes) -> None:
        found = Attachment.read(ReadDataStream(io.BytesIO(content)))
        self.summary.attachments.append(
            AttachmentIndex(
                offset=self.out.tell(),
                length=HEAD.size + len(content),
                log_time=found.log_time,
                create_time=found.create_time,
                data_size=len(found.data),
                name=found.name,
                media_type=found.media_type,
            )
        )

    def _take_metadata(self, content: Bytes) -> None:
        """Copy a record of metadata; what rosbag2 says there of its topics waits until they are known."""
        found = Metadata.read(ReadDataStream(io.BytesIO(content)))
        if self.retell is not None and self.edit.suffix is not None and "serialized_metadata" in found.metadata:
            self.told.append(found)
            return
        self._write_metadata(found.name, framed(Opcode.METADATA, content))

    def _write_metadata(self, name: str, framed: bytes) -> None:
        self.summary.metadata.append(MetadataIndex(self.out.tell(), len(framed), name))
        self._write(framed)

    def _take_chunk(self, record: Record) -> None:
        try:
            chunk, found = chunk_of(record)
        except PackingError as error:
            self._pass(record, str(error))
            return
        block = _Block()
        for inner in found:
            self._fill(block, inner)
        if record.whole and not block.changed:
            self._write_chunk(record.content, chunk, block.index)
        elif block.data:
            self._write_block(block, chunk)

    def _fill(self, block: _Block, record: Record) -> None:
        if record.op == Opcode.MESSAGE:
            self._fill_message(block, record.content)
            return
        block.add(record.op, record.content)
        if record.op == Opcode.SCHEMA:
            self.names.schema(record.content)
        elif record.op == Opcode.CHANNEL:
            self._open_beside(block, self.names.channel(record.content))

    def _fill_message(self, block: _Block, content: Bytes) -> None:
        number, _, time, _ = MESSAGE.unpack_from(content)
        message = content[MESSAGE.size :]
        kept, made = self.edit.results(self.names.channels.get(number, UNKNOWN), time, message)
        block.changed |= kept is not message or made is not None
        if made is not None and number not in self.beside:  # the record of the channel is lost in a damaged chunk
            self._open_beside(block, self.names.records[number])
        for other, data in ((number, kept), (self.beside.get(number, 0), made)):
            if data is not None:
                block.index[other].append((time, len(block.data)))
                block.add(Opcode.MESSAGE, b"".join((struct.pack("<H", other), content[2 : MESSAGE.size], data)))
                self.summary.count(other, time)

    def _open_beside(self, block: _Block, record: ChannelRecord) -> None:
        added = self.edit.added(self.names.channels[record.id])
        if added is None:
            return
        if record.id not in self.beside:
            self.beside[record.id] = next(self.free)
        other = ChannelRecord(
            self.beside[record.id], added.topic, record.message_encoding, record.metadata, record.schema_id
        )
        self.names.records.setdefault(other.id, other)
        block.data += _packed(other)
        block.changed = True

    def _write_block(self, block: _Block, chunk: Chunk) -> None:
        data, (start, end) = bytes(block.data), block.times()
        chunk = Chunk(
            compression=chunk.compression,
            data=packing.pack(data, chunk.compression),
            message_end_time=end,
            message_start_time=start,
            uncompressed_crc=zlib.crc32(data) if chunk.uncompressed_crc else 0,
            uncompressed_size=len(data),
        )
        self._write_chunk(_packed(chunk)[HEAD.size :], chunk, block.index)

    def _write_chunk(self, content: Bytes, chunk: Chunk, index: dict[int, list[tuple[int, int]]]) -> None:
        row = self._chunk_row(content, chunk)
        self._write(framed(Opcode.CHUNK, content))
        for number, entries in index.items():
            self._write_index(row, number, _packed(MessageIndex(number, entries)))

    def _chunk_row(self, content: Bytes, chunk: Chunk) -> ChunkIndex:
        row = ChunkIndex(
            chunk_length=HEAD.size + len(content),
            chunk_start_offset=self.out.tell(),
            compression=chunk.compression,
            compressed_size=len(chunk.data),
            message_end_time=chunk.message_end_time,
            message_index_length=0,
            message_index_offsets={},
            message_start_time=chunk.message_start_time,
            uncompressed_size=chunk.uncompressed_size,
        )
        self.summary.chunks.append(row)
        return row

    def _write_index(self, row: ChunkIndex, number: int, framed: bytes) -> None:
        row.message_index_offsets[number] = self.out.tell()
        row.message_index_length += len(framed)
        self._write(framed)

    def _pass(self, record: Record, reason: str) -> None:
        """Copy a chunk that cannot be unpacked; the index that follows it is then copied too."""
        if not record.whole:
            return
        row = self._chunk_row(record.content, Chunk.read(ReadDataStream(io.BytesIO(record.content))))
        self._write(framed(Opcode.CHUNK, record.content))
        self.passed = row, reason

    def _take_index(self, record: Record) -> None:
        if self.passed is None:
            return  # the index of what was written is written with it
        row, reason = self.passed
        index = MessageIndex.read(ReadDataStream(io.BytesIO(record.content)))
        self._write_index(row, index.channel_id, framed(Opcode.MESSAGE_INDEX, record.content))
        for time, _ in index.records:
            self.summary.count(index.channel_id, time)
        if index.records:
            channel = self.names.channels.get(index.channel_id)
            self.edit.passed(channel.topic if channel else "", [time for time, _ in index.records], reason)

    def _close_passed(self) -> None:
        if self.passed is not None and not self.passed[0].message_index_offsets:
            self.edit.passed("", (self.passed[0].message_start_time,), self.passed[1])
        self.passed = None

    def finish(self) -> None:
        """Write the rest of the data and the summary."""
        self._close_passed()
        for found in self.told:
            words = found.metadata["serialized_metadata"]
            told = self.retell(words, self.edit) if self.retell is not None else words
            metadata = Metadata(found.name, {**found.metadata, "serialized_metadata": told})
            self._write_metadata(found.name, _packed(metadata))
        self._write(_packed(DataEnd(self.crc if self.checked else 0)))
        self.out.write(self.summary.pack(self.names, self.out.tell()) + MAGIC)
