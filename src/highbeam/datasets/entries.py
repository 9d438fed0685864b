"""What a data set consists of: pictures and pairs, each with where it lies and what it was recorded in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from highbeam.errors import OptionError, nearest

__all__ = [
    "Bad",
    "Entry",
    "Light",
    "Missing",
    "Place",
    "Split",
    "Survey",
    "checked_lights",
    "every_seconds",
    "merged",
    "selected",
]

Light: TypeAlias = Literal["day", "dusk", "night", "unknown"]
"""Under which light a picture (of a pair: the bright half) was taken, as far as its data set says."""

Split: TypeAlias = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one picture lies.

    Attributes:
        path: a picture, a clip or a shard.
        pts: in a clip: the frame's presentation time in units of the stream's time base.
        span: in a shard: offset and length in bytes.
        sha256: of the bytes in a shard, in hexadecimal; empty elsewhere.
    """

    path: Path
    pts: int | None = None
    span: tuple[int, int] | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture, or a pair of a bright and a dark one.

    Attributes:
        name: unique in its set; POSIX path, for a frame followed by ``#`` and its number.
        source: the drive, clip, city, scene or folder it comes from; a split never cuts through one.
        bright: the picture; of a pair, the bright half.
        low: the dark half of a pair.
        light: as far as the data set says.
        split: the data set's own, where it has one.
        seconds: of a frame, from the start of its clip.
    """

    name: str
    source: str
    bright: Place
    low: Place | None = None
    light: Light = "day"
    split: Split | None = None
    seconds: float | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """The bright picture and, of a pair, the dark one."""
        return (self.bright,) if self.low is None else (self.bright, self.low)


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that cannot be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """What a layout asks for and is not there.

    Attributes:
        what: one line.
        split: the only split that lacks it, where that is so.
    """

    what: str
    split: Split | None = None


@dataclass(frozen=True)
class Survey:
    """What a folder was found to hold.

    Attributes:
        entries: in a fixed order.
        missing: what the layout asks for and is not there.
        halves: pictures of pairs whose other half is not there.
        bad: files that cannot be used.
    """

    entries: tuple[Entry, ...]
    missing: tuple[Missing, ...] = ()
    halves: tuple[str, ...] = ()
    bad: tuple[Bad, ...] = ()


def checked_lights(words: Iterable[str]) -> tuple[Light, ...]:
    """Return the lights that words stand for.

    Raises:
        OptionError: one of them is none.
    """
    known: dict[str, Light] = {light: light for light in get_args(Light)}
    lights = []
    for word in words:
        light = known.get(word.strip().lower())
        if light is None:
            raise OptionError(f"no light {word!r}{nearest(word, known)} (lights: {', '.join(known)})")
        lights.append(light)
    return tuple(lights)


def merged(surveys: Iterable[Survey]) -> Survey:
    """Join surveys; of entries with one name, the first stays."""
    listed = list(surveys)
    entries: dict[str, Entry] = {}
    for survey in listed:
        for entry in survey.entries:
            entries.setdefault(entry.name, entry)
    return Survey(
        tuple(entries.values()),
        tuple(missing for survey in listed for missing in survey.missing),
        tuple(name for survey in listed for name in survey.halves),
        tuple(bad for survey in listed for bad in survey.bad),
    )


def selected(survey: Survey, lights: Iterable[Light], split: Split | None = None) -> Survey:
    """Keep the entries taken under one of the lights and, if asked, of one split, and what that split lacks."""
    wanted = frozenset(lights)
    kept = (entry for entry in survey.entries if entry.light in wanted and split in (None, entry.split))
    missing = tuple(line for line in survey.missing if None in (split, line.split) or split == line.split)
    return replace(survey, entries=tuple(kept), missing=missing)


def every_seconds(entries: Sequence[Entry], seconds: float) -> tuple[Entry, ...]:
    """Thin the frames of clips to the first in every so many seconds; pictures, and with 0 seconds all, stay."""
    if seconds <= 0:
        return tuple(entries)
    taken: set[tuple[Path, int]] = set()
    kept = []
    for entry in entries:
        if entry.seconds is not None:
            slot = entry.bright.path, math.floor((entry.seconds + _HALF_A_MILLISECOND) / seconds)
            if slot in taken:
                continue
            taken.add(slot)
        kept.append(entry)
    return tuple(kept)


_HALF_A_MILLISECOND = 5e-4  # times are rounded to the clip's time base
