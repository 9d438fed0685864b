"""``highbeam export``: from a checkpoint to ONNX files that run without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from highbeam.errors import OutputError, UsageError

__all__ = ["export"]

_Checkpoint = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT", help="Of `highbeam train`, or a .safetensors file of a network.")
]
_Output = Annotated[Path, typer.Option("--output", "-o", metavar="NAME.onnx", help="The file for 8-bit pictures.")]
_Pixels = Annotated[
    Literal["uint8", "float32", "both"],
    typer.Option(help="Pictures that the files are for; both writes NAME.float32.onnx, for 16 bits, beside NAME.onnx."),
]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def export(
    checkpoint: _Checkpoint, *, output: _Output, pixels: _Pixels = "both", overwrite: _Overwrite = False
) -> None:
    """Export a trained network, and print how far each file is from it at five odd sizes.

    A file that differs by more than one level of 255 is not written. Beside NAME.onnx, NAME.safetensors has the
    weights alone. Exit code 0: written; 1: it could not be; 2: bad usage. Needs the extra "train".
    """
    from highbeam.cli import terminal

    _check(checkpoint, output, pixels, overwrite=overwrite)
    try:
        from highbeam.training.exporting import export as export_files
        from highbeam.training.exporting import load_trained
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("highbeam"):
            raise
        raise UsageError(f"export needs {error.name}; install the extra: pip install 'highbeam[train]'") from error
    for report in export_files(load_trained(checkpoint), output, pixels=pixels):
        terminal.say(str(report))


def _check(checkpoint: Path, output: Path, pixels: str, *, overwrite: bool) -> None:
    """Refuse places that results must not take, before any work."""
    if output.suffix != ".onnx":
        raise OutputError(f"{output}: an exported network ends in .onnx")
    places = [output, output.with_suffix(".safetensors")]
    for place in (*places, output.with_suffix(".float32.onnx")) if pixels == "both" else places:
        if place.exists() and checkpoint.exists() and place.samefile(checkpoint):
            raise OutputError(f"{place}: is the checkpoint itself; choose another name for -o")
        if place.exists() and not overwrite:
            raise OutputError(f"{place}: exists; pass --overwrite to replace it")
