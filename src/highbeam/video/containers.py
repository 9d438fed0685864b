"""Which containers results are written in, and what each of them asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePath

__all__ = ["CONTAINERS", "VIDEO_SUFFIXES", "Container", "container_of", "has_clip_suffix", "result_suffix"]

_READ_ONLY = (".avi", ".mpg", ".mpeg", ".wmv", ".asf", ".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".vob", ".dv", ".y4m")
"""Containers that are read; results of such clips are MP4."""


@dataclass(frozen=True)
class Container:
    """One container.

    Attributes:
        format: FFmpeg's name of it.
        codec: of the video where none is asked for.
        ticks: the times that it can hold, in a second; None where it takes any time base.
        options: of FFmpeg's writer.
        origin: whether times before zero can be held; where not, all streams are shifted by the same time.
    """

    format: str
    codec: str
    ticks: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    origin: bool = True

    @property
    def global_header(self) -> bool:
        """Whether the codec's headers are kept once for the whole clip."""
        return self.format != "mpegts"

    @property
    def quicktime(self) -> bool:
        """Whether it is of the family of MP4 and MOV."""
        return self.format in {"mp4", "mov"}

    def holds(self, tick: Fraction) -> bool:
        """Whether every multiple of a time can be held exactly."""
        return self.ticks is None or (tick * self.ticks).denominator == 1


_MP4 = Container("mp4", "h264")
_MATROSKA = Container("matroska", "h264", ticks=1000, origin=False)
_TRANSPORT = Container("mpegts", "h264", ticks=90000, options=(("mpegts_copyts", "1"),), origin=False)

CONTAINERS = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": Container("mov", "h264"),
    ".mkv": _MATROSKA,
    ".webm": Container("webm", "vp9", ticks=1000, origin=False),
    ".ts": _TRANSPORT,
    ".mts": _TRANSPORT,
    ".m2ts": replace(_TRANSPORT, options=(("mpegts_copyts", "1"), ("mpegts_m2ts_mode", "1"))),
}
"""The containers that results are written in, by suffix."""

VIDEO_SUFFIXES = frozenset(CONTAINERS) | frozenset(_READ_ONLY)
"""How the names of clips end."""


def has_clip_suffix(path: PurePath | str) -> bool:
    """Whether a name ends like that of a clip, in upper or lower case."""
    return PurePath(path).suffix.lower() in VIDEO_SUFFIXES


def container_of(path: PurePath | str) -> Container | None:
    """Return the container that a result's suffix stands for; None where there is none that is written."""
    return CONTAINERS.get(PurePath(path).suffix.lower())


def result_suffix(path: PurePath | str) -> str:
    """Return the suffix of a clip's result where nobody chose one: its own, or ``.mp4``."""
    suffix = PurePath(path).suffix
    return suffix if suffix.lower() in CONTAINERS else ".mp4"
