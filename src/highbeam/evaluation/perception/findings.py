"""What was found out about a network by day, in the dark and on enhanced pictures; for terminals and for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from highbeam.evaluation.perception.agreement import FIGURES, Word
from highbeam.evaluation.perception.config import Task
from highbeam.evaluation.results import Interval

__all__ = ["ClassRow", "Perception", "Truth", "Verdict"]

Truth: TypeAlias = Literal["labels", "the network's predictions on the reference"]
_WORDS: Mapping[str, str] = MappingProxyType(
    {"miou": "mIoU", "iou": "IoU", "accuracy": "pixel accuracy", "ap": "AP", "ap50": "AP50", "f1": "F1"}
)
_UNITS: Mapping[Task, str] = MappingProxyType({"segmentation": "pixels", "mask": "pixels", "detection": "boxes"})


@dataclass(frozen=True)
class ClassRow:
    """One class.

    Attributes:
        name: of it.
        amount: pixels or boxes of it in the truth of all pictures.
        values: IoU or AP of it alone, by subject.
        differences: of every enhanced subject minus the dark input, by subject.
    """

    name: str
    amount: float
    values: Mapping[str, Interval]
    differences: Mapping[str, Interval]


@dataclass(frozen=True)
class Verdict:
    """Whether the network sees more on what a subject gives than on the dark input.

    Attributes:
        subject: name of it.
        figure: what it is judged by.
        difference: the subject minus the dark input, on the same pictures; ``mean`` is the difference on the set.
        word: what the interval says: all of it above 0 helps, all of it below 0 makes it worse; with fewer than six
            pictures, nothing.
        worse_classes: names of the classes that it makes worse, whatever the word.
    """

    subject: str
    figure: str
    difference: Interval
    word: Word
    worse_classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = (
            f"{self.subject}: {self.word} ({_WORDS[self.figure]} {_span(self.difference, sign='+')} against the input)"
        )
        return told + (f"; worse for {', '.join(self.worse_classes)}" if self.worse_classes else "")


@dataclass(frozen=True)
class Perception:
    """What an evaluation of one network found.

    Attributes:
        network: name of its file.
        sha256: of it.
        task: what it does.
        adapter: how its outputs were read.
        truth: what its predictions were held against.
        keys: of the pictures, in their order.
        subjects: ``reference`` where every picture has one, ``input``, and the enhanced ones.
        figures: by subject and name; ``mean`` is the figure of the whole set.
        pictures: the deciding figure of each picture alone, by subject, in the order of the keys; NaN where the truth
            is empty.
        classes: a row for each class that the truth has.
        verdicts: one for each enhanced subject.
        notes: what a reader has to know before believing a figure.
        resamples: of the bootstrap.
        seed: of it.
        settings: how the network was fed and read, every switch, by name.
    """

    network: str
    sha256: str
    task: Task
    adapter: str
    truth: Truth
    keys: tuple[str, ...]
    subjects: tuple[str, ...]
    figures: Mapping[str, Mapping[str, Interval]]
    pictures: Mapping[str, tuple[float, ...]]
    classes: tuple[ClassRow, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    resamples: int
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> str:
        """Lay everything but single pictures out as text for a terminal."""
        names = FIGURES[self.task]
        head = [f"{self.network}: {self.task} ({self.adapter}) on {len(self.keys)} pictures, against {self.truth}"]
        rows = [[name, *(_span(self.figures[name][figure]) for figure in names)] for name in self.subjects]
        blocks = [head + _columns([["", *(_WORDS[figure] for figure in names)], *rows])]
        if len(self.classes) > 1:
            blocks.append(self._class_lines())
        blocks += [[str(verdict) for verdict in self.verdicts], [f"note: {note}" for note in self.notes], self._facts()]
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def _class_lines(self) -> list[str]:
        head = [f"{_WORDS[FIGURES[self.task][0]].removeprefix('m')} by class", _UNITS[self.task], *self.subjects]
        rows = [
            [row.name, f"{row.amount:.0f}", *(_number(row.values[name].mean) for name in self.subjects)]
            for row in self.classes
        ]
        return _columns([head, *rows])

    def protocol(self) -> dict[str, Any]:
        """Say every switch that the figures depend on, by name."""
        interval = f"percentile bootstrap over pictures, 95%, {self.resamples} resamples, seed {self.seed}"
        told = {"network": self.network, "SHA-256 of the network": self.sha256, "task": self.task}
        return {**told, "adapter": self.adapter, "truth": self.truth, **self.settings, "interval": interval}

    def _facts(self) -> list[str]:
        facts = {name: _told(value) for name, value in self.protocol().items()}
        width = max(map(len, facts))
        return ["perception protocol", *(f"  {name.ljust(width)}  {value}" for name, value in facts.items())]

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON takes it; None where a figure is not defined."""
        plain: dict[str, Any] = _without_nan(asdict(self) | {"protocol": self.protocol()})
        del plain["settings"]  # they are in the protocol
        return plain


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(value: float, sign: str = "") -> str:
    return "-" if math.isnan(value) else f"{value:{sign}.3f}"


def _span(found: Interval, sign: str = "") -> str:
    ends = "" if math.isnan(found.low) else f" [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"
    return _number(found.mean, sign) + ends


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align cells, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_line(row, widths) for row in rows]


def _line(row: Sequence[str], widths: Iterable[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - anything that JSON takes
    if isinstance(value, Mapping):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
