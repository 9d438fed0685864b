"""The sets of an evaluation through a perception network: what it sees by day, in the dark, and enhanced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from highbeam.errors import UsageError
from highbeam.evaluation.cases import TestSet
from highbeam.evaluation.loading import load_dark, load_reference
from highbeam.evaluation.runner import Evaluation
from highbeam.methods.base import Pixels

if TYPE_CHECKING:
    from highbeam.evaluation.perception import Labels, Perception, PerceptionNetwork

__all__ = ["fitting_sets", "open_network", "perceive_sets"]


def open_network(path: Path, config: Path | None, labels: Path | None) -> tuple[PerceptionNetwork, Labels | None]:
    """Open a user's network, and labels where there are any, before any work.

    Args:
        path: the network.
        config: how it is fed and read; without one, the file of the network's name with ``.toml``, where there is one.
        labels: of the pictures.

    Raises:
        UsageError: the file leaves open how it is fed or read, or a configuration is wrong.
        EvaluationError: it is no network, or labels cannot be read.
    """
    from highbeam.evaluation.perception import open_labels, open_perception  # noqa: PLC0415 - only where asked for

    beside = path.with_suffix(".toml")
    network = open_perception(path, config or (beside if beside.exists() else None))
    return network, None if labels is None else open_labels(labels, network)


def fitting_sets(sets: Sequence[TestSet], labels: Labels | None) -> list[TestSet]:
    """Return the sets where there is something to hold predictions against.

    Raises:
        UsageError: there is none.
    """
    fitting = [found for found in sets if found.kind == "pairs" or (found.kind == "pictures" and labels)]
    if not fitting:
        raise UsageError("--perception needs pairs with references, or --labels for dark pictures without them")
    return fitting


def perceive_sets(
    evaluation: Evaluation,
    network: PerceptionNetwork,
    labels: Labels | None,
    step: Callable[[str], None] | None = None,
) -> dict[str, Perception]:
    """Run the network on the dark input, on what each subject makes of it, and on the reference.

    Args:
        evaluation: whose sets and subjects are taken; folders of outputs, which make nothing of a picture, are not.
        network: from :func:`open_network`.
        labels: the truth; without them, what the network sees on the reference.
        step: called with each picture's key.

    Returns:
        What was found, by set; clips are left out.

    Raises:
        UsageError: as for :func:`fitting_sets`.
        EvaluationError: a picture cannot be measured.
    """
    from highbeam.evaluation.perception import perceive  # noqa: PLC0415

    enhancers = {
        subject.name: subject.enhance
        for subject in evaluation.subjects
        if subject.enhance is not None and subject.info.kind != "input"
    }
    protocol = evaluation.protocol
    return {
        found.name: perceive(
            _pictures(evaluation, found),
            enhancers,
            network,
            labels,
            resamples=protocol.resamples,
            seed=protocol.seed,
            progress=step,
        )
        for found in fitting_sets(evaluation.sets, labels)
    }


def _pictures(evaluation: Evaluation, found: TestSet) -> Iterator[tuple[str, Pixels, Pixels | None]]:
    for case in found.cases:
        dark = load_dark(case, evaluation.limits)
        if dark is not None:
            yield case.key, dark, load_reference(case, evaluation.limits)
