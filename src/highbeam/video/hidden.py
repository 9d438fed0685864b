"""Packets of VP8 and VP9 that hold no frame to show, only one that others refer to."""

from __future__ import annotations

__all__ = ["is_hidden"]

_VP9_MARKER = 0b10
_VP9_MOST_PROFILE = 3
_SUPERFRAME = 0b110
"""The upper bits of a VP9 packet's last byte where it holds several frames, of which the last is shown."""


def is_hidden(codec: str, data: memoryview) -> bool:
    """Whether a packet's frame is not shown.

    Args:
        codec: FFmpeg's name.
        data: the packet's bytes; empty ones hold nothing to show either.
    """
    if not len(data):
        return True
    if codec == "vp8":
        return not data[0] >> 4 & 1
    return codec == "vp9" and _is_hidden_vp9(data)


def _is_hidden_vp9(data: memoryview) -> bool:
    """Read the first bits: marker, profile, whether an earlier frame is shown, kind, and whether this one is."""
    head, profile = data[0], (data[0] >> 4 & 1) << 1 | data[0] >> 5 & 1
    if head >> 6 != _VP9_MARKER or data[-1] >> 5 == _SUPERFRAME:
        return False
    bits = int.from_bytes(data[:2].tobytes().ljust(2, b"\0"), "big") << (profile == _VP9_MOST_PROFILE)
    return not bits >> 11 & 1 and not bits >> 9 & 1
