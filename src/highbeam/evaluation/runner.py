"""Measuring: every case of every set by every subject, on all cores.

A row is written down as soon as it is known, so that ``--resume`` does not measure it again; it is taken over only if
the set's bytes, the subject with all its options, and the protocol are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import cv2

import highbeam
from highbeam.errors import EvaluationError, HighbeamError
from highbeam.evaluation.cases import Case, TestSet, outputs_for
from highbeam.evaluation.journal import Journal
from highbeam.evaluation.loading import (
    load_dark,
    load_frames,
    load_output,
    load_reference,
    rescaled,
    without_border,
)
from highbeam.evaluation.protocol import Protocol, figures_of, metrics_for
from highbeam.evaluation.results import RESCALED, Row
from highbeam.evaluation.subjects import Subject
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels
from highbeam.metrics import METRICS, measure
from highbeam.pictures import Limits
from highbeam.sheets import Bytes, to_bytes

__all__ = ["Evaluation"]


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
            EvaluationError: outputs are missing.
            OptionError: no metric fits a set.
        """
        self._outputs: dict[tuple[str, str], dict[str, Path]] = {}
        self.lost: dict[str, dict[str, str]] = {found.name: dict(found.missing) for found in self.sets}
        for found in self.sets:
            metrics_for(self.protocol, found.kind)
            for subject in self.subjects:
                if subject.folder is not None:
                    self._outputs[found.name, subject.name] = self._matched(found, subject)

    def _matched(self, found: TestSet, subject: Subject) -> dict[str, Path]:
        assert subject.folder is not None  # noqa: S101 - for the type checker
        matched, missing = outputs_for(found, subject.folder)
        if missing and (not self.protocol.allow_missing or not matched):
            first = next(iter(missing))
            raise EvaluationError(
                f"{subject.name}: {len(missing)} of {len(found.cases)} outputs for {found.name} are missing, such as"
                f" {first} ({missing[first]}); add them, or pass --allow-missing to count them"
            )
        self.lost[found.name] |= {f"{subject.name}: {key}": reason for key, reason in missing.items()}
        return matched

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
            jobs: dict[Future[list[Row]], Case] = {}
            for case in found.cases:
                known = {name: journal.known(mark, case.key) for name, mark in prints.items()}
                yield from (row for row in known.values() if row is not None)
                left = [subject for subject in self.subjects if known[subject.name] is None]
                jobs[pool.submit(self._measure_case, found, case, left, enhancers)] = case
            for job in as_completed(jobs):
                for row in self._outcome(job, jobs[job], found):
                    journal.write(prints[row.subject], row)
                    yield row
                step()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            cv2.setNumThreads(before)

    def _outcome(self, job: Future[list[Row]], case: Case, found: TestSet) -> list[Row]:
        try:
            return job.result()
        except (HighbeamError, ValueError) as error:
            if not self.protocol.allow_missing:
                raise EvaluationError(f"{found.name}: {case.key}: {error}; mend it, or pass --allow-missing") from error
            self.lost[found.name][case.key] = str(error)
            return []

    def _print(self, found: TestSet, subject: Subject) -> str:
        """Return what tells this set, subject and protocol from others whose figures may differ."""
        outputs = self._outputs.get((found.name, subject.name), {})
        stamps = [(key, hashlib.sha256(path.read_bytes()).hexdigest()) for key, path in outputs.items()]
        figures = figures_of(self.protocol, found.kind)
        told: list[object] = [
            highbeam.__version__,
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
    ) -> list[Row]:
        if not subjects or self.stopped():
            return []
        if found.kind == "clips":
            return [self._measure_clip(found, case, subject, enhancers[subject.name]) for subject in subjects]
        dark = load_dark(case, self.limits)
        reference = load_reference(case, self.limits)
        rows = []
        for subject in subjects:
            path = self.output_path(found.name, subject.name, case.key)
            if subject.folder is not None and path is None:
                continue  # counted among the missing
            output = load_output(dark, path, enhancers[subject.name], self.limits)
            values = self._values(found, output, reference, None if dark is None else to_bytes(dark))
            rows.append(_row(found, case, subject.name, path, (output, values)))
        return rows

    def _values(self, found: TestSet, output: Bytes, reference: Bytes | None, dark: Bytes | None) -> dict[str, float]:
        names = metrics_for(self.protocol, found.kind)
        full = [name for name in names if METRICS[name].kind == "full-reference"]
        values = {}
        if reference is not None and full:
            if output.shape != reference.shape:
                sizes = [f"{part.shape[1]} x {part.shape[0]}" for part in (output, reference)]
                raise EvaluationError(f"is {sizes[0]}, but its reference is {sizes[1]}")
            inner = without_border(reference, self.protocol.border)
            values = measure(full, without_border(output, self.protocol.border), reference=inner)
            if self.protocol.rescale:
                scaled = without_border(rescaled(output, reference), self.protocol.border)
                values |= {name + RESCALED: value for name, value in measure(full, scaled, reference=inner).items()}
        others = [name for name in names if name not in full]
        values |= measure(others, output, reference=reference, source=dark)
        return {name: values[name] for name in figures_of(self.protocol, found.kind)}

    def _measure_clip(
        self, found: TestSet, case: Case, subject: Subject, enhance: Callable[[Pixels], Pixels] | None
    ) -> Row:
        assert case.dark is not None  # noqa: S101 - for the type checker
        darks = load_frames(case.dark, self.protocol.frames)
        path = self.output_path(found.name, subject.name, case.key)
        if path is not None:
            outputs = load_frames(path, self.protocol.frames)
        elif enhance is not None:
            outputs = [enhance(frame) for frame in darks]
        else:
            raise EvaluationError(f"{subject.name} has no output of it")
        values = measure(metrics_for(self.protocol, "clips"), outputs, source=darks)
        return _row(found, case, subject.name, path, (outputs[0], values))


def _row(found: TestSet, case: Case, subject: str, path: Path | None, measured: tuple[Bytes, dict[str, float]]) -> Row:
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
