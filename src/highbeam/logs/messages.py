"""Where the pictures are in serialised messages.

Only the bytes of a picture are exchanged; what is around them, the header with its stamp and its frame, is not written
again but copied, so that it cannot change.

Source: OMG DDS-RTPS 2.5, clause 10 (encapsulation) and CORBA 3.4, clause 9.3 (CDR) for ROS 2; the ROS wiki's pages on
``msg`` files and TCPROS for ROS 1; ``sensor_msgs/Image.msg`` and ``sensor_msgs/CompressedImage.msg``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

from highbeam.logs.errors import FrameError

__all__ = ["Bytes", "CompressedLayout", "ImageLayout", "compressed_layout", "exchanged", "image_layout"]

Bytes: TypeAlias = bytes | memoryview

_ORDERS = {0: ">", 1: "<", 6: ">", 7: "<"}  # representation identifiers of plain CDR, versions 1 and 2
_ENCAPSULATION = 4  # bytes
_WORD = 4
_MOST_TAIL = 3  # bytes of padding that some writers add to fill a word


@dataclass(frozen=True)
class ImageLayout:
    """An ``Image`` message without its samples.

    Attributes:
        height: rows.
        width: pixels of a row.
        encoding: such as ``rgb8``.
        big_endian: order of the bytes of samples of more than one.
        step: bytes of a row, with its padding.
        start: where the samples begin in the message.
        end: where they end.
    """

    height: int
    width: int
    encoding: str
    big_endian: bool
    step: int
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class CompressedLayout:
    """A ``CompressedImage`` message without its file.

    Attributes:
        format: what the message says of it, such as ``jpeg`` or ``bgr8; png compressed bgr8``.
        start: where the file begins in the message.
        end: where it ends.
        order: of the bytes of numbers, as :mod:`struct` writes it.
    """

    format: str
    start: int
    end: int
    order: str


class _Cursor:
    """Reads one field after another."""

    def __init__(self, data: Bytes, serialisation: str) -> None:
        self.data = data
        self.ros1 = serialisation == "ros1"
        self.at, self.order = (0, "<") if self.ros1 else (_ENCAPSULATION, self._order())

    def _order(self) -> str:
        if len(self.data) < _ENCAPSULATION:
            raise FrameError("the message is cut short")
        order = _ORDERS.get(int.from_bytes(self.data[:2], "big"))
        if order is None:
            raise FrameError(f"the message is not plain CDR: it begins with {bytes(self.data[:2]).hex()}")
        return order

    def word(self) -> int:
        if not self.ros1:
            self.at += -(self.at - _ENCAPSULATION) % _WORD
        try:
            (value,) = struct.unpack_from(f"{self.order}I", self.data, self.at)
        except struct.error:
            raise FrameError("the message is cut short") from None
        self.at += _WORD
        return int(value)

    def octet(self) -> int:
        start, _ = self._span(1)
        return self.data[start]

    def span(self) -> tuple[int, int]:
        """Where a sequence of bytes lies that its length precedes."""
        return self._span(self.word())

    def text(self) -> str:
        start, end = self.span()
        return bytes(self.data[start:end]).removesuffix(b"" if self.ros1 else b"\0").decode(errors="replace")

    def _span(self, length: int) -> tuple[int, int]:
        start, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise FrameError(f"the message is cut short: {self.at - len(self.data)} bytes are missing")
        return start, self.at

    def header(self) -> None:
        for _ in range(3 if self.ros1 else 2):  # ROS 1 counts the messages before it states the time
            self.word()
        self.span()

    def finish(self) -> None:
        """Refuse messages that go on: their type only has the name of the one that is known here."""
        if len(self.data) - self.at > _MOST_TAIL:
            raise FrameError(f"the message has {len(self.data) - self.at} bytes more than its type")


def image_layout(data: Bytes, serialisation: str) -> ImageLayout:
    """Find the samples of a ``sensor_msgs/Image``.

    Args:
        data: the message.
        serialisation: ``ros1`` or ``cdr``.

    Raises:
        FrameError: it is none.
    """
    cursor = _Cursor(data, serialisation)
    cursor.header()
    height, width = cursor.word(), cursor.word()
    encoding = cursor.text()
    big_endian, step = cursor.octet() != 0, cursor.word()
    start, end = cursor.span()
    cursor.finish()
    return ImageLayout(height, width, encoding, big_endian, step, start, end)


def compressed_layout(data: Bytes, serialisation: str) -> CompressedLayout:
    """Find the file in a ``sensor_msgs/CompressedImage``.

    Args:
        data: the message.
        serialisation: ``ros1`` or ``cdr``.

    Raises:
        FrameError: it is none.
    """
    cursor = _Cursor(data, serialisation)
    cursor.header()
    name = cursor.text()
    start, end = cursor.span()
    cursor.finish()
    return CompressedLayout(name, start, end, cursor.order)


def exchanged(data: Bytes, layout: CompressedLayout, file: bytes) -> bytes:
    """Return a ``CompressedImage`` message with another file in it."""
    length = struct.pack(f"{layout.order}I", len(file))
    return b"".join((data[: layout.start - _WORD], length, file, data[layout.end :]))
