"""``highbeam compare``: methods side by side on one sheet, with crops and, given references, with figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from highbeam.cli.options import limits_of
from highbeam.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from highbeam.comparison import Comparison
    from highbeam.crops import Box
    from highbeam.methods.registry import Enhancer
    from highbeam.pictures import Limits
    from highbeam.sources import Source

__all__ = ["compare"]

_COLUMN = 520
_WIDEST = 4000
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MOST_CROPS = 6

_Sources = Annotated[
    list[str], typer.Argument(metavar="SRC", help="Pictures: files, folders or quoted globs.", show_default=False)
]
_Sheet = Annotated[
    Path, typer.Option("--output", "-o", metavar="SHEET", help="The sheet to write: .png, .jpg or .webp.")
]
_Methods = Annotated[
    str | None, typer.Option("--methods", metavar="A,B,C", help="One column each; the default method if not given.")
]
_Reference = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="What the pictures should be, matched by name without suffix: adds figures."),
]
_Crops = Annotated[
    int | None,
    typer.Option(min=0, max=_MOST_CROPS, help="How many crops to choose and enlarge.  [default: 2]"),
]
_Crop = Annotated[
    list[str] | None, typer.Option(metavar="X,Y,W,H", help="A crop to enlarge, in pixels of the picture; repeatable.")
]
_Width = Annotated[int | None, typer.Option(help="Of the sheet in pixels; by the number of columns if not given.")]
_MaxPixels = Annotated[str | None, typer.Option(metavar="COUNT", help="Refuse larger pictures, as for enhance.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the sheet if it exists.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def compare(
    sources: _Sources,
    *,
    sheet: _Sheet,
    methods: _Methods = None,
    reference: _Reference = None,
    crops: _Crops = None,
    crop: _Crop = None,
    width: _Width = None,
    max_pixels: _MaxPixels = None,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
) -> None:
    """Show methods side by side on one sheet: the input first, a column per method, zoomed crops beneath.

    With references, PSNR and SSIM stand under each picture and in a table on standard output.
    """
    from highbeam.cli import terminal
    from highbeam.comparison import INPUT, REFERENCE, match_references
    from highbeam.sheets import assemble, draw_row, layout
    from highbeam.sources import find_sources

    chosen, limits = _crops(crops, crop or []), limits_of(max_pixels)
    enhancers = _enhancers(methods)
    found = find_sources(sources)
    _check_sheet(sheet, found, overwrite=overwrite)
    references = [None] * len(found) if reference is None else match_references(found, reference)
    titles = [INPUT, *enhancers, *([] if reference is None else [REFERENCE])]
    plan = layout(len(titles), width or min(_WIDEST, _COLUMN * len(titles)))
    strips, compared = [], []
    with terminal.progress(len(found), hidden=quiet) as step:
        for source, wanted in zip(found, references, strict=True):
            compared.append(_compare_one(source, wanted, enhancers, chosen, limits))
            strips.append(draw_row(plan, compared[-1].row))
            step()
    _write(assemble(plan, titles, strips), sheet, overwrite=overwrite)
    if reference is not None:
        terminal.say(_table([INPUT, *enhancers], compared))


def _crops(count: int | None, words: Sequence[str]) -> int | list[Box]:
    if count is not None and words:
        raise UsageError("--crops chooses crops and --crop gives them; use one of the two")
    if len(words) > _MOST_CROPS:
        raise UsageError(f"at most {_MOST_CROPS} crops can be told apart, got {len(words)}")
    return [_box(word) for word in words] or (2 if count is None else count)


def _box(word: str) -> Box:
    from highbeam.crops import Box

    try:
        x, y, width, height = (int(part) for part in word.split(","))
    except ValueError:
        raise UsageError(f"--crop takes x,y,width,height in pixels, got {word!r}") from None
    return Box(x, y, width, height)


def _enhancers(names: str | None) -> dict[str, Enhancer]:
    from highbeam.methods.registry import DEFAULT_METHOD, load

    wanted = [name.strip() for name in (names or DEFAULT_METHOD).split(",") if name.strip()]
    if not wanted or len(set(wanted)) != len(wanted):
        raise UsageError(f"--methods takes different names with commas between them, got {names!r}")
    return {name: load(name) for name in wanted}


def _check_sheet(sheet: Path, sources: Sequence[Source], *, overwrite: bool) -> None:
    from highbeam.batch import Item, check_items

    if sheet.suffix.lower() not in _SUFFIXES:
        raise OutputError(f"{sheet}: a sheet is written as {', '.join(_SUFFIXES)}; choose one of these suffixes")
    check_items([Item(sources[0].path, sheet)], "overwrite" if overwrite else "refuse")
    for source in sources:
        if sheet.exists() and source.path.exists() and sheet.samefile(source.path):
            raise OutputError(f"{sheet}: is one of the pictures; an input is never overwritten, choose another output")


def _compare_one(
    source: Source, reference: Path | None, enhancers: dict[str, Enhancer], crops: int | list[Box], limits: Limits
) -> Comparison:
    from highbeam.comparison import compare_picture
    from highbeam.pictures import read

    wanted = None if reference is None else read(reference, limits=limits).pixels
    pixels = read(source.path, limits=limits).pixels
    return compare_picture(str(source.inner), pixels, enhancers, crops=crops, reference=wanted)


def _write(image: Image.Image, sheet: Path, *, overwrite: bool) -> None:
    import numpy as np

    from highbeam.batch import make_folder
    from highbeam.pictures import Picture, write

    make_folder(sheet)
    write(Picture(np.asarray(image), name=str(sheet)), sheet, overwrite=overwrite)


def _table(columns: Sequence[str], compared: Sequence[Comparison]) -> str:
    """Lay out the figures: a line per picture and one of their means, a column per method."""
    from highbeam.cli.terminal import printable
    from highbeam.comparison import LEGEND, Score

    def mean(column: str) -> Score:
        scores = [one.scores[column] for one in compared]
        return Score(*(sum(values) / len(scores) for values in zip(*((s.psnr, s.ssim) for s in scores), strict=True)))

    lines = [[LEGEND, *columns]]
    lines += [[printable(one.row.name), *(str(one.scores[column]) for column in columns)] for one in compared]
    lines += [["mean", *(str(mean(column)) for column in columns)]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
