"""BDD100K by its labels, nuScenes by its tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets import labelled
from highbeam.datasets.labelled import scan_bdd100k, scan_nuscenes, stream_list
from tests.datasets.makers import bdd100k, draw, faultless, names, nuscenes, write_json

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=4), _values, max_size=3), max_size=12), st.integers(0, 3))
def test_a_list_is_read_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]], indent: int
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(objects, indent=indent or None, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelled, "_CHUNK", 7)
        assert list(stream_list(path)) == objects
    assert list(stream_list(path)) == objects


@pytest.mark.parametrize("text", ["", "{}", "3", "nonsense", '[{"a": 1}', '[{"a": 1}, 3]', '[{"a": 1} {"b"', "[[1]]"])
def test_what_is_no_list_of_objects(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        list(stream_list(tmp_path / "a.json"))


@pytest.mark.parametrize("labels", ["list", "det_20", "single"])
def test_bdd100k_by_the_time_of_day(tmp_path: Path, labels: str) -> None:
    found = scan_bdd100k(bdd100k(tmp_path, labels=labels))
    lights = {one.bright.path.stem: one.light for one in found.entries}
    assert lights == {
        "aaaa1111-00000001": "day",
        "aaaa1111-00000002": "day",
        "bbbb2222-00000001": "day",
        "cccc3333-00000001": "night",
        "dddd4444-00000001": "dusk",
        "eeee5555-00000001": "unknown",
        "ffff6666-00000001": "unknown",
        "99990000-00000001": "unknown",
    }
    assert {one.source for one in found.entries if one.light == "day"} == {"aaaa1111", "bbbb2222"}
    assert {one.split for one in found.entries} == {"train", "test"}
    assert faultless(found)


def test_bdd100k_without_labels(tmp_path: Path) -> None:
    found = scan_bdd100k(bdd100k(tmp_path, labels="none"))
    assert {one.light for one in found.entries} == {"unknown"}
    (line,) = found.missing
    assert line.what.endswith("bdd100k_labels_images_train.json: no such file, or no labels")
    assert line.split == "train"


def test_bdd100k_without_pictures(tmp_path: Path) -> None:
    (line,) = scan_bdd100k(tmp_path).missing
    assert line.what == f"{tmp_path / 'images' / '100k'}: no such folder, or empty"


def test_labelled_day_pictures_that_are_not_there(tmp_path: Path) -> None:
    bdd100k(tmp_path)
    folder = tmp_path / "images" / "100k" / "train"
    for stem in ("aaaa1111-00000001", "bbbb2222-00000001", "cccc3333-00000001"):
        (folder / f"{stem}.jpg").unlink()
    (line,) = scan_bdd100k(tmp_path).missing
    assert line.what == f"{folder}: 2 labelled daytime pictures are not there, such as aaaa1111-00000001.jpg"


def test_labels_that_cannot_be_read_are_told_and_others_tried(tmp_path: Path) -> None:
    bdd100k(tmp_path, labels="det_20")
    (tmp_path / "labels" / "bdd100k_labels_images_train.json").write_text("[{")
    found = scan_bdd100k(tmp_path)
    assert sum(one.light == "day" for one in found.entries) == 3
    (bad,) = found.bad
    assert bad.name.endswith("bdd100k_labels_images_train.json")
    assert bad.reason.startswith("cannot be read as labels of BDD100K")


@pytest.mark.parametrize(
    "frame", [{}, {"name": "a"}, {"name": "a", "attributes": None}, {"name": "a", "attributes": {}}]
)
def test_labels_of_another_kind(tmp_path: Path, frame: dict[str, object]) -> None:
    draw(tmp_path / "images" / "100k" / "val" / "a.jpg")
    write_json(tmp_path / "labels" / "100k" / "val" / "a.json", frame)
    found = scan_bdd100k(tmp_path)
    assert [one.light for one in found.entries] == ["unknown"]
    assert len(found.bad) == len(found.missing) == 1


def test_a_folder_that_is_no_split_is_left_alone(tmp_path: Path) -> None:
    bdd100k(tmp_path)
    draw(tmp_path / "images" / "100k" / "mine" / "a.jpg")
    assert all("mine" not in name for name in names(scan_bdd100k(tmp_path).entries))


def test_nuscenes_by_the_descriptions_of_scenes(tmp_path: Path) -> None:
    found = scan_nuscenes(nuscenes(tmp_path))
    assert sorted((one.source[:4], one.light) for one in found.entries) == [
        ("n008", "day"),
        ("n008", "night"),
        ("n015", "day"),
        ("n015", "day"),
    ]
    assert faultless(found)
    assert {one.split for one in found.entries} == {None}


def test_pictures_of_no_scene_are_of_unknown_light(tmp_path: Path) -> None:
    nuscenes(tmp_path)
    log = "n008-2018-08-30-15-16-55-0400"
    for name in (
        f"{log}__CAM_FRONT__1532402950000000",  # between two scenes
        f"{log}__CAM_FRONT__1532402900000000",  # before the first
        "n001-2018__CAM_FRONT__1532402927000000",  # of a log that no table has
        f"{log}__CAM_FRONT__x",
        "holiday",
    ):
        draw(tmp_path / "samples" / "CAM_FRONT" / f"{name}.jpg")
    found = scan_nuscenes(tmp_path)
    assert sum(one.light == "unknown" for one in found.entries) == 5
    assert len(found.entries) == 9


def test_what_nuscenes_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "samples" / "CAM_FRONT"
    assert [line.what for line in scan_nuscenes(tmp_path).missing] == [
        f"{folder}: no such folder",
        f"{tmp_path / 'v1.0-*'}: no folder of tables",
    ]
    folder.mkdir(parents=True)
    (tmp_path / "v1.0-mini").mkdir()
    found = scan_nuscenes(tmp_path)
    assert [line.what for line in found.missing] == [f"{folder}: no pictures"]
    assert "its tables scene, sample and log cannot be read" in found.bad[0].reason


def test_tables_of_another_kind(tmp_path: Path) -> None:
    nuscenes(tmp_path)
    write_json(tmp_path / "v1.0-mini" / "scene.json", [{"token": "s"}])
    found = scan_nuscenes(tmp_path)
    assert {one.light for one in found.entries} == {"unknown"}
    assert len(found.bad) == 1


def test_two_versions_of_the_tables_add_up(tmp_path: Path) -> None:
    nuscenes(tmp_path)
    (tmp_path / "v1.0-test").mkdir()
    for name in ("scene", "sample", "log"):
        write_json(tmp_path / "v1.0-test" / f"{name}.json", [])
    found = scan_nuscenes(tmp_path)
    assert sum(one.light == "day" for one in found.entries) == 3
    assert found.bad == ()
