"""What the benchmarks share: the reference of every ratio, taking turns, a picture, peak memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "REFERENCE",
    "ROOT",
    "THREADS",
    "Bytes",
    "child_picture",
    "night_picture",
    "opencv_clahe",
    "peak_memory",
    "peak_resident",
    "ratios",
]

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = "OpenCV CLAHE"
THREADS = 2
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
        rounds: turns that count, behind one that warms up.
    """
    everyone: dict[str, Callable[[Bytes], Any]] = {REFERENCE: opencv_clahe, **methods}
    seconds: dict[str, list[float]] = {name: [] for name in everyone}
    for turn in range(rounds + 1):
        for name, method in everyone.items():
            time.sleep(_SETTLE)
            start = time.perf_counter()
            method(picture)
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: (1e3 * median, median / medians[REFERENCE]) for name, median in medians.items()}


def night_picture(height: int, width: int) -> Bytes:
    """A rendered night street at 1280x720, enlarged: content like a dashcam's, cheap at any size."""
    from highbeam.scenes import make_scene, render  # noqa: PLC0415 - a child process does without

    image = render(make_scene(seed=3), 720, 1280, time="night").image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def child_picture(height: int, width: int) -> Bytes:
    """A dark picture with a few lamps, made without memory to speak of."""
    picture = np.random.default_rng(0).integers(0, 60, (height, width, 3), dtype=np.uint8)
    picture[::97, ::89] = 255
    return picture


def peak_memory(module: str, name: str, word: str) -> float:
    """Peak resident MiB of a fresh process that enhances one picture, less that of one that only makes it.

    Args:
        module: answers ``python -m MODULE --child NAME WORD`` with the MiB of one, and for the name ``none`` of the
            other.
        name: of what enhances.
        word: what else the child needs to know.
    """
    used = []
    for who in ("none", name):
        command = [sys.executable, "-m", module, "--child", who, word]
        ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        used.append(float(ran.stdout))
    return max(0.0, used[1] - used[0])


def peak_resident() -> float:
    """Peak resident MiB of this process; what the kernel's usage counter says would include the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024.0
