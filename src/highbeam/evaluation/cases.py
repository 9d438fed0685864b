"""What is measured on: sets of pairs, pictures and clips, found by folder or by layout, and sealed before any work.

Sealing reads every file once: what is missing, cannot be read, or does not fit together is known before the first
picture is enhanced, and the set gets one SHA-256 of all names and bytes, by which two evaluations can be told to be on
the same pictures.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from highbeam.datasets.clips import is_clip
from highbeam.datasets.entries import Entry, Split, Survey, selected
from highbeam.datasets.folders import files_in, is_picture
from highbeam.datasets.layouts import LAYOUTS, survey
from highbeam.errors import EvaluationError, MissingHalfError, PictureError, UsageError
from highbeam.machine import usable_cpus
from highbeam.pictures import Limits, inspect

__all__ = ["Case", "Kind", "TestSet", "find_sets", "misfit", "outputs_for", "outputs_set", "seal"]

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
        sha256: of all names and bytes, once sealed.
    """

    __test__ = False  # no test of pytest's

    name: str
    kind: Kind
    cases: tuple[Case, ...]
    layout: str = ""
    training: frozenset[str] = frozenset()
    missing: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""


def find_sets(
    words: Sequence[str], reference: Path | None = None, *, allow_missing: bool = False
) -> tuple[TestSet, ...]:
    """Find what is to be measured on.

    Args:
        words: ``LAYOUT:ROOT`` of :data:`highbeam.datasets.LAYOUTS`, whose test part is taken, or else files and folders
            of dark pictures and clips.
        reference: folder of what the pictures should be, matched by path without suffix; or one picture.
        allow_missing: note what lacks its other half, where it would be an error.

    Returns:
        The sets, not sealed: one per part of a layout, one for all pairs of the other words, or one each for their
        pictures and clips.

    Raises:
        UsageError: a word names nothing, or references are given where there is nothing to match.
        MissingHalfError: a picture has no other half.
        DatasetError: a data set lacks something.
    """
    layouts = [word.partition(":") for word in words if _is_layout(word)]
    plain = [_existing(word) for word in words if not _is_layout(word)]
    sets = [part for name, _, root in layouts for part in _of_layout(name, Path(root), allow_missing=allow_missing)]
    if reference is not None:
        if not plain:
            raise UsageError("--reference goes with folders of dark pictures; a layout has its own references")
        sets.append(_pairs(plain, _existing(str(reference)), allow_missing=allow_missing))
    elif plain:
        sets += _unpaired(plain)
    if not sets:
        raise UsageError("nothing to measure on; name a folder, a clip, or LAYOUT:ROOT such as lol-v1:ROOT")
    twice = [name for name, count in Counter(found.name for found in sets).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]}: named twice; evaluate each set once")
    return tuple(sets)


def _is_layout(word: str) -> bool:
    name, colon, _ = word.partition(":")
    return bool(colon) and name in LAYOUTS


def outputs_set(folders: Mapping[str, Path], reference: Path) -> TestSet:
    """Return the set of somebody's outputs whose dark pictures are not there: all references are wanted.

    Args:
        folders: of outputs, by name.
        reference: folder of what they should be.

    Raises:
        UsageError: no picture in the folder of references.
    """
    found = _keyed([_existing(str(reference))], is_picture)
    if not found:
        raise UsageError(f"{reference}: no picture found there to hold {', '.join(folders)} against")
    cases = tuple(Case(key, reference=path) for key, path in sorted(found.items()))
    return TestSet(reference.name or "references", "outputs", cases)


def outputs_for(found: TestSet, folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Match a folder of outputs to the cases of a set, by path without suffix or else by stem.

    Returns:
        The outputs by key, and the cases without one, with the reason.

    Raises:
        UsageError: several outputs could be meant, or the folder is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of outputs")
    below = folder / found.name if (folder / found.name).is_dir() else folder
    wanted = is_clip if found.kind == "clips" else is_picture
    by_key = _keyed([below], wanted)
    by_stem: dict[str, list[Path]] = {}
    for path in by_key.values():
        by_stem.setdefault(path.stem, []).append(path)
    matched: dict[str, Path] = {}
    missing: dict[str, str] = {}
    stems = Counter(PurePath(case.key).name for case in found.cases)
    for case in found.cases:
        stem = PurePath(case.key).name
        unique = by_stem.get(stem, []) if stems[stem] == 1 else []  # one file must not stand for two cases
        candidates = [by_key[case.key]] if case.key in by_key else unique
        if len(candidates) > 1:
            raise UsageError(f"{case.key}: several outputs could be meant: {', '.join(map(str, candidates))}")
        if candidates:
            matched[case.key] = candidates[0]
        else:
            missing[case.key] = f"no output of that name in {below}"
    return matched, missing


def seal(found: TestSet, *, limits: Limits | None = None, allow_missing: bool = False) -> TestSet:
    """Read every file of a set once, and leave out what will not do, or refuse it.

    Args:
        found: from :func:`find_sets`.
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


def _of_layout(name: str, root: Path, *, allow_missing: bool) -> list[TestSet]:
    surveyed = survey(name, root)
    split: Split | None = "test" if any(entry.split == "test" for entry in surveyed.entries) else None
    found = selected(surveyed, ("day", "dusk", "night", "unknown"), split)
    if found.missing:
        told = "; ".join(line.what for line in found.missing)
        raise EvaluationError(f"{told}; `highbeam data guide {name}` shows the layout")
    training = _training(name, surveyed)
    groups: dict[str, list[Entry]] = {}
    for entry in found.entries:
        if entry.low is not None or entry.light in {"night", "dusk"}:
            groups.setdefault(entry.name.split("/")[0], []).append(entry)
    if not groups:
        raise EvaluationError(f"{root}: no pair and no night picture of {name} to measure on")
    sets = [replace(_layout_set(name, part, entries), training=training) for part, entries in groups.items()]
    return [_with_lost(found, surveyed, allow_missing=allow_missing) for found in sets]


def _training(name: str, surveyed: Survey) -> frozenset[str]:
    """Return the sources of the training part; nothing where they would not tell which scenes are shared."""
    if name.startswith("lol") and not any(entry.source.startswith("scene/") for entry in surveyed.entries):
        return frozenset()
    return frozenset(entry.source for entry in surveyed.entries if entry.split == "train")


def _with_lost(found: TestSet, surveyed: Survey, *, allow_missing: bool) -> TestSet:
    """Note the halves of pairs that are alone in the folders of a set, or refuse them."""
    part = found.name.partition("/")[2]
    others = {entry.name.split("/")[0] for entry in surveyed.entries} - {part}
    files = [*surveyed.halves, *(bad.name for bad in surveyed.bad)]
    alone = [file for file in files if not others.intersection(Path(file).parts) or part in Path(file).parts]
    if alone and not allow_missing:
        raise MissingHalfError(tuple(alone))
    return replace(found, missing=dict.fromkeys(alone, "has no other half"))


def _layout_set(name: str, part: str, entries: list[Entry]) -> TestSet:
    cases = [
        Case(
            key=entry.name.removeprefix(f"{part}/"),
            dark=entry.low.path if entry.low else entry.bright.path,
            reference=entry.bright.path if entry.low else None,
            source=entry.source,
        )
        for entry in entries
    ]
    kind: Kind = "pairs" if all(case.reference for case in cases) else "pictures"
    return TestSet(f"{name}/{part}", kind, tuple(cases), layout=name)


def _pairs(plain: list[Path], reference: Path, *, allow_missing: bool) -> TestSet:
    if reference.is_file():
        if len(plain) != 1 or not plain[0].is_file():
            raise UsageError(f"{reference}: is one picture; give a folder of references for several")
        return TestSet(plain[0].stem, "pairs", (Case(plain[0].stem, plain[0], reference),))
    darks, brights = _keyed(plain, is_picture), _keyed([reference], is_picture)
    if not darks:
        raise UsageError(f"{', '.join(map(str, plain))}: no picture found there")
    cases = tuple(Case(key, darks[key], brights[key]) for key in sorted(darks.keys() & brights.keys()))
    alone = [*(darks[key] for key in darks.keys() - brights), *(brights[key] for key in brights.keys() - darks)]
    if alone and (not allow_missing or not cases):
        raise MissingHalfError(tuple(sorted(map(str, alone))))
    lost = {str(path): "has no other half" for path in sorted(alone)}
    return TestSet(plain[0].name or "pairs", "pairs", cases, missing=lost)


def _unpaired(plain: list[Path]) -> list[TestSet]:
    sets = []
    for kind, wanted in (("pictures", is_picture), ("clips", is_clip)):
        found = _keyed(plain, wanted)
        if found:
            cases = tuple(Case(key, dark=path) for key, path in sorted(found.items()))
            sets.append(TestSet(f"{plain[0].stem} ({kind})", _UNPAIRED[kind], cases))
    if not sets:
        raise UsageError(f"{', '.join(map(str, plain))}: no picture and no clip found there")
    return sets


_UNPAIRED: Mapping[str, Kind] = {"pictures": "pictures", "clips": "clips"}


def _keyed(roots: Iterable[Path], wanted: Callable[[Path], bool]) -> dict[str, Path]:
    """Return files by their path below their folder, without suffix; two of one key are refused."""
    found: dict[str, Path] = {}
    for root in roots:
        single = root.is_file()
        for path in [root] if single else files_in(root, wanted):
            if not wanted(path):
                continue
            key = (PurePath(path.name) if single else path.relative_to(root)).with_suffix("").as_posix()
            other = found.setdefault(key, path)
            if other is not path and not other.samefile(path):
                raise UsageError(f"{path} and {other} would be the same case {key!r}; rename or remove one of the two")
    return found


def _existing(word: str) -> Path:
    path = Path(word)
    if not word or not path.exists():
        raise UsageError(f"{word or repr(word)}: no such file or folder")
    return path
