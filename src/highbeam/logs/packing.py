"""Compression: of chunks, of single messages, and of whole files, in the ways that logs know.

What is cut short is unpacked as far as it goes.
"""

from __future__ import annotations

import bz2
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from highbeam.logs.errors import FrameError

if TYPE_CHECKING:
    from highbeam.logs.messages import Bytes

__all__ = ["KNOWN", "PackingError", "pack", "pack_file", "packed_message", "unpack", "unpack_file", "unpacked_message"]

_UNPACKERS: dict[str, Callable[[], Any]] = {
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "bz2": bz2.BZ2Decompressor,
}
KNOWN = frozenset({"", "none", *_UNPACKERS})
"""The names of compressions; none has two of them."""

_LIBRARIES = (OSError, ValueError, EOFError, RuntimeError, zstandard.ZstdError)


class PackingError(Exception):
    """What was packed cannot be unpacked."""


def unpack(data: Bytes, name: str, *, whole: bool = True) -> bytes:
    """Unpack a chunk.

    Args:
        data: what is packed.
        name: of the compression.
        whole: nothing is missing at its end.

    Raises:
        PackingError: it cannot be unpacked.
    """
    if name in {"", "none"}:
        return bytes(data)
    unpacker = _UNPACKERS[name]()
    try:
        result = bytes(unpacker.decompress(bytes(data)))
    except _LIBRARIES as error:
        raise PackingError(f"cannot be unpacked ({error})") from error
    if whole and not unpacker.eof:
        raise PackingError("cannot be unpacked (its end is missing)")
    return result


def pack(data: Bytes, name: str) -> bytes:
    """Pack a chunk.

    Frames of LZ4 are of the plainest kind, which the reader of ROS 1 asks for: blocks of their own, no size.
    """
    if name == "zstd":
        return zstandard.ZstdCompressor().compress(data)
    if name == "lz4":
        frame: bytes = lz4.frame.compress(
            data, block_size=lz4.frame.BLOCKSIZE_MAX1MB, block_linked=False, content_checksum=True, store_size=False
        )
        return frame
    return bz2.compress(data) if name == "bz2" else bytes(data)


def unpacked_message(data: Bytes) -> bytes:
    """Unpack one message.

    Raises:
        FrameError: it cannot be unpacked.
    """
    try:
        return unpack(data, "zstd")
    except PackingError as error:
        raise FrameError(f"the message {error}") from error


def packed_message(data: Bytes) -> bytes:
    """Pack one message; a frame that states its size, as readers of rosbag2 ask for."""
    return zstandard.ZstdCompressor().compress(data)


def unpack_file(source: Path, target: Path) -> str | None:
    """Unpack a whole file, as far as it goes.

    Returns:
        What was wrong with the rest; None where there is nothing to say.
    """
    with source.open("rb") as packed, target.open("wb") as plain:
        try:
            with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
                shutil.copyfileobj(reader, plain)
        except zstandard.ZstdError as error:
            return f"the file cannot be unpacked to its end ({error})"
    return None


def pack_file(source: Path, target: Path) -> None:
    """Pack a whole file."""
    with source.open("rb") as plain, target.open("wb") as packed:
        zstandard.ZstdCompressor().copy_stream(plain, packed, size=source.stat().st_size)
