"""ROS 2 bags: one or several files in a folder, with ``metadata.yaml`` that describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from highbeam.errors import DamagedLogError
from highbeam.logs import mcap_copy, mcaps, metadata, packing, sqlite
from highbeam.logs.metadata import NAME, bag_files
from highbeam.logs.model import LogSummary, TopicSummary

if TYPE_CHECKING:
    from highbeam.logs.edit import Edit

__all__ = ["copy", "copy_file", "survey", "survey_file"]


def survey_file(path: Path, *, packed: bool = False) -> LogSummary:
    """Read one file of either form and say what it holds.

    Args:
        path: the file.
        packed: its messages are packed one by one.

    Raises:
        DamagedLogError: it is of neither form.
    """
    if _is_sqlite(path):
        return sqlite.survey(path, packed=packed)
    return mcaps.survey(path, packed=packed)


def copy_file(source: Path, target: Path, edit: Edit, summary: LogSummary) -> None:
    """Copy one file of either form, with its messages as the edit makes them.

    Args:
        source: the file.
        target: a new file.
        edit: what is done to messages.
        summary: what the file holds.
    """
    if _is_sqlite(source):
        sqlite.copy(source, target, edit, _retell)
    else:
        mcap_copy.copy(source, target, edit, summary, _retell)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(sqlite.MAGIC))
    if not start:
        raise DamagedLogError(str(path), "is empty (0 bytes); get an undamaged copy")
    return start == sqlite.MAGIC


def _retell(text: str, edit: Edit) -> str:
    return metadata.retold(text, edit.names(), edit.written, {})


def survey(folder: Path) -> LogSummary:
    """Read a bag and say what it holds.

    Raises:
        LogError: it is damaged or not known.
    """
    bag = bag_files(folder)
    whole = LogSummary(str(folder), "", size=sum(path.stat().st_size for path in bag.files), files=len(bag.files))
    packs, rows = set[str](), dict[tuple[str, str], TopicSummary]()
    for path in bag.files:
        with _plain(path, bag.mode) as (plain, cut):
            part = survey_file(plain, packed=bag.mode == "message")
        whole.form = f"ROS 2 bag ({part.form})"
        whole.attachments += part.attachments
        whole.metadata += part.metadata
        whole.ids |= part.ids
        whole.broken = whole.broken or _told(path, cut or part.broken)
        packs |= {f"zstd by {bag.mode}"} if bag.mode else set(part.compression)
        for row in part.topics:
            rows[row.topic, row.type] = _summed(rows.get((row.topic, row.type)), row)
    whole.topics, whole.compression = [row for _, row in sorted(rows.items())], tuple(sorted(packs))
    return whole


def _told(path: Path, broken: str | None) -> str | None:
    return f"{path.name}: {broken}" if broken else None


def _summed(first: TopicSummary | None, second: TopicSummary) -> TopicSummary:
    if first is None:
        return second
    first.count += second.count
    first.size += second.size
    first.start = min((time for time in (first.start, second.start) if time is not None), default=None)
    first.end = max((time for time in (first.end, second.end) if time is not None), default=None)
    first.picture = first.picture or second.picture
    return first


@contextmanager
def _plain(path: Path, mode: str, beside: Path | None = None) -> Iterator[tuple[Path, str | None]]:
    """Yield a file that is not packed, in a folder or in the system's, and what was wrong with the packed one."""
    if mode != "file":
        yield path, None
        return
    with TemporaryDirectory(prefix="highbeam-", dir=beside) as folder:
        plain = Path(folder, path.stem)
        cut = packing.unpack_file(path, plain)
        yield plain, cut


def copy(source: Path, target: Path, edit: Edit, summary: LogSummary) -> None:
    """Copy a bag, with its messages as the edit makes them.

    Args:
        source: the bag's folder.
        target: a new folder.
        edit: what is done to messages.
        summary: what the bag holds.
    """
    bag = bag_files(source)
    edit.packed = bag.mode == "message"
    whole, counts = Counter[str](), dict[str, int]()
    target.mkdir()
    for path in bag.files:
        edit.written.clear()
        _copy_part(path, target, edit, summary, bag.mode)
        counts[path.name] = edit.written.total()
        whole += edit.written
    if bag.text is None:
        edit.report.broken = edit.report.broken or f"{NAME} is missing; `ros2 bag reindex` makes one"
    elif not edit.names() and not edit.report.broken:
        (target / NAME).write_bytes((source / NAME).read_bytes())
    else:
        text = metadata.retold(bag.text, edit.names(), whole, counts)
        (target / NAME).write_text(text, encoding="utf-8", errors="surrogateescape")


def _copy_part(path: Path, target: Path, edit: Edit, summary: LogSummary, mode: str) -> None:
    before, edit.report.broken = edit.report.broken, None
    with _plain(path, mode, target.parent) as (plain, cut):  # whatever is left there if killed, the next run removes
        result = target / plain.name
        copy_file(plain, result, edit, summary)
        if mode == "file":
            packing.pack_file(result, target / path.name)
            result.unlink()
    edit.report.broken = before or _told(path, cut or edit.report.broken)
