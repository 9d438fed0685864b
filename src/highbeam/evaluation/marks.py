"""What tells rows of one code from those of another: a hash of the source that figures are made by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import highbeam

__all__ = ["code_mark", "mark_of"]

_PACKAGE = Path(highbeam.__file__).parent
_ROOMS = ("methods", "metrics", "pictures", "weights/__init__.py", "sheets.py", "datasets/clips.py")
_MEASURING = ("evaluation/loading.py", "evaluation/runner.py")
_KINDS = {".py", ".npz"}


@cache
def code_mark() -> str:
    """Return one hash of everything that a figure is made by: decoding, methods, metrics and measuring.

    Weights are not in it, since each network's own are in what tells it from others.
    """
    return mark_of(_PACKAGE / name for name in (*_ROOMS, *_MEASURING))


def mark_of(places: Iterable[Path]) -> str:
    """Return one hash of files, and of all code and models below folders, with their names.

    Args:
        places: files and folders.
    """
    digest = hashlib.sha256()
    for place in places:
        found = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.suffix in _KINDS)
        for path in found:
            name = path.name if path == place else path.relative_to(place.parent).as_posix()
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
