"""What is measured on: found, matched, sealed, and nothing dropped silently."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import pytest

from highbeam.errors import EvaluationError, MissingHalfError, UsageError
from highbeam.evaluation import find_sets, outputs_set, seal
from highbeam.evaluation.cases import TestSet
from highbeam.evaluation.finding import count_files, outputs_for
from highbeam.pictures import Limits
from tests.datasets.makers import draw, film, lol_v1, write_json
from tests.evaluation.common import SIZE, dark_drive, pair_folders


def one(words: list[str], reference: Path | None = None) -> TestSet:
    (found,) = find_sets(words, reference)
    return found


def test_pairs_are_matched_by_path_without_suffix(tmp_path: Path) -> None:
    draw(tmp_path / "dark" / "b" / "c.png", 1)
    draw(tmp_path / "dark" / "a.png", 0)
    draw(tmp_path / "bright" / "b" / "c.jpg", 1)
    draw(tmp_path / "bright" / "a.webp", 0)
    found = one([str(tmp_path / "dark")], tmp_path / "bright")
    assert found.kind == "pairs"
    assert [case.key for case in found.cases] == ["a", "b/c"]
    assert [case.reference and case.reference.name for case in found.cases] == ["a.webp", "c.jpg"]


def test_one_picture_and_its_reference(tmp_path: Path) -> None:
    dark, bright = draw(tmp_path / "x.png"), draw(tmp_path / "y.png")
    found = one([str(dark)], bright)
    assert [(case.key, case.dark, case.reference) for case in found.cases] == [("x", dark, bright)]
    with pytest.raises(UsageError, match="is one picture; give a folder of references for several"):
        find_sets([str(dark), str(dark)], bright)


@pytest.mark.parametrize("folder", ["dark", "bright"])
def test_a_missing_half_is_an_error_unless_allowed_and_then_counted(tmp_path: Path, folder: str) -> None:
    dark, bright = pair_folders(tmp_path)
    gone = tmp_path / folder / "02.png"
    gone.unlink()
    with pytest.raises(MissingHalfError, match="02.png"):
        find_sets([str(dark)], bright)
    (found,) = find_sets([str(dark)], bright, allow_missing=True)
    assert len(found.cases) == 3
    assert list(found.missing.values()) == ["has no other half"]


def test_nothing_in_common_is_an_error_even_if_allowed(tmp_path: Path) -> None:
    draw(tmp_path / "dark" / "a.png")
    draw(tmp_path / "bright" / "b.png")
    with pytest.raises(MissingHalfError):
        find_sets([str(tmp_path / "dark")], tmp_path / "bright", allow_missing=True)


def test_pictures_and_clips_without_references_are_two_sets(tmp_path: Path) -> None:
    draw(tmp_path / "night" / "a.png")
    film(tmp_path / "night" / "b.mp4", 4)
    (tmp_path / "night" / "notes.txt").touch()
    pictures, clips = find_sets([str(tmp_path / "night")])
    assert (pictures.name, pictures.kind, len(pictures.cases)) == ("night (pictures)", "pictures", 1)
    assert (clips.name, clips.kind, len(clips.cases)) == ("night (clips)", "clips", 1)


def test_dark_drive_has_a_set_per_law(tmp_path: Path) -> None:
    dark_drive(tmp_path)
    gamma, sensor = find_sets([f"dark_drive:{tmp_path}"])
    assert (gamma.name, sensor.name) == ("dark_drive/gamma", "dark_drive/sensor")
    assert [case.key for case in gamma.cases] == ["cityscapes_0", "cityscapes_1", "nuscenes_2", "tusimple_3"]
    assert [case.source for case in gamma.cases] == ["cityscapes", "cityscapes", "nuscenes", "tusimple"]
    assert all(case.dark and case.dark.parent.name == "gamma" for case in gamma.cases)


def test_a_half_missing_in_a_layout(tmp_path: Path) -> None:
    dark_drive(tmp_path)
    (tmp_path / "sensor" / "tusimple_3.png").unlink()
    with pytest.raises(MissingHalfError, match="tusimple_3"):
        find_sets([f"dark_drive:{tmp_path}"])


def test_a_half_missing_in_a_layout_is_said_of_the_set_that_lacks_it(tmp_path: Path) -> None:
    root = dark_drive(tmp_path / "gamma" / "data")  # a folder above that is called like a set changes nothing
    (root / "sensor" / "tusimple_3.png").unlink()
    with pytest.raises(
        MissingHalfError, match=r"^dark_drive/sensor: 1 without .*pass --allow-missing to leave"
    ) as seen:
        find_sets([f"dark_drive:{root}"])
    again = copy(seen.value)
    assert (str(again), again.files) == (str(seen.value), seen.value.files)
    gamma, sensor = find_sets([f"dark_drive:{root}"], allow_missing=True)
    assert (len(gamma.cases), gamma.missing) == (4, {})
    assert (len(sensor.cases), list(sensor.missing.values())) == (3, ["has no other half in dark_drive/sensor"])


def test_lol_is_tested_on_its_test_part_with_its_training_scenes_known(tmp_path: Path) -> None:
    lol_v1(tmp_path)
    found = one([f"lol-v1:{tmp_path}"])
    assert (found.name, [case.key for case in found.cases]) == ("lol-v1/eval15", ["100", "101"])
    assert found.training == frozenset()  # without scenes.json nobody knows
    groups = [["our485/2.png", "our485/3.png"], ["eval15/100.png", "our485/4.png"]]
    write_json(tmp_path / "scenes.json", {"groups": groups})
    found = one([f"lol-v1:{tmp_path}"])
    assert found.training >= {"scene/our485/2", "scene/eval15/100"}
    assert [case.source in found.training for case in found.cases] == [True, False]


def test_pictures_by_night_of_a_layout_without_pairs(tmp_path: Path) -> None:
    draw(tmp_path / "rgb_anon" / "night" / "test" / "G1" / "G1_1.png")
    draw(tmp_path / "rgb_anon" / "night" / "train" / "G2" / "G2_1.png")
    draw(tmp_path / "rgb_anon" / "rain" / "test" / "G3" / "G3_1.png")
    found = one([f"acdc:{tmp_path}"])
    assert (found.kind, len(found.cases)) == ("pictures", 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to measure on"),
        (["gone"], "gone: no such file or folder"),
        (["empty"], "empty: no picture and no clip found there"),
        (["dark_drive:gone"], "gone: no such folder"),
        (["lolv1:lol"], "lolv1:lol: no such file or folder, and 'lolv1' is no layout; did you mean 'lol-v1'"),
    ],
)
def test_what_names_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=message):
        find_sets(words)


def test_what_is_named_and_adds_nothing_is_refused(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 1)
    clip, text, empty = tmp_path / "night.mp4", tmp_path / "a.txt", tmp_path / "empty"
    film(clip, 4)
    text.touch()
    empty.mkdir()
    for words, reference, told in (
        ([dark, clip], bright, r"night.mp4: is a clip, and none is held against references; leave it out"),
        ([dark, text], bright, r"a.txt: is no picture that can be read; leave it out"),
        ([dark, empty], bright, "empty: no picture found there"),
        ([dark], empty, "empty: no picture found there"),
        ([dark / "00.png"], text, r"a.txt: is no picture that can be read"),
        ([dark, text], None, r"a.txt: is no picture and no clip that can be read; leave it out"),
        ([dark, empty], None, "empty: no picture and no clip found there"),
    ):
        with pytest.raises(UsageError, match=told):
            find_sets(list(map(str, words)), reference)


def test_what_is_passed_over_in_folders_is_counted(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 1)
    film(dark / "night.mp4", 4)
    for name in ("1.heic", "2.HEIC", "raw.dng", "LICENCE"):
        (dark / name).touch()
    (bright / "notes.txt").touch()
    beside = {f"*.heic in {dark}": 2, f"*.dng in {dark}": 1, f"files in {dark}": 1}
    assert one([str(dark)], bright).passed_over == {f"*.mp4 in {dark}": 1, **beside, f"*.txt in {bright}": 1}
    pictures, clips = find_sets([str(dark), str(dark)])
    assert (pictures.passed_over, clips.passed_over) == (beside, {})
    assert outputs_set({}, bright).passed_over == {f"*.txt in {bright}": 1}
    assert count_files([], tmp_path) == {}


def test_a_layout_that_lacks_its_folders(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="highbeam data guide dark_drive"):
        find_sets([f"dark_drive:{tmp_path}"])
    with pytest.raises(UsageError, match="a layout has its own references"):
        find_sets([f"dark_drive:{dark_drive(tmp_path)}"], tmp_path)


def test_sets_and_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    dark_drive(tmp_path)
    with pytest.raises(UsageError, match="dark_drive/gamma: named twice"):
        find_sets([f"dark_drive:{tmp_path}"] * 2)
    draw(tmp_path / "x" / "a.png")
    draw(tmp_path / "x" / "a.jpg")
    with pytest.raises(UsageError, match="would be the same case 'a'"):
        find_sets([str(tmp_path / "x")])


def test_sealing_tells_sizes_and_one_hash_of_all_bytes(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    first = seal(one([str(dark)], bright))
    assert [(case.width, case.height) for case in first.cases] == [SIZE] * 4
    assert first.sha256 == seal(one([str(dark)], bright)).sha256
    draw(dark / "03.png", 99)
    assert seal(one([str(dark)], bright)).sha256 != first.sha256


def test_what_does_not_fit_is_named_before_any_work(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    draw(bright / "01.png", 1, (32, 32))
    (dark / "02.png").write_bytes(b"no picture")
    found = one([str(dark)], bright)
    with pytest.raises(EvaluationError, match="2 of 4 cannot be measured: 01: is 64 x 48, but its reference is 32"):
        seal(found)
    sealed = seal(found, allow_missing=True)
    assert [case.key for case in sealed.cases] == ["00", "03"]
    assert sealed.missing.keys() == {"01", "02"}
    with pytest.raises(EvaluationError, match="4 of 4 cannot be measured.*limit"):
        seal(found, limits=Limits(max_pixels=100))


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.png").write_bytes(b"no picture")
    with pytest.raises(EvaluationError, match="nothing is left to be measured"):
        seal(one([str(tmp_path / "x")]), allow_missing=True)


def test_outputs_are_matched_by_path_or_by_name(tmp_path: Path) -> None:
    found = one([str(pair_folders(tmp_path)[0])])
    draw(tmp_path / "out" / "00.jpg")
    draw(tmp_path / "out" / "deep" / "01.png")
    matched, missing = outputs_for(found, tmp_path / "out")
    assert {key: path.name for key, path in matched.items()} == {"00": "00.jpg", "01": "01.png"}
    assert missing.keys() == {"02", "03"}
    for name in ("a/1", "b/1"):
        draw(tmp_path / "in" / f"{name}.png")
    draw(tmp_path / "flat" / "1.png")
    assert outputs_for(one([str(tmp_path / "in")]), tmp_path / "flat")[0] == {}  # one file is not two cases
    draw(tmp_path / "out" / "other" / "01.png")
    with pytest.raises(UsageError, match="01: several outputs could be meant"):
        outputs_for(found, tmp_path / "out")
    with pytest.raises(UsageError, match="no such folder of outputs"):
        outputs_for(found, tmp_path / "gone")


def test_outputs_of_several_sets_lie_in_folders_of_their_names(tmp_path: Path) -> None:
    gamma, sensor = find_sets([f"dark_drive:{dark_drive(tmp_path / 'data')}"])
    for law in ("gamma", "sensor"):
        draw(tmp_path / "out" / "dark_drive" / law / "nuscenes_2.png")
    for found in (gamma, sensor):
        matched, _ = outputs_for(found, tmp_path / "out")
        assert matched["nuscenes_2"].parent.name == found.name.split("/")[1]


def test_outputs_and_references_alone(tmp_path: Path) -> None:
    _, bright = pair_folders(tmp_path)
    found = outputs_set({"theirs": tmp_path / "out"}, bright)
    assert (found.kind, len(found.cases)) == ("outputs", 4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no picture found there to hold theirs against"):
        outputs_set({"theirs": tmp_path / "out"}, tmp_path / "empty")
