"""From words to entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from highbeam.datasets import gather
from highbeam.datasets.gathering import with_sequences
from highbeam.errors import LayoutError, MissingHalfError, OptionError, UsageError
from tests.datasets import makers
from tests.datasets.makers import draw, entry, film, names, pair


def test_folders_and_data_sets_together(tmp_path: Path) -> None:
    draw(tmp_path / "day" / "a.png")
    film(tmp_path / "clips" / "b.mp4", 12, fps=10)
    makers.cityscapes(tmp_path / "cs")
    words = [str(tmp_path / "day"), str(tmp_path / "clips" / "*.mp4"), f"cityscapes:{tmp_path / 'cs'}"]
    entries = gather(words).entries
    assert names(entries)[:3] == ["day/a.png", "clips/b.mp4#000000", "clips/b.mp4#000010"]
    assert names(entries)[3] == "cityscapes/leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png"
    assert {one.source for one in entries[3:]} == {
        f"cityscapes/{city}" for city in ("aachen", "bochum", "lindau", "berlin")
    }


def test_only_what_was_taken_by_day(tmp_path: Path) -> None:
    makers.bdd100k(tmp_path)
    assert len(gather([f"bdd100k:{tmp_path}"]).entries) == 3
    assert len(gather([f"bdd100k:{tmp_path}"], lights=("night", "dusk")).entries) == 2


def test_plain_folders_have_the_light_that_was_asked_for(tmp_path: Path) -> None:
    draw(tmp_path / "night" / "a.png")
    words = [str(tmp_path / "night"), f"folder:{tmp_path / 'night'}"]
    assert [one.light for one in gather(words, lights=("night",)).entries] == ["night"]


def test_pairs(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    assert names(gather([f"pairs:{tmp_path}"]).entries) == ["pairs/pairs/a"]


def test_pairs_and_single_pictures_do_not_mix(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    with pytest.raises(UsageError, match="do not go together"):
        gather([f"pairs:{tmp_path}", str(tmp_path / "high")])


def test_a_missing_half_is_an_error(tmp_path: Path) -> None:
    makers.lol_v1(tmp_path)
    (tmp_path / "eval15" / "high" / "100.png").unlink()
    with pytest.raises(MissingHalfError, match=r"eval15/low/100\.png"):
        gather([f"lol-v1:{tmp_path}"])


def test_a_wrong_layout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="highbeam data guide kitti"):
        gather([f"kitti:{tmp_path}"])
    with pytest.raises(UsageError, match="no such folder"):
        gather([f"kitti:{tmp_path / 'nowhere'}"])
    with pytest.raises(UsageError, match="no such file or folder"):
        gather([f"citty:{tmp_path}"])


def test_nothing_of_that_light(tmp_path: Path) -> None:
    makers.cityscapes(tmp_path)
    with pytest.raises(LayoutError, match=r"no usable picture, clip or pair \(light: night\)$"):
        gather([f"cityscapes:{tmp_path}"], lights=("night",))


def test_only_bad_files(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    with pytest.raises(LayoutError, match=r"a\.mp4: cannot be read as a clip"):
        gather([str(tmp_path)])


def test_options_out_of_range() -> None:
    with pytest.raises(OptionError):
        gather(["."], lights=())
    with pytest.raises(OptionError):
        gather(["."], every=-1.0)


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        (None, "day"),
        (r"Seq\d+", "day/Seq05"),
        (r"(Seq)(\d+)(x)?", "day/Seq/05"),
        (r"nothing", "day"),
    ],
)
def test_sources_are_divided_by_a_pattern(pattern: str | None, source: str) -> None:
    (found,) = with_sequences([entry("day/Seq05_f1.png", "day")], pattern)
    assert found.source == source


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(OptionError, match="is no regular expression"):
        with_sequences([], "(")
