"""The SQLite files of ROS 2 bags, table by table.

Source: ``rosbag2_storage_sqlite3`` of ROS 2, schema versions 1 to 4; tables and columns that are not known here are
copied like the others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from highbeam.errors import DamagedLogError
from highbeam.logs.edit import Edit, Tally
from highbeam.logs.model import UNKNOWN, Channel, LogSummary, plain_type

__all__ = ["MAGIC", "Retell", "copy", "survey"]

MAGIC = b"SQLite format 3\0"
_NEEDED = {
    "topics": frozenset({"id", "name", "type", "serialization_format"}),
    "messages": frozenset({"id", "topic_id", "timestamp", "data"}),
}
_KEPT = ("page_size", "encoding", "user_version", "application_id")
_FAR = 1 << 40  # a number beyond those of all messages, where the last one cannot be asked for

Retell: TypeAlias = Callable[[str, Edit], str]
"""Says in the words of rosbag2's own metadata what the result holds."""

_Row: TypeAlias = tuple[Any, ...]


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file for reading alone.

    What a recorder left in a write-ahead log beside the file counts; where nothing may be written beside it, which
    SQLite needs to do for that, the file alone is read.

    Raises:
        DamagedLogError: it cannot be read, or is no log.
    """
    reason = ""
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None)
        try:
            connection.execute("PRAGMA writable_schema=ON")  # or a file that is cut short would not even be opened
            _check(connection)
        except (sqlite3.Error, UnicodeDecodeError, KeyError) as error:
            connection.close()
            reason = str(error)
            if not isinstance(error, sqlite3.OperationalError):
                break
        else:
            return connection
    raise DamagedLogError(str(path), f"cannot be read as a log ({reason}); get an undamaged copy")


def _check(connection: sqlite3.Connection) -> None:
    """Make the tables in memory, and see that nothing is missing.

    Raises:
        KeyError: something is.
    """
    with closing(sqlite3.connect(":memory:")) as trial:
        for (sql,) in connection.execute(
            "SELECT sql FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
        ):
            trial.execute(sql)
        for table, columns in _NEEDED.items():
            missing = columns.difference(_columns(trial, table))
            if missing:
                raise KeyError(f"the table {table} lacks {', '.join(sorted(missing))}")


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _channels(connection: sqlite3.Connection) -> dict[int, Channel]:
    rows = connection.execute("SELECT id, name, type, serialization_format FROM topics")
    return {number: Channel(str(name), plain_type(str(kind)), str(form)) for number, name, kind, form in rows}


def _broken(error: object) -> str:
    return f"the file is damaged or cut short ({error})"


def survey(path: Path, *, packed: bool = False) -> LogSummary:
    """Read a file and say what it holds.

    Args:
        path: the file.
        packed: its messages are packed one by one.
    """
    tally, summary = Tally(packed=packed), LogSummary(str(path), "SQLite", ("none",), path.stat().st_size)
    with closing(_opened(path)) as connection:
        try:
            channels = _channels(connection)
            for channel in channels.values():
                tally.open(channel)
            summary.ids = frozenset(channels)
            for place, number, time, kind, size in connection.execute(_SURVEY):
                if not isinstance(time, int) or kind != "blob":
                    raise sqlite3.DatabaseError(_STRANGE_ROW)
                if number in channels and tally.add(channels[number], time, size):
                    (data,) = connection.execute("SELECT data FROM messages WHERE rowid=?", (place,)).fetchone()
                    tally.look(channels[number], data)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            summary.broken = _broken(error)
    summary.topics = tally.topics()
    return summary


_STRANGE_ROW = "a message has no time or no data"
_SURVEY = "SELECT rowid, topic_id, timestamp, TYPEOF(data), LENGTH(data) FROM messages ORDER BY rowid"


def copy(source: Path, target: Path, edit: Edit, retell: Retell | None = None) -> None:
    """Copy a file, with its messages as the edit makes them.

    Args:
        source: the file.
        target: a new file.
        edit: what is done to messages.
        retell: rewrites the metadata that rosbag2 leaves in its files.
    """
    with closing(_opened(source)) as old, closing(sqlite3.connect(target, isolation_level=None)) as new:
        for name in _KEPT:
            (value,) = old.execute(f"PRAGMA {name}").fetchone()
            new.execute(f"PRAGMA {name}={value!r}")
        new.execute("PRAGMA journal_mode=OFF")  # nobody sees the file before it is whole
        new.execute("PRAGMA synchronous=OFF")
        new.execute("BEGIN")
        try:
            _Copier(old, new, edit, retell).copy()
        except _SourceError as error:
            edit.report.broken = str(error)
        except sqlite3.OperationalError as error:  # such as a full disk
            raise OSError(str(error)) from error
        except sqlite3.Error as error:  # rows that do not fit their own table
            edit.report.broken = _broken(error)
        new.execute("COMMIT")


class _SourceError(Exception):
    """The source ends before its end."""


class _Copier:
    def __init__(self, old: sqlite3.Connection, new: sqlite3.Connection, edit: Edit, retell: Retell | None) -> None:
        self.old, self.new, self.edit, self.retell = old, new, edit, retell

    def copy(self) -> None:
        """Copy tables, what is in them, and then indexes, which are filled faster so."""
        made = list(self._rows("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"))
        tables = [(name, sql) for kind, name, sql in made if kind == "table" and not name.startswith("sqlite_")]
        for _, sql in tables:
            self.new.execute(sql)
        try:
            for name in sorted((name for name, _ in tables), key=_turn):
                self._copy_table(name)
        finally:  # what was read of a file that is cut short is kept
            for _, _, sql in (row for row in made if row[0] != "table"):
                self.new.execute(sql)

    def _rows(self, query: str) -> Generator[_Row]:
        try:
            yield from self.old.execute(query)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _SourceError(_broken(error)) from error

    def _copy_table(self, name: str) -> None:
        columns = _columns(self.old, name)
        insert = f"INSERT INTO {_quoted(name)} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - quoted
        with closing(self._rows(f"SELECT * FROM {_quoted(name)}")) as rows:  # noqa: S608 - quoted
            if name == "messages":
                self._copy_messages(rows, columns, insert)
            else:
                for row in rows:
                    self.new.execute(insert, self._retold(name, columns, row))
        if name == "topics":
            self._open_beside(columns, insert)

    def _retold(self, name: str, columns: Sequence[str], row: _Row) -> _Row:
        if name != "metadata" or self.retell is None or self.edit.suffix is None:
            return row
        at = columns.index("metadata")
        return (*row[:at], self.retell(row[at], self.edit), *row[at + 1 :])

    def _open_beside(self, columns: Sequence[str], insert: str) -> None:
        self.channels, self.beside = _channels(self.new), dict[int, int]()
        number, topic = columns.index("id"), columns.index("name")
        rows = self.new.execute("SELECT * FROM topics").fetchall()
        free = max(self.channels, default=0) + 1
        for row in rows:
            added = self.edit.added(self.channels[row[number]])
            if added is not None:
                other = list(row)
                other[number], other[topic] = free, added.topic
                self.new.execute(insert, other)
                self.beside[row[number]] = free
                free += 1

    def _copy_messages(self, rows: Iterator[_Row], columns: Sequence[str], insert: str) -> None:
        """Copy the messages; those made beside them get later numbers, and readers put all in order by their times."""
        key, number, time, data = (columns.index(name) for name in ("id", "topic_id", "timestamp", "data"))
        free = self._last() + 1
        for row in rows:
            if not isinstance(row[time], int) or not isinstance(row[data], bytes):
                raise _SourceError(_broken(_STRANGE_ROW))
            kept, made = self.edit.results(self.channels.get(row[number], UNKNOWN), row[time], row[data])
            self.new.execute(insert, _with(row, {data: kept}))
            if made is not None:
                self.new.execute(insert, _with(row, {data: made, number: self.beside[row[number]], key: free}))
                free += 1

    def _last(self) -> int:
        try:
            return int(self.old.execute("SELECT MAX(id) FROM messages").fetchone()[0] or 0)
        except sqlite3.DatabaseError:
            return _FAR


def _turn(table: str) -> int:
    """When a table is copied: messages need their topics, and the metadata says what all others hold."""
    return {"topics": 0, "metadata": 2}.get(table, 1)


def _with(row: _Row, values: dict[int, object]) -> list[object]:
    changed = list(row)
    for at, value in values.items():
        changed[at] = value
    return changed
