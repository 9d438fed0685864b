"""What a network sees in the same pictures by day, in the dark and enhanced, and whether enhancement helps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.comparison import INPUT, REFERENCE
from highbeam.errors import ArrayError, EvaluationError, UsageError
from highbeam.evaluation.perception.agreement import (
    FIGURES,
    Agreement,
    MaskAgreement,
    PixelAgreement,
    Sampled,
    counts_of,
    interval,
    resamples_of,
    word_for,
)
from highbeam.evaluation.perception.boxes import Boxes
from highbeam.evaluation.perception.config import PerceptionConfig
from highbeam.evaluation.perception.detections import BoxAgreement, require_coco
from highbeam.evaluation.perception.findings import ClassRow, Perception, Verdict
from highbeam.evaluation.perception.labels import Labels
from highbeam.evaluation.perception.network import PerceptionNetwork, Seen
from highbeam.evaluation.results import Interval
from highbeam.evaluation.verdicts import LEAST_PICTURES
from highbeam.methods.base import Pixels

__all__ = ["Pair", "Subject", "perceive"]

Pair: TypeAlias = tuple[str, Pixels, Pixels | None]
"""Key, dark picture, and its reference, where there is one."""
Subject: TypeAlias = Callable[[Pixels], Pixels]
Reader: TypeAlias = Callable[[str], Pixels]
_Shown: TypeAlias = Callable[[str, Pixels], Pixels]

_OWN = "agreement with what the network sees by day is not truth: what it misses or mistakes there counts as right"
_ALONE = "one picture has no interval; give more"
_FEW = f"a verdict takes {LEAST_PICTURES} pictures with something to find; of a class, as many that have it"
_EMPTY = "there is nothing to be found in any of the pictures, so nothing can be told"
_PARTLY = "only some pictures have a reference, so that it is no subject"


def perceive(
    pairs: Iterable[Pair],
    subjects: Mapping[str, Subject],
    network: PerceptionNetwork,
    labels: Labels | None = None,
    *,
    outputs: Mapping[str, Reader] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Perception:
    """Run a network on references, dark pictures and what subjects make of them, and compare.

    Args:
        pairs: read one by one, each once. Without labels every one needs its reference, of the same size.
        subjects: what enhances, by name; ``input`` and ``reference`` are taken.
        network: an opened one.
        labels: what should be seen; None for what the network sees in the reference.
        outputs: what was made elsewhere, by name, each from a picture's key to its pixels.
        resamples: of the bootstrap over pictures.
        seed: of it.
        progress: is told the key of each finished picture.

    Raises:
        UsageError: a subject has a name that is taken, or ``resamples`` is below 1.
        RuntimeMissingError: detection without pycocotools.
        EvaluationError: no pictures, two of one key, sizes that differ, neither reference nor labels, or the network
            fails.
    """
    readers = outputs or {}
    _check([*subjects, *readers], network, resamples)
    everyone = {INPUT: _as_it_is} | {name: _made_by(subject) for name, subject in subjects.items()}
    everyone |= {name: _read_by(reader) for name, reader in readers.items()}
    tally = _Tally(network.config, len(network.classes))
    for key, dark, reference in pairs:
        _check_pair(key, dark, reference, tally.keys)
        by_day = None if reference is None else _see(network, reference, key, REFERENCE)
        truth = _trusted(by_day, network, key) if labels is None else labels.of(key, _size(dark))
        shown = {name: _fitting(show(key, dark), dark, key, name) for name, show in everyone.items()}
        seen = {name: _see(network, output, key, name) for name, output in shown.items()}
        tally.add(key, truth, seen if by_day is None else {REFERENCE: by_day, **seen})
        if progress is not None:
            progress(key)
    if not tally.keys:
        raise EvaluationError("there are no pictures to evaluate perception on; give some")
    return _conclude(tally, network, labels, resamples, seed)


def _as_it_is(_key: str, dark: Pixels) -> Pixels:
    return dark


def _made_by(subject: Subject) -> _Shown:
    return lambda _key, dark: subject(dark)


def _read_by(reader: Reader) -> _Shown:
    return lambda key, _dark: reader(key)


def _check(subjects: Sequence[str], network: PerceptionNetwork, resamples: int) -> None:
    for name in (INPUT, REFERENCE):
        if name in subjects:
            raise UsageError(f"a subject may not be called {name!r}, as the picture itself is; give it another name")
    if resamples < 1:
        raise UsageError(f"resamples must be at least 1, got {resamples}")
    if network.config.task == "detection":
        require_coco()


def _check_pair(key: str, dark: Pixels, reference: Pixels | None, keys: Sequence[str]) -> None:
    if key in keys:
        raise EvaluationError(f"{key}: comes twice; give each picture its own key")
    if reference is not None and _size(reference) != _size(dark):
        raise EvaluationError(f"{key}: is {_size(dark)}, and its reference {_size(reference)}; give pairs of one size")


def _size(pixels: Pixels) -> tuple[int, int]:
    return pixels.shape[0], pixels.shape[1]


def _fitting(output: Pixels, dark: Pixels, key: str, name: str) -> Pixels:
    if output.shape != dark.shape:
        raise EvaluationError(f"{key}: {name} makes {output.shape} of {dark.shape}; give outputs of the input's size")
    return output


def _see(network: PerceptionNetwork, pixels: Pixels, key: str, name: str) -> Seen:
    try:
        return network(pixels)
    except (EvaluationError, ArrayError) as error:
        raise EvaluationError(f"{key}, {name}: {error}") from error


def _trusted(by_day: Seen | None, network: PerceptionNetwork, key: str) -> Seen:
    """Return what is taken for the truth of what the network sees by day: of boxes, those that count as found."""
    if by_day is None:
        raise EvaluationError(f"{key}: has no reference; give one, or labels")
    if isinstance(by_day, Boxes):
        return by_day.only(by_day.scores >= network.config.found_from)
    return by_day


class _Tally:
    """What was seen so far: counts of pixels, which are small, or boxes."""

    def __init__(self, config: PerceptionConfig, classes: int) -> None:
        self.keys: list[str] = []
        self.references = 0
        self._config, self._classes = config, classes
        self._truths: list[Boxes] = []
        self._boxes: dict[str, list[Boxes]] = {}
        self._counts: dict[str, list[NDArray[np.int64]]] = {}

    def add(self, key: str, truth: Seen, seen: Mapping[str, Seen]) -> None:
        """Take in one picture as each subject shows it."""
        self.keys.append(key)
        self.references += REFERENCE in seen
        if isinstance(truth, Boxes):
            self._truths.append(truth)
        for name, found in seen.items():
            if isinstance(truth, Boxes) and isinstance(found, Boxes):
                self._boxes.setdefault(name, []).append(found)
            elif not isinstance(truth, Boxes) and not isinstance(found, Boxes):
                self._counts.setdefault(name, []).append(counts_of(truth, found))
            else:
                raise EvaluationError(f"{key}: labels and the network's task, {self._config.task}, do not go together")

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names of those who have seen every picture."""
        seen = self._boxes or self._counts
        ordered = [name for name in (REFERENCE, *seen) if len(seen.get(name, ())) == len(self.keys)]
        return tuple(dict.fromkeys(ordered))

    @property
    def classes(self) -> int:
        """How many there are: those that are named, or else up to the largest that was met."""
        met = [counts.shape[1] for rows in self._counts.values() for counts in rows]
        boxes = [*self._truths, *(found for rows in self._boxes.values() for found in rows)]
        met += [int(found.classes.max(initial=-1)) + 1 for found in boxes]
        return self._classes or max(met)

    def agreement(self, name: str) -> Agreement:
        """Return what can be measured of a subject."""
        if self._config.task == "detection":
            return BoxAgreement(self._truths, self._boxes[name], self.classes, self._config.found_from)
        if self._config.task == "mask":
            return MaskAgreement(self._counts[name])
        return PixelAgreement(self._counts[name], self.classes)


@dataclass(frozen=True)
class _Measured:
    """Figures of one subject: of the whole set, of each picture alone, and of the resamples."""

    whole: Sampled
    alone: Sampled
    drawn: Sampled

    def of(self, figure: str) -> Interval:
        alone = self.alone.figures[figure]
        undefined = int(np.isnan(alone).sum())
        return interval(self.whole.figures[figure][0], self.drawn.figures[figure], len(alone), undefined)

    def minus(self, other: _Measured, figure: str) -> Interval:
        alone = self.alone.figures[figure]
        whole = self.whole.figures[figure][0] - other.whole.figures[figure][0]
        drawn = self.drawn.figures[figure] - other.drawn.figures[figure]
        return interval(whole, drawn, len(alone), int(np.isnan(alone).sum()))

    def of_class(self, index: int, other: _Measured | None = None) -> Interval:
        """Return the figure of a class alone, or how much it is above another subject's."""
        alone, whole, drawn = (part.classes[:, index] for part in (self.alone, self.whole, self.drawn))
        if other is not None:
            whole, drawn = whole - other.whole.classes[:, index], drawn - other.drawn.classes[:, index]
        return interval(whole[0], drawn, len(alone), int(np.isnan(alone).sum()))


def _conclude(
    tally: _Tally, network: PerceptionNetwork, labels: Labels | None, resamples: int, seed: int
) -> Perception:
    count, task = len(tally.keys), network.config.task
    weightings = (np.ones((1, count)), np.eye(count), resamples_of(count, resamples, seed))
    agreements = {name: tally.agreement(name) for name in tally.subjects}
    measured = {name: _Measured(*map(agreement.figures, weightings)) for name, agreement in agreements.items()}
    amounts = agreements[INPUT].amounts().tolist()
    rows = _class_rows(measured, amounts, _names(network, len(amounts)))
    return Perception(
        network=network.path.name,
        sha256=network.sha256,
        task=task,
        adapter=network.adapter,
        truth="labels" if labels else "the network's predictions on the reference",
        keys=tuple(tally.keys),
        subjects=tally.subjects,
        figures={name: {figure: found.of(figure) for figure in FIGURES[task]} for name, found in measured.items()},
        pictures={name: tuple(found.alone.figures[FIGURES[task][0]].tolist()) for name, found in measured.items()},
        classes=rows,
        verdicts=_verdicts(measured, rows, FIGURES[task][0]),
        notes=_notes(tally, labels, empty=not rows),
        resamples=resamples,
        seed=seed,
        settings=network.settings(),
    )


def _names(network: PerceptionNetwork, count: int) -> tuple[str, ...]:
    if network.config.task == "mask":
        return network.classes[:1] or ("mask",)
    return network.classes or tuple(map(str, range(count)))


def _enhanced(measured: Mapping[str, _Measured]) -> list[str]:
    return [name for name in measured if name not in (INPUT, REFERENCE)]


def _class_rows(
    measured: Mapping[str, _Measured], amounts: Sequence[float], names: Sequence[str]
) -> tuple[ClassRow, ...]:
    dark = measured[INPUT]
    return tuple(
        ClassRow(
            names[index],
            amount,
            {name: found.of_class(index) for name, found in measured.items()},
            {name: measured[name].of_class(index, dark) for name in _enhanced(measured)},
        )
        for index, amount in enumerate(amounts)
        if amount
    )


def _verdicts(measured: Mapping[str, _Measured], rows: Sequence[ClassRow], figure: str) -> tuple[Verdict, ...]:
    found = []
    for name in _enhanced(measured):
        difference = measured[name].minus(measured[INPUT], figure)
        worse = [row.name for row in rows if word_for(row.differences[name]) == "makes it worse"]
        alone = len(rows) < 2  # noqa: PLR2004 - the only class says what the figure says
        found.append(Verdict(name, figure, difference, word_for(difference), () if alone else tuple(worse)))
    return tuple(found)


def _notes(tally: _Tally, labels: Labels | None, *, empty: bool) -> tuple[str, ...]:
    said = {
        _OWN: labels is None,
        _PARTLY: 0 < tally.references < len(tally.keys),
        _ALONE: len(tally.keys) == 1,
        _FEW: len(tally.keys) < LEAST_PICTURES,
        _EMPTY: empty,
    }
    return (*(labels.notes if labels else ()), *(note for note, holds in said.items() if holds))
