"""Planning that loses no picture."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highbeam.batch import Job, run
from highbeam.errors import HighbeamError, OutputError, UsageError
from highbeam.methods import load
from highbeam.planning import Existing, Item, Plan, check_items, make_plan, told_apart
from tests.test_batch import by_status, pictures


def tree(root: Path, *names: str) -> Path:
    """Make empty files, for plans that open none."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def outputs(plan: Plan, out: Path) -> list[str]:
    return [item.output.relative_to(out).as_posix() for item in plan.items]


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


ALIKE = [
    ["p/Night.png", "q/nIGHT.PNG"],
    ["p/X/a.png", "q/x/A.png"],
    ["p/e\u0301.png", "q/\u00e9.png"],
    ["p/STRASSE.png", "q/straße.png"],
]


@pytest.mark.parametrize("names", ALIKE)
def test_names_that_are_alike_meet_where_the_file_system_says_so(tmp_path: Path, names: list[str]) -> None:
    tree(tmp_path, *names)
    words, out = [f"{tmp_path}/p", f"{tmp_path}/q"], tmp_path / "out"
    tree(tmp_path / "trial", *(name[2:] for name in names))
    if sum(path.is_file() for path in (tmp_path / "trial").rglob("*")) == len(names):
        assert outputs(make_plan(words, out), out) == [name[2:] for name in names]
    else:
        with pytest.raises(OutputError, match="would both become"):
            make_plan(words, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "q", "trial"], "a probe was left"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can make anything")
@pytest.mark.parametrize("names", ALIKE)
def test_names_that_are_alike_meet_where_the_file_system_would_not_say(tmp_path: Path, names: list[str]) -> None:
    tree(tmp_path, *names)
    with pytest.raises(OutputError, match="would both become") as caught:
        make_plan([f"{tmp_path}/p", f"{tmp_path}/q"], "/proc/highbeam")
    assert all(str(tmp_path / name) in str(caught.value) for name in names)


def test_a_folder_with_names_that_differ_in_case_can_be_enhanced(tmp_path: Path) -> None:
    pictures(tmp_path / "in", "A.png", "a.png")
    if len(list((tmp_path / "in").iterdir())) == 1:
        pytest.skip("this file system does not tell them apart")
    plan = make_plan([str(tmp_path / "in")], tmp_path / "out")
    assert by_status(run(plan, Job(load("gamma"), "gamma"))) == {"done": ["A.png", "a.png"]}
    with pytest.raises(OutputError, match="would both become"):
        make_plan([str(tmp_path / "in"), str(tmp_path / "out")], tmp_path / "other")


def test_a_file_and_a_folder_whose_names_differ_in_case(tmp_path: Path) -> None:
    tree(tmp_path, "p/A.png", "q/a.png/b.png")
    (tmp_path / "trial").touch()
    if (tmp_path / "TRIAL").exists():
        with pytest.raises(OutputError, match="needs as a folder"):
            make_plan([f"{tmp_path}/p", f"{tmp_path}/q"], tmp_path / "out")
    else:
        assert len(make_plan([f"{tmp_path}/p", f"{tmp_path}/q"], tmp_path / "out").items) == 2


@settings(max_examples=30, deadline=None)
@given(one=st.text("aAéßKk\u212a", min_size=1, max_size=4), other=st.text("aAéßKk\u212a", min_size=1, max_size=4))
def test_what_is_told_apart_is_what_the_system_tells_apart(one: str, other: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked = told_apart(f"{folder}/deep/er/{one}/a.png", f"{folder}/deep/er/{other}/a.png")
        assert not list(Path(folder).iterdir())
        tree(Path(folder), one, other)
        assert asked == (len(list(Path(folder).iterdir())) == 2)


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
    with pytest.raises(OutputError, match=r"out/a\.png: would replace the input .*/b\.png"):
        make_plan([str(tmp_path / "a.png"), str(tmp_path / "b.png")], tmp_path / "out", existing="overwrite")


def test_results_beside_a_file_are_allowed(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    assert outputs(make_plan([str(tmp_path / "a.jpg")], tmp_path, to_format="png"), tmp_path) == ["a.png"]


def test_other_inputs_are_protected_where_they_are_named(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "ref/b.png")
    items = [Item(tmp_path / "a.png", tmp_path / "ref" / "b.png")]
    assert check_items(items, "overwrite").items == tuple(items)
    inputs = [tmp_path / "a.png", tmp_path / "ref" / "b.png", tmp_path / "gone.png"]
    with pytest.raises(OutputError, match=r"would replace the input .*b\.png"):
        check_items(items, "overwrite", inputs=inputs)


def test_overlapping_folders_fit_in_either_order(tmp_path: Path) -> None:
    tree(tmp_path, "d/x.png", "d/e/x.png")
    for words in (["d", "d/e"], ["d/e", "d"], ["d/e/x.png", "d"], ["d/e/*.png", "d/**/*.png"]):
        plan = make_plan([f"{tmp_path}/{word}" for word in words], tmp_path / "out")
        assert sorted(outputs(plan, tmp_path / "out")) == ["e/x.png", "x.png"]


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


def test_many_existing_results_are_set_aside_in_one_pass(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    items = [Item(tmp_path / "in" / f"{i}.png", tmp_path / "out" / f"{i}.png") for i in range(3000)]
    for item in items[::2]:
        item.output.touch()
    begun = time.perf_counter()
    plan = check_items(items, "skip")
    assert time.perf_counter() - begun < 2.0
    assert (len(plan.items), len(plan.skipped)) == (1500, 1500)


def test_a_dead_link_exists(tmp_path: Path) -> None:
    tree(tmp_path, "in/a.png", "out/.keep")
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="exists already"):
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
    assert len({os.path.realpath(item.source) for item in every}) == len(every), "a source done twice"
    inputs = {inode(item.source) for item in every}
    assert not inputs & {inode(item.output) for item in every if item.output.exists()}, "an input would be replaced"
    assert all(item.output == out or out in item.output.parents for item in every), "a result outside OUT"
    assert all(".." not in item.output.relative_to(out).parts for item in every)
    if existing != "overwrite":
        assert not any(os.path.lexists(item.output) for item in plan.items), "an existing file would be replaced"
    for item in every:
        item.output.parent.mkdir(parents=True, exist_ok=True)
        item.output.touch()
    assert len({inode(item.output) for item in every}) == len(every), "two results in one place"


def inode(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


def test_the_order_of_checks_names_the_gravest_first(tmp_path: Path) -> None:
    """A clash is told before what exists: nobody should pass --overwrite and lose one of two results."""
    tree(tmp_path, "p/a.png", "q/a.png", "out/a.png")
    items = [Item(tmp_path / folder / "a.png", tmp_path / "out" / "a.png") for folder in "pq"]
    with pytest.raises(OutputError, match="would both become"):
        check_items(items)
    assert issubclass(OutputError, HighbeamError)
