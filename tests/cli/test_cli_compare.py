"""``highbeam compare``: the sheet that is written and the figures that are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from highbeam.cli.comparing import size_of as header_size
from highbeam.methods import DEFAULT_METHOD, load
from highbeam.metrics import psnr, ssim
from highbeam.pictures import Limits
from tests.cli.conftest import Command, draw


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder ``dark`` and a folder ``day`` of the same names with other suffixes."""
    for seed, name in enumerate(("a", "sub/b c")):
        draw(tmp_path / "dark" / f"{name}.png", seed, (64, 48))
        with Image.open(tmp_path / "dark" / f"{name}.png") as dark:
            bright = Image.fromarray(load("gamma", gamma=3.0)(np.asarray(dark)))
        (tmp_path / "day" / name).parent.mkdir(parents=True, exist_ok=True)
        bright.save(tmp_path / "day" / f"{name}.tif")
    return tmp_path


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.load()
        return image.size


@pytest.mark.parametrize("name", ["sheet.png", "deep/er/sheet.JPG", "sheet.webp"])
def test_a_sheet_in_the_format_of_its_suffix(command: Command, pair: Path, name: str) -> None:
    ended = command("compare", pair / "dark", "-o", pair / name, "--methods", "gamma, clahe", "--width", "600")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    width, height = size_of(pair / name)
    assert width == 600
    assert height > 2 * 600 / 3 * 48 / 64


def test_the_default_is_the_default_method(command: Command, pair: Path) -> None:
    for name, words in (("one.png", []), ("two.png", ["--methods", DEFAULT_METHOD, "--crops", "2"])):
        assert command("compare", pair / "dark" / "a.png", "-o", pair / name, *words).code == 0
    assert (pair / "one.png").read_bytes() == (pair / "two.png").read_bytes()
    assert size_of(pair / "one.png")[0] == 2 * 520


def test_figures_against_references(command: Command, pair: Path) -> None:
    words = ["--methods", "gamma,msrcp", "--reference", pair / "day"]
    ended = command("compare", pair / "dark", "-o", pair / "sheet.png", *words)
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["PSNR / SSIM", "a.png", "sub/b c.png", "mean"]
    assert lines[0].split("  ", 1)[1].split() == ["input", "gamma", "msrcp"]
    with Image.open(pair / "dark" / "a.png") as dark, Image.open(pair / "day" / "a.tif") as day:
        bright, want = load("gamma")(np.asarray(dark)), np.asarray(day)
    assert f"{psnr(bright, want):.2f} dB / {ssim(bright, want):.3f}" in lines[1]
    values = [float(line.split("dB")[0].split()[-1]) for line in lines[1:]]
    assert values[2] == pytest.approx((values[0] + values[1]) / 2, abs=0.011)


def test_crops_change_the_sheet(command: Command, pair: Path) -> None:
    base = ["compare", pair / "dark" / "a.png", "--methods", "gamma"]
    heights = []
    for number, words in enumerate(
        (["--crops", "0"], ["--crops", "3"], ["--crop", "0,0,20,10", "--crop", "30,20,20,9"])
    ):
        assert command(*base, "-o", pair / f"{number}.png", *words).code == 0
        heights.append(size_of(pair / f"{number}.png")[1])
    assert heights[0] < min(heights[1:])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "gamma,gama"], "no method 'gama'; did you mean 'gamma'?"),
        (["--methods", "gamma,gamma"], "different names"),
        (["--methods", ","], "different names"),
        (["--crop", "1,2,3"], "--crop takes x,y,width,height"),
        (["--crop", "1,2,3,x"], "--crop takes x,y,width,height"),
        (["--crop", "60,0,20,20"], "does not lie in a.png, which is 64 x 48"),
        (["--crop", "0,0,5,5", "--crops", "1"], "use one of the two"),
        (["--crop", "0,0,5,5"] * 7, "at most 6 crops"),
        (["--width", "100"], "width must lie between 240"),
        (["--reference", "nowhere"], "no such folder of references"),
        (["--max-pixels", "x"], "--max-pixels takes a count"),
    ],
)
def test_bad_usage(command: Command, pair: Path, words: list[str], message: str) -> None:
    ended = command("compare", pair / "dark", "-o", pair / "sheet.png", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert message in ended.err
    assert not (pair / "sheet.png").exists()


def test_references_that_are_missing_or_of_another_size(command: Command, pair: Path) -> None:
    base = ["compare", pair / "dark", "-o", pair / "sheet.png", "--reference", pair / "day"]
    draw(pair / "day" / "a.tif", size=(32, 48))
    ended = command(*base)
    assert (ended.code, ended.err) == (2, "error: a.png: is 64 x 48, but its reference is 32 x 48\n")
    (pair / "day" / "a.tif").unlink()
    ended = command(*base)
    assert ended.code == 2
    assert f"{pair / 'dark' / 'a.png'}: no reference called a in {pair / 'day'}" in ended.err
    assert not (pair / "sheet.png").exists()


def test_a_sheet_replaces_nothing_unasked_and_no_picture_ever(command: Command, pair: Path) -> None:
    base = ["compare", pair / "dark", "--methods", "gamma", "-o"]
    assert command(*base, pair / "sheet.png").code == 0
    again = command(*base, pair / "sheet.png")
    assert again.code == 2
    assert "--overwrite" in again.err
    assert command(*base, pair / "sheet.png", "--overwrite").code == 0
    before = (pair / "dark" / "a.png").read_bytes()
    (pair / "link.png").hardlink_to(pair / "dark" / "sub" / "b c.png")
    for place in (pair / "dark" / "a.png", pair / "link.png", pair / "dark" / "sub" / "b c.png"):
        ended = command(*base, place, "--overwrite")
        assert ended.code == 2
        assert "never overwritten" in ended.err
    assert (pair / "dark" / "a.png").read_bytes() == before


def test_sheets_that_cannot_be_written(command: Command, pair: Path) -> None:
    for name, message in (("sheet.tiff", "choose one of these"), ("sheet", "choose one of these"), ("-", "suffixes")):
        ended = command("compare", pair / "dark", "-o", pair / name)
        assert ended.code == 2
        assert message in ended.err
    (pair / "file").touch()
    assert command("compare", pair / "dark", "-o", pair / "file" / "sheet.png").code == 2


def test_a_reference_is_never_replaced(command: Command, pair: Path) -> None:
    draw(pair / "ref" / "a.png", 5, (64, 48))
    before = (pair / "ref" / "a.png").read_bytes()
    (pair / "link.png").symlink_to(pair / "ref" / "a.png")
    base = ["compare", pair / "dark" / "a.png", "--methods", "gamma", "--reference", pair / "ref", "--overwrite", "-o"]
    for place in (pair / "ref" / "a.png", pair / "link.png"):
        ended = command(*base, place)
        assert ended.code == 2
        assert "would replace the input" in ended.err
        assert "never overwritten" in ended.err
    assert (pair / "ref" / "a.png").read_bytes() == before
    assert command(*base, pair / "ref" / "sheet.png").code == 0


@pytest.mark.parametrize("words", [[], ["--crop", "1,2,30,20"]])
def test_a_damaged_picture_is_left_out_and_named_in_the_end(command: Command, pair: Path, words: list[str]) -> None:
    base = ["--methods", "gamma", "--reference", pair / "day", *words]
    assert command("compare", pair / "dark", "-o", pair / "whole.png", *base).code == 0
    (pair / "dark" / "bad.png").write_bytes(b"no picture")
    (pair / "dark" / "gone.png").symlink_to(pair / "nowhere.png")
    for name in ("bad.png", "gone.png"):
        draw(pair / "day" / name)
    ended = command("compare", pair / "dark", "-o", pair / "rest.png", *base)
    assert ended.code == 1
    assert [line.split("  ")[0] for line in ended.out.splitlines()] == ["PSNR / SSIM", "a.png", "sub/b c.png", "mean"]
    lines = ended.err.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["failed", str(pair / "dark" / name)] for name in ("bad.png", "gone.png")
    ]
    assert lines[0].endswith("[DamagedPictureError]")
    assert (pair / "rest.png").read_bytes() == (pair / "whole.png").read_bytes()


def test_a_damaged_reference_costs_its_picture_only(command: Command, pair: Path) -> None:
    (pair / "day" / "a.tif").write_bytes((pair / "day" / "a.tif").read_bytes()[:100])
    ended = command("compare", pair / "dark", "-o", pair / "sheet.png", "--reference", pair / "day")
    assert ended.code == 1
    assert ended.err.startswith(f"failed: {pair / 'dark' / 'a.png'}: ")
    assert ended.out.splitlines()[1].startswith("sub/b c.png")


def test_no_sheet_of_nothing(command: Command, pair: Path) -> None:
    (pair / "bad.png").write_bytes(b"no picture")
    ended = command("compare", pair / "bad.png", "-o", pair / "deep" / "sheet.png")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"failed: {pair / 'bad.png'}: ")
    assert not (pair / "deep").exists()


@pytest.mark.parametrize(("name", "most"), [("sheet.webp", 16_383), ("sheet.jpg", 65_500), ("sheet.png", 65_535)])
def test_a_sheet_too_high_for_its_format_is_refused_before_any_work(
    command: Command, tmp_path: Path, name: str, most: int
) -> None:
    first = draw(tmp_path / "in" / "000.png", size=(4, 40))
    for i in range(1, 14):
        (tmp_path / "in" / f"{i:03}.png").hardlink_to(first)
    words = ["--crops", "0", "--width", "16000" if most > 20_000 else "4000", "--methods", "gamma"]
    ended = command("compare", tmp_path / "in", "-o", tmp_path / "new" / name, *words)
    assert (ended.code, ended.out) == (2, "")
    assert f"ends at {most}" in ended.err
    assert "14 pictures would make it" in ended.err
    assert not (tmp_path / "new").exists()


def test_a_turned_picture_counts_as_it_is_shown(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    draw(tmp_path / "b.png", size=(40, 20))
    (tmp_path / "c.png").write_bytes(b"no picture")
    sizes = [header_size(tmp_path / name, Limits()) for name in ("a.jpg", "b.png", "c.png", "d.png")]
    assert sizes == [(20, 40), (40, 20), None, None]
