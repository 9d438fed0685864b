"""How long a frame takes on this machine: picture in memory to picture in memory, beside OpenCV's CLAHE."""

from __future__ import annotations

import cv2
import numpy as np

from highbeam.evaluation.loading import load_dark
from highbeam.evaluation.runner import Evaluation
from highbeam.machine import usable_cpus
from highbeam.sheets import to_bytes
from highbeam.turns import ratios

__all__ = ["SIZE", "time_subjects"]

SIZE = (1280, 720)
"""Width and height, pixels."""

_ROUNDS = 5


def time_subjects(evaluation: Evaluation) -> dict[str, tuple[float, float]]:
    """Time what enhances here, but the input, on the first picture that there is, brought to 1280x720.

    Returns:
        For each its seconds, the median of five, and their ratio to those of OpenCV's CLAHE in the same run.

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
        found = ratios(methods, frame, _ROUNDS)
    finally:
        cv2.setNumThreads(before)
    return {name: (found[name][0] / 1e3, found[name][1]) for name in methods}
