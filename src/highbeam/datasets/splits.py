"""Dividing data by source, never by frame."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from highbeam.datasets.entries import Entry, Split
from highbeam.errors import OptionError, UsageError

__all__ = ["assign_splits", "without_shared_sources"]

_KEEPS = ("test", "val", "train")
"""Of a source with entries in several official splits, the first of these keeps it."""


def without_shared_sources(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Drop the training entries whose source is in a validation or test split, and validation ones of a test source."""
    splits: dict[str, set[Split | None]] = defaultdict(set)
    for entry in entries:
        splits[entry.source].add(entry.split)
    owner = {source: next((split for split in _KEEPS if split in found), None) for source, found in splits.items()}
    return tuple(entry for entry in entries if entry.split == owner[entry.source] or entry.split is None)


def assign_splits(
    entries: Sequence[Entry],
    *,
    fraction: float = 0.1,
    chosen: Sequence[str] = (),
    seed: int = 0,
    official: bool = False,
) -> tuple[Entry, ...]:
    """Give every entry a split.

    Sources that a data set has put into validation or test stay there. Of the others, those chosen by name go to
    validation; without a choice, they are taken in an order that a hash of the seed and their names decides, as long
    as the validation part stays within the fraction. If that is still empty then, the smallest is taken, unless it is
    the only one. The rest is for training.

    Args:
        entries: to divide; see :func:`without_shared_sources` for sources that a data set itself has cut through.
        fraction: of the entries that may be in validation, 0 to 1.
        chosen: names of sources, or patterns with ``*`` and ``?``; the fraction does not count then.
        seed: of the order.
        official: leave every entry where its data set has put it, in training too.

    Raises:
        OptionError: the fraction is out of range.
        UsageError: a chosen name is that of no source, or only of sources that stay where they are.
    """
    if not 0.0 <= fraction <= 1.0:
        raise OptionError(f"the fraction for validation must be 0 to 1, got {fraction}")
    stays = frozenset(_KEEPS if official else _KEEPS[:2])
    fixed: dict[str, Split] = {entry.source: entry.split for entry in entries if entry.split in stays and entry.split}
    given_val = sum(entry.split == "val" for entry in entries)
    sizes = Counter(entry.source for entry in entries if entry.source not in fixed)
    val = _named(sizes, chosen) if chosen else _drawn(sizes, fraction * len(entries), given_val, seed)
    given: dict[str, Split] = fixed | {source: "val" if source in val else "train" for source in sizes}
    return tuple(entry if entry.split in stays else replace(entry, split=given[entry.source]) for entry in entries)


def _named(sizes: Counter[str], patterns: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        matching = {source for source in sizes if fnmatchcase(source, pattern)}
        if not matching:
            raise UsageError(f"no source {pattern!r} to validate with (sources: {', '.join(sorted(sizes)) or 'none'})")
        found |= matching
    return found


def _drawn(sizes: Counter[str], most: float, given: int, seed: int) -> set[str]:
    order = sorted(sizes, key=lambda source: hashlib.sha256(f"{seed}:{source}".encode()).digest())
    taken, left = set[str](), most - given
    for source in order:
        if sizes[source] <= left:
            taken.add(source)
            left -= sizes[source]
    if not taken and not given and most > 0.0 and len(order) > 1:
        taken.add(min(order, key=lambda source: sizes[source]))
    return taken
