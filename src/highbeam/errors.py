"""Every error that a user of Highbeam can meet.

The tree::

    HighbeamError
    ├── UsageError                 what was asked for cannot be done; nothing was touched
    │   ├── UnknownMethodError     no method of that name
    │   ├── OptionError            no option of that name, or a value out of its range
    │   ├── ArrayError             an array of a shape, dtype or range that no method takes
    │   ├── OutputError            where the result should go: a clash, an existing file, an input
    │   ├── UnknownDatasetError    no data set layout of that name
    │   ├── UnknownMetricError     no metric of that name
    │   ├── MetricError            what was given cannot be measured, or measurements that do not fit together
    │   ├── ConfigError            a configuration that cannot be read, or whose keys or values are wrong
    │   ├── RuntimeMissingError    what was asked to compute, a GPU or another runtime, is not here
    │   ├── NetworkError           no network of that name, or one that cannot be built as asked
    │   └── PositionError          a saved position in the data that belongs to other data or another seed
    ├── DatasetError               data on the disk is not what it should be; names the place
    │   ├── LayoutError                a folder lacks what its layout asks for
    │   ├── MissingHalfError           pictures of pairs whose other half is not there
    │   └── ShardError                 packed shards are missing, damaged, or of another version
    ├── TrainingError              a training cannot go on: a loss that is not finite, a checkpoint that does not fit
    ├── WeightsError               a trained network's file is missing, damaged, or not the released one
    ├── ExportError                a network could not be exported, or its file computes something else
    ├── EvaluationError            what is to be measured is missing, cannot be read, or does not fit together
    ├── SourceError                a live source, a camera or a stream, cannot be opened or read; it names the source
    │   └── StreamLostError            it gave frames, went away, and did not come back
    ├── SinkError                  what takes live frames, a file, a pipe or a port, did not take them; it names it
    ├── LogError                   one robot log could not be read or written; it names the file
    │   ├── TopicError                 no such topic, none with pictures, or several; also a UsageError
    │   ├── UnsupportedLogError        a form, a compression or a kind of picture that Highbeam does not take
    │   ├── DamagedLogError            empty, truncated, corrupt
    │   ├── LogWriteError              the disk did not take the result
    │   └── LogResumeError             what an earlier run left belongs to another log, method or topic
    ├── PictureError               one picture could not be read or written; it names the file
    │   ├── UnsupportedPictureError    a format, or a kind of picture, that Highbeam does not take
    │   ├── PictureTooLargeError       more pixels, or a longer side, than the limits allow
    │   ├── DamagedPictureError        empty, truncated, mislabelled, corrupt
    │   └── PictureWriteError          the disk or the format did not take the result
    └── ClipError                  one clip could not be read or written; it names the file
        ├── UnsupportedClipError       a clip, a stream or a container that Highbeam does not take
        ├── DamagedClipError           empty, truncated, corrupt, or changing its size midway
        ├── EncoderError               the codec is not here, or does not take what it is asked for
        ├── ClipWriteError             the disk, or the container, did not take the result
        └── ResumeError                what an earlier run left does not fit this one

The command line maps ``UsageError`` to exit code 2 and the others to exit code 1.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ArrayError",
    "ClipError",
    "ClipWriteError",
    "ConfigError",
    "DamagedClipError",
    "DamagedLogError",
    "DamagedPictureError",
    "DatasetError",
    "EncoderError",
    "EvaluationError",
    "ExportError",
    "HighbeamError",
    "LayoutError",
    "LogError",
    "LogResumeError",
    "LogWriteError",
    "MetricError",
    "MissingHalfError",
    "NetworkError",
    "OptionError",
    "OutputError",
    "PictureError",
    "PictureTooLargeError",
    "PictureWriteError",
    "PositionError",
    "ResumeError",
    "RuntimeMissingError",
    "ShardError",
    "SinkError",
    "SourceError",
    "StreamLostError",
    "TopicError",
    "TrainingError",
    "UnknownDatasetError",
    "UnknownMethodError",
    "UnknownMetricError",
    "UnsupportedClipError",
    "UnsupportedLogError",
    "UnsupportedPictureError",
    "UsageError",
    "WeightsError",
    "nearest",
]


_NAMED = 5
"""How many files a message names before it only counts."""


class HighbeamError(Exception):
    """Base of every error raised on purpose by this package."""


class UsageError(HighbeamError, ValueError):
    """What was asked for cannot be done as asked; nothing was touched."""


class UnknownMethodError(UsageError):
    """There is no method of that name; the message lists the right ones and the nearest."""


class OptionError(UsageError):
    """A method has no such option, or the value is outside its range."""


class ArrayError(UsageError):
    """An array whose shape, dtype or range no method takes."""


class OutputError(UsageError):
    """The result has no place to go: it would meet an input, another result or an existing file."""


class UnknownDatasetError(UsageError):
    """There is no layout of that name; the message lists the right ones and the nearest."""


class UnknownMetricError(UsageError):
    """There is no metric of that name; the message lists the right ones and the nearest."""


class MetricError(UsageError):
    """A metric lacks what it needs, or measurements do not fit together; the message names them."""


class NetworkError(UsageError):
    """There is no network of that name, or a network cannot be built as asked."""


class PositionError(UsageError):
    """A saved position in the data belongs to other data or to another seed."""


class ConfigError(UsageError):
    """A configuration cannot be read, or one of its keys or values is wrong; the message names it."""


class TrainingError(HighbeamError):
    """A training cannot go on; the message says what to do."""


class RuntimeMissingError(UsageError):
    """What was asked to compute, a GPU or another runtime, is not here; the message says what to install."""


class EvaluationError(HighbeamError):
    """What is to be measured is missing, cannot be read, or does not fit together; the message names it."""


class WeightsError(HighbeamError):
    """A trained network's file is missing, damaged, or not the one that was released."""


class DatasetError(HighbeamError):
    """Data on the disk is not what it should be; the message names the place."""


class LayoutError(DatasetError):
    """A folder lacks what its layout asks for, or holds no picture that was asked for."""


class MissingHalfError(DatasetError):
    """Pictures of pairs whose other half is not there.

    Attributes:
        files: every picture without its other half.
        place: the set that lacks it; empty where there is but one.
        advice: what to do.
    """

    def __init__(self, files: tuple[str, ...], place: str = "", advice: str = "add the missing files") -> None:
        named = ", ".join(files[:_NAMED]) + (", ..." if len(files) > _NAMED else "")
        where = f"{place}: " if place else ""
        super().__init__(f"{where}{len(files)} without the other half of the pair: {named}; {advice}")
        self.files, self.place, self.advice = files, place, advice

    def __reduce__(self) -> tuple[type[MissingHalfError], tuple[tuple[str, ...], str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.files, self.place, self.advice)


class ShardError(DatasetError):
    """Packed shards are missing, damaged, or of another version."""


class ExportError(HighbeamError):
    """A network could not be exported, or the file does not compute what the network does."""


class SourceError(HighbeamError):
    """A live source, a camera, a stream or a pipe, cannot be opened or read.

    Attributes:
        name: the source as it was given, without a password.
        reason: what was wrong and what to do, without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.name, self.reason)


class StreamLostError(SourceError):
    """A live source that gave frames went away, and did not come back as often as it was called."""


class SinkError(HighbeamError):
    """What takes live frames, a file, a pipe, a port or a window, did not take them.

    Attributes:
        name: the output as it was given.
        reason: what was wrong and what to do, without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[SinkError], tuple[str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.name, self.reason)


class PictureError(HighbeamError):
    """One picture could not be read or written.

    Attributes:
        name: the file's path as it was given, or ``<bytes>`` where there is no file.
        reason: what was wrong and what to do, without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.name, self.reason)


class UnsupportedPictureError(PictureError):
    """A format, or a kind of picture (animated, several pages, float), that Highbeam does not take."""


class PictureTooLargeError(PictureError):
    """More pixels, or a longer side, than the limits allow; found before decoding."""


class DamagedPictureError(PictureError):
    """Empty, truncated, mislabelled or corrupt data."""


class PictureWriteError(PictureError):
    """The disk, or the format, did not take the result; nothing half-written is left."""


class ClipError(HighbeamError):
    """One clip could not be read or written.

    Attributes:
        name: the file's path as it was given.
        reason: what was wrong and what to do, without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[ClipError], tuple[str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.name, self.reason)


class UnsupportedClipError(ClipError):
    """A clip, a stream of it, or a container that Highbeam does not take; nothing was touched."""


class DamagedClipError(ClipError):
    """Empty, truncated or corrupt data, or a size that changes midway."""


class EncoderError(ClipError):
    """The codec is not here, or does not take the size, the pixel format or the quality."""


class ClipWriteError(ClipError):
    """The disk, or the container, did not take the result; nothing half-written has its name."""


class ResumeError(ClipError):
    """What an earlier run left belongs to another source, method or encoding."""


class LogError(HighbeamError):
    """One robot log could not be read or written.

    Attributes:
        name: the log's path as it was given.
        reason: what was wrong and what to do, without the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason

    def __reduce__(self) -> tuple[type[LogError], tuple[str, str]]:
        """Survive pickling, so that a worker process can hand the error back."""
        return type(self), (self.name, self.reason)


class TopicError(LogError, UsageError):
    """The log has no such topic, none with pictures, or several of which none was chosen; the message lists them."""


class UnsupportedLogError(LogError):
    """A form of log, a compression, or an encoding of pictures that Highbeam does not take."""


class DamagedLogError(LogError):
    """The log is empty or damaged; the message says what became of it."""


class LogWriteError(LogError):
    """The disk did not take the result; nothing half-written has its name."""


class LogResumeError(LogError):
    """What an earlier run left belongs to another log, method, topic or suffix."""


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Say which of the right names is nearest to a wrong one, as the end of an error message.

    Returns:
        ``"; did you mean 'x'?"`` with the likeliest name, upper and lower case aside, or an empty string
        where none is near.
    """
    folded = {name.casefold(): name for name in right}
    close = difflib.get_close_matches(wrong.casefold(), list(folded), n=1, cutoff=0.5)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""
