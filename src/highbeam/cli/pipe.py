"""One picture from standard input, or to standard output."""

from __future__ import annotations

import os
import stat
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from highbeam.cli import terminal
from highbeam.errors import OutputError, UsageError

if TYPE_CHECKING:
    from typing import BinaryIO, TextIO

    from highbeam.batch import Job
    from highbeam.cli.report import Report
    from highbeam.planning import Existing

__all__ = ["enhance_pipe"]

_STDIN = "<stdin>"


def enhance_pipe(
    sources: list[str], output: str, job: Job, existing: Existing, report: Report, *, dry_run: bool
) -> int:
    """Enhance one picture whose source, output or both are ``-``; returns the exit code.

    Raises:
        UsageError: more than one source, a terminal at either end, a folder for the result of standard input.
        OutputError: the result would replace the picture, also where the shell redirects it there.
        PictureError: the picture could not be read or written.
    """
    if len(sources) != 1:
        raise UsageError(f"- stands for one picture, and there are {len(sources)} sources")
    if output == "-":
        return _to_stdout(sources[0], job, report, dry_run=dry_run)
    return _to_file(output, job, existing, report, dry_run=dry_run)


def _to_stdout(source: str, job: Job, report: Report, *, dry_run: bool) -> int:
    from highbeam.batch import enhance_picture
    from highbeam.pictures import decode, read, read_stream

    if report.as_json or dry_run:
        raise UsageError("-o - writes the picture to standard output; leave --json and --dry-run out")
    if sys.stdout.isatty():
        raise UsageError("-o - would write the picture to the terminal; redirect standard output")
    if source == "-":
        stream = _stdin()
        _refuse_same(_behind(sys.stdin), _behind(sys.stdout), "standard output")
        picture = decode(read_stream(stream, name=_STDIN, limits=job.limits), name=_STDIN, limits=job.limits)
    else:
        file = _lone_file(source)
        _refuse_same(_at(file), _behind(sys.stdout), "standard output")
        picture = read(file, limits=job.limits)
    terminal.send(enhance_picture(picture, job))
    return 0


def _to_file(output: str, job: Job, existing: Existing, report: Report, *, dry_run: bool) -> int:
    from highbeam.batch import enhance_item, planned
    from highbeam.pictures import read_stream
    from highbeam.planning import Item, check_items, check_suffix, names_file

    if not names_file(output):
        raise UsageError(f"{output}: the picture from standard input has no name; give a file with a picture suffix")
    check_suffix(Path(output), job.to_format)
    _refuse_same(_behind(sys.stdin), _at(Path(output)), output)
    plan = check_items([Item(Path("-"), Path(output))], existing)
    if dry_run or plan.skipped:
        for record in planned(plan, job):
            report.add(record)
    for item in () if dry_run else plan.items:
        done = enhance_item(item, job, data=partial(read_stream, _stdin(), name=_STDIN, limits=job.limits))
        if done is not None:
            report.add(done)
    return report.finish()


def _lone_file(source: str) -> Path:
    from highbeam.sources import looking

    with looking():
        if Path(source).is_file():
            return Path(source)
    raise UsageError(f"{source}: -o - takes one file, or - for standard input")


def _stdin() -> BinaryIO:
    if sys.stdin is None:  # it was closed
        raise UsageError("- reads a picture from standard input, which is closed; redirect it")
    if sys.stdin.isatty():
        raise UsageError("- reads a picture from standard input, which is a terminal; redirect it")
    return sys.stdin.buffer


def _refuse_same(source: os.stat_result | None, output: os.stat_result | None, name: str) -> None:
    """Refuse an output that is the input by another name; only ordinary files can be lost so."""
    if source is None or output is None or not stat.S_ISREG(source.st_mode):
        return
    if (source.st_dev, source.st_ino) == (output.st_dev, output.st_ino):
        raise OutputError(f"{name}: is the picture itself; an input is never overwritten, choose another output")


def _behind(stream: TextIO | None) -> os.stat_result | None:
    """What a standard stream leads to, where it has something of the system behind it."""
    try:
        return None if stream is None else os.fstat(stream.fileno())
    except OSError:  # also what a stream in memory says
        return None


def _at(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
