"""``highbeam enhance`` and ``highbeam info`` on robot logs: real files in, read back by the other library."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from highbeam.cli import logs as verb
from highbeam.cli import main
from highbeam.methods import load
from highbeam.pictures import decode
from highbeam.video.steady import Steady
from tests.cli.conftest import Command, draw, environment, files, in_process_of_its_own, program
from tests.cli.test_cli_enhance import refused
from tests.cli.test_cli_process import seen_on_a_terminal
from tests.conftest import ROOT
from tests.logs import making
from tests.logs.making import CAMERA, CHATTER, FRONT, ODD, Frame, Said, drive, plainly, unpacked

BRIGHT = load("gamma")

FORMS: dict[str, tuple[str, bool, Callable[[Path, list[Said]], Path], Callable[[Path], list[Said]]]] = {
    "ros1": (".bag", True, lambda path, said: making.bag1(path, said, "lz4"), making.read_bag1),
    "sqlite": ("", False, making.bag2, making.read_bag2),
    "folder mcap": ("", False, lambda path, said: making.bag2(path, said, "mcap"), making.read_bag2),
    "mcap": (".mcap", False, making.mcap_file, making.read_mcap),
}
"""Suffix, whether the messages are those of ROS 1, and the libraries that write and read: none is the package's own."""


@pytest.fixture
def drive_mcap(tmp_path: Path) -> Path:
    return making.mcap_file(tmp_path / "drive.mcap", drive())


def damaged(said: list[Said]) -> list[Said]:
    """A drive whose second picture of the first camera is cut short, as are its bytes."""
    second = [place for place, one in enumerate(said) if one.topic == CAMERA][1]
    said[second] = said[second]._replace(data=said[second].data[:-40])
    return said


@pytest.mark.parametrize("suffix", [None, "_bright"])
@pytest.mark.parametrize("form", FORMS)
def test_pictures_are_enhanced_and_all_else_is_as_it_was(
    command: Command, tmp_path: Path, form: str, suffix: str | None
) -> None:
    ending, ros1, write, read = FORMS[form]
    said = drive(ros1=ros1)
    source, output = write(tmp_path / f"drive{ending}", said), tmp_path / f"out{ending}"
    words = ["--topic", CAMERA, "--topic", FRONT, *(["--suffix", suffix] if suffix else [])]
    ended = command("enhance", source, "-o", output, "-m", "gamma", *words)
    assert (ended.code, ended.out) == (0, "")
    note, summary = ended.err.splitlines()
    assert note == f"{output}: 6 pictures enhanced, 6 other messages copied"
    assert summary.startswith("1 done in ")
    got = read(output)
    ours = [one for one in got if one.topic in {CAMERA + (suffix or ""), FRONT + (suffix or "")}]
    assert len(ours) == 6
    originals = [one for one in said if one.topic in {CAMERA, FRONT}]
    for before, after in zip(originals, sorted(ours, key=lambda one: one.time), strict=True):
        assert after.time == before.time
        check_enhanced(before, after, ros1=ros1)
    rest = [one for one in said if suffix or one.topic in {CHATTER, ODD}]
    kept = [one for one in got if one not in ours]
    assert plainly(kept) == plainly(rest)
    if form == "mcap":  # and by the library that did not write the source
        assert making.read_bag2(output) == plainly(sorted(got, key=lambda one: one.time))


def check_enhanced(before: Said, after: Said, *, ros1: bool) -> None:
    """Hold a picture against the method itself, and its header against the one before."""
    old, new = unpacked(before, ros1=ros1), unpacked(after, ros1=ros1)
    assert (new.header, type(new)) == (old.header, type(old))
    if before.topic == FRONT:
        assert new.format == old.format
        got, dark = decode(bytes(new.data)).pixels, decode(bytes(old.data)).pixels
        assert np.abs(got.astype(int) - BRIGHT(dark)).mean() < 4, "it is a JPEG of the enhanced picture"
        return
    rows, was = (one.data.reshape(6, 18)[:, :15].reshape(6, 5, 3) for one in (new, old))
    np.testing.assert_array_equal(rows, BRIGHT(np.ascontiguousarray(was)))


def test_predict_is_the_same_and_the_only_camera_is_found(command: Command, tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "one.mcap", [one for one in drive() if one.topic != FRONT])
    assert command("predict", source, "-o", tmp_path / "a.mcap", "-m", "gamma", "-q").err == ""
    assert command("enhance", source, "-o", tmp_path / "b.mcap", "-m", "gamma", "--topic", CAMERA, "-q").err == ""
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


@pytest.mark.parametrize("steady", [True, False])
def test_options_reach_the_method(command: Command, drive_mcap: Path, tmp_path: Path, *, steady: bool) -> None:
    words = [
        "-m",
        "clahe",
        "--set",
        "clip-limit=1.5",
        "--strength",
        "0.5",
        "--no-protect-highlights",
        "--topic",
        CAMERA,
        "--steady" if steady else "--no-steady",
    ]
    assert command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", *words).code == 0
    method = load("clahe", clip_limit=1.5, strength=0.5, protect_highlights=False)
    expected = Steady(method) if steady else method
    got = [unpacked(one) for one in making.read_mcap(tmp_path / "out.mcap") if one.topic == CAMERA]
    was = [unpacked(one) for one in drive() if one.topic == CAMERA]
    for new, old in zip(got, was, strict=True):
        pixels, dark = (one.data.reshape(6, 18)[:, :15].reshape(6, 5, 3) for one in (new, old))
        np.testing.assert_array_equal(pixels, expected(np.ascontiguousarray(dark)))


def test_wrong_topics_are_bad_usage(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    said = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap")
    assert refused(said, "has 2 topics with pictures; choose with --topic", CAMERA, FRONT)
    for words, told in (
        (["--topic", "/camera/image_rau"], "did you mean '/camera/image_raw'?"),
        (["--topic", CHATTER], "holds no pictures"),
        (["--topic", CAMERA, "--suffix", ""], "an empty suffix gives no new topic"),
    ):
        assert refused(command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", *words), told)
    assert files(tmp_path) == ["drive.mcap"]


def test_one_log_without_the_topic_stops_all_before_any_work(
    command: Command, drive_mcap: Path, tmp_path: Path
) -> None:
    blind = making.mcap_file(tmp_path / "blind.mcap", [one for one in drive() if one.topic == CHATTER])
    said = command("enhance", drive_mcap, blind, "-o", tmp_path / "out", "--topic", CAMERA)
    assert refused(said, "blind.mcap: has no topic", CAMERA)
    assert files(tmp_path) == ["blind.mcap", "drive.mcap"]


def test_options_of_logs_and_of_pictures_are_kept_apart(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png")
    for words in (["--topic", CAMERA], ["--suffix", "_x"]):
        assert refused(command("enhance", picture, "-o", tmp_path / "out", *words), "a.png: no robot log")
    assert refused(command("enhance", picture, drive_mcap, "-o", tmp_path / "out"), "a.png: no robot log")
    for words in (["--format", "png"], ["--quality", "90"], ["--max-pixels", "5M"], ["--workers", "2"]):
        said = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA, *words)
        assert refused(said, words[0], "not for logs")
    for words in (["--codec", "h264"], ["--crf", "0"], ["--drop-streams"]):
        said = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA, *words)
        assert refused(said, f"{words[0]} is not for robot logs")
    assert files(tmp_path) == ["a.png", "drive.mcap"]


def test_logs_do_not_go_through_pipes(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    assert refused(command("enhance", drive_mcap, "-o", "-"), "a log cannot be written to standard output")
    assert refused(command("enhance", "-", "-o", tmp_path / "a.mcap", "--topic", CAMERA), "no such file")
    assert refused(command("enhance", tmp_path / "gone.bag", "-o", tmp_path / "a.bag"), "gone.bag: no such file")
    assert refused(command("enhance", tmp_path / "*.db3", "-o", tmp_path / "a"), "no robot log found there")
    assert refused(command("enhance", "a" * 300 + ".bag", "-o", tmp_path / "a"), "cannot be looked at")


@pytest.mark.parametrize("form", FORMS)
def test_an_input_is_never_the_output(command: Command, tmp_path: Path, form: str) -> None:
    ending, ros1, write, read = FORMS[form]
    source = write(tmp_path / f"drive{ending}", drive(ros1=ros1))
    (tmp_path / f"link{ending}").symlink_to(source)
    for output in (source, tmp_path / f"link{ending}", source / f"inside{ending}"):
        ended = command("enhance", source, "-o", output, "--topic", CAMERA, "--overwrite")
        assert ended.code == 2, ended
    assert plainly(read(source)) == plainly(drive(ros1=ros1))
    assert {path.name for path in tmp_path.iterdir()} == {f"drive{ending}", f"link{ending}"}


def test_an_output_of_another_form(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    said = command("enhance", drive_mcap, "-o", tmp_path / "out.bag", "--topic", CAMERA)
    assert refused(said, "out.bag: the result is of the log's own form; let the name end in .mcap")


@pytest.mark.parametrize("form", FORMS)
def test_results_that_exist(command: Command, tmp_path: Path, form: str) -> None:
    ending, ros1, write, read = FORMS[form]
    source, output = write(tmp_path / f"drive{ending}", drive(ros1=ros1)), tmp_path / f"out{ending}"
    words = ["enhance", source, "-o", output, "--topic", CAMERA, "-m", "gamma"]
    assert command(*words).code == 0
    before = read(output)
    assert refused(command(*words), "exists already; pass --overwrite to replace it")
    skipped = command(*words, "--skip-existing", "--json")
    assert (skipped.code, json.loads(skipped.out)["status"]) == (0, "skipped")
    assert skipped.err.startswith("1 skipped in ")
    assert read(output) == before
    replaced = command(*words[:-1], "clahe", "--overwrite")
    assert (replaced.code, replaced.err.splitlines()[1][:7]) == (0, "1 done ")
    assert read(output) != before
    assert refused(command(*words, "--overwrite", "--skip-existing"), "contradict each other")
    assert len([*tmp_path.iterdir()]) == 2, "nothing is left beside"


def test_a_folder_that_is_more_than_a_bag_is_never_replaced(command: Command, tmp_path: Path) -> None:
    source = making.bag2(tmp_path / "drive", drive())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    said = command("enhance", source, "-o", tmp_path / "mine", "--topic", CAMERA, "--overwrite")
    assert refused(said, "holds more than a bag")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_several_logs_go_to_a_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    making.mcap_file(tmp_path / "in" / "one.mcap", drive())
    two, three = making.bag1(tmp_path / "in" / "two.bag", drive(ros1=True)), making.bag2(tmp_path / "three", drive())
    words = [tmp_path / "in" / "*.mcap", two, three]
    ended = command("enhance", *words, "-o", tmp_path / "out", "--topic", CAMERA, "-m", "gamma", "--json")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert [Path(record["output"]).name for record in records] == ["one.mcap", "two.bag", "three"]
    assert [record["enhanced"] for record in records] == [3, 3, 3]
    assert ended.err.splitlines()[-1].startswith("3 done in ")
    assert (
        len(making.read_bag1(tmp_path / "out" / "two.bag")) == len(making.read_bag2(tmp_path / "out" / "three")) == 12
    )


def test_one_file_to_a_folder(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    (tmp_path / "there.d").mkdir()
    for folder in (f"{tmp_path}/new", f"{tmp_path}/new.d/", f"{tmp_path}/there.d"):
        assert command("enhance", drive_mcap, "-o", folder, "--topic", CAMERA, "-m", "gamma").code == 0
        assert files(Path(folder)) == ["drive.mcap"]


def test_two_logs_that_would_meet(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    shutil.copy(drive_mcap, tmp_path / "b")
    said = command("enhance", drive_mcap, tmp_path / "b" / "drive.mcap", "-o", tmp_path / "out", "--topic", CAMERA)
    assert refused(said, "would both become")


def test_a_plan_is_only_told(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mcap"
    words = ["enhance", drive_mcap, "-o", output, "--topic", CAMERA, "--suffix", "_bright", "--dry-run"]
    ended = command(*words)
    assert (ended.code, ended.out) == (0, f"{drive_mcap} -> {output}\n")
    assert ended.err.startswith("1 planned in ")
    record = json.loads(command(*words, "--json", "--quiet").out)
    assert (record["status"], record["topics"]) == ("planned", {CAMERA: f"{CAMERA}_bright"})
    assert files(tmp_path) == ["drive.mcap"]
    assert refused(command("enhance", drive_mcap, "-o", output, "--dry-run"), "choose with --topic")


def test_records_tell_all(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    words = ["-o", tmp_path / "out.mcap", "--topic", CAMERA, "-m", "gamma", "--json", "-q"]
    ended = command("enhance", drive_mcap, *words)
    record = json.loads(ended.out)
    assert ended.err == ""
    assert record.pop("seconds") > 0
    assert record == {
        "source": str(drive_mcap), "output": str(tmp_path / "out.mcap"), "status": "done", "method": "gamma",
        "width": None, "height": None, "error": None, "error_type": None, "topics": {CAMERA: CAMERA},
        "enhanced": 3, "copied": 9, "damages": [], "resumed": 0,
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_damaged_pictures_are_told_and_the_rest_is_done(command: Command, tmp_path: Path, form: str) -> None:
    ending, ros1, write, read = FORMS[form]
    said = damaged(drive(ros1=ros1))
    source, output = write(tmp_path / f"drive{ending}", said), tmp_path / f"out{ending}"
    ended = command("enhance", source, "-o", output, "--topic", CAMERA, "-m", "gamma", "--json", "--quiet")
    record = json.loads(ended.out)
    assert (ended.code, record["status"], record["enhanced"], record["copied"]) == (1, "failed", 2, 10)
    assert ended.err.startswith(
        f"failed: {source}: 1 damaged, copied to {output} as they are: {CAMERA} at 1700000000.2"
    )
    assert re.search(r"the message is cut short: \d+ bytes are missing \[DamagedLogError\]\n$", ended.err)
    assert len(record["damages"]) == 1
    second = next(one for one in said if one.topic == CAMERA and one.data not in {row.data for row in drive(ros1=ros1)})
    assert second.data in {one.data for one in read(output)}


def test_only_the_first_damages_are_named(command: Command, tmp_path: Path) -> None:
    said = [one._replace(data=one.data[:-40]) if one.topic == CAMERA else one for one in drive(frames=6)]
    source = making.mcap_file(tmp_path / "drive.mcap", said)
    ended = command("enhance", source, "-o", tmp_path / "out.mcap", "--topic", CAMERA, "--json")
    assert ended.code == 1
    assert "6 damaged" in ended.err
    assert ended.err.count(f"{CAMERA} at") == 3
    assert len(json.loads(ended.out)["damages"]) == 6


def test_a_log_that_is_cut_short(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    drive_mcap.write_bytes(drive_mcap.read_bytes()[:3000])
    ended = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA, "-m", "gamma")
    assert ended.code == 1
    assert "the file ends within the record at byte" in ended.err
    assert f"{tmp_path / 'out.mcap'} has what comes before [DamagedLogError]" in ended.err
    assert 0 < len(making.read_mcap(tmp_path / "out.mcap")) < 12


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_one_bad_log_does_not_stop_the_rest(command: Command, drive_mcap: Path, tmp_path: Path, dry: list[str]) -> None:
    (tmp_path / "empty.bag").touch()
    words = ["-o", tmp_path / "out", "--topic", CAMERA, "-m", "gamma", "--json", *dry]
    ended = command("enhance", tmp_path / "empty.bag", drive_mcap, *words)
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.code == 1
    assert [record["status"] for record in records] == ["failed", "planned" if dry else "done"]
    assert records[0]["error_type"] == "DamagedLogError"
    assert f"failed: {tmp_path / 'empty.bag'}: is empty (0 bytes); get an undamaged copy [DamagedLogError]" in ended.err
    assert (tmp_path / "out").exists() == (not dry)


def test_an_encoding_that_is_not_taken_leaves_nothing(command: Command, tmp_path: Path) -> None:
    strange = making.packed(making.image(Frame(making.noise(4, 4), "8UC3")))
    said = [one._replace(data=strange) if one.topic == CAMERA else one for one in drive()]
    source = making.mcap_file(tmp_path / "drive.mcap", said)
    ended = command("enhance", source, "-o", tmp_path / "out.mcap", "--topic", CAMERA)
    assert ended.code == 1
    assert "encoding '8UC3' is not taken" in ended.err
    assert "[UnsupportedLogError]" in ended.err
    assert files(tmp_path) == ["drive.mcap"]


def test_whatever_goes_wrong_with_one_log_is_told(
    command: Command, drive_mcap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(verb, "enhance_log", fail)
    ended = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA)
    assert ended.code == 1
    assert "failed: " in ended.err
    assert "no reason given [MemoryError]" in ended.err


def test_without_the_extra(command: Command, drive_mcap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcap", None)
    said = command("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA)
    assert refused(said, "mcap is not here; install it with: pip install 'highbeam[robotics]'")
    assert refused(command("info", drive_mcap), "highbeam[robotics]")


def long_drive(path: Path) -> Path:
    frame = making.noise(300, 400)
    said = [
        Said(CAMERA, making.IMAGE, making.START + number, making.packed(making.image(Frame(frame), number)))
        for number in range(60)
    ]
    return making.mcap_file(path, said, "none", chunk_size=400_000)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_whole_logs_only(tmp_path: Path, number: signal.Signals, code: int) -> None:
    first = long_drive(tmp_path / "a.mcap")
    sources = [first, *(tmp_path / f"{name}.mcap" for name in "bcdefgh")]
    for source in sources[1:]:
        source.hardlink_to(first)
    out = tmp_path / "out"
    process = subprocess.Popen(
        program("enhance", *sources, "-o", out, "-m", "msrcr"), stderr=subprocess.PIPE, env=environment()
    )
    while not out.exists() or not any(name.endswith(".mcap") for name in files(out)):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    done = files(out)
    waiting = [name for name in done if name.startswith(".")]
    assert not any("whole" in name for name in waiting), "a temporary file is left"
    done = [name for name in done if name not in waiting]
    assert 1 <= len(done) < len(sources)
    assert f"stopped: {len(done)} of 8 done, every written file is whole; --resume goes on" in error.decode()
    for name in done:
        assert len(making.read_mcap(out / name)) == 60


def test_a_second_signal_leaves_no_temporary_file(tmp_path: Path) -> None:
    source = long_drive(tmp_path / "a.mcap")
    process = subprocess.Popen(
        program("enhance", source, "-o", tmp_path / "out.mcap", "-m", "msrcr"), stderr=subprocess.PIPE,
        env=environment(),
    )  # fmt: skip
    while len(files(tmp_path)) < 2:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode in {130, 143}
    assert files(tmp_path)[-1] == "a.mcap"
    assert not any("whole" in name for name in files(tmp_path))


@pytest.mark.parametrize("form", ["mcap", "sqlite"])
def test_killed_and_resumed_is_as_uninterrupted(tmp_path: Path, form: str) -> None:
    ending, _, write, _ = FORMS[form]
    picture = making.noise(120, 160)
    said = [
        Said(CAMERA, making.IMAGE, making.START + number, making.packed(making.image(Frame(picture // 4), number)))
        for number in range(120)
    ]
    source, out, whole = write(tmp_path / f"in{ending}", said), tmp_path / f"out{ending}", tmp_path / f"whole{ending}"
    words = ("enhance", source, "-m", "clahe", "-o")
    assert in_process_of_its_own(*words, whole).returncode == 0
    kept = tmp_path / f".{out.name}.highbeam" / "kept"
    with subprocess.Popen(program(*words, out), env=environment(), stderr=subprocess.DEVNULL) as process:
        while not kept.exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    assert not out.exists()
    ended = in_process_of_its_own(*words, out, "--resume", "--no-steady")
    assert ended.returncode == 1
    assert b"the run that is to be resumed had another method; ask for the same again" in ended.stderr
    ended = in_process_of_its_own(*words, out, "--resume", "--json")
    assert ended.returncode == 0, ended.stderr
    record = json.loads(ended.stdout)
    assert record["enhanced"] == 120
    assert record["resumed"] >= 32
    assert f"({record['resumed']} of them by an earlier run)".encode() in ended.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    if out.is_dir():
        assert files(out) == files(whole)
        assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in files(out))
    else:
        assert out.read_bytes() == whole.read_bytes()


def test_progress_counts_pictures(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "a.mcap", drive(frames=6))
    words = ("enhance", source, "-m", "gamma", "--topic", CAMERA)
    seen = seen_on_a_terminal(*words, "-o", tmp_path / "one.mcap")
    assert "6/6" in seen
    assert "pictures/s" in seen
    assert "6 pictures enhanced, 18 other messages copied" in seen
    assert "1 done in" in seen
    assert seen_on_a_terminal(*words, "-o", tmp_path / "two.mcap", "--quiet") == ""


def test_the_command_reads_back_what_it_wrote(tmp_path: Path, drive_mcap: Path) -> None:
    """As a user has it: two processes, the second of which looks at the result of the first."""
    words = ("enhance", drive_mcap, "-o", tmp_path / "out.mcap", "--topic", CAMERA, "--suffix", "_bright")
    done = in_process_of_its_own(*words)
    assert (done.returncode, done.stdout) == (0, b"")
    shown = in_process_of_its_own("info", tmp_path / "out.mcap", "--json")
    rows = {row["topic"]: row for row in json.loads(shown.stdout)["topics"]}
    assert list(rows) == [CAMERA, f"{CAMERA}_bright", CHATTER, FRONT, ODD]
    assert {**rows[f"{CAMERA}_bright"], "topic": CAMERA} == rows[CAMERA]


def test_info_is_a_verb(command: Command, drive_mcap: Path, tmp_path: Path) -> None:
    ended = command("info", drive_mcap, draw(tmp_path / "a.png"), tmp_path / "gone.bag")
    assert ended.code == 1
    assert f"{CAMERA}" in ended.out
    assert "png, 24x18, 8 bits, colour" in ended.out
    assert ended.err == f"error: {tmp_path / 'gone.bag'}: there is no such file; check the path\n"
    assert "info" in command("--help").out


PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")


def spoken(text: str) -> list[list[str]]:
    """The commands on a ``drive`` in a page, within its blocks and within its lines."""
    found = re.findall(r"^highbeam (.*)$|`highbeam ((?:enhance|info) drive[^`]*)`", text, flags=re.MULTILINE)
    commands = [words.split() for words in (block or line for block, line in found)]
    return [words for words in commands if {"drive.mcap", "drive.bag"} & set(words)]


@pytest.mark.parametrize("page", ["README.md", "docs/logs.md"])
def test_the_commands_of_the_pages_run(tmp_path: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    making.mcap_file(tmp_path / "drive.mcap", drive())
    making.bag1(tmp_path / "drive.bag", drive(ros1=True))
    monkeypatch.chdir(tmp_path)
    commands = spoken((ROOT / page).read_text(encoding="utf-8"))
    assert {words[0] for words in commands} == {"info", "enhance"}
    for words in commands:
        assert main(words) == 0, words
    assert (tmp_path / "brighter.mcap").exists()


def test_the_page_states_the_encodings() -> None:
    from highbeam.logs.frames import ENCODINGS

    for name in ENCODINGS:
        mosaic = re.fullmatch(r"bayer(_\w{4})(8|16)", name)
        assert f"`{name}`" in PAGE or (mosaic and f"{mosaic[1]}" in PAGE), name


def test_the_bundled_examples_are_pictures_and_a_package(command: Command, tmp_path: Path) -> None:
    """Next to the pictures lies a folder with code, which the README's first command passes over."""
    assert (ROOT / "examples" / "ros2").is_dir()
    ended = command("enhance", ROOT / "examples", "-o", tmp_path / "out", "--dry-run", "--json")
    named = {Path(json.loads(line)["source"]).name for line in ended.out.splitlines()}
    assert (ended.code, named) == (0, {path.name for path in (ROOT / "examples").iterdir() if path.is_file()})
