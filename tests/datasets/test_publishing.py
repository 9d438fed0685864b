"""A folder appears whole or not at all, and nothing is lost by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from highbeam.datasets.publishing import check_target, published
from highbeam.datasets.shards import INDEX, Index
from highbeam.errors import OutputError, PictureWriteError
from tests.datasets.makers import files


def shards(folder: Path, *more: str) -> Path:
    folder.mkdir(parents=True)
    (folder / INDEX).write_bytes(Index({}, {}, (), {}, (), ()).to_bytes())
    for name in more:
        (folder / name).write_text("x")
    return folder


def test_a_folder_is_filled_and_put_in_place(tmp_path: Path) -> None:
    with published(tmp_path / "deep" / "out") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "deep" / "out").exists()
    assert files(tmp_path) == ["deep", "deep/out", "deep/out/a"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with published(tmp_path / "out") as folder:
            (folder / "a").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill()
    assert files(tmp_path) == []


def test_what_was_there_is_replaced_at_once(tmp_path: Path) -> None:
    shards(tmp_path / "out", "old")
    with published(tmp_path / "out") as folder:
        (folder / "new").write_text("1")
        assert "out/old" in files(tmp_path)
    assert files(tmp_path) == ["out", "out/new"]


def test_what_was_there_stays_if_it_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards(tmp_path / "out", "old")
    rename = Path.rename

    def fail_at_the_second(self: Path, target: Path) -> Path:
        if self.suffix == ".tmp":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_second)
    with pytest.raises(PictureWriteError, match="No space left"), published(tmp_path / "out"):
        pass
    assert files(tmp_path) == ["out", f"out/{INDEX}", "out/old"]


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PictureWriteError, match="cannot be written"), published(tmp_path / "file" / "out"):
        pytest.fail("the block must not run")


def test_new_and_empty_folders_are_fine(tmp_path: Path) -> None:
    check_target(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty")
    check_target(tmp_path / "empty", overwrite=True)
    with published(tmp_path / "empty") as folder:
        (folder / "a").touch()
    assert files(tmp_path / "empty") == ["a"]


def test_what_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    shards(tmp_path / "out")
    with pytest.raises(OutputError, match="exists already; choose another folder, or ask to overwrite"):
        check_target(tmp_path / "out")
    check_target(tmp_path / "out", overwrite=True)


def test_only_shards_are_replaced(tmp_path: Path) -> None:
    shards(tmp_path / "out", "thesis.tex")
    with pytest.raises(OutputError, match=r"holds more than packed shards, such as thesis\.tex"):
        check_target(tmp_path / "out", overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a").touch()
    with pytest.raises(OutputError, match="is not packed shards"):
        check_target(tmp_path / "other", overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dead").symlink_to("nowhere")
    for name in ("file", "dead"):
        with pytest.raises(OutputError, match="is not a folder"):
            check_target(tmp_path / name, overwrite=True)


def test_an_input_is_never_in_the_way(tmp_path: Path) -> None:
    out = shards(tmp_path / "out")
    (tmp_path / "link").symlink_to(out)
    for name in ("out", "link"):
        with pytest.raises(OutputError, match="holds the input"):
            check_target(tmp_path / name, [out / "a.png"], overwrite=True)
    check_target(out, [tmp_path / "a.png"], overwrite=True)
