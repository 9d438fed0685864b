"""A network in training as something to measure: the newest checkpoint of a folder, exported while it is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from highbeam.datasets.layouts import LAYOUTS
from highbeam.datasets.shards import read_index
from highbeam.errors import HighbeamError, UsageError
from highbeam.evaluation.subjects import Subject, method_subject

__all__ = ["checkpoint_subject", "origins"]


@contextmanager
def checkpoint_subject(folder: Path) -> Iterator[Subject]:
    """Make a network of the newest checkpoint, for as long as the block runs; called ``FOLDER@STEP``.

    Raises:
        UsageError: no checkpoint there, or what training needs is not installed.
        TrainingError: the checkpoint cannot be read.
        ExportError: the exported network computes something else.
    """
    checkpoint, exporting = _training()
    newest = checkpoint.newest(folder)
    if newest is None:
        raise UsageError(f"{folder}: no checkpoint there; give the --checkpoint_dir of a training")
    trained = exporting.load_trained(newest)
    data = checkpoint.read_checkpoint(newest)["config"].get("data", [])
    name = f"{folder.resolve().name}@{trained.step}"
    with tempfile.TemporaryDirectory(prefix="highbeam-") as place:
        path = Path(place) / "checkpoint.onnx"
        exporting.export(trained, path)
        subject = method_subject(str(path))
        about = f"{trained.name} after {trained.step} steps, {newest.name}"
        yield replace(subject, info=replace(subject.info, name=name, about=about, trained_on=origins(data)))


def origins(data: Iterable[str]) -> tuple[str, ...]:
    """Name the data sets that a training's ``data`` are from, as far as it can be told.

    ``LAYOUT:ROOT`` is its layout; of packed shards, the last part of each source's name is taken.
    """
    found: list[str] = []
    for word in data:
        layout, colon, root = word.partition(":")
        if colon and layout == "shards":
            found += _sources(Path(root))
        elif colon and layout in LAYOUTS and layout not in {"folder", "pairs"}:
            found.append(layout)
    return tuple(dict.fromkeys(found))


def _sources(root: Path) -> list[str]:
    try:
        return [PurePath(source).stem for source in read_index(root).sources]
    except HighbeamError:
        return []  # the shards are not here any more


def _training() -> tuple[Any, Any]:
    try:
        from highbeam.training import checkpoint, exporting  # noqa: PLC0415 - torch must not be imported before
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("highbeam"):
            raise
        message = f"--checkpoint_dir needs {error.name}; install the extra: pip install 'highbeam[train]'"
        raise UsageError(message) from error
    return checkpoint, exporting
