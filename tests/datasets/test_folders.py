"""Folders of pictures and clips, globs, and pairs by stem."""

from __future__ import annotations

from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets.folders import PAIR_FOLDERS, files_in, pair_up, scan_folder, scan_pairs, scan_words
from highbeam.errors import UsageError
from tests.datasets.makers import draw, faultless, film, names, pair


def touch(root: Path, *paths: str) -> Path:
    """Make empty files: nothing here is decoded."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_a_folder_is_searched_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a.JPG", "z/y.webp", ".c.png", ".d/e.png", "notes.txt")
    assert [path.name for path in files_in(tmp_path)] == ["a.JPG", "b.png", "y.webp"]
    assert files_in(tmp_path / "nowhere") == []


def test_every_folder_is_a_source(tmp_path: Path) -> None:
    touch(tmp_path / "day", "a.png", "x/b.png", "x/y/c.png")
    found = scan_folder(tmp_path / "day")
    assert [(one.name, one.source) for one in found.entries] == [
        ("day/a.png", "day"),
        ("day/x/b.png", "day/x"),
        ("day/x/y/c.png", "day/x/y"),
    ]
    assert {one.light for one in found.entries} == {"day"}
    assert {one.split for one in found.entries} == {None}
    assert faultless(found)


def test_every_clip_is_a_source(tmp_path: Path) -> None:
    film(tmp_path / "clips" / "a.mp4", 5)
    film(tmp_path / "clips" / "b.avi", 3)
    found = scan_folder(tmp_path / "clips")
    assert names(found.entries)[:2] == ["clips/a.mp4#000000", "clips/a.mp4#000001"]
    assert [one.source for one in found.entries] == ["clips/a.mp4"] * 5 + ["clips/b.avi"] * 3
    assert [one.seconds for one in found.entries[:5]] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert len({one.bright for one in found.entries}) == 8


def test_a_clip_alone(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 4)
    found = scan_folder(tmp_path / "a.mp4")
    assert len(found.entries) == 4
    assert found.entries[0].source == f"{tmp_path.name}/a.mp4"


def test_a_bad_clip_is_listed(tmp_path: Path) -> None:
    touch(tmp_path / "clips", "a.mp4", "b.png")
    found = scan_folder(tmp_path / "clips")
    assert names(found.entries) == ["clips/b.png"]
    assert [bad.name for bad in found.bad] == ["clips/a.mp4"]
    assert "cannot be read as a clip" in found.bad[0].reason


def test_an_empty_folder_lacks_pictures(tmp_path: Path) -> None:
    found = scan_folder(tmp_path)
    assert [line.what for line in found.missing] == [f"{tmp_path}: no picture or clip below it"]


def test_words_are_files_folders_and_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "day/a.png", "day/b.png", "night/c.png", "night/d.txt")
    monkeypatch.chdir(tmp_path)
    assert names(scan_words(["day", "night/c.png"]).entries) == ["day/a.png", "day/b.png", "night/c.png"]
    assert names(scan_words(["*/a.png", "./day/../day"]).entries) == ["day/a.png", "day/b.png"]
    assert names(scan_words([str(tmp_path / "**" / "b.png")]).entries) == ["day/b.png"]
    monkeypatch.chdir(tmp_path / "day")
    assert names(scan_words(["."]).entries) == ["day/a.png", "day/b.png"]
    assert {one.light for one in scan_words(["."], light="night").entries} == {"night"}


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "one/day/a.png", "two/day/a.png", "three/day/a.png")
    words = [str(tmp_path / folder / "day") for folder in ("one", "two", "three", "one")]
    found = scan_words(words).entries
    assert [(one.name, one.source) for one in found] == [
        ("day/a.png", "day"),
        ("day~2/a.png", "day~2"),
        ("day~3/a.png", "day~3"),
    ]


@pytest.mark.parametrize("word", ["", "nowhere", "nowhere/*.png"])
def test_words_that_name_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no such file or folder"):
        scan_words([word])


def test_a_name_with_a_bracket_is_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].png")
    assert len(scan_words([str(tmp_path / "a[1].png")]).entries) == 1


@pytest.mark.parametrize(("low", "high"), PAIR_FOLDERS)
def test_pairs_are_matched_by_stem(tmp_path: Path, low: str, high: str) -> None:
    touch(tmp_path, f"{low}/b.png", f"{low}/sub/c.webp", f"{high}/b.jpg", f"{high}/sub/c.png", f"{high}/notes.txt")
    found = scan_pairs(tmp_path)
    assert names(found.entries) == ["pairs/b", "pairs/sub/c"]
    first = found.entries[0]
    assert first.low is not None
    assert (first.bright.path, first.low.path) == (tmp_path / high / "b.jpg", tmp_path / low / "b.png")
    assert found.halves == ()


def test_missing_halves_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "low/a.png", "high/a.png", "low/b.png", "high/c.png", "high/d/a.png")
    found = scan_pairs(tmp_path)
    assert names(found.entries) == ["pairs/a"]
    assert found.halves == tuple(str(tmp_path / name) for name in ("high/c.png", "high/d/a.png", "low/b.png"))


def test_two_pictures_for_one_half(tmp_path: Path) -> None:
    touch(tmp_path, "low/a.png", "low/a.webp", "high/a.png")
    found = scan_pairs(tmp_path)
    assert len(found.entries) == 1
    assert [bad.name for bad in found.bad] == [str(tmp_path / "low" / "a.webp")]
    assert "the same half as" in found.bad[0].reason


def test_no_folders_of_pairs(tmp_path: Path) -> None:
    touch(tmp_path, "low/a.png")
    (line,) = scan_pairs(tmp_path).missing
    assert line.what.startswith(f"{tmp_path}: no folders of pairs; expected low/ and high/ or low/ and normal/")


def test_pairs_by_a_key_and_with_sources(tmp_path: Path) -> None:
    touch(tmp_path, "l/dark1.png", "l/dark2.png", "h/day1.png", "h/day2.png")

    def key(inner: PurePath) -> str:
        return inner.stem[-1]

    found = pair_up(tmp_path / "l", tmp_path / "h", source="s", split="val", key=key, source_of={"1": "own"}.get)
    assert [(one.name, one.source, one.split) for one in found.entries] == [
        ("s/1", "own", "val"),
        ("s/2", "s", "val"),
    ]


@given(st.sets(st.sampled_from("abcdefgh")), st.sets(st.sampled_from("abcdefgh")))
def test_every_picture_is_in_a_pair_or_alone(
    tmp_path_factory: pytest.TempPathFactory, lows: set[str], highs: set[str]
) -> None:
    root = tmp_path_factory.mktemp("pairs")
    (root / "low").mkdir()
    (root / "high").mkdir()
    touch(root, *(f"low/{name}.png" for name in lows), *(f"high/{name}.jpg" for name in highs))
    found = scan_pairs(root)
    assert names(found.entries) == [f"pairs/{name}" for name in sorted(lows & highs)]
    alone = {f"low/{name}.png" for name in lows - highs} | {f"high/{name}.jpg" for name in highs - lows}
    assert {Path(name).relative_to(root).as_posix() for name in found.halves} == alone


def test_real_pairs_have_their_pictures(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    draw(tmp_path / "low" / "b.png")
    found = scan_pairs(tmp_path)
    assert all(place.path.is_file() for one in found.entries for place in one.places)
