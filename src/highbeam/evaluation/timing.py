"""How long a frame takes on this machine: picture in memory to picture in memory, beside OpenCV's CLAHE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from highbeam.evaluation.loading import load_dark
from highbeam.evaluation.runner import Evaluation
from highbeam.machine import usable_cpus
from highbeam.sheets import to_bytes
from highbeam.turns import REFERENCE, turns

__all__ = ["SIZE", "Timed", "time_subjects"]

SIZE = (1280, 720)
"""Width and height, pixels."""

_ROUNDS = 5


class Timed(NamedTuple):
    """How long a frame takes.

    Attributes:
        seconds: the median of the repeats.
        ratio: over the median of OpenCV's CLAHE in the same run.
        quartiles: the first and the third, seconds.
    """

    seconds: float
    ratio: float
    quartiles: tuple[float, float]


def time_subjects(evaluation: Evaluation) -> dict[str, Timed]:
    """Time what enhances here, but the input, on the first picture that there is, brought to 1280x720.

    Returns:
        For each its times in five turns with OpenCV's CLAHE.

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
    if picture is None or not methods:
        return {}
    frame = np.asarray(cv2.resize(to_bytes(picture), SIZE, interpolation=cv2.INTER_AREA), np.uint8)
    before = cv2.getNumThreads()
    cv2.setNumThreads(usable_cpus())
    try:
        found = turns(methods, frame, _ROUNDS)
    finally:
        cv2.setNumThreads(before)
    middle = float(np.median(found[REFERENCE]))
    return {name: _timed(found[name], middle) for name in methods}


def _timed(seconds: Sequence[float], reference: float) -> Timed:
    low, median, high = np.percentile(seconds, [25.0, 50.0, 75.0]).tolist()
    return Timed(median, median / reference, (low, high))
