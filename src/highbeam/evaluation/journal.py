"""Rows on the disk while they are measured, so that what was measured once need not be again."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Self, TextIO

from highbeam.errors import EvaluationError
from highbeam.evaluation.results import Row

__all__ = ["Journal"]


class Journal:
    """A file of rows, one JSON line each, with what they depend on."""

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._known: dict[tuple[str, str], Row] = {}
        self._resume = resume

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        if self._resume and self._path.exists():
            self._read(self._path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a" if self._resume else "w", encoding="utf-8")
            if self._file.tell():
                self._file.write("\n")  # what was killed may have left half a line
        except OSError as error:
            raise EvaluationError(f"{self._path}: cannot be written ({error.strerror}); check the folder") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def _read(self, path: Path) -> None:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                plain = json.loads(line)
                values = {name: float(value) for name, value in plain["row"].pop("values").items()}
                row = Row(values=values, **plain["row"])
                self._known[plain["of"], row.case] = row
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # the last line of a run that was killed while it wrote

    def known(self, mark: str, case: str) -> Row | None:
        """Return the row of a case that was measured before, under the same conditions."""
        return self._known.get((mark, case))

    def write(self, mark: str, row: Row) -> None:
        """Keep a row."""
        if self._file is not None:
            plain = asdict(row)
            plain["values"] = {name: _plain(value) for name, value in row.values.items()}
            try:
                self._file.write(json.dumps({"of": mark, "row": plain}) + "\n")
                self._file.flush()
            except OSError as error:
                raise EvaluationError(f"{self._path}: cannot be written ({error.strerror}); check the disk") from error


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # JSON has no infinity
