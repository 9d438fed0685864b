"""Real peers for the tests of live sources: an MJPEG camera over HTTP and an RTSP server, on real sockets."""

from __future__ import annotations

import io
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[Any]
BITS = 12


def numbered(number: int, size: tuple[int, int] = (192, 96)) -> Picture:
    """A picture that tells its number in broad bars, however it is compressed."""
    width, height = size
    bars = [235 if number >> bit & 1 else 20 for bit in range(BITS)]
    row = np.repeat(np.array(bars, np.uint8), -(-width // BITS))[:width]
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def number_of(pixels: Picture) -> int:
    """Read the number of a picture."""
    width = pixels.shape[1]
    step = -(-width // BITS)
    middle = pixels[pixels.shape[0] // 2]
    return sum(1 << bit for bit in range(BITS) if middle[min(width - 1, bit * step + step // 2)].mean() > 128)


def jpeg(pixels: Picture) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=92)
    return data.getvalue()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Camera:
    """An MJPEG camera that can be switched off and on again at the same port."""

    def __init__(
        self,
        *,
        rate: float = 30.0,
        picture: Callable[[int], Picture] = numbered,
        frames: int | None = None,
        port: int | None = None,
    ) -> None:
        self.port = port or free_port()
        self.rate, self.picture, self.frames = rate, picture, frames
        self.sent = 0
        self.silent = threading.Event()
        self._off = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/video"

    def on(self) -> None:
        camera, self._off = self, threading.Event()
        off = self._off

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cam")
                self.end_headers()
                with suppress(OSError):
                    camera._play(self.wfile, off)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _play(self, to: Any, off: threading.Event) -> None:
        begun, count = time.monotonic(), 0
        while not off.is_set() and (self.frames is None or count < self.frames):
            if not self.silent.is_set():
                data = jpeg(self.picture(self.sent))
                to.write(b"--cam\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data))
                self.sent += 1
            count += 1
            off.wait(max(0.0, begun + count / self.rate - time.monotonic()))

    def off(self) -> None:
        self._off.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@contextmanager
def camera(**options: Any) -> Iterator[Camera]:
    made = Camera(**options)
    made.on()
    try:
        yield made
    finally:
        made.off()


def transport_stream(frames: int, rate: int, size: tuple[int, int] = (192, 96)) -> bytes:
    """An MPEG transport stream of numbered pictures, H.264."""
    data = io.BytesIO()
    with av.open(data, "w", format="mpegts") as container:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number, size), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return data.getvalue()


class RtspServer:
    """A small RTSP server (RFC 2326): one session at a time, RTP over its TCP connection, a transport stream in it."""

    CHUNK = 188  # of the largest 7: each frame when it is due
    SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=road\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"

    def __init__(self, data: bytes, seconds: float) -> None:
        self._data, self._seconds = data, seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.asked: list[str] = []
        self._off = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/road"

    def off(self) -> None:
        self._off.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while not self._off.is_set():
                peer, _ = self._listener.accept()
                with suppress(OSError), peer:
                    self._session(peer)

    def _session(self, peer: socket.socket) -> None:
        words = peer.makefile("rb")
        while line := words.readline().decode():
            headers = dict(re.findall(r"([\w-]+): *(.*)\r\n", "".join(iter(lambda: words.readline().decode(), "\r\n"))))
            verb = line.split()[0]
            self.asked.append(verb)
            body = self.SDP if verb == "DESCRIBE" else ""
            answer = [f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\nSession: 1"]
            if verb == "SETUP":
                answer.append(f"Transport: {headers['Transport']}")
            if body:
                answer.append(
                    f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\nContent-Length: {len(body)}"
                )
            peer.sendall(("\r\n".join(answer) + "\r\n\r\n" + body).encode())
            if verb == "PLAY":
                self._play(peer)
                return

    def _play(self, peer: socket.socket) -> None:
        chunks = [self._data[at : at + self.CHUNK] for at in range(0, len(self._data), self.CHUNK)]
        begun = time.monotonic()
        for number, chunk in enumerate(chunks):
            at = self._seconds * number / len(chunks)
            if self._off.wait(max(0.0, begun + at - time.monotonic())):
                return
            packet = struct.pack("!BBHII", 0x80, 33, number & 0xFFFF, int(at * 90000), 7) + chunk
            peer.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
