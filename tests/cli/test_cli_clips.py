"""Clips through the command: beside pictures, held steady, stopped, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from highbeam.metrics.clips import brightness, flicker_ratio
from tests.cli.conftest import Command, draw, environment, files, in_process_of_its_own, program
from tests.video.making import Video, film, hunting, make, picture, planes, seen, times


def work_folder(output: Path) -> Path:
    return output.with_name(f".{output.name}.highbeam")


# Which, where and what is told


def test_a_folder_of_clips_and_pictures(command: Command, nights: Path, tmp_path: Path) -> None:
    source = make(nights / "sub" / "d.mp4", sound="aac")
    make(nights / "e.mkv", Video(frames=7))
    out = tmp_path / "out"
    ended = command("enhance", nights, "-o", out, "-m", "gamma", "--json")
    assert ended.code == 0, ended.err
    assert files(out) == ["a.png", "b.jpg", "e.mkv", "sub/c.webp", "sub/d.mp4"]
    assert "5 done in " in ended.err
    records = {Path(record["source"]).name: record for record in map(json.loads, ended.out.splitlines())}
    assert len(records) == 5
    assert {record["status"] for record in records.values()} == {"done"}
    assert (records["d.mp4"]["frames"], records["d.mp4"]["resumed"], records["e.mkv"]["frames"]) == (20, 0, 7)
    assert "frames" not in records["a.png"]
    assert times(out / "sub" / "d.mp4") == times(source)


def test_one_clip_to_a_file_of_another_container(command: Command, tmp_path: Path) -> None:
    source = make(tmp_path / "in.mov", Video(frames=5))
    ended = command("enhance", source, "-o", tmp_path / "out.mp4", "-m", "gamma", "--encoder-preset", "ultrafast")
    assert (ended.code, times(tmp_path / "out.mp4")) == (0, times(source))
    assert not list(tmp_path.glob(".*"))
    assert command("predict", source, "-o", tmp_path / "webm", "-m", "gamma", "--container", "webm").code == 0
    assert len(planes(tmp_path / "webm" / "in.webm")) == 5


def test_encoding_options_reach_the_encoder(command: Command, tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Video(frames=5)), tmp_path / "out.mp4"
    words = ("--codec", "hevc", "--crf", "40", "--pixel-format", "yuv420p10le", "--encoder-preset", "ultrafast")
    assert command("enhance", source, "-o", out, "-m", "gamma", *words).code == 0
    with av.open(str(out)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("hevc", "yuv420p10le")


def test_a_dry_run_lists_both_kinds(command: Command, nights: Path, tmp_path: Path) -> None:
    make(nights / "d.avi", Video(codec="mpeg4"))
    before = files(tmp_path)
    ended = command("enhance", nights, "-o", tmp_path / "out", "--dry-run")
    assert ended.out.splitlines()[-1] == f"{nights / 'd.avi'} -> {tmp_path / 'out' / 'd.mp4'}"
    assert "4 planned in " in ended.err
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "bright.avi"), "its suffix names no container"),
        (("-o", "bright.png"), "its suffix names no container"),
        (("-o", "out", "--codec", "h263"), "no codec 'h263'; did you mean 'h264'?"),
        (("-o", "out", "--container", "gif"), "no container 'gif'"),
        (("-o", "out", "--crf", "90"), "Invalid value for '--crf': Input should be less than or equal to 63"),
        (("-o", "out", "--codec", "h264", "--crf", "60"), "h264 takes a CRF (quality) of 0 to 51, not 60"),
        (("-o", "out", "--codec", "hevc", "--encoder-preset", "fats"), "no preset 'fats'; did you mean 'fast'?"),
        (("-o", "out", "--format", "png"), "--format is not for clips alone, whose options are --container"),
        (("-o", "out", "--quality", "50"), "--quality is not for clips alone"),
        (("-o", "out", "--max-pixels", "5M"), "--max-pixels is not for clips alone"),
        (("-o", "out", "--workers", "2"), "--workers is not for clips alone"),
        (("-o", "in.mp4", "--overwrite"), "an input is never overwritten"),
        (("-o", "there.mp4"), "exists already"),
        (("-o", "there.mp4", "--skip-existing", "--overwrite"), "contradict"),
        (("b.mp4", "-o", "out.mp4"), "names one clip, but the sources are many"),
        (("in.avi", "-o", "out"), "would both become"),
    ],
)
def test_bad_usage_touches_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in.mp4", "b.mp4", "in.avi", "there.mp4"):
        Path(name).write_bytes(b"clip")
    before = files(tmp_path)
    ended = command("enhance", "in.mp4", *words)
    assert ended.code == 2
    assert told in " ".join(ended.err.split())
    assert files(tmp_path) == before


def test_a_result_in_the_way_of_the_other_kind(command: Command, nights: Path, tmp_path: Path) -> None:
    make(tmp_path / "d.mp4")
    ended = command("enhance", nights, tmp_path / "d.mp4", "-o", tmp_path / "out.mp4")
    assert ended.code == 2
    assert "needs as a folder" in ended.err
    assert not (tmp_path / "out.mp4").exists()


def test_a_clip_that_fails_does_not_stop_the_rest(command: Command, nights: Path, tmp_path: Path) -> None:
    (nights / "c.mp4").write_bytes(b"no clip")
    short = make(nights / "d.mp4", options={"movflags": "faststart"})
    short.write_bytes(short.read_bytes()[:-400])
    make(nights / "e.mp4", Video(frames=3))
    ended = command("enhance", nights, "-o", tmp_path / "out", "-m", "gamma")
    assert ended.code == 1
    first, second, last = ended.err.splitlines()
    assert first.startswith(f"failed: {nights / 'c.mp4'}: ")
    assert first.endswith("[DamagedClipError]")
    assert "cannot be read to its end, the last frame is at 0." in second
    assert second.endswith("the rest is in the result [DamagedClipError]")
    assert last.startswith("4 done, 2 failed in ")
    assert files(tmp_path / "out") == ["a.png", "b.jpg", "d.mp4", "e.mp4", "sub/c.webp"]


def test_a_codec_that_the_container_does_not_hold_fails_for_that_clip(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    make(tmp_path / "in" / "a.mp4", Video(frames=3))
    make(tmp_path / "in" / "b.webm", Video(frames=3, codec="libvpx-vp9"))
    ended = command("enhance", tmp_path / "in", "-o", tmp_path / "out", "-m", "gamma", "--codec", "h264", "--quiet")
    assert ended.code == 1
    assert "webm does not take libx264" in ended.err
    assert files(tmp_path / "out") == ["a.mp4"]


# Steadiness


def test_clips_are_held_steady_unless_told_otherwise(command: Command, tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", hunting(24))
    found = {}
    for word in ("--steady", "--no-steady", None):
        out = tmp_path / f"{word}.mp4"
        words = ["enhance", source, "-o", out, "-m", "exposure-fusion", "--crf", "4", *([word] if word else [])]
        assert command(*words).code == 0
        found[word] = seen(out)
        assert times(out) == times(source)
    assert all(np.array_equal(one, other) for one, other in zip(found[None], found["--steady"], strict=True))
    before = seen(source)
    steady, plain = (flicker_ratio(found[word], before) for word in (None, "--no-steady"))
    assert steady < plain / 3


def test_noise_is_taken_off_where_it_is_asked_for(command: Command, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = picture(7, (64, 48)) * 0.4
    frames = [np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    source = film(tmp_path / "in.mp4", frames)
    unrest = {}
    for word in ("0", "1"):
        out = tmp_path / f"{word}.mp4"
        words = ["enhance", source, "-o", out, "-m", "gamma", "--crf", "4", "--denoise", word]
        assert command(*words).code == 0
        unrest[word] = float(np.mean(np.abs(np.diff(np.array(seen(out)[4:], np.float32), axis=0))))
    assert unrest["1"] < 0.5 * unrest["0"]


def test_noise_of_frames_by_themselves_cannot_be_averaged(command: Command, tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", hunting(2))
    ended = command("enhance", source, "-o", tmp_path / "out.mp4", "--no-steady", "--denoise", "0.5")
    assert ended.code == 2
    assert "--no-steady" in ended.err
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("method", ["clahe", "unet-s"])
def test_behind_a_cut_a_clip_is_as_bright_as_at_once(command: Command, tmp_path: Path, method: str) -> None:
    rng = np.random.default_rng(2)
    dark = [np.asarray(frame * 0.25, np.uint8) for frame in hunting(10)]
    other = picture(7, (64, 48))[:, ::-1] * 0.6 + rng.normal(0, 1, (48, 64, 3))
    source = film(tmp_path / "in.mp4", [*dark, *[np.clip(other, 0, 255).astype(np.uint8)] * 8])
    alone = film(tmp_path / "alone.mp4", seen(source)[10:])
    for path in (source, alone):
        assert command("enhance", path, "-o", tmp_path / "out", "-m", method, "--crf", "4").code == 0
    behind, fresh = (np.array(brightness(seen(tmp_path / "out" / path.name)[-8:])) for path in (source, alone))
    np.testing.assert_allclose(behind, fresh, rtol=0.02)


def parts_of(output: Path) -> int:
    return len(list(work_folder(output).glob("*.part")))


@pytest.mark.parametrize("method", ["exposure-fusion", "unet-s"])
def test_killed_and_resumed_with_steadiness_is_as_uninterrupted(tmp_path: Path, method: str) -> None:
    source = film(tmp_path / "in.mp4", hunting(400))
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    words = ("enhance", source, "-m", method, "--encoder-preset", "veryfast")
    assert in_process_of_its_own(*words, "-o", whole).returncode == 0
    with subprocess.Popen(program(*words, "-o", out), env=environment(), stderr=subprocess.DEVNULL) as process:
        while not parts_of(out):
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
    assert not out.exists()
    ended = in_process_of_its_own(*words, "-o", out, "--resume", "--json")
    assert ended.returncode == 0, ended.stderr
    record = json.loads(ended.stdout)
    assert (record["frames"], record["resumed"]) == (400, 240)
    assert planes(out) == planes(whole)
    assert out.read_bytes() == whole.read_bytes()
    assert not work_folder(out).exists()


# Signals, and what is there already


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_and_resume_goes_on(command: Command, tmp_path: Path, number: int, code: int) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    draw(folder / "a.png")
    film(folder / "b.mp4", hunting(500))
    film(folder / "c.mp4", hunting(3))

    def interrupt() -> None:
        while not parts_of(out / "b.mp4"):
            time.sleep(0.002)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    words = ("enhance", folder, "-o", out, "-m", "clahe", "--encoder-preset", "veryfast")
    ended = command(*words)
    assert ended.code == code
    assert ended.err == "stopped: 1 of 3 done, every written file is whole; --resume goes on from here\n"
    assert [name for name in files(out) if not name.startswith(".")] == ["a.png"]
    ended = command(*words, "--resume", "--json")
    assert ended.code == 0
    assert "2 done, 1 skipped in " in ended.err
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [(record["status"], record.get("resumed")) for record in records[1:]] == [("done", 240), ("done", 0)]
    assert files(out) == ["a.png", "b.mp4", "c.mp4"]


def test_resume_refuses_what_was_begun_otherwise(command: Command, tmp_path: Path) -> None:
    source, out = make(tmp_path / "in.mp4", Video(frames=9)), tmp_path / "out.mp4"
    assert command("enhance", source, "-o", out, "-m", "gamma").code == 0
    again = ("enhance", source, "-o", out, "-m", "gamma", "--resume")
    assert "1 skipped in " in command(*again).err
    folder = work_folder(out)
    folder.mkdir()
    (folder / "manifest.json").write_text('{"method": "another"}')
    assert "a run was interrupted; --resume --overwrite goes on" in command(*again).err
    ended = command(*again, "--overwrite")
    assert ended.code == 1
    assert "had another" in ended.err
    assert command("enhance", source, "-o", out, "-m", "gamma", "--overwrite").code == 0
    assert not folder.exists()
