"""dark_drive: day pictures of driving, and the same darkened once and for all by several laws; to test with alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from highbeam.datasets.entries import Missing, Survey, merged
from highbeam.datasets.folders import pair_up

__all__ = ["scan_dark_drive"]

_REFERENCE = "reference"


def scan_dark_drive(root: Path) -> Survey:
    """Survey ``reference`` and the folders beside it, which hold the same pictures darkened; all are for testing.

    Names begin with the data set that a picture is from, such as ``cityscapes_``, which is its source.
    """
    reference = root / _REFERENCE
    laws = sorted(path for path in root.iterdir() if path.is_dir() and path != reference and path.name[0] != ".")
    if not reference.is_dir() or not laws:
        return Survey((), (Missing(f"{root}: no {_REFERENCE}/ with folders of dark pictures beside it", "test"),))
    found = merged(pair_up(law, reference, source=law.name, split="test") for law in laws)
    return replace(
        found,
        entries=tuple(replace(entry, source=Path(entry.name).name.partition("_")[0]) for entry in found.entries),
    )
