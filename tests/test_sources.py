"""Files, folders and globs: what is found, what is left out, what is refused."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam import sources
from highbeam.errors import OutputError, UsageError
from highbeam.sources import Source, find_sources, has_picture_suffix, inner_path


def tree(root: Path, *names: str) -> Path:
    """Make empty files: nothing here is opened."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def inners(found: tuple[Source, ...]) -> list[str]:
    return [source.inner.as_posix() for source in found]


def test_a_folder_is_searched_to_its_full_depth_in_order(tmp_path: Path) -> None:
    tree(tmp_path, "b.png", "a.JPG", "z/y/x.webp", "z/a.Tiff", "notes.txt", "no_suffix")
    assert inners(find_sources([str(tmp_path)])) == ["a.JPG", "b.png", "z/a.Tiff", "z/y/x.webp"]


def test_hidden_files_and_folders_are_left_out_unless_named(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", ".b.png", ".cache/c.png")
    assert inners(find_sources([str(tmp_path)])) == ["a.png"]
    assert inners(find_sources([str(tmp_path / ".b.png"), str(tmp_path / ".cache")])) == [".b.png", "c.png"]


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    tree(tmp_path, "photo", "data.bin")
    assert inners(find_sources([str(tmp_path / "photo"), str(tmp_path / "data.bin")])) == ["photo", "data.bin"]


@pytest.mark.parametrize(
    "name", ["a b.png", "naïve 夜.png", "line\nbreak.png", "[1].png", "*.png", "-x.png", "a.b.c.png"]
)
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    tree(tmp_path, name)
    assert inners(find_sources([str(tmp_path / name)])) == [name]
    assert inners(find_sources([str(tmp_path)])) == [name]


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(b"night\xff.png")
    tree(tmp_path, name)
    assert inners(find_sources([str(tmp_path)])) == [name]


def test_a_glob_keeps_the_folders_below_its_fixed_part(tmp_path: Path) -> None:
    tree(tmp_path, "p/a.png", "p/q/b.png", "p/q/c.jpg", "p/q/notes.txt", "p/.h/d.png")
    assert inners(find_sources([f"{tmp_path}/p/*.png"])) == ["a.png"]
    assert inners(find_sources([f"{tmp_path}/p/**/*.png"])) == ["a.png", "q/b.png"]
    assert inners(find_sources([f"{tmp_path}/p/**"])) == ["a.png", "q/b.png", "q/c.jpg"]
    assert inners(find_sources([f"{tmp_path}/*/q/?.jpg"])) == ["p/q/c.jpg"]


def test_a_glob_is_relative_where_it_was_given_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "p/a.png")
    monkeypatch.chdir(tmp_path)
    assert find_sources(["*/*.png"]) == (Source(Path("p/a.png"), PurePath("p/a.png")),)
    assert find_sources(["./p"]) == (Source(Path("p/a.png"), PurePath("a.png")),)


def test_a_glob_that_climbs_keeps_only_names(tmp_path: Path) -> None:
    tree(tmp_path, "p/q/x.txt", "a.png")
    assert inners(find_sources([f"{tmp_path}/p/*/../../*.png"])) == ["a.png"]


def test_a_source_named_twice_comes_once(tmp_path: Path) -> None:
    tree(tmp_path, "p/a.png", "p/b.png")
    (tmp_path / "alias").symlink_to(tmp_path / "p")
    words = [
        tmp_path / "p/b.png",
        tmp_path / "p",
        f"{tmp_path}/p/../p/a.png",
        f"{tmp_path}/p/*.png",
        tmp_path / "alias",
    ]
    assert inners(find_sources([str(word) for word in words])) == ["b.png", "a.png"]


def test_of_two_ways_to_a_source_the_longer_inner_path_counts(tmp_path: Path) -> None:
    tree(tmp_path, "d/x.png", "d/e/x.png", "d/e/y.png")
    folder, inside = str(tmp_path / "d"), str(tmp_path / "d" / "e")
    assert inners(find_sources([folder, inside])) == ["x.png", "e/x.png", "e/y.png"]
    assert inners(find_sources([inside, folder])) == ["e/x.png", "e/y.png", "x.png"]
    assert inners(find_sources([f"{inside}/y.png", folder])) == ["e/y.png", "x.png", "e/x.png"]


def test_a_link_to_a_picture_is_a_picture_of_its_own(tmp_path: Path) -> None:
    tree(tmp_path, "a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    assert inners(find_sources([str(tmp_path)])) == ["a.png", "link.png"]


def test_links_to_folders_are_not_followed_and_dead_ones_not_hidden(tmp_path: Path) -> None:
    tree(tmp_path / "far", "b.png")
    tree(tmp_path / "near", "a.png")
    (tmp_path / "near" / "far").symlink_to(tmp_path / "far")
    (tmp_path / "near" / "round").symlink_to(tmp_path / "near")
    (tmp_path / "near" / "dead.png").symlink_to(tmp_path / "gone.png")
    assert inners(find_sources([str(tmp_path / "near")])) == ["a.png", "dead.png"]


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    tree(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert inners(find_sources([str(tmp_path)])) == ["a.png"]
    assert inners(find_sources([f"{tmp_path}/*.png"])) == ["a.png"]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        find_sources([str(tmp_path / "pipe.png")])


def test_results_inside_the_folder_are_no_sources(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "out/a.png", "out/deep/a.png", "sub/b.png")
    out = tmp_path / "out"
    assert inners(find_sources([str(tmp_path)], out)) == ["a.png", "sub/b.png"]
    assert inners(find_sources([f"{tmp_path}/**/*.png"], out)) == ["a.png", "sub/b.png"]
    assert inners(find_sources([f"{tmp_path}/out/*.png"], tmp_path)) == ["a.png"]
    (tmp_path / "alias").symlink_to(out)
    assert inners(find_sources([str(tmp_path)], tmp_path / "alias")) == ["a.png", "sub/b.png"]


def test_the_folder_of_the_sources_is_no_place_for_results(tmp_path: Path) -> None:
    tree(tmp_path, "a.png")
    with pytest.raises(OutputError, match="also the folder of the sources"):
        find_sources([str(tmp_path)], tmp_path / "x" / "..")


@pytest.mark.parametrize("word", ["gone.png", "", "gone/"])
def test_what_does_not_exist_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    tree(tmp_path, "a.png")
    with pytest.raises(UsageError, match="no such file or folder"):
        find_sources(["a.png", word])


def test_what_matches_nothing_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "texts/a.txt")
    for word in (f"{tmp_path}/*.png", f"{tmp_path}/texts", f"{tmp_path}/texts/*"):
        with pytest.raises(UsageError, match=r"no picture found there.*\.png"):
            find_sources([word])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    tree(tmp_path, "a.png", "locked/b.png")
    (tmp_path / "locked").chmod(0)
    try:
        with pytest.raises(UsageError, match="cannot be read"):
            find_sources([str(tmp_path)])
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_why_a_folder_cannot_be_read_is_said() -> None:
    with pytest.raises(UsageError, match=r"^night: the folder cannot be read \(Permission denied\)$"):
        sources._unreadable(PermissionError(13, "Permission denied", "night"))


def test_suffixes_count_in_either_case() -> None:
    assert all(has_picture_suffix(name) for name in ("a.png", "a.JPG", "x/y.JpEg", "a.b.WEBP", Path("a.tif")))
    assert not any(has_picture_suffix(name) for name in ("a", ".png", "a.png.txt", "png"))


part = st.sampled_from(["a", "b", "..", "c.png", "*"])


@given(root=st.sampled_from(["/", "."]), path=st.lists(part, max_size=5), base=st.lists(part, max_size=3))
def test_an_inner_path_never_leads_out(root: str, path: list[str], base: list[str]) -> None:
    inner = inner_path(PurePath(root, *path, "night.png"), PurePath(root, *base))
    assert not inner.is_absolute()
    assert ".." not in inner.parts
    assert inner.name == "night.png"
