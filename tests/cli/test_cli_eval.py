"""``highbeam eval``: its forms, what it prints and writes, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from highbeam.evaluation import read_results
from highbeam.metrics import METRICS
from highbeam.training import train
from tests.cli.conftest import Command, environment, files, program
from tests.datasets.makers import draw, film, lol_v1, save, scene, write_json
from tests.evaluation.common import dark_drive, darkened, pair_folders
from tests.evaluation.perception.graphs import brightness
from tests.training.common import day_folder, tiny

FAST = ("--no-timing",)


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Path, Path]:
    return pair_folders(tmp_path / "data")


def test_methods_on_pairs_in_one_table(command: Command, pairs: tuple[Path, Path], tmp_path: Path) -> None:
    dark, bright = pairs
    out = tmp_path / "out"
    ended = command("eval", dark, "--reference", bright, "--methods", "gamma,clahe", "-o", out, "--rescaled")
    assert ended.code == 0, ended.err
    found = read_results(out / "results.json")
    assert [subject.name for subject in found.subjects] == ["input", "gamma", "clahe"]
    assert len(found.rows) == 12
    assert all(subject.seconds for subject in found.subjects[1:])
    for text in (
        "psnr (rescaled), dB",
        "SSIM  ",
        "border cut",
        "times OpenCV CLAHE",
        "too few pictures to compare psnr (it takes 6)",
        "SHA-256",
        "gamma  method: power curve, the same for every pixel; strength 1.0",
    ):
        assert text in ended.out
    assert files(out) == ["report.html", "results.csv", "results.json", "rows.jsonl"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Evaluation on dark" in page


def test_the_default_method_and_the_input(command: Command, pairs: tuple[Path, Path]) -> None:
    ended = command("eval", pairs[0], "--reference", pairs[1], *FAST, "--json")
    assert ended.code == 0, ended.err
    assert [subject["name"] for subject in json.loads(ended.out)["subjects"]] == ["input", "unet-m"]


def test_a_known_layout_and_its_warning(command: Command, tmp_path: Path) -> None:
    ended = command("eval", f"dark_drive:{dark_drive(tmp_path)}", "--methods", "unet-s", *FAST)
    assert ended.code == 0, ended.err
    assert "dark_drive/gamma: 4 pairs" in ended.out
    assert "warning: unet-s was trained on nuscenes" in ended.out
    assert "strict subset: the 3" in ended.out


def test_what_outputs_were_trained_on_can_be_said(command: Command, tmp_path: Path) -> None:
    lol_v1(tmp_path / "lol")
    write_json(tmp_path / "lol" / "scenes.json", {"groups": [["eval15/100.png", "our485/4.png"]]})
    for name in ("100", "101"):
        draw(tmp_path / "out" / f"{name}.png")
    words = ("eval", f"lol-v1:{tmp_path / 'lol'}", "--outputs", f"theirs={tmp_path / 'out'}", *FAST)
    assert "it is not known what made theirs" in command(*words).out
    ended = command(*words, "--trained-on", "theirs=lol-v1")
    assert "theirs was trained on lol-v1, and 1 of the 2 pictures" in ended.out
    assert command(*words, "--trained-on", "ours=lol-v1").code == 2


@pytest.mark.parametrize("subject", ["gamma", "unet-s", "theirs"])
def test_a_slip_in_what_something_was_trained_on_is_refused(command: Command, tmp_path: Path, subject: str) -> None:
    lol_v1(tmp_path / "lol")
    for name in ("100", "101"):
        draw(tmp_path / "out" / f"{name}.png")
    words = ("eval", f"lol-v1:{tmp_path / 'lol'}", "--outputs", f"theirs={tmp_path / 'out'}", *FAST)
    ended = command(*words, "--methods", "gamma,unet-s", "--trained-on", f"{subject}=lolv1")
    assert ended.code == 2
    assert f"--trained-on {subject}=lolv1: no data set 'lolv1'; did you mean 'lol-v1'?" in ended.err


def test_named_files_that_add_nothing_are_bad_usage(command: Command, pairs: tuple[Path, Path], tmp_path: Path) -> None:
    dark, bright = pairs
    clip, text = tmp_path / "night.mp4", tmp_path / "a.txt"
    film(clip, 4)
    text.touch()
    for words in ((dark, clip, "--reference", bright), (dark, text, "--reference", bright), (dark, text)):
        ended = command("eval", *words, "--methods", "gamma", *FAST)
        assert (ended.code, "leave it out" in ended.err) == (2, True)


def test_unpaired_pictures_and_clips(command: Command, tmp_path: Path) -> None:
    save(tmp_path / "night" / "a.png", darkened(scene(0, (320, 240))))
    film(tmp_path / "night" / "b.mp4", 5)
    ended = command("eval", tmp_path / "night", "--methods", "gamma", *FAST, "-o", tmp_path / "out")
    assert ended.code == 0, ended.err
    assert "night (pictures): 1 pictures" in ended.out
    assert "flicker-ratio" in ended.out
    assert "data:image" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_somebodys_outputs_against_references_alone(command: Command, pairs: tuple[Path, Path]) -> None:
    ended = command("eval", "--outputs", pairs[0], "--reference", pairs[1], *FAST)
    assert ended.code == 0, ended.err
    assert "bright: 4 references" in ended.out
    assert "\ndark " in ended.out
    ended = command("eval", "--outputs", pairs[0], "--reference", pairs[1], "--methods", "gamma")
    assert (ended.code, ended.err) == (
        2,
        "error: there are outputs and references alone; methods need dark pictures to enhance\n",
    )


def test_the_newest_checkpoint(command: Command, pairs: tuple[Path, Path], tmp_path: Path) -> None:
    train(tiny(day_folder(tmp_path / "days", 2), tmp_path / "run", steps=2, save_every=1))
    words = ("eval", pairs[0], "--reference", pairs[1], *FAST, "--no-input")
    for spelling in ("--checkpoint_dir", "--checkpoint-dir"):
        ended = command(*words, spelling, tmp_path / "run")
        assert ended.code == 0, ended.err
        assert "\nrun@2 " in ended.out
    ended = command(*words, "--checkpoint_dir", tmp_path)
    assert ended.code == 2
    assert "no checkpoint there" in ended.err


def test_a_network_of_ones_own(command: Command, pairs: tuple[Path, Path], tmp_path: Path) -> None:
    run = train(tiny(day_folder(tmp_path / "days", 2), tmp_path / "run", steps=1))
    assert command("export", run.checkpoint or "", "-o", tmp_path / "mine.onnx").code == 0
    ended = command("eval", pairs[0], "--reference", pairs[1], "--methods", tmp_path / "mine.onnx", *FAST, "--json")
    assert [row["name"] for row in json.loads(ended.out)["subjects"]] == ["input", "mine"]


def test_missing_and_misfits_are_errors_or_counted(command: Command, pairs: tuple[Path, Path]) -> None:
    dark, bright = pairs
    (dark / "00.png").unlink()
    (dark / "01.png").write_bytes(b"no picture")
    draw(bright / "02.png", 2, (30, 20))
    words = ("eval", dark, "--reference", bright, "--methods", "gamma", *FAST)
    ended = command(*words)
    assert ended.code == 1
    assert "00.png" in ended.err
    ended = command(*words, "--allow-missing")
    assert ended.code == 1
    assert "left out: 3" in ended.out


def test_an_earlier_evaluation_is_not_lost(command: Command, pairs: tuple[Path, Path], tmp_path: Path) -> None:
    words = ("eval", pairs[0], "--reference", pairs[1], "--methods", "gamma", *FAST, "-o", tmp_path / "out")
    assert command(*words).code == 0
    ended = command(*words)
    assert ended.code == 2
    assert "has an evaluation; pass --resume" in ended.err
    before = read_results(tmp_path / "out" / "results.json").rows
    assert command(*words, "--resume").code == 0
    assert command(*words, "--overwrite").code == 0
    assert command(*words, "--overwrite", "--resume").code == 2
    assert read_results(tmp_path / "out" / "results.json").rows == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to measure on"),
        (("gone",), "gone: no such file or folder"),
        (("data/dark", "--resume"), "--resume needs the FOLDER"),
        (("data/dark", "-o", "data/dark/00.png"), "is a file; name a folder"),
        (("data/dark", "--methods", "clahee"), "did you mean 'clahe'"),
        (("data/dark", "--methods", ","), "--methods takes names"),
        (("data/dark", "--methods", "gamma,gamma"), "names something twice"),
        (("data/dark", "--metrics", "psnrr"), "did you mean 'psnr'"),
        (("data/dark", "--metrics", "psnr"), "none of psnr can be measured on pictures"),
        (("data/dark", "--reference", "data/bright", "--metrics", "psnr,flicker"), "flicker is clip, and nothing"),
        (("data/dark", "--rescaled"), "--rescaled and --border say how to compare with references"),
        (("data/dark", "--perception", "gone.onnx"), "--perception needs pairs with references"),
        (("data/dark", "--reference", "data/bright", "--perception", "gone.onnx"), "gone.onnx: no such network"),
        (("data/dark", "--outputs", "x=gone"), "names no folder"),
        (("data/dark", "--outputs", "a=data", "--outputs", "a=data"), "two are called 'a'"),
        (("data/dark", "--trained-on", "lol"), "--trained-on takes NAME=DATA"),
        (("data/dark", "--methods", "text.onnx"), "text.onnx: is no ONNX file"),
        (("data/dark", "--reference", "data/bright", "--border", "400"), "--border 400: leaves nothing of 00 in dark"),
        (("lolv1:data",), "'lolv1' is no layout; did you mean 'lol-v1'"),
        (("data/dark", "--outputs", "gamma=data", "--methods", "gamma"), "gamma: two to be measured"),
    ],
)
def test_what_cannot_be_asked(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    pair_folders(tmp_path / "data", 1)
    (tmp_path / "text.onnx").write_text("no network")
    monkeypatch.chdir(tmp_path)
    ended = command("eval", *words)
    assert ended.code == 2
    assert message in ended.err


def test_the_metrics_are_listed(command: Command) -> None:
    ended = command("eval", "--list-metrics")
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1 + len(METRICS)


def test_missing_labels_are_found_before_any_work(
    command: Command, pairs: tuple[Path, Path], tmp_path: Path, seer: Path
) -> None:
    (tmp_path / "labels").mkdir()
    words = ("eval", pairs[0], "--reference", pairs[1], "--methods", "gamma", *FAST, "-o", tmp_path / "out")
    ended = command(*words, "--perception", seer, "--labels", tmp_path / "labels")
    assert ended.code == 1
    assert "00.png: no such file, the labels of 00" in ended.err
    assert not (tmp_path / "out").exists()


def test_stopped_it_goes_on_where_it_was(tmp_path: Path) -> None:
    dark, bright = pair_folders(tmp_path, 60, (320, 240))
    words = ("eval", dark, "--reference", bright, "--methods", "msrcr", *FAST, "-o", tmp_path / "out", "-q")
    running = subprocess.Popen(program(*words), env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    journal = tmp_path / "out" / "rows.jsonl"
    until = time.monotonic() + 60.0
    while time.monotonic() < until and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"--resume goes on with it" in err
    kept = len(journal.read_text().splitlines())
    assert 0 < kept < 120
    done = subprocess.run(program(*words, "--resume"), env=environment(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(read_results(tmp_path / "out" / "results.json").rows) == 120


@pytest.fixture
def seer(tmp_path: Path) -> Path:
    """A mask network: where red is bright."""
    (tmp_path / "seer.toml").write_text('task = "mask"\nadapter = "mask-logits"')
    return brightness(tmp_path / "seer.onnx", 0.3)


def test_what_a_network_sees(command: Command, tmp_path: Path, seer: Path) -> None:
    dark, bright = pair_folders(tmp_path / "more", 6)
    words = ("eval", dark, "--reference", bright, "--methods", "gamma", *FAST, "-o", tmp_path / "out")
    ended = command(*words, "--perception", seer, "--outputs", f"day={bright}")
    assert ended.code == 0, ended.err
    assert "gamma: helps (IoU" in ended.out
    found = read_results(tmp_path / "out" / "results.json").perception["dark"]
    assert found["figures"]["reference"]["iou"]["mean"] == found["figures"]["day"]["iou"]["mean"] == 1.0
    assert found["configuration"]["adapter"] == "mask-logits"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<strong>gamma helps</strong>" in page
    sha256 = hashlib.sha256(seer.read_bytes()).hexdigest()
    for text in (sha256, "percentile bootstrap over pictures, 95%, 1000 resamples, seed 0", "resize", "letterbox"):
        assert text in ended.out
        assert text in page.split('id="perception"')[1].split("</section>")[0]


def test_what_a_network_cannot_be_asked(command: Command, pairs: tuple[Path, Path], seer: Path) -> None:
    ended = command("eval", pairs[0], "--methods", "gamma", *FAST, "--metrics", "blockiness", "--perception", seer)
    assert (ended.code, "needs pairs with references" in ended.err) == (2, True)
    ended = command("eval", pairs[0], "--reference", pairs[1], "--labels", pairs[1])
    assert (ended.code, "go with --perception" in ended.err) == (2, True)
