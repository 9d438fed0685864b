"""Small data and small trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import torch

from highbeam.scenes import make_scene, render
from highbeam.training import TrainConfig, Watcher
from highbeam.training.config import configure
from tests.nets.common import TINY_UNET

__all__ = ["Notes", "day_folder", "pair_folder", "same_weights", "tiny"]


class Notes(Watcher):
    """Keeps all that it is told."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.told: list[tuple[int, dict[str, float]]] = []
        self.texts: list[str] = []
        self.began: tuple[int, int] | None = None
        self.at = 0
        self._stop_at = stop_at

    def begin(self, step: int, steps: int) -> None:
        self.began = (step, steps)

    def wants_stop(self) -> bool:
        return self._stop_at is not None and self.at >= self._stop_at

    def advance(self, step: int) -> None:
        self.at = step

    def scalars(self, step: int, values: Any) -> None:
        self.told.append((step, dict(values)))

    def note(self, text: str) -> None:
        self.texts.append(text)

    def series(self, name: str) -> list[float]:
        return [values[name] for _, values in self.told if name in values]


def day_folder(folder: Path, count: int = 5) -> Path:
    """Write rendered day pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        image = render(make_scene(seed=seed), 96, 128, time="day").image
        cv2.imwrite(str(folder / f"{seed}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folder


def pair_folder(folder: Path, count: int = 4) -> Path:
    """Write rendered scenes by night and by day."""
    for seed in range(count):
        for half, time in (("low", "night"), ("high", "day")):
            (folder / half).mkdir(parents=True, exist_ok=True)
            image = render(make_scene(seed=seed), 96, 128, time=time).image  # type: ignore[arg-type]
            cv2.imwrite(str(folder / half / f"{seed}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folder


def tiny(data: Path | str, folder: Path, /, **more: Any) -> TrainConfig:
    """A training of seconds on one thread of the CPU."""
    values: dict[str, Any] = {
        "network": "unet-s",
        "changes": {key: list(value) if isinstance(value, tuple) else value for key, value in TINY_UNET.items()},
        "data": str(data),
        "val_data": str(data),
        "checkpoint_dir": str(folder),
        "steps": 8,
        "batch_size": 2,
        "crop": 32,
        "late_crop": 48,
        "late_batch_size": 2,
        "late_share": 0.25,
        "warmup": 2,
        "precision": "32-true",
        "accelerator": "cpu",
        "threads": 1,
        "log_every": 2,
        "summary_every": 4,
        "save_every": 2,
        "eval_every": 100,
        "eval_pictures": 3,
        "eval_crop": 48,
        "eval_presets": ["gamma"],
    }
    return configure(values | more)


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two checkpoints hold the very same weights, averaged ones included."""
    return all(
        one[kind].keys() == other[kind].keys()
        and all(torch.equal(one[kind][name], other[kind][name]) for name in one[kind])
        for kind in ("model", "ema")
    )
