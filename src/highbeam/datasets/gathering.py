"""From what a user names to the entries that are meant: files, folders, globs, and data sets as ``NAME:ROOT``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from highbeam.datasets.entries import Entry, Light, Survey, every_seconds, merged, selected
from highbeam.datasets.folders import scan_words
from highbeam.datasets.layouts import LAYOUTS, refuse_incomplete, survey
from highbeam.errors import LayoutError, OptionError, UsageError

__all__ = ["gather", "with_sequences"]


def gather(
    words: Sequence[str], *, lights: Sequence[Light] = ("day",), every: float = 1.0, sequence: str | None = None
) -> Survey:
    """Find the pictures, pairs and frames that are meant.

    Args:
        words: files, folders and globs of pictures and clips, which are all taken; and ``NAME:ROOT``, of which those
            taken under the lights are.
        lights: see :data:`~highbeam.datasets.entries.Light`.
        every: seconds between two frames that are taken of a clip; 0 takes all.
        sequence: see :func:`with_sequences`.

    Returns:
        The entries, and files that cannot be used. Entries of a data set are named after it.

    Raises:
        UsageError: a word names nothing, or pairs and single pictures come together.
        OptionError: no light, a negative time, or a pattern that is none.
        DatasetError: a data set lacks something, or no entry is found.
    """
    if not lights or every < 0.0:
        raise OptionError(f"name a light, and give a time of at least 0 s, got {lights} and {every}")
    found = merged(_of_word(word, lights) for word in words)
    entries = with_sequences(every_seconds(found.entries, every), sequence)
    if not entries:
        reason = f": {found.bad[0].name}: {found.bad[0].reason}" if found.bad else ""
        raise LayoutError(f"{', '.join(words)}: no usable picture, clip or pair (light: {' or '.join(lights)}){reason}")
    if len({entry.low is None for entry in entries}) > 1:
        raise UsageError("pairs and single pictures do not go together; take them one after the other")
    return Survey(entries, bad=found.bad)


def with_sequences(entries: Sequence[Entry], pattern: str | None) -> tuple[Entry, ...]:
    """Divide sources further by what a regular expression finds in the entries' names.

    Args:
        entries: those whose names do not match stay as they are.
        pattern: its groups, or else all that it matches, are added to the source.

    Raises:
        OptionError: it is no regular expression.
    """
    if pattern is None:
        return tuple(entries)
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise OptionError(f"{pattern!r} is no regular expression ({error})") from error
    return tuple(_in_sequence(entry, compiled.search(entry.name)) for entry in entries)


def _in_sequence(entry: Entry, match: re.Match[str] | None) -> Entry:
    if match is None:
        return entry
    parts = [part for part in match.groups() or (match.group(),) if part]
    return replace(entry, source="/".join([entry.source, *parts]))


def _of_word(word: str, lights: Sequence[Light]) -> Survey:
    name, colon, root = word.partition(":")
    if not colon or name not in LAYOUTS:
        return scan_words([word], light=lights[0])
    if name == "folder":
        return scan_words([root], light=lights[0])
    found = selected(survey(name, Path(root)), lights)
    refuse_incomplete(found, name)
    entries = (_named(name, entry) for entry in found.entries)
    return replace(found, entries=tuple(entries))


def _named(layout: str, entry: Entry) -> Entry:
    if layout == "shards":
        return entry  # has the name it was packed under
    return replace(entry, name=f"{layout}/{entry.name}", source=f"{layout}/{entry.source}")
