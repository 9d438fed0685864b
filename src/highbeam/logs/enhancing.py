"""From one log to another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from highbeam.errors import (
    DamagedLogError,
    LogError,
    LogResumeError,
    RuntimeMissingError,
    TopicError,
    UnsupportedLogError,
    nearest,
)
from highbeam.logs.model import LogReport, LogSummary, TopicReport
from highbeam.logs.placing import check_output, placed, taken, working
from highbeam.pictures import format_of_suffix

if TYPE_CHECKING:
    from highbeam.logs.edit import Edit
    from highbeam.logs.frames import Enhance
    from highbeam.logs.journal import Journal

__all__ = ["choose_topics", "enhance_log", "is_log", "summarise"]

_SUFFIXES = frozenset({".bag", ".db3", ".mcap"})
_METADATA = "metadata.yaml"


def is_log(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a log: by its suffix, or a folder by the files in it.

    A folder with pictures is one of pictures, whatever logs lie between them, unless it is described as a bag.
    """
    place = Path(path)
    if not place.is_dir():
        return place.suffix.lower() in _SUFFIXES
    names = {name.removesuffix(".zstd") for name in os.listdir(place)}  # noqa: PTH208 - names alone
    if not any(name.endswith((".db3", ".mcap")) for name in names):
        return False
    return _METADATA in names or not any(map(format_of_suffix, names))


def summarise(source: str | os.PathLike[str]) -> LogSummary:
    """Read a log to its end and say what it holds.

    Args:
        source: a ``.bag``, ``.mcap`` or ``.db3`` file, or the folder of a ROS 2 bag.

    Raises:
        LogError: it is damaged from the beginning, or of no known form.
        RuntimeMissingError: the extra ``robotics`` is not installed.
    """
    path = Path(source)
    _check_installed()
    from highbeam.logs import folders, ros1  # noqa: PLC0415 - they need the extra

    try:
        if path.is_dir():
            return folders.survey(path)
        return ros1.survey(path) if _is_ros1(path) else folders.survey_file(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def enhance_log(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    topics: Sequence[str],
    make: Callable[[], Enhance],
    *,
    suffix: str | None = None,
    overwrite: bool = False,
    progress: Callable[[], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    summary: LogSummary | None = None,
    identity: str = "",
    resume: bool = False,
) -> LogReport:
    """Copy a log, with the pictures of some topics enhanced.

    Messages are read and written one after another, a chunk of them at most in memory. The result appears under its
    name once it is whole. Enhanced pictures are kept in a hidden folder beside it until then, from which interrupted
    work is resumed.

    Args:
        source: a ``.bag``, ``.mcap`` or ``.db3`` file, or the folder of a ROS 2 bag.
        output: the result, of the same form.
        topics: whose pictures to enhance; where none is given, the only one that has pictures.
        make: called once for each topic; gives a method, ``(H, W, 3)`` RGB of ``uint8`` or ``uint16`` to the same,
            which is called with the topic's pictures in the order of the recording. With ``state_dict()`` and
            ``load_state_dict()``, a flat dict of arrays, numbers and texts, it goes on from where it was; without, it
            must take each picture by itself to be resumed.
        suffix: of the names of new topics, which take the enhanced pictures beside the originals; where there is none,
            they take the place of the originals.
        overwrite: replace an existing output; never the log.
        progress: called after each picture.
        stopped: asked before each message; once it says yes, the work ends and leaves no result, but can be resumed.
        summary: what :func:`summarise` said of the log, if that was asked before.
        identity: whatever decides what the methods make, in words: a resumed run must have the same.
        resume: go on from what an earlier run left, if it left anything.

    Returns:
        What was done, and what could not be read.

    Raises:
        TopicError: a topic is not there or has no pictures, or none was given and there is not exactly one.
        OutputError: the result has no place to go.
        LogError: the log is damaged from the beginning, or it or its pictures are of no known form.
        LogWriteError: the disk did not take the result.
        LogResumeError: what an earlier run left belongs to another log, identity, topic or suffix.
        RuntimeMissingError: the extra ``robotics`` is not installed.
    """
    path, place = Path(source), Path(output)
    if not os.path.lexists(path):
        raise LogError(str(path), "there is no such file; check the path")
    check_output(path, place, overwrite=overwrite)
    known = summary or summarise(path)
    chosen = choose_topics(known, topics, suffix=suffix)
    from highbeam.logs.edit import Edit  # noqa: PLC0415 - it needs the extra
    from highbeam.logs.journal import Journal  # noqa: PLC0415 - likewise

    report = LogReport(str(path), str(place), {name: TopicReport(name + (suffix or "")) for name in chosen})
    with working(place) as folder:
        check_output(path, place, overwrite=overwrite)  # once more: what was there may have its name back
        journal = Journal(folder, place)
        edit = Edit(chosen, make, report, suffix, progress=progress, stopped=stopped, journal=journal)
        with _left_for_later(folder, journal, report):
            with taken(place):
                journal.begin(_manifest(path, edit, identity), resume=resume)
            _work(path, place, folder, edit, known, overwrite=overwrite)
    return report


def _manifest(source: Path, edit: Edit, identity: str) -> dict[str, Any]:
    """Return everything that decides what the journal holds."""
    from highbeam.logs.journal import FORMAT, identity_of_log  # noqa: PLC0415 - it needs the extra

    return {
        "format": FORMAT,
        "source": identity_of_log(source),
        "method": identity,
        "topics": list(edit.topics),
        "suffix": edit.suffix,
        "library": cv2.__version__,
    }


@contextmanager
def _left_for_later(folder: Path, journal: Journal, report: LogReport) -> Iterator[None]:
    """Close the journal, and remove the folder where the result is there, or nothing to go on from."""
    needed = False
    try:
        yield
        needed = report.stopped and journal.kept > 0
    except (UnsupportedLogError, DamagedLogError):
        raise
    except LogResumeError:
        needed = True  # to whoever asks for the same again
        raise
    except BaseException:
        needed = journal.kept > 0
        raise
    finally:
        journal.close()
        if not needed:
            shutil.rmtree(folder, ignore_errors=True)


def _work(source: Path, place: Path, folder: Path, edit: Edit, summary: LogSummary, *, overwrite: bool) -> None:
    """Copy into the working folder, and give the result its name."""
    from highbeam.logs.edit import StoppedError  # noqa: PLC0415 - it needs the extra

    try:
        with placed(place, folder, overwrite=overwrite) as temporary:
            _copy(source, temporary, edit, summary)
            edit.keep()  # whatever is wrong with the place of the result, the work is not lost
    except StoppedError:
        edit.report.stopped = True
        with taken(place):
            edit.keep()


def _copy(source: Path, target: Path, edit: Edit, summary: LogSummary) -> None:
    from highbeam.logs import folders, ros1_copy  # noqa: PLC0415 - they need the extra

    if source.is_dir():
        folders.copy(source, target, edit, summary)
    elif _is_ros1(source):
        ros1_copy.copy(source, target, edit, summary)
    else:
        folders.copy_file(source, target, edit, summary)


def choose_topics(summary: LogSummary, topics: Sequence[str], *, suffix: str | None = None) -> tuple[str, ...]:
    """Return the topics to enhance.

    Args:
        summary: what the log holds.
        topics: those asked for; where there are none, the only one that has pictures is taken.
        suffix: as for :func:`enhance_log`.

    Raises:
        TopicError: one is not there or has no pictures, or none was asked for and there is not exactly one; or a
            topic that would be new is there already.
    """
    cameras = summary.cameras
    if not topics:
        if len(cameras) != 1:
            raise TopicError(summary.path, _no_choice(summary))
        topics = cameras
    for topic in topics:
        if topic not in cameras:
            raise TopicError(summary.path, _no_camera(summary, topic))
    names = {row.topic for row in summary.topics}
    if suffix is not None:
        _check_suffix(summary.path, suffix, [topic + suffix for topic in topics if topic + suffix in names])
    return tuple(dict.fromkeys(topics))


def _check_suffix(path: str, suffix: str, taken: Sequence[str]) -> None:
    if not suffix:
        raise TopicError(path, "an empty suffix gives no new topic; leave it out to replace the pictures")
    if taken:
        raise TopicError(path, f"has a topic {taken[0]} already; choose another suffix")


def _no_choice(summary: LogSummary) -> str:
    if summary.cameras:
        return f"has {len(summary.cameras)} topics with pictures; choose with --topic: {', '.join(summary.cameras)}"
    rest = ", ".join(f"{row.topic} ({row.type})" for row in summary.topics)
    return f"has no topic with pictures; its topics are: {rest}" if rest else "has no topics"


def _no_camera(summary: LogSummary, topic: str) -> str:
    found = next((row for row in summary.topics if row.topic == topic), None)
    cameras = ", ".join(summary.cameras) or "none"
    if found is None:
        return f"has no topic {topic!r}{nearest(topic, summary.cameras)} (topics with pictures: {cameras})"
    if topic.endswith("/compressedDepth"):
        return f"{topic} holds distances, which are not enhanced (topics with pictures: {cameras})"
    return f"{topic} ({found.type}, {found.serialisation}) holds no pictures (topics with pictures: {cameras})"


def _is_ros1(path: Path) -> bool:
    """Whether a file begins like a bag of ROS 1.

    Raises:
        LogError: it is empty, or begins like no log.
    """
    from highbeam.logs import mcaps, ros1, sqlite  # noqa: PLC0415 - they need the extra

    with path.open("rb") as file:
        start = file.read(max(len(mcaps.MAGIC), len(ros1.MAGIC), len(sqlite.MAGIC)))
    if not start:
        raise DamagedLogError(str(path), "is empty (0 bytes); get an undamaged copy")
    if not start.startswith((mcaps.MAGIC, ros1.MAGIC, sqlite.MAGIC)):
        raise UnsupportedLogError(str(path), "is no log of a known kind; known are ROS 1 bags, ROS 2 bags and MCAP")
    return start.startswith(ros1.MAGIC)


def _unreadable(path: Path, error: OSError) -> LogError:
    if isinstance(error, FileNotFoundError):
        return LogError(str(path), "there is no such file; check the path")
    return LogError(str(path), f"cannot be read ({error.strerror or error})")


def _check_installed() -> None:
    try:
        import lz4.frame  # type: ignore[import-untyped]  # noqa: F401, PLC0415
        import mcap  # noqa: F401, PLC0415
        import ruamel.yaml  # noqa: F401, PLC0415
        import zstandard  # noqa: F401, PLC0415
    except ImportError as error:
        reason = f"{error.name} is not here; install it with: pip install 'highbeam[robotics]'"
        raise RuntimeMissingError(f"logs need the extra `robotics`: {reason}") from error
