"""``highbeam figure``: what is written, what is measured, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import highbeam.evaluation.figures as drawing
from highbeam.camera import darken_array
from highbeam.cli.figure import app
from highbeam.crops import Box, choose_crops
from highbeam.errors import HighbeamError, UsageError
from highbeam.evaluation.figures import Block, Page
from highbeam.methods import load
from highbeam.metrics import psnr, ssim
from highbeam.pictures import Picture, write
from highbeam.scenes import make_scene, render
from tests.cli.conftest import Ended

Figure = Callable[..., Ended]
SIZE = (96, 160)


@pytest.fixture(scope="module")
def scenes() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Extremely dark pictures and their references, by name."""
    made = {}
    for name, kind in (("street", "street"), ("sub/country", "country")):
        day = render(make_scene(22, kind), *SIZE, time="day").image
        pair = darken_array(day, "extreme", seed=3)
        made[name] = pair.dark, pair.reference
    return made


@pytest.fixture
def pair(tmp_path: Path, scenes: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Path:
    """Folders ``dark`` and ``day`` of the same names with other suffixes."""
    for name, (dark, day) in scenes.items():
        for place, pixels in ((f"dark/{name}.png", dark), (f"day/{name}.tif", day)):
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            write(Picture(pixels), tmp_path / place)
    return tmp_path


@pytest.fixture
def figure() -> Figure:
    """Run the command as the program would."""

    def run(*arguments: str | Path) -> Ended:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if isinstance(result.exception, HighbeamError):
            code = 2 if isinstance(result.exception, UsageError) else 1
            return Ended(code, result.stdout, f"error: {result.exception}\n")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Page, Block]]:
    """What is drawn, as it comes to the pen."""
    seen, pen = [], drawing.draw_block

    def draw(page: Page, block: Block, pictures: Sequence[Any]) -> Image.Image:
        seen.append((page, block))
        return pen(page, block, pictures)

    monkeypatch.setattr(drawing, "draw_block", draw)
    return seen


def pixels_of(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def resized(pixels: NDArray[np.uint8], part: Box, place: Box) -> NDArray[np.uint8]:
    area = (part.x, part.y, part.x + part.width, part.y + part.height)
    size = (place.width, place.height)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, box=area))


def test_dark_shows_and_measures_each_method(figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]) -> None:
    words = ["--methods", "exposure-fusion,clahe, msrcp", "--reference", pair / "day", "--width", "1200"]
    ended = figure("dark", pair / "dark" / "street.png", "-o", pair / "fig.png", *words)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    dark, day = pixels_of(pair / "dark" / "street.png"), pixels_of(pair / "day" / "street.tif")
    outputs = [dark, *(load(name)(dark) for name in ("exposure-fusion", "clahe", "msrcp"))]
    (page, block), made = blocks[0], pixels_of(pair / "fig.png")
    assert page.titles == ("input", "exposure-fusion", "clahe", "msrcp", "reference")
    notes = [text.text for text in block.texts]
    assert notes == [*(f"{psnr(o, day):.2f} / {ssim(o, day):.3f}" for o in outputs), "PSNR / SSIM"]
    best = [int(np.argmax([measure(o, day) for o in outputs])) for measure in (psnr, ssim)]
    bold = [[heavy for _, heavy in text.note] for text in block.texts]
    assert bold == [*([i == best[0], False, i == best[1]] for i in range(4)), [False]]
    top = made.shape[0] - 2 * page.gap - block.height
    for tile, output in zip(block.tiles, [*outputs, day], strict=True):
        at = tile.place
        shown = made[top + at.y : top + at.y + at.height, at.x : at.x + at.width]
        assert (shown == resized(output, Box(0, 0, SIZE[1], SIZE[0]), at)).all()


def test_night_magnifies_the_regions_that_are_named(
    figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]
) -> None:
    words = ["--methods", "gamma", "--crop", "100,40,30,20", "--crop", "10,50,24,18", "--width", "1000"]
    assert figure("night", pair / "dark" / "street.png", "-o", pair / "fig.png", *words).code == 0
    dark = pixels_of(pair / "dark" / "street.png")
    outputs, (page, block), made = [dark, load("gamma")(dark)], blocks[0], pixels_of(pair / "fig.png")
    assert page.titles == ("input", "gamma")
    details = [tile for tile in block.tiles if tile.part in (Box(100, 40, 30, 20), Box(10, 50, 24, 18))]
    assert len(details) == 4
    top, inner = made.shape[0] - 2 * page.gap - block.height, slice(page.frame, -page.frame)
    for tile in details:
        at = tile.place
        shown = made[top + at.y : top + at.y + at.height, at.x : at.x + at.width]
        assert (shown[inner, inner] == resized(outputs[tile.column], tile.part, at)[inner, inner]).all()


def test_night_chooses_regions_for_all_columns(figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]) -> None:
    base = ["night", pair / "dark", "--methods", "gamma,clahe", "--columns", "2", "-o"]
    for name, count, words in (("1", 2, []), ("2", 1, ["--crops", "1", "--beside", "--leaders"])):
        blocks.clear()
        assert figure(*base, pair / f"{name}.png", *words).code == 0
        assert len(blocks) == 2
        dark = pixels_of(pair / "dark" / "street.png")
        want = choose_crops(dark, [load("gamma")(dark), load("clahe")(dark)], count)
        page, block = blocks[0]
        assert page.lines == 2
        assert bool(block.leaders) == bool(words)
        for column in range(3):
            parts = {tile.part for tile in block.tiles if tile.column == column}
            assert parts == {Box(0, 0, SIZE[1], SIZE[0]), *want}


def test_tiles_of_one_shape(figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]) -> None:
    words = ["--methods", "gamma", "--reference", pair / "day", "--ratio", "1:1"]
    assert figure("dark", pair / "dark", "-o", pair / "fig.png", *words).code == 0
    assert {tile.part for _, block in blocks for tile in block.tiles} == {Box(32, 0, 96, 96)}
    assert all(tile.place.width == tile.place.height for _, block in blocks for tile in block.tiles)


@pytest.mark.parametrize("name", ["fig.png", "deep/er/fig.JPG", "fig.webp"])
def test_a_figure_in_the_format_of_its_suffix(figure: Figure, pair: Path, name: str) -> None:
    assert figure("night", pair / "dark", "-o", pair / name, "--methods", "gamma").code == 0
    with Image.open(pair / name) as image:
        assert image.format == {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP"}[Path(name).suffix.lower()]
        assert image.width == 2000
        assert name.endswith("webp") or image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_pdf_is_one_page_of_the_figures_size(figure: Figure, pair: Path) -> None:
    words = ["--methods", "gamma", "--width", "600"]
    for name in ("a.pdf", "b.pdf", "c.png"):
        assert figure("night", pair / "dark", "-o", pair / name, *words).code == 0
    data = (pair / "a.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert data == (pair / "b.pdf").read_bytes()
    height = pixels_of(pair / "c.png").shape[0]
    box = data.split(b"/MediaBox [", 1)[1].split(b"]")[0].split()
    assert [float(side) for side in box] == pytest.approx([0, 0, 600 * 72 / 300, height * 72 / 300])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dark", "--reference", "{day}", "--methods", "gama"], "did you mean 'gamma'?"),
        (["dark", "--reference", "{day}", "--methods", "gamma,gamma"], "different names"),
        (["dark", "--reference", "{day}", "--ratio", "16"], "--ratio takes width:height"),
        (["dark", "--reference", "{day}", "--ratio", "0:3"], "--ratio takes width:height"),
        (["dark", "--reference", "{day}", "--ratio", "nan:3"], "--ratio takes width:height"),
        (["dark", "--reference", "nowhere"], "no such folder of references"),
        (["dark", "--reference", "{dark}/sub"], "no reference called street"),
        (["dark", "--reference", "{day}", "--width", "100"], "width must lie between 300"),
        (["night", "--crop", "1,2,3"], "--crop takes x,y,width,height"),
        (["night", "--crop", "150,0,20,20"], "does not lie in street.png, which is 160 x 96"),
        (["night", "--crop", "0,0,5,5", "--crops", "1"], "use one of the two"),
        (["night", *["--crop", "0,0,5,5"] * 4], "at most 3 regions"),
        (["night", "--crop", "0,0,160,96"], "no room to magnify"),
        (["night", "--crops", "3", "--beside"], "no room to magnify"),
        (["night", "--max-pixels", "x"], "--max-pixels takes a count"),
    ],
)
def test_bad_usage(
    figure: Figure, pair: Path, blocks: list[tuple[Page, Block]], words: list[str], message: str
) -> None:
    filled = [word.format(day=pair / "day", dark=pair / "dark") for word in words]
    ended = figure(*filled, pair / "dark", "-o", pair / "fig.png")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not blocks, "before any work"
    assert not (pair / "fig.png").exists()


@pytest.mark.parametrize("words", [["night", "--crops", "4"], ["night", "--crops", "0"], ["night", "--columns", "0"]])
def test_numbers_out_of_range(figure: Figure, pair: Path, words: list[str]) -> None:
    assert figure(*words, pair / "dark", "-o", pair / "fig.png").code == 2


def test_dark_needs_references(figure: Figure, pair: Path) -> None:
    ended = figure("dark", pair / "dark", "-o", pair / "fig.png")
    assert ended.code == 2
    assert "--reference" in ended.err


def test_a_reference_of_another_size_is_refused_before_any_work(
    figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]
) -> None:
    write(Picture(np.zeros((96, 100, 3), np.uint8)), pair / "day" / "sub" / "country.tif", overwrite=True)
    ended = figure("dark", pair / "dark", "-o", pair / "fig.png", "--reference", pair / "day")
    assert ended.code == 2
    assert ended.err == "error: sub/country.png: is 160 x 96, but its reference is 100 x 96\n"
    assert not blocks


def test_no_input_is_ever_replaced_and_nothing_unasked(figure: Figure, pair: Path) -> None:
    base = ["dark", pair / "dark", "--reference", pair / "day", "--methods", "gamma", "-o"]
    assert figure(*base, pair / "fig.png").code == 0
    before = (pair / "fig.png").read_bytes()
    again = figure(*base, pair / "fig.png", "--columns", "1")
    assert again.code == 2
    assert "--overwrite" in again.err
    assert (pair / "fig.png").read_bytes() == before
    assert figure(*base, pair / "fig.png", "--columns", "1", "--overwrite").code == 0
    assert (pair / "fig.png").read_bytes() != before
    (pair / "link.png").symlink_to(pair / "day" / "street.tif")
    for place in (pair / "dark" / "street.png", pair / "link.png"):
        kept = place.read_bytes()
        ended = figure(*base, place, "--overwrite")
        assert ended.code == 2
        assert "never overwritten" in ended.err
        assert place.read_bytes() == kept


@pytest.mark.parametrize("name", ["fig.tiff", "fig", "fig.svg"])
def test_figures_that_cannot_be_written(figure: Figure, pair: Path, name: str) -> None:
    ended = figure("night", pair / "dark", "-o", pair / name)
    assert ended.code == 2
    assert "choose one of these suffixes" in ended.err


@pytest.mark.parametrize(("name", "most"), [("fig.webp", 16_383), ("fig.pdf", 60_000)])
def test_a_figure_too_high_for_its_format_is_refused_before_any_work(
    figure: Figure, pair: Path, blocks: list[tuple[Page, Block]], name: str, most: int
) -> None:
    (pair / "in").mkdir()
    write(Picture(np.zeros((100, 10, 3), np.uint8)), pair / "in" / "00.png")
    for i in range(1, 4):
        (pair / "in" / f"{i:02}.png").hardlink_to(pair / "in" / "00.png")
    ended = figure("night", pair / "in", "-o", pair / name, "--methods", "gamma", "--columns", "1", "--width", "14000")
    assert ended.code == 2
    assert "4 pictures would make it" in ended.err
    assert f"ends at {most}" in ended.err
    assert not blocks


@pytest.mark.parametrize("verb", ["dark", "night"])
def test_a_damaged_picture_is_left_out_and_named_in_the_end(figure: Figure, pair: Path, verb: str) -> None:
    base = [verb, pair / "dark", "--methods", "gamma", *(["--reference", pair / "day"] if verb == "dark" else [])]
    assert figure(*base, "-o", pair / "whole.png").code == 0
    (pair / "dark" / "bad.png").write_bytes(b"no picture")
    write(Picture(np.zeros((8, 8, 3), np.uint8)), pair / "day" / "bad.png")
    ended = figure(*base, "-o", pair / "rest.png")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"failed: {pair / 'dark' / 'bad.png'}: ")
    assert ended.err.count("\n") == 1
    assert (pair / "rest.png").read_bytes() == (pair / "whole.png").read_bytes()


def test_a_damaged_reference_costs_its_picture_only(figure: Figure, pair: Path) -> None:
    (pair / "day" / "street.tif").write_bytes(b"no picture")
    ended = figure("dark", pair / "dark", "-o", pair / "fig.png", "--reference", pair / "day", "--methods", "gamma")
    assert ended.code == 1
    assert ended.err.startswith(f"failed: {pair / 'dark' / 'street.png'}: ")
    assert (pair / "fig.png").exists()


def test_no_figure_of_nothing(figure: Figure, pair: Path) -> None:
    (pair / "bad.png").write_bytes(b"no picture")
    ended = figure("night", pair / "bad.png", "-o", pair / "deep" / "fig.png")
    assert ended.code == 1
    assert not (pair / "deep").exists()


def test_sixteen_bits_are_measured_as_eight(figure: Figure, pair: Path, blocks: list[tuple[Page, Block]]) -> None:
    dark = pixels_of(pair / "dark" / "street.png").astype(np.uint16) * 257 + 40
    write(Picture(dark), pair / "dark" / "street.png", overwrite=True)
    words = ["--reference", pair / "day", "--methods", "gamma"]
    assert figure("dark", pair / "dark" / "street.png", "-o", pair / "fig.png", *words).code == 0
    eight = np.rint(load("gamma")(dark) / 257).astype(np.uint8)
    day = pixels_of(pair / "day" / "street.tif")
    assert blocks[0][1].texts[1].text == f"{psnr(eight, day):.2f} / {ssim(eight, day):.3f}"
