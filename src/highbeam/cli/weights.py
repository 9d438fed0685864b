"""``highbeam weights``: the trained networks that ship with Highbeam."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from highbeam.weights import Weights

__all__ = ["weights"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]
_Verify = Annotated[bool, typer.Option("--verify", help="Hold every file against its SHA-256.")]


def weights(as_json: _Json = False, verify: _Verify = False) -> None:
    """List the trained networks: size, licence, what they were trained with, and what was measured.

    Exit code 0; with --verify 1 if a file is damaged, each of which is named.
    """
    from dataclasses import asdict

    from highbeam.cli import terminal
    from highbeam.weights import catalog

    rows = catalog()
    wrong = _wrong(rows.values()) if verify else []
    if as_json:
        terminal.say(json.dumps({name: asdict(row) for name, row in rows.items()}, indent=2))
    else:
        sections = [_described(name, row) for name, row in rows.items()]
        kept = ", every file is the released one" if verify and not wrong else ""
        terminal.say("\n\n".join([*sections, f"{len(rows)} networks{kept}"]))
    for reason in wrong:
        terminal.complain(reason)
    raise typer.Exit(1 if wrong else 0)


def _wrong(rows: Iterable[Weights]) -> list[str]:
    """Say of every file that is not as it should be what is wrong with it."""
    from highbeam.errors import WeightsError
    from highbeam.weights import FOLDER, verify

    reasons = []
    for file in (file for row in rows for file in row.files.values()):
        try:
            verify(FOLDER / file.file, file.sha256)
        except WeightsError as error:
            reasons.append(str(error))
    return reasons


def _described(name: str, row: Weights) -> str:
    size = sum(file.size for file in row.files.values())
    lines = [
        f"{name}  {row.summary}",
        f"  {row.parameters:,} parameters, {size / 1e6:.1f} MB in {len(row.files)} files; licence: {row.licence}",
        f"  trained with: {row.data} ({row.terms})",
        f"  training: {row.training} ({row.config}, {row.commit})",
        *(f"  {figure}: {value:g}" for figure, value in row.figures.items()),
    ]
    return "\n".join(lines)
