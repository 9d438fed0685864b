"""What is measured on: sets of pairs, pictures and clips, sealed before any work.

Sealing reads every file once: what is missing, cannot be read, or does not fit together is known before the first
picture is enhanced, and the set gets one SHA-256 of all names and bytes, by which two evaluations can be told to be on
the same pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from highbeam.datasets.clips import is_clip
from highbeam.errors import EvaluationError, PictureError
from highbeam.machine import usable_cpus
from highbeam.pictures import Limits, inspect

__all__ = ["Case", "Kind", "TestSet", "misfit", "seal"]

Kind: TypeAlias = Literal["pairs", "pictures", "clips", "outputs"]


@dataclass(frozen=True)
class Case:
    """One picture, pair or clip.

    Attributes:
        key: unique in its set: the path without suffix.
        dark: the dark picture or clip; None where only outputs and references are there.
        reference: what it should be, where that is known.
        source: the drive, scene or data set it is from, where that is known.
        width: pixels, once sealed.
        height: pixels, once sealed.
    """

    key: str
    dark: Path | None = None
    reference: Path | None = None
    source: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class TestSet:
    """Cases that are averaged over.

    Attributes:
        name: unique in an evaluation.
        kind: see :class:`~highbeam.evaluation.results.SetInfo`.
        cases: by key, in order.
        layout: the data set's name in :data:`highbeam.datasets.LAYOUTS`; empty for a plain folder.
        training: sources of the data set's own training part; scenes, where those are known.
        missing: what is not there, with the reason.
        passed_over: how many files of the folders are none of its cases, by what they are.
        sha256: of all names and bytes, once sealed.
    """

    __test__ = False  # no test of pytest's

    name: str
    kind: Kind
    cases: tuple[Case, ...]
    layout: str = ""
    training: frozenset[str] = frozenset()
    missing: Mapping[str, str] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    sha256: str = ""


def seal(found: TestSet, *, limits: Limits | None = None, allow_missing: bool = False) -> TestSet:
    """Read every file of a set once, and leave out what will not do, or refuse it.

    Args:
        found: from :func:`~highbeam.evaluation.finding.find_sets`.
        limits: on the pictures.
        allow_missing: leave out and note what cannot be read or does not fit, where it would be an error.

    Raises:
        EvaluationError: files that cannot be read or do not fit together; names them all.
    """
    digest, kept, missing = hashlib.sha256(), [], dict(found.missing)
    limits = limits or Limits()
    with ThreadPoolExecutor(usable_cpus()) as pool:
        looked = list(pool.map(lambda case: _look(case, found.kind, limits), found.cases))
    for case, (sealed, hashes, reason) in zip(found.cases, looked, strict=True):
        digest.update(f"{case.key}\0{hashes}\n".encode())
        if sealed is None:
            missing[case.key] = reason
        else:
            kept.append(sealed)
    if missing and not allow_missing:
        told = "; ".join(f"{key}: {reason}" for key, reason in list(missing.items())[:_TOLD])
        more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
        raise EvaluationError(
            f"{found.name}: {len(missing)} of {len(found.cases) + len(found.missing)} cannot be measured: {told}{more};"
            " mend them, or pass --allow-missing to leave them out and count them"
        )
    if not kept:
        raise EvaluationError(f"{found.name}: nothing is left to be measured")
    return replace(found, cases=tuple(kept), missing=missing, sha256=digest.hexdigest())


_TOLD = 5


def misfit(case: Case, output: Path, limits: Limits) -> str:
    """Say why an output cannot stand for a sealed case, by its header; empty where it can, and for clips."""
    if is_clip(output):
        return ""
    try:
        width, height = inspect(output.read_bytes(), name=str(output), limits=limits).upright
    except OSError as error:
        return f"{output}: cannot be read ({error.strerror})"
    except PictureError as error:
        return str(error)
    if (width, height) == (case.width, case.height):
        return ""
    return f"{output}: is {width} x {height}, but the picture is {case.width} x {case.height}"


def _look(case: Case, kind: Kind, limits: Limits) -> tuple[Case | None, str, str]:
    """Return a case with its size, the hashes of its files, and why it cannot be used."""
    hashes, sizes = [], []
    for path in (case.dark, case.reference):
        if path is None:
            continue
        try:
            data = path.read_bytes()
        except OSError as error:
            return None, "", f"{path}: cannot be read ({error.strerror})"
        hashes.append(hashlib.sha256(data).hexdigest())
        if kind == "clips":
            continue
        try:
            sizes.append(inspect(data, name=str(path), limits=limits).upright)
        except PictureError as error:
            return None, " ".join(hashes), str(error)
    told = " ".join(hashes)
    if len(set(sizes)) > 1:
        (w, h), (v, g) = sizes
        return None, told, f"is {w} x {h}, but its reference is {v} x {g}"
    return (replace(case, width=sizes[0][0], height=sizes[0][1]) if sizes else case), told, ""
