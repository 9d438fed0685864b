"""One picture through several methods: columns, scores, references."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.comparison import INPUT, LEGEND, Score, compare_picture, match_references
from highbeam.crops import Box
from highbeam.errors import UsageError
from highbeam.methods import load
from highbeam.metrics import psnr, ssim
from highbeam.sources import find_sources

METHODS = {"gamma": load("gamma"), "clahe": load("clahe")}


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_columns_of_a_picture(night: NDArray[np.uint8]) -> None:
    compared = compare_picture("night.png", night, METHODS, crops=2)
    assert compared.row.name == "night.png"
    for tile, want in zip(compared.row.tiles, [night, load("gamma")(night), load("clahe")(night)], strict=True):
        np.testing.assert_array_equal(tile, want)
    assert len(compared.row.crops) == 2
    assert not compared.scores
    assert not compared.row.notes


def test_scores_are_those_of_the_metrics(night: NDArray[np.uint8]) -> None:
    reference = load("gamma", gamma=3.0)(night)
    compared = compare_picture("night.png", night, METHODS, crops=0, reference=reference)
    assert list(compared.scores) == [INPUT, "gamma", "clahe"]
    bright = load("gamma")(night)
    assert compared.scores["gamma"] == Score(psnr(bright, reference), ssim(bright, reference))
    assert [*compared.row.notes] == [*map(str, compared.scores.values()), LEGEND]
    np.testing.assert_array_equal(compared.row.tiles[-1], reference)
    assert len(compared.row.tiles) == 4


def test_deep_pictures_are_measured_as_bytes(night: NDArray[np.uint8]) -> None:
    deep = night.astype(np.uint16) * 257
    shallow = compare_picture("n", night, {}, crops=0, reference=night)
    assert compare_picture("n", deep, {}, crops=0, reference=night).scores == shallow.scores
    assert str(shallow.scores[INPUT]) == "inf dB / 1.000"


def test_given_crops_are_shown_or_refused(night: NDArray[np.uint8]) -> None:
    box = Box(10, 20, 30, 40)
    assert compare_picture("n", night, METHODS, crops=[box]).row.crops == [box]
    with pytest.raises(UsageError, match=r"crop 250,0,30,30 .* does not lie in night\.png, which is 256 x 144"):
        compare_picture("night.png", night, METHODS, crops=[Box(250, 0, 30, 30)])


def test_a_reference_of_another_size_is_refused(night: NDArray[np.uint8]) -> None:
    with pytest.raises(UsageError, match=r"^night\.png: is 256 x 144, but its reference is 200 x 144$"):
        compare_picture("night.png", night, METHODS, crops=0, reference=night[:, :200])


def test_a_picture_too_small_to_be_measured_is_named() -> None:
    tiny = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(UsageError, match=r"^tiny\.png: "):
        compare_picture("tiny.png", tiny, {}, crops=0, reference=tiny)


def test_references_are_found_by_path_and_else_by_stem(tmp_path: Path) -> None:
    tree(tmp_path / "dark", "a.jpg", "x/b.jpg", "y/b.jpg", "z/c.jpg")
    tree(tmp_path / "day", "a.png", "x/b.webp", "y/b.png", "elsewhere/c.png")
    found = match_references(find_sources([str(tmp_path / "dark")]), tmp_path / "day")
    assert [path.relative_to(tmp_path / "day").as_posix() for path in found] == [
        "a.png", "x/b.webp", "y/b.png", "elsewhere/c.png"
    ]  # fmt: skip


def test_references_that_cannot_be_told(tmp_path: Path) -> None:
    tree(tmp_path / "dark", "a.jpg")
    sources = find_sources([str(tmp_path / "dark")])
    with pytest.raises(UsageError, match="no such folder of references"):
        match_references(sources, tmp_path / "day")
    tree(tmp_path / "day", "b.png")
    with pytest.raises(UsageError, match=r"a\.jpg: no reference called a in .*day"):
        match_references(sources, tmp_path / "day")
    tree(tmp_path / "day", "a.png", "a.webp")
    with pytest.raises(UsageError, match=r"several references could be meant: .*a\.png, .*a\.webp"):
        match_references(sources, tmp_path / "day")
