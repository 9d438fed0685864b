"""``highbeam data``: where data sets are had, whether one is whole, and packing pictures into shards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from highbeam.errors import UsageError
from highbeam.machine import usable_cpus

if TYPE_CHECKING:
    from highbeam.datasets import Findings, Index

__all__ = ["app", "byte_count"]

app = typer.Typer(
    help="Data to train and test with: guides, checks and packing.",
    short_help="Find, check and pack data sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(k|m|g|ki|mi|gi)?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_MANY = 20
"""How many bad files are named before the rest is only counted."""

_Every = Annotated[float, typer.Option(help="Seconds between two frames that are taken of a clip; 0 takes all.")]
_Workers = Annotated[int | None, typer.Option(help="Threads; one per CPU if not given.")]
_Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON to standard output.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, and no word but of what is wrong.")]


@app.command("guide", short_help="Say where a data set is had and what its folder looks like.")
def guide(name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None) -> None:
    """Say where a data set is had, on what terms, and what its folder must look like; without a name, list them."""
    from highbeam.cli import terminal
    from highbeam.datasets.layouts import LAYOUTS, find_layout
    from highbeam.datasets.layouts import guide as guide_of

    if name is not None:
        terminal.say(guide_of(find_layout(name)))
        return
    width = max(map(len, LAYOUTS))
    terminal.say("\n".join(f"{row.name:{width}}  {row.title}" for row in LAYOUTS.values()))


@app.command("check", short_help="Verify a data set.")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a layout; `highbeam data guide` lists them.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The folder of the data set.")],
    *,
    depth: Annotated[
        Literal["names", "headers", "pixels"],
        typer.Option(help="Look at names only, at the structure of every file, or decode everything."),
    ] = "headers",
    every: _Every = 1.0,
    workers: _Workers = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Verify a data set: count what there is, and say what is missing and which files are bad.

    Exit code 0 if it is whole, 1 if something is missing or bad, 2 if there is no such layout or folder.
    """
    import json
    from dataclasses import asdict

    from highbeam.cli import terminal
    from highbeam.datasets.checking import check as check_data

    findings = check_data(
        name,
        root,
        depth=depth,
        every=every,
        workers=_threads(workers),
        bar=lambda total: terminal.progress(total, hidden=quiet),
    )
    if as_json:
        terminal.say(json.dumps(asdict(findings) | {"complete": findings.complete}, indent=2))
    else:
        _tell_findings(findings, quiet=quiet)
    if not findings.complete:
        raise typer.Exit(1)


_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC",
        help="Pictures and clips: files, folders, quoted globs; or data sets, as NAME:ROOT.",
        show_default=False,
    ),
]
_Output = Annotated[Path, typer.Option("--output", "-o", metavar="SHARDS", help="Folder for the shards.")]
_MaxSide = Annotated[int | None, typer.Option(help="Shrink larger pictures to so many pixels along the longer side.")]
_Limit = Annotated[
    str | None,
    typer.Option(help="All that the shards may take, such as 60M; the quality falls, down to 50, until they fit."),
]
_ShardSize = Annotated[str, typer.Option(help="What one shard may take.")]
_Format = Annotated[str, typer.Option("--format", help="Of the packed pictures.")]
_Quality = Annotated[int, typer.Option(help="Of lossy formats, 1 to 100; with a limit, the best to try.")]
_Val = Annotated[float, typer.Option(help="Fraction of the pictures that may go to validation.")]
_ValSource = Annotated[
    list[str] | None,
    typer.Option(help="A source to validate with, or a pattern with * and ?; repeatable. Instead of --val."),
]
_Sequence = Annotated[
    str | None, typer.Option(help="Divide sources further by what this regular expression finds in names.")
]
_Seed = Annotated[int, typer.Option(help="Of the choice of sources to validate with.")]
_Official = Annotated[
    bool, typer.Option("--official", help="Keep published splits to the letter, also where they share a source.")
]
_Light = Annotated[
    str,
    typer.Option(help="Of data sets that tell, which pictures to take: day, dusk, night, unknown, with commas."),
]
_MinBrightness = Annotated[float, typer.Option(help="Drop pictures with a lower mean, 0 to 1.")]
_MinSharpness = Annotated[float, typer.Option(help="Drop blurred pictures, 0 to 1.")]
_MaxLikeness = Annotated[
    int, typer.Option(help="Drop pictures that differ from another in at most so many of 64 bits; -1 drops none.")
]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace packed shards.")]


@app.command("pack", short_help="Sift pictures and pack them into shards.")
def pack(
    sources: _Sources,
    *,
    output: _Output,
    max_side: _MaxSide = None,
    every: _Every = 1.0,
    limit: _Limit = None,
    shard_size: _ShardSize = "64M",
    format: _Format = "webp",
    quality: _Quality = 90,
    val: _Val = 0.1,
    val_source: _ValSource = None,
    sequence: _Sequence = None,
    seed: _Seed = 0,
    official: _Official = False,
    light: _Light = "day",
    min_brightness: _MinBrightness = 0.2,
    min_sharpness: _MinSharpness = 0.5,
    max_likeness: _MaxLikeness = 2,
    overwrite: _Overwrite = False,
    workers: _Workers = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Sift pictures and frames, divide them by source, and pack them into shards that fit a size.

    Exit code 0 if all is well, 1 if some files were bad and were left out, 2 if nothing was touched.
    """
    from highbeam.cli import terminal
    from highbeam.datasets.entries import checked_lights
    from highbeam.datasets.packing import PackOptions
    from highbeam.datasets.packing import pack as pack_data

    options = PackOptions(
        lights=checked_lights(light.split(",")),
        every=every,
        sequence=sequence,
        max_side=max_side,
        format=format,
        quality=quality,
        limit=None if limit is None else byte_count(limit),
        shard_size=byte_count(shard_size),
        val=val,
        val_sources=tuple(val_source or ()),
        seed=seed,
        official=official,
        min_brightness=min_brightness,
        min_sharpness=min_sharpness,
        max_likeness=max_likeness,
        workers=_threads(workers),
    )
    index = pack_data(
        sources, output, options, overwrite=overwrite, bar=lambda total: terminal.progress(total, hidden=quiet)
    )
    _tell_packed(index, as_json=as_json, quiet=quiet)
    if index.bad:
        raise typer.Exit(1)


def byte_count(text: str) -> int:
    """Read a size: ``60000000``, ``60M`` (millions), ``60Mi`` (2^20); ``B`` may follow.

    Raises:
        UsageError: it is none, or less than one byte.
    """
    match = _SIZE.fullmatch(text.strip())
    count = round(float(match[1]) * _UNITS[(match[2] or "").lower()]) if match else 0
    if count < 1:
        raise UsageError(f"a size is such as 60000000, 60M or 57Mi, got {text!r}")
    return count


def _threads(workers: int | None) -> int:
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}")
    return workers or usable_cpus()


def _tell_findings(findings: Findings, *, quiet: bool) -> None:
    from highbeam.cli import terminal

    for line in findings.missing:
        terminal.note(f"missing: {line}")
    _tell_many("missing the other half", list(findings.halves))
    _tell_many("bad", [f"{bad.name}: {bad.reason}" for bad in findings.bad])
    if quiet:
        return
    kind = "pairs" if findings.pairs else "pictures"
    terminal.say(f"{findings.layout}: {findings.pictures} {kind} from {findings.sources} sources")
    tables = (("split", findings.splits), ("light", findings.lights), ("size", findings.sizes))
    for title, counts in tables:
        if counts:
            terminal.say(f"  {title}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    faults = len(findings.missing), len(findings.halves), len(findings.bad)
    terminal.say("whole" if findings.complete else "{} missing, {} half pairs, {} bad".format(*faults))


def _tell_many(title: str, lines: list[str]) -> None:
    from highbeam.cli import terminal

    for line in lines[:_MANY]:
        terminal.note(f"{title}: {line}")
    if len(lines) > _MANY:
        terminal.note(f"{title}: {len(lines) - _MANY} more; --json names them all")


def _tell_packed(index: Index, *, as_json: bool, quiet: bool) -> None:
    import json
    from dataclasses import asdict

    from highbeam.cli import terminal

    _tell_many("bad", [f"{name}: {reason}" for name, reason in index.bad])
    if as_json:
        told = {key: value for key, value in asdict(index).items() if key != "pictures"}
        terminal.say(json.dumps(told | {"packed": len(index.pictures)}, indent=2))
    elif not quiet:
        total = sum(shard.bytes for shard in index.shards)
        dropped = ", ".join(f"{count} {reason}" for reason, count in index.dropped.items() if count)
        quality = index.settings["quality"]
        terminal.say(
            f"{len(index.pictures)} packed at quality {quality} into {len(index.shards)} shards,"
            f" {total / 1e6:.1f} MB; dropped: {dropped or 'none'}"
        )
        width = max(map(len, index.sources))
        for name, source in sorted(index.sources.items(), key=lambda item: (item[1].split, item[0])):
            terminal.say(terminal.printable(f"  {source.split:5}  {name:{width}}  {source.pictures}"))
