"""One picture from standard input, or to standard output."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from highbeam.cli import terminal
from highbeam.errors import UsageError

if TYPE_CHECKING:
    from highbeam.batch import Existing, Job
    from highbeam.cli.report import Report

__all__ = ["enhance_pipe"]

_STDIN = "<stdin>"


def enhance_pipe(
    sources: list[str], output: str, job: Job, existing: Existing, report: Report, *, dry_run: bool
) -> int:
    """Enhance one picture whose source, output or both are ``-``; returns the exit code.

    Raises:
        UsageError: more than one source, a terminal at either end, a folder for the result of standard input.
        PictureError: the picture could not be read or written.
    """
    if len(sources) != 1:
        raise UsageError(f"- stands for one picture, and there are {len(sources)} sources")
    if output == "-":
        return _to_stdout(sources[0], job, report, dry_run=dry_run)
    return _to_file(output, job, existing, report, dry_run=dry_run)


def _to_stdout(source: str, job: Job, report: Report, *, dry_run: bool) -> int:
    from highbeam.batch import enhance_picture
    from highbeam.pictures import decode, read

    if report.as_json or dry_run:
        raise UsageError("-o - writes the picture to standard output; leave --json and --dry-run out")
    if sys.stdout.isatty():
        raise UsageError("-o - would write the picture to the terminal; redirect standard output")
    if source == "-":
        picture = decode(_stdin(), name=_STDIN, limits=job.limits)
    else:
        picture = read(_lone_file(source), limits=job.limits)
    terminal.send(enhance_picture(picture, job))
    return 0


def _to_file(output: str, job: Job, existing: Existing, report: Report, *, dry_run: bool) -> int:
    from highbeam.batch import Item, check_items, check_suffix, enhance_item, names_file, planned

    if not names_file(output):
        raise UsageError(f"{output}: the picture from standard input has no name; give a file with a picture suffix")
    check_suffix(Path(output), job.to_format)
    plan = check_items([Item(Path("-"), Path(output))], existing)
    if dry_run or plan.skipped:
        for record in planned(plan, job):
            report.add(record)
    for item in () if dry_run else plan.items:
        done = enhance_item(item, job, data=_stdin())
        if done is not None:
            report.add(done)
    return report.finish()


def _lone_file(source: str) -> Path:
    from highbeam.sources import looking

    with looking():
        if Path(source).is_file():
            return Path(source)
    raise UsageError(f"{source}: -o - takes one file, or - for standard input")


def _stdin() -> bytes:
    if sys.stdin.isatty():
        raise UsageError("- reads a picture from standard input, which is a terminal; redirect it")
    return sys.stdin.buffer.read()
