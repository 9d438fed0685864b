"""Planning that loses no picture, and runs that survive bad ones."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from highbeam.batch import (
    Existing,
    Item,
    Job,
    Plan,
    Record,
    check_items,
    enhance_item,
    enhance_picture,
    make_plan,
    planned,
    run,
)
from highbeam.errors import HighbeamError, OutputError, UsageError
from highbeam.methods import load
from highbeam.methods.base import Pixels
from highbeam.pictures import Limits, decode, read

JOB = Job(load("gamma"), "gamma")


def tree(root: Path, *names: str) -> Path:
    """Make empty files, for plans that open none."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


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


def outputs(plan: Plan, out: Path) -> list[str]:
    return [item.output.relative_to(out).as_posix() for item in plan.items]


def by_status(records: Iterable[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(record.status, []).append(Path(record.source).name)
    return {status: sorted(names) for status, names in found.items()}


# Where results go


def test_folders_are_kept_below_the_output(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.png", "x/b.jpg", "x/y/c.webp")
    plan = make_plan([str(tmp_path / "in")], tmp_path / "out")
    assert outputs(plan, tmp_path / "out") == ["a.png", "x/b.jpg", "x/y/c.webp"]
    assert not (tmp_path / "out").exists()


def test_a_format_gives_its_suffix_unless_the_name_has_one_of_its_own(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.png", "b.jpg", "c.JPEG", "d.v2.webp")
    plan = make_plan([str(tmp_path / "in")], tmp_path / "out", to_format="jpeg")
    assert outputs(plan, tmp_path / "out") == ["a.jpg", "b.jpg", "c.JPEG", "d.v2.jpg"]


def test_a_name_without_a_picture_suffix_keeps_its_end(tmp_path: Path) -> None:
    tree(tmp_path, "photo.v2")
    assert make_plan([str(tmp_path / "photo.v2")], tmp_path / "o").items[0].output.name == "photo.v2"
    assert (
        make_plan([str(tmp_path / "photo.v2")], tmp_path / "o", to_format="png").items[0].output.name == "photo.v2.png"
    )


def test_one_file_may_become_a_file(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    source = str(tmp_path / "a.jpg")
    assert make_plan([source], tmp_path / "new" / "b.PNG").items == (Item(Path(source), tmp_path / "new" / "b.PNG"),)
    assert make_plan([source], f"{tmp_path}/b.png/").items[0].output == tmp_path / "b.png" / "a.jpg"
    assert make_plan([source], tmp_path / "b").items[0].output == tmp_path / "b" / "a.jpg"
    (tmp_path / "c.png").mkdir()
    assert make_plan([source], tmp_path / "c.png").items[0].output == tmp_path / "c.png" / "a.jpg"


def test_many_do_not_become_a_file(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.jpg", "b.jpg")
    for words in (["in"], ["in/*.jpg"], ["in/a.jpg", "b.jpg"]):
        with pytest.raises(OutputError, match="names one file"):
            make_plan([f"{tmp_path}/{word}" for word in words], tmp_path / "sheet.png")


def test_a_suffix_and_a_format_must_agree(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    assert make_plan([str(tmp_path / "a.jpg")], tmp_path / "b.tif", to_format="tiff").items
    with pytest.raises(OutputError, match=r"b\.png: the suffix does not fit the format webp"):
        make_plan([str(tmp_path / "a.jpg")], tmp_path / "b.png", to_format="webp")


# Two results in one place


@pytest.mark.parametrize(
    ("names", "words", "to_format"),
    [
        (["p/a.png", "q/a.png"], ["p/a.png", "q/a.png"], None),
        (["p/x/a.png", "q/x/a.png"], ["p", "q"], None),
        (["a.jpg", "a.png"], ["a.jpg", "a.png"], "png"),
        (["p/a.jpg", "p/a.webp"], ["p"], "bmp"),
        (["p/Night.png", "q/nIGHT.PNG"], ["p", "q"], None),
        (["p/X/a.png", "q/x/A.png"], ["p", "q"], None),
        (["p/e\u0301.png", "q/\u00e9.png"], ["p", "q"], None),
        (["p/STRASSE.png", "q/straße.png"], ["p", "q"], None),
    ],
)
def test_results_that_would_meet_are_refused(
    tmp_path: Path, names: list[str], words: list[str], to_format: str | None
) -> None:
    tree(tmp_path, *names)
    with pytest.raises(OutputError, match="would both become") as caught:
        make_plan([f"{tmp_path}/{word}" for word in words], tmp_path / "out", to_format=to_format)
    assert all(str(tmp_path / name) in str(caught.value) for name in names)
    assert str(tmp_path / "out") in str(caught.value)


def test_results_that_would_meet_through_a_link_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, "in/p/a.png", "in/q/a.png", "out/p/old.txt")
    (tmp_path / "out" / "q").symlink_to(tmp_path / "out" / "p")
    with pytest.raises(OutputError, match="would both become"):
        make_plan([str(tmp_path / "in")], tmp_path / "out")


def test_a_result_in_the_place_of_a_folder_of_results_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "p/a.png", "q/a.png/b.png")
    with pytest.raises(OutputError, match="needs as a folder"):
        make_plan([f"{tmp_path}/p", f"{tmp_path}/q"], tmp_path / "out")


# A result in the place of an input


def test_an_input_is_never_a_result(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "in/b.png")
    cases: list[tuple[list[str], str]] = [
        (["in/a.png"], "in"),
        (["in/a.png"], "in/a.png"),
        (["in/*.png"], "in"),
        (["in/a.png"], "in/../in/a.png"),
    ]
    for words, out in cases:
        for existing in ("refuse", "skip", "overwrite"):
            with pytest.raises(OutputError, match="never overwritten"):
                plan_with([f"{tmp_path}/{word}" for word in words], tmp_path / out, existing)


def plan_with(words: list[str], out: Path, existing: str) -> Plan:
    choices: dict[str, Existing] = {"refuse": "refuse", "skip": "skip", "overwrite": "overwrite"}
    return make_plan(words, out, existing=choices[existing])


def test_the_folder_of_the_inputs_is_no_output(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.jpg")
    (tmp_path / "alias").symlink_to(tmp_path / "in")
    for out in ("in", "in/.", "alias"):
        with pytest.raises(OutputError, match="also the folder of the sources"):
            make_plan([str(tmp_path / "in")], tmp_path / out, to_format="png", existing="overwrite")


def test_links_of_both_kinds_are_seen_through(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "out/.keep")
    place = tmp_path / "out" / "a.png"
    for link in (place.hardlink_to, place.symlink_to):
        place.unlink(missing_ok=True)
        link(tmp_path / "in" / "a.png")
        with pytest.raises(OutputError, match="would replace the input"):
            make_plan([str(tmp_path / "in")], tmp_path / "out", existing="overwrite")


def test_another_input_is_protected_as_well(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "b.png")
    (tmp_path / "out").mkdir()
    os.link(tmp_path / "b.png", tmp_path / "out" / "a.png")
    with pytest.raises(OutputError, match=r"the result of .*/a\.png would replace the input .*/b\.png"):
        make_plan([str(tmp_path / "a.png"), str(tmp_path / "b.png")], tmp_path / "out", existing="overwrite")


def test_results_beside_a_file_are_allowed(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    assert outputs(make_plan([str(tmp_path / "a.jpg")], tmp_path, to_format="png"), tmp_path) == ["a.png"]


# What exists


def test_existing_results_are_refused_skipped_or_replaced(tmp_path: Path) -> None:
    names = [f"{letter}.png" for letter in "abcdef"]
    tree(tmp_path / "in", *names)
    tree(tmp_path / "out", *names[:5])
    words, out = [str(tmp_path / "in")], tmp_path / "out"
    with pytest.raises(OutputError, match=r"^5 of 6 results exist: .*a\.png, .*b\.png, .*c\.png, \.\.\.;.*--overwrite"):
        make_plan(words, out)
    skipping = make_plan(words, out, existing="skip")
    assert (len(skipping.items), len(skipping.skipped)) == (1, 5)
    assert len(make_plan(words, out, existing="overwrite").items) == 6


def test_a_dead_link_exists(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "out/.keep")
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="1 of 1 results exist"):
        make_plan([str(tmp_path / "in")], tmp_path / "out")


@pytest.mark.parametrize("existing", ["refuse", "skip", "overwrite"])
def test_folders_and_files_in_the_way_are_refused(tmp_path: Path, existing: str) -> None:
    tree(tmp_path, "in/a.png", "file", "out/a.png/x.txt")
    with pytest.raises(OutputError, match="this is a folder"):
        plan_with([str(tmp_path / "in")], tmp_path / "out", existing)
    for out in ("file", "file/deeper/still"):
        with pytest.raises(OutputError, match="file: not a folder"):
            plan_with([str(tmp_path / "in")], tmp_path / out, existing)


def test_a_later_run_does_not_take_results_for_sources(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "x/b.png")
    for existing in ("refuse", "overwrite"):
        plan = plan_with([str(tmp_path)], tmp_path / "out", existing)
        assert outputs(plan, tmp_path / "out") == ["a.png", "x/b.png"]
        assert by_status(run(plan, Job(load("gamma"), "gamma", overwrite=True))) == {"done": ["a.png", "b.png"]}


# The property that matters

FIXED = ("in/a.png", "in/b.jpg", "in/p/a.png", "in/p/c.webp", "in/q/b.png", "other/a.png", "other/out/a.png")
stem = st.sampled_from(["a", "A", "b", "é", "e\u0301", "x y"])
suffix = st.sampled_from([".png", ".PNG", ".jpg", ".webp", ""])
name = st.builds("{}{}".format, stem, suffix)
path = st.builds(lambda folders, last: "/".join([*folders, last]), st.lists(st.sampled_from("pqP"), max_size=2), name)
word = st.sampled_from(["in", "in/p", "in/*", "in/**", "in/*/*.png", "in/p/../q", "other", "in/a.png", "in/p/c.webp"])
target = st.sampled_from(["out", "out/deep", "new.d/", "in", "in/p", "in/out", ".", "in/a.png", "x.png", "other/out"])
trap = st.sampled_from([None, None, "hard", "soft", "folder", "old"])


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(path, max_size=5, unique=True),
    words=st.lists(word, min_size=1, max_size=3),
    out=target,
    to_format=st.sampled_from([None, "png", "jpeg"]),
    existing=st.sampled_from(["refuse", "skip", "overwrite"]),
    trap=trap,
)
def test_whatever_is_planned_loses_no_picture(
    *, names: list[str], words: list[str], out: str, to_format: str | None, existing: Existing, trap: str | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        grow(root, names, trap)
        try:
            plan = make_plan([f"{root}/{w}" for w in words], f"{root}/{out}", to_format=to_format, existing=existing)
        except UsageError:
            return
        holds(plan, root / out, existing)


def grow(root: Path, names: list[str], trap: str | None) -> None:
    """Make files where the names allow it, and set a trap in the place of a result."""
    tree(root, *FIXED)
    for name in names:
        try:
            tree(root / "in", name)
        except OSError:  # a file where a folder should be
            continue
    (root / "out").mkdir()
    place = root / "out" / "a.png"
    if trap == "hard":
        place.hardlink_to(root / "in" / "p" / "a.png")
    elif trap == "soft":
        place.symlink_to(root / "in" / "a.png")
    elif trap == "folder":
        (root / "out" / "p").symlink_to(root / "in" / "p")
    elif trap == "old":
        place.touch()


def holds(plan: Plan, out: Path, existing: Existing) -> None:
    every = [*plan.items, *plan.skipped]
    places = [os.path.realpath(item.output).casefold() for item in every]
    assert len(set(places)) == len(places), "two results in one place"
    assert len({os.path.realpath(item.source) for item in every}) == len(every), "a source done twice"
    inputs = {inode(item.source) for item in every}
    assert not inputs & {inode(item.output) for item in every if item.output.exists()}, "an input would be replaced"
    assert all(item.output == out or out in item.output.parents for item in every), "a result outside OUT"
    assert all(".." not in item.output.relative_to(out).parts for item in every)
    if existing != "overwrite":
        assert not any(os.path.lexists(item.output) for item in plan.items), "an existing file would be replaced"


def inode(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


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
    record = enhance_item(Item(Path("-"), tmp_path / "deep" / "er" / "b.png"), JOB, data=data)
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


def test_the_order_of_checks_names_the_gravest_first(tmp_path: Path) -> None:
    """A clash is told before what exists: nobody should pass --overwrite and lose one of two results."""
    tree(tmp_path, "p/a.png", "q/a.png", "out/a.png")
    items = [Item(tmp_path / folder / "a.png", tmp_path / "out" / "a.png") for folder in "pq"]
    with pytest.raises(OutputError, match="would both become"):
        check_items(items)
    assert issubclass(OutputError, HighbeamError)
