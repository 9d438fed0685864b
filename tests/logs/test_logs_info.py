"""``highbeam info`` on logs, clips and pictures."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from highbeam.cli.info import describe, info
from highbeam.pictures import Picture, encode
from highbeam.video.containers import VIDEO_SUFFIXES
from tests.logs import making
from tests.logs.making import CAMERA, FRONT, START, drive, noise
from tests.video.making import Video, make

app = typer.Typer()
app.command()(info)


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "drive.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 13, 1
        sound = container.add_stream("aac", rate=48_000)
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(noise(48, 64, number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        samples = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        samples.sample_rate, samples.pts = 48_000, 0
        container.mux(sound.encode(samples))
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize("form", ["bag", "bag2", "mcap"])
def test_logs(tmp_path: Path, form: str) -> None:
    path = {
        "bag": lambda: making.bag1(tmp_path / "a.bag", drive(ros1=True), "lz4"),
        "bag2": lambda: making.bag2(tmp_path / "a", drive(), "mcap", "storage"),
        "mcap": lambda: making.mcap_file(tmp_path / "a.mcap", drive()),
    }[form]()
    said = describe(path)
    assert (said["kind"], said["messages"], said["start"], said["end"]) == ("log", 12, START, START + 200_000_003)
    assert said["duration"] == pytest.approx(0.200000003)
    rows = {row["topic"]: row for row in said["topics"]}
    assert (rows[CAMERA]["picture"], rows[FRONT]["picture"]) == ("5x6 rgb8", "24x16 jpeg")
    assert rows[CAMERA]["rate"] == pytest.approx(10)
    assert rows[CAMERA]["size"] == sum(len(one.data) for one in drive(ros1=form == "bag") if one.topic == CAMERA)
    assert [row["camera"] for row in rows.values()] == [True, False, True, False]
    shown = run(path)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "12 messages in 0.200 s from 2023-11-14 22:13:20.123" in shown.stdout
    assert json.loads(run(path, "--json").stdout) == said


def test_a_log_that_is_cut_short(tmp_path: Path) -> None:
    path = making.mcap_file(tmp_path / "a.mcap", drive())
    path.write_bytes(path.read_bytes()[:2000])
    shown = run(path)
    assert shown.exit_code == 1
    assert "the file ends within the record at byte" in shown.stderr
    assert CAMERA in shown.stdout


def test_clips(clip: Path) -> None:
    said = describe(clip)
    assert {name: said[name] for name in ("kind", "codec", "width", "height", "frames", "rate", "bits")} == {
        "kind": "clip", "codec": "h264", "width": 64, "height": 48, "frames": 10, "rate": 25.0, "bits": 8,
    }  # fmt: skip
    assert said["duration"] == pytest.approx(0.4)
    assert (said["matrix"], said["primaries"], said["transfer"], said["range"]) == ("bt709", "bt709", "srgb", "limited")
    assert (said["rotation"], said["broken"]) == (0, None)
    assert said["audio"] == [{"codec": "aac", "rate": 48_000, "channels": 2}]
    shown = run(clip)
    assert "h264, 64x48, yuv420p (8 bits)" in shown.stdout
    assert "sound: aac, 48000 Hz, 2 channels" in shown.stdout


def test_every_clip_that_is_enhanced_is_known(clip: Path, tmp_path: Path) -> None:
    """By its suffix; what is in it is another matter."""
    for suffix in VIDEO_SUFFIXES:
        other = tmp_path / f"drive{suffix.upper()}"
        other.hardlink_to(clip)
        said = describe(other)
        assert (said["kind"], said["frames"]) == ("clip", 10)


@pytest.mark.parametrize("name", ["GL010023.LRV", "drive"])
def test_a_clip_of_another_suffix_is_known_by_what_is_in_it(clip: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).hardlink_to(clip)
    said = describe(tmp_path / name)
    assert (said["kind"], said["frames"], said["rate"]) == ("clip", 10, 25.0)


def test_a_bare_stream(tmp_path: Path) -> None:
    path = make(tmp_path / "drive.h264", Video(rate=Fraction(30)), format="h264")
    said = describe(path)
    assert (said["frames"], said["rate"], said["duration"]) == (20, 30.0, pytest.approx(20 / 30))


def test_rotation(clip: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    with av.open(str(clip)) as old, av.open(str(turned), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        stream.set_display_rotation(90)
        for packet in old.demux(old.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    said = describe(turned)
    assert abs(said["rotation"]) == 90
    assert said["audio"] == []
    assert f"rotation: {said['rotation']} degrees" in run(turned).stdout


def test_clips_that_cannot_be_read(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:300])
    (tmp_path / "sound.mkv").write_bytes(_sound(tmp_path))
    shown = run(tmp_path / "cut.mp4", tmp_path / "sound.mkv", tmp_path / "none.mp4", clip)
    assert shown.exit_code == 1
    assert "cut.mp4: cannot be read as a clip" in shown.stderr
    assert "sound.mkv: has no video" in shown.stderr
    assert "none.mp4: cannot be read (No such file" in shown.stderr
    assert "h264" in shown.stdout


def _sound(tmp_path: Path) -> bytes:
    path = tmp_path / "made.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 160), np.int16), format="s16", layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
    return path.read_bytes()


def test_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(
        encode(Picture(noise(4, 6, 0, np.uint16), alpha=noise(4, 6, 1, np.uint16)[..., 0]))
    )
    cv2.imwrite(str(tmp_path / "b.jpg"), noise(4, 6)[..., 0])
    said = describe(tmp_path / "a.png")
    assert (said["kind"], said["format"], said["width"], said["height"], said["bits"]) == ("picture", "png", 6, 4, 16)
    assert (said["alpha"], said["channels"]) == (True, "colour")
    shown = run(tmp_path / "a.png", tmp_path / "b.jpg")
    assert "png, 6x4, 16 bits, colour with transparency" in shown.stdout
    assert "jpeg, 6x4, 8 bits, grey" in shown.stdout
    lines = run("--json", tmp_path / "a.png", tmp_path / "b.jpg").stdout.splitlines()
    assert [json.loads(line)["format"] for line in lines] == ["png", "jpeg"]


def test_what_is_none_of_these(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    shown = run(tmp_path, tmp_path / "a.txt", tmp_path / "none.png", tmp_path / "none.bag")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "is a folder and no log" in shown.stderr
    assert "is not a picture of any known kind" in shown.stderr
    assert shown.stderr.count("o such file") == 2
