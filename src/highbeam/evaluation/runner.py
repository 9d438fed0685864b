"""Measuring: every case of every set by every subject, on all cores.

A row is written down as soon as it is known, so that ``--resume`` does not measure it again; it is taken over only if
the set's bytes, the subject with all its options and weights, the protocol, and the code that measures are the same.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2

import highbeam
from highbeam.datasets.folders import files_in
from highbeam.errors import ArrayError, EvaluationError, HighbeamError, MetricError, OptionError
from highbeam.evaluation.cases import Case, TestSet, misfit
from highbeam.evaluation.finding import count_files, outputs_for
from highbeam.evaluation.journal import Journal
from highbeam.evaluation.loading import (
    load_dark,
    load_frames,
    load_output,
    load_reference,
    rescaled,
    without_border,
)
from highbeam.evaluation.marks import code_mark
from highbeam.evaluation.protocol import Protocol, check_fit, figures_of, metrics_for
from highbeam.evaluation.results import RESCALED, Row
from highbeam.evaluation.subjects import Subject
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels
from highbeam.metrics import METRICS, measure
from highbeam.pictures import Limits
from highbeam.sheets import Bytes, to_bytes

__all__ = ["Evaluation"]


_Measured: TypeAlias = tuple[Bytes, dict[str, float]]
"""A picture, or a clip's first frame, and its figures."""

_Measurer: TypeAlias = Callable[[Path | None, Callable[[Pixels], Pixels] | None], _Measured]
"""From the file of an output, or else from what makes one, to what is measured of it."""


@dataclass
class _Outcome:
    """What came of one case: rows, and what was left out with the reason."""

    rows: list[Row] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)


@dataclass
class Evaluation:
    """One evaluation: what is measured on, what is measured, and how.

    Attributes:
        sets: sealed.
        subjects: with unique names.
        protocol: the switches.
        limits: on the pictures.
        folder: where rows are kept while they are measured; None keeps none.
        resume: take over the rows that are there.
        stopped: asked between pictures; once true, what is measured stays, and the rest is left.
    """

    sets: Sequence[TestSet]
    subjects: Sequence[Subject]
    protocol: Protocol
    limits: Limits = field(default_factory=Limits)
    folder: Path | None = None
    resume: bool = False
    stopped: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        """Match outputs to cases before any work.

        Raises:
            EvaluationError: outputs are missing, cannot be read, or are of another size.
            OptionError: no metric fits a set, a switch says nothing about any of them, or the border leaves nothing.
        """
        self._outputs: dict[tuple[str, str], dict[str, Path]] = {}
        self.lost: dict[str, dict[str, str]] = {found.name: dict(found.missing) for found in self.sets}
        check_fit(self.protocol, [found.kind for found in self.sets])
        self._check_border()
        self.passed_over = {what: n for found in self.sets for what, n in found.passed_over.items()}
        for subject in self.subjects:
            if subject.folder is not None:
                self._match_all(subject, subject.folder)

    def _check_border(self) -> None:
        cut = 2 * self.protocol.border
        for found in self.sets:
            names = metrics_for(self.protocol, found.kind) if cut else ()
            small = min(found.cases, key=lambda case: min(case.width, case.height))
            if any(METRICS[name].kind == "full-reference" for name in names) and cut >= min(small.width, small.height):
                raise OptionError(
                    f"--border {self.protocol.border}: leaves nothing of {small.key} in {found.name}, which is"
                    f" {small.width} x {small.height}; at most {(min(small.width, small.height) - 1) // 2} will do"
                )

    def _match_all(self, subject: Subject, folder: Path) -> None:
        """Match a folder of outputs to every set, and count the files in it that are nobody's."""
        used: set[Path] = set()
        for found in self.sets:
            matched, missing = outputs_for(found, folder)
            used |= set(matched.values())
            self._outputs[found.name, subject.name] = self._fitting(found, subject, matched, missing)
        extra = files_in(folder, lambda path: path not in used)
        self.passed_over |= count_files(extra, folder, f", outputs of {subject.name}")

    def _fitting(
        self, found: TestSet, subject: Subject, matched: Mapping[str, Path], missing: Mapping[str, str]
    ) -> dict[str, Path]:
        """Return the outputs that fit; what is missing or does not is noted, or refused."""
        wrong = {case.key: misfit(case, matched[case.key], self.limits) for case in found.cases if case.key in matched}
        missing = {**missing, **{key: reason for key, reason in wrong.items() if reason}}
        fitting = {key: path for key, path in matched.items() if not wrong[key]}
        if missing and (not self.protocol.allow_missing or not fitting):
            first = next(iter(missing))
            raise EvaluationError(
                f"{subject.name}: {len(missing)} of {len(found.cases)} outputs for {found.name} are missing or do not"
                f" fit, such as {first} ({missing[first]}); mend them, or pass --allow-missing to count them"
            )
        self.lost[found.name] |= {f"{subject.name}: {key}": reason for key, reason in missing.items()}
        return fitting

    @property
    def total(self) -> int:
        """Cases to measure, each with all subjects."""
        return sum(len(found.cases) for found in self.sets)

    def rows(self, step: Callable[[], None] = lambda: None) -> list[Row]:
        """Measure everything, in the order of sets, subjects and cases.

        Args:
            step: called after each case.

        Raises:
            EvaluationError: a picture cannot be measured; what was measured before is kept for ``resume``.
        """
        found: dict[tuple[str, str, str], Row] = {}
        with self._journal() as journal:
            for test_set in self.sets:
                for row in self._rows_of(test_set, journal, step):
                    found[row.set, row.subject, row.case] = row
        order = [
            (test_set.name, subject.name, case.key)
            for test_set in self.sets
            for subject in self.subjects
            for case in test_set.cases
        ]
        return [found[key] for key in order if key in found]

    def output_path(self, set_name: str, subject: str, key: str) -> Path | None:
        """Return the file of an output, of a subject that is a folder of them."""
        return self._outputs.get((set_name, subject), {}).get(key)

    def _journal(self) -> Journal:
        return Journal(None if self.folder is None else self.folder / "rows.jsonl", resume=self.resume)

    def _rows_of(self, found: TestSet, journal: Journal, step: Callable[[], None]) -> Iterator[Row]:
        workers = max(1, min(usable_cpus(), len(found.cases)))
        enhancers = {subject.name: subject.among(workers) for subject in self.subjects}
        prints = {subject.name: self._print(found, subject) for subject in self.subjects}
        before = cv2.getNumThreads()
        cv2.setNumThreads(1 if workers > 1 else before)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="eval")
        try:
            jobs: dict[Future[_Outcome], Case] = {}
            for case in found.cases:
                known = {name: journal.known(mark, case.key) for name, mark in prints.items()}
                yield from (row for row in known.values() if row is not None)
                left = [subject for subject in self.subjects if known[subject.name] is None]
                jobs[pool.submit(self._measure_case, found, case, left, enhancers)] = case
            for job in as_completed(jobs):
                outcome = self._outcome(job, jobs[job], found)
                self.lost[found.name] |= outcome.lost
                for row in outcome.rows:
                    journal.write(prints[row.subject], row)
                    yield row
                step()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            cv2.setNumThreads(before)

    def _outcome(self, job: Future[_Outcome], case: Case, found: TestSet) -> _Outcome:
        try:
            return job.result()
        except (HighbeamError, ValueError) as error:  # of what all subjects share
            return _Outcome(lost=self._lost(found, case.key, error))

    def _lost(self, found: TestSet, name: str, error: Exception) -> dict[str, str]:
        """Note what cannot be measured, where that is allowed."""
        if not self.protocol.allow_missing:
            raise EvaluationError(f"{found.name}: {name}: {error}; or pass --allow-missing to count it") from error
        return {name: str(error)}

    def _print(self, found: TestSet, subject: Subject) -> str:
        """Return what tells this set, subject and protocol from others whose figures may differ."""
        outputs = self._outputs.get((found.name, subject.name), {})
        stamps = [(key, hashlib.sha256(path.read_bytes()).hexdigest()) for key, path in outputs.items()]
        figures = figures_of(self.protocol, found.kind)
        told: list[object] = [
            highbeam.__version__,
            code_mark(),
            found.name,
            found.sha256,
            subject.name,
            subject.fingerprint,
            stamps,
            figures,
        ]
        told += [self.protocol.border, self.protocol.frames]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _measure_case(
        self,
        found: TestSet,
        case: Case,
        subjects: Sequence[Subject],
        enhancers: Mapping[str, Callable[[Pixels], Pixels] | None],
    ) -> _Outcome:
        outcome = _Outcome()
        if not subjects or self.stopped():
            return outcome
        measure_one = self._clip_measurer(case) if found.kind == "clips" else self._picture_measurer(found, case)
        for subject in subjects:
            path = self.output_path(found.name, subject.name, case.key)
            if subject.folder is not None and path is None:
                continue  # counted among the missing
            try:
                measured = measure_one(path, enhancers[subject.name])
            except (HighbeamError, ValueError) as error:
                outcome.lost |= self._lost(found, f"{subject.name}: {case.key}", error)
            else:
                outcome.rows.append(_row(found, case, subject.name, path, measured))
        return outcome

    def _picture_measurer(self, found: TestSet, case: Case) -> _Measurer:
        """Read what all subjects share once."""
        dark, reference = load_dark(case, self.limits), load_reference(case, self.limits)
        shown = None if dark is None else to_bytes(dark)

        def measured(path: Path | None, enhance: Callable[[Pixels], Pixels] | None) -> _Measured:
            output = load_output(dark, path, enhance, self.limits)
            return output, self._values(found, output, reference, shown)

        return measured

    def _values(self, found: TestSet, output: Bytes, reference: Bytes | None, dark: Bytes | None) -> dict[str, float]:
        names = metrics_for(self.protocol, found.kind)
        full = [name for name in names if METRICS[name].kind == "full-reference"]
        values = {}
        if reference is not None and full:
            inner = without_border(reference, self.protocol.border)
            values = _defined(full, without_border(output, self.protocol.border), reference=inner)
            if self.protocol.rescale:
                scaled = without_border(rescaled(output, reference), self.protocol.border)
                values |= {name + RESCALED: value for name, value in _defined(full, scaled, reference=inner).items()}
        values |= _defined([name for name in names if name not in full], output, source=dark)
        return {name: values[name] for name in figures_of(self.protocol, found.kind)}

    def _clip_measurer(self, case: Case) -> _Measurer:
        assert case.dark is not None  # noqa: S101 - for the type checker
        darks = load_frames(case.dark, self.protocol.frames)

        def measured(path: Path | None, enhance: Callable[[Pixels], Pixels] | None) -> _Measured:
            if path is None:
                outputs = [load_output(dark, None, enhance, self.limits) for dark in darks]
            else:
                outputs = load_frames(path, self.protocol.frames)
            return outputs[0], measure(metrics_for(self.protocol, "clips"), outputs, source=darks)

        return measured


def _defined(
    names: Sequence[str], output: Bytes, *, reference: Bytes | None = None, source: Bytes | None = None
) -> dict[str, float]:
    """Measure; NaN for a metric that takes larger pictures than this one."""
    values: dict[str, float] = {}
    for name in names:
        try:
            values |= measure([name], output, reference=reference, source=source)
        except (ArrayError, MetricError):
            values[name] = math.nan
    return values


def _row(found: TestSet, case: Case, subject: str, path: Path | None, measured: _Measured) -> Row:
    output, values = measured
    return Row(
        set=found.name,
        subject=subject,
        case=case.key,
        width=output.shape[1],
        height=output.shape[0],
        values=values,
        dark=str(case.dark or ""),
        reference=str(case.reference or ""),
        output=str(path or ""),
    )
