"""OpenCV as a decoder that keeps its complaints to itself: what is wrong with a file is for one error to say."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highbeam.pictures.picture import Samples

__all__ = ["decoded"]

_CHANGING = threading.Lock()
_silenced: list[int] = []  # the level of before, once for every thread that wants silence


def decoded(data: bytes) -> Samples | None:
    """Return what OpenCV decodes, ``(H, W)`` or ``(H, W, C)`` in its order (BGR), or None where it cannot."""
    with _silence():
        samples: Samples | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return samples


@contextmanager
def _silence() -> Iterator[None]:
    """Keep OpenCV from writing to stderr, and give it back its level when the last thread has done."""
    log = cv2.utils.logging
    with _CHANGING:
        _silenced.append(_silenced[0] if _silenced else log.getLogLevel())
        log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        with _CHANGING:
            before = _silenced.pop()
            if not _silenced:
                log.setLogLevel(before)
