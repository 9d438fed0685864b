"""From a user's words to sets: files, folders and layouts, references and outputs, and nothing dropped without a word.

What was named and adds nothing is refused; what folders hold beside the cases is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from highbeam.datasets.clips import is_clip
from highbeam.datasets.entries import Entry, Split, Survey, selected
from highbeam.datasets.folders import files_in, is_picture
from highbeam.datasets.layouts import LAYOUTS, survey
from highbeam.errors import EvaluationError, MissingHalfError, UsageError, nearest
from highbeam.evaluation.cases import Case, Kind, TestSet

__all__ = ["count_files", "find_sets", "outputs_for", "outputs_set"]


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
        UsageError: a word names nothing or adds nothing, or references are given where there is nothing to match.
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
    return TestSet(reference.name or "references", "outputs", cases, passed_over=_beside([reference], is_picture))


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
    return [_with_lost(found, surveyed, root, allow_missing=allow_missing) for found in sets]


def _training(name: str, surveyed: Survey) -> frozenset[str]:
    """Return the sources of the training part; nothing where they would not tell which scenes are shared."""
    if name.startswith("lol") and not any(entry.source.startswith("scene/") for entry in surveyed.entries):
        return frozenset()
    return frozenset(entry.source for entry in surveyed.entries if entry.split == "train")


def _with_lost(found: TestSet, surveyed: Survey, root: Path, *, allow_missing: bool) -> TestSet:
    """Note the halves of pairs that are alone in the folders of a set, or refuse them."""
    part, used = found.name.partition("/")[2], {str(case.reference) for case in found.cases}
    others = {entry.name.split("/")[0] for entry in surveyed.entries} - {part}

    def is_ours(file: str) -> bool:
        path = Path(file)
        folders = path.relative_to(root).parts if path.is_relative_to(root) else path.parts
        return part in folders or (file not in used and not others.intersection(folders))

    files = dict.fromkeys([*surveyed.halves, *(bad.name for bad in surveyed.bad)])
    alone = [file for file in files if is_ours(file)]
    if alone and not allow_missing:
        raise MissingHalfError(tuple(alone), found.name, _ADVICE)
    return replace(found, missing=dict.fromkeys(alone, f"has no other half in {found.name}"))


_ADVICE = "add the missing files, or pass --allow-missing to leave them out and count them"


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
    _refuse_idle([*plain, reference], is_picture, "picture")
    if reference.is_file():
        if len(plain) != 1 or not plain[0].is_file():
            raise UsageError(f"{reference}: is one picture; give a folder of references for several")
        return TestSet(plain[0].stem, "pairs", (Case(plain[0].stem, plain[0], reference),))
    darks, brights = _keyed(plain, is_picture), _keyed([reference], is_picture)
    cases = tuple(Case(key, darks[key], brights[key]) for key in sorted(darks.keys() & brights.keys()))
    alone = [*(darks[key] for key in darks.keys() - brights), *(brights[key] for key in brights.keys() - darks)]
    if alone and (not allow_missing or not cases):
        raise MissingHalfError(tuple(sorted(map(str, alone))), advice=_ADVICE)
    lost = {str(path): "has no other half" for path in sorted(alone)}
    beside = _beside([*plain, reference], is_picture)
    return TestSet(plain[0].name or "pairs", "pairs", cases, missing=lost, passed_over=beside)


def _unpaired(plain: list[Path]) -> list[TestSet]:
    _refuse_idle(plain, _is_either, "picture and no clip")
    sets = []
    for kind, wanted in (("pictures", is_picture), ("clips", is_clip)):
        found = _keyed(plain, wanted)
        if found:
            cases = tuple(Case(key, dark=path) for key, path in sorted(found.items()))
            sets.append(TestSet(f"{plain[0].stem} ({kind})", _UNPAIRED[kind], cases))
    return [replace(sets[0], passed_over=_beside(plain, _is_either)), *sets[1:]]


_UNPAIRED: Mapping[str, Kind] = {"pictures": "pictures", "clips": "clips"}


def _is_either(path: Path) -> bool:
    return is_picture(path) or is_clip(path)


def _refuse_idle(named: Iterable[Path], wanted: Callable[[Path], bool], what: str) -> None:
    """Refuse what was named and adds nothing."""
    for path in named:
        if path.is_dir() and not files_in(path, wanted):
            raise UsageError(f"{path}: no {what} found there")
        if not path.is_dir() and not wanted(path):
            told = "a clip, and none is held against references" if is_clip(path) else f"no {what} that can be read"
            raise UsageError(f"{path}: is {told}; leave it out")


def _beside(roots: Iterable[Path], wanted: Callable[[Path], bool]) -> dict[str, int]:
    """Count what lies in folders and is not wanted."""
    return {
        what: count
        for root in dict.fromkeys(roots)
        if root.is_dir()
        for what, count in count_files(files_in(root, lambda path: not wanted(path)), root).items()
    }


def count_files(files: Iterable[Path], root: Path, more: str = "") -> dict[str, int]:
    """Count files by their suffixes, such as ``*.heic in night``.

    Args:
        files: in a folder.
        root: the folder.
        more: said behind it.
    """
    return dict(Counter(f"{f'*{path.suffix.lower()}' if path.suffix else 'files'} in {root}{more}" for path in files))


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
    if word and path.exists():
        return path
    name, colon, root = word.partition(":")
    layout = f", and {name!r} is no layout{nearest(name, LAYOUTS)} (layouts: {', '.join(LAYOUTS)})"
    raise UsageError(f"{word or repr(word)}: no such file or folder{layout if colon and name and root else ''}")
