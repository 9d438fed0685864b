"""Measuring: the same figures as by hand, whatever the number of threads, and nothing measured twice."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import highbeam
from highbeam import metrics
from highbeam.errors import ArrayError, EvaluationError, OptionError, UsageError
from highbeam.evaluation import Evaluation, find_sets, make_protocol, outputs_set, seal, tables
from highbeam.evaluation.loading import rescaled, without_border
from highbeam.evaluation.results import RESCALED, Row, SubjectInfo
from highbeam.evaluation.subjects import Subject, input_subject, method_subject, outputs_subject, with_training
from highbeam.methods.base import Pixels
from highbeam.pictures import read
from highbeam.weights import path_of
from tests.datasets.makers import draw, film, save, scene
from tests.evaluation.common import dark_drive, darkened, evaluation, pair_folders, results
from tests.evaluation.perception.graphs import brightness


def values(rows: list[Row], subject: str) -> dict[str, dict[str, float]]:
    return {row.case: row.values for row in rows if row.subject == subject}


def test_figures_are_those_of_the_metrics_on_the_8_bit_output(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    rows = evaluation([str(dark)], bright).rows()
    assert [(row.subject, row.case) for row in rows] == [
        (subject, f"{number:02d}") for subject in ("input", "gamma") for number in range(4)
    ]
    method = highbeam.load("gamma")
    for number in range(4):
        low, high = (read(folder / f"{number:02d}.png").pixels for folder in (dark, bright))
        for subject, output in (("input", low), ("gamma", method(low))):
            found = values(rows, subject)[f"{number:02d}"]
            assert found == {"psnr": metrics.psnr(output, high), "ssim": metrics.ssim(output, high)}
    assert (rows[0].width, rows[0].height) == (64, 48)
    assert rows[0].dark == str(dark / "00.png")


def test_rescaled_figures_stand_beside_and_change_nothing_else(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    plain, shown = (evaluation([str(dark)], bright, rescale=on).rows() for on in (False, True))
    for row, wider in zip(plain, shown, strict=True):
        assert list(wider.values) == ["psnr", "psnr" + RESCALED, "ssim", "ssim" + RESCALED]
        assert {name: wider.values[name] for name in row.values} == row.values
    low, high = read(dark / "00.png").pixels, read(bright / "00.png").pixels
    factor = cv2.cvtColor(high, cv2.COLOR_RGB2GRAY).mean() / cv2.cvtColor(low, cv2.COLOR_RGB2GRAY).mean()
    literal = np.clip(np.rint(low * factor), 0, 255).astype(np.uint8)
    assert shown[0].values["psnr" + RESCALED] == pytest.approx(metrics.psnr(literal, high), abs=0.4)
    assert (rescaled(np.zeros_like(low), high) == 0).all()


def test_a_border_is_cut_from_both(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    row = evaluation([str(dark)], bright, border=5).rows()[0]
    low, high = read(dark / "00.png").pixels, read(bright / "00.png").pixels
    assert row.values["psnr"] == metrics.psnr(low[5:-5, 5:-5], high[5:-5, 5:-5])
    told = "--border 24: leaves nothing of 00 in dark, which is 64 x 48; at most 23 will do"
    with pytest.raises(OptionError, match=f"^{told}$"):
        evaluation([str(dark)], bright, border=24, allow_missing=True)  # before any work
    assert evaluation([str(dark)], bright, border=23).rows()[0].values["psnr"] > 0.0
    with pytest.raises(EvaluationError, match="nothing is left with 24 pixels cut"):
        without_border(low, 24)


def test_pictures_without_references(tmp_path: Path) -> None:
    save(tmp_path / "night" / "a.png", darkened(scene(0, (320, 240))))
    names = ("niqe", "loe", "highlight-growth")
    (row, _) = evaluation([str(tmp_path / "night")], metrics=names).rows()
    assert list(row.values) == list(names)
    with pytest.raises(OptionError, match="psnr is full-reference, and nothing that is measured on fits it"):
        evaluation([str(tmp_path / "night")], metrics=(*names, "psnr"))
    assert row.values["loe"] == 0.0
    assert list(evaluation([str(tmp_path / "night")]).rows()[0].values)[:2] == ["niqe", "loe"]
    with pytest.raises(OptionError, match="none of psnr can be measured on pictures; those that can: niqe"):
        evaluation([str(tmp_path / "night")], metrics=("psnr",))


def test_pairs_can_be_measured_against_their_input_too(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 1, (128, 128))
    (row, _) = evaluation([str(dark)], bright, metrics=("psnr", "highlight-growth")).rows()
    assert row.values["highlight-growth"] == 1.0


def test_clips(tmp_path: Path) -> None:
    film(tmp_path / "night.mp4", 8)
    rows = evaluation([str(tmp_path / "night.mp4")], metrics=("flicker", "flicker-ratio"), frames=6).rows()
    assert [row.subject for row in rows] == ["input", "gamma"]
    assert rows[0].values == {"flicker": pytest.approx(0.0, abs=1e-9), "flicker-ratio": pytest.approx(1.0)}


def test_outputs_of_clips(tmp_path: Path) -> None:
    film(tmp_path / "in" / "night.mp4", 8)
    film(tmp_path / "out" / "night.mp4", 8)
    subjects = (outputs_subject("theirs", tmp_path / "out"),)
    (row,) = evaluation([str(tmp_path / "in")], subjects=subjects, metrics=("flicker",)).rows()
    assert row.values["flicker"] == pytest.approx(0.0, abs=1e-9)
    assert row.output.endswith("out/night.mp4")


def test_somebodys_outputs_against_references(tmp_path: Path) -> None:
    _, bright = pair_folders(tmp_path)
    for number in range(4):
        save(tmp_path / "theirs" / f"{number:02d}.png", scene(number))
    subject = outputs_subject("theirs", tmp_path / "theirs")
    found = seal(outputs_set({"theirs": tmp_path / "theirs"}, bright))
    rows = Evaluation((found,), (subject,), make_protocol()).rows()
    assert all(row.values == {"psnr": math.inf, "ssim": pytest.approx(1.0)} for row in rows)
    assert rows[0].output == str(tmp_path / "theirs" / "00.png")


def test_missing_outputs_are_refused_or_counted(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    draw(tmp_path / "theirs" / "01.png")
    subjects = (outputs_subject("theirs", tmp_path / "theirs"),)
    with pytest.raises(EvaluationError, match="theirs: 3 of 4 outputs for dark are missing or do not fit, such as 00"):
        evaluation([str(dark)], bright, subjects)
    job = evaluation([str(dark)], bright, subjects, allow_missing=True)
    assert [row.case for row in job.rows()] == ["01"]
    assert set(job.lost["dark"]) == {"theirs: 00", "theirs: 02", "theirs: 03"}
    draw(tmp_path / "none" / "x.png")
    with pytest.raises(EvaluationError, match="4 of 4 outputs"):
        evaluation([str(dark)], bright, (outputs_subject("none", tmp_path / "none"),), allow_missing=True)


def test_outputs_that_match_no_case_are_counted(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 2)
    for name in ("00", "01", "02", "old/03"):
        draw(tmp_path / "theirs" / f"{name}.png")
    (dark / "raw.dng").touch()
    found = results(evaluation([str(dark)], bright, (outputs_subject("theirs", tmp_path / "theirs"),)))
    extra = f"*.png in {tmp_path / 'theirs'}, outputs of theirs"
    assert found.passed_over == {f"*.dng in {dark}": 1, extra: 2}
    (told,) = found.warnings
    assert told == f"passed over, since nothing here measures them: 1 *.dng in {dark}; 2 {extra}"
    assert f"warning: {told}" in tables(found)


def test_outputs_of_several_sets_are_nobodys_only_where_no_set_takes_them(tmp_path: Path) -> None:
    root = dark_drive(tmp_path / "data")
    for law in ("gamma", "sensor"):
        for case in ("cityscapes_0", "cityscapes_1", "nuscenes_2", "tusimple_3"):
            draw(tmp_path / "theirs" / "dark_drive" / law / f"{case}.png")
    job = evaluation([f"dark_drive:{root}"], None, (outputs_subject("theirs", tmp_path / "theirs"),))
    assert job.passed_over == {}


def test_outputs_of_another_size_are_refused_or_counted(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 2)
    draw(tmp_path / "theirs" / "00.png", 0, (32, 24))
    draw(tmp_path / "theirs" / "01.png", 1)
    subjects = (outputs_subject("theirs", tmp_path / "theirs"),)
    with pytest.raises(EvaluationError, match=r"theirs: 1 of 2 .*00.png: is 32 x 24, but the picture is 64 x 48"):
        evaluation([str(dark)], bright, subjects)  # before any work
    job = evaluation([str(dark)], bright, (input_subject(), *subjects), allow_missing=True)
    assert [(row.subject, row.case) for row in job.rows()] == [("input", "00"), ("input", "01"), ("theirs", "01")]
    assert list(job.lost["dark"]) == ["theirs: 00"]


def test_what_fails_with_one_subject_does_not_cost_the_others(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 2)

    def broken(_pixels: Pixels) -> Pixels:
        raise ArrayError("no such luck")

    subjects = (input_subject(), Subject(SubjectInfo("broken", "method"), broken))
    with pytest.raises(EvaluationError, match=r"dark: broken: 0\d: no such luck; or pass --allow-missing"):
        evaluation([str(dark)], bright, subjects).rows()
    job = evaluation([str(dark)], bright, subjects, allow_missing=True)
    assert [(row.subject, row.case) for row in job.rows()] == [("input", "00"), ("input", "01")]
    assert set(job.lost["dark"]) == {"broken: 00", "broken: 01"}


def test_a_metric_that_takes_larger_pictures_is_undefined_and_the_others_are_not(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 2)
    found = results(evaluation([str(dark)], bright, metrics=("psnr", "ms-ssim")))
    assert math.isnan(found.rows[0].values["ms-ssim"])
    assert found.rows[0].values["psnr"] > 0.0
    assert found.warnings == ("dark: ms-ssim is defined on none of the pictures",)


def test_outputs_that_changed_with_their_time_and_size_kept_are_measured_again(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 1)
    path = save(tmp_path / "theirs" / "00.bmp", scene(0))
    subjects = (outputs_subject("theirs", path.parent),)
    before = evaluation([str(dark)], bright, subjects, folder=tmp_path / "out").rows()
    stamp = path.stat().st_mtime_ns
    save(path, scene(1))
    os.utime(path, ns=(stamp, stamp))
    after = evaluation([str(dark)], bright, subjects, folder=tmp_path / "out", resume=True).rows()
    assert before[0].values["psnr"] == math.inf != after[0].values["psnr"]


def test_lines_of_a_journal_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    pair_folders(tmp_path)
    first = counting(tmp_path)[1].rows()
    with (tmp_path / "out" / "rows.jsonl").open("ab") as file:
        file.write(b"\xff\x00nothing\n[]\n")
    counter, job = counting(tmp_path, resume=True)
    assert job.rows() == first
    assert counter.calls == 0


class Counter:
    """A method that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, pixels: Pixels) -> Pixels:
        self.calls += 1
        return pixels


def counting(tmp_path: Path, **more: Any) -> tuple[Counter, Evaluation]:
    counter = Counter()
    subject = Subject(SubjectInfo("mine", "method", str(more.pop("about", ""))), counter)
    words = [str(tmp_path / "dark")]
    return counter, evaluation(words, tmp_path / "bright", (subject,), folder=tmp_path / "out", **more)


def test_resuming_measures_only_what_is_not_measured_yet(tmp_path: Path) -> None:
    pair_folders(tmp_path)
    counter, job = counting(tmp_path)
    first = job.rows()
    assert counter.calls == 4
    journal = tmp_path / "out" / "rows.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:2]) + "\n" + lines[2][:30])  # killed while it wrote
    counter, job = counting(tmp_path, resume=True)
    assert job.rows() == first
    assert counter.calls == 2
    counter, job = counting(tmp_path, resume=True)
    assert job.rows() == first
    assert counter.calls == 0
    counter, job = counting(tmp_path)  # not resumed
    job.rows()
    assert counter.calls == 4


@pytest.mark.parametrize("change", [{"border": 1}, {"rescale": True}, {"metrics": ("psnr",)}, {"about": "another"}])
def test_rows_of_other_conditions_are_not_taken_over(tmp_path: Path, change: dict[str, Any]) -> None:
    pair_folders(tmp_path)
    counting(tmp_path)[1].rows()
    counter, job = counting(tmp_path, resume=True, **change)
    job.rows()
    assert counter.calls == 4


def test_rows_of_other_bytes_are_not_taken_over(tmp_path: Path) -> None:
    pair_folders(tmp_path)
    counting(tmp_path)[1].rows()
    draw(tmp_path / "bright" / "00.png", 77)
    counter, job = counting(tmp_path, resume=True)
    job.rows()
    assert counter.calls == 4


def test_infinite_and_undefined_figures_survive_a_resume(tmp_path: Path) -> None:
    save(tmp_path / "dark" / "a.png", scene(0))
    save(tmp_path / "bright" / "a.png", scene(0))
    first = counting(tmp_path, metrics=("psnr", "blockiness"))[1].rows()
    assert first[0].values["psnr"] == math.inf
    again = counting(tmp_path, metrics=("psnr", "blockiness"), resume=True)[1].rows()
    assert str(again) == str(first)


def test_stopped_it_keeps_what_is_measured(tmp_path: Path) -> None:
    pair_folders(tmp_path)
    counter, job = counting(tmp_path)
    job.stopped = lambda: counter.calls >= 2
    assert 2 <= len(job.rows()) < 4
    counter, job = counting(tmp_path, resume=True)
    assert len(job.rows()) == 4
    assert counter.calls <= 2


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    pair_folders(tmp_path)
    (tmp_path / "out").touch()
    with pytest.raises(EvaluationError, match="rows.jsonl: cannot be written"):
        counting(tmp_path)[1].rows()


def test_steps_are_told(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path)
    job, told = evaluation([str(dark)], bright), []
    job.rows(lambda: told.append(1))
    assert len(told) == job.total == 4


def test_16_bit_pictures_are_held_against_8_bit_references(tmp_path: Path) -> None:
    bright = scene(0)
    save(tmp_path / "dark" / "a.png", np.asarray(bright.astype(np.uint16) * 257, np.uint16))
    save(tmp_path / "bright" / "a.png", bright)
    (row, _) = evaluation([str(tmp_path / "dark")], tmp_path / "bright").rows()
    assert row.values["psnr"] == math.inf


def test_names_are_unique_and_training_is_said_of_what_is_there() -> None:
    both = (input_subject(), method_subject("gamma"))
    told = with_training(both, {"gamma": ["lol-v1"]})
    assert [subject.info.trained_on for subject in told] == [(), ("lol-v1",)]
    with pytest.raises(ValueError, match="nothing called 'clahe' is measured"):
        with_training(both, {"clahe": ["lol-v1"]})
    with pytest.raises(UsageError, match=r"nothing called 'gama' is measured; did you mean 'gamma'\?"):
        with_training(both, {"gama": ["lol-v1"]})
    with pytest.raises(ValueError, match="gamma: two to be measured have this name"):
        with_training((*both, method_subject("gamma")), {})


@pytest.mark.parametrize("name", ["lolv1", "LOL", "folder", "other:", "", "scene"])
def test_data_that_nothing_goes_by_are_refused_for_every_kind(name: str) -> None:
    for subject in (method_subject("gamma"), method_subject("unet-s"), Subject(SubjectInfo("o", "outputs"))):
        with pytest.raises(UsageError, match=f"--trained-on {subject.name}={name}: no data set {name!r}"):
            with_training((subject,), {subject.name: [name]})


def test_data_can_be_named_by_layout_by_ours_by_origin_and_in_ones_own_words(tmp_path: Path) -> None:
    sets = find_sets([f"dark_drive:{dark_drive(tmp_path)}"])
    names = ["lol-v1", "nuScenes", "dark_drive", "dark-drive", "dashcam clips", "tusimple", "other:my own drives"]
    (told,) = with_training((method_subject("gamma"),), {"gamma": names}, sets)
    assert told.info.trained_on == tuple(names)
    with pytest.raises(UsageError, match=r"'lolv1'; did you mean 'lol-v1'\? .*say gamma=other:lolv1 of data"):
        with_training((method_subject("gamma"),), {"gamma": ["lolv1"]}, sets)


def test_files_that_ship_are_known_whichever_is_named() -> None:
    for kind in ("uint8", "float32"):
        info = method_subject(str(path_of("unet-s", kind))).info
        assert "nuscenes" in info.trained_on
        assert info.about == method_subject("unet-s").info.about


def test_a_file_that_is_no_network_of_ours_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"no.onnx: is no ONNX file"):
        method_subject(str(tmp_path / "no.onnx"))
    with pytest.raises(UsageError, match=r"theirs.onnx: "):
        method_subject(str(brightness(tmp_path / "theirs.onnx", 0.3)))


def test_subjects_say_what_they_are() -> None:
    network = method_subject("unet-m")
    assert network.info.kind == "network"
    assert len(network.info.sha256) == 64
    assert "nuscenes" in network.info.trained_on
    assert method_subject("gamma").fingerprint != method_subject("gamma", strength=0.5).fingerprint
    assert method_subject("gamma").fingerprint == method_subject("gamma").fingerprint


def test_the_journal_is_json_lines(tmp_path: Path) -> None:
    pair_folders(tmp_path, 1)
    counting(tmp_path)[1].rows()
    (line,) = (tmp_path / "out" / "rows.jsonl").read_text().splitlines()
    assert json.loads(line)["row"]["case"] == "00"


def test_the_metrics_do_not_wait_for_each_other(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 12)
    before = cv2.getNumThreads()
    rows = evaluation([str(dark)], bright).rows()
    assert cv2.getNumThreads() == before
    assert [row.case for row in rows[:12]] == [f"{number:02d}" for number in range(12)]
    (found,) = find_sets([str(dark)], bright)
    assert len(found.cases) == 12
