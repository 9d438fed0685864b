"""Frames of clips, by their presentation times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import DamagedPictureError, PictureError, UnsupportedPictureError
from highbeam.video.containers import has_clip_suffix

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["frame_times", "is_clip", "read_frames"]

_RIGHT_ANGLE = 90


def is_clip(path: Path) -> bool:
    """Whether a name ends like that of a clip; see :data:`highbeam.video.containers.VIDEO_SUFFIXES`."""
    return has_clip_suffix(path)


def frame_times(path: Path) -> list[tuple[int, float]]:
    """List the frames of a clip without decoding them.

    Returns:
        Per frame, in the order of presentation, its time in units of the stream's time base (which
        :func:`read_frames` takes) and in seconds from the first frame.

    Raises:
        PictureError: the clip cannot be read, or holds no frame.
    """
    with _opened(path) as (container, stream):
        base = float(stream.time_base or 0)
        shown = (packet for packet in container.demux(stream) if not packet.is_discard)  # an edit list may hide some
        times = sorted(packet.pts for packet in shown if packet.pts is not None)
    if not times:
        raise DamagedPictureError(str(path), "has no frame; get an undamaged copy")
    return [(pts, (pts - times[0]) * base) for pts in times]


def read_frames(path: Path, times: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
    """Decode frames of a clip.

    Args:
        path: the clip.
        times: rising presentation times, as :func:`frame_times` gives them. From the key frame before the first one
            on, every frame is decoded: near times are cheap, far ones are better read by calls of their own.

    Yields:
        ``(H, W, 3)`` RGB of each, upright.

    Raises:
        PictureError: the clip cannot be read, or ends before the last of the times.
    """
    wanted = iter(times)
    due = next(wanted, None)
    if due is None:
        return
    with _opened(path) as (container, stream):
        container.seek(due, stream=stream)
        for frame in container.decode(stream):
            while due is not None and frame.pts is not None and frame.pts >= due:
                yield _pixels(frame)
                due = next(wanted, None)
            if due is None:
                return
    raise DamagedPictureError(str(path), f"ends before its frame at {due}; get an undamaged copy")


def _pixels(frame: VideoFrame) -> NDArray[np.uint8]:
    pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    quarters = round(int(getattr(frame, "rotation", 0)) / _RIGHT_ANGLE)  # older releases of PyAV do not tell it
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters % 4 else pixels


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a clip's first video stream, and turn the library's errors into one that names the file."""
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnsupportedPictureError(str(path), "has no video; name clips and pictures only")
            yield container, container.streams.video[0]
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise PictureError(str(path), f"cannot be read ({error.strerror}); check the path") from error
    except (av.FFmpegError, ValueError, EOFError) as error:
        told = getattr(error, "strerror", None) or error
        raise DamagedPictureError(str(path), f"cannot be read as a clip ({told}); get an undamaged copy") from error
