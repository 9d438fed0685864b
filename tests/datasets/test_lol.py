"""The three layouts of LOL."""

from __future__ import annotations

from pathlib import Path

import pytest

from highbeam.datasets.lol import scan_lol_v1, scan_lol_v2_real, scan_lol_v2_synthetic
from highbeam.datasets.splits import without_shared_sources
from tests.datasets.makers import draw, faultless, lol_v1, names, write_json


def lol_v2(root: Path, part: str, prefixes: tuple[str, str], case: str = "title") -> Path:
    for folder, first, count in (("Train", 1, 3), ("Test", 690, 2)):
        for number in range(first, first + count):
            for half, prefix in zip(("Low", "Normal"), prefixes, strict=True):
                parts = (folder, half) if case == "title" else (folder.lower(), half.lower())
                draw(root / part / Path(*parts) / f"{prefix}{number:05d}.png", number)
    return root


def test_lol_v1_has_its_own_split(tmp_path: Path) -> None:
    found = scan_lol_v1(lol_v1(tmp_path))
    assert names(found.entries) == ["our485/2", "our485/3", "our485/4", "our485/5", "eval15/100", "eval15/101"]
    assert [one.split for one in found.entries] == ["train"] * 4 + ["test"] * 2
    assert {one.source for one in found.entries} == {"our485", "eval15"}
    assert all(one.low is not None and one.low.path.parent.name == "low" for one in found.entries)
    assert all(one.bright.path.parent.name == "high" for one in found.entries)
    assert faultless(found)


def test_scenes_are_sources(tmp_path: Path) -> None:
    lol_v1(tmp_path)
    groups = [["our485/2.png", "our485/3.png"], ["eval15/100.png", "our485/4.png", "v2test/normal00781.png"]]
    write_json(tmp_path / "scenes.json", {"groups": groups})
    found = scan_lol_v1(tmp_path)
    assert {one.name: one.source for one in found.entries} == {
        "our485/2": "scene/our485/2",
        "our485/3": "scene/our485/2",
        "our485/4": "scene/eval15/100",
        "our485/5": "our485/5",
        "eval15/100": "scene/eval15/100",
        "eval15/101": "eval15/101",
    }
    strict = without_shared_sources(found.entries)
    assert names(strict) == ["our485/2", "our485/3", "our485/5", "eval15/100", "eval15/101"]


@pytest.mark.parametrize("text", ["", "[]", '{"groups": 3}', '{"other": []}'])
def test_scenes_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    lol_v1(tmp_path)
    (tmp_path / "scenes.json").write_text(text)
    assert {one.source for one in scan_lol_v1(tmp_path).entries} == {"our485", "eval15"}


def test_what_lol_v1_lacks_is_told_by_split(tmp_path: Path) -> None:
    lol_v1(tmp_path, test=0)
    found = scan_lol_v1(tmp_path)
    assert len(found.entries) == 4
    assert [(line.what, line.split) for line in found.missing] == [
        (f"{tmp_path / 'eval15' / half}: no such folder", "test") for half in ("low", "high")
    ]


def test_a_missing_half_of_lol(tmp_path: Path) -> None:
    lol_v1(tmp_path)
    gone = tmp_path / "our485" / "low" / "3.png"
    gone.unlink()
    found = scan_lol_v1(tmp_path)
    assert found.halves == (str(tmp_path / "our485" / "high" / "3.png"),)
    assert "our485/3" not in names(found.entries)


def test_empty_folders_of_lol(tmp_path: Path) -> None:
    lol_v1(tmp_path, train=0)
    (tmp_path / "our485" / "low").mkdir(parents=True)
    (tmp_path / "our485" / "high").mkdir()
    assert [line.what for line in scan_lol_v1(tmp_path).missing] == [f"{tmp_path / 'our485'}: no pictures"]


@pytest.mark.parametrize("case", ["title", "lower"])
def test_lol_v2_real_is_matched_by_number(tmp_path: Path, case: str) -> None:
    found = scan_lol_v2_real(lol_v2(tmp_path, "Real_captured", ("low", "normal"), case))
    assert names(found.entries) == [
        *(f"Real_captured/Train/0000{number}" for number in (1, 2, 3)),
        *(f"Real_captured/Test/00{number}" for number in (690, 691)),
    ]
    assert [one.split for one in found.entries] == ["train"] * 3 + ["test"] * 2
    first = found.entries[0]
    assert first.low is not None
    assert (first.low.path.name, first.bright.path.name) == ("low00001.png", "normal00001.png")
    assert faultless(found)


def test_lol_v2_synthetic_is_matched_by_name(tmp_path: Path) -> None:
    found = scan_lol_v2_synthetic(lol_v2(tmp_path, "Synthetic", ("r", "r")))
    assert names(found.entries)[0] == "Synthetic/Train/r00001"
    assert len(found.entries) == 5
    assert found.missing == ()


def test_the_parts_of_lol_v2_are_apart(tmp_path: Path) -> None:
    lol_v2(tmp_path, "Synthetic", ("r", "r"))
    found = scan_lol_v2_real(tmp_path)
    assert found.entries == ()
    assert len(found.missing) == 4
    assert found.missing[0].what == f"{tmp_path / 'Real_captured' / 'Train' / 'Low'}: no such folder"


def test_a_missing_half_of_lol_v2(tmp_path: Path) -> None:
    lol_v2(tmp_path, "Real_captured", ("low", "normal"))
    (tmp_path / "Real_captured" / "Train" / "Normal" / "normal00002.png").unlink()
    assert scan_lol_v2_real(tmp_path).halves == (str(tmp_path / "Real_captured" / "Train" / "Low" / "low00002.png"),)


def test_a_picture_called_low_is_not_nameless(tmp_path: Path) -> None:
    for half in ("Low", "Normal"):
        draw(tmp_path / "Synthetic" / "Train" / half / "low.png")
        draw(tmp_path / "Synthetic" / "Test" / half / "a.png")
    assert names(scan_lol_v2_synthetic(tmp_path).entries) == ["Synthetic/Train/low", "Synthetic/Test/a"]


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(scan_lol_v1(tmp_path / "file").missing) == 4
