"""``highbeam enhance`` in this process: what is written, what is said, how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from highbeam.cli import main
from highbeam.cli.enhance import _threads
from highbeam.methods import DEFAULT_METHOD, load
from tests.cli.conftest import Command, Ended, draw, files


def refused(ended: Ended, *words: str) -> bool:
    """Whether it ended as bad usage: code 2 and one clear line that has all the words."""
    assert ended.code == 2, ended
    assert ended.out == ""
    assert ended.err.startswith("error: "), ended
    assert ended.err.count("\n") == 1, ended
    assert all(word in ended.err for word in words), ended
    return True


def test_a_folder_is_enhanced_with_its_tree(command: Command, nights: Path, tmp_path: Path) -> None:
    ended = command("enhance", nights, "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("3 done in ")
    assert files(tmp_path / "out") == ["a.png", "b.jpg", "sub/c.webp"]
    with Image.open(nights / "a.png") as dark, Image.open(tmp_path / "out" / "a.png") as bright:
        np.testing.assert_array_equal(np.asarray(bright), load(DEFAULT_METHOD)(np.asarray(dark)))


def test_predict_is_the_same(command: Command, nights: Path, tmp_path: Path) -> None:
    assert command("predict", nights, "-o", tmp_path / "one", "-m", "clahe").code == 0
    assert command("enhance", nights, "-o", tmp_path / "two", "-m", "clahe").code == 0
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_file_to_a_file(command: Command, nights: Path, tmp_path: Path) -> None:
    assert command("enhance", nights / "a.png", "-o", tmp_path / "new" / "bright.JPG", "-q").code == 0
    with Image.open(tmp_path / "new" / "bright.JPG") as image:
        assert image.format == "JPEG"


def test_options_reach_the_method(command: Command, nights: Path, tmp_path: Path) -> None:
    words = ["--set", "sigmas=15,80.5", "--set", "clip-low=2", "--strength", "0.5", "--no-protect-highlights"]
    assert command("enhance", nights / "a.png", "-o", tmp_path / "out", "-m", "msrcp", *words).code == 0
    expected = load("msrcp", sigmas=(15, 80.5), clip_low=2, strength=0.5, protect_highlights=False)
    with Image.open(nights / "a.png") as dark, Image.open(tmp_path / "out" / "a.png") as bright:
        np.testing.assert_array_equal(np.asarray(bright), expected(np.asarray(dark)))


def test_format_quality_and_workers(command: Command, nights: Path, tmp_path: Path) -> None:
    before = cv2.getNumThreads()
    ended = command("enhance", nights, "-o", tmp_path / "o", "--format", "JPG", "--quality", "40", "--workers", "2")
    assert ended.code == 0
    assert files(tmp_path / "o") == ["a.jpg", "b.jpg", "sub/c.jpg"]
    assert cv2.getNumThreads() == before


def test_several_workers_share_the_cpus_with_opencv() -> None:
    before = cv2.getNumThreads()
    for wanted, pictures, count, theirs in ((1, 5, 1, before), (8, 3, 3, 1), (None, 0, 1, before)):
        with _threads(wanted, pictures) as threads:
            assert (threads, cv2.getNumThreads()) == (count, theirs)
        assert cv2.getNumThreads() == before
    with _threads(None, 10**6) as threads:
        assert 1 <= threads <= (os.cpu_count() or 1)
    with pytest.raises(ZeroDivisionError), _threads(2, 2):
        raise ZeroDivisionError
    assert cv2.getNumThreads() == before


def test_names_of_all_kinds(command: Command, tmp_path: Path) -> None:
    names = ["a b.png", "naïve 夜.png", "line\nbreak.png", "[1].png", os.fsdecode(b"bad\xff.png")]
    for name in names:
        draw(tmp_path / "in" / name)
    (tmp_path / "in" / "x\ny.png").write_text("not a picture")
    ended = command("enhance", tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert ended.code == 1
    assert files(tmp_path / "out") == sorted(names)
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert {Path(record["source"]).name for record in records} == {*names, "x\ny.png"}
    (failed,) = [line for line in ended.err.splitlines() if line.startswith("failed: ")]
    assert r"x\ny.png: " in failed


def test_json_tells_of_every_picture(command: Command, nights: Path, tmp_path: Path) -> None:
    (nights / "bad.png").write_bytes(b"no picture")
    draw(tmp_path / "out" / "a.png")
    ended = command("enhance", nights, "-o", tmp_path / "out", "--json", "--skip-existing", "-m", "gamma", "-q")
    records = {Path(r["source"]).name: r for r in map(json.loads, ended.out.splitlines())}
    assert ended.code == 1
    assert {name: r["status"] for name, r in records.items()} == {
        "a.png": "skipped", "b.jpg": "done", "bad.png": "failed", "c.webp": "done"
    }  # fmt: skip
    done, failed = records["c.webp"], records["bad.png"]
    assert done["output"] == str(tmp_path / "out" / "sub" / "c.webp")
    assert (done["width"], done["height"], done["method"], done["error"]) == (24, 18, "gamma", None)
    assert done["seconds"] > 0
    assert failed["error_type"] == "DamagedPictureError"
    assert "does not begin like" in failed["error"]
    assert list(done) == ["source", "output", "status", "method", "seconds", "width", "height", "error", "error_type"]


def test_one_bad_picture_does_not_stop_the_rest(command: Command, nights: Path, tmp_path: Path) -> None:
    (nights / "bad.jpg").write_bytes((nights / "b.jpg").read_bytes()[:200])
    (nights / "empty.png").touch()
    ended = command("enhance", nights, "-o", tmp_path / "out")
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert [line.split(": ")[:2] for line in sorted(lines[:2])] == [
        ["failed", str(nights / "bad.jpg")], ["failed", str(nights / "empty.png")]
    ]  # fmt: skip
    assert lines[2].startswith("3 done, 2 failed in ")
    assert files(tmp_path / "out") == ["a.png", "b.jpg", "sub/c.webp"]


def test_quiet_still_names_what_failed(command: Command, nights: Path, tmp_path: Path) -> None:
    (nights / "empty.png").touch()
    ended = command("enhance", nights, "-o", tmp_path / "out", "--quiet")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "empty.png" in ended.err


def test_a_dry_run_writes_nothing(command: Command, nights: Path, tmp_path: Path) -> None:
    ended = command("enhance", nights, "-o", tmp_path / "out", "--dry-run", "--format", "png")
    assert ended.code == 0
    assert not (tmp_path / "out").exists()
    assert ended.out.splitlines() == [
        f"{nights / 'a.png'} -> {tmp_path / 'out' / 'a.png'}",
        f"{nights / 'b.jpg'} -> {tmp_path / 'out' / 'b.png'}",
        f"{nights / 'sub/c.webp'} -> {tmp_path / 'out' / 'sub/c.png'}",
    ]
    records = command("enhance", nights, "-o", tmp_path / "out", "--dry-run", "--json").out.splitlines()
    assert [json.loads(record)["status"] for record in records] == ["planned"] * 3


# Bad usage


def test_sources_that_are_not_there(command: Command, nights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    assert refused(command("enhance", nights, tmp_path / "gone", "-o", out), "gone: no such file or folder")
    assert refused(command("enhance", tmp_path / "empty", "-o", out), "empty: no picture found")
    assert refused(command("enhance", f"{nights}/*.tif", "-o", out), "*.tif: no picture found")
    assert not out.exists()


def test_names_that_no_file_can_have(
    command: Command, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "x" * 300
    assert refused(command("enhance", tmp_path / long, "-o", tmp_path / "out"), "cannot be looked at", "name too long")
    for out in (long, f"{long}.png", f"{long}/deeper"):
        assert refused(command("enhance", nights / "a.png", "-o", tmp_path / out), "cannot be looked at")
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    assert refused(command("enhance", "-", "-o", tmp_path / f"{long}.png"), "cannot be looked at")
    assert refused(command("enhance", tmp_path / long, "-o", "-"), "cannot be looked at")


def test_an_empty_word_is_no_output(
    command: Command, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert refused(command("enhance", nights, "-o", ""), "-o ''", "names no place")
    monkeypatch.setattr(sys, "stdin", Pipe((nights / "a.png").read_bytes()))
    assert refused(command("enhance", "-", "-o", ""), "names no place")
    assert files(tmp_path / "here") == []
    assert command("enhance", nights, "-o", ".").code == 0


def test_the_help_states_every_exit_code(command: Command) -> None:
    told = " ".join(command("enhance", "--help").out.split())
    assert all(f"{code}:" in told for code in ("0", "1", "2", "130 or 143"))


def test_methods_and_options_that_are_not_there(command: Command, nights: Path, tmp_path: Path) -> None:
    base = ["enhance", nights, "-o", tmp_path / "out"]
    assert refused(command(*base, "-m", "clage"), "no method 'clage'", "did you mean 'clahe'?", "msrcp")
    assert refused(command(*base, "-m", "clahe", "--set", "tile=3"), "no option 'tile'", "did you mean 'tiles'?")
    assert refused(command(*base, "-m", "clahe", "--set", "tiles=300"), "tiles", "64")
    assert refused(command(*base, "-m", "msrcp", "--set", "sigmas="), "sigmas")
    assert refused(command(*base, "--set", "tiles"), "key=value")
    assert refused(command(*base, "--set", "strength=1"), "use --strength")
    assert refused(command(*base, "--strength", "1.5"), "strength")
    assert refused(command(*base, "--format", "jpegg"), "no format 'jpegg'", "did you mean 'jpeg'?")
    assert refused(command(*base, "--max-pixels", "many"), "--max-pixels")
    assert refused(command(*base, "--skip-existing", "--overwrite"), "contradict")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", [["--quality", "0"], ["--workers", "0"], ["--strength", "much"], ["--nonsense"]])
def test_words_that_cannot_be_read(command: Command, nights: Path, tmp_path: Path, words: list[str]) -> None:
    ended = command("enhance", nights, "-o", tmp_path / "out", *words)
    assert ended.code == 2
    assert words[0] in ended.err
    assert "Traceback" not in ended.err


def test_no_words_at_all(command: Command) -> None:
    assert command("enhance").code == 2
    assert command("enhance", "-o", "x").code == 2
    assert "Usage" in command("--help").out


def test_clashes_are_refused_before_any_work(command: Command, nights: Path, tmp_path: Path) -> None:
    draw(nights / "a.webp")
    draw(tmp_path / "other" / "a.png")
    out = tmp_path / "out"
    named = (str(nights / "a.png"), str(nights / "a.webp"), str(out / "a.jpg"))
    assert refused(command("enhance", nights, "-o", out, "--format", "jpeg"), *named)
    assert refused(command("enhance", nights, tmp_path / "other", "-o", out), "would both become")
    assert refused(command("enhance", nights / "a.png", "-o", nights, "--overwrite"), "never overwritten")
    assert refused(command("enhance", nights, "-o", nights, "--overwrite"), "also the folder of the sources")
    assert not out.exists()


def test_inputs_are_protected_through_links(command: Command, nights: Path, tmp_path: Path) -> None:
    before = (nights / "a.png").read_bytes()
    place = tmp_path / "out" / "a.png"
    place.parent.mkdir()
    for link in (place.hardlink_to, place.symlink_to):
        place.unlink(missing_ok=True)
        link(nights / "a.png")
        assert refused(command("enhance", nights, "-o", tmp_path / "out", "--overwrite"), "would replace the input")
    assert (nights / "a.png").read_bytes() == before


def test_existing_results(command: Command, nights: Path, tmp_path: Path) -> None:
    base = ["enhance", nights, "-o", tmp_path / "out", "-m", "gamma"]
    assert command(*base).code == 0
    stamps = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in files(tmp_path / "out")}
    assert refused(command(*base), "3 of 3 results exist", "--overwrite", "--skip-existing")
    assert command(*base, "--skip-existing").err.startswith("3 skipped in ")
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in stamps} == stamps
    assert command(*base, "--overwrite").err.startswith("3 done in ")
    assert all((tmp_path / "out" / name).stat().st_mtime_ns > stamp for name, stamp in stamps.items())


def test_results_inside_the_source_are_no_sources(command: Command, nights: Path) -> None:
    for _ in range(2):
        assert command("enhance", nights, "-o", nights / "out", "--overwrite").code == 0
    assert files(nights / "out") == ["a.png", "b.jpg", "sub/c.webp"]


def test_large_pictures_are_refused_one_by_one(command: Command, nights: Path, tmp_path: Path) -> None:
    draw(nights / "large.png", size=(40, 40))
    ended = command("enhance", nights, "-o", tmp_path / "out", "--max-pixels", "0.001M")
    assert ended.code == 1
    assert "large.png" in ended.err
    assert "PictureTooLargeError" in ended.err
    assert files(tmp_path / "out") == ["a.png", "b.jpg", "sub/c.webp"]


# Pipes


class Pipe(io.TextIOWrapper):
    """Standard input with these bytes, or a terminal."""

    def __init__(self, data: bytes, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_from_a_pipe_to_a_pipe(
    nights: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe((nights / "a.png").read_bytes()))
    assert main(["enhance", "-", "-o", "-", "-m", "gamma"]) == 0
    piped = capsysbinary.readouterr()
    assert piped.err == b""
    assert main(["enhance", str(nights / "a.png"), "-o", "-", "-m", "gamma"]) == 0
    assert capsysbinary.readouterr().out == piped.out
    with Image.open(io.BytesIO(piped.out)) as image, Image.open(nights / "a.png") as dark:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), load("gamma")(np.asarray(dark)))


def test_a_pipe_in_another_format(
    nights: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe((nights / "b.jpg").read_bytes()))
    assert main(["enhance", "-", "-o", "-", "--format", "webp"]) == 0
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as image:
        assert image.format == "WEBP"


def test_from_a_pipe_to_a_file(command: Command, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "deep" / "out.jpg"
    monkeypatch.setattr(sys, "stdin", Pipe((nights / "a.png").read_bytes()))
    assert json.loads(command("enhance", "-", "-o", out, "--dry-run", "--json").out)["status"] == "planned"
    assert not out.exists()
    ended = command("enhance", "-", "-o", out, "--json")
    record = json.loads(ended.out)
    assert (ended.code, record["source"], record["status"], record["width"]) == (0, "-", "done", 24)
    with Image.open(out) as image:
        assert image.format == "JPEG"
    assert refused(command("enhance", "-", "-o", out), "exists already", "--overwrite")
    assert json.loads(command("enhance", "-", "-o", out, "--json", "--skip-existing").out)["status"] == "skipped"
    assert refused(command("enhance", "-", "-o", tmp_path / "x.png", "--format", "jpeg"), "does not fit")


def test_a_bad_picture_in_a_pipe(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b"no picture"))
    ended = command("enhance", "-", "-o", "-")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: <stdin>: ")
    ended = command("enhance", "-", "-o", tmp_path / "a.png")
    assert ended.code == 1
    assert "failed: -: " in ended.err
    assert not (tmp_path / "a.png").exists()


def test_a_pipe_that_holds_too_much(
    command: Command, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = (nights / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", Pipe(head + bytes((1 << 26) + 801 - len(head))))
    ended = command("enhance", "-", "-o", tmp_path / "b.png", "--json", "--max-pixels", "100")
    assert (ended.code, json.loads(ended.out)["error_type"]) == (1, "PictureTooLargeError")
    assert not (tmp_path / "b.png").exists()


def test_pipes_that_cannot_be(command: Command, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = nights / "a.png"
    assert refused(command("enhance", "-", one, "-o", tmp_path / "out"), "one picture", "2 sources")
    assert refused(command("enhance", nights / "a.png", nights / "b.jpg", "-o", "-"), "one picture")
    assert refused(command("enhance", nights, "-o", "-"), "takes one file")
    assert refused(command("enhance", "-", "-o", tmp_path / "folder"), "has no name")
    assert refused(command("enhance", one, "-o", "-", "--json"), "--json")
    assert refused(command("enhance", one, "-o", "-", "--dry-run"), "--dry-run")
    monkeypatch.setattr(sys, "stdin", Pipe(b"", terminal=True))
    assert refused(command("enhance", "-", "-o", "-"), "terminal")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert refused(command("enhance", one, "-o", "-"), "terminal")


# Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_order(command: Command, tmp_path: Path, number: signal.Signals, code: int) -> None:
    for seed in range(60):
        draw(tmp_path / "in" / f"{seed:02}.png", seed, (200, 150))
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    out = tmp_path / "out"

    def interrupt() -> None:
        while len(list(out.glob("[0-9]*.png"))) < 3:  # whole ones, and not what is being written
            time.sleep(0.002)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    ended = command("enhance", tmp_path / "in", "-o", out, "-m", "msrcr", "--workers", "2")
    assert ended.code == code
    done = files(out)
    assert 3 <= len(done) < 60
    assert ended.err.startswith(f"stopped: {len(done)} of 60 done")
    for name in done:
        with Image.open(out / name) as image:
            image.load()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
