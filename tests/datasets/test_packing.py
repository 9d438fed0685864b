"""Packing: what goes in comes out, sifted, divided by source, within a size, whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from highbeam.datasets import PackOptions, decode_entry, gather, open_dataset, pack, read_index
from highbeam.datasets.packing import sift
from highbeam.errors import LayoutError, MissingHalfError, OptionError, OutputError, UsageError
from tests.datasets import makers
from tests.datasets.makers import content, draw, film, pair, save, scene

LOOSE = PackOptions(min_sharpness=0.0)


@pytest.fixture
def days(tmp_path: Path) -> Path:
    """Three folders of four pictures and a clip."""
    for place, name in enumerate(("a", "b", "c")):
        for number in range(4):
            draw(tmp_path / "days" / name / f"{number}.png", 10 * place + number, (96, 64))
    film(tmp_path / "days" / "d.mp4", 31, fps=10, size=(96, 64))
    return tmp_path / "days"


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_pictures_come_back(days: Path, tmp_path: Path) -> None:
    index = pack([str(days)], tmp_path / "out", replace(LOOSE, quality=100))
    assert len(index.pictures) == 16
    assert index.dropped == {"dark": 0, "blurred": 0, "duplicate": 0, "shared": 0, "bad": 0}
    before = {one.name: decode_entry(one)[0] for one in gather([str(days)]).entries}
    found = open_dataset("shards", tmp_path / "out")
    after = {one.name: decode_entry(one)[0] for one in found.entries}
    assert after.keys() == before.keys()
    for name, pixels in before.items():
        assert np.array_equal(after[name], pixels)  # quality 100 is lossless in WebP
    assert read_index(tmp_path / "out") == index


def test_a_source_is_never_cut(days: Path, tmp_path: Path) -> None:
    index = pack([str(days)], tmp_path / "out", replace(LOOSE, val=0.4))
    splits = {row.source: row.split for row in index.pictures}
    assert {(row.source, row.split) for row in index.pictures} == set(splits.items())
    assert sorted(splits.values()).count("val") == 1
    assert {name: source.split for name, source in index.sources.items()} == splits
    assert sum(source.pictures for source in index.sources.values()) == len(index.pictures)
    train = open_dataset("shards", tmp_path / "out", split="train").entries
    val = open_dataset("shards", tmp_path / "out", split="val").entries
    assert len(train) + len(val) == 16
    assert not {one.source for one in train} & {one.source for one in val}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.json", "train-0000.tar", "val-0000.tar"}


def test_sources_to_validate_with_are_chosen(days: Path, tmp_path: Path) -> None:
    index = pack([str(days)], tmp_path / "out", replace(LOOSE, val_sources=("days/b", "*.mp4")))
    assert {name for name, source in index.sources.items() if source.split == "val"} == {"days/b", "days/d.mp4"}


def test_the_same_call_gives_the_same_bytes_with_any_number_of_threads(days: Path, tmp_path: Path) -> None:
    for name, workers in (("one", 1), ("two", 1), ("three", 3)):
        pack([str(days)], tmp_path / name, replace(LOOSE, workers=workers, shard_size=20_000))
    folders = [sorted((tmp_path / name).iterdir()) for name in ("one", "two", "three")]
    assert len(folders[0]) > 3
    assert content(folders[0]) == content(folders[1]) == content(folders[2])


def test_pictures_are_shrunk_and_never_enlarged(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "large.png", 1, (200, 100))
    draw(tmp_path / "a" / "small.png", 2, (50, 70))
    index = pack([str(tmp_path / "a")], tmp_path / "out", replace(LOOSE, max_side=80))
    assert [(row.name, row.width, row.height) for row in index.pictures] == [
        ("a/large.png", 80, 40),
        ("a/small.png", 50, 70),
    ]
    sizes = [decode_entry(one)[0].shape[:2] for one in open_dataset("shards", tmp_path / "out").entries]
    assert sizes == [(40, 80), (70, 50)]


def test_what_is_dark_blurred_or_seen_before_is_dropped_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    draw(folder / "1.png", 1, (128, 96))
    draw(folder / "2.png", 2, (128, 96), level=-30.0)
    save(folder / "3.png", np.asarray(cv2.GaussianBlur(scene(3, (128, 96)), (0, 0), 4.0), np.uint8))
    save(folder / "4.png", np.asarray(cv2.convertScaleAbs(scene(1, (128, 96)), alpha=0.95), np.uint8))
    (folder / "5.png").write_bytes(b"no picture")
    draw(folder / "6.png", 6, (128, 96))
    index = pack([str(folder)], tmp_path / "out", PackOptions(min_sharpness=0.4))
    assert [row.name for row in index.pictures] == ["a/1.png", "a/6.png"]
    assert index.dropped == {"dark": 1, "blurred": 1, "duplicate": 1, "shared": 0, "bad": 1}
    ((name, reason),) = index.bad
    assert name == "a/5.png"
    assert "does not begin like the PNG" in reason


def test_a_duplicate_of_another_source_is_dropped_too(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "1.png", 1)
    draw(tmp_path / "b" / "1.png", 1)
    draw(tmp_path / "b" / "2.png", 2)
    index = pack([str(tmp_path / "a"), str(tmp_path / "b")], tmp_path / "out", LOOSE)
    assert [row.name for row in index.pictures] == ["a/1.png", "b/2.png"]


def test_a_bad_clip_is_counted(days: Path, tmp_path: Path) -> None:
    (days / "e.mp4").write_bytes(b"no clip")
    index = pack([str(days)], tmp_path / "out", LOOSE)
    assert index.dropped["bad"] == 1
    assert index.bad[0][0] == "days/e.mp4"


def test_nothing_left(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "1.png", 1, level=-60.0)
    (tmp_path / "a" / "2.png").write_bytes(b"")
    with pytest.raises(LayoutError, match=r"nothing is left to pack \(1 dark, 1 bad, such as a/2\.png: is empty"):
        pack([str(tmp_path / "a")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pairs_come_back_and_the_dark_half_is_lossless(tmp_path: Path) -> None:
    for number in range(5):
        pair(tmp_path, f"{number}.png", number)
    index = pack([f"pairs:{tmp_path}"], tmp_path / "out", replace(LOOSE, quality=60))
    assert [len(row.parts) for row in index.pictures] == [2] * 5
    assert {Path(part.member).suffix for row in index.pictures for part in row.parts} == {".webp"}
    found = open_dataset("shards", tmp_path / "out").entries
    for seed, one in enumerate(found):
        bright, low = decode_entry(one)
        assert np.array_equal(low, scene(seed) // 12)
        assert 0.0 < float(np.abs(bright.astype(int) - scene(seed)).mean()) < 20.0


@pytest.mark.parametrize(("name", "suffix"), [("jpeg", ".jpg"), ("png", ".png")])
def test_other_formats(tmp_path: Path, name: str, suffix: str) -> None:
    pair(tmp_path, "a.png")
    index = pack([f"pairs:{tmp_path}"], tmp_path / "out", replace(LOOSE, format=name))
    assert [Path(part.member).suffix for part in index.pictures[0].parts] == [suffix, ".webp"]
    assert len(decode_entry(open_dataset("shards", tmp_path / "out").entries[0])) == 2


def test_a_missing_half_is_an_error_and_nothing_is_packed(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    gone = draw(tmp_path / "low" / "b.png")
    with pytest.raises(MissingHalfError, match=str(gone)):
        pack([f"pairs:{tmp_path}"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_halves_of_different_sizes_are_bad(tmp_path: Path) -> None:
    pair(tmp_path, "a.png", 1)
    pair(tmp_path, "b.png", 2)
    draw(tmp_path / "low" / "b.png", size=(20, 20))
    index = pack([f"pairs:{tmp_path}"], tmp_path / "out", LOOSE)
    assert [row.name for row in index.pictures] == ["pairs/pairs/a"]
    assert "is 20x20, but its bright half" in index.bad[0][1]


def test_a_source_that_tests_does_not_train(tmp_path: Path) -> None:
    makers.lol_v1(tmp_path / "lol")
    makers.write_json(tmp_path / "lol" / "scenes.json", {"groups": [["our485/3.png", "eval15/100.png"]]})
    word = f"lol-v1:{tmp_path / 'lol'}"
    strict = pack([word], tmp_path / "strict", replace(LOOSE, val=0.0))
    assert strict.dropped["shared"] == 1
    assert {row.name for row in strict.pictures if row.split == "train"} == {f"lol-v1/our485/{n}" for n in (2, 4, 5)}
    assert sum(row.split == "test" for row in strict.pictures) == 2
    official = pack([word], tmp_path / "official", replace(LOOSE, official=True))
    assert official.dropped["shared"] == 0
    assert [sum(row.split == split for row in official.pictures) for split in ("train", "val", "test")] == [4, 0, 2]


def test_shards_can_be_packed_again(days: Path, tmp_path: Path) -> None:
    first = pack([str(days)], tmp_path / "one", replace(LOOSE, val=0.4))
    again = pack([f"shards:{tmp_path / 'one'}"], tmp_path / "two", replace(LOOSE, max_side=48, official=True))
    told = [(row.name, row.source, row.split) for row in first.pictures]
    assert [(row.name, row.source, row.split) for row in again.pictures] == told
    assert {row.width for row in again.pictures} == {48}


def test_shards_keep_below_their_size(days: Path, tmp_path: Path) -> None:
    index = pack([str(days)], tmp_path / "out", replace(LOOSE, shard_size=30_000, val=0.0))
    assert len(index.shards) > 1
    assert all((tmp_path / "out" / shard.file).stat().st_size == shard.bytes <= 30_000 for shard in index.shards)


def test_everything_together_keeps_below_the_limit(days: Path, tmp_path: Path) -> None:
    pack([str(days)], tmp_path / "free", LOOSE)
    free = bytes_of(tmp_path / "free")
    limit = round(free * 0.8)
    index = pack([str(days)], tmp_path / "tight", replace(LOOSE, limit=limit))
    assert bytes_of(tmp_path / "tight") <= limit
    assert len(index.pictures) == 16
    assert 50 <= index.settings["quality"] < 90
    loose = pack([str(days)], tmp_path / "loose", replace(LOOSE, limit=10 * free))
    assert loose.settings["quality"] == 90


def test_a_limit_too_tight_says_what_to_do(days: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"at quality 50 the shards take \d+ bytes, and the limit is 20000; shrink"):
        pack([str(days)], tmp_path / "out", replace(LOOSE, limit=20_000))
    assert [path.name for path in tmp_path.iterdir()] == ["days"]


def test_a_wrong_forecast_is_corrected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The forecast sees every second picture here, and those are small ones."""
    monkeypatch.setattr("highbeam.datasets.packing._TRIED", 5)
    for number in range(10):
        size = (16, 16) if number % 2 == 0 else (256, 192)
        draw(tmp_path / "a" / f"{number}.png", number, size)
    pack([str(tmp_path / "a")], tmp_path / "free", LOOSE)
    free = bytes_of(tmp_path / "free")
    index = pack([str(tmp_path / "a")], tmp_path / "out", replace(LOOSE, limit=round(free * 0.9)))
    assert index.settings["quality"] < 90
    assert bytes_of(tmp_path / "out") <= free * 0.9
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"index.json"} | {s.file for s in index.shards}


def test_a_picture_that_goes_bad_on_the_way_is_counted(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sift_and_spoil(*arguments: object) -> object:
        sifted = sift(*arguments)  # type: ignore[arg-type]
        (days / "a" / "2.png").write_bytes(b"gone")
        return sifted

    monkeypatch.setattr("highbeam.datasets.packing.sift", sift_and_spoil)
    index = pack([str(days)], tmp_path / "out", LOOSE)
    assert len(index.pictures) == 15
    assert index.bad[0][0] == "days/a/2.png"


def test_a_picture_larger_than_its_format_is_bad(tmp_path: Path) -> None:
    draw(tmp_path / "a" / "1.png", 1)
    save(tmp_path / "a" / "2.png", np.asarray(np.tile(scene(2, (64, 2)), (1, 260, 1)), np.uint8))
    index = pack([str(tmp_path / "a")], tmp_path / "out", LOOSE)
    assert len(index.pictures) == 1
    assert "WebP ends at 16383 pixels" in index.bad[0][1]
    with pytest.raises(LayoutError, match=r"nothing could be packed: a/2\.png: is 16640x2"):
        pack([str(tmp_path / "a" / "2.png")], tmp_path / "none", LOOSE)
    assert not (tmp_path / "none").exists()


def test_the_bar_is_told_every_step(days: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    @contextmanager
    def bar(total: int) -> Iterator[Callable[[], None]]:
        steps: list[None] = []
        yield lambda: steps.append(None)
        told.append((total, len(steps)))

    pack([str(days)], tmp_path / "out", LOOSE, bar=bar)
    assert told == [(16, 16), (16, 16)]


def test_an_interrupted_pack_leaves_nothing(days: Path, tmp_path: Path) -> None:
    @contextmanager
    def bar(_total: int) -> Iterator[Callable[[], None]]:
        def step() -> None:
            calls.append(None)
            if len(calls) == 20:
                raise KeyboardInterrupt

        yield step

    calls: list[None] = []
    with pytest.raises(KeyboardInterrupt):
        pack([str(days)], tmp_path / "out", LOOSE, bar=bar)
    assert [path.name for path in tmp_path.iterdir()] == ["days"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("highbeam-data")]


def test_what_is_there_is_replaced_only_if_asked(days: Path, tmp_path: Path) -> None:
    pack([str(days)], tmp_path / "out", LOOSE)
    before = content(sorted((tmp_path / "out").iterdir()))
    with pytest.raises(OutputError, match="exists already"):
        pack([str(days)], tmp_path / "out", LOOSE)
    assert content(sorted((tmp_path / "out").iterdir())) == before
    index = pack([str(days / "a")], tmp_path / "out", LOOSE, overwrite=True)
    assert len(index.pictures) == 4
    with pytest.raises(OutputError, match="holds the input"):
        pack([f"shards:{tmp_path / 'out'}"], tmp_path / "out", LOOSE, overwrite=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"format": "wepb"}, r"no format 'wepb'; did you mean 'webp'\?"),
        ({"max_side": 4}, "max_side must be at least 16"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"shard_size": 10}, "shard_size must be at least 4096"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"quality": 0}, "quality must be at least 1"),
        ({"quality": 101}, "quality must be at most 100"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_options_out_of_range(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        PackOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"val": 1.5}, "must be 0 to 1"),
        ({"max_likeness": 99}, "must be -1 to 64"),
        ({"every": -1.0}, "at least 0 s"),
        ({"sequence": "("}, "regular expression"),
        ({"val_sources": ("x",)}, "no source 'x'"),
    ],
)
def test_options_that_the_data_refuse(days: Path, tmp_path: Path, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pack([str(days)], tmp_path / "out", replace(LOOSE, **wrong))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_sequences_divide_sources(days: Path, tmp_path: Path) -> None:
    index = pack([str(days / "a")], tmp_path / "out", replace(LOOSE, sequence=r"([0-9])\.png$", val=0.5))
    assert sorted(index.sources) == ["a/0", "a/1", "a/2", "a/3"]
    assert [source.split for source in index.sources.values()].count("val") == 2
