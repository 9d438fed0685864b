"""Checks: counts, what is missing, what is bad, at each depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from highbeam.datasets import PackOptions, check, pack
from highbeam.datasets.checking import Depth
from highbeam.errors import UnknownDatasetError, UsageError
from tests.datasets import makers
from tests.datasets.makers import draw, film, pair

DEPTHS: list[Depth] = ["names", "headers", "pixels"]


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_whole_data_set(tmp_path: Path, depth: Depth) -> None:
    found = check("lol-v1", makers.lol_v1(tmp_path), depth=depth)
    assert found.complete
    assert (found.layout, found.root, found.pictures, found.pairs, found.sources) == (
        "lol-v1",
        str(tmp_path),
        6,
        True,
        2,
    )
    assert found.splits == {"train": 4, "test": 2}
    assert found.lights == {"day": 6}
    assert found.sizes == ({} if depth == "names" else {"64x48": 6})


def test_every_light_is_counted(tmp_path: Path) -> None:
    found = check("bdd100k", makers.bdd100k(tmp_path))
    assert found.lights == {"day": 3, "night": 1, "dusk": 1, "unknown": 3}
    assert not found.pairs
    found = check("kitti", makers.kitti(tmp_path / "kitti"))
    assert found.splits == {"none": 3, "test": 1}


def test_sizes_are_counted_upright_and_the_commonest_comes_first(tmp_path: Path) -> None:
    for number in range(3):
        draw(tmp_path / f"{number}.png", number)
    draw(tmp_path / "3.png", 3, (20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(draw(tmp_path / "x.png")) as image:
        image.save(tmp_path / "4.jpg", exif=exif)
    (tmp_path / "x.png").unlink()
    for depth in DEPTHS[1:]:
        assert list(check("folder", tmp_path, depth=depth).sizes.items()) == [("64x48", 3), ("20x30", 1), ("48x64", 1)]


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    makers.lol_v1(tmp_path, test=0)
    (tmp_path / "our485" / "high" / "3.png").unlink()
    found = check("lol-v1", tmp_path)
    assert not found.complete
    assert len(found.missing) == 2
    assert found.halves == (str(tmp_path / "our485" / "low" / "3.png"),)
    assert found.pictures == 3


def test_bad_files_are_listed_at_the_depth_that_sees_them(tmp_path: Path) -> None:
    for number in range(3):
        draw(tmp_path / f"{number}.png", number)
    (tmp_path / "1.png").write_bytes(b"bad")
    pixels = bytearray((tmp_path / "2.png").read_bytes())
    pixels[len(pixels) // 2] ^= 255
    (tmp_path / "2.png").write_bytes(pixels)
    assert check("folder", tmp_path, depth="names").complete
    header = check("folder", tmp_path, depth="headers")
    assert f"{tmp_path.name}/1.png" in {bad.name for bad in header.bad}
    whole = check("folder", tmp_path, depth="pixels")
    assert [bad.name for bad in whole.bad] == [f"{tmp_path.name}/1.png", f"{tmp_path.name}/2.png"]
    assert sum(whole.sizes.values()) == 1


def test_a_link_to_nowhere_is_bad(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("nowhere.png")
    found = check("folder", tmp_path)
    assert [bad.reason for bad in found.bad] == ["cannot be read (No such file or directory); check the path"]


@pytest.mark.parametrize("depth", DEPTHS[1:])
def test_halves_of_different_sizes(tmp_path: Path, depth: Depth) -> None:
    pair(tmp_path, "a.png")
    draw(tmp_path / "low" / "a.png", size=(30, 20))
    (bad,) = check("pairs", tmp_path, depth=depth).bad
    assert bad.name == "pairs/a"
    assert "30x20" in bad.reason
    assert "64x48" in bad.reason


def test_of_a_clip_one_frame_is_looked_at_or_all(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 25, fps=10)
    film(tmp_path / "b.mp4", 5, fps=10)
    (tmp_path / "c.mp4").touch()
    found = check("folder", tmp_path)
    assert found.pictures == 4
    assert found.sizes == {"64x48": 2}
    assert [bad.name for bad in found.bad] == [f"{tmp_path.name}/c.mp4"]
    assert check("folder", tmp_path, depth="pixels").sizes == {"64x48": 4}
    assert check("folder", tmp_path, depth="pixels", every=0.0).sizes == {"64x48": 30}


def test_shards_are_compared_with_what_was_packed(tmp_path: Path) -> None:
    for number in range(4):
        draw(tmp_path / "a" / f"{number}.png", number)
    index = pack([str(tmp_path / "a")], tmp_path / "out", PackOptions(min_sharpness=0.0))
    found = check("shards", tmp_path / "out")
    assert found.complete
    assert (found.pictures, found.splits, found.sizes) == (4, {"train": 4}, {"64x48": 4})
    shard = tmp_path / "out" / "train-0000.tar"
    data = bytearray(shard.read_bytes())
    data[index.pictures[2].parts[0].offset + 30] ^= 1
    shard.write_bytes(data)
    found = check("shards", tmp_path / "out")
    assert [bad.name for bad in found.bad] == ["a/2.png"]
    assert "SHA-256 differs" in found.bad[0].reason
    assert check("shards", tmp_path / "out", depth="names").complete


def test_threads_make_no_difference_and_the_bar_is_told(tmp_path: Path) -> None:
    for number in range(9):
        draw(tmp_path / f"{number}.png", number)
    told: list[int] = []

    @contextmanager
    def bar(total: int) -> Iterator[Callable[[], None]]:
        assert total == 9
        yield lambda: told.append(1)

    assert check("folder", tmp_path, workers=3, bar=bar) == check("folder", tmp_path)
    assert sum(told) == 9


def test_bad_questions(tmp_path: Path) -> None:
    with pytest.raises(UnknownDatasetError):
        check("nothing", tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        check("kitti", tmp_path / "nowhere")
