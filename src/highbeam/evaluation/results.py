"""What an evaluation found: one row per picture and subject, and every switch that the figures depend on.

``results.json`` is the whole of it, and is read back as it was; ``results.csv`` has the rows alone.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from highbeam.errors import EvaluationError
from highbeam.pictures import write_bytes

__all__ = [
    "FORMAT",
    "RESCALED",
    "Comparison",
    "Interval",
    "Results",
    "Row",
    "SetInfo",
    "SubjectInfo",
    "SubjectKind",
    "document",
    "read_results",
    "write_results",
]

FORMAT = 1
"""Of ``results.json``; another number is not read."""

RESCALED = " (rescaled)"
"""Ends the names of figures of outputs that were brought to the reference's mean brightness first."""

SubjectKind: TypeAlias = Literal["input", "method", "network", "outputs"]
_STRICT = ConfigDict(extra="forbid")


@checked(frozen=True, config=_STRICT)
class Interval:
    """A mean and how far it is to be trusted.

    Attributes:
        mean: over the pictures where the figure is defined; NaN where there are none.
        low: lower end of the bootstrap interval; NaN with fewer than two pictures.
        high: upper end.
        count: pictures in it.
        undefined: pictures left out, because there was nothing to measure.
        median: over the same pictures as the mean; NaN where it was not asked for.
    """

    mean: float
    low: float
    high: float
    count: int
    undefined: int = 0
    median: float = math.nan


@checked(frozen=True, config=_STRICT)
class SubjectInfo:
    """Something whose pictures are measured.

    Attributes:
        name: unique in the evaluation.
        kind: ``input`` is the dark picture as it is, ``outputs`` a folder of somebody's results.
        about: what it is, in words.
        sha256: of the network's file, where it is one.
        trained_on: names of the data that it was trained on, as far as known.
        seconds: for one frame of 1280x720 on this machine, picture in memory to picture in memory; None where it does
            not run here.
        ratio: the same over the time of OpenCV's CLAHE in the same run.
        quartiles: of the seconds of the repeats, the first and the third; None where it was not timed.
        options: of a method, those that it shares with all and its own.
    """

    name: str
    kind: SubjectKind
    about: str = ""
    sha256: str = ""
    trained_on: tuple[str, ...] = ()
    seconds: float | None = None
    ratio: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    quartiles: tuple[float, float] | None = None


@checked(frozen=True, config=_STRICT)
class SetInfo:
    """A set of pictures, pairs or clips.

    Attributes:
        name: unique in the evaluation, such as ``lol-v1/eval15``.
        kind: ``pairs`` have references, ``pictures`` and ``clips`` have none, ``outputs`` have references alone.
        count: cases that were measured.
        sha256: of the names and bytes of all files that were found, those in ``missing`` too.
        missing: cases that are not there, cannot be read, or do not fit, with the reason; only where that was allowed.
        shared: for each subject by name: keys of the cases whose scenes its training data show.
    """

    name: str
    kind: Literal["pairs", "pictures", "clips", "outputs"]
    count: int
    sha256: str
    missing: dict[str, str] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)


@checked(frozen=True, config=_STRICT)
class Row:
    """One picture or clip of one subject.

    Attributes:
        set: name of the set.
        subject: name of the subject.
        case: the picture's key, unique in its set.
        width: pixels.
        height: pixels.
        values: by name of the figure; NaN where it is not defined.
        dark: path of the dark picture or clip; empty where there is none.
        reference: path of the reference; empty where there is none.
        output: path of the output, of subjects that are folders of them; empty else.
    """

    set: str
    subject: str
    case: str
    width: int
    height: int
    values: dict[str, float]
    dark: str = ""
    reference: str = ""
    output: str = ""


@checked(frozen=True, config=_STRICT)
class Comparison:
    """Two subjects on the same pictures, by one figure.

    Attributes:
        set: name of the set.
        figure: name of it.
        first: a subject.
        second: another one.
        difference: mean of first minus second over the pictures, with its bootstrap interval.
        p: of a two-sided sign-flip permutation test that the difference is none; NaN with fewer than two pictures.
        wins: pictures on which the first is better; ties count for neither.
        losses: pictures on which the second is better.
    """

    set: str
    figure: str
    first: str
    second: str
    difference: Interval
    p: float
    wins: int
    losses: int


@checked(frozen=True, config=_STRICT)
class Results:
    """The whole of an evaluation.

    Attributes:
        protocol: every switch, by name, in words and numbers.
        machine: versions, device, threads, date, command line.
        sets: what was measured on.
        subjects: what was measured, the input first where there is one.
        rows: one for each case of each set and each subject.
        means: by set, subject, subset (``all``, ``strict``, or ``common`` of what every subject has a row of) and
            figure.
        comparisons: of every two subjects.
        warnings: what a reader has to know before believing a figure.
        perception: what a perception network saw, by set, as :class:`highbeam.evaluation.perception.Perception` gives
            it; empty where none was asked.
        passed_over: how many files lay in the folders and were measured by nobody, by what they are.
    """

    protocol: dict[str, Any]
    machine: dict[str, Any]
    sets: tuple[SetInfo, ...]
    subjects: tuple[SubjectInfo, ...]
    rows: tuple[Row, ...]
    means: dict[str, dict[str, dict[str, dict[str, Interval]]]]
    comparisons: tuple[Comparison, ...] = ()
    warnings: tuple[str, ...] = ()
    perception: dict[str, dict[str, Any]] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)

    def of(self, set_name: str, subject: str) -> tuple[Row, ...]:
        """Return the rows of a set and a subject."""
        return tuple(row for row in self.rows if (row.set, row.subject) == (set_name, subject))


def write_results(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write ``results.json`` and ``results.csv`` into a folder, over earlier ones.

    Raises:
        PictureWriteError: the disk does not take them.
    """
    whole, table = folder / "results.json", folder / "results.csv"
    write_bytes(document(results).encode() + b"\n", whole, overwrite=True)
    write_bytes(_csv(results.rows).encode(), table, overwrite=True)
    return whole, table


def document(results: Results) -> str:
    """Return the text of ``results.json``, without a line break at its end."""
    plain = _without_nan({"format": FORMAT} | asdict(results))
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)


def read_results(path: Path) -> Results:
    """Read a ``results.json``.

    Raises:
        EvaluationError: it cannot be read, is damaged, or is of another format.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: is not JSON ({error}); evaluate again") from error
    if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
        raise EvaluationError(f"{path}: is not a result of format {FORMAT}; evaluate again with this version")
    try:
        return TypeAdapter(Results).validate_python(_with_nan(plain))
    except ValidationError as error:
        first = error.errors()[0]
        told = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise EvaluationError(f"{path}: is not as this version writes it ({told}); evaluate again") from None


def _csv(rows: Iterable[Row]) -> str:
    kept = list(rows)
    figures = list(dict.fromkeys(name for row in kept for name in row.values))
    columns = ("set", "subject", "case", "width", "height")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, *figures])
    for row in kept:
        writer.writerow([*(getattr(row, name) for name in columns), *(_cell(row.values, name) for name in figures)])
    return out.getvalue()


def _cell(values: Mapping[str, float], name: str) -> str:
    return repr(values[name]) if name in values else ""


_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - anything that JSON takes
    """Replace what JSON has no number for by words."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _with_nan(plain: dict[str, Any]) -> dict[str, Any]:
    """Undo :func:`_without_nan` where numbers belong."""

    def numbers(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {key: numbers(inner) for key, inner in value.items()}
        return _SPECIAL.get(value, value) if isinstance(value, str) else value

    rows = [row | {"values": numbers(row["values"])} for row in plain["rows"]]
    comparisons = [
        row | {"difference": numbers(row["difference"]), "p": numbers(row["p"])} for row in plain["comparisons"]
    ]
    return plain | {"rows": rows, "means": numbers(plain["means"]), "comparisons": comparisons}
