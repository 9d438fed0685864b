"""One picture through several methods, beside its reference: what a row of the compare sheet shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from highbeam.crops import Box, choose_crops
from highbeam.errors import ArrayError, UsageError
from highbeam.methods.base import Pixels
from highbeam.methods.registry import Enhancer
from highbeam.metrics import psnr, ssim
from highbeam.sheets import Bytes, Row, to_bytes
from highbeam.sources import Source, find_sources

__all__ = ["INPUT", "LEGEND", "REFERENCE", "Comparison", "Score", "compare_picture", "match_references"]

INPUT = "input"
"""Name of the first column."""

REFERENCE = "reference"
"""Name of the last column, where there are references."""


LEGEND = "PSNR / SSIM"
"""What the figures of a score are."""


@dataclass(frozen=True)
class Score:
    """PSNR in decibels and SSIM of an 8-bit picture against its reference."""

    psnr: float
    ssim: float

    def __str__(self) -> str:
        return f"{self.psnr:.2f} dB / {self.ssim:.3f}"


@dataclass(frozen=True)
class Comparison:
    """One picture's row, and its scores by column (none without a reference)."""

    row: Row
    scores: Mapping[str, Score]


def match_references(sources: Sequence[Source], folder: Path) -> tuple[Path, ...]:
    """Find each source's reference: the same path without suffix below the folder, or else the same stem anywhere.

    Raises:
        UsageError: the folder is none, a picture has no reference, or several that could be meant.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of references")
    by_path: dict[str, list[Path]] = {}
    by_stem: dict[str, list[Path]] = {}
    for reference in find_sources([str(folder)]):
        by_path.setdefault(str(reference.inner.with_suffix("")), []).append(reference.path)
        by_stem.setdefault(reference.inner.stem, []).append(reference.path)
    return tuple(
        _only(source, folder, by_path.get(str(source.inner.with_suffix(""))) or by_stem.get(source.inner.stem, []))
        for source in sources
    )


def _only(source: Source, folder: Path, found: list[Path]) -> Path:
    if not found:
        raise UsageError(f"{source.path}: no reference called {source.inner.stem} in {folder}")
    if len(found) > 1:
        raise UsageError(f"{source.path}: several references could be meant: {', '.join(str(path) for path in found)}")
    return found[0]


def compare_picture(
    name: str,
    pixels: Pixels,
    enhancers: Mapping[str, Enhancer],
    *,
    crops: int | Sequence[Box],
    reference: Pixels | None = None,
) -> Comparison:
    """Enhance a picture by every method and measure the results.

    Args:
        name: the row's caption.
        pixels: the dark picture, ``(H, W, 3)`` RGB, ``uint8`` or ``uint16``.
        enhancers: by the name of their column.
        crops: how many to choose, or which to show.
        reference: what the picture should be, of the same height and width.

    Raises:
        UsageError: the reference has another size, a crop leaves the picture, or the picture is too small to be
            measured; names the picture.
    """
    height, width = pixels.shape[:2]
    columns = {INPUT: to_bytes(pixels)} | {key: to_bytes(enhance(pixels)) for key, enhance in enhancers.items()}
    boxes = _boxes(columns, crops)
    for box in boxes:
        box.check_inside(width, height, name)
    scores = {} if reference is None else _scores(name, columns, to_bytes(reference))
    tiles = [*columns.values()]
    if reference is None:
        return Comparison(Row(name, tiles, boxes), scores)
    notes = [*(str(score) for score in scores.values()), LEGEND]
    return Comparison(Row(name, [*tiles, to_bytes(reference)], boxes, notes), scores)


def _boxes(columns: Mapping[str, Bytes], crops: int | Sequence[Box]) -> Sequence[Box]:
    if not isinstance(crops, int):
        return crops
    before, *after = columns.values()
    return choose_crops(before, after, crops)


def _scores(name: str, columns: Mapping[str, Bytes], reference: Bytes) -> dict[str, Score]:
    height, width = columns[INPUT].shape[:2]
    if reference.shape != columns[INPUT].shape:
        raise UsageError(
            f"{name}: is {width} x {height}, but its reference is {reference.shape[1]} x {reference.shape[0]}"
        )
    try:
        return {key: Score(psnr(tile, reference), ssim(tile, reference)) for key, tile in columns.items()}
    except ArrayError as error:
        raise UsageError(f"{name}: {error}") from error
