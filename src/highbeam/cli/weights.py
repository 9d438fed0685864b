"""``highbeam weights``: the trained networks that ship with Highbeam."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from highbeam.weights import Weights

__all__ = ["weights"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]
_Verify = Annotated[bool, typer.Option("--verify", help="Hold every file against its SHA-256.")]


def weights(as_json: _Json = False, verify: _Verify = False) -> None:
    """List the trained networks: size, licence, what they were trained with, and what was measured.

    Exit code 0; with --verify 1 if a file is damaged.
    """
    from dataclasses import asdict

    from highbeam.cli import terminal
    from highbeam.weights import FOLDER, catalog
    from highbeam.weights import verify as hold

    rows = catalog()
    if verify:
        for row in rows.values():
            for file in row.files.values():
                hold(FOLDER / file.file, file.sha256)
    if as_json:
        terminal.say(json.dumps({name: asdict(row) for name, row in rows.items()}, indent=2))
        return
    terminal.say("\n\n".join(_described(name, row) for name, row in rows.items()))
    terminal.say(f"\n{len(rows)} networks" + (", every file is the released one" if verify else ""))


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
