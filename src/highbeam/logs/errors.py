"""What can be wrong with one message: it becomes a ``Damage``, or, of a whole topic, an ``UnsupportedLogError``."""

from __future__ import annotations

from highbeam.errors import HighbeamError

__all__ = ["FrameError", "UnsupportedFrameError"]


class FrameError(HighbeamError):
    """One message cannot be enhanced; it is copied as it is."""


class UnsupportedFrameError(FrameError):
    """The pictures of a topic have an encoding that Highbeam does not take."""
