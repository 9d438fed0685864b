"""Fit the model of NIQE to pictures of one's own: ``python -m highbeam.metrics.niqe_fit FOLDER... -o model.npz``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from highbeam.errors import HighbeamError, MetricError
from highbeam.methods.base import Pixels
from highbeam.metrics.naturalness import PATCH, fit
from highbeam.pictures import SUFFIXES, read, write_bytes

__all__ = ["choose", "main"]

_PER_FOLDER = 60


def choose(folders: Sequence[Path], per_folder: int) -> list[Path]:
    """Choose pictures evenly spread over the sorted names of each folder, so that no place outweighs the others.

    Args:
        folders: with pictures directly in them.
        per_folder: at most as many from each.

    Raises:
        MetricError: a folder has no picture.
    """
    chosen: list[Path] = []
    for folder in folders:
        found = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise MetricError(f"{folder}: no pictures in it; give folders of sharp pictures, one for each source")
        places = np.linspace(0, len(found) - 1, min(per_folder, len(found))).round().astype(int)
        chosen += [found[k] for k in places]
    return chosen


def _pixels(paths: Sequence[Path]) -> Iterator[Pixels]:
    for path in paths:
        pixels = read(path).pixels
        if (pixels.shape[0] // PATCH) * (pixels.shape[1] // PATCH) > 1:
            yield pixels


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, fit, and write the model; an error ends it with one line and exit code 1."""
    parser = argparse.ArgumentParser("python -m highbeam.metrics.niqe_fit", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="sharp pictures, one folder a source")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.npz")
    parser.add_argument("--per-folder", type=int, default=_PER_FOLDER, metavar="N", help="at most, evenly spread")
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    try:
        model = fit(_pixels(choose(options.folders, options.per_folder)))
        write_bytes(model.to_bytes(), options.output, overwrite=options.overwrite)
    except HighbeamError as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{options.output}: {model.patches} sharp patches of {model.pictures} pictures\n")


if __name__ == "__main__":
    main()
