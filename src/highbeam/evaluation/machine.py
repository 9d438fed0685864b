"""What an evaluation ran on, for its record."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import highbeam
from highbeam.machine import usable_cpus

__all__ = ["describe_machine"]

_LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime", "pillow", "av", "torch")


def describe_machine() -> dict[str, Any]:
    """Name the versions, the device, and when it was."""
    return {
        "highbeam": highbeam.__version__,
        "python": platform.python_version(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "device": f"CPU: {_processor()}",
        "threads": usable_cpus(),
        "system": platform.platform(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["highbeam", *sys.argv[1:]]),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
