"""Where live frames go without a window: a pipe of raw frames, and a file that survives a kill."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from highbeam.errors import OutputError, SinkError
from highbeam.methods.base import Pixels

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

__all__ = ["FORMATS", "FileSink", "RawSink", "Sink"]

_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
FORMATS = {
    ".mp4": ("mp4", _FRAGMENTS),
    ".m4v": ("mp4", _FRAGMENTS),
    ".mov": ("mov", _FRAGMENTS),
    ".mkv": ("matroska", {"flush_packets": "1", "cluster_time_limit": "1000"}),
    ".ts": ("mpegts", {"flush_packets": "1"}),
}
"""FFmpeg's format and options of files by suffix: such as are whole up to the last second at any moment."""

_TICKS = Fraction(1, 90000)
_KEY_EVERY = 1.0
"""Seconds between frames that need no other; a kill loses at most as much."""

_RATE = 30  # what the encoder is told; the times are the frames' own
_ENCODER = {"preset": "veryfast", "tune": "zerolatency"}
_CRF = 20
_BT709 = 1
_GRACE = 2.0
"""Seconds that a reader of a pipe has for the last frame once the run is to stop."""


class Sink(ABC):
    """Takes frames, from one thread."""

    name: str

    def open(self) -> None:  # noqa: B027 - most have nothing to do
        """Get ready, before the source is opened.

        Raises:
            SinkError: it cannot.
        """

    @abstractmethod
    def write(self, pixels: Pixels, at: float) -> None:
        """Take a frame.

        Args:
            pixels: ``(H, W, 3)`` RGB ``uint8``; not changed by anybody afterwards.
            at: its place in time, seconds since the first frame.

        Raises:
            SinkError: it cannot, or not in this size.
        """

    def idle(self) -> bool:
        """Do what is due between frames; returns whether more frames are wanted."""
        return True

    def close(self) -> None:  # noqa: B027 - likewise
        """Finish, whatever happened."""


class _Writable(Protocol):
    """A stream that takes some of the bytes and says how many."""

    def write(self, data: memoryview, /) -> int | None: ...


class RawSink(Sink):
    """Raw RGB24, frame after frame without headers.

    Args:
        stream: takes the bytes.
        name: for messages.
        stop: once it is set, a reader that takes nothing is not waited for.
        tell: takes a line that says the size.
    """

    def __init__(
        self, stream: _Writable, *, name: str, stop: threading.Event, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = name
        self._stream, self._stop, self._tell = stream, stop, tell
        self._shape: tuple[int, ...] | None = None
        self._error: OSError | None = None

    def write(self, pixels: Pixels, at: float) -> None:  # noqa: ARG002 - raw frames have no times
        """Write a frame whole; see :meth:`Sink.write`.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        self._check(pixels)
        thread = threading.Thread(target=self._send, args=(np.ascontiguousarray(pixels),), daemon=True)
        thread.start()  # a write that nobody reads cannot be interrupted, but it can be left behind
        left = _GRACE
        while thread.is_alive():
            began = time.monotonic()
            thread.join(0.1)
            left -= time.monotonic() - began if self._stop.is_set() else 0.0
            if left <= 0:
                raise SinkError(self.name, "its reader takes nothing more; the last frame is not whole")
        self._raise()

    def _check(self, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        if self._shape is None:
            self._shape = pixels.shape
            self._tell(f"{self.name}: raw RGB24, {width}x{height}")
        if pixels.shape != self._shape:
            before = f"{self._shape[1]}x{self._shape[0]}"
            raise SinkError(
                self.name,
                f"raw frames have one size, and the source changed from {before} to {width}x{height}; start again, or"
                " use an output that can change: a file or http://127.0.0.1:8080",
            )

    def _send(self, pixels: Pixels) -> None:
        left = pixels.reshape(-1).data
        try:
            while left:
                left = left[self._stream.write(left) or 0 :]
        except OSError as error:
            self._error = error
        except ValueError as error:  # it was closed meanwhile
            self._error = OSError(0, str(error))

    def _raise(self) -> None:
        if isinstance(self._error, BrokenPipeError):
            raise self._error  # nobody is left to be told
        if self._error is not None:
            raise SinkError(self.name, f"cannot be written ({self._error.strerror})") from self._error


class FileSink(Sink):
    """A video file whose frames lie where they came in time; at another size, a new file goes on.

    It is written under its own name from the start: what a kill or a power cut leaves can be played. Nothing is
    overwritten unless asked for.

    Args:
        path: the file; its suffix is one of :data:`FORMATS`.
        crf: quality, from 0, the best, to 51.
        overwrite: replace files that exist.
        tell: takes a line for each further file.
    """

    def __init__(
        self, path: Path, *, crf: int = _CRF, overwrite: bool = False, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.name = str(path)
        self._path, self._crf, self._overwrite, self._tell = path, crf, overwrite, tell
        self._file: _File | None = None
        self._files = 0

    def open(self) -> None:
        """Make the folder, and see that the file would not replace another.

        Raises:
            OutputError: it exists.
            SinkError: its folder cannot be made.
        """
        self._refuse(self._path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(self.name, f"its folder cannot be made ({error.strerror})") from error

    def write(self, pixels: Pixels, at: float) -> None:
        """Encode a frame; see :meth:`Sink.write`."""
        if self._file is None or self._file.shape != pixels.shape:
            self._file = self._next(pixels)
        self._file.add(pixels, at)

    def _next(self, pixels: Pixels) -> _File:
        """Begin a file of the frames' size."""
        self.close()
        self._files += 1
        path = self._path if self._files == 1 else self._path.with_stem(f"{self._path.stem}-{self._files}")
        self._refuse(path)
        if self._files > 1:
            self._tell(f"{path}: goes on here, the frames are {pixels.shape[1]}x{pixels.shape[0]} now")
        return _File(path, pixels.shape, self._crf)

    def _refuse(self, path: Path) -> None:
        if not self._overwrite and path.exists():
            raise OutputError(f"{path}: exists already; choose another name, or --overwrite")

    def close(self) -> None:
        """Finish the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


class _File:
    """One file of frames of one size."""

    def __init__(self, path: Path, shape: tuple[int, ...], crf: int) -> None:
        import av

        self.shape = shape
        self._path = path
        self._last = self._key = -1
        form, options = FORMATS[path.suffix.lower()]
        try:
            self._container: OutputContainer = av.open(str(path), "w", format=form, container_options=dict(options))
            self._stream = self._streamed(shape, crf)
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _streamed(self, shape: tuple[int, ...], crf: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=_RATE, options=_ENCODER | {"crf": str(crf)})
        stream.height, stream.width = shape[:2]
        stream.pix_fmt = _pixel_format(shape)
        context = stream.codec_context
        context.time_base = _TICKS
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1
        return stream

    def add(self, pixels: Pixels, at: float) -> None:
        """Encode a frame and put it into the file."""
        import av
        from av.video.frame import PictureType

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            format=_pixel_format(pixels.shape),
            src_colorspace=_BT709,
            dst_colorspace=_BT709,
            src_color_range=2,
            dst_color_range=1,
        )
        frame.time_base = _TICKS
        frame.pts = self._last = max(self._last + 1, round(at / _TICKS))
        if self._key < 0 or frame.pts - self._key >= _KEY_EVERY / _TICKS:
            self._key = frame.pts
            frame.pict_type = PictureType.I
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write what the encoder holds back, and the end."""
        import av

        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> SinkError:
        return SinkError(str(self._path), f"cannot be written ({getattr(error, 'strerror', None) or error})")


def _pixel_format(shape: tuple[int, ...]) -> str:
    """4:2:0, which plays everywhere; 4:4:4 where a side is odd, which the encoder refuses in 4:2:0. So do clips."""
    return "yuv444p" if shape[0] % 2 or shape[1] % 2 else "yuv420p"
