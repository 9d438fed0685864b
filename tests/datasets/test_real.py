"""Real pictures and clips, where they are present."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highbeam.datasets import (
    Loader,
    LoaderOptions,
    PackOptions,
    check,
    decode_entry,
    gather,
    open_dataset,
    pack,
    without_shared_sources,
)
from tests.conftest import SHARED

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real pictures: {SHARED} is not there")


def test_lol() -> None:
    found = open_dataset("lol-v1", SHARED / "lol")
    assert [sum(one.split == split for one in found.entries) for split in ("train", "test")] == [481, 15]
    assert found.bad == ()
    for one in found.entries[::120]:
        bright, low = decode_entry(one)
        assert bright.shape == low.shape
        assert low.mean() < 0.6 * bright.mean()


def test_lol_by_scene_is_the_strict_split() -> None:
    found = open_dataset("lol-v1", SHARED / "lol").entries
    strict = without_shared_sources(found)
    assert sum(one.split == "test" for one in strict) == 15
    left = sum(one.split == "train" for one in strict)
    assert 300 < left < 481
    tests = {one.source for one in strict if one.split == "test"}
    assert not tests & {one.source for one in strict if one.split == "train"}


def test_lol_is_whole() -> None:
    found = check("lol-v1", SHARED / "lol", depth="names")
    assert found.complete
    assert found.pairs


def test_day_folders() -> None:
    found = check("folder", SHARED / "driving" / "day")
    assert found.complete
    assert found.pictures == 556
    assert found.sources == 5
    assert sum(found.sizes.values()) == 556


def test_pictures_and_clips_are_packed_and_loaded(tmp_path: Path) -> None:
    words = [str(SHARED / "driving" / "day" / name) for name in ("msrs", "udacity")]
    words.append(str(SHARED / "clips" / "day_highway.mp4"))
    index = pack(words, tmp_path / "out", PackOptions(every=2.0, max_side=320, limit=2_000_000, val=0.3))
    assert set(index.sources) == {"msrs", "udacity", "clips/day_highway.mp4"}
    assert 25 <= len(index.pictures) <= 31
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) < 2_000_000
    before = {one.name: one for one in gather(words, every=2.0).entries}
    for one in open_dataset("shards", tmp_path / "out").entries[::7]:
        packed, original = decode_entry(one)[0], decode_entry(before[one.name])[0]
        assert packed.mean() == pytest.approx(original.mean(), abs=2.0)
    entries = open_dataset("shards", tmp_path / "out", split="train").entries
    with Loader(entries, LoaderOptions(batch=4, crop=128, zoom=1.4)) as loader:
        batch = next(loader)
    assert batch.bright.shape == (4, 128, 128, 3)
    assert np.ptp(batch.bright) > 100


def test_nights_do_not_pass_for_days() -> None:
    night = SHARED / "clips" / "night_highway.mp4"
    from highbeam.datasets.packing import sift

    entries = gather([str(night)], every=4.0).entries
    sifted = sift(entries, PackOptions())
    assert sifted.entries == ()
    assert sifted.dropped["dark"] == len(entries)
