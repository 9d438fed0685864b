"""From data to batches: splits, stages, nights that do not depend on how a step was reached."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from highbeam.datasets import Cache, Share
from highbeam.errors import ConfigError, DatasetError
from highbeam.training.feeding import Crops, Feed, find_data, validation
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
    with pytest.raises(ConfigError, match="2 crops in a step cannot be divided among 3 processes"):
        Feed(config, entries, Share(0, 3), CPU)


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
    assert len(feed.bad()) == 1
    assert "bad.png" in feed.bad()[0]
