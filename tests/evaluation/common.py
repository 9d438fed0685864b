"""Small sets of pairs, pictures and clips, and evaluations of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from highbeam.evaluation import Evaluation, Results, find_sets, make_protocol, seal, summarise
from highbeam.evaluation.subjects import Subject, input_subject, method_subject
from highbeam.methods.base import Pixels
from tests.datasets.makers import save, scene

SIZE = (64, 48)
MACHINE = {"device": "a machine"}


def darkened(pixels: Pixels) -> Pixels:
    return np.asarray(pixels // 6, np.uint8)


def pair_folders(root: Path, count: int = 4, size: tuple[int, int] = SIZE) -> tuple[Path, Path]:
    """Write the same pictures dark and bright; returns the two folders."""
    for number in range(count):
        bright = scene(number, size)
        save(root / "dark" / f"{number:02d}.png", darkened(bright))
        save(root / "bright" / f"{number:02d}.png", bright)
    return root / "dark", root / "bright"


def dark_drive(root: Path, laws: tuple[str, ...] = ("gamma", "sensor")) -> Path:
    for number, origin in enumerate(("cityscapes", "cityscapes", "nuscenes", "tusimple")):
        bright = scene(number)
        save(root / "reference" / f"{origin}_{number}.png", bright)
        for law in laws:
            save(root / law / f"{origin}_{number}.png", darkened(bright))
    return root


def evaluation(
    words: list[str], reference: Path | None = None, subjects: tuple[Subject, ...] | None = None, **more: Any
) -> Evaluation:
    """Find, seal and set up; ``folder`` and ``resume`` go to the evaluation, the rest is the protocol's."""
    own = {key: more.pop(key) for key in ("folder", "resume", "stopped") if key in more}
    protocol = make_protocol(**({"resamples": 200} | more))
    missing = protocol.allow_missing
    sets = tuple(seal(one, allow_missing=missing) for one in find_sets(words, reference, allow_missing=missing))
    return Evaluation(sets, subjects or (input_subject(), method_subject("gamma")), protocol, **own)


def results(job: Evaluation) -> Results:
    return summarise(job, job.rows(), machine=MACHINE)
