"""Verifying a data set: what there is, what is missing, and which files are bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from highbeam.datasets.decoding import decode_run, read_span, runs
from highbeam.datasets.entries import Bad, Entry, Place, every_seconds
from highbeam.datasets.layouts import survey
from highbeam.datasets.work import Bar, in_order, no_bar
from highbeam.errors import DamagedPictureError, PictureError
from highbeam.pictures import inspect

__all__ = ["Depth", "Findings", "check"]

Depth: TypeAlias = Literal["names", "headers", "pixels"]
"""How closely to look: at names only, at every file's structure, or at every pixel."""

_TURNED = 5  # EXIF orientations from here on exchange width and height


@dataclass(frozen=True)
class Findings:
    """What a check has found.

    Attributes:
        layout: the layout's name.
        root: the folder.
        pictures: how many there are; pairs, and frames of clips, count as one each.
        pairs: whether they are pairs.
        sources: how many sources they are from.
        splits: how many are in each of the data set's own splits; ``none`` where it has none.
        lights: how many were taken under which light.
        sizes: how many have which size, ``WIDTHxHEIGHT``, the commonest first; empty if only names were looked at.
        missing: what the layout asks for and is not there.
        halves: pictures of pairs whose other half is not there.
        bad: files that cannot be used, and why.
    """

    layout: str
    root: str
    pictures: int
    pairs: bool
    sources: int
    splits: dict[str, int]
    lights: dict[str, int]
    sizes: dict[str, int]
    missing: tuple[str, ...]
    halves: tuple[str, ...]
    bad: tuple[Bad, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing is bad."""
        return not (self.missing or self.halves or self.bad)


def check(
    name: str,
    root: Path,
    *,
    depth: Depth = "headers",
    every: float = 1.0,
    workers: int = 1,
    bar: Bar = no_bar,
) -> Findings:
    """Verify a data set.

    Args:
        name: of its layout.
        root: its folder.
        depth: how closely to look. At headers, one frame of each clip is decoded; packed shards are compared with
            their SHA-256.
        every: seconds between two frames that are taken of a clip; 0 takes all.
        workers: threads.
        bar: shows the progress.

    Raises:
        UsageError: no such layout, or no such folder.
    """
    found = survey(name, root)
    entries = every_seconds(found.entries, every)
    sizes, bad = Counter[str](), list(found.bad)
    looked = [] if depth == "names" else runs(entries, *((1,) if depth == "headers" else ()))
    if depth == "headers":
        looked = _once_a_clip(looked)
    look = _headers if depth == "headers" else _pixels
    with bar(sum(map(len, looked))) as step, in_order(look, looked, workers) as outcomes:
        for outcome in outcomes:
            step()
            if isinstance(outcome, Bad):
                bad.append(outcome)
            else:
                sizes[outcome] += 1
    return Findings(
        layout=name,
        root=str(root),
        pictures=len(entries),
        pairs=any(entry.low is not None for entry in entries),
        sources=len({entry.source for entry in entries}),
        splits=dict(Counter(entry.split or "none" for entry in entries)),
        lights=dict(Counter(entry.light for entry in entries)),
        sizes=dict(sizes.most_common()),
        missing=tuple(missing.what for missing in found.missing),
        halves=found.halves,
        bad=tuple(bad),
    )


def _once_a_clip(singles: Sequence[tuple[Entry, ...]]) -> list[tuple[Entry, ...]]:
    seen: set[Path] = set()
    kept = []
    for run in singles:
        place = run[0].bright
        if place.pts is None or place.path not in seen:
            kept.append(run)
        if place.pts is not None:
            seen.add(place.path)
    return kept


def _headers(run: Sequence[Entry]) -> Iterable[str | Bad]:
    entry = run[0]
    if entry.bright.pts is not None:
        return _pixels(run)
    try:
        sizes = [_size(place) for place in entry.places]
        if len(set(sizes)) > 1:
            raise DamagedPictureError(entry.name, f"is a pair of {sizes[0]} (bright) and {sizes[1]} (dark)")
    except PictureError as error:
        return [Bad(entry.name, error.reason)]
    return [sizes[0]]


def _size(place: Place) -> str:
    if place.span is not None:
        header = inspect(read_span(place), name=f"{place.path}@{place.span[0]}")
    else:
        try:
            data = place.path.read_bytes()
        except OSError as error:
            raise PictureError(str(place.path), f"cannot be read ({error.strerror}); check the path") from error
        header = inspect(data, name=str(place.path))
    if header.orientation >= _TURNED:
        return f"{header.height}x{header.width}"
    return f"{header.width}x{header.height}"


def _pixels(run: Sequence[Entry]) -> Iterator[str | Bad]:
    for entry, halves in decode_run(run):
        if isinstance(halves, PictureError):
            yield Bad(entry.name, halves.reason)
        else:
            yield f"{halves[0].shape[1]}x{halves[0].shape[0]}"
