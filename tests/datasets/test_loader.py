"""The loader: the same batches every time, from any position, in any number of processes, and always fed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from highbeam.datasets import (
    Batch,
    Cache,
    Entry,
    Loader,
    LoaderOptions,
    Place,
    Share,
    Waiting,
    central_batches,
    decode_entry,
    open_dataset,
)
from highbeam.datasets import loader as module
from highbeam.errors import DatasetError, OptionError, PositionError, UsageError
from tests.datasets.makers import draw, film, pair, scene

SMALL = LoaderOptions(batch=3, crop=16, seed=5)
COUNT = 7


@pytest.fixture
def days(tmp_path: Path) -> tuple[Entry, ...]:
    for number in range(COUNT):
        draw(tmp_path / "days" / f"{number}.png", number, (40 + number, 30))
    return open_dataset("folder", tmp_path / "days").entries


def same(one: Batch, other: Batch) -> bool:
    lows = one.low is other.low if one.low is None or other.low is None else np.array_equal(one.low, other.low)
    numbers = np.array_equal(one.indices, other.indices) and np.array_equal(one.numbers, other.numbers)
    return lows and numbers and np.array_equal(one.bright, other.bright)


def some(
    entries: tuple[Entry, ...], count: int, options: LoaderOptions = SMALL, share: Share | None = None
) -> list[Batch]:
    with Loader(entries, options, share) as loader:
        return list(islice(loader, count))


def test_batches_are_crops_of_the_pictures(days: tuple[Entry, ...]) -> None:
    for batch in some(days, 5, replace(SMALL, flip=False)):
        assert batch.bright.shape == (3, 16, 16, 3)
        assert batch.bright.dtype == np.uint8
        assert batch.bright.flags.c_contiguous
        assert batch.low is None
        for index, crop in zip(batch.indices, batch.bright, strict=True):
            picture = scene(int(index), (40 + int(index), 30))
            windows = np.lib.stride_tricks.sliding_window_view(picture, (16, 16, 3))[:, :, 0]
            assert (windows == crop).all(axis=(2, 3, 4)).any()


def test_pairs_are_cut_alike(tmp_path: Path) -> None:
    for number in range(5):
        pair(tmp_path, f"{number}.png", number)
    entries = open_dataset("pairs", tmp_path).entries
    for batch in some(entries, 6, replace(SMALL, zoom=1.0)):
        assert batch.low is not None
        assert np.array_equal(batch.low, batch.bright // 12)


def test_every_epoch_has_every_picture_once(days: tuple[Entry, ...]) -> None:
    seen = [int(index) for batch in some(days, COUNT * 2) for index in batch.indices]
    assert len(seen) == 6 * COUNT
    for epoch in range(6):
        assert sorted(seen[epoch * COUNT : (epoch + 1) * COUNT]) == list(range(COUNT))


def test_numbers_are_given_once(days: tuple[Entry, ...]) -> None:
    numbers = [int(number) for batch in some(days, 9) for number in batch.numbers]
    assert numbers == list(range(27))


@pytest.mark.parametrize(
    "changed",
    [{"workers": 3}, {"ahead": 1}, {"ahead": 9, "workers": 2}, {"cache_bytes": 0}, {"cache_bytes": 8000}],
    ids=str,
)
def test_threads_cache_and_foresight_make_no_difference(days: tuple[Entry, ...], changed: dict[str, int]) -> None:
    plain, other = some(days, 12), some(days, 12, replace(SMALL, **changed))  # type: ignore[arg-type]
    assert all(same(one, two) for one, two in zip(plain, other, strict=True))


def test_the_seed_makes_a_difference(days: tuple[Entry, ...]) -> None:
    one, two = some(days, 3), some(days, 3, replace(SMALL, seed=6))
    assert not any(same(left, right) for left, right in zip(one, two, strict=True))


@pytest.mark.parametrize("done", [0, 1, 2, 5, 9])
def test_going_on_gives_what_would_have_come(days: tuple[Entry, ...], done: int) -> None:
    whole = some(days, done + 6)
    with Loader(days, SMALL) as before:
        list(islice(before, done))
        state = json.loads(json.dumps(before.state_dict()))
    with Loader(days, SMALL) as after:
        after.load_state_dict(state)
        assert after.state_dict() == state
        rest = list(islice(after, 6))
    assert all(same(one, two) for one, two in zip(whole[done:], rest, strict=True))


def test_going_back_in_a_running_loader(days: tuple[Entry, ...]) -> None:
    with Loader(days, SMALL) as loader:
        first = next(loader)
        state = loader.state_dict()
        second = next(loader)
        list(islice(loader, 3))
        loader.load_state_dict(state)
        assert same(next(loader), second)
        assert not same(first, second)


def test_going_on_in_another_process(tmp_path: Path, days: tuple[Entry, ...]) -> None:
    """As after a kill: nothing but the folder and the saved position is left."""
    with Loader(days, SMALL) as loader:
        list(islice(loader, 4))
        state = loader.state_dict()
        expected = next(loader)
    script = (
        "import json, sys; from pathlib import Path\n"
        "from highbeam.datasets import Loader, LoaderOptions, open_dataset\n"
        "entries = open_dataset('folder', Path(sys.argv[1])).entries\n"
        "with Loader(entries, LoaderOptions(batch=3, crop=16, seed=5)) as loader:\n"
        "    loader.load_state_dict(json.loads(sys.argv[2]))\n"
        "    sys.stdout.buffer.write(next(loader).bright.tobytes())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "days"), json.dumps(state)],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": str(Path(module.__file__).parents[2])},
    )
    assert done.stdout == expected.bright.tobytes()


def test_the_position_counts_epochs(days: tuple[Entry, ...]) -> None:
    with Loader(days, SMALL) as loader:
        assert loader.epoch == 0
        list(islice(loader, 3))
        assert loader.epoch == 1
        state = loader.state_dict()
    assert (state["epoch"], state["position"], state["seed"], state["count"]) == (1, 2, 5, COUNT)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_what_one_would_see(days: tuple[Entry, ...], world: int) -> None:
    alone = some(days, 4, replace(SMALL, batch=3 * world))
    parts = [some(days, 4, SMALL, Share(rank, world)) for rank in range(world)]
    for step in range(4):
        together = np.concatenate([parts[rank][step].bright for rank in range(world)])
        assert np.array_equal(together, alone[step].bright)


def test_another_number_of_processes_goes_on_where_the_others_were(days: tuple[Entry, ...]) -> None:
    with Loader(days, SMALL, Share(1, 2)) as loader:
        list(islice(loader, 2))
        state = loader.state_dict()
    with Loader(days, replace(SMALL, batch=6)) as alone:
        list(islice(alone, 2))
        assert alone.state_dict() == state
        alone.load_state_dict(state)


@pytest.mark.parametrize(("key", "value"), [("seed", 6), ("count", 8), ("data", "0"), ("seed", None)])
def test_a_position_in_other_data_is_refused(days: tuple[Entry, ...], key: str, value: int | str | None) -> None:
    with Loader(days, SMALL) as loader:
        state = loader.state_dict()
        if value is None:
            del state[key]
        else:
            state[key] = value
        with pytest.raises(PositionError, match=f"other data: {key} is {value}"):
            loader.load_state_dict(state)
        assert same(next(loader), some(days, 1)[0])


def test_a_position_is_that_of_the_names_and_not_of_the_place(days: tuple[Entry, ...], tmp_path: Path) -> None:
    moved = tuple(replace(one, bright=Place(tmp_path / "elsewhere" / one.name)) for one in days)
    with Loader(days, SMALL) as here, Loader(moved, SMALL) as there:
        there.load_state_dict(here.state_dict())


def test_a_bad_picture_is_replaced_by_the_next_and_listed(days: tuple[Entry, ...]) -> None:
    days[2].bright.path.write_bytes(b"bad")
    days[6].bright.path.unlink()
    batches = some(days, 14)
    seen = Counter(int(index) for batch in batches for index in batch.indices)
    assert seen == {0: 12, 1: 6, 3: 12, 4: 6, 5: 6}
    with Loader(days, SMALL) as loader:
        list(islice(loader, 3))
        assert [bad.name for bad in loader.bad] == ["days/2.png", "days/6.png"]
        assert "does not begin like the PNG" in loader.bad[0].reason


def test_only_bad_pictures(days: tuple[Entry, ...]) -> None:
    for one in days:
        one.bright.path.unlink()
    with (
        Loader(days, SMALL) as loader,
        pytest.raises(DatasetError, match=r"none of 7 pictures .* days/0\.png: there is"),
    ):
        next(loader)


def test_pictures_are_decoded_once(days: tuple[Entry, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    decode = decode_entry

    def counted(entry: Entry) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ...]:
        decoded.append(entry.name)
        return decode(entry)

    monkeypatch.setattr(module, "decode_entry", counted)
    some(days, 14)
    assert sorted(decoded) == sorted(one.name for one in days)
    decoded.clear()
    some(days, 14, replace(SMALL, cache_bytes=2 * 46 * 30 * 3))
    assert COUNT < len(decoded) <= 3 * (14 + 4)
    assert min(Counter(decoded).values()) == 1


def test_the_cache_keeps_to_its_budget(days: tuple[Entry, ...]) -> None:
    sizes = [(40 + number) * 30 * 3 for number in range(COUNT)]
    cache = Cache(days, sizes[0] + sizes[1])
    halves = [cache.get(index) for index in range(COUNT)]
    assert all(half is not None for half in halves)
    assert [cache.get(index) is halves[index] for index in range(COUNT)] == [True, True] + [False] * 5
    assert cache.bad == {}


def test_a_bad_entry_is_tried_once(days: tuple[Entry, ...]) -> None:
    days[0].bright.path.unlink()
    cache = Cache(days, 0)
    assert cache.get(0) is None
    draw(days[0].bright.path)
    assert cache.get(0) is None
    assert list(cache.bad) == [0]


def test_frames_of_clips_are_loaded(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 12)
    entries = open_dataset("folder", tmp_path, every=0.2).entries
    assert len(entries) == 6
    (batch,) = some(entries, 1, replace(SMALL, batch=6))
    assert sorted(batch.indices.tolist()) == list(range(6))


def test_waiting_is_measured(days: tuple[Entry, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    decode = decode_entry

    def slow(entry: Entry) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ...]:
        time.sleep(0.02)
        return decode(entry)

    monkeypatch.setattr(module, "decode_entry", slow)
    with Loader(days, replace(SMALL, cache_bytes=0, ahead=2)) as loader:
        assert loader.waiting() == Waiting(0.0, 0.0)
        assert loader.waiting().share == 0.0
        for _ in range(4):
            next(loader)
        starved = loader.waiting()
        assert starved.share > 0.8
        assert starved.waited >= 0.15
        time.sleep(0.3)
        for _ in range(4):
            next(loader)
            time.sleep(0.15)
        fed = loader.waiting()
    assert fed.total >= 0.9
    assert fed.share < 0.2


def test_batches_are_made_while_nobody_asks(days: tuple[Entry, ...]) -> None:
    with Loader(days, replace(SMALL, ahead=3)) as loader:
        next(loader)
        deadline = time.monotonic() + 5.0
        while not all(future.done() for future in loader._begun) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [future.done() for future in loader._begun] == [True] * 3


def test_closing_ends_the_threads(days: tuple[Entry, ...]) -> None:
    some(days, 2, replace(SMALL, workers=3))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("highbeam-data")]


@pytest.mark.parametrize("name", ["batch", "crop", "zoom", "cache_bytes", "workers", "ahead", "seed"])
def test_options_out_of_range(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} must be at least"):
        LoaderOptions(**{name: -1})  # type: ignore[arg-type]


def test_entries_that_do_not_go_together(days: tuple[Entry, ...]) -> None:
    with pytest.raises(UsageError, match="no pictures to load"):
        Loader(())
    mixed = (*days, replace(days[0], low=days[1].bright))
    with pytest.raises(UsageError, match="do not go together"):
        Loader(mixed)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_evaluation_counts_every_picture_once(days: tuple[Entry, ...], world: int) -> None:
    batches = [batch for rank in range(world) for batch in central_batches(days, 2, 16, Share(rank, world))]
    seen = [int(index) for batch in batches for index in batch.indices]
    assert sorted(seen) == list(range(COUNT))
    for batch in batches:
        assert 1 <= len(batch.bright) <= 2
        for index, crop in zip(batch.indices, batch.bright, strict=True):
            width = 40 + int(index)
            left = (width - 16) // 2
            assert np.array_equal(crop, scene(int(index), (width, 30))[7:23, left : left + 16])


def test_evaluation_uses_a_cache(days: tuple[Entry, ...]) -> None:
    cache = Cache(days, 10**9)
    first = list(central_batches(days, 4, 16, cache=cache))
    for one in days:
        one.bright.path.unlink()
    again = list(central_batches(days, 4, 16, cache=cache))
    assert all(same(one, two) for one, two in zip(first, again, strict=True))


def test_evaluation_does_not_skip_bad_pictures(days: tuple[Entry, ...]) -> None:
    days[3].bright.path.unlink()
    with pytest.raises(DatasetError, match=r"days/3\.png: there is no such file"):
        list(central_batches(days, 2, 16))


def test_the_data_room_needs_no_torch_and_loads_no_codec() -> None:
    script = (
        "import sys, highbeam.datasets; print([n for n in ('torch', 'av', 'pydantic', 'typer') if n in sys.modules])"
    )
    environment = {"PYTHONPATH": str(Path(module.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
