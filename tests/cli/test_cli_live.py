"""`highbeam enhance` on live sources: words, pipes, signals, and what is told."""

from __future__ import annotations

import io
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import av
import numpy as np
import pytest

from highbeam.cli import live as cli_live
from highbeam.video.steady import Steady
from tests.cli.conftest import Command, draw, environment, files, in_process_of_its_own, program
from tests.video.live_servers import RtspServer, camera, free_port, number_of, numbered, transport_stream

AS_IT_IS = ("--strength", "0", "-m", "gamma")
RAW = np.random.default_rng(0).integers(0, 256, (12, 30, 40, 3), np.uint8)
PIPED = ("enhance", "-", "--size", "40x30", *AS_IT_IS)


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# --- pipes


def test_raw_frames_in_raw_frames_out() -> None:
    ended = in_process_of_its_own(*PIPED, "--every-frame", "-o", "-", data=RAW.tobytes())
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == RAW.tobytes()
    size, summary = ended.stderr.decode().splitlines()
    assert size == "<stdout>: raw RGB24, 40x30"
    assert summary.startswith("<stdin>: 12 received, 12 enhanced, 0 dropped; ")
    assert summary.endswith(" ms")


@pytest.mark.parametrize("steady", [True, False])
def test_a_method_does_to_raw_frames_what_it_does_to_pictures(*, steady: bool) -> None:
    import highbeam

    words = ["-m", "clahe", "--every-frame", "-o", "-", *([] if steady else ["--no-steady"])]
    ended = in_process_of_its_own("enhance", "-", "--size", "40x30", *words, data=RAW.tobytes())
    method = highbeam.load("clahe")
    held = Steady(method) if steady else method
    assert ended.stdout == b"".join(held(frame).tobytes() for frame in RAW)


def test_a_file_of_raw_frames_waits_without_being_told(tmp_path: Path) -> None:
    (tmp_path / "raw.rgb").write_bytes(RAW.tobytes())
    with (tmp_path / "raw.rgb").open("rb") as data:
        ended = subprocess.run(
            program(*PIPED, "-o", "-", "-q"), stdin=data, capture_output=True, env=environment(), check=True, timeout=60
        )
    assert ended.stdout == RAW.tobytes()
    assert ended.stderr == b""


def test_without_being_told_a_pipe_does_not_wait() -> None:
    ended = in_process_of_its_own(*PIPED, "-o", "-", "--json", data=b"")
    assert ended.returncode == 2
    data = np.random.default_rng(0).integers(0, 256, (60, 300, 400, 3), np.uint8).tobytes()
    words = ("enhance", "-", "--size", "400x300", "-m", "msrcr", "-o", "-")
    ended = in_process_of_its_own(*words, data=data)
    assert ended.returncode == 0
    assert 0 < len(ended.stdout) < len(data)
    assert len(ended.stdout) % 360_000 == 0
    assert b"60 received" in ended.stderr


def test_a_last_frame_that_is_not_whole_is_reported_and_the_others_are_there() -> None:
    ended = in_process_of_its_own(*PIPED, "--every-frame", "-o", "-", data=RAW.tobytes()[:-1])
    assert ended.returncode == 1
    assert ended.stdout == RAW[:-1].tobytes()
    assert b"error: <stdin>: ends within frame 12, 3599 of its 3600 bytes came" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_source_without_any_frame_is_an_error(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin(monkeypatch, b"")
    ended = command(*PIPED, "-o", tmp_path / "zero.mp4")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "error: <stdin>: ended before its first frame; check that what sends it has any\n"
    assert files(tmp_path) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_ffmpeg_before_and_behind(tmp_path: Path) -> None:
    source = "ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=20 -frames:v 30 -f rawvideo -pix_fmt rgb24 -"
    middle = " ".join(program("enhance", "-", "--size", "64x48", "--every-frame", *AS_IT_IS, "-o", "-"))
    sink = "ffmpeg -v error -f rawvideo -pix_fmt rgb24 -s 64x48 -r 20 -i - -c:v ffv1 -pix_fmt bgr0 out.mkv"
    subprocess.run(
        ["bash", "-c", f"set -o pipefail; {source} | tee in.rgb | {middle} | {sink}"],
        cwd=tmp_path, env=environment(), check=True, timeout=60,
    )  # fmt: skip
    with av.open(str(tmp_path / "out.mkv")) as clip:
        out = b"".join(frame.to_ndarray(format="rgb24").tobytes() for frame in clip.decode(video=0))
    assert out == (tmp_path / "in.rgb").read_bytes()


def test_a_rate_gives_raw_frames_their_times(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"".join(numbered(k).tobytes() for k in range(8)))
    words = ("enhance", "-", "--size", "192x96", "--rate", "12.5", "--every-frame", *AS_IT_IS)
    ended = command(*words, "-o", tmp_path / "a.mkv", "--json")
    assert ended.code == 0, ended.err
    with av.open(str(tmp_path / "a.mkv")) as clip:
        found = [(frame.time, number_of(frame.to_ndarray(format="rgb24"))) for frame in clip.decode(video=0)]
    assert [number for _, number in found] == list(range(8))
    assert [at for at, _ in found] == pytest.approx([0.08 * k for k in range(8)], abs=0.001)
    record = json.loads(ended.out)
    assert (record["source"], record["received"], record["enhanced"], record["dropped"]) == ("<stdin>", 8, 8, 0)


def test_a_reader_that_went_away_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "raw.rgb").write_bytes(RAW.tobytes() * 100)
    with (tmp_path / "raw.rgb").open("rb") as data, subprocess.Popen(
        program(*PIPED, "-o", "-"),
        stdin=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.read(3600)) == 3600
        process.stdout.close()
        assert process.wait(20) == 1
        assert b"Traceback" not in process.stderr.read()


# --- streams


def test_a_stream_into_a_file_and_a_page_at_once(tmp_path: Path, command: Command) -> None:
    with camera() as cam:
        words = ("enhance", cam.url, "-o", tmp_path / "live.mp4", "--serve", "0", "--frames", "10", *AS_IT_IS)
        ended = command(*words)
    assert ended.code == 0, ended.err
    served, summary = ended.err.splitlines()
    assert served.startswith("http://127.0.0.1:")
    assert served.endswith(": the live picture")
    assert f"{cam.url}: " in summary
    assert "10 enhanced" in summary
    with av.open(str(tmp_path / "live.mp4")) as clip:
        assert len(list(clip.decode(video=0))) == 10


def test_an_rtsp_stream_for_some_seconds(tmp_path: Path, command: Command) -> None:
    server = RtspServer(transport_stream(75, 25), 3.0)
    ended = command("enhance", server.url, "-o", tmp_path / "live.mkv", "--duration", "1", "-q", *AS_IT_IS)
    server.off()
    assert (ended.code, ended.err, ended.out) == (0, "", "")
    with av.open(str(tmp_path / "live.mkv")) as clip:
        times = [frame.time for frame in clip.decode(video=0)]
    assert 0.2 < times[-1] < 2.5


def test_the_page_is_served_while_it_runs() -> None:
    port = free_port()
    with camera() as cam:
        words = program("enhance", cam.url, "-o", f"http://127.0.0.1:{port}", "--quality", "80", *AS_IT_IS)
        with subprocess.Popen(words, stderr=subprocess.PIPE, env=environment()) as process:
            try:
                with av.open(wait_for(f"http://127.0.0.1:{port}/stream.mjpg"), timeout=10.0) as seen:
                    stream = seen.decode(video=0)
                    first, second = (number_of(next(stream).to_ndarray(format="rgb24")) for _ in range(2))
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats.json", timeout=5) as answer:
                    stats = json.load(answer)
            finally:
                process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 143
    assert second > first
    assert stats["received"] >= stats["enhanced"] > 0


def wait_for(url: str) -> str:
    """Wait until somebody listens there."""
    for _ in range(1000):
        try:
            urllib.request.urlopen(url.replace("stream.mjpg", "stats.json"), timeout=5).close()  # noqa: S310 - our own
        except OSError:
            time.sleep(0.05)
        else:
            break
    return url


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_file(number: signal.Signals, code: int, tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    with camera() as cam:
        words = program("enhance", cam.url, "-o", path, *AS_IT_IS)
        with subprocess.Popen(words, stderr=subprocess.PIPE, env=environment()) as process:
            deadline = time.monotonic() + 60.0
            while not (path.exists() and path.stat().st_size > 2000) and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(number)
            assert process.wait(20) == code
            assert process.stderr is not None
            said = process.stderr.read().decode()
    assert " enhanced, " in said
    assert "Traceback" not in said
    with av.open(str(path)) as clip:
        assert len(list(clip.decode(video=0))) > 3


def test_a_signal_ends_the_wait_for_a_pipe() -> None:
    words = program(*PIPED, "--serve", "0")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        assert process.stderr is not None
        assert b"the live picture" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == b""


def test_a_signal_ends_the_wait_for_a_lost_stream(tmp_path: Path) -> None:
    with camera(frames=5) as cam:
        words = program("enhance", cam.url, "-o", tmp_path / "live.mp4", *AS_IT_IS)
        with subprocess.Popen(words, stderr=subprocess.PIPE, env=environment()) as process:
            assert process.stderr is not None
            assert b"; trying again in" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert b"Traceback" not in process.stderr.read()


def test_a_signal_ends_the_wait_for_a_reader_that_takes_nothing() -> None:
    words = program("enhance", "-", "--size", "400x300", *AS_IT_IS, "-o", "-")
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(bytes(360_000 * 2))
        process.stdin.flush()
        assert b"raw RGB24" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in {1, 143}
        assert b"its reader takes nothing more" in process.stderr.read()


# --- what is told


def test_a_terminal_sees_a_line_that_is_redrawn(tmp_path: Path) -> None:
    with camera(rate=20.0) as cam:
        main, side = pty.openpty()
        words = program("enhance", cam.url, "-o", tmp_path / "a.mp4", "--duration", "1.5", *AS_IT_IS)
        with subprocess.Popen(words, stderr=side, env=environment() | {"COLUMNS": "120"}) as process:
            os.close(side)
            said = b""
            try:
                while part := os.read(main, 4096):
                    said += part
            except OSError:  # what a terminal says at its end
                pass
            assert process.wait(20) == 0
        os.close(main)
    assert said.count(b"\r\x1b[K") >= 2
    lines = [line for line in said.decode().replace("\r\x1b[K", "\n").splitlines() if line]
    assert all(" received, " in line for line in lines)
    assert lines[-1].startswith(f"{cam.url}: ")


def test_without_a_terminal_a_line_comes_now_and_then(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_live, "_TOLD", 0.2)
    with camera() as cam:
        ended = command("enhance", cam.url, "-o", tmp_path / "a.mp4", "--duration", "1", *AS_IT_IS)
    assert ended.err.count(" received, ") >= 2
    assert "\x1b" not in ended.err


# --- what cannot be


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0", "1", "-o", "a.mp4"), "0: a live source is enhanced alone, and there are 2 sources"),
        (("rtsp://127.0.0.1/x", "a.png", "-o", "out"), "is enhanced alone"),
        (("0",), "no output; give -o live.mp4"),
        (("0", "-o", "out"), "out: no output of a live source; give -o live.mp4"),
        (("0", "-o", "out.png"), "out.png: no output of a live source"),
        (("0", "-o", ""), "no output of a live source"),
        (("0", "-o", "https://127.0.0.1:1"), "no place to serve at"),
        (("0", "-o", "a.mp4", "--size", "4x3"), "--size is for raw frames"),
        (("0", "-o", "a.mp4", "--rate", "5"), "--rate is for raw frames"),
        (("0", "-o", "a.mp4", "--every-frame"), "--every-frame is for raw frames"),
        (("0", "-o", "a.mp4", "--format", "png"), "--format is not for live sources"),
        (("0", "-o", "a.mp4", "--workers", "2"), "--workers is not for live sources"),
        (("0", "-o", "a.mp4", "--dry-run"), "--dry-run is not for live sources"),
        (("0", "-o", "a.mp4", "--crf", "0"), "--crf is not for live sources"),
        (("0", "-o", "a.mp4", "--topic", "/camera"), "--topic is not for live sources"),
        (("0", "-o", "a.mp4", "--resume"), "--resume is not for live sources"),
        (("0", "-o", "-", "--json"), "leave --json out"),
        (("a.png", "-o", "out", "--retries", "3"), "--retries is for live sources"),
        (("a.png", "-o", "out", "--every-frame"), "--every-frame is for live sources"),
        (("a.png", "-o", "out", "--serve", "0"), "--serve is for live sources"),
        (("a.png", "-o", "out", "--serve", "80"), "--serve is for live sources"),
        (("a.png",), "no output; give a folder"),
        (("rtps://127.0.0.1/x", "-o", "a.mp4"), "did you mean 'rtsps'"),
        (("-", "--size", "4", "-o", "a.mp4"), "--size takes width and height"),
        (("-", "--size", "4x3", "--rate", "0", "-o", "a.mp4"), "--rate takes frames per second"),
    ],
)
def test_words_that_do_not_fit(
    words: tuple[str, ...], said: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stdin(monkeypatch, b"")
    ended = command("enhance", *words, "-m", "gamma")
    assert ended.code == 2
    assert said in ended.err
    assert files(tmp_path) == []


def test_no_display(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    ended = command("enhance", "0", "-o", "window", "-m", "gamma")
    assert ended.code == 2
    assert "there is no display here; use -o live.mp4" in ended.err


def test_standard_streams_that_are_terminals(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "redirect it" in command(*PIPED, "-o", "a.mp4").err
    stdin(monkeypatch, b"")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ended = command(*PIPED, "-o", "-")
    assert (ended.code, "to the terminal; redirect" in ended.err) == (2, True)


def test_sources_that_are_not_there(tmp_path: Path, command: Command) -> None:
    out = tmp_path / "a.mp4"
    ended = command("enhance", "/dev/video97", "-o", out, "-m", "gamma")
    assert (ended.code, ended.err) == (1, "error: /dev/video97: cannot be opened: no such file or directory\n")
    url = f"rtsp://127.0.0.1:{free_port()}/x"
    ended = command("enhance", url, "-o", out, "-m", "gamma")
    assert (ended.code, ended.err) == (1, f"error: {url}: cannot be opened: connection refused\n")
    ended = command("enhance", url, "-o", out, "-m", "gamma", "--retries", "1")
    assert ended.code == 1
    assert "connection refused; trying again in " in ended.err
    assert not out.exists()


def test_a_file_that_exists(tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.mp4").write_bytes(b"precious")
    ended = command("enhance", "/dev/video97", "-o", tmp_path / "a.mp4", "-m", "gamma")
    assert (ended.code, "exists already" in ended.err) == (2, True)
    assert (tmp_path / "a.mp4").read_bytes() == b"precious"


def test_a_folder_of_a_number_is_pictures(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "07" / "a.png")
    monkeypatch.chdir(tmp_path)
    assert command("enhance", "07", "-o", "out", "-m", "gamma").code == 0
    assert files(tmp_path / "out") == ["a.png"]
