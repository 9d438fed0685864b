"""Dividing by source."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets.entries import Entry, Split
from highbeam.datasets.splits import assign_splits, without_shared_sources
from highbeam.errors import OptionError, UsageError
from tests.datasets.makers import entry, names


def entries_of(sizes: dict[str, int], split: Split | None = None) -> list[Entry]:
    return [
        entry(f"{source}/{number}", source, split=split) for source, size in sizes.items() for number in range(size)
    ]


def by_source(entries: tuple[Entry, ...]) -> dict[str, set[Split | None]]:
    found: dict[str, set[Split | None]] = defaultdict(set)
    for one in entries:
        found[one.source].add(one.split)
    return dict(found)


sizes_of = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 30), min_size=1, max_size=12)


@given(sizes_of, st.floats(0.0, 1.0), st.integers(0, 5))
def test_no_source_is_cut(sizes: dict[str, int], fraction: float, seed: int) -> None:
    divided = assign_splits(entries_of(sizes), fraction=fraction, seed=seed)
    assert names(divided) == names(entries_of(sizes))
    assert all(len(splits) == 1 for splits in by_source(divided).values())
    val = sum(one.split == "val" for one in divided)
    assert val <= max(fraction * len(divided), min(sizes.values()))
    if len(sizes) == 1 and fraction < 1.0:
        assert val == 0
    elif fraction > 0.0 and len(sizes) > 1:
        assert val > 0
    if fraction == 0.0:
        assert val == 0


@given(sizes_of, st.randoms())
def test_the_order_of_the_pictures_does_not_matter(sizes: dict[str, int], random: object) -> None:
    entries = entries_of(sizes)
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (assign_splits(some, fraction=0.3, seed=2) for some in (entries, shuffled))
    assert {item.name: item.split for item in one} == {item.name: item.split for item in other}


def test_the_seed_decides() -> None:
    entries = entries_of(dict.fromkeys("abcdefghij", 10))
    chosen = [
        frozenset(one.source for one in assign_splits(entries, seed=seed) if one.split == "val") for seed in range(20)
    ]
    assert all(len(sources) == 1 for sources in chosen)
    assert len(set(chosen)) > 3


def test_sources_by_name_and_pattern() -> None:
    entries = entries_of({"day/a": 3, "day/b": 3, "clips/c.mp4": 3})
    divided = assign_splits(entries, chosen=["clips/*", "day/a"], fraction=0.0)
    assert by_source(divided) == {"day/a": {"val"}, "day/b": {"train"}, "clips/c.mp4": {"val"}}
    with pytest.raises(
        UsageError, match=r"no source 'night/\*' to validate with \(sources: clips/c\.mp4, day/a, day/b\)"
    ):
        assign_splits(entries, chosen=["night/*"])


def test_own_validation_and_test_parts_stay() -> None:
    entries = entries_of({"v": 2}, "val") + entries_of({"t": 2}, "test") + entries_of({"a": 8, "b": 8}, "train")
    divided = assign_splits(entries, fraction=0.1)
    assert by_source(divided) == {"v": {"val"}, "t": {"test"}, "a": {"train"}, "b": {"train"}}


def test_training_parts_lend_to_validation_where_there_is_none() -> None:
    entries = entries_of({"t": 4}, "test") + entries_of({"a": 8, "b": 2}, "train")
    assert by_source(assign_splits(entries, fraction=0.2)) == {"t": {"test"}, "a": {"train"}, "b": {"val"}}
    left = assign_splits(entries, fraction=0.2, official=True)
    assert by_source(left) == {"t": {"test"}, "a": {"train"}, "b": {"train"}}


def test_what_has_no_split_follows_its_source() -> None:
    entries = [entry("a/0", "a", split="test"), entry("a/1", "a"), entry("b/0", "b")]
    assert by_source(assign_splits(entries)) == {"a": {"test"}, "b": {"train"}}


def test_official_splits_may_cut_a_source() -> None:
    entries = [entry("a/0", "a", split="test"), entry("a/1", "a", split="train"), entry("b/0", "b")]
    assert by_source(assign_splits(entries, official=True)) == {"a": {"test", "train"}, "b": {"train"}}


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(OptionError, match="must be 0 to 1"):
        assign_splits([entry("a")], fraction=fraction)


def test_sources_that_test_do_not_train() -> None:
    entries = [
        entry("a/0", "a", split="train"),
        entry("a/1", "a", split="val"),
        entry("a/2", "a", split="test"),
        entry("b/0", "b", split="train"),
        entry("b/1", "b", split="val"),
        entry("c/0", "c", split="train"),
        entry("d/0", "d"),
    ]
    assert names(without_shared_sources(entries)) == ["a/2", "b/1", "c/0", "d/0"]


splits = st.sampled_from(["train", "val", "test", None])


@given(st.lists(st.tuples(st.sampled_from("abcd"), splits), max_size=30))
def test_after_dropping_every_source_has_one_split(rows: list[tuple[str, Split | None]]) -> None:
    entries = [entry(str(number), source, split=split) for number, (source, split) in enumerate(rows)]
    kept = without_shared_sources(entries)
    assert all(len(found - {None}) <= 1 for found in by_source(kept).values())
    assert without_shared_sources(kept) == kept
    tests = Counter(one.split for one in entries)["test"]
    assert Counter(one.split for one in kept)["test"] == tests
