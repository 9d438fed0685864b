"""Live sources by their words: cameras, network streams, and raw frames on a pipe."""

from __future__ import annotations

import math
import platform
import re
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

import numpy as np

from highbeam.errors import SourceError, UsageError, nearest
from highbeam.video.live_reader import Arrival, Source
from highbeam.video.live_streams import StreamSource

__all__ = ["SCHEMES", "RawSource", "is_live", "parse_size", "parse_source", "raw_source"]

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp", "tcp", "srt")
"""Of addresses that are read."""

_PORTED = frozenset({"udp", "rtp", "tcp", "srt"})
"""Schemes without a port of their own."""

_NUMBER = re.compile(r"[0-9]{1,2}")
_DEVICE = re.compile(r"/dev/video[0-9]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SIZE = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")
_STDIN = "<stdin>"
_CHANNELS = 3

_COMMON = {"fpsprobesize": "0", "analyzeduration": "500000"}
"""Start at once: the frame rate is not wanted, and half a second (in microseconds) shows everything else. What comes
meanwhile is kept, not thrown away (``nobuffer``): it begins with the only frame that the next ones can be decoded
from, and as all but the newest is dropped, it makes no delay."""

_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp"},  # over UDP a lost packet smears the picture until the next whole frame
    "rtsps": {"rtsp_transport": "tcp"},
    "udp": {"overrun_nonfatal": "1"},
}


def is_live(word: str, size: str | None = None) -> bool:
    """Whether a word of the command line names a live source.

    Args:
        word: a number of one or two digits, a video device, an address, or ``-``. A file or folder of a number's name
            is no camera.
        size: of frames on standard input, as it was given; without it, ``-`` is a picture.
    """
    if word == "-":
        return size is not None
    if _NUMBER.fullmatch(word):
        return not Path(word).exists()
    return bool(_DEVICE.fullmatch(word) or _SCHEME.match(word))


def parse_size(text: str) -> tuple[int, int]:
    """Read ``WxH`` as width and height, pixels.

    Raises:
        UsageError: it is anything else.
    """
    match = _SIZE.fullmatch(text.strip())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not width or not height:
        raise UsageError(f"--size takes width and height of the frames such as 1280x720, got {text!r}")
    return width, height


def parse_source(word: str) -> Source:
    """Return the camera or stream that a word stands for; nothing is opened.

    Raises:
        UsageError: the address cannot be one, or this system's cameras have no numbers.
    """
    if _NUMBER.fullmatch(word):
        return _camera(int(word))
    if _DEVICE.fullmatch(word):
        return StreamSource(word, word, form="v4l2")
    parts = _checked(word)
    return StreamSource(_shown(parts), word, options=_COMMON | _OPTIONS.get(parts.scheme, {}))


def _camera(number: int) -> StreamSource:
    if platform.system() == "Linux":
        return StreamSource(f"/dev/video{number}", f"/dev/video{number}", form="v4l2")
    if platform.system() == "Darwin":
        return StreamSource(f"camera {number}", str(number), form="avfoundation", options={"framerate": "30"})
    raise UsageError(f"{number}: cameras by number are read on Linux and macOS; use a stream, or a pipe with --size")


def _checked(word: str) -> SplitResult:
    """Take an address apart, and refuse what no attempt could open."""
    try:
        parts = urlsplit(word)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{word}: no address ({error}); write it like rtsp://192.168.0.5:554/stream") from None
    if parts.scheme not in SCHEMES:
        near, known = nearest(parts.scheme, SCHEMES), ", ".join(SCHEMES)
        raise UsageError(f"{_shown(parts)}: no scheme {parts.scheme!r}{near} (schemes: {known})")
    if not host and parts.scheme not in {"udp", "rtp"}:
        raise UsageError(f"{_shown(parts)}: names no host; write it like {parts.scheme}://192.168.0.5/stream")
    if port is None and parts.scheme in _PORTED:
        raise UsageError(f"{_shown(parts)}: names no port; write it like {parts.scheme}://127.0.0.1:5000")
    return parts


def _shown(parts: SplitResult) -> str:
    """Return an address without its password, for messages and logs."""
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return parts._replace(netloc=f"{name}{':***' if colon else ''}{at}{place}").geturl()


class _Readable(Protocol):
    """A stream of bytes that gives what it has, at most what there is room for; nothing at its end."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...


@dataclass(frozen=True)
class RawSource:
    """Frames of RGB24 one after another, without headers.

    Attributes:
        stream: gives the bytes.
        width: pixels.
        height: pixels.
        name: for messages.
    """

    stream: _Readable
    width: int
    height: int
    name: str = _STDIN
    returns: bool = False

    def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
        """Yield the frames; see :class:`highbeam.video.live_reader.Source`.

        Raises:
            SourceError: the stream ends within a frame, or cannot be read.
        """
        number = 0
        while not stop.is_set():
            pixels = np.empty((self.height, self.width, _CHANNELS), np.uint8)
            got = self._fill(pixels.reshape(-1).data)
            if got == 0:
                return
            if got < pixels.nbytes:
                raise SourceError(
                    self.name,
                    f"ends within frame {number + 1}, {got} of its {pixels.nbytes} bytes came; frames before it are"
                    f" enhanced. If that is unexpected, compare --size {self.width}x{self.height} with what was sent",
                )
            yield Arrival(time.monotonic(), lambda pixels=pixels: pixels)  # type: ignore[misc]
            number += 1

    def _fill(self, room: memoryview) -> int:
        """Fill it, and return how many bytes came before the end."""
        got = 0
        try:
            while got < len(room) and (more := self.stream.readinto(room[got:])):
                got += more
        except OSError as error:
            raise SourceError(self.name, f"cannot be read ({error.strerror})") from error
        return got


def raw_source(stream: _Readable, size: str, rate: float | None = None) -> RawSource:
    """Return the frames on a pipe.

    Args:
        stream: gives the bytes.
        size: ``WxH``, pixels.
        rate: frames per second, only checked here.

    Raises:
        UsageError: the size or the rate is none.
    """
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"--rate takes frames per second above 0, got {rate:g}")
    width, height = parse_size(size)
    return RawSource(stream, width, height)
