"""Clips on the command line: which are meant, where they go, records, progress and signals."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import pytest

from highbeam.batch import Record
from highbeam.cli.clip_planning import divide, names_clip, plan_clips
from highbeam.cli.clips import ClipRecord, planned_clips, run_clips, warn
from highbeam.errors import OutputError, UsageError
from highbeam.sources import Source
from highbeam.video.clips import ClipJob
from highbeam.video.encoding import Encoding
from tests.video.making import Video, make, picture, planes, times, write_srt

NAMES = ("a.mp4", "b.PNG", "drive/c.mkv", "drive/d.jpg", "drive/.e.mp4", "clips/f.AVI", "clips/g.webm", "notes.txt")


def same(pixels: Any) -> Any:
    return pixels


JOB = ClipJob(lambda: same, "as it was", Encoding(part=8))


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the test is in, with names of clips and pictures; nothing reads them."""
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(sources: tuple[Source, ...]) -> list[str]:
    return [str(source.path) for source in sources]


@pytest.mark.usefixtures("night")
def test_words_are_divided() -> None:
    words = divide(["a.mp4", "b.PNG", "drive", "clips", "notes.txt", "absent.mp4"])
    assert words.pictures == ("b.PNG", "drive", "notes.txt", "absent.mp4")
    assert names(words.clips) == ["a.mp4", "drive/c.mkv", "clips/f.AVI", "clips/g.webm"]
    assert [str(source.inner) for source in words.clips] == ["a.mp4", "c.mkv", "f.AVI", "g.webm"]
    assert divide(["**/*"]).pictures == ("**/*",)
    assert len(divide(["**/*", "a.mp4", "./a.mp4"]).clips) == 4
    assert divide(["*.mp4"]).pictures == ()


def test_a_named_file_is_a_clip_by_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its suffix; in a folder the suffix decides, and lists that name other files are never opened."""
    monkeypatch.chdir(tmp_path)
    for name, form in (("drive.divx", "avi"), ("GL01.LRV", "mp4"), ("drive.h264", "h264"), ("bare", "matroska")):
        make(Path(name), Video(frames=2), format=form)
    clips = ["drive.divx", "GL01.LRV", "drive.h264", "bare"]
    cv2.imwrite("still.png", picture(0, (32, 24)))
    Path("still.png").rename("still.raw")
    Path("list.txt").write_text("ffconcat version 1.0\nfile GL01.LRV\n")
    Path("list.hls").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nGL01.LRV\n#EXT-X-ENDLIST\n")
    data = Path("GL01.LRV").read_bytes()
    Path("still.heic").write_bytes(data[:8] + b"heic" + data[12:])  # FFmpeg opens such, too
    others = ["still.raw", "still.heic", "list.txt", "list.hls"]
    words = divide([*clips, *others])
    assert (names(words.clips), words.pictures) == (clips, tuple(others))
    assert [str(item.output) for item in plan_clips(words.clips[:2], "out").items] == ["out/drive.mp4", "out/GL01.mp4"]
    assert divide(["."]).clips == ()
    assert divide(["*"]).clips == ()


def test_frames_of_a_bare_stream_lie_at_the_rate_that_it_states(tmp_path: Path) -> None:
    source = make(tmp_path / "drive.h264", Video(rate=Fraction(30)), format="h264")
    (record,) = run_clips(plan_clips(divide([str(source)]).clips, str(tmp_path / "out")), JOB, method="none")
    assert (record.status, record.error) == ("done", None)
    assert times(tmp_path / "out" / "drive.mp4") == [Fraction(number, 30) for number in range(20)]


@pytest.mark.usefixtures("night")
def test_results_are_no_sources() -> None:
    assert names(divide([".", "**/*"], "clips").clips) == ["a.mp4", "drive/c.mkv"]
    assert names(divide(["a.mp4", "clips/g.webm"], ".").clips) == ["a.mp4", "clips/g.webm"]


def test_where_results_go(night: Path) -> None:
    clips = divide([str(night)]).clips
    places = [str(item.output) for item in plan_clips(clips, "out").items]
    assert places == ["out/a.mp4", "out/clips/f.mp4", "out/clips/g.webm", "out/drive/c.mkv"]
    assert {item.output.suffix for item in plan_clips(clips, "out", container="MKV").items} == {".mkv"}
    assert [str(item.output) for item in plan_clips(clips[:1], "bright.mov").items] == ["bright.mov"]
    told = [names_clip(name) for name in ("x.mp4", "x.png", "x.mp4/", "clips")]
    assert told == [True, False, False, False]


WRONG: dict[str, tuple[Callable[[tuple[Source, ...]], object], type[Exception]]] = {
    "names one clip": (lambda clips: plan_clips(clips, "x.mp4"), OutputError),
    "does not fit": (lambda clips: plan_clips(clips[:1], "x.mp4", container="mkv"), OutputError),
    "no container 'gif'": (lambda clips: plan_clips(clips, "out", container="gif"), UsageError),
    "would replace the input": (lambda clips: plan_clips(clips, "."), OutputError),
    "would replace the input a": (lambda clips: plan_clips(clips[:1], "a.mp4"), OutputError),
}


@pytest.mark.usefixtures("night")
@pytest.mark.parametrize("match", WRONG)
def test_what_could_lose_a_clip_is_refused(match: str) -> None:
    plan, error = WRONG[match]
    with pytest.raises(error, match=match):
        plan(divide(["."]).clips)


def test_records_tell_what_became_of_each(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    make(folder / "a.mp4", sound="aac")
    make(folder / "b.mkv", subtitles=write_srt(tmp_path / "b.srt"))
    (folder / "c.mp4").write_bytes(b"no clip")
    plan = plan_clips(divide([str(folder)], str(out)).clips, str(out))
    assert [record.status for record in planned_clips(plan, "gamma")] == ["planned"] * 3
    first, second, third = run_clips(plan, JOB, method="gamma")
    assert isinstance(first, ClipRecord)
    assert (first.status, first.method, first.width, first.height, first.frames) == ("done", "gamma", 160, 96, 20)
    assert first.fps is not None
    assert first.fps > 0
    assert second.status == "done"
    assert (third.status, third.error_type) == ("failed", "DamagedClipError")
    assert third.error is not None
    assert "c.mp4" not in third.error
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.mkv"]
    again = plan_clips(divide([str(folder)]).clips, str(out), existing="skip")
    assert [record.status for record in planned_clips(again, "gamma")] == ["skipped", "skipped", "planned"]
    assert [record.status for record in run_clips(again, JOB, method="gamma")] == ["skipped", "skipped", "failed"]


def test_a_damaged_clip_fails_but_has_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make(tmp_path / "in.mp4", options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[:-400])
    (record,) = run_clips(plan_clips([Source(source, Path("in.mp4"))], str(tmp_path / "out.mkv")), JOB, method="x")
    assert isinstance(record, ClipRecord)
    assert (record.status, record.frames) == ("failed", len(times(tmp_path / "out.mkv")))
    assert record.error is not None
    assert record.error.endswith("frames are missing; the rest is in the result")
    warn(record)
    warn(Record("a", "b", "done", "x"))
    assert capsys.readouterr().err == f"{source}: times are rounded to 1/1000 s, the finest that matroska holds\n"


def test_stopped_clips_have_no_record(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    plan = plan_clips([Source(source, Path("in.mp4"))], str(tmp_path / "out.mp4"))
    stop = threading.Event()

    def strike(pixels: Any) -> Any:
        stop.set()
        return pixels

    assert list(run_clips(plan, ClipJob(lambda: strike, "x"), method="x", stop=stop)) == []
    assert list(run_clips(plan, JOB, method="x", stop=stop)) == []
    assert not (tmp_path / "out.mp4").exists()


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def test_shows_frames_a_second_and_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "one[red].mp4", Video(frames=40))
    make(tmp_path / "two.mp4", Video(frames=20))
    plan = plan_clips(divide([str(tmp_path)]).clips, str(tmp_path / "out"))
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    assert [record.status for record in run_clips(plan, JOB, method="x")] == ["done", "done"]
    for part in ("one[red].mp4 (1 of 2)", "two.mp4 (2 of 2)", "frames/s", "0:00:"):
        assert part in screen.getvalue()
    before = screen.getvalue()
    hidden = plan_clips(divide([str(tmp_path / "two.mp4")]).clips, str(tmp_path / "hidden"))
    assert list(run_clips(hidden, JOB, method="x", hidden=True))
    assert screen.getvalue() == before


SCRIPT = """
import sys, time
from dataclasses import replace
from highbeam.cli import terminal
from highbeam.cli.clip_planning import divide, plan_clips
from highbeam.cli.clips import run_clips
from tests.video.test_clips_cli import JOB

def slow(pixels):
    print("frame", flush=True)
    time.sleep(0.03)
    return pixels

plan = plan_clips(divide(sys.argv[1:2]).clips, sys.argv[2])
job = replace(JOB, make=lambda: slow, resume=True, warm_up=0)
with terminal.stop_on_signals(lambda: False) as stop:
    for record in run_clips(plan, job, method="x", stop=stop.event):
        print(record.status)
sys.exit(stop.exit_code if stop.signal else 0)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_in_order(tmp_path: Path, number: int) -> None:
    source, output = make(tmp_path / "in.mp4", Video(frames=40)), tmp_path / "out.mp4"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, str(source), str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=dict(os.environ)) as process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline() == "frame\n"
        process.send_signal(number)
        assert "done" not in process.stdout.read()
        assert process.wait(20) == 128 + number
    assert not output.exists()
    kept = 8 * len(list((tmp_path / ".out.mp4.highbeam").glob("*.part")))
    assert kept >= 16
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    assert done.stdout.count("frame") == 40 - kept
    (whole,) = run_clips(plan_clips([Source(source, Path("in.mp4"))], str(tmp_path / "whole.mp4")), JOB, method="x")
    assert planes(output) == planes(Path(whole.output))


def test_what_decides_the_pixels_decides_what_can_be_resumed() -> None:
    from highbeam import load
    from highbeam.cli.clips import job_of
    from highbeam.video.steady import Steady, SteadyOptions

    def identity(*, steady: SteadyOptions | None = None, **options: Any) -> str:
        return job_of(load("gamma", **options), Encoding(), steady=steady, overwrite=False, resume=False).identity

    found = [
        identity(),
        identity(strength=0.5),
        identity(protect_highlights=False),
        identity(gamma=3.0),
        identity(steady=SteadyOptions()),
        identity(steady=SteadyOptions(follow=0.5)),
        identity(steady=SteadyOptions(denoise=0.5)),
    ]
    assert len(set(found)) == len(found)
    assert found[0] == identity()
    alone = job_of(load("gamma"), Encoding(), steady=None, overwrite=True, resume=True)
    assert (alone.warm_up, alone.overwrite, alone.resume, alone.make()) == (0, True, True, load("gamma"))
    held = job_of(load("gamma"), Encoding(), steady=SteadyOptions(), overwrite=False, resume=False)
    assert isinstance(held.make(), Steady)
    assert held.make() is not held.make()
    assert held.warm_up is None


def test_a_network_of_ones_own_is_known_by_its_content(tmp_path: Path) -> None:
    from dataclasses import replace

    from highbeam import load
    from highbeam.cli.clips import job_of

    gamma = load("gamma")
    own = replace(gamma, spec=replace(gamma.spec, name=str(tmp_path / "own.onnx")))
    found = []
    for content in (b"one", b"two"):
        (tmp_path / "own.onnx").write_bytes(content)
        found.append(job_of(own, Encoding(), steady=None, overwrite=False, resume=False).identity)
    (tmp_path / "own.float32.onnx").write_bytes(b"its twin for deep clips")
    found.append(job_of(own, Encoding(), steady=None, overwrite=False, resume=False).identity)
    assert len(set(found)) == 3


def test_a_network_of_the_catalogue_is_known_by_its_content() -> None:
    from highbeam import load
    from highbeam.cli.clips import job_of
    from highbeam.weights import catalog

    identity = job_of(load("unet-s"), Encoding(), steady=None, overwrite=False, resume=False).identity
    files = catalog()["unet-s"].files
    assert files["uint8"].sha256 in identity
    assert files["float32"].sha256 in identity
