"""A live picture for a browser: MJPEG over HTTP, each viewer at its own speed, none of them with a queue."""

from __future__ import annotations

import html
import json
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import cv2

from highbeam.errors import SinkError, UsageError
from highbeam.methods.base import Pixels
from highbeam.video.live_sinks import Sink

__all__ = ["MjpegSink", "parse_place"]

_LONGEST = 65500
"""Pixels along a side of a JPEG."""

_VIEWERS = 16
"""More at once are refused: each has a thread."""

_STALL = 10.0
"""Seconds after which a viewer that takes nothing is let go."""

_REPEAT = 2.0
"""Seconds after which the last frame is sent again, which shows whether the viewer is still there."""

_BACKLOG = 256 * 1024
"""Bytes that the system may keep for a slow viewer; more of them would only make what it sees older."""

_BOUNDARY = "highbeam-frame"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Highbeam: {name}</title>
<style>body{{margin:0;background:#111;color:#ccc;font:14px sans-serif}}img{{display:block;max-width:100%;margin:auto}}
p{{text-align:center}}a{{color:#8bf}}</style>
<img src="stream.mjpg" alt="live picture of {name}">
<p>{name}: <a href="frame.jpg">one frame</a>, <a href="stats.json">statistics</a></p></html>
"""


def parse_place(word: str) -> tuple[str, int]:
    """Read ``http://HOST:PORT`` as the place to serve at.

    Raises:
        UsageError: it is anything else.
    """
    parts = urlsplit(word)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "http" or not host or port is None or parts.path.strip("/") or parts.query or parts.username:
        raise UsageError(f"{word}: no place to serve at; write it like http://127.0.0.1:8080")
    return host, port


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Board:
    """The newest frame, for all who watch; it becomes a JPEG once somebody wants it."""

    def __init__(self, quality: int) -> None:
        self._quality = quality
        self._changed = threading.Condition()
        self._encoding = threading.Lock()
        self._pixels: Pixels | None = None
        self._number = 0
        self._encoded: tuple[int, bytes] = (0, b"")
        self.closed = False

    def post(self, pixels: Pixels) -> None:
        with self._changed:
            self._pixels, self._number = pixels, self._number + 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def newest(self, after: int, timeout: float) -> tuple[int, bytes]:
        """Return the newest frame's number and JPEG once it is newer than one, or the same again after some seconds.

        Nothing but its number 0 is there before the first frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self.closed, timeout)
            pixels, number = self._pixels, self._number
        if pixels is None:
            return 0, b""
        with self._encoding:
            if self._encoded[0] < number:
                settings = (cv2.IMWRITE_JPEG_QUALITY, self._quality)
                _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
                self._encoded = (number, data.tobytes())
            return self._encoded


class MjpegSink(Sink):
    """A small HTTP server: a page at ``/``, ``/stream.mjpg``, ``/frame.jpg`` and ``/stats.json``.

    Args:
        host: address to serve at. One that only this machine reaches answers only requests that were meant for it, so
            that no web page can have a name of its own lead here and read the pictures.
        port: 0 for any free one.
        quality: of the JPEGs, 1 to 100.
        title: of the page.
        stats: makes what ``/stats.json`` says.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        quality: int = 90,
        title: str = "live",
        stats: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self.name = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._place = (host, port)
        self._board = _Board(quality)
        self._title, self._stats = title, stats
        self._server: _Server | None = None

    @property
    def address(self) -> str:
        """Where it serves, with the port that it got."""
        port = self._server.server_address[1] if self._server else self._place[1]
        return f"{self.name.rpartition(':')[0]}:{port}"

    @property
    def is_public(self) -> bool:
        """Whether other machines may reach it."""
        return not _is_loopback(self._place[0])

    def open(self) -> None:
        """Begin to serve.

        Raises:
            SinkError: the port is taken, or the address not this machine's.
        """
        host = self._place[0]
        names = None if self.is_public else {"localhost", "127.0.0.1", "::1", host}
        try:
            self._server = _Server(self._place, _Show(self._board, self._title, self._stats, names))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise SinkError(self.name, f"cannot be served at ({why}); choose another port") from error
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="serve", daemon=True).start()

    def write(self, pixels: Pixels, at: float) -> None:  # noqa: ARG002 - viewers see it now
        """Show a frame to all who watch; costs nothing where nobody does."""
        if max(pixels.shape[:2]) > _LONGEST:
            raise SinkError(self.name, f"no JPEG is longer than {_LONGEST} pixels; choose another output")
        self._board.post(pixels)

    def close(self) -> None:
        """Let the viewers go and free the port."""
        self._board.close()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()


class _Show:
    """What the server's handlers share."""

    def __init__(
        self, board: _Board, title: str, stats: Callable[[], Mapping[str, float]], names: set[str] | None
    ) -> None:
        self.board, self.title, self.stats, self.names = board, title, stats, names
        self.seats = threading.BoundedSemaphore(_VIEWERS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, place: tuple[str, int], show: _Show) -> None:
        self.show = show
        if ":" in place[0]:
            self.address_family = socket.AF_INET6
        super().__init__(place, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Say nothing: a viewer that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _STALL  # of every read and write; named by the library
    server: _Server

    def do_GET(self) -> None:
        """Answer, if this is for us."""
        show = self.server.show
        if show.names is not None and urlsplit(f"//{self.headers.get('Host', '')}").hostname not in show.names:
            self.send_error(HTTPStatus.FORBIDDEN, "asked for under a name that is not this machine's own")
            return
        pages = {"/": self._page, "/stream.mjpg": self._stream, "/frame.jpg": self._frame, "/stats.json": self._tell}
        page = pages.get(urlsplit(self.path).path)
        if page is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        page()

    def _page(self) -> None:
        self._send("text/html; charset=utf-8", _PAGE.format(name=html.escape(self.server.show.title)).encode())

    def _tell(self) -> None:
        self._send("application/json", json.dumps(dict(self.server.show.stats())).encode())

    def _frame(self) -> None:
        number, data = self.server.show.board.newest(0, _REPEAT)
        if number:
            self._send("image/jpeg", data)
        else:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "no frame came yet; try again")

    def _stream(self) -> None:
        seats = self.server.show.seats
        if not seats.acquire(blocking=False):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, f"{_VIEWERS} are watching already; close one of them")
            return
        try:
            self._play()
        finally:
            seats.release()

    def _play(self) -> None:
        """Send the newest frame, again and again; what came while it was sent is not sent."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BACKLOG)
        self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        board, number = self.server.show.board, 0
        while not board.closed:
            number, data = board.newest(number, _REPEAT)
            if number:
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
        self.wfile.write(f"--{_BOUNDARY}--\r\n".encode())

    def _send(self, kind: str, data: bytes) -> None:
        self._head(kind, ("Content-Length", str(len(data))))
        self.wfile.write(data)

    def _head(self, kind: str, *more: tuple[str, str]) -> None:
        self.send_response(HTTPStatus.OK)
        headers = {"Content-Type": kind, "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"}
        for key, value in (*headers.items(), *more):
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the terminal for what matters."""
