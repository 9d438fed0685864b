"""``highbeam darken``: day pictures in, pairs of a night picture and its reference out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Any

import typer

from highbeam.cli.options import check_output, limits_of
from highbeam.errors import OutputError, PictureError, UsageError

if TYPE_CHECKING:
    from highbeam.batch import Record
    from highbeam.pictures import Limits

__all__ = ["darken"]

_MANIFEST = "manifest.jsonl"

_Sources = Annotated[
    list[str], typer.Argument(metavar="SRC", help="Day pictures: files, folders or quoted globs.", show_default=False)
]
_Output = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Folder for dark/, reference/ and manifest.jsonl.")
]
_Preset = Annotated[
    str,
    typer.Option(help="Kind of night: dusk, street, rural, extreme, gamma, sensor, or training for a mix of them."),
]
_Seed = Annotated[int, typer.Option(min=0, help="Another one gives other nights.")]
_MaxPixels = Annotated[str | None, typer.Option(metavar="COUNT", help="Refuse larger pictures, as for enhance.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist; never an input.")]
_Json = Annotated[bool, typer.Option("--json", help="Write one JSON record per picture to standard output.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary; failures are still listed.")]


@dataclass(frozen=True)
class _Pair:
    """One day picture, and the places of what becomes of it."""

    source: Path
    inner: PurePath
    dark: Path
    reference: Path


def darken(
    sources: _Sources,
    *,
    output: _Output,
    preset: _Preset = "street",
    seed: _Seed = 0,
    max_pixels: _MaxPixels = None,
    overwrite: _Overwrite = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Turn day pictures into night ones, for training and testing: pairs as PNG, and a manifest of every parameter.

    The dark picture of a source depends on its name below SRC and the seed alone. Needs the extra "train".

    Exit code 0: all done; 1: some failed, the rest is done; 2: bad usage, nothing was touched.
    """
    from highbeam.cli import terminal
    from highbeam.cli.report import Report

    _check_preset(preset)
    folder, limits = Path(check_output(output)), limits_of(max_pixels)
    pairs = _plan(sources, folder, overwrite=overwrite)
    report, lines = Report(as_json=as_json, quiet=quiet), list[str]()
    with terminal.stop_on_signals() as stop, terminal.progress(len(pairs), hidden=quiet) as step:
        try:
            for record, line in _work(pairs, preset, seed, limits, overwrite=overwrite):
                report.add(record)
                lines += line
                step()
                if stop.event.is_set():
                    break
        finally:
            _write_manifest(lines, folder, overwrite=overwrite)
    if stop.signal:
        report.stopped(len(pairs))
        raise typer.Exit(stop.exit_code)
    raise typer.Exit(report.finish())


def _check_preset(name: str) -> None:
    """Refuse an unknown preset, or say what is missing, before anything is looked for."""
    try:
        from highbeam.camera.presets import find_preset
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UsageError("darken needs torch; install the extra: pip install 'highbeam[train]'") from error
    if name != "training":
        find_preset(name)


def _plan(words: list[str], output: Path, *, overwrite: bool) -> list[_Pair]:
    """Find the pictures and place the results; refuse whatever could lose a file."""
    from highbeam.planning import Item, check_items, names_file
    from highbeam.sources import find_sources, has_picture_suffix

    if names_file(output):
        raise OutputError(f"{output}: names one file, and a pair needs a folder")
    pairs = []
    for source in find_sources(words, output):
        inner = source.inner
        png = inner.with_suffix(".png") if has_picture_suffix(inner) else inner.with_name(inner.name + ".png")
        pairs.append(_Pair(source.path, inner, output / "dark" / png, output / "reference" / png))
    items = [Item(pair.source, place) for pair in pairs for place in (pair.dark, pair.reference)]
    check_items(items, "overwrite")
    there = [place for place in (output / _MANIFEST, *(item.output for item in items)) if place.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]}: exists; pass --overwrite to replace such results, or choose another folder")
    return pairs


def _work(
    pairs: list[_Pair], preset: str, seed: int, limits: Limits, *, overwrite: bool
) -> Iterator[tuple[Record, list[str]]]:
    """Yield what became of each, and its line of the manifest if it was done."""
    from dataclasses import replace

    from highbeam.batch import Record

    for pair in pairs:
        start = time.perf_counter()
        record = Record(str(pair.source), str(pair.dark), "done", preset)
        lines = []
        try:
            parameters = _make(pair, preset, seed, limits, overwrite=overwrite)
        except PictureError as error:
            record = replace(record, status="failed", error=error.reason, error_type=type(error).__name__)
        else:
            record = replace(record, width=parameters["width"], height=parameters["height"])
            lines = [json.dumps(parameters)]
        yield replace(record, seconds=round(time.perf_counter() - start, 4)), lines


def _make(pair: _Pair, preset: str, seed: int, limits: Limits, *, overwrite: bool) -> dict[str, Any]:
    """Write one pair; returns its row of the manifest."""
    from highbeam.batch import make_folder
    from highbeam.camera import darken_array
    from highbeam.pictures import Picture, read, write

    day = read(pair.source, limits=limits).pixels
    made = darken_array(day, preset, seed=_own_seed(seed, pair.inner))
    for pixels, place in ((made.dark, pair.dark), (made.reference, pair.reference)):
        make_folder(place)
        write(Picture(pixels, name=str(pair.source)), place, overwrite=overwrite)
    root = pair.dark.parents[len(pair.inner.parts)]
    places = {"dark": pair.dark.relative_to(root).as_posix(), "reference": pair.reference.relative_to(root).as_posix()}
    return {"source": str(pair.source), **places, "width": day.shape[1], "height": day.shape[0], **made.record}


def _own_seed(seed: int, inner: PurePath) -> int:
    """A seed for one picture, whatever else is darkened with it."""
    digest = hashlib.sha256(f"{seed}:{inner.as_posix()}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big")


def _write_manifest(lines: list[str], output: Path, *, overwrite: bool) -> None:
    from highbeam.pictures import write_bytes

    if lines:
        write_bytes(("\n".join(lines) + "\n").encode(), output / _MANIFEST, overwrite=overwrite)
