"""The command in this process and in one of its own, and small pictures to feed it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import highbeam
from highbeam.cli import main

SOURCE = str(Path(highbeam.__file__).parents[1])


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def environment() -> dict[str, str]:
    """This process's, in which the package is found wherever it lies."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")])}


def program(*arguments: str | Path) -> list[str]:
    """The command line that runs the command in a process of its own."""
    return [sys.executable, "-m", "highbeam", *map(str, arguments)]


def in_process_of_its_own(
    *arguments: str | Path, data: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run(
        program(*arguments), input=data, capture_output=True, env=environment(), cwd=cwd, check=False, timeout=60
    )


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run the command in this process, where it is fast."""
    threads = cv2.getNumThreads()

    def run(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return Ended(code, written.out, written.err)

    yield run
    cv2.setNumThreads(threads)


def draw(path: Path, seed: int = 0, size: tuple[int, int] = (24, 18)) -> Path:
    """Write a small dark picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 70, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    """A folder with three small pictures, one of them in a folder of its own."""
    for seed, name in enumerate(("a.png", "b.jpg", "sub/c.webp")):
        draw(tmp_path / "nights" / name, seed)
    return tmp_path / "nights"


def files(folder: Path) -> list[str]:
    """Every file below a folder, hidden ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
