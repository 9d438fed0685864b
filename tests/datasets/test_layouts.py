"""The table of layouts, and opening a data set by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from highbeam.datasets import LAYOUTS, decode_entry, find_layout, guide, open_dataset
from highbeam.datasets.layouts import survey
from highbeam.errors import LayoutError, MissingHalfError, UnknownDatasetError, UsageError
from tests.datasets import makers
from tests.datasets.makers import draw, film, names, pair

MAKERS: dict[str, Callable[[Path], Path]] = {
    "lol-v1": makers.lol_v1,
    "bdd100k": makers.bdd100k,
    "cityscapes": makers.cityscapes,
    "kitti": makers.kitti,
    "nuscenes": makers.nuscenes,
    "acdc": makers.acdc,
    "dark-zurich": makers.dark_zurich,
}
DAY = {"lol-v1": 6, "bdd100k": 3, "cityscapes": 4, "kitti": 4, "nuscenes": 3, "acdc": 3, "dark-zurich": 2}


def test_every_layout_that_is_promised_is_there() -> None:
    assert list(LAYOUTS) == [
        "folder",
        "pairs",
        "lol-v1",
        "lol-v2-real",
        "lol-v2-synthetic",
        "bdd100k",
        "cityscapes",
        "kitti",
        "nuscenes",
        "acdc",
        "dark-zurich",
        "dark_drive",
        "shards",
    ]
    assert all(name == row.name for name, row in LAYOUTS.items())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_guide_says_where_on_what_terms_and_how(name: str) -> None:
    row = LAYOUTS[name]
    text = guide(row)
    assert text.startswith(f"{name}: {row.title}\n")
    for part in (row.where, row.terms, row.notes, f"highbeam data check {name} ROOT"):
        assert part in text
    tree = [line for line in text.splitlines() if line.startswith("  ROOT/")]
    assert tree
    assert len(row.title) < 100


def test_a_wrong_name_lists_the_right_ones() -> None:
    with pytest.raises(
        UnknownDatasetError, match=r"no data set 'cityscape'; did you mean 'cityscapes'\? \(data sets: f"
    ):
        find_layout("cityscape")


@pytest.mark.parametrize("name", MAKERS)
def test_day_pictures_are_found_and_read(tmp_path: Path, name: str) -> None:
    found = open_dataset(name, MAKERS[name](tmp_path))
    assert len(found.entries) == DAY[name]
    assert all(decode_entry(one)[0].shape == (48, 64, 3) for one in found.entries)
    assert all(one.light == "day" for one in found.entries)


def test_real_nights_are_found_where_asked_for(tmp_path: Path) -> None:
    makers.acdc(tmp_path)
    assert len(open_dataset("acdc", tmp_path, lights=("night",)).entries) == 1
    assert len(open_dataset("acdc", tmp_path, lights=("day", "night")).entries) == 4


def test_a_split_alone(tmp_path: Path) -> None:
    makers.lol_v1(tmp_path)
    assert names(open_dataset("lol-v1", tmp_path, split="test").entries) == ["eval15/100", "eval15/101"]


def test_a_split_needs_only_its_own_folders(tmp_path: Path) -> None:
    makers.lol_v1(tmp_path, train=0)
    assert len(open_dataset("lol-v1", tmp_path, split="test").entries) == 2
    with pytest.raises(LayoutError, match=r"our485/low: no such folder; .*`highbeam data guide lol-v1` shows"):
        open_dataset("lol-v1", tmp_path)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "folder"])
def test_a_wrong_folder_is_an_error_that_shows_the_way(tmp_path: Path, name: str) -> None:
    draw(tmp_path / "holiday" / "a.jpg")
    with pytest.raises(LayoutError, match=f"highbeam data guide {name}"):
        open_dataset(name, tmp_path)


def test_a_missing_half_is_an_error_that_names_it(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    gone = draw(tmp_path / "low" / "b.png")
    with pytest.raises(MissingHalfError, match="low/b.png") as caught:
        open_dataset("pairs", tmp_path)
    assert caught.value.files == (str(gone),)


def test_no_light_of_that_kind(tmp_path: Path) -> None:
    makers.cityscapes(tmp_path)
    with pytest.raises(LayoutError, match=r"no usable picture of cityscapes \(light: night\)"):
        open_dataset("cityscapes", tmp_path, lights=("night",))
    with pytest.raises(LayoutError, match=r"light: day, split val"):
        open_dataset("kitti", makers.kitti(tmp_path), split="val")


def test_a_clip_is_thinned(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 25, fps=10)
    assert len(open_dataset("folder", tmp_path).entries) == 3
    assert len(open_dataset("folder", tmp_path / "a.mp4", every=0.5).entries) == 5
    assert len(open_dataset("folder", tmp_path, every=0.0).entries) == 25


def test_bad_files_are_handed_on(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.mp4").touch()
    found = open_dataset("folder", tmp_path)
    assert len(found.entries) == len(found.bad) == 1


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        survey(name, tmp_path / "nowhere")


def test_only_a_plain_folder_may_be_a_file(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.png")
    assert len(survey("folder", path).entries) == 1
    with pytest.raises(UsageError, match="no such folder"):
        survey("pairs", path)
