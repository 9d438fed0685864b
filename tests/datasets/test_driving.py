"""Layouts whose folders tell everything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from highbeam.datasets.driving import official_split, scan_acdc, scan_cityscapes, scan_dark_zurich, scan_kitti
from highbeam.datasets.entries import Survey
from tests.datasets.makers import acdc, cityscapes, dark_zurich, draw, kitti


def told(survey: Survey) -> set[tuple[str, str | None, str]]:
    return {(one.source, one.split, one.light) for one in survey.entries}


def test_splits_by_the_names_of_folders() -> None:
    assert official_split("train") == official_split("train_ref") == official_split("training") == "train"
    assert official_split("train_extra") == "train"
    assert official_split("val_ref") == "val"
    assert official_split("testing") == "test"
    assert official_split("demoVideo") is None


def test_cityscapes(tmp_path: Path) -> None:
    found = scan_cityscapes(cityscapes(tmp_path))
    assert told(found) == {
        ("aachen", "train", "day"),
        ("bochum", "train", "day"),
        ("lindau", "val", "day"),
        ("berlin", "test", "day"),
    }
    assert found.entries[0].name == "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png"


def test_other_folders_of_cityscapes_are_left_alone(tmp_path: Path) -> None:
    cityscapes(tmp_path)
    draw(tmp_path / "leftImg8bit" / "demoVideo" / "stuttgart" / "a.png")
    draw(tmp_path / "gtFine" / "train" / "aachen" / "a.png")
    draw(tmp_path / "leftImg8bit" / "train" / "aachen" / ".a.png")
    assert len(scan_cityscapes(tmp_path).entries) == 4


def test_kitti(tmp_path: Path) -> None:
    found = scan_kitti(kitti(tmp_path))
    assert told(found) == {
        ("2011_09_26_drive_0001_sync", None, "day"),
        ("2011_09_26_drive_0002_sync", None, "day"),
        ("benchmark", None, "day"),
        ("benchmark", "test", "day"),
    }
    assert len(found.entries) == 4  # the right camera is left out


def test_kitti_from_the_folder_of_one_date(tmp_path: Path) -> None:
    kitti(tmp_path)
    assert len(scan_kitti(tmp_path / "2011_09_26").entries) == 2


def test_acdc(tmp_path: Path) -> None:
    found = scan_acdc(acdc(tmp_path))
    assert told(found) == {
        ("night/GOPR0351", "train", "night"),
        ("night/GOPR0351", "train", "day"),
        ("rain/GP010400", "train", "day"),
    }
    assert len(found.entries) == 4
    night = next(one for one in found.entries if one.light == "night")
    assert night.name == "rgb_anon/night/train/GOPR0351/GOPR0351_frame_000001_rgb_anon.png"


def test_dark_zurich(tmp_path: Path) -> None:
    found = scan_dark_zurich(dark_zurich(tmp_path))
    assert told(found) == {
        ("GOPR0340", "train", "day"),
        ("GOPR0341", "train", "dusk"),
        ("GOPR0342", "train", "night"),
        ("GOPR0356", "val", "night"),
        ("GOPR0356", "val", "day"),
    }


@pytest.mark.parametrize("make", [acdc, dark_zurich])
def test_one_layout_is_not_taken_for_the_other(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    make(tmp_path)
    other = scan_acdc if make is dark_zurich else scan_dark_zurich
    assert other(tmp_path).entries == ()
    assert "no pictures; expected rgb_anon/" in other(tmp_path).missing[0].what


@pytest.mark.parametrize("scan", [scan_acdc, scan_cityscapes, scan_dark_zurich, scan_kitti])
def test_an_empty_folder_says_what_was_expected(tmp_path: Path, scan: Callable[[Path], Survey]) -> None:
    draw(tmp_path / "elsewhere" / "a.png")
    found = scan(tmp_path)
    assert found.entries == ()
    (line,) = found.missing
    assert line.what.startswith(f"{tmp_path}: no pictures; expected ")


@pytest.mark.parametrize(
    ("make", "scan"),
    [(acdc, scan_acdc), (cityscapes, scan_cityscapes), (dark_zurich, scan_dark_zurich), (kitti, scan_kitti)],
)
def test_names_are_unique_and_below_the_root(
    tmp_path: Path, make: Callable[[Path], Path], scan: Callable[[Path], Survey]
) -> None:
    entries = scan(make(tmp_path)).entries
    assert len({one.name for one in entries}) == len(entries)
    assert all((tmp_path / one.name) == one.bright.path for one in entries)
    assert all(one.bright.path.is_file() and one.low is None for one in entries)
    assert scan(tmp_path) == scan(tmp_path)
