"""``highbeam compare``: methods side by side on one sheet, with crops and, given references, with figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from highbeam.cli.comparing import box_of, boxes_in, compare_one, enhancers_of, failed_record, size_of
from highbeam.cli.options import limits_of
from highbeam.errors import OutputError, PictureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from highbeam.comparison import Score
    from highbeam.crops import Box
    from highbeam.pictures import Limits
    from highbeam.sheets import Layout
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

    Exit code 0: all done; 1: some pictures failed, the sheet is made of the rest; 2: bad usage, nothing was touched.
    """
    from highbeam.cli import terminal
    from highbeam.cli.report import Report
    from highbeam.comparison import INPUT, REFERENCE, match_references
    from highbeam.sheets import assemble, draw_row, layout
    from highbeam.sources import find_sources

    chosen, limits = _crops(crops, crop or []), limits_of(max_pixels)
    enhancers = enhancers_of(methods)
    found = find_sources(sources)
    references = [None] * len(found) if reference is None else match_references(found, reference)
    inputs = [*(source.path for source in found), *(path for path in references if path is not None)]
    _check_sheet(sheet, inputs, overwrite=overwrite)
    titles = [INPUT, *enhancers, *([] if reference is None else [REFERENCE])]
    plan = layout(len(titles), width or min(_WIDEST, _COLUMN * len(titles)))
    _check_height(plan, sheet, found, chosen, limits, noted=reference is not None)
    report, strips, scores = Report(quiet=True), [], {}
    with terminal.progress(len(found), hidden=quiet) as step:
        for source, wanted in zip(found, references, strict=True):
            try:
                compared = compare_one(source, wanted, enhancers, chosen, limits)
            except PictureError as error:
                report.add(failed_record(source, sheet, enhancers, error))
            else:
                strips.append(draw_row(plan, compared.row))
                scores[source] = compared.scores
            step()
    if strips:
        _write(assemble(plan, titles, strips), sheet, overwrite=overwrite)
    if strips and reference is not None:
        terminal.say(_table([INPUT, *enhancers], scores))
    raise typer.Exit(report.finish())


def _crops(count: int | None, words: Sequence[str]) -> int | list[Box]:
    if count is not None and words:
        raise UsageError("--crops chooses crops and --crop gives them; use one of the two")
    if len(words) > _MOST_CROPS:
        raise UsageError(f"at most {_MOST_CROPS} crops can be told apart, got {len(words)}")
    return [box_of(word) for word in words] or (2 if count is None else count)


def _check_sheet(sheet: Path, inputs: Sequence[Path], *, overwrite: bool) -> None:
    from highbeam.planning import Item, check_items

    if sheet.suffix.lower() not in _SUFFIXES:
        raise OutputError(f"{sheet}: a sheet is written as {', '.join(_SUFFIXES)}; choose one of these suffixes")
    check_items([Item(inputs[0], sheet)], "overwrite" if overwrite else "refuse", inputs=inputs)


def _check_height(
    plan: Layout, sheet: Path, sources: Sequence[Source], crops: int | list[Box], limits: Limits, *, noted: bool
) -> None:
    """Refuse a sheet that would be too high to be written, by what the pictures' headers say, before any work.

    Raises:
        OutputError: it would be.
        UsageError: a crop does not lie in one of the pictures.
    """
    from highbeam.pictures import FORMATS, Limits, format_of_suffix
    from highbeam.sheets import sheet_height, strip_height

    heights = []
    for source in sources:
        size = size_of(source.path, limits)
        if size is not None:
            boxes = boxes_in(str(source.inner), *size, crops)
            heights.append(strip_height(plan, *size, boxes, noted=noted))
    form, height = FORMATS[format_of_suffix(sheet) or "png"], sheet_height(plan, heights)
    most = min(form.max_side, Limits().max_side)  # what cannot be read again is no use either
    if height > most:
        raise OutputError(
            f"{sheet}: {len(sources)} pictures would make it {height} pixels high, and {form.title} ends at {most};"
            " name fewer pictures, or pass a smaller --width or --crops 0"
        )


def _write(image: Image.Image, sheet: Path, *, overwrite: bool) -> None:
    import numpy as np

    from highbeam.batch import make_folder
    from highbeam.pictures import Picture, write

    make_folder(sheet)
    write(Picture(np.asarray(image), name=str(sheet)), sheet, overwrite=overwrite)


def _table(columns: Sequence[str], rows: Mapping[Source, Mapping[str, Score]]) -> str:
    """Lay out the figures: a line per picture and one of their means, a column per method."""
    from highbeam.cli.terminal import printable
    from highbeam.comparison import LEGEND, Score

    def mean(column: str) -> Score:
        scores = [row[column] for row in rows.values()]
        return Score(*(sum(values) / len(scores) for values in zip(*((s.psnr, s.ssim) for s in scores), strict=True)))

    lines = [[LEGEND, *columns]]
    lines += [[printable(str(source.inner)), *(str(row[column]) for column in columns)] for source, row in rows.items()]
    lines += [["mean", *(str(mean(column)) for column in columns)]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
