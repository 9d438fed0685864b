"""What ``highbeam enhance`` does with a camera, a stream, or raw frames on a pipe."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, cast

from highbeam.cli import terminal
from highbeam.cli.options import is_given
from highbeam.errors import UsageError

if TYPE_CHECKING:
    import threading

    from highbeam.methods.base import Pixels
    from highbeam.video.live import LiveOptions
    from highbeam.video.live_counts import Counts, Tally
    from highbeam.video.live_reader import Source
    from highbeam.video.live_sinks import Sink

__all__ = ["LiveWords", "enhance_live"]

_REDRAWN = 0.5
"""Seconds between redrawings of the line on a terminal."""

_TOLD = 10.0
"""Seconds between lines where standard error is none."""

_QUALITY = 90
_SINKS = "-o live.mp4 (or .mkv, .mov, .ts), -o - for raw RGB24, -o http://127.0.0.1:8080, or -o window"


@dataclass(frozen=True)
class LiveWords:
    """The options of the command line that are for live sources, as they were given.

    Attributes:
        size: ``WxH`` of raw frames on standard input.
        rate: of them, frames per second.
        every_frame: drop none of them.
        retries: how often a lost source is called again.
        duration: seconds.
        frames: how many.
        serve: port of this machine to show the picture at.
    """

    size: str | None = None
    rate: float | None = None
    every_frame: bool = False
    retries: int | None = None
    duration: float | None = None
    frames: int | None = None
    serve: int | None = None

    def are_wanted(self, sources: list[str]) -> bool:
        """Whether a source is live.

        Raises:
            UsageError: none is, and there are options for one; or there is another source beside it.
        """
        from highbeam.video.live_sources import is_live

        live = [word for word in sources if is_live(word, self.size)]
        if not live:
            self._check_unused()
        elif len(sources) > 1:
            raise UsageError(f"{live[0]}: a live source is enhanced alone, and there are {len(sources)} sources")
        return bool(live)

    def _check_unused(self) -> None:
        for option in fields(self):
            if is_given(getattr(self, option.name)):
                word = f"--{option.name.replace('_', '-')}"
                raise UsageError(f"{word} is for live sources: a camera, a stream, or - with --size")


def enhance_live(
    source: str,
    output: str | None,
    enhance: Callable[[Pixels], Pixels],
    words: LiveWords,
    *,
    overwrite: bool = False,
    quality: int | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Enhance a live source until it ends, a signal comes, or as long as the words say.

    Args:
        source: its word.
        output: the word of its output; ``None``: only what ``--serve`` says.
        enhance: ``(H, W, 3)`` RGB ``uint8`` to the same.
        words: options for live sources.
        overwrite: replace a file.
        quality: of JPEGs that are served, 1 to 100.
        as_json: write the counts to standard output in the end.
        quiet: say only what goes wrong.

    Returns:
        The exit code: 0, or 128 and the number of the signal.

    Raises:
        UsageError: the words do not fit together.
        SourceError: the source cannot be opened, was lost for good, or ended without any frame.
        SinkError: an output did not take the frames.
    """
    from highbeam.video.live import run_live
    from highbeam.video.live_counts import Counts

    if as_json and output == "-":
        raise UsageError("-o - writes the frames to standard output; leave --json out")
    counts = Counts()
    with terminal.stop_on_signals() as stop, _Teller(quiet=quiet) as teller:
        opened = _source(source, words)
        sinks = _sinks(output, words, _Place(opened.name, counts, stop.event, teller.tell, overwrite, quality))
        try:
            run_live(
                opened,
                enhance,
                sinks,
                _options(words, opened),
                counts=counts,
                stop=stop.event,
                tell=teller.tell,
                watch=teller.watch,
            )
        finally:
            teller.finish(opened.name, counts.tally(), as_json=as_json)
    return stop.exit_code if stop.signal else 0


def _options(words: LiveWords, source: Source) -> LiveOptions:
    from highbeam.video.live import LiveOptions
    from highbeam.video.live_sources import RawSource

    raw = isinstance(source, RawSource)
    for word, value in {"--rate": words.rate, "--every-frame": words.every_frame}.items():
        if value and not raw:
            raise UsageError(f"{word} is for raw frames on standard input: a camera neither waits nor lies about time")
    return LiveOptions(
        every=raw and (words.every_frame or _is_file(sys.stdin)),
        retries=words.retries,
        rate=words.rate,
        duration=words.duration,
        frames=words.frames,
    )


def _is_file(stream: TextIO) -> bool:
    """Whether a stream comes from an ordinary file: it has no newest frame, and waits as long as need be."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # also what a stream in memory says
        return False


def _source(word: str, words: LiveWords) -> Source:
    from highbeam.video.live_sources import parse_source, raw_source

    if word == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("- with --size reads raw frames from standard input; redirect it")
        return raw_source(_unbuffered(sys.stdin, "rb"), words.size or "", words.rate)
    if words.size is not None:
        raise UsageError(f"{word}: --size is for raw frames on standard input; a stream says its size itself")
    return parse_source(word)


def _unbuffered(stream: TextIO, mode: str) -> io.FileIO:
    """Return a standard stream's bytes without a buffer, whose lock a thread that is left behind would keep."""
    try:
        return io.FileIO(stream.fileno(), mode, closefd=False)
    except OSError:  # a stream in memory
        return cast("io.FileIO", stream.buffer)


@dataclass(frozen=True)
class _Place:
    """What outputs need to know of the run."""

    source: str
    counts: Counts
    stop: threading.Event
    tell: Callable[[str], None]
    overwrite: bool
    quality: int | None


def _sinks(output: str | None, words: LiveWords, place: _Place) -> list[Sink]:
    if output is None and words.serve is None:
        raise UsageError(f"no output; give {_SINKS}, or --serve PORT")
    sinks = [] if output is None else [_sink(output, place)]
    if words.serve is not None:
        sinks.append(_served(f"http://127.0.0.1:{words.serve}", place))
    return sinks


def _sink(word: str, place: _Place) -> Sink:
    from highbeam.video.live_sinks import FORMATS, FileSink
    from highbeam.video.live_window import WindowSink, check_display

    if word == "-":
        return _to_stdout(place)
    if word == "window":
        check_display()
        return WindowSink(f"Highbeam: {place.source}")
    if "://" in word:
        return _served(word, place)
    path = Path(word)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{word}: no output of a live source; give {_SINKS}")
    return FileSink(path, overwrite=place.overwrite, tell=place.tell)


def _to_stdout(place: _Place) -> Sink:
    from highbeam.video.live_sinks import RawSink

    if sys.stdout.isatty():
        raise UsageError("-o - would write raw frames to the terminal; redirect standard output")
    return RawSink(_unbuffered(sys.stdout, "wb"), name="<stdout>", stop=place.stop, tell=place.tell)


def _served(word: str, place: _Place) -> Sink:
    from highbeam.video.live_http import MjpegSink, parse_place

    class Told(MjpegSink):
        """Says where it serves, once it does."""

        def open(self) -> None:
            super().open()
            place.tell(f"{self.address}: the live picture{', for everybody who reaches it' * self.is_public}")

    host, port = parse_place(word)
    return Told(
        host,
        port,
        quality=place.quality or _QUALITY,
        title=place.source,
        stats=lambda: place.counts.tally().as_dict(),
    )


class _Teller:
    """Keeps the user informed: a line that is redrawn on a terminal, else a line now and then.

    Args:
        quiet: tell nothing but what goes wrong.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._redraws = sys.stderr.isatty() and not quiet
        self._next = time.monotonic() + (_REDRAWN if self._redraws else _TOLD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wipe()

    def tell(self, text: str) -> None:
        """Tell something that happened."""
        if not self._quiet:
            self._wipe()
            terminal.note(text)

    def watch(self, tally: Tally) -> None:
        """Tell how the run stands, if it is time."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next = now + (_REDRAWN if self._redraws else _TOLD)
        if self._redraws:
            terminal.redraw(str(tally))
        else:
            terminal.note(str(tally))

    def finish(self, name: str, tally: Tally, *, as_json: bool) -> None:
        """Sum up, if anything came."""
        if tally.received:
            self.tell(f"{name}: {tally}")
        if as_json:
            terminal.say(json.dumps({"source": name, **tally.as_dict()}))

    def _wipe(self) -> None:
        if self._redraws:
            terminal.redraw("")
