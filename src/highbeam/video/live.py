"""One live source in, one brighter live picture out: always the newest frame, whatever the enhancer's speed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from highbeam.errors import ArrayError
from highbeam.methods.base import Pixels
from highbeam.video.live_counts import Counts, Tally
from highbeam.video.live_reader import Backoff, LiveFrame, Mailbox, Reader, Source
from highbeam.video.live_sinks import Sink

__all__ = ["LiveOptions", "run_live"]

_GLANCE = 0.05
"""Seconds between looks at the signals and at the outputs while no frame comes."""


@dataclass(frozen=True)
class LiveOptions:
    """How a live run goes.

    Attributes:
        every: enhance every frame; the source, a pipe, waits. Else frames are dropped for newer ones.
        retries: failures in a row that are forgiven; see :class:`highbeam.video.live_reader.Reader`.
        rate: frames per second that the source stands for; ``None``: its frames lie where they came.
        duration: seconds after the first frame at which to end; ``None``: not.
        frames: enhanced frames after which to end; ``None``: not.
        backoff: pauses between attempts to reach a lost source.
    """

    every: bool = False
    retries: int | None = None
    rate: float | None = None
    duration: float | None = None
    frames: int | None = None
    backoff: Backoff = field(default_factory=Backoff)


def run_live(
    source: Source,
    enhance: Callable[[Pixels], Pixels],
    sinks: Sequence[Sink],
    options: LiveOptions | None = None,
    *,
    counts: Counts | None = None,
    stop: threading.Event | None = None,
    tell: Callable[[str], None] = lambda _: None,
    watch: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Enhance live frames until the source ends, an output wants no more, or what the options say is reached.

    Args:
        source: where the frames come from.
        enhance: ``(H, W, 3)`` RGB ``uint8`` to the same, called from this thread, in order, with gaps; the size may
            change between two calls.
        sinks: where they go; opened before the source, closed in any case.
        options: how it goes.
        counts: takes the counts, for whoever looks at them meanwhile or after an error.
        stop: once it is set, the run ends after the frame in work.
        tell: takes what a user should know, in one line; also called from the reading thread.
        watch: called again and again with how the run stands.

    Returns:
        How the run stood in the end.

    Raises:
        SourceError: the source cannot be opened, was lost for good, or ended without any frame.
        SinkError: an output did not take the frames.
        ArrayError: the enhancer does not keep shape and dtype.
    """
    options, counts = options or LiveOptions(), counts or Counts()
    mailbox = Mailbox(counts, every=options.every)
    reader = Reader(
        source, mailbox, counts, retries=options.retries, rate=options.rate, tell=tell, backoff=options.backoff
    )
    stop = stop or threading.Event()
    with _opened(sinks), reader:
        while not (stop.is_set() or _reached(options, counts) or mailbox.is_over()):
            wanted = [sink.idle() for sink in sinks]
            if not all(wanted):
                break
            frame = mailbox.take(_GLANCE)
            if frame is not None:
                _work(frame, enhance, sinks, counts)
            watch(counts.tally())
    return counts.tally()


@contextmanager
def _opened(sinks: Sequence[Sink]) -> Iterator[None]:
    """Open the outputs in order; close each that was opened, whatever happens to the others."""
    with ExitStack() as stack:
        for sink in sinks:
            sink.open()
            stack.callback(sink.close)
        yield


def _reached(options: LiveOptions, counts: Counts) -> bool:
    """Whether the run is as long as was asked for."""
    if options.duration is not None and counts.elapsed() >= options.duration:
        return True
    return options.frames is not None and counts.tally().enhanced >= options.frames


def _work(frame: LiveFrame, enhance: Callable[[Pixels], Pixels], sinks: Sequence[Sink], counts: Counts) -> None:
    pixels = frame.pixels()
    bright = enhance(pixels)
    if bright.shape != pixels.shape or bright.dtype != pixels.dtype:
        raise ArrayError(
            f"the enhancer made {bright.dtype} {bright.shape} of {pixels.dtype} {pixels.shape}; it must keep both"
        )
    for sink in sinks:
        sink.write(bright, frame.at)
    counts.enhanced(frame.arrived)
