"""How long a frame takes on this machine: picture in memory to picture in memory, beside OpenCV's CLAHE."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from highbeam.evaluation.loading import load_dark
from highbeam.evaluation.runner import Evaluation
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels
from highbeam.sheets import Bytes, to_bytes

__all__ = ["REFERENCE", "SIZE", "time_frames", "time_subjects"]

SIZE = (720, 1280)
"""Height and width, pixels."""

REFERENCE = "OpenCV CLAHE on lightness"

_ROUNDS = 5
_LONG = 3.0  # seconds, of a method of which fewer rounds must do


def time_subjects(evaluation: Evaluation) -> dict[str, tuple[float, float]]:
    """Time what enhances here, but the input, on the first picture that there is; see :func:`time_frames`.

    Raises:
        PictureError: that picture cannot be read.
    """
    methods = {
        subject.name: subject.enhance
        for subject in evaluation.subjects
        if subject.enhance is not None and subject.info.kind != "input"
    }
    pictures = (load_dark(case, evaluation.limits) for found in evaluation.sets for case in found.cases)
    picture = next((dark for dark in pictures if dark is not None), None)
    return {} if picture is None or not methods else time_frames(methods, to_bytes(picture))


def time_frames(
    methods: Mapping[str, Callable[[Pixels], Pixels]], picture: Bytes, rounds: int = _ROUNDS
) -> dict[str, tuple[float, float]]:
    """Time methods on one picture, in turns, so that a busy machine slows all alike.

    Args:
        methods: by name.
        picture: ``(H, W, 3)`` RGB ``uint8``, brought to 1280x720.
        rounds: of which the median is taken.

    Returns:
        For each its seconds, and their ratio to those of :data:`REFERENCE`.
    """
    frame = np.asarray(cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    callables = {REFERENCE: _clahe, **methods}
    taken: dict[str, list[float]] = {name: [] for name in callables}
    before = cv2.getNumThreads()
    cv2.setNumThreads(usable_cpus())
    try:
        for name, method in callables.items():
            if _seconds(method, frame) > _LONG:  # the first also makes ready
                taken[name].append(_seconds(method, frame))
        for _ in range(rounds):
            for name, method in callables.items():
                if not taken[name] or taken[name][0] <= _LONG:
                    taken[name].append(_seconds(method, frame))
    finally:
        cv2.setNumThreads(before)
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {name: (medians[name], medians[name] / medians[REFERENCE]) for name in methods}


def _seconds(method: Callable[[Pixels], Pixels], frame: Bytes) -> float:
    start = time.perf_counter()
    method(frame)
    return time.perf_counter() - start


def _clahe(pixels: Pixels) -> Pixels:
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB))
