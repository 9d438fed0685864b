"""Timing by ratios: methods and a named reference take turns in one process, so that a busy machine slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["REFERENCE", "opencv_clahe", "ratios", "turns"]

REFERENCE = "OpenCV CLAHE"

Bytes: TypeAlias = NDArray[np.uint8]

_SETTLE = 0.01  # seconds in which the threads of the one before stop spinning, and do not slow the next


def opencv_clahe(picture: Bytes) -> Bytes:
    """OpenCV's CLAHE on the lightness of 8-bit Lab: the reference of every ratio."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def ratios(
    methods: Mapping[str, Callable[[Bytes], Any]], picture: Bytes, rounds: int
) -> dict[str, tuple[float, float]]:
    """Return for each method, and first for the reference, the median milliseconds and their ratio to the reference's.

    Args:
        methods: by name; they take turns with the reference.
        picture: what each is given.
        rounds: turns; in each the second of two calls in a row is timed, as frames of a video follow each other.
    """
    medians = {name: statistics.median(values) for name, values in turns(methods, picture, rounds).items()}
    return {name: (1e3 * median, median / medians[REFERENCE]) for name, median in medians.items()}


def turns(methods: Mapping[str, Callable[[Bytes], Any]], picture: Bytes, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every turn, of each method and first of the reference; as for :func:`ratios`."""
    everyone: dict[str, Callable[[Bytes], Any]] = {REFERENCE: opencv_clahe, **methods}
    seconds: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(rounds):
        for name, method in everyone.items():
            time.sleep(_SETTLE)
            method(picture)  # makes ready, and brings back what the one before has driven out of caches and memory
            start = time.perf_counter()
            method(picture)
            seconds[name].append(time.perf_counter() - start)
    return seconds
