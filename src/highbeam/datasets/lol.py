"""LOL: pairs of a short and a long exposure of one scene (Wei et al., BMVC 2018; Yang et al., TIP 2021)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePath

from highbeam.datasets.entries import Missing, Split, Survey, merged
from highbeam.datasets.folders import pair_up

__all__ = ["scan_lol_v1", "scan_lol_v2_real", "scan_lol_v2_synthetic"]

_PREFIX = re.compile(r"^(low|normal)", re.IGNORECASE)


def scan_lol_v1(root: Path) -> Survey:
    """Survey ``our485`` (training) and ``eval15`` (test), each with ``low`` and ``high``.

    Where a ``scenes.json`` beside them has ``groups``, lists of such as ``our485/781.png`` that show one scene, each
    group is a source; otherwise each of the two folders is one.
    """
    scenes = _scenes(root / "scenes.json")
    parts: tuple[tuple[str, Split], ...] = (("our485", "train"), ("eval15", "test"))
    return merged(_halves(root, (part,), ("low", "high"), split, _scene_of(scenes, part)) for part, split in parts)


def scan_lol_v2_real(root: Path) -> Survey:
    """Survey ``Real_captured``: ``Train`` and ``Test``, each with ``Low`` (low00001) and ``Normal`` (normal00001)."""
    return _scan_v2(root, "Real_captured")


def scan_lol_v2_synthetic(root: Path) -> Survey:
    """Survey ``Synthetic``: ``Train`` and ``Test``, each with ``Low`` and ``Normal`` of the same names."""
    return _scan_v2(root, "Synthetic")


def _scan_v2(root: Path, part: str) -> Survey:
    parts: tuple[tuple[str, Split], ...] = (("Train", "train"), ("Test", "test"))
    return merged(
        _halves(root, (part, folder), ("Low", "Normal"), split, lambda _name: None) for folder, split in parts
    )


def _halves(
    root: Path, parts: tuple[str, ...], names: tuple[str, str], split: Split, source_of: Callable[[str], str | None]
) -> Survey:
    folders = [_any_case(root, (*parts, half)) for half in names]
    missing = tuple(
        Missing(f"{root.joinpath(*parts, half)}: no such folder", split)
        for half, folder in zip(names, folders, strict=True)
        if folder is None
    )
    if folders[0] is None or folders[1] is None:
        return Survey((), missing)
    found = pair_up(
        folders[0], folders[1], source="/".join(parts), split=split, key=_without_prefix, source_of=source_of
    )
    empty = () if found.entries or found.halves else (Missing(f"{root.joinpath(*parts)}: no pictures", split),)
    return Survey(found.entries, empty, found.halves, found.bad)


def _without_prefix(inner: PurePath) -> str:
    return inner.with_name(_PREFIX.sub("", inner.stem) or inner.stem).as_posix()


def _any_case(root: Path, parts: tuple[str, ...]) -> Path | None:
    """Find a folder by its path whatever the case of the letters: copies of the data set differ in it."""
    here = root
    for part in parts:
        if not here.is_dir():
            return None
        match = sorted(child for child in here.iterdir() if child.name.lower() == part.lower() and child.is_dir())
        if not match:
            return None
        here = match[0]
    return here


def _scenes(path: Path) -> dict[str, str]:
    """Return from ``our485/781`` to the name of its scene; empty where nothing is known."""
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["groups"]
        named = [(str(PurePath(name).with_suffix("")), group) for group in groups for name in group]
        return {name: f"scene/{PurePath(group[0]).with_suffix('').as_posix()}" for name, group in named}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _scene_of(scenes: dict[str, str], part: str) -> Callable[[str], str | None]:
    return lambda name: scenes.get(f"{part}/{name}", f"{part}/{name}" if scenes else None)
