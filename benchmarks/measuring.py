"""What the benchmarks share: the reference of every ratio and taking turns, a picture, peak memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.turns import REFERENCE, opencv_clahe, ratios

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
THREADS = 2
Bytes: TypeAlias = NDArray[np.uint8]


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
