"""From rows to results: means, strict subsets, comparisons, warnings; written and read back; shown as text."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from highbeam.errors import EvaluationError, OptionError, UnknownMetricError
from highbeam.evaluation import (
    Comparison,
    Interval,
    Results,
    document,
    make_protocol,
    read_results,
    tables,
    write_results,
)
from highbeam.evaluation.likeness import alike, cases_of, common_cases
from highbeam.evaluation.overlap import shared_cases
from highbeam.evaluation.report_tables import styles_of, subject_list
from highbeam.evaluation.report_tables import summary as summary_table
from highbeam.evaluation.results import RESCALED, SubjectInfo
from highbeam.evaluation.subjects import Subject, input_subject, method_subject, outputs_subject
from highbeam.evaluation.summary import summarise
from highbeam.evaluation.tables import aligned, verdict
from highbeam.evaluation.timing import time_subjects
from highbeam.pictures import read
from tests.datasets.makers import lol_v1, save, scene, write_json
from tests.evaluation.common import dark_drive, evaluation, pair_folders, results


def trained(name: str, *data: str) -> Subject:
    return Subject(SubjectInfo(name, "network", trained_on=data), lambda pixels: pixels)


def test_means_are_over_pictures(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    found = results(evaluation([str(dark)], bright))
    own = [row.values["psnr"] for row in found.of("dark", "gamma")]
    mean = found.means["dark"]["gamma"]["all"]["psnr"]
    assert mean.mean == pytest.approx(np.mean(own))
    assert min(own) <= mean.low < mean.mean < mean.high <= max(own)
    assert mean.count == 4
    assert list(found.means["dark"]["gamma"]) == ["all"]


def test_comparisons_know_which_way_is_better(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 6)
    found = results(evaluation([str(dark)], bright, metrics=("psnr", "ciede2000")))
    by_figure = {one.figure: one for one in found.comparisons}
    for one in by_figure.values():
        assert (one.first, one.second, one.wins, one.losses) == ("input", "gamma", 0, 6)
        assert one.p == 2 / 64
    assert by_figure["psnr"].difference.mean < 0.0 < by_figure["ciede2000"].difference.mean
    assert verdict(by_figure["psnr"]) == "gamma is better than input in psnr (6 : 0 pictures, p = 0.031)"
    assert verdict(by_figure["ciede2000"]).startswith("gamma is better than input in ciede2000 (6 : 0")


def test_a_perfect_picture_does_not_turn_the_verdict(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 9)
    for number in range(9):
        source = bright if number == 0 else dark
        save(tmp_path / "n" / f"{number:02d}.png", read(source / f"{number:02d}.png").pixels + (number > 0))
    found = results(evaluation([str(dark)], bright, (input_subject(), outputs_subject("n", tmp_path / "n"))))
    (one,) = (one for one in found.comparisons if one.figure == "psnr")
    assert (one.difference.mean, one.losses) == (-math.inf, 9)
    assert verdict(one).startswith("n is better than input in psnr (9 : 0 pictures")


def test_verdicts() -> None:
    difference = Interval(-1.0, -2.0, 0.5, 8)
    one = Comparison("s", "psnr", "a", "b", difference, 0.4, 1, 2)
    assert verdict(one) == "a and b: no difference in psnr that can be told (1 : 2 pictures, p = 0.4)"
    assert verdict(replace(one, p=0.01)) == "b is better than a in psnr (2 : 1 pictures, p = 0.01)"
    few = "a and b: too few pictures to compare psnr (it takes 6)"
    assert verdict(replace(one, p=math.nan)) == few
    assert verdict(replace(one, difference=replace(difference, count=5), p=0.06)) == few
    undefined = replace(one, difference=replace(difference, mean=math.nan), p=0.01)
    assert verdict(undefined).startswith("b is better than a")  # infinities of both signs: by the pictures won


def test_equal_pictures_have_no_difference(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "dark" / f"{number}.png", scene(number))
        save(tmp_path / "bright" / f"{number}.png", scene(number))
    same = (input_subject(), Subject(SubjectInfo("same", "method"), lambda pixels: pixels))
    found = results(evaluation([str(tmp_path / "dark")], tmp_path / "bright", same))
    assert found.means["dark"]["same"]["all"]["psnr"].mean == math.inf
    assert {(one.difference.mean, one.p, one.wins, one.losses) for one in found.comparisons} == {(0.0, 1.0, 0, 0)}
    assert "inf" in tables(found)


def test_an_infinite_mean_has_its_median_beside(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 5)
    save(dark / "00.png", read(bright / "00.png").pixels)
    found = results(evaluation([str(dark)], bright, metrics=("psnr",)))
    mean = found.means["dark"]["input"]["all"]["psnr"]
    assert mean.mean == math.inf > mean.median
    assert f"inf (median {mean.median:.2f})" in tables(found)
    assert "<small>median " in summary_table(found, found.sets[0], styles_of(found))
    path, _ = write_results(found, tmp_path)
    assert read_results(path).means["dark"]["input"]["all"]["psnr"] == mean


def unlike(root: Path) -> Results:
    """Outputs of two of five pictures, and better there than gamma is on all."""
    dark, bright = pair_folders(root, 5)
    for number in (1, 3):
        save(root / "theirs" / f"{number:02d}.png", read(bright / f"{number:02d}.png").pixels // 2)
    subjects = (input_subject(), method_subject("gamma"), outputs_subject("theirs", root / "theirs"))
    return results(evaluation([str(dark)], bright, subjects, metrics=("psnr",), allow_missing=True))


def test_means_over_other_pictures_are_said_to_be_so(tmp_path: Path) -> None:
    found = unlike(tmp_path)
    text = tables(found)
    assert "\ntheirs (2 of 5)" in text
    assert "common subset: the 2 that every subject has, over which alone their means compare" in text
    assert "\ntheirs  " in text  # of the common ones it has all
    for kept in found.means["dark"].values():
        assert kept["common"]["psnr"].count == 2
    own = [row.values["psnr"] for row in found.of("dark", "gamma") if row.case in {"01", "03"}]
    assert found.means["dark"]["gamma"]["common"]["psnr"].mean == pytest.approx(np.mean(own))
    (told,) = (warning for warning in found.warnings if "different pictures" in warning)
    assert told.startswith("dark: its subjects have figures of different pictures, 2 of them of all")


def test_nothing_is_best_across_other_pictures(tmp_path: Path) -> None:
    found = unlike(tmp_path)
    every, common = summary_table(found, found.sets[0], styles_of(found)).split("Common: pictures that every subject")
    assert "<strong>" not in every
    assert '<td class="n">2 of 5</td>' in every
    assert common.count("<strong>") == 1
    assert [alike(found, found.sets[0], subset, "psnr") for subset in ("all", "common")] == [False, True]
    assert cases_of(found, found.sets[0], "common") == {"01", "03"}


def test_what_is_undefined_on_one_subjects_pictures_makes_means_unlike(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    found = results(evaluation([str(dark)], bright, metrics=("psnr",)))
    first = replace(found.rows[0], values={"psnr": math.nan})
    assert alike(found, found.sets[0], "all", "psnr")
    assert not alike(replace(found, rows=(first, *found.rows[1:])), found.sets[0], "all", "psnr")
    assert common_cases([]) == frozenset()


def test_a_network_trained_on_a_data_set_of_the_test_is_warned_of(tmp_path: Path) -> None:
    subjects = (input_subject(), trained("net", "camvid", "NuScenes"))
    found = results(evaluation([f"dark_drive:{dark_drive(tmp_path)}"], None, subjects))
    told = "net was trained on nuscenes, which 1 of the 4 pictures of dark_drive/{} are from: the same scenes may"
    told += " be in both"
    assert found.warnings == tuple(told.format(law) for law in ("gamma", "sensor"))
    for one in found.sets:
        assert one.shared == {"net": ["nuscenes_2"]}
        for subject in ("input", "net"):
            assert found.means[one.name][subject]["strict"]["psnr"].count == 3
    text = tables(found)
    assert "strict subset: the 3 whose scenes nothing measured here was trained on" in text
    assert "warning: net was trained on nuscenes" in text


def lol_with_scenes(root: Path) -> Path:
    lol_v1(root)
    write_json(root / "scenes.json", {"groups": [["eval15/100.png", "our485/4.png"]]})
    return root


def test_lol_scenes_that_are_in_its_training_part(tmp_path: Path) -> None:
    subjects = (input_subject(), trained("net", "lol-v1"))
    job = evaluation([f"lol-v1:{lol_with_scenes(tmp_path)}"], None, subjects)
    found = results(job)
    assert found.sets[0].shared == {"net": ["100"]}
    assert found.means["lol-v1/eval15"]["net"]["strict"]["psnr"].count == 1
    (told,) = found.warnings
    assert told.startswith(
        "net was trained on lol-v1, and 1 of the 2 pictures of lol-v1/eval15 have a training picture"
    )
    assert told.endswith("of the same scene: read the strict subset")


def test_lol_without_scenes_could_share_all(tmp_path: Path) -> None:
    found = results(
        evaluation([f"lol-v1:{lol_v1(tmp_path)}"], None, (trained("net", "lol-v1"), trained("kin", "lol-v2-real")))
    )
    assert found.sets[0].shared == {"net": ["100", "101"], "kin": ["100", "101"]}
    assert "2 of the 2 pictures of lol-v1/eval15 are of data it was trained on" in found.warnings[0]
    assert "no figure of it here can be believed" in found.warnings[1]
    assert found.means["lol-v1/eval15"]["net"]["strict"]["psnr"].count == 0
    assert "-" in tables(found)


def test_outputs_of_nobody_knows_what_are_asked_about(tmp_path: Path) -> None:
    lol_with_scenes(tmp_path / "lol")
    for name in ("100", "101"):
        save(tmp_path / "theirs" / f"{name}.png", scene(0))
    subjects = (outputs_subject("theirs", tmp_path / "theirs"),)
    found = results(evaluation([f"lol-v1:{tmp_path / 'lol'}"], None, subjects))
    assert "it is not known what made theirs" in found.warnings[0]


def test_training_data_that_are_none_are_told(tmp_path: Path) -> None:
    lol_with_scenes(tmp_path / "lol")
    for name in ("100", "101"):
        save(tmp_path / "theirs" / f"{name}.png", scene(0))
    theirs = outputs_subject("theirs", tmp_path / "theirs")
    theirs = replace(theirs, info=replace(theirs.info, trained_on=("LOL",)))
    (told,) = results(evaluation([f"lol-v1:{tmp_path / 'lol'}"], None, (theirs,))).warnings
    assert "said to be trained on 'LOL', which is no data set known here" in told


def test_training_data_in_ones_own_words_are_no_slip(tmp_path: Path) -> None:
    lol_with_scenes(tmp_path)
    theirs = replace(method_subject("gamma").info, trained_on=("other:my drives",))
    subjects = (replace(method_subject("gamma"), info=theirs),)
    assert results(evaluation([f"lol-v1:{tmp_path}"], None, subjects)).warnings == ()


def test_of_a_plain_folder_nothing_is_known_of_what_training_saw(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    (told,) = results(evaluation([str(dark)], bright, (input_subject(), trained("net", "lol-v1")))).warnings
    assert told.startswith("dark: no scene of it is known here, so that it cannot be told what net saw of it")
    assert told.endswith("name it as LAYOUT:ROOT if it is a known data set")
    assert results(evaluation([str(dark)], bright)).warnings == ()


def test_strict_is_reported_when_asked_for(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    job = evaluation([str(dark)], bright, strict=True)
    found = results(job)
    assert list(found.means["dark"]["input"]) == ["all"]
    assert found.warnings[0].startswith("dark: no scene of it is known, so there is no strict subset")
    assert shared_cases(job.sets[0], ("lol-v1",)) == []
    job = evaluation([f"dark_drive:{dark_drive(tmp_path / 'drive')}"], strict=True)
    assert results(job).means["dark_drive/gamma"]["input"]["strict"]["psnr"].count == 4


def test_more_training_data_never_share_less(tmp_path: Path) -> None:
    both = evaluation([f"lol-v1:{lol_with_scenes(tmp_path)}"], None, (trained("net", "lol-v1", "lol-v2-real"),))
    found = results(both)
    assert found.sets[0].shared == {"net": ["100", "101"]}
    assert len(found.warnings) == 2


def test_what_was_left_out_is_counted(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    (dark / "02.png").write_bytes(b"no picture")
    found = results(evaluation([str(dark)], bright, allow_missing=True))
    assert found.warnings == ("dark: 1 left out because they are missing, cannot be read or do not fit",)
    assert "left out: 1\n  02: " in tables(found)


def whole(tmp_path: Path) -> Results:
    for number in range(3):
        save(tmp_path / "dark" / f"{number}.png", scene(number) if number else scene(number) // 5)
        save(tmp_path / "bright" / f"{number}.png", scene(number))
    names = ("psnr", "blockiness")
    return results(evaluation([str(tmp_path / "dark")], tmp_path / "bright", metrics=names, rescale=True))


def test_results_are_read_back_as_they_were(tmp_path: Path) -> None:
    found = whole(tmp_path)
    path, _ = write_results(found, tmp_path)
    assert str(read_results(path)) == str(found)  # NaN is not equal to itself
    json.loads(document(found), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_the_table_has_a_line_per_picture_and_subject(tmp_path: Path) -> None:
    found = whole(tmp_path)
    _, path = write_results(found, tmp_path)
    lines = list(csv.DictReader(path.read_text().splitlines()))
    assert len(lines) == 6
    assert float(lines[0]["psnr"]) == found.rows[0].values["psnr"]
    assert set(lines[0]) == {"set", "subject", "case", "width", "height", "psnr", "psnr" + RESCALED, "blockiness"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing of the kind", "is not JSON"),
        ("[]", "is not a result of format 1"),
        ('{"format": 2}', "is not a result of format 1"),
        ('{"format": 1, "rows": [], "means": {}, "comparisons": []}', "is not as this version writes it"),
    ],
)
def test_results_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_results(tmp_path / "results.json")
    with pytest.raises(EvaluationError, match="gone.json: cannot be read"):
        read_results(tmp_path / "gone.json")


def test_every_switch_is_said(tmp_path: Path) -> None:
    found = whole(tmp_path)
    text = tables(found)
    for name in found.protocol:
        assert name in text
    assert found.protocol["rescaled to the reference's mean"] == "shown beside, never instead"
    assert f"SHA-256 {found.sets[0].sha256}" in text


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"metrics": ("psnrr",)}, UnknownMetricError, "did you mean 'psnr'"),
        ({"border": -1}, OptionError, "border: Input should be greater than or equal to 0"),
        ({"bordr": 1}, OptionError, "bordr: Unexpected keyword argument"),
    ],
)
def test_switches_that_are_none(values: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_protocol(**values)


def test_times_stand_beside_the_reference(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    job = evaluation([str(dark)], bright)
    found = time_subjects(job)
    assert found.keys() == {"gamma"}
    low, high = found["gamma"].quartiles
    assert 0.0 < low <= found["gamma"].seconds <= high
    shown = summarise(job, job.rows(), machine={}, seconds=found)
    assert [subject.seconds is None for subject in shown.subjects] == [True, False]
    assert "times OpenCV CLAHE" in tables(shown)
    assert f"{1e3 * found['gamma'].seconds:.1f} [{1e3 * low:.1f}, {1e3 * high:.1f}]" in tables(shown)
    assert shown.subjects[1].quartiles == (low, high)
    assert "<small>[" in subject_list(shown, styles_of(shown))


def test_columns_are_set_below_each_other() -> None:
    assert aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
    assert aligned([["a", "bb"], ["ccc", "d"]], left=True) == "a    bb\nccc  d"


def test_a_method_with_its_options_is_told_from_another(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    job = evaluation([str(dark)], bright, (method_subject("gamma"),))
    assert results(job).subjects[0].about
