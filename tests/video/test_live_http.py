"""The MJPEG server, seen by an HTTP client, by FFmpeg's libraries, by slow viewers and by strangers."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
import pytest
from PIL import Image

from highbeam.errors import SinkError, UsageError
from highbeam.video import live_http
from highbeam.video.live_http import MjpegSink, parse_place
from tests.video.live_servers import number_of, numbered


@contextmanager
def serving(host: str = "127.0.0.1", **options: object) -> Iterator[MjpegSink]:
    sink = MjpegSink(host, 0, **options)  # type: ignore[arg-type]
    sink.open()
    try:
        yield sink
    finally:
        sink.close()


@contextmanager
def showing(sink: MjpegSink, rate: float = 50.0) -> Iterator[list[int]]:
    """Show numbered frames meanwhile; yields the number of the last."""
    last, over = [0], threading.Event()

    def show() -> None:
        while not over.wait(1.0 / rate):
            last[0] += 1
            sink.write(numbered(last[0]), last[0] / rate)

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield last
    finally:
        over.set()
        thread.join()


def get(url: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own server
        return answer.headers["Content-Type"], answer.read()


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("http://localhost:0/", ("localhost", 0)),
        ("http://[::1]:80", ("::1", 80)),
        ("http://0.0.0.0:8080", ("0.0.0.0", 8080)),  # noqa: S104 - as a user may ask for
    ],
)
def test_places(word: str, place: tuple[str, int]) -> None:
    assert parse_place(word) == place


@pytest.mark.parametrize(
    "word",
    [
        "http://127.0.0.1",
        "https://127.0.0.1:1",
        "http://:80",
        "http://h:99999",
        "http://h:1/x",
        "http://h:x",
        "rtsp://h:1",
    ],
)
def test_no_places(word: str) -> None:
    with pytest.raises(UsageError, match="no place to serve at; write it like http://127.0.0.1:8080"):
        parse_place(word)


def test_page_frame_and_statistics() -> None:
    with serving(title="<cam>", stats=lambda: {"received": 7, "delay": 0.25}) as sink:
        sink.write(numbered(42), 0.0)
        kind, page = get(sink.address)
        assert kind.startswith("text/html")
        assert b'src="stream.mjpg"' in page
        assert b"&lt;cam&gt;" in page
        assert b"<cam>" not in page
        kind, data = get(f"{sink.address}/frame.jpg")
        assert kind == "image/jpeg"
        assert number_of(np.asarray(Image.open(io.BytesIO(data)))) == 42
        kind, data = get(f"{sink.address}/stats.json?now")
        assert (kind, json.loads(data)) == ("application/json", {"received": 7, "delay": 0.25})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{sink.address}/etc/passwd")


def test_before_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_http, "_REPEAT", 0.05)
    with serving() as sink, pytest.raises(urllib.error.HTTPError, match="503: no frame came yet"):
        get(f"{sink.address}/frame.jpg")


def test_ffmpegs_libraries_read_the_stream_and_see_its_end() -> None:
    found = []
    with serving() as sink, showing(sink), av.open(f"{sink.address}/stream.mjpg", timeout=5.0) as container:
        for frame in container.decode(video=0):
            found.append(number_of(frame.to_ndarray(format="rgb24")))
            if len(found) == 20:
                break
    assert found == sorted(set(found))


def test_the_end_of_the_run_ends_the_stream() -> None:
    with serving() as sink:
        sink.write(numbered(1), 0.0)
        answer = urllib.request.urlopen(f"{sink.address}/stream.mjpg", timeout=5)  # noqa: S310 - our own server
        threading.Timer(0.1, sink.close).start()
        assert answer.read().endswith(b"--highbeam-frame--\r\n")


def test_a_slow_viewer_and_one_that_vanishes_disturb_nobody_and_see_no_old_frames() -> None:
    big = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)  # noise: JPEGs of half a megabyte
    with serving() as sink:
        host, port = sink.address.removeprefix("http://").split(":")
        lazy = socket.create_connection((host, int(port)))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        lazy.sendall(f"GET /stream.mjpg HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        gone = socket.create_connection((host, int(port)))
        gone.sendall(f"GET /stream.mjpg HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        gone.close()
        slowest = 0.0
        for number in range(40):
            began = time.monotonic()
            sink.write(big if number < 39 else numbered(77, (900, 600)), 0.0)
            slowest = max(slowest, time.monotonic() - began)
            if number == 10:
                kept = get(f"{sink.address}/frame.jpg")[1]
                assert np.asarray(Image.open(io.BytesIO(kept))).shape == (600, 900, 3)
            time.sleep(0.02)
        assert slowest < 3.0  # a write waits for no viewer
        parts = lazy_parts(lazy, until=77)
        assert len(parts) < 10  # of 40: what it could not take in time was never sent
        assert parts[-1] == 77
        lazy.close()


def lazy_parts(viewer: socket.socket, until: int) -> list[int]:
    """Read the numbers of the frames that a viewer still gets."""
    viewer.settimeout(5.0)
    stream, numbers = viewer.makefile("rb"), list[int]()
    while until not in numbers:
        line = stream.readline()
        if line.lower().startswith(b"content-length:"):
            stream.readline()
            data = stream.read(int(line.split(b":")[1]))
            numbers.append(number_of(np.asarray(Image.open(io.BytesIO(data)))))
    return numbers


def test_two_viewers_each_at_their_own_speed() -> None:
    with serving() as sink, showing(sink) as last:
        streams = [av.open(f"{sink.address}/stream.mjpg", timeout=5.0) for _ in range(2)]
        quick, slow = (stream.decode(video=0) for stream in streams)
        for _ in range(10):
            next(quick)
        time.sleep(0.5)
        next(slow)
        seen = [number_of(next(quick).to_ndarray(format="rgb24")) for _ in range(15)]
        assert last[0] - seen[-1] < 150
        for stream in streams:
            stream.close()


def test_a_page_of_another_name_cannot_read_the_pictures() -> None:
    with serving() as sink:
        sink.write(numbered(1), 0.0)
        port = int(sink.address.rpartition(":")[2])
        for host, status in ((f"localhost:{port}", 200), (f"127.0.0.1:{port}", 200), ("evil.example", 403), ("", 403)):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            client.request("GET", "/frame.jpg", headers={"Host": host})
            assert client.getresponse().status == status, host
            client.close()


def test_too_many_viewers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_http, "_VIEWERS", 1)
    with serving() as sink:
        sink.write(numbered(1), 0.0)
        with urllib.request.urlopen(f"{sink.address}/stream.mjpg", timeout=5) as first:  # noqa: S310 - our own server
            first.readline()
            with pytest.raises(urllib.error.HTTPError, match="503: 1 are watching already"):
                get(f"{sink.address}/stream.mjpg")


def test_a_viewer_that_left_while_no_frame_came_gives_up_its_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_http, "_VIEWERS", 1)
    monkeypatch.setattr(live_http, "_REPEAT", 0.05)
    with serving() as sink:
        sink.write(numbered(1), 0.0)
        with urllib.request.urlopen(f"{sink.address}/stream.mjpg", timeout=5) as first:  # noqa: S310 - our own server
            first.readline()
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{sink.address}/stream.mjpg", timeout=5).close()  # noqa: S310 - likewise
            except urllib.error.HTTPError:
                time.sleep(0.05)
            else:
                break
        else:
            pytest.fail("the seat was not given up")


def test_only_this_machine_is_served_unless_asked_for() -> None:
    assert not MjpegSink("127.0.0.1", 1).is_public
    assert not MjpegSink("localhost", 1).is_public
    assert not MjpegSink("::1", 1).is_public
    assert MjpegSink("0.0.0.0", 1).is_public  # noqa: S104 - asked for
    assert MjpegSink("cam.example", 1).is_public
    with serving("0.0.0.0") as sink:  # noqa: S104 - asked for
        port = sink.address.rpartition(":")[2]
        assert get(f"http://127.0.0.1:{port}/stats.json")[0] == "application/json"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_newer_kind_of_address() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with serving("::1") as sink:
        assert sink.address.startswith("http://[::1]:")
        sink.write(numbered(9), 0.0)
        assert get(f"{sink.address}/frame.jpg")[0] == "image/jpeg"


def test_a_port_that_is_taken_and_an_address_that_is_not_ours() -> None:
    with serving() as sink:
        port = int(sink.address.rpartition(":")[2])
        with pytest.raises(SinkError, match=rf"http://127.0.0.1:{port}: cannot be served at"):
            MjpegSink("127.0.0.1", port).open()
    with pytest.raises(SinkError, match="choose another port"):
        MjpegSink("192.0.2.1", 8080).open()


def test_a_frame_that_no_jpeg_holds() -> None:
    with pytest.raises(SinkError, match="no JPEG is longer"):
        MjpegSink("127.0.0.1", 1).write(np.zeros((1, 65501, 3), np.uint8), 0.0)


def test_nobody_watching_costs_nothing() -> None:
    with serving() as sink:
        for number in range(100):
            sink.write(numbered(number), 0.0)
        assert sink._board._encoded == (0, b"")
        first = sink._board.newest(0, 0.0)
        assert first[0] == 100
        assert sink._board.newest(0, 0.0)[1] is first[1]  # encoded once for all
