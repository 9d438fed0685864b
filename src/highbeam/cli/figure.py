"""``highbeam figure``: the two figures of a paper on the dark, for any pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from highbeam.cli.comparing import box_of, boxes_in, compare_one, enhancers_of, failed_record, size_of
from highbeam.cli.options import limits_of
from highbeam.errors import OutputError, PictureError, UsageError

if TYPE_CHECKING:
    from PIL import Image

    from highbeam.crops import Box
    from highbeam.evaluation.figures import Block, Note, Page
    from highbeam.methods.registry import Enhancer
    from highbeam.pictures import Limits
    from highbeam.sources import Source

__all__ = ["app"]

app = typer.Typer(
    help="Make the figures of a paper: methods in extreme dark, and real nights with magnified details.",
    short_help="Make the figures of a paper.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_WIDTH = 2000
_DPI = 300
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".pdf")
_PDF_SIDE = 14_400 * _DPI // 72
"""Pixels: a page of PDF is at most 14,400 points high."""

_Layer: TypeAlias = "Callable[[int, int, Sequence[Box], Sequence[Note]], Block]"

_Sources = Annotated[
    list[str], typer.Argument(metavar="SRC", help="Pictures: files, folders or quoted globs.", show_default=False)
]
_Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FIG", help="The figure to write: .png, .jpg, .webp or .pdf.")
]
_Methods = Annotated[
    str | None, typer.Option("--methods", metavar="A,B,C", help="One tile each; the default method if not given.")
]
_Reference = Annotated[
    Path, typer.Option(metavar="FOLDER", help="What the pictures should be, matched by name without suffix.")
]
_Columns = Annotated[
    int | None, typer.Option(min=1, help="Tiles in a line; if not given, at most 6, in equally full lines.")
]
_Width = Annotated[int, typer.Option(help="Of the figure in pixels; files say 300 per inch.")]
_Ratio = Annotated[
    str | None, typer.Option(metavar="W:H", help="Crop all tiles to this shape, around the middle, such as 16:9.")
]
_Crop = Annotated[
    list[str] | None, typer.Option(metavar="X,Y,W,H", help="A region to magnify, in pixels; up to 3 times.")
]
_Crops = Annotated[
    int | None, typer.Option(min=1, max=3, help="How many regions to choose, where none is given.  [default: 2]")
]
_Beside = Annotated[bool, typer.Option("--beside", help="Details at the right of each picture, and not below it.")]
_Leaders = Annotated[bool, typer.Option("--leaders", help="Lines from the regions to their details.")]
_MaxPixels = Annotated[str | None, typer.Option(metavar="COUNT", help="Refuse larger pictures, as for enhance.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the figure if it exists.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


@dataclass(frozen=True)
class _Job:
    """What to make of which pictures."""

    place: Path
    page: Page
    sources: tuple[Source, ...]
    references: tuple[Path | None, ...]
    enhancers: dict[str, Enhancer]
    crops: int | list[Box]
    limits: Limits
    layer: _Layer


@app.command("dark", short_help="Methods against a reference, with PSNR and SSIM.")
def dark(
    sources: _Sources,
    *,
    reference: _Reference,
    output: _Output,
    methods: _Methods = None,
    columns: _Columns = None,
    width: _Width = _WIDTH,
    ratio: _Ratio = None,
    max_pixels: _MaxPixels = None,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
) -> None:
    """Compare methods in extreme dark: for each picture the input, each method and the reference.

    Under each tile stand PSNR / SSIM of the whole 8-bit picture against the reference, without rescaling of its
    brightness; the best of each picture are bold.

    Exit code 0: all done; 1: some pictures failed, the figure is made of the rest; 2: bad usage, nothing was touched.
    """
    from highbeam.comparison import INPUT, REFERENCE, match_references
    from highbeam.evaluation.figures import dark_block, plan_page
    from highbeam.sources import find_sources

    limits, shape, enhancers = limits_of(max_pixels), _shape(ratio), enhancers_of(methods)
    page = plan_page([INPUT, *enhancers, REFERENCE], width, columns)
    found = find_sources(sources)
    references = match_references(found, reference)

    def layer(across: int, down: int, _boxes: Sequence[Box], notes: Sequence[Note]) -> Block:
        return dark_block(page, across, down, notes, shape)

    job = _Job(output, page, tuple(found), references, enhancers, [], limits, layer)
    raise typer.Exit(_make(job, overwrite=overwrite, quiet=quiet))


@app.command("night", short_help="Real nights with magnified details.")
def night(
    sources: _Sources,
    *,
    output: _Output,
    methods: _Methods = None,
    crop: _Crop = None,
    crops: _Crops = None,
    beside: _Beside = False,
    leaders: _Leaders = False,
    columns: _Columns = None,
    width: _Width = _WIDTH,
    max_pixels: _MaxPixels = None,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
) -> None:
    """Show real nights: for each picture the input and each method, with the same regions framed and magnified.

    Exit code 0: all done; 1: some pictures failed, the figure is made of the rest; 2: bad usage, nothing was touched.
    """
    from highbeam.comparison import INPUT
    from highbeam.evaluation.figures import night_block, plan_page
    from highbeam.sources import find_sources

    limits, chosen, enhancers = limits_of(max_pixels), _regions(crops, crop or []), enhancers_of(methods)
    page = plan_page([INPUT, *enhancers], width, columns)
    found = find_sources(sources)

    def layer(across: int, down: int, boxes: Sequence[Box], _notes: Sequence[Note]) -> Block:
        return night_block(page, across, down, boxes, beside=beside, leaders=leaders)

    job = _Job(output, page, tuple(found), (None,) * len(found), enhancers, chosen, limits, layer)
    raise typer.Exit(_make(job, overwrite=overwrite, quiet=quiet))


def _shape(words: str | None) -> float | None:
    """Read a width and a height with a colon between them."""
    if words is None:
        return None
    try:
        across, down = (float(word) for word in words.split(":"))
    except ValueError:
        across = down = 0.0
    if not (0.0 < across < float("inf") and 0.0 < down < float("inf")):
        raise UsageError(f"--ratio takes width:height, such as 16:9, got {words!r}")
    return across / down


def _regions(count: int | None, words: Sequence[str]) -> int | list[Box]:
    from highbeam.evaluation.figures import MOST_DETAILS

    if count is not None and words:
        raise UsageError("--crops chooses regions and --crop gives them; use one of the two")
    if len(words) > MOST_DETAILS:
        raise UsageError(f"at most {MOST_DETAILS} regions have room to be magnified, got {len(words)}")
    return [box_of(word) for word in words] or count or 2


def _make(job: _Job, *, overwrite: bool, quiet: bool) -> int:
    """Check, work and write; returns the exit code."""
    from highbeam.cli import terminal
    from highbeam.cli.report import Report
    from highbeam.evaluation.figures import assemble

    _check_place(job, overwrite=overwrite)
    _check_sizes(job)
    report, strips = Report(quiet=True), []
    with terminal.progress(len(job.sources), hidden=quiet) as step:
        for source, wanted in zip(job.sources, job.references, strict=True):
            try:
                strips.append(_strip(job, source, wanted))
            except PictureError as error:
                report.add(failed_record(source, job.place, job.enhancers, error))
            step()
    if strips:
        _write(assemble(job.page, strips), job.place, overwrite=overwrite)
    return report.finish()


def _strip(job: _Job, source: Source, reference: Path | None) -> Image.Image:
    """Enhance, measure and draw one picture."""
    from highbeam.comparison import LEGEND
    from highbeam.evaluation.figures import draw_block, marked

    compared = compare_one(source, reference, job.enhancers, job.crops, job.limits)
    row = compared.row
    notes = [] if reference is None else [*marked([*compared.scores.values()]), ((LEGEND, False),)]
    height, width = row.tiles[0].shape[:2]
    return draw_block(job.page, job.layer(width, height, row.crops, notes), row.tiles)


def _check_place(job: _Job, *, overwrite: bool) -> None:
    from highbeam.planning import Item, check_items

    inputs = [*(source.path for source in job.sources), *(path for path in job.references if path is not None)]
    if job.place.suffix.lower() not in _SUFFIXES:
        raise OutputError(f"{job.place}: a figure is written as {', '.join(_SUFFIXES)}; choose one of these suffixes")
    check_items([Item(inputs[0], job.place)], "overwrite" if overwrite else "refuse", inputs=inputs)


def _check_sizes(job: _Job) -> None:
    """Refuse, by the pictures' headers, what would come out only after the work.

    Raises:
        OutputError: the figure would be too high to be written.
        UsageError: a region does not lie in a picture, or a reference has another size.
    """
    from highbeam.comparison import LEGEND
    from highbeam.evaluation.figures import page_height

    heights = []
    for source, reference in zip(job.sources, job.references, strict=True):
        size = size_of(source.path, job.limits)
        if size is None:
            continue
        _check_reference(source, size, reference, job.limits)
        boxes = boxes_in(str(source.inner), *size, job.crops)
        notes = [] if reference is None else [((LEGEND, False),)] * len(job.page.titles)
        heights.append(job.layer(*size, boxes, notes).height)
    height, (title, most) = page_height(job.page, heights), _highest(job.place)
    if height > most:
        raise OutputError(
            f"{job.place}: {len(job.sources)} pictures would make it {height} pixels high, and {title} ends at {most};"
            " name fewer pictures, or pass a smaller --width"
        )


def _check_reference(source: Source, size: tuple[int, int], reference: Path | None, limits: Limits) -> None:
    wanted = size if reference is None else size_of(reference, limits)
    if wanted not in (None, size):
        sizes = f"is {size[0]} x {size[1]}, but its reference is {wanted[0]} x {wanted[1]}"
        raise UsageError(f"{source.inner}: {sizes}")


def _highest(place: Path) -> tuple[str, int]:
    """Return the name of a figure's format and how high it may be, pixels."""
    from highbeam.pictures import FORMATS, format_of_suffix

    if place.suffix.lower() == ".pdf":
        return "PDF", _PDF_SIDE
    form = FORMATS[format_of_suffix(place) or "png"]
    return form.title, min(form.max_side, 65_535)


def _write(image: Image.Image, place: Path, *, overwrite: bool) -> None:
    import numpy as np

    from highbeam.batch import make_folder
    from highbeam.pictures import Picture, write, write_bytes

    make_folder(place)
    if place.suffix.lower() == ".pdf":
        write_bytes(_pdf(image), place, overwrite=overwrite)
    else:
        write(Picture(np.asarray(image), name=str(place), dpi=(_DPI, _DPI)), place, overwrite=overwrite)


def _pdf(image: Image.Image) -> bytes:
    """Return a page as large as the figure, without the time of day: the same figure gives the same bytes."""
    import io

    out = io.BytesIO()
    fine = {"quality": 95, "subsampling": 0}  # of the JPEG that it holds
    image.save(out, "PDF", resolution=_DPI, producer="highbeam", creationDate=None, modDate=None, **fine)
    return out.getvalue()
