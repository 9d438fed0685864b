"""Runs that survive bad pictures, and that stop when they are told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from highbeam.batch import Job, Record, enhance_item, enhance_picture, planned, run, writing
from highbeam.methods import load
from highbeam.methods.base import Pixels
from highbeam.pictures import Limits, decode, read
from highbeam.planning import Item, make_plan

JOB = Job(load("gamma"), "gamma")


def pictures(root: Path, *names: str) -> Path:
    """Make small dark pictures, each of its own."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 60, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(root / name)
    return root


def kind_of(path: str) -> str | None:
    with Image.open(path) as image:
        return image.format


def by_status(records: Iterable[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(record.status, []).append(Path(record.source).name)
    return {status: sorted(names) for status, names in found.items()}


# The work


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_enhances_every_picture(tmp_path: Path, workers: int) -> None:
    names = [f"{i}.png" for i in range(9)]
    pictures(tmp_path / "in", *names)
    records = list(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), JOB, workers=workers))
    assert by_status(records) == {"done": names}
    for record in records:
        assert (record.width, record.height, record.method, record.error) == (16, 12, "gamma", None)
        assert record.seconds is not None
        assert record.seconds >= 0
        want = load("gamma")(np.asarray(Image.open(record.source)))
        np.testing.assert_array_equal(np.asarray(Image.open(record.output)), want)


def test_workers_change_nothing_in_the_results(tmp_path: Path) -> None:
    pictures(tmp_path / "in", *(f"{i}.jpg" for i in range(6)))
    for workers in (1, 4):
        list(run(make_plan([str(tmp_path / "in")], tmp_path / str(workers)), JOB, workers=workers))
    for one in (tmp_path / "1").iterdir():
        assert one.read_bytes() == (tmp_path / "4" / one.name).read_bytes()


def test_one_bad_picture_does_not_stop_the_rest(tmp_path: Path) -> None:
    pictures(tmp_path / "in", "a.png", "z.png")
    (tmp_path / "in" / "empty.png").touch()
    (tmp_path / "in" / "cut.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:60])
    (tmp_path / "in" / "dead.png").symlink_to(tmp_path / "gone")
    records = list(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), JOB, workers=2))
    assert by_status(records) == {"done": ["a.png", "z.png"], "failed": ["cut.png", "dead.png", "empty.png"]}
    failed = {Path(record.source).name: record for record in records if record.status == "failed"}
    assert failed["cut.png"].error_type == failed["empty.png"].error_type == "DamagedPictureError"
    for record in failed.values():
        assert record.error
        assert record.source not in record.error
        assert record.width is None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "z.png"]


def test_an_unforeseen_error_fails_one_picture_only(tmp_path: Path) -> None:
    def breaks(pixels: Pixels) -> Pixels:
        if pixels[0, 0, 0] > 128:
            raise ZeroDivisionError
        return pixels

    pictures(tmp_path / "in", "a.png")
    Image.new("RGB", (4, 4), "white").save(tmp_path / "in" / "b.png")
    records = list(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), Job(breaks, "breaks")))
    assert by_status(records) == {"done": ["a.png"], "failed": ["b.png"]}
    assert [(r.error_type, r.error) for r in records if r.error] == [("ZeroDivisionError", "no reason given")]


def test_a_result_that_cannot_be_written_fails(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    plan = make_plan([str(tmp_path / "a.png")], tmp_path / "out")
    (tmp_path / "out").touch()
    (record,) = run(plan, JOB)
    assert record.status == "failed"


def test_a_result_that_appeared_since_is_not_replaced(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    plan = make_plan([str(tmp_path / "a.png")], tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("someone else's")
    (record,) = run(plan, JOB)
    assert (record.status, record.error_type) == ("failed", "OutputError")
    assert (tmp_path / "out" / "a.png").read_text() == "someone else's"


def test_limits_formats_and_quality_reach_the_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "in", "a.png")
    words = [str(tmp_path / "in")]
    (small,) = run(make_plan(words, tmp_path / "o1"), Job(load("gamma"), "gamma", limits=Limits(max_pixels=100)))
    assert (small.status, small.error_type) == ("failed", "PictureTooLargeError")
    sizes = []
    for quality in (10, 95):
        plan = make_plan(words, tmp_path / f"q{quality}", to_format="jpeg")
        (record,) = run(plan, Job(load("gamma"), "gamma", to_format="jpeg", quality=quality))
        assert kind_of(record.output) == "JPEG"
        sizes.append(Path(record.output).stat().st_size)
    assert sizes[0] < sizes[1]


def test_the_suffix_of_a_result_decides_its_format(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "photo").write_bytes((tmp_path / "a.png").read_bytes())
    for source, output, kind in (("a.png", "b.webp", "WEBP"), ("photo", "o/", "PNG")):
        (record,) = run(make_plan([str(tmp_path / source)], f"{tmp_path}/{output}"), JOB)
        assert kind_of(record.output) == kind


def test_skipped_and_planned_are_told(tmp_path: Path) -> None:
    pictures(tmp_path / "in", "a.png", "b.png")
    pictures(tmp_path / "out", "a.png")
    plan = make_plan([str(tmp_path / "in")], tmp_path / "out", existing="skip")
    assert by_status(planned(plan, JOB)) == {"skipped": ["a.png"], "planned": ["b.png"]}
    assert not (tmp_path / "out" / "b.png").exists()
    assert by_status(run(plan, JOB)) == {"skipped": ["a.png"], "done": ["b.png"]}


def test_encoded_bytes_take_the_place_of_a_file(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    data = (tmp_path / "a.png").read_bytes()
    record = enhance_item(Item(Path("-"), tmp_path / "deep" / "er" / "b.png"), JOB, data=lambda: data)
    assert record is not None
    assert (record.status, record.source) == ("done", "-")
    assert (tmp_path / "deep" / "er" / "b.png").read_bytes() == enhance_picture(decode(data), JOB)
    assert (
        decode(enhance_picture(read(tmp_path / "a.png"), Job(load("gamma"), "gamma", to_format="webp"))).format
        == "webp"
    )


# Stopping


def test_a_stopped_run_begins_nothing_and_gives_up_what_is_in_work(tmp_path: Path) -> None:
    pictures(tmp_path / "in", *(f"{i:02}.png" for i in range(30)))
    stop, begun = threading.Event(), []

    def stops(pixels: Pixels) -> Pixels:
        begun.append(1)
        if len(begun) == 5:
            stop.set()
        return pixels

    records = list(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), Job(stops, "stops"), stop=stop))
    assert len(begun) == 5
    assert by_status(records) == {"done": [f"{i:02}.png" for i in range(4)]}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"{i:02}.png" for i in range(4)]


def test_a_run_that_was_stopped_before_does_nothing(tmp_path: Path) -> None:
    pictures(tmp_path / "in", "a.png")
    stop = threading.Event()
    stop.set()
    assert list(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), JOB, stop=stop)) == []
    assert not (tmp_path / "out").exists()


def test_a_consumer_that_has_had_enough_ends_the_run(tmp_path: Path) -> None:
    pictures(tmp_path / "in", *(f"{i:02}.png" for i in range(30)))

    def slow(pixels: Pixels) -> Pixels:
        time.sleep(0.01)
        return pixels

    with closing(run(make_plan([str(tmp_path / "in")], tmp_path / "out"), Job(slow, "slow"), workers=2)) as records:
        next(records)
    assert 1 <= len(list((tmp_path / "out").iterdir())) < 10
    assert not [t for t in threading.enumerate() if t.name.startswith("highbeam")]


def test_a_run_leaves_its_callers_event_alone(tmp_path: Path) -> None:
    pictures(tmp_path / "in", *(f"{i}.png" for i in range(8)))
    stop, words = threading.Event(), [str(tmp_path / "in")]
    assert len(list(run(make_plan(words, tmp_path / "one"), JOB, stop=stop))) == 8
    assert not stop.is_set()
    with closing(run(make_plan(words, tmp_path / "two"), JOB, stop=stop)) as records:
        next(records)
    assert not stop.is_set()
    assert len(list(run(make_plan(words, tmp_path / "three"), JOB, stop=stop))) == 8


def test_what_is_being_written_is_known(tmp_path: Path) -> None:
    """Until a stopped item is past its writing, or sees that it must not write, nobody may end the process."""
    pictures(tmp_path, "a.png")
    seen: list[bool] = []

    def stopped() -> bool:
        seen.append(writing())
        return False

    assert not writing()
    assert enhance_item(Item(tmp_path / "a.png", tmp_path / "b.png"), JOB, stopped=stopped) is not None
    assert seen == [False, False, False, True]
    assert not writing()


def test_a_failed_write_is_no_longer_under_way(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png")
    (tmp_path / "file").touch()
    record = enhance_item(Item(tmp_path / "a.png", tmp_path / "file" / "b.png"), JOB)
    assert record is not None
    assert (record.status, record.error_type) == ("failed", "PictureWriteError")
    assert not writing()


def test_what_gives_the_bytes_may_fail(tmp_path: Path) -> None:
    def broken() -> bytes:
        raise OSError(5, "Input/output error")

    record = enhance_item(Item(Path("-"), tmp_path / "b.png"), JOB, data=broken)
    assert record is not None
    assert (record.status, record.error_type) == ("failed", "OSError")
    assert not (tmp_path / "b.png").exists()
