"""Frames of clips: found without decoding, read in any order, and errors that name the file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from highbeam.datasets.clips import _pixels, frame_times, is_clip, read_frames
from highbeam.errors import DamagedPictureError, PictureError, UnsupportedPictureError
from highbeam.video.containers import VIDEO_SUFFIXES
from tests.conftest import SHARED
from tests.datasets.makers import Rgb, draw, film


def close(one: Rgb, other: Rgb) -> bool:
    """Whether two pictures are the same but for compression; two scenes differ by tens of levels."""
    return one.shape == other.shape and float(np.abs(one.astype(int) - other.astype(int)).mean()) < 12.0


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_every_frame_has_a_time_and_is_read(tmp_path: Path, name: str, codec: str) -> None:
    drawn = film(tmp_path / name, 14, fps=10, codec=codec)
    times = frame_times(tmp_path / name)
    assert len(times) == 14
    assert times[0][1] == 0.0
    assert [seconds for _, seconds in times] == pytest.approx([number / 10 for number in range(14)], abs=2e-3)
    read = list(read_frames(tmp_path / name, [pts for pts, _ in times]))
    assert len(read) == 14
    assert all(close(one, other) for one, other in zip(read, drawn, strict=True))


@pytest.mark.parametrize("number", [0, 1, 5, 6, 7, 13])
def test_one_frame_alone_is_the_same_as_in_a_row(tmp_path: Path, number: int) -> None:
    drawn = film(tmp_path / "a.mp4", 14)
    times = [pts for pts, _ in frame_times(tmp_path / "a.mp4")]
    (alone,) = read_frames(tmp_path / "a.mp4", [times[number]])
    row = list(read_frames(tmp_path / "a.mp4", times))
    assert np.array_equal(alone, row[number])
    assert close(alone, drawn[number])
    assert alone.flags.c_contiguous


def test_some_frames(tmp_path: Path) -> None:
    drawn = film(tmp_path / "a.mp4", 20, codec="libx264")
    times = [pts for pts, _ in frame_times(tmp_path / "a.mp4")]
    read = list(read_frames(tmp_path / "a.mp4", times[3::5]))
    assert all(close(one, other) for one, other in zip(read, drawn[3::5], strict=True))
    assert list(read_frames(tmp_path / "a.mp4", [])) == []


def test_a_frame_past_the_end(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 5)
    last = frame_times(tmp_path / "a.mp4")[-1][0]
    frames = read_frames(tmp_path / "a.mp4", [last, 10 * last])
    next(frames)
    with pytest.raises(DamagedPictureError, match=r"a\.mp4: ends before its frame"):
        next(frames)


def test_a_clip_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no clip at all")
    for attempt in (lambda: frame_times(tmp_path / "a.mp4"), lambda: next(read_frames(tmp_path / "a.mp4", [0]))):
        with pytest.raises(DamagedPictureError, match=r"a\.mp4: cannot be read as a clip"):
            attempt()


def test_a_clip_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        frame_times(tmp_path / "a.mp4")


def test_sound_without_pictures(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UnsupportedPictureError, match="has no video"):
        frame_times(path)


def test_a_container_without_frames(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(DamagedPictureError):
        frame_times(path)


def test_a_clip_that_was_cut_short(tmp_path: Path) -> None:
    film(tmp_path / "whole.mkv", 30)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    times = [pts for pts, _ in frame_times(tmp_path / "cut.mkv")]
    assert 0 < len(times) < 30
    read = 0
    try:
        for _ in read_frames(tmp_path / "cut.mkv", times):
            read += 1
    except DamagedPictureError:
        pass
    assert read >= len(times) - 1


class Turned:
    """A frame as PyAV gives it, with a display matrix that its encoders cannot write."""

    def __init__(self, pixels: Rgb, rotation: int) -> None:
        self.pixels, self.rotation = pixels, rotation

    def to_ndarray(self, *, format: str) -> Rgb:
        assert format == "rgb24"
        return self.pixels


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, 1), (-90, 3), (180, 2), (-180, 2)])
def test_frames_are_turned_upright(rotation: int, turns: int) -> None:
    stored = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    upright = _pixels(Turned(stored, rotation))  # type: ignore[arg-type]
    assert np.array_equal(upright, np.rot90(stored, turns))
    assert upright.flags.c_contiguous


def test_suffixes() -> None:
    assert is_clip(Path("a/B.MP4"))
    assert not is_clip(Path("a/b.jpg"))
    assert not is_clip(Path("mp4"))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in VIDEO_SUFFIXES)
    assert all(is_clip(Path("a").with_suffix(suffix)) for suffix in VIDEO_SUFFIXES)


def test_a_picture_is_no_clip_of_many_frames(tmp_path: Path) -> None:
    assert len(frame_times(draw(tmp_path / "a.png"))) == 1


@pytest.mark.skipif(not (SHARED / "clips").is_dir(), reason=f"no real clips: {SHARED / 'clips'} is not there")
@pytest.mark.parametrize(("name", "frames", "fps"), [("day_highway", 221, 25.0), ("day_street2", 851, 29.97)])
def test_real_clips(name: str, frames: int, fps: float) -> None:
    path = SHARED / "clips" / f"{name}.mp4"
    times = frame_times(path)
    assert len(times) == frames
    assert times[-1][1] == pytest.approx((frames - 1) / fps, rel=1e-3)
    assert all(one < other for (one, _), (other, _) in pairwise(times))
    (alone,) = read_frames(path, [times[100][0]])
    *_, in_a_row = read_frames(path, [pts for pts, _ in times[90:101]])
    assert np.array_equal(alone, in_a_row)
