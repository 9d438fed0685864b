"""Raw frames reach a pipe, files survive a kill, and what cannot take frames says so."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from highbeam.errors import OutputError, SinkError
from highbeam.video.live_sinks import FORMATS, FileSink, RawSink
from tests.cli.conftest import environment
from tests.video.live_servers import Picture, number_of, numbered


def played(path: Path) -> list[tuple[float, Picture]]:
    """Read a file's times, seconds, and pictures."""
    with av.open(str(path)) as container:
        return [(float(f.time or 0.0), f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def raw_sink(stream: object, stop: threading.Event | None = None) -> tuple[RawSink, list[str]]:
    told: list[str] = []
    return RawSink(stream, name="<stdout>", stop=stop or threading.Event(), tell=told.append), told  # type: ignore[arg-type]


# --- raw


def test_raw_frames_are_written_one_after_another_and_their_size_is_told_once() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 8, 3), np.uint8)
    stream = io.BytesIO()
    sink, told = raw_sink(stream)
    sink.open()
    assert sink.idle()
    for frame in frames:
        sink.write(frame, 0.0)
    sink.write(frames[0, :, ::-1], 0.0)  # not contiguous
    sink.close()
    assert stream.getvalue() == frames.tobytes() + frames[0, :, ::-1].tobytes()
    assert told == ["<stdout>: raw RGB24, 8x6"]


def test_a_stream_that_takes_little_at_a_time() -> None:
    class Little(io.BytesIO):
        def write(self, data: memoryview) -> int:  # type: ignore[override]
            return super().write(data[:7])

    stream = Little()
    raw_sink(stream)[0].write(numbered(5), 0.0)
    assert stream.getvalue() == numbered(5).tobytes()


def test_raw_frames_keep_their_size() -> None:
    sink, _ = raw_sink(io.BytesIO())
    sink.write(numbered(1, (8, 6)), 0.0)
    with pytest.raises(SinkError, match="<stdout>: raw frames have one size.* from 8x6 to 6x8"):
        sink.write(numbered(1, (6, 8)), 0.0)


def test_a_reader_that_went_away() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with io.FileIO(writes, "wb") as stream, pytest.raises(BrokenPipeError):
        raw_sink(stream)[0].write(numbered(1), 0.0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is had on Linux only")
def test_a_full_disk() -> None:
    with Path("/dev/full").open("wb", buffering=0) as stream, pytest.raises(SinkError, match="No space left"):
        raw_sink(stream)[0].write(numbered(1), 0.0)


def test_the_end_does_not_wait_for_a_reader_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highbeam.video.live_sinks._GRACE", 0.2)
    reads, writes = os.pipe()
    stop = threading.Event()
    stop.set()
    stream = io.FileIO(writes, "wb")
    with pytest.raises(SinkError, match="its reader takes nothing more"):
        raw_sink(stream, stop)[0].write(numbered(1, (600, 400)), 0.0)
    os.close(reads)  # lets the write that was left behind go
    stream.close()


# --- files


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_hold_the_frames_at_their_times(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"live{suffix}"
    times = [0.0, 0.04, 0.11, 0.5, 1.7, 1.74, 3.0]
    sink = FileSink(path)
    sink.open()
    for number, at in enumerate(times):
        sink.write(numbered(number), at)
    sink.close()
    sink.close()  # as often as one likes
    found = played(path)
    began = found[0][0]  # a transport stream does not begin at zero
    assert [at - began for at, _ in found] == pytest.approx(times, abs=0.002)
    assert [number_of(pixels) for _, pixels in found] == list(range(7))


def test_colours_come_back(tmp_path: Path) -> None:
    colour = np.array([200, 80, 30], np.uint8)
    sink = FileSink(tmp_path / "c.mp4", crf=1)
    sink.write(np.broadcast_to(colour, (96, 128, 3)), 0.0)
    sink.close()
    with av.open(str(tmp_path / "c.mp4")) as container:
        frame = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, frame.format.name) == (1, 1, "yuv420p")
        rgb = frame.to_ndarray(format="rgb24", src_colorspace=1, dst_colorspace=1, src_color_range=1, dst_color_range=2)
    assert np.abs(rgb.astype(int) - colour).max() <= 4


@pytest.mark.parametrize("name", ["odd.mp4", "odd.mkv", "odd.ts"])
@pytest.mark.parametrize("size", [(1, 1), (21, 13), (63, 47), (64, 47)])
def test_odd_sizes_are_neither_cut_nor_padded(size: tuple[int, int], name: str, tmp_path: Path) -> None:
    sink = FileSink(tmp_path / name)
    sink.write(np.full((size[1], size[0], 3), 90, np.uint8), 0.0)
    sink.close()
    (_, pixels), *_ = played(tmp_path / name)
    assert pixels.shape == (size[1], size[0], 3)
    assert np.abs(pixels.astype(int) - 90).max() <= 2


def test_frames_of_the_same_moment_follow_each_other(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp4")
    for number, at in enumerate((0.0, 0.0, -1.0, 0.00001)):
        sink.write(numbered(number), at)
    sink.close()
    assert [number_of(pixels) for _, pixels in played(tmp_path / "a.mp4")] == [0, 1, 2, 3]


def test_at_another_size_a_new_file_goes_on(tmp_path: Path) -> None:
    told: list[str] = []
    sink = FileSink(tmp_path / "live.mkv", tell=told.append)
    for number, size in enumerate([(192, 96), (192, 96), (96, 48), (192, 96)]):
        sink.write(numbered(number, size), number / 10)
    sink.close()
    shapes = {p.name: [pixels.shape[:2] for _, pixels in played(p)] for p in sorted(tmp_path.iterdir())}
    assert shapes == {"live.mkv": [(96, 192)] * 2, "live-2.mkv": [(48, 96)], "live-3.mkv": [(96, 192)]}
    assert told[0] == f"{tmp_path / 'live-2.mkv'}: goes on here, the frames are 96x48 now"


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "live.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"live.mp4: exists already; choose another name, or --overwrite"):
        FileSink(path).open()
    assert path.read_bytes() == b"precious"
    sink = FileSink(path, overwrite=True)
    sink.open()
    sink.write(numbered(3), 0.0)
    sink.close()
    assert len(played(path)) == 1


def test_no_frame_makes_no_file(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "live.mp4")
    sink.open()
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="its folder cannot be made"):
        FileSink(tmp_path / "file" / "live.mp4").open()
    with pytest.raises(SinkError, match=r"gone/live.mp4: cannot be written \(No such file"):
        FileSink(tmp_path / "gone" / "live.mp4").write(numbered(1), 0.0)


@pytest.mark.parametrize("name", ["live.mp4", "live.mkv"])
def test_a_kill_leaves_what_can_be_played(name: str, tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from highbeam.video.live_sinks import FileSink
from tests.video.live_servers import numbered
sink = FileSink(Path({str(tmp_path / name)!r}))
for number in range(60):
    sink.write(numbered(number), number / 10)
print("written", flush=True)
time.sleep(60)
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.kill()
    found = [number_of(pixels) for _, pixels in played(tmp_path / name)]
    assert found == list(range(len(found)))
    assert len(found) >= 40  # 4 of 6 seconds; at most the last one or two are lost
