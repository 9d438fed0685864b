"""What is measured: methods, networks, checkpoints, the dark input as it is, and folders of somebody's outputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from highbeam.comparison import INPUT
from highbeam.errors import UsageError, WeightsError, nearest
from highbeam.evaluation.cases import TestSet
from highbeam.evaluation.overlap import check_data
from highbeam.evaluation.results import SubjectInfo
from highbeam.methods.base import Pixels
from highbeam.methods.network import NetworkOptions
from highbeam.methods.registry import Enhancer, load
from highbeam.methods.runtimes import runner_of
from highbeam.weights import catalog

__all__ = ["Subject", "input_subject", "method_subject", "outputs_subject", "with_training"]


@dataclass(frozen=True)
class Subject:
    """One thing to measure.

    Attributes:
        info: what it is, for the record.
        enhance: from pixels to pixels; None for a folder of outputs.
        folder: of outputs; None else.
        weights: SHA-256 of every file that it may compute with.
    """

    info: SubjectInfo
    enhance: Callable[[Pixels], Pixels] | None = None
    folder: Path | None = None
    weights: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Unique in the evaluation."""
        return self.info.name

    @property
    def fingerprint(self) -> str:
        """Tells it from any other subject whose figures may differ."""
        info = self.info
        told = json.dumps([info.kind, info.about, info.sha256, info.options, self.weights], sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()

    def among(self, workers: int) -> Callable[[Pixels], Pixels] | None:
        """Return what enhances, for use by several threads at once."""
        return self.enhance.among(workers) if isinstance(self.enhance, Enhancer) else self.enhance


def input_subject() -> Subject:
    """Return the dark picture as it is, the least that a method must beat."""
    return Subject(SubjectInfo(INPUT, "input", about="the dark picture as it is"), enhance=lambda pixels: pixels)


def method_subject(word: str, **options: Any) -> Subject:
    """Return a method with its defaults, or a network by the path of its ``.onnx`` file.

    Raises:
        UnknownMethodError: there is none of that name.
        OptionError: an option that does not fit.
        UsageError: the file is no network that Highbeam exported.
    """
    enhancer = load(word, **options)
    if word.endswith(".onnx"):
        _open(Path(word), enhancer)
    told = {"strength": enhancer.strength, "protect_highlights": enhancer.protect_highlights}
    told |= asdict(enhancer.options)
    weights = _weights(word)
    sha256 = weights[0] if weights else ""
    row = next((row for row in catalog().values() if sha256 in {file.sha256 for file in row.files.values()}), None)
    info = SubjectInfo(
        name=Path(word).stem if word.endswith(".onnx") else word,
        kind="network" if sha256 else "method",
        about=enhancer.spec.summary if row is None else row.summary,
        options=told,
        sha256=sha256,
        trained_on=() if row is None else tuple(row.trained_on),
    )
    return Subject(info, enhancer, weights=weights)


def _open(path: Path, enhancer: Enhancer) -> None:
    """Open a network of one's own, so that one that is none is known before any work."""
    options = enhancer.options
    assert isinstance(options, NetworkOptions)  # noqa: S101 - for the type checker
    try:
        runner_of(path, options.runtime, options.precision, options.threads)
    except WeightsError as error:
        raise UsageError(str(error)) from error


def _weights(word: str) -> tuple[str, ...]:
    """Return the SHA-256 of a network's files, in the catalogue or one's own, that for bytes first; none of others."""
    if word.endswith(".onnx"):
        beside = Path(word).with_suffix(".float32.onnx")
        files = [Path(word), *([beside] if beside.exists() else [])]
        return tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    row = catalog().get(word)
    return () if row is None else (row.files["uint8"].sha256, row.files["float32"].sha256)


def outputs_subject(name: str, folder: Path) -> Subject:
    """Return somebody's outputs.

    Raises:
        UsageError: no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of outputs")
    return Subject(SubjectInfo(name, "outputs", about=str(folder)), folder=folder)


def with_training(
    subjects: Sequence[Subject], said: Mapping[str, Sequence[str]], sets: Sequence[TestSet] = ()
) -> tuple[Subject, ...]:
    """Add what a user says that subjects were trained on.

    Args:
        subjects: what is measured.
        said: by subject, names of data sets; ``other:`` begins what is in the user's own words.
        sets: what is measured on.

    Raises:
        UsageError: there is no such subject or no such data set, or two subjects of one name.
    """
    names = [subject.name for subject in subjects]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"{name}: two to be measured have this name; rename a folder or a file, or say NAME=FOLDER"
            )
    for name in said:
        if name not in names:
            near = nearest(name, names)
            raise UsageError(f"--trained-on: nothing called {name!r} is measured{near} (measured: {', '.join(names)})")
    check_data(said, sets)
    return tuple(_trained(subject, said.get(subject.name, ())) for subject in subjects)


def _trained(subject: Subject, more: Sequence[str]) -> Subject:
    names = tuple(dict.fromkeys((*subject.info.trained_on, *more)))
    return replace(subject, info=replace(subject.info, trained_on=names))
