"""The sets of an evaluation through a perception network: what it sees by day, in the dark, and enhanced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highbeam.errors import EvaluationError, UsageError
from highbeam.evaluation.cases import Case, TestSet
from highbeam.evaluation.loading import load_dark, load_output, load_reference
from highbeam.evaluation.results import Row
from highbeam.evaluation.runner import Evaluation
from highbeam.methods.base import Pixels
from highbeam.sheets import Bytes

if TYPE_CHECKING:
    from highbeam.evaluation.perception import Labels, Perception, PerceptionNetwork

__all__ = ["Seer", "check_labels", "fitting_sets", "open_seer", "perceive_sets", "record"]


@dataclass(frozen=True)
class Seer:
    """Who is asked what it sees, and what is taken for the truth.

    Attributes:
        network: opened.
        labels: of the pictures; None for what the network sees on the references.
        labels_path: where they are.
    """

    network: PerceptionNetwork
    labels: Labels | None = None
    labels_path: Path | None = None


def open_seer(path: Path, config: Path | None, labels: Path | None) -> Seer:
    """Open a user's network, and labels where there are any.

    Args:
        path: the network.
        config: how it is fed and read; without one, the file of the network's name with ``.toml``, where there is one.
        labels: of the pictures.

    Raises:
        UsageError: the file leaves open how it is fed or read, or a configuration is wrong.
        EvaluationError: it is no network, or labels cannot be read.
    """
    from highbeam.evaluation.perception import open_labels, open_perception  # noqa: PLC0415 - only where asked for

    if not path.is_file():
        raise UsageError(f"{path}: no such network")
    beside = path.with_suffix(".toml")
    network = open_perception(path, config or (beside if beside.exists() else None))
    return Seer(network, None if labels is None else open_labels(labels, network), labels)


def fitting_sets(sets: Sequence[TestSet], *, labelled: bool) -> list[TestSet]:
    """Return the sets where there is something to hold predictions against.

    Raises:
        UsageError: there is none.
    """
    fitting = [found for found in sets if found.kind == "pairs" or (found.kind == "pictures" and labelled)]
    if not fitting:
        raise UsageError("--perception needs pairs with references, or --labels for dark pictures without them")
    return fitting


def check_labels(seer: Seer, sets: Sequence[TestSet]) -> None:
    """Read the labels of all pictures once, so that what is missing is known before any work.

    Raises:
        EvaluationError: labels are missing, cannot be read, or do not fit.
    """
    if seer.labels is not None:
        for found in fitting_sets(sets, labelled=True):
            for case in found.cases:
                seer.labels.of(case.key, (case.height, case.width))


def perceive_sets(
    evaluation: Evaluation, rows: Sequence[Row], seer: Seer, step: Callable[[str], None] | None = None
) -> dict[str, Perception]:
    """Run the network on the dark input, on what each subject makes of it, and on the reference.

    Args:
        evaluation: whose sets and subjects are taken.
        rows: that were measured; pictures that a subject has no row of are left out.
        seer: from :func:`open_seer`.
        step: called with each picture's key.

    Returns:
        What was found, by set; clips are left out.

    Raises:
        UsageError: as for :func:`fitting_sets`.
        EvaluationError: a picture cannot be measured.
    """
    from highbeam.evaluation.perception import perceive  # noqa: PLC0415

    subjects = [subject for subject in evaluation.subjects if subject.info.kind != "input"]
    return {
        found.name: perceive(
            _pictures(evaluation, cases),
            {subject.name: subject.enhance for subject in subjects if subject.enhance is not None},
            seer.network,
            seer.labels,
            outputs={
                subject.name: partial(_read_output, evaluation, found.name, subject.name)
                for subject in subjects
                if subject.folder is not None
            },
            seed=evaluation.protocol.seed,
            progress=step,
        )
        for found in fitting_sets(evaluation.sets, labelled=seer.labels is not None)
        if (cases := _measured_by_all(evaluation, found, rows))
    }


def record(found: Perception, seer: Seer) -> dict[str, Any]:
    """Return what was found as JSON takes it, with every setting of the network and where the truth is from."""
    labels = "" if seer.labels_path is None else str(seer.labels_path)
    return found.plain() | {"configuration": asdict(seer.network.config), "labels": labels}


def _measured_by_all(evaluation: Evaluation, found: TestSet, rows: Sequence[Row]) -> list[Case]:
    known = {(row.subject, row.case) for row in rows if row.set == found.name}
    return [case for case in found.cases if all((one.name, case.key) in known for one in evaluation.subjects)]


def _pictures(evaluation: Evaluation, cases: Sequence[Case]) -> Iterator[tuple[str, Pixels, Pixels | None]]:
    for case in cases:
        dark = load_dark(case, evaluation.limits)
        if dark is not None:
            yield case.key, dark, load_reference(case, evaluation.limits)


def _read_output(evaluation: Evaluation, set_name: str, subject: str, key: str) -> Bytes:
    path = evaluation.output_path(set_name, subject, key)
    if path is None:
        raise EvaluationError(f"{key}: {subject} has no output of it")
    return load_output(None, path, None, evaluation.limits)
