"""From data to batches: splits, stages, nights that do not depend on how a step was reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from highbeam.datasets import Cache, Entry, Share
from highbeam.datasets.decoding import Halves, decode_entry
from highbeam.errors import ConfigError, DatasetError, OptionError
from highbeam.training.feeding import Crops, Feed, balanced, check_crops, find_data, validation
from tests.training.common import day_folder, pair_folder, tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_folder(tmp_path_factory.mktemp("days"))


def test_batches_are_pairs_in_range(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path)
    feed = Feed(config, find_data(config).train, Share(), CPU)
    dark, bright = feed.pairs(0)
    feed.close()
    assert dark.shape == bright.shape == (2, 3, 32, 32)
    assert dark.dtype == bright.dtype == torch.float32
    assert 0.0 <= dark.min() <= dark.max() <= 1.0
    assert dark.mean() < bright.mean()
    assert 0.0 <= feed.waiting() <= 1.0


def test_the_same_steps_give_the_same_batches_however_they_are_reached(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path)
    entries = find_data(config).train
    straight = Feed(config, entries, Share(), CPU)
    expected = [straight.pairs(step) for step in range(8)]
    straight.close()
    first = Feed(config, entries, Share(), CPU)
    for step in range(5):
        first.pairs(step)
    position = first.state_dict()
    first.close()
    again = Feed(config, entries, Share(), CPU, step=5)
    again.load_state_dict(position)
    for step in range(5, 8):
        for got, wanted in zip(again.pairs(step), expected[step], strict=True):
            assert torch.equal(got, wanted)
    again.close()


def test_crops_grow_late(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path, late_batch_size=3)
    feed = Feed(config, find_data(config).train, Share(), CPU)
    sizes = [tuple(feed.pairs(step)[0].shape) for step in range(8)]
    feed.close()
    assert sizes == [(2, 3, 32, 32)] * 6 + [(3, 3, 48, 48)] * 2
    assert feed.crops == Crops(48, 3)
    never = Feed(tiny(days, tmp_path, late_share=0.0), find_data(config).train, Share(), CPU)
    assert never.pairs(7)[0].shape[0] == 2
    never.close()


def test_two_processes_share_a_step(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path)
    entries = find_data(config).train
    parts = [Feed(config, entries, Share(rank, 2), CPU) for rank in range(2)]
    ones = [feed.pairs(0)[1] for feed in parts]
    alone = Feed(config, entries, Share(), CPU)
    both = alone.pairs(0)[1]
    for feed in (*parts, alone):
        feed.close()
    assert all(len(part) == 1 for part in ones)
    assert both.shape[0] == 2


def test_pairs_are_taken_as_they_are(tmp_path: Path) -> None:
    root = pair_folder(tmp_path / "pairs")
    config = tiny(f"pairs:{root}", tmp_path / "run")
    data = find_data(config)
    assert data.paired
    feed = Feed(config, data.train, Share(), CPU)
    dark, bright = feed.pairs(0)
    feed.close()
    assert dark.mean() < bright.mean()
    kinds = [kind for kind, *_ in validation(data, config, Share(), CPU, Cache(data.val, 0))]
    assert kinds == ["pairs"] * 3


def test_validation_shows_every_picture_once_in_the_same_night(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path, eval_presets=["gamma", "sensor"])
    data = find_data(config)
    cache = Cache(data.val, 10**8)
    whole = list(validation(data, config, Share(), CPU, cache))
    assert [kind for kind, *_ in whole] == ["gamma"] * 3 + ["sensor"] * 3
    split = [row for rank in range(2) for row in validation(data, config, Share(rank, 2), CPU, cache)]
    assert len(split) == len(whole)
    darks = {float(dark.sum()) for _, dark, _ in whole}
    assert {float(dark.sum()) for _, dark, _ in split} == darks
    assert len(darks) == 6


def test_validation_pictures_are_taken_evenly(days: Path, tmp_path: Path) -> None:
    names = [entry.name for entry in find_data(tiny(days, tmp_path, eval_pictures=2)).val]
    assert len(names) == 2
    assert names[0].endswith("0.png")
    assert names[1].endswith("2.png")
    assert len(find_data(tiny(days, tmp_path, eval_pictures=0)).val) == 5


def test_data_that_will_not_do(days: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no data to train with; name folders"):
        find_data(tiny(days, tmp_path, data=[]))
    with pytest.raises(ConfigError, match="both with single pictures"):
        find_data(tiny(days, tmp_path, val_data=f"pairs:{pair_folder(tmp_path / 'pairs', 1)}"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DatasetError, match="no usable picture"):
        find_data(tiny(empty, tmp_path))


def test_a_bad_picture_is_left_out_and_named(tmp_path: Path) -> None:
    root = day_folder(tmp_path / "days", 2)
    (root / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    config = tiny(root, tmp_path / "run")
    feed = Feed(config, find_data(config).train, Share(), CPU)
    for step in range(6):
        feed.pairs(step)
    feed.close()
    (told,) = feed.news_of_bad()
    assert "bad.png: " in told
    assert feed.news_of_bad() == []


def test_pictures_are_decoded_once_and_named_once_across_the_change_of_crops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = day_folder(tmp_path / "days", 3)
    (root / "00.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    decoded = []

    def counted(entry: Entry) -> Halves:
        decoded.append(entry.name)
        return decode_entry(entry)

    monkeypatch.setattr("highbeam.datasets.loader.decode_entry", counted)
    config = tiny(root, tmp_path / "run")
    feed = Feed(config, find_data(config).train, Share(), CPU)
    told = []
    for step in range(8):
        feed.pairs(step)
        told += feed.news_of_bad()
    feed.close()
    assert feed.crops.side == 48
    assert len(told) == 1
    assert len(decoded) == len(set(decoded)) == 4


@pytest.mark.parametrize(
    ("more", "world", "message"),
    [
        ({"crop": 34}, 1, r"crop must be a multiple of unet-s's stride, 4, got 34"),
        ({"late_crop": 50}, 1, r"late_crop must be a multiple"),
        ({"batch_size": 3}, 2, r"batch_size: 3 crops cannot be divided among 2 processes"),
        ({"late_batch_size": 3}, 2, r"late_batch_size: 3 crops cannot be divided"),
    ],
)
def test_crops_that_will_not_do_are_refused_before_the_first(
    tmp_path: Path, more: dict[str, int], world: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check_crops(tiny("a", tmp_path, **more), 4, world)
    if "late" in message:
        check_crops(tiny("a", tmp_path, late_share=0.0, **more), 4, world)


def test_small_validation_crops_are_refused_where_nothing_would_be_left(tmp_path: Path) -> None:
    config = tiny("a", tmp_path, crop=64, late_crop=64)
    check_crops(config, 32, 1)
    with pytest.raises(ConfigError, match="eval_crop must be at least unet-s's stride, 64, got 48"):
        check_crops(config, 64, 1)


@pytest.mark.parametrize("change", [{"preset": "strete"}, {"eval_presets": "strete"}, {"mix": {"strete": 1.0}}])
def test_unknown_nights_are_refused_before_anything_is_looked_for(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="strete.*did you mean 'street'"):
        find_data(tiny("gone", tmp_path, **change))


def test_a_mix_of_one_is_that_preset(days: Path, tmp_path: Path) -> None:
    found = []
    for change in ({"mix": {"gamma": 0.7}}, {"preset": "gamma"}):
        config = tiny(days, tmp_path, **change)
        feed = Feed(config, find_data(config).train, Share(), CPU)
        found.append(feed.pairs(0)[1])
        feed.close()
    assert torch.equal(*found)  # the law keeps the day as it is, where the others put lamps into it


def test_jitter_changes_the_day_and_leaves_the_night_its_own(days: Path, tmp_path: Path) -> None:
    plain, other = (
        Feed(config, find_data(config).train, Share(), CPU)
        for config in (tiny(days, tmp_path), tiny(days, tmp_path, jitter={"power": 0.3, "saturation": 0.2}))
    )
    (_, day), (dark, regraded) = plain.pairs(0), other.pairs(0)
    plain.close()
    other.close()
    assert not torch.equal(day, regraded)
    assert torch.equal(regraded, (regraded * 255).round() / 255)
    assert dark.mean() < regraded.mean()


def test_small_sources_stand_as_often_as_was_asked_for(days: Path, tmp_path: Path) -> None:
    entry = find_data(tiny(days, tmp_path)).train[0]
    entries = [replace(entry, source="large")] * 64 + [replace(entry, source="small")] * 4
    for share, expected in ((0.0, 4), (0.5, 16), (1.0, 64)):
        counts = Counter(found.source for found in balanced(entries, share))
        assert counts == {"large": 64, "small": expected}
    thirds = Counter(found.source for found in balanced([*entries[:9], *entries[-4:]], 1.0))
    assert thirds == {"large": 9, "small": 9}
    assert balanced([], 1.0) == ()
