"""What is done to each message on its way from one log to the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from highbeam.errors import PictureError, UnsupportedLogError
from highbeam.logs import packing
from highbeam.logs.errors import FrameError, UnsupportedFrameError
from highbeam.logs.frames import Enhance, enhance_file, enhance_samples
from highbeam.logs.journal import Journal, Outcome
from highbeam.logs.messages import Bytes, compressed_layout, exchanged, image_layout
from highbeam.logs.model import Channel, Damage, LogReport, TopicReport, TopicSummary
from highbeam.pictures import inspect
from highbeam.resuming import memory_of

__all__ = ["Edit", "StoppedError", "Tally", "picture_of"]


class StoppedError(Exception):
    """Somebody asked to stop; the caller ends the work and leaves no result."""


@dataclass
class Edit:
    """Enhances the pictures of the chosen topics, and counts.

    Attributes:
        topics: those to enhance.
        make: gives a method for one topic, which may keep a state from picture to picture.
        report: what is told in the end.
        suffix: what the names of topics for the results end in; None puts the results in the place of the originals.
        packed: the messages are packed one by one, as rosbag2 can do.
        progress: called after each picture.
        stopped: asked before each message.
        journal: has what an earlier run made, and takes what this one makes.
        written: messages in the result, by topic.
    """

    topics: Collection[str]
    make: Callable[[], Enhance]
    report: LogReport
    suffix: str | None = None
    packed: bool = False
    progress: Callable[[], None] | None = None
    stopped: Callable[[], bool] | None = None
    journal: Journal | None = None
    written: Counter[str] = field(default_factory=Counter)
    _methods: dict[str, Enhance] = field(default_factory=dict)

    def wants(self, channel: Channel) -> bool:
        """Whether the channel's pictures are to be enhanced."""
        return channel.topic in self.topics and channel.kind is not None

    def added(self, channel: Channel) -> Channel | None:
        """The channel to open beside one; None where there is none."""
        return channel.beside(self.suffix) if self.suffix is not None and self.wants(channel) else None

    def names(self) -> dict[str, str]:
        """The topics that are new in the result, by those beside which they are."""
        return {} if self.suffix is None else {topic: topic + self.suffix for topic in self.topics}

    def results(self, channel: Channel, time: int, data: Bytes) -> tuple[Bytes, Bytes | None]:
        """Say what becomes of a message.

        Args:
            channel: where it came.
            time: when it was received, in nanoseconds.
            data: the message.

        Returns:
            What is written in its place, and what is written beside it, if anything.

        Raises:
            UnsupportedLogError: the first picture of a topic is of an encoding that is not taken.
            StoppedError: somebody asked to stop.
            LogResumeError: what an earlier run made does not fit the message.
            OSError: the disk did not take what the journal keeps.
        """
        if self.stopped is not None and self.stopped():
            raise StoppedError
        self.written[channel.topic] += 1
        made = self._made(channel, time, data) if self.wants(channel) else None
        if made is None:
            self.report.copied += 1
            return data, None
        if self.suffix is None:
            return made, None
        self.written[channel.topic + self.suffix] += 1
        return data, made

    def passed(self, topic: str, times: Collection[int], reason: str) -> None:
        """Note the messages of one topic in a chunk that was copied because it cannot be unpacked.

        Args:
            topic: its name; empty where it is not known.
            times: when they were received; may be empty where that is not known.
            reason: what is wrong with the chunk.
        """
        self.written[topic] += len(times)
        self.report.copied += len(times)
        count = f"{len(times)} messages are" if len(times) > 1 else "the message is"
        self._damage(topic, min(times, default=0), f"{count} in a chunk that {reason}")

    def _damage(self, topic: str, time: int, reason: str) -> None:
        self.report.damages.append(Damage(topic, time, reason))

    def _made(self, channel: Channel, time: int, data: Bytes) -> Bytes | None:
        told = self.report.topics.setdefault(channel.topic, TopicReport(channel.topic + (self.suffix or "")))
        outcome = self.journal.next(data) if self.journal is not None else None
        if outcome is None:
            outcome = self._outcome(channel, data, first=not told.enhanced)
        else:
            self.report.resumed += outcome.made is not None
        if outcome.made is None:
            told.damaged += 1
            self._damage(channel.topic, time, outcome.reason)
        else:
            told.enhanced += 1
        if self.progress is not None:
            self.progress()
        return outcome.made

    def _outcome(self, channel: Channel, data: Bytes, *, first: bool) -> Outcome:
        try:
            outcome = Outcome(self._enhanced(channel, data))
        except FrameError as error:
            if isinstance(error, UnsupportedFrameError) and first:
                raise UnsupportedLogError(self.report.source, f"{channel.topic}: {error}") from error
            outcome = Outcome(None, str(error))
        if self.journal is not None:
            self.journal.add(data, outcome, self.states)
        return outcome

    def keep(self) -> None:
        """Put on the disk what was made so far.

        Raises:
            OSError: the disk did not take it.
        """
        if self.journal is not None:
            self.journal.keep(self.states())

    def states(self) -> dict[str, Mapping[str, Any]]:
        """Return what the methods remember, by topic; those without ``state_dict`` remember nothing."""
        earlier = self.journal.states if self.journal is not None else {}
        found = {topic: state for topic, state in earlier.items() if topic not in self._methods}
        memories = {topic: memory_of(method) for topic, method in self._methods.items()}
        return {**found, **{topic: each.state_dict() for topic, each in memories.items() if each is not None}}

    def _method(self, topic: str) -> Enhance:
        """Return a topic's method: a fresh one, brought to where an earlier run left it, for its first picture."""
        if topic not in self._methods:
            method = self.make()
            memory = memory_of(method)
            if memory is not None and self.journal is not None and topic in self.journal.states:
                memory.load_state_dict(dict(self.journal.states[topic]))
            self._methods[topic] = method
        return self._methods[topic]

    def _enhanced(self, channel: Channel, data: Bytes) -> Bytes:
        message = packing.unpacked_message(data) if self.packed else data
        made = _enhanced(channel, message, self._method(channel.topic))
        return packing.packed_message(made) if self.packed else made


def _enhanced(channel: Channel, data: Bytes, method: Enhance) -> bytes:
    if channel.kind == "image":
        image = image_layout(data, channel.serialisation)
        samples = enhance_samples(image, data[image.start : image.end], method)
        return b"".join((data[: image.start], samples, data[image.end :]))
    file = compressed_layout(data, channel.serialisation)
    return exchanged(data, file, enhance_file(file.format, bytes(data[file.start : file.end]), method))


class Tally:
    """Counts the messages of a log, topic by topic."""

    def __init__(self, *, packed: bool = False) -> None:
        self.packed = packed
        self._rows: dict[tuple[str, str], TopicSummary] = {}

    def open(self, channel: Channel) -> TopicSummary:
        """Return a channel's row, and make it where it has none."""
        row = TopicSummary(channel.topic, channel.type, channel.serialisation, channel.kind is not None)
        return self._rows.setdefault((channel.topic, channel.type), row)

    def add(self, channel: Channel, time: int, size: int) -> bool:
        """Count one message; say whether :meth:`look` would learn something from it."""
        row = self.open(channel)
        row.count += 1
        row.size += size
        row.start = time if row.start is None else min(row.start, time)
        row.end = time if row.end is None else max(row.end, time)
        return row.camera and not row.picture

    def look(self, channel: Channel, data: Bytes) -> None:
        """Note what the pictures of a channel are, by one of them."""
        with suppress(FrameError):
            self.open(channel).picture = picture_of(channel, packing.unpacked_message(data) if self.packed else data)

    def topics(self) -> list[TopicSummary]:
        """Return the rows in the order of their names."""
        return [row for _, row in sorted(self._rows.items())]


def picture_of(channel: Channel, data: Bytes) -> str:
    """Say what a message's picture is, such as ``640x480 mono8``.

    Raises:
        FrameError: that cannot be read.
    """
    if channel.kind == "image":
        image = image_layout(data, channel.serialisation)
        return f"{image.width}x{image.height} {image.encoding}"
    file = compressed_layout(data, channel.serialisation)
    try:
        header = inspect(bytes(data[file.start : file.end]))
    except PictureError:
        return file.format
    return f"{header.width}x{header.height} {header.format}"
