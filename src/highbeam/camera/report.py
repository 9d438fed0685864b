"""Do the presets look like real nights? One figure, one panel per statistic.

::

    python -m highbeam.camera.report --real NIGHTS [--real OTHERS] --day DAYS -o figure.png

Every panel shows, on one axis, how a statistic of :mod:`highbeam.camera.statistics` is distributed over the real
pictures of each folder and over day pictures darkened by each preset. The number beside a real folder is its share of
pictures that lie within the presets' reach: between the 1st and the 99th percentile of all of them together.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from highbeam.camera.arrays import darken_array
from highbeam.camera.panels import Panel, Series, draw_figure
from highbeam.camera.presets import find_preset
from highbeam.camera.statistics import STATISTICS
from highbeam.errors import DamagedPictureError, HighbeamError, UsageError

__all__ = ["Comparison", "compare", "coverage", "figure", "main", "measure"]

Table: TypeAlias = NDArray[np.float64]
"""``(pictures, statistics)``, the columns in the order of ``STATISTICS``."""

_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_SCENES = ("dusk", "street", "rural", "extreme")
_REACH = (1.0, 99.0)
_LOGARITHMIC = frozenset({"highlights", "noise", "blockiness"})


@dataclass(frozen=True)
class Comparison:
    """What was measured.

    Attributes:
        real: by the name of the folder.
        presets: by the name of the preset.
    """

    real: Mapping[str, Table]
    presets: Mapping[str, Table]


def compare(
    real: Sequence[Path], day: Sequence[Path], presets: Sequence[str] = _SCENES, *, limit: int = 40, seed: int = 0
) -> Comparison:
    """Measure real nights, and day pictures darkened by each preset.

    Args:
        real: folders of night pictures, searched to their full depth.
        day: likewise of day pictures; they take turns, so that no folder dominates.
        presets: by name.
        limit: most pictures to take per folder of nights and per preset, spread evenly.
        seed: of the parameters.

    Raises:
        UsageError: a folder holds no picture, or two folders have one name.
        OptionError: no preset of that name.
        DamagedPictureError: a file with a picture's suffix cannot be read.
    """
    labels = [folder.name or str(folder) for folder in real]
    if len(set(labels)) < len(labels):
        raise UsageError(f"two folders of night pictures have the same name: {', '.join(labels)}")
    for name in presets:
        find_preset(name)
    nights = {label: _spread(_pictures(folder), limit) for label, folder in zip(labels, real, strict=True)}
    days = [path for folder in day for path in _spread(_pictures(folder), max(1, limit // len(day)))]
    measured = {label: measure(map(_load, paths)) for label, paths in nights.items()}
    return Comparison(measured, {name: measure(_darkened(days, name, seed)) for name in presets})


def measure(pictures: Iterable[NDArray[np.uint8]]) -> Table:
    """Apply every statistic to every picture."""
    return np.array([[statistic(pixels) for statistic in STATISTICS.values()] for pixels in pictures])


def coverage(real: Table, presets: Iterable[Table]) -> dict[str, float]:
    """By statistic, the share of real pictures between the 1st and 99th percentile of all presets together."""
    low, high = np.percentile(np.concatenate(list(presets)), _REACH, axis=0)
    inside = ((real >= low) & (real <= high)).mean(axis=0)
    return dict(zip(STATISTICS, inside.tolist(), strict=True))


def figure(comparison: Comparison) -> Image.Image:
    """Draw one panel per statistic: the real folders above, the presets below."""
    covered = {label: coverage(table, comparison.presets.values()) for label, table in comparison.real.items()}
    panels = []
    for column, name in enumerate(STATISTICS):
        real = [
            Series(f"{label} ({covered[label][name]:.0%})", table[:, column], real=True)
            for label, table in comparison.real.items()
        ]
        made = [Series(label, table[:, column]) for label, table in comparison.presets.items()]
        panels.append(Panel(name, (*real, *made), logarithmic=name in _LOGARITHMIC))
    return draw_figure(panels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the report; returns the exit code: 0, or 2 where nothing could be reported."""
    asked = _parser().parse_args(arguments)
    try:
        comparison = compare(asked.real, asked.day, asked.preset or _SCENES, limit=asked.limit, seed=asked.seed)
    except HighbeamError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    figure(comparison).save(asked.output)
    shares = {label: coverage(table, comparison.presets.values()) for label, table in comparison.real.items()}
    sys.stdout.write(json.dumps(shares, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m highbeam.camera.report", description="Compare the presets with real night pictures."
    )
    for name, meaning in (("--real", "real night pictures"), ("--day", "day pictures to darken")):
        parser.add_argument(
            name, help=f"{meaning}; repeatable", type=Path, action="append", required=True, metavar="FOLDER"
        )
    parser.add_argument("-o", "--output", help="the figure", type=Path, required=True, metavar="FIG.png")
    parser.add_argument("--preset", help="repeatable; the four scenes if not given", action="append", metavar="NAME")
    parser.add_argument("--limit", help="most pictures per folder and preset", type=int, default=40, metavar="COUNT")
    parser.add_argument("--seed", help="of the parameters", type=int, default=0)
    return parser


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise UsageError(f"{folder}: no picture found there")
    return found


def _spread(paths: Sequence[Path], limit: int) -> list[Path]:
    """Take at most ``limit`` of them, evenly."""
    count = min(len(paths), max(limit, 1))
    return [paths[row * len(paths) // count] for row in range(count)]


def _load(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        raise DamagedPictureError(str(path), f"not a readable picture ({error}); take it out of the folder") from error


def _darkened(days: Sequence[Path], preset: str, seed: int) -> Iterable[NDArray[np.uint8]]:
    for row, path in enumerate(days):
        yield darken_array(_load(path), preset, seed=seed + row).dark


if __name__ == "__main__":
    sys.exit(main())
