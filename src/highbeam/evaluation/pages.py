"""The report of an evaluation on the disk: the pictures of the few cases that it shows are made once more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from highbeam.evaluation.cases import Case
from highbeam.evaluation.loading import load_dark, load_output, load_reference
from highbeam.evaluation.report import render
from highbeam.evaluation.results import Results
from highbeam.evaluation.runner import Evaluation
from highbeam.pictures import write_bytes
from highbeam.sheets import Bytes, to_bytes

__all__ = ["Pictures", "write_report"]


def write_report(results: Results, evaluation: Evaluation, path: Path) -> None:
    """Write the HTML report over an earlier one.

    Raises:
        PictureError: a picture cannot be read any more.
        PictureWriteError: the disk does not take the page.
    """
    names = ", ".join(found.name for found in results.sets)
    page = render(results, Pictures(evaluation), f"Evaluation on {names}")
    write_bytes(page.encode(), path, overwrite=True)


class Pictures:
    """Makes the pictures of a case again, as the report asks for them."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._cases: Mapping[tuple[str, str], Case] = {
            (found.name, case.key): case for found in evaluation.sets for case in found.cases
        }
        self._subjects = {subject.name: subject for subject in evaluation.subjects}

    def __call__(self, set_name: str, case: str, subject: str, /) -> Mapping[str, Bytes]:
        """Return ``output``, and ``dark`` and ``reference`` where there are such; of a clip, its first frame."""
        found, limits = self._cases[set_name, case], self._evaluation.limits
        one = self._subjects[subject]
        path = self._evaluation.output_path(set_name, subject, case)
        dark, reference = load_dark(found, limits), load_reference(found, limits)
        tiles = {"output": load_output(dark, path, one.enhance, limits)}
        if dark is not None:
            tiles["dark"] = to_bytes(dark)
        return tiles if reference is None else tiles | {"reference": reference}
