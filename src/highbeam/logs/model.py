"""What a log holds, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

__all__ = [
    "UNKNOWN",
    "Channel",
    "Damage",
    "Kind",
    "LogReport",
    "LogSummary",
    "TopicReport",
    "TopicSummary",
    "plain_type",
]

Kind: TypeAlias = Literal["image", "compressed"]
"""How a topic's pictures are stored: as an array of samples, or as a JPEG or PNG file."""

_KINDS: dict[str, Kind] = {"sensor_msgs/msg/Image": "image", "sensor_msgs/msg/CompressedImage": "compressed"}
_SERIALISATIONS = frozenset({"ros1", "cdr"})
_PARTS = 2
_NANO = 1e-9
_BILLION = 10**9


def plain_type(name: str) -> str:
    """Return a type's name as ROS 2 writes it: ROS 1 leaves the part in the middle out."""
    parts = name.split("/")
    return f"{parts[0]}/msg/{parts[1]}" if len(parts) == _PARTS else name


@dataclass(frozen=True)
class Channel:
    """A stream of messages of one type.

    Attributes:
        topic: its name.
        type: of the messages, as ROS 2 writes it, such as ``sensor_msgs/msg/Image``.
        serialisation: ``ros1`` or ``cdr``; other logs than those of ROS have others.
    """

    topic: str
    type: str
    serialisation: str

    @property
    def kind(self) -> Kind | None:
        """How its pictures are stored; None where it has none that can be enhanced."""
        return None if self.serialisation not in _SERIALISATIONS or self.depth else _KINDS.get(self.type)

    @property
    def depth(self) -> bool:
        """Whether it holds compressed distances, which are files of a kind of their own and no pictures to look at."""
        return self.topic.endswith("/compressedDepth")

    def beside(self, suffix: str) -> Channel:
        """Return the channel that takes what is made of this one."""
        return replace(self, topic=self.topic + suffix)


UNKNOWN = Channel("", "", "")
"""Of messages whose channel the log does not describe, or no longer."""


@dataclass
class TopicSummary:
    """One topic of a log.

    Attributes:
        topic: its name.
        type: of the messages.
        serialisation: of the messages.
        camera: whether it holds pictures that can be enhanced.
        count: messages.
        size: bytes of the messages, unpacked if they were packed in chunks.
        start: time of the first message, in nanoseconds.
        end: time of the last message.
        picture: of the first message that can be read, such as ``1920x1080 rgb8``; empty where it holds none.
    """

    topic: str
    type: str
    serialisation: str
    camera: bool
    count: int = 0
    size: int = 0
    start: int | None = None
    end: int | None = None
    picture: str = ""

    @property
    def rate(self) -> float | None:
        """Messages per second; None where there are too few to tell."""
        if self.start is None or self.end is None or self.end <= self.start:
            return None
        return (self.count - 1) / ((self.end - self.start) * _NANO)


@dataclass
class LogSummary:
    """What a log holds.

    Attributes:
        path: as it was given.
        form: such as ``MCAP`` or ``ROS 1 bag``.
        compression: what the messages are packed with, several where a log mixes them.
        size: bytes on the disk.
        files: how many files it consists of.
        topics: in the order of their names.
        attachments: files that an MCAP carries along.
        metadata: named records of text that an MCAP carries along.
        broken: where and why reading ended before the end of the log; None where it did not.
        ids: numbers of channels that are taken.
    """

    path: str
    form: str
    compression: tuple[str, ...] = ()
    size: int = 0
    files: int = 1
    topics: list[TopicSummary] = field(default_factory=list)
    attachments: int = 0
    metadata: int = 0
    broken: str | None = None
    ids: frozenset[int] = frozenset()

    @property
    def count(self) -> int:
        """Messages of all topics."""
        return sum(topic.count for topic in self.topics)

    @property
    def start(self) -> int | None:
        """Time of the first message, in nanoseconds."""
        return min((topic.start for topic in self.topics if topic.start is not None), default=None)

    @property
    def end(self) -> int | None:
        """Time of the last message, in nanoseconds."""
        return max((topic.end for topic in self.topics if topic.end is not None), default=None)

    @property
    def duration(self) -> float:
        """Seconds from the first message to the last."""
        return 0.0 if self.start is None or self.end is None else (self.end - self.start) * _NANO

    @property
    def cameras(self) -> tuple[str, ...]:
        """The topics that hold pictures."""
        return tuple(topic.topic for topic in self.topics if topic.camera)


@dataclass(frozen=True)
class Damage:
    """A message, or a stretch of messages, that could not be enhanced and was copied as it is.

    Attributes:
        topic: where it was; empty for a stretch whose topics cannot be read.
        time: when it was received, in nanoseconds.
        reason: what was wrong.
    """

    topic: str
    time: int
    reason: str

    def __str__(self) -> str:
        seconds, rest = divmod(self.time, _BILLION)
        return f"{self.topic or 'several topics'} at {seconds}.{rest:09d} s: {self.reason}"


@dataclass
class TopicReport:
    """What became of one topic's pictures.

    Attributes:
        output: the topic that holds the enhanced ones; the same as before where they took the place of the originals.
        enhanced: how many.
        damaged: how many could not be enhanced.
    """

    output: str
    enhanced: int = 0
    damaged: int = 0


@dataclass
class LogReport:
    """What became of a log.

    Attributes:
        source: the log.
        output: the result.
        topics: by the name of the topic that was enhanced.
        copied: messages that were copied unchanged, those of other topics and damaged ones.
        resumed: of the enhanced pictures, those that an earlier run made.
        damages: what could not be enhanced.
        broken: where and why reading ended before the end of the log; the result holds what comes before.
        stopped: the work was stopped; there is no result, and what was made waits to be resumed.
    """

    source: str
    output: str
    topics: dict[str, TopicReport] = field(default_factory=dict)
    copied: int = 0
    resumed: int = 0
    damages: list[Damage] = field(default_factory=list)
    broken: str | None = None
    stopped: bool = False

    @property
    def enhanced(self) -> int:
        """Pictures of all topics that were enhanced."""
        return sum(topic.enhanced for topic in self.topics.values())

    @property
    def exit_code(self) -> int:
        """0 where the whole log was read and every picture enhanced, else 1."""
        return 1 if self.damages or self.broken or self.stopped else 0
