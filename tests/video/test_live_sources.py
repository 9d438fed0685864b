"""Words become sources, raw frames are cut from a pipe, and real streams are read over real sockets."""

from __future__ import annotations

import functools
import io
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from highbeam.errors import SourceError, StreamLostError, UsageError
from highbeam.methods.base import Pixels
from highbeam.video.live_reader import Arrival
from highbeam.video.live_sources import RawSource, is_live, parse_size, parse_source, raw_source
from highbeam.video.live_streams import Backlog, Pace, StreamSource, to_rgb
from tests.video.live_servers import RtspServer, camera, free_port, jpeg, number_of, numbered, transport_stream


def stream(word: str, **changes: float) -> StreamSource:
    made = parse_source(word)
    assert isinstance(made, StreamSource)
    return replace(made, **changes)  # type: ignore[arg-type]


def numbers(source: StreamSource, most: int) -> list[int]:
    """Read that many frames."""
    arrivals = source.arrivals(threading.Event())
    found = []
    for arrival in arrivals:
        if arrival.pixels is not None:  # where the machine stood still, frames are passed over
            found.append(number_of(arrival.pixels()))
        if len(found) == most:
            break
    arrivals.close()
    return found


# --- words


@pytest.mark.parametrize(
    "word", ["0", "12", "/dev/video0", "rtsp://h/x", "http://h/x", "UDP://@:5000", "srt://h:1", "nonsense://h"]
)
def test_live_words(word: str) -> None:
    assert is_live(word)


@pytest.mark.parametrize("word", ["-", "123", "a.png", "./0", "nights/*.png", "/dev/null", "C:/x.png"])
def test_words_of_pictures(word: str) -> None:
    assert not is_live(word)


def test_a_dash_is_live_with_a_size_only() -> None:
    assert is_live("-", "4x3")
    assert not is_live("-")


def test_a_folder_called_like_a_number_is_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "05").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_live("05")
    assert is_live("5")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("rtps://cam/x", "did you mean 'rtsps'"),
        ("file:///etc/passwd", "no scheme 'file'"),
        ("rtsp://", "names no host"),
        ("http:///x", "names no host"),
        ("udp://127.0.0.1", "names no port"),
        ("tcp://host", "names no port"),
        ("rtsp://cam:99999/x", "no address"),
        ("rtsp://cam:port/x", "no address"),
        ("rtsp://[::1/x", "no address"),
    ],
)
def test_malformed_addresses_are_refused_before_anything_is_opened(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_source(word)


def test_no_message_holds_a_password() -> None:
    assert parse_source("rtsp://me:secret@127.0.0.1:1/x").name == "rtsp://me:***@127.0.0.1:1/x"
    assert parse_source("rtsp://me@127.0.0.1/x").name == "rtsp://me@127.0.0.1/x"
    with pytest.raises(UsageError) as caught:
        parse_source("rtps://me:secret@h/x")
    assert "secret" not in str(caught.value)
    with pytest.raises(SourceError, match="connection refused") as failed:
        numbers(stream(f"rtsp://me:secret@127.0.0.1:{free_port()}/x"), 1)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(("text", "size"), [("1280x720", (1280, 720)), (" 1X1 ", (1, 1))])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1280", "1280*720", "0x5", "-1x5", "5x", "1280x720x3", "100000x1"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError, match="--size takes width and height"):
        parse_size(text)


def test_cameras_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for system, address, form in (("Linux", "/dev/video1", "v4l2"), ("Darwin", "1", "avfoundation")):
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        made = stream("1")
        assert (made.address, made.form) == (address, form)
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    with pytest.raises(UsageError, match="on Linux and macOS"):
        parse_source("1")


@pytest.mark.skipif(platform.system() != "Linux", reason="names of Linux")
@pytest.mark.parametrize("word", ["97", "/dev/video97"])
def test_a_camera_that_is_not_there(word: str) -> None:
    with pytest.raises(SourceError, match="/dev/video97: cannot be opened: no such file"):
        numbers(stream(word), 1)


# --- raw frames


def raw(data: bytes, size: str = "4x3") -> Iterator[Pixels]:
    for arrival in raw_source(io.BytesIO(data), size).arrivals(threading.Event()):
        assert arrival.pixels is not None
        yield arrival.pixels()


def test_raw_frames_are_the_bytes() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 3), np.uint8)
    assert np.array_equal(np.stack(list(raw(frames.tobytes()))), frames)
    assert list(raw(b"")) == []


def test_raw_frames_come_in_pieces_through_a_pipe() -> None:
    reads, writes = os.pipe()
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), np.uint8)

    def write() -> None:
        data = frames.tobytes()
        with io.FileIO(writes, "wb") as pipe:
            pipe.writelines(data[at : at + 1000] for at in range(0, len(data), 1000))

    writer = threading.Thread(target=write)
    writer.start()
    with io.FileIO(reads) as pipe:
        found = [a.pixels() for a in RawSource(pipe, 60, 40).arrivals(threading.Event()) if a.pixels]
    writer.join()
    assert np.array_equal(np.stack(found), frames)


def test_a_last_frame_that_is_not_whole_is_reported() -> None:
    got = raw(bytes(36 * 2 + 7))
    next(got)
    next(got)
    with pytest.raises(SourceError, match=r"<stdin>: ends within frame 3, 7 of its 36 bytes.*--size 4x3"):
        next(got)


def test_a_pipe_that_cannot_be_read() -> None:
    reads, writes = os.pipe()
    os.close(writes)
    pipe = io.FileIO(reads, closefd=False)
    os.close(reads)
    with pytest.raises(SourceError, match="cannot be read"):
        next(RawSource(pipe, 4, 3).arrivals(threading.Event()))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_no_rates(rate: float) -> None:
    with pytest.raises(UsageError, match="--rate takes frames per second"):
        raw_source(io.BytesIO(), "4x3", rate)


# --- streams


def test_an_mjpeg_camera_over_http() -> None:
    with camera() as cam:
        found = numbers(stream(cam.url), 20)
    assert len(found) == 20
    assert found == sorted(set(found))


def test_an_rtsp_server_over_tcp() -> None:
    server = RtspServer(transport_stream(50, 25), 2.0)
    source = stream(server.url)
    found = list[int | None]()  # None: passed over, as where the machine stood still for a while
    with pytest.raises(StreamLostError, match="the stream ended"):
        found.extend(number_of(a.pixels()) if a.pixels else None for a in source.arrivals(threading.Event()))
    server.off()
    shown = [number for number in found if number is not None]
    assert server.asked[-1] == "PLAY"
    assert shown[0] == 0
    assert shown == sorted(set(shown))
    assert len(found) > 45


def test_a_transport_stream_over_udp() -> None:
    import socket

    port, stop = free_port(), threading.Event()
    data = transport_stream(100, 25)

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            while not stop.is_set():
                for at in range(0, len(data), 1316):
                    to.sendto(data[at : at + 1316], ("127.0.0.1", port))
                    stop.wait(0.01)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        assert len(numbers(stream(f"udp://127.0.0.1:{port}"), 10)) == 10
    finally:
        stop.set()
        sender.join()


def test_a_peer_that_takes_the_call_and_says_nothing() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        began = time.monotonic()
        with pytest.raises(SourceError, match=r"cannot be opened: nothing came for 0.5 s"):
            numbers(stream(url, opening=0.5), 1)
    assert time.monotonic() - began < 5.0


def test_a_camera_that_falls_silent_is_lost() -> None:
    with camera() as cam:
        arrivals = stream(cam.url, silence=0.5).arrivals(threading.Event())
        next(arrivals)
        cam.silent.set()
        with pytest.raises(StreamLostError, match=r"lost: nothing came for 0.5 s"):
            for _ in arrivals:
                pass


@contextmanager
def folder(path: Path, made: Mapping[str, Callable[[], bytes]] | None = None) -> Iterator[str]:
    """Serve a folder, and what is made when it is asked for; yields the address."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            make = (made or {}).get(self.path)
            if make is None:
                with suppress(ConnectionError):
                    super().do_GET()
                return
            data = make()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(path)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_no_stream(tmp_path: Path) -> None:
    (tmp_path / "one.jpg").write_bytes(jpeg(numbered(1)))
    (tmp_path / "words.txt").write_text("no picture " * 100)
    with av.open(str(tmp_path / "sound.wav"), "w") as sound:
        track = sound.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), layout="mono")
        silence.sample_rate = 8000
        sound.mux(track.encode(silence))
    said = {
        "one.jpg": "a single picture, no stream",
        "words.txt": "has no picture",
        "sound.wav": "has no picture",
        "gone": "404",
    }
    with folder(tmp_path) as url:
        for name, text in said.items():
            with pytest.raises(SourceError, match=text):
                numbers(stream(f"{url}/{name}"), 1)


def record(path: Path, frames: int, rate: int, **options: str) -> None:
    """Write a recording of numbered pictures with a key frame in every second."""
    with av.open(str(path), "w", options=options) as clip:
        track = clip.add_stream("libx264", rate=rate, options={"g": str(rate), "sc_threshold": "0"})
        track.width, track.height, track.pix_fmt = 192, 96, "yuv420p"
        for number in range(frames):
            clip.mux(track.encode(av.VideoFrame.from_ndarray(numbered(number), format="rgb24")))
        clip.mux(track.encode(None))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.m3u8"])
def test_a_recording_over_http_is_played_in_its_own_time_and_ends(name: str, tmp_path: Path) -> None:
    """Longer than what counts as a backlog of a camera: all of it is there from the start, and none is late."""
    record(tmp_path / name, 60, 20)
    with folder(tmp_path) as url:
        arrivals = list(stream(f"{url}/{name}").arrivals(threading.Event()))
    assert [number_of(a.pixels()) for a in arrivals if a.pixels] == list(range(60))
    assert 2.9 < arrivals[-1].when - arrivals[0].when < 7.0


def test_pieces_of_a_live_stream_are_played_in_its_time(tmp_path: Path) -> None:
    """A live list as it grows: three pieces are there at first, then one a second."""
    record(tmp_path / "all.m3u8", 75, 15, hls_time="1", hls_list_size="0")
    begun = time.monotonic()

    def grown() -> bytes:
        count = min(5, 3 + int(time.monotonic() - begun))
        pieces = "".join(f"#EXTINF:1.0,\nall{number}.ts\n" for number in range(count))
        end = "#EXT-X-ENDLIST\n" if time.monotonic() - begun > 3.5 else ""
        return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n{pieces}{end}".encode()

    found = list[Arrival]()
    with folder(tmp_path, {"/live.m3u8": grown}) as url, pytest.raises(StreamLostError, match="the stream ended"):
        found.extend(stream(f"{url}/live.m3u8").arrivals(threading.Event()))
    assert [number_of(arrival.pixels()) for arrival in found if arrival.pixels] == list(range(75))
    assert found[-1].when - found[0].when > 4.5
    apart = np.diff([arrival.when for arrival in found])
    assert np.median(apart) == pytest.approx(1 / 15, abs=0.03)  # and not in bursts


def test_the_event_ends_reading() -> None:
    stop = threading.Event()
    with camera() as cam:
        arrivals = stream(cam.url).arrivals(stop)
        next(arrivals)
        stop.set()
        assert list(arrivals) == []


# --- time


def test_a_backlog_is_passed_over_until_reading_waits_and_a_key_frame_comes() -> None:
    backlog = Backlog()
    assert not backlog.passes(0.0, 0.0, key=True)
    assert not backlog.passes(0.9, 0.0, key=False)
    assert backlog.passes(1.1, 0.0, key=False)
    assert backlog.passes(1.2, 0.0, key=True)  # more is waiting behind it
    assert backlog.passes(1.3, 0.01, key=False)  # caught up, but this one needs others
    assert not backlog.passes(1.4, 0.0, key=True)
    assert not backlog.passes(2.2, 0.0, key=False)
    assert backlog.passes(2.4, 0.0, key=False)


def test_a_stream_in_time_is_never_passed_over() -> None:
    backlog = Backlog()
    assert not any(backlog.passes(0.04 * k, 0.03, key=k % 10 == 0) for k in range(200))


def steps(pace: Pace, *rows: tuple[float, float, float, bool]) -> list[bool]:
    """Take packets of (now, their time, waited, key)."""
    return [pace.passes(now, at, waited, key=key) for now, at, waited, key in rows]


def test_frames_are_due_at_their_own_times() -> None:
    pace = Pace()
    assert steps(pace, (100.0, 7.0, 0.0, True)) == [False]
    assert pace.wait(100.0, 7.0) == 0.0
    assert pace.wait(100.0, 7.5) == pytest.approx(0.5)
    assert pace.wait(100.7, 7.5) == 0.0
    assert pace.wait(100.0, 8.5, most=1.0) == 0.0  # a frame of another clock than that of the packets
    assert pace.wait(100.0, 7.0 + Pace.EARLY + 1.0) == 0.0


@pytest.mark.parametrize("to", [1000.0, 0.0])
def test_a_clock_that_jumps_begins_anew(to: float) -> None:
    pace = Pace()
    assert steps(pace, (100.0, 70.0, 0.0, True), (101.0, to, 0.0, False)) == [False, False]
    assert pace.wait(101.0, to) == 0.0
    assert pace.wait(101.0, to + 0.5) == pytest.approx(0.5)


def test_a_recording_that_is_there_at_once_is_in_time() -> None:
    pace, now = Pace(), 50.0
    for number in range(300):
        assert not pace.passes(now, number / 30, 0.0, key=number == 0)
        now += pace.wait(now, number / 30) + 0.01  # of decoding
    assert now == pytest.approx(50.0 + 299 / 30, abs=0.02)


def test_what_is_decoded_too_slowly_is_passed_over_until_a_key_frame_is_in_time() -> None:
    pace = Pace()
    slow = [(10.0 + 0.3 * k, 0.1 * k, 0.0, k == 0) for k in range(7)]
    assert steps(pace, *slow) == [False] * 6 + [True]  # 1.2 s late
    assert steps(pace, (11.8, 1.7, 0.0, True)) == [True]  # still late
    assert steps(pace, (11.8, 1.9, 0.0, False), (11.8, 2.0, 0.0, True)) == [True, False]


def test_waiting_for_the_source_makes_nothing_late() -> None:
    pace = Pace()
    assert steps(pace, (10.0, 0.0, 0.0, True), (13.0, 0.1, 3.0, False), (13.1, 0.2, 0.0, False)) == [False] * 3
    assert pace.wait(13.1, 0.3) == pytest.approx(0.1)
    narrow = [(13.0 + 0.2 * k, 0.1 * k, 0.2, False) for k in range(2, 60)]  # a network at half the rate
    assert not any(steps(pace, *narrow))


def test_waiting_ends_a_backlog() -> None:
    pace = Pace()
    assert steps(pace, (10.0, 0.0, 0.0, True), (12.0, 0.1, 0.0, True)) == [False, True]
    assert steps(pace, (14.2, 0.2, 2.0, False), (14.3, 0.3, 2.0, True)) == [True, False]


# --- colours

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114)}


@pytest.mark.parametrize("span", ["limited", "full"])
@pytest.mark.parametrize(("told", "lines", "law"), [(1, 96, 1), (5, 96, 5), (6, 96, 5), (2, 96, 5), (2, 720, 1)])
def test_colours_follow_the_matrix_and_the_range_of_the_stream(told: int, lines: int, law: int, span: str) -> None:
    """By the definition of Y'CbCr (ITU-R BT.601, BT.709)."""
    full = span == "full"
    rgb = np.array([180.0, 90.0, 40.0]) / 255.0
    red, blue = WEIGHTS[law]
    y = red * rgb[0] + (1.0 - red - blue) * rgb[1] + blue * rgb[2]
    cb, cr = (rgb[2] - y) / (2.0 - 2.0 * blue), (rgb[0] - y) / (2.0 - 2.0 * red)
    codes = [255 * y, 128 + 255 * cb, 128 + 255 * cr] if full else [16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr]
    planes = np.empty((3, lines, 64), np.uint8)
    planes[:] = np.rint(codes)[:, None, None]
    frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
    frame.colorspace, frame.color_range = told, 2 if full else 1
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    assert np.abs(to_rgb(frame).astype(float) - rgb * 255.0).max() <= 2.0
