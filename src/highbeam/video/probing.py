"""Whether a file is a clip, by its name or, where that says nothing, by what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from highbeam.pictures.formats import format_of, format_of_suffix, other_kind
from highbeam.video.containers import has_clip_suffix

__all__ = ["holds_clip"]

_DEMUXERS = (
    *("mov", "matroska", "avi", "mpeg", "mpegts", "asf", "flv", "ogg", "mxf", "dv", "yuv4mpegpipe", "nut", "rm", "wtv"),
    *("gxf", "ivf", "obu", "av1", "h264", "hevc", "vvc", "m4v", "mpegvideo", "vc1", "dirac", "cavsvideo"),
)
"""FFmpeg's names of what holds video. Not among them: pictures, sound, text, and lists that would make it open other
files and addresses."""

_ENOUGH = 512
"""Bytes that tell a picture."""

_VIDEO = "video"
"""How the names of those kinds end that are no pictures."""


def holds_clip(path: Path) -> bool:
    """Whether a file is a clip.

    A suffix of clips or of pictures is believed; with any other, the file's first bytes are looked at.

    Args:
        path: an existing file.
    """
    if has_clip_suffix(path):
        return True
    return format_of_suffix(path) is None and not _is_something_else(path) and _has_video(path)


def _is_something_else(path: Path) -> bool:
    """Whether those who read pictures know it for something else than a video.

    Also where it cannot be read at all, which is for them to say.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_ENOUGH)
    except OSError:
        return True
    return format_of(data) is not None or not (other_kind(data) or _VIDEO).endswith(_VIDEO)


def _has_video(path: Path) -> bool:
    import av

    try:
        with av.open(str(path), options={"format_whitelist": ",".join(_DEMUXERS)}) as container:
            videos = container.streams.video
            return any(cast("object", video.codec_context) is None or video.width > 0 for video in videos)
    except (av.FFmpegError, OSError, ValueError, EOFError):
        return False
