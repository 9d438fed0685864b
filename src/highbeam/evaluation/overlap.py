"""Whether a network has seen what it is tested on: scenes that its training data share with a test set.

Two pictures share a scene where the data set says so. LOL-v1's own split does not keep scenes apart; with a
``scenes.json`` beside it (groups of pictures of one scene) the test pictures whose scene is in the training part are
known. Elsewhere a picture is shared if the data set that it is from was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from highbeam.datasets.layouts import LAYOUTS
from highbeam.errors import UsageError, nearest
from highbeam.evaluation.cases import Case, TestSet
from highbeam.evaluation.results import SubjectInfo
from highbeam.weights import catalog

__all__ = ["OTHER", "check_data", "shared_cases", "strict_keys", "warnings_for"]

OTHER = "other:"
"""Begins the name of data that no test set here can share a scene with, in a user's own words."""


def shared_cases(found: TestSet, trained_on: Iterable[str]) -> list[str]:
    """Return the keys of the cases whose scenes a subject's training data show, as far as can be known.

    Args:
        found: the test set.
        trained_on: names of data sets, such as ``lol-v1`` or ``nuscenes``.
    """
    names = {_plain(name) for name in trained_on}
    own, kin = _plain(found.layout) in names, _KIN.get(found.layout, "") in names
    return [
        case.key
        for case in found.cases
        if kin or _origin(case) in names or (own and (case.source in found.training or not found.training))
    ]


def strict_keys(found: TestSet, subjects: Iterable[SubjectInfo]) -> frozenset[str]:
    """Return the keys of the cases that no subject has seen the scene of, so that all are held against the same."""
    seen = {key for subject in subjects for key in shared_cases(found, subject.trained_on)}
    return frozenset(case.key for case in found.cases if case.key not in seen)


def check_data(said: Mapping[str, Iterable[str]], sets: Sequence[TestSet]) -> None:
    """Refuse names of data that nothing here goes by: a slip would hide what is shared.

    Args:
        said: by subject, what a user says that it was trained on; ``other:`` begins what is in their own words.
        sets: what is measured on, whose pictures' origins may be named too.

    Raises:
        UsageError: a name that is none.
    """
    known = _known(sets)
    for subject, names in said.items():
        for name in names:
            own = name.startswith(OTHER) and name != OTHER
            if not own and _plain(name) not in {_plain(right) for right in known}:
                raise UsageError(
                    f"--trained-on {subject}={name}: no data set {name!r}{nearest(name, known)} (data sets:"
                    f" {', '.join(known)}); say {subject}={OTHER}{name} of data that none of these are"
                )


def _known(sets: Sequence[TestSet]) -> list[str]:
    """Return the names of data sets: of layouts, of what ours were trained on, and of where pictures are from."""
    layouts = [name for name in LAYOUTS if name not in {"folder", "pairs", "shards"}]
    ours = [name for row in catalog().values() for name in row.trained_on]
    origins = sorted({_origin(case) for found in sets if found.layout for case in found.cases} - {"", "scene"})
    spelled = {_plain(name): name for name in reversed([*layouts, *ours, *origins])}
    return list(reversed(spelled.values()))


def warnings_for(sets: Sequence[TestSet], subjects: Sequence[SubjectInfo]) -> list[str]:
    """Say what a reader must know of what was trained on."""
    told = []
    for found in sets:
        told += [text for subject in subjects for text in _shared_warnings(found, subject)]
        told += _unknown_names(found, subjects)
        told += _unknown_scenes(found, subjects)
        unknown = [one.name for one in subjects if one.kind in {"outputs", "network"} and not one.trained_on]
        if unknown and found.layout:
            told.append(
                f"it is not known what made {', '.join(unknown)}; if a network, say what it was trained on"
                " (--trained-on NAME=lol-v1), so that shared scenes can be told"
            )
    return told


def _shared_warnings(found: TestSet, subject: SubjectInfo) -> list[str]:
    shared, names = set(shared_cases(found, subject.trained_on)), {_plain(name) for name in subject.trained_on}
    told, of = [], f"of the {len(found.cases)} pictures of {found.name}"
    if _plain(found.layout) in names:
        what = "have a training picture of the same scene" if found.training else "are of data it was trained on"
        told.append(f"was trained on {found.layout}, and {len(shared)} {of} {what}: read the strict subset")
    if _KIN.get(found.layout, "") in names:
        kin = f"was trained on {_KIN[found.layout]}, which has most of the pictures of {found.name} under other names"
        told.append(f"{kin}: no figure of it here can be believed")
    origins = sorted({_origin(case) for case in found.cases} & names)
    if origins:
        count = sum(_origin(case) in names for case in found.cases)
        told.append(f"was trained on {', '.join(origins)}, which {count} {of} are from: the same scenes may be in both")
    return [f"{subject.name} {text}" for text in told]


def _unknown_scenes(found: TestSet, subjects: Sequence[SubjectInfo]) -> list[str]:
    """Say that nothing can be told of a plain folder, where something can be told of what was trained."""
    trained = [one.name for one in subjects if one.trained_on]
    if found.layout or not trained:
        return []
    told = f"{found.name}: no scene of it is known here, so that it cannot be told what {', '.join(trained)} saw of it"
    return [f"{told} in training; name it as LAYOUT:ROOT if it is a known data set"]


def _unknown_names(found: TestSet, subjects: Sequence[SubjectInfo]) -> list[str]:
    """Say what something is said to be trained on that is no data set known here, networks' own records aside."""
    known = {*map(_plain, _known([found])), ""}
    return [
        f"{one.name} is said to be trained on {name!r}, which is no data set known here: no scene of {found.name} can"
        f" be told to be shared{nearest(name, sorted(known))}"
        for one in subjects
        for name in one.trained_on
        if one.kind != "network" and not name.startswith(OTHER) and _plain(name) not in known
    ]


_KIN = {"lol-v2-real": "lol-v1", "lol-v1": "lol-v2-real"}
"""Most of the one's test pictures are in the other's training part, under other names."""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _origin(case: Case) -> str:
    return _plain(case.source.partition("/")[0]) if case.source else ""
