"""A bag of ROS 1 written anew: what stays the same is copied as it is packed, the rest is packed as it was.

Source: the ROS wiki's page on the bag format, version 2.0.
"""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from highbeam.logs import packing
from highbeam.logs.edit import Edit
from highbeam.logs.messages import Bytes
from highbeam.logs.model import UNKNOWN, Channel, LogSummary
from highbeam.logs.packing import PackingError
from highbeam.logs.ros1 import (
    CHUNK,
    CHUNK_INFO,
    CONNECTION,
    INDEX,
    MESSAGE,
    VERSION,
    Bag,
    EndsError,
    Record,
    channel_of,
    fields_of,
    records_of,
    time_of,
)

__all__ = ["copy"]

_HEADER_ROOM = 4096  # bytes of the bag's first record, most of them blanks
_NANO = 10**9
_PAIR = struct.Struct("<II")


def _stored(time: int) -> bytes:
    return _PAIR.pack(*divmod(time, _NANO))


def _joined(fields: dict[bytes, bytes]) -> bytes:
    entries = [name + b"=" + value for name, value in fields.items()]
    return b"".join(len(entry).to_bytes(4, "little") + entry for entry in entries)


def _record(header: Bytes, data: Bytes) -> bytes:
    return b"".join((len(header).to_bytes(4, "little"), header, len(data).to_bytes(4, "little"), data))


def copy(source: Path, target: Path, edit: Edit, summary: LogSummary) -> None:
    """Copy a bag, with its messages as the edit makes them.

    Args:
        source: the bag.
        target: a new file.
        edit: what is done to messages.
        summary: what the bag holds.
    """
    with source.open("rb") as file, target.open("xb") as out:
        bag = Bag(file, source)
        writer = _Writer(out, edit, max(summary.ids, default=-1) + 1)
        try:
            writer.copy(itertools.chain(bag.known, bag.records()))
        except (EndsError, KeyError, struct.error) as error:
            edit.report.broken = str(error)
        writer.finish(bag.first.fields)


@dataclass
class _Chunk:
    """A chunk of the result, and its index: where each connection's messages are, by their times."""

    start: int
    changed: bool = False
    data: bytearray = field(default_factory=bytearray)
    index: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def info(self) -> bytes:
        times = [time for entries in self.index.values() for time, _ in entries] or [0]
        counts = b"".join(_PAIR.pack(number, len(entries)) for number, entries in self.index.items())
        fields = {
            b"op": bytes([CHUNK_INFO]),
            b"ver": (1).to_bytes(4, "little"),
            b"chunk_pos": self.start.to_bytes(8, "little"),
            b"start_time": _stored(min(times)),
            b"end_time": _stored(max(times)),
            b"count": len(self.index).to_bytes(4, "little"),
        }
        return _record(_joined(fields), counts)


class _Writer:
    """Writes the result: chunk by chunk, and the index at the end."""

    def __init__(self, out: BinaryIO, edit: Edit, free: int) -> None:
        self.out, self.edit, self.free = out, edit, free
        self.channels: dict[int, Channel] = {}
        self.connections: dict[int, Record] = {}
        self.beside: dict[int, int] = {}
        self.opened: set[int] = set()
        self.infos: list[bytes] = []
        self.passed: _Chunk | None = None  # one that could not be unpacked: its index follows
        self.reason = ""
        out.write(VERSION + bytes(_HEADER_ROOM))

    def copy(self, records: Iterator[Record]) -> None:
        for record in records:
            if record.op == CHUNK:
                self._close_passed()
                self._copy_chunk(record)
            elif record.op == INDEX and self.passed is not None:
                self._pass_index(record, self.passed)
            elif record.op == CONNECTION:
                self._connect(record)
            elif record.op == MESSAGE:
                raise EndsError("messages outside of chunks are not known")
            if b"cut" in record.fields:
                raise EndsError("the file ends within a chunk")

    def _copy_chunk(self, record: Record) -> None:
        try:
            found = records_of(record)
        except PackingError as error:
            self.passed, self.reason = _Chunk(self.out.tell()), str(error)
            self.out.write(_record(record.header, record.data))
            return
        chunk = _Chunk(self.out.tell(), changed=b"cut" in record.fields)
        for inner in found:
            self._copy_inner(inner, chunk)
        if chunk.data:
            self._write_chunk(chunk, record)

    def _write_chunk(self, chunk: _Chunk, record: Record) -> None:
        fields = {name: value for name, value in record.fields.items() if name != b"cut"}
        name = fields.get(b"compression", b"none").decode()
        fields[b"size"] = len(chunk.data).to_bytes(4, "little")
        self.out.write(
            _record(_joined(fields), packing.pack(bytes(chunk.data), name) if chunk.changed else record.data)
        )
        for number, entries in chunk.index.items():
            self.out.write(_index(number, entries))
        self.infos.append(chunk.info())

    def _copy_inner(self, record: Record, chunk: _Chunk) -> None:
        if record.op != MESSAGE:
            chunk.data += _record(record.header, record.data)
            if record.op == CONNECTION:
                self._connect(record)
                self._open_beside(record, chunk)
            return
        number = record.number(b"conn")
        kept, made = self.edit.results(self.channels.get(number, UNKNOWN), record.time, record.data)
        chunk.changed |= kept is not record.data or made is not None
        self._put(record, number, kept, chunk)
        if made is not None:
            if self.beside[number] not in self.opened:
                self._open_beside(self.connections[number], chunk)
            self._put(record, self.beside[number], made, chunk)

    def _put(self, record: Record, number: int, data: Bytes, chunk: _Chunk) -> None:
        same = number == record.number(b"conn")
        header = record.header if same else _joined({**record.fields, b"conn": number.to_bytes(4, "little")})
        chunk.index[number].append((record.time, len(chunk.data)))
        chunk.data += _record(header, data)

    def _connect(self, record: Record) -> None:
        """Take note of a connection, and of the one to open beside it, if there is one."""
        number, channel = record.number(b"conn"), channel_of(record)
        self.channels.setdefault(number, channel)
        self.connections.setdefault(number, record)
        added = self.edit.added(channel)
        if added is None or number in self.beside:
            return
        self.beside[number] = other = self.free + len(self.beside)
        name = added.topic.encode()
        fields = {**record.fields, b"conn": other.to_bytes(4, "little"), b"topic": name}
        data = _joined({**fields_of(record.data), b"topic": name})
        self.connections[other] = Record(fields, _joined(fields), data)

    def _open_beside(self, record: Record, chunk: _Chunk) -> None:
        other = self.beside.get(record.number(b"conn"))
        if other is not None:
            added = self.connections[other]
            chunk.data += _record(added.header, added.data)
            chunk.changed = True
            self.opened.add(other)

    def _pass_index(self, record: Record, chunk: _Chunk) -> None:
        self.out.write(_record(record.header, record.data))
        entries = struct.iter_unpack("<8sI", record.data)
        chunk.index[record.number(b"conn")] += [(time_of(time), at) for time, at in entries]

    def _close_passed(self) -> None:
        """Tell of a chunk that was passed on packed, once its index is known."""
        if self.passed is None:
            return
        for number, entries in self.passed.index.items():
            channel = self.channels.get(number)
            self.edit.passed(channel.topic if channel else "", [time for time, _ in entries], self.reason)
        self.infos.append(self.passed.info())
        self.passed = None

    def finish(self, fields: dict[bytes, bytes]) -> None:
        """Write the index, and the first record, which says where it is."""
        self._close_passed()
        place = self.out.tell()
        self.out.writelines(_record(row.header, row.data) for row in self.connections.values())
        self.out.writelines(self.infos)
        header = _joined(
            {
                **fields,
                b"index_pos": place.to_bytes(8, "little"),
                b"conn_count": len(self.connections).to_bytes(4, "little"),
                b"chunk_count": len(self.infos).to_bytes(4, "little"),
            }
        )
        self.out.seek(len(VERSION))
        self.out.write(_record(header, b" " * (_HEADER_ROOM - 8 - len(header))))


def _index(number: int, entries: list[tuple[int, int]]) -> bytes:
    fields = {
        b"op": bytes([INDEX]),
        b"ver": (1).to_bytes(4, "little"),
        b"conn": number.to_bytes(4, "little"),
        b"count": len(entries).to_bytes(4, "little"),
    }
    return _record(_joined(fields), b"".join(_stored(time) + at.to_bytes(4, "little") for time, at in entries))
