"""Put a trained network among those that ship with Highbeam.

    python -m highbeam.training.release CHECKPOINT NAME CARD.toml

exports it into ``highbeam/weights`` and writes its row of the catalogue: what the card says of it (summary, data,
terms, training, figures), and what the files are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from highbeam.errors import HighbeamError, WeightsError
from highbeam.methods import METHODS
from highbeam.nets import find
from highbeam.pictures import write_bytes
from highbeam.training.exporting import Trained, export, load_trained
from highbeam.weights import CATALOG, FOLDER, Kind, WeightFile, Weights, catalog, read_catalog

__all__ = ["as_toml", "main", "release"]

_NAME = re.compile(r"[a-z][a-z0-9]*([-.][a-z0-9]+)*")


def release(trained: Trained, name: str, card: Mapping[str, Any], folder: Path = FOLDER) -> Weights:
    """Export a network into a folder of weights and write its row of the catalogue; other rows stay.

    Args:
        trained: the network.
        name: of the row, and of the files.
        card: fields of :class:`~highbeam.weights.Weights` that the files do not tell.
        folder: of the weights.

    Raises:
        WeightsError: the name is none for a network, or a classical method's.
        ValidationError: the card lacks something, or has what no row has; nothing was written.
        ExportError: a file computes something else.
    """
    if not _NAME.fullmatch(name) or Path(name).suffix == ".onnx":
        raise WeightsError(f"{name!r} is no name for a network; take small letters, digits, and - or . between them")
    if name in METHODS and name not in catalog():
        raise WeightsError(f"{name!r} is a method already; choose another name")
    facts = {
        "source": find(trained.name).source,
        "architecture": trained.name,
        "changes": trained.changes,
        "parameters": sum(parameter.numel() for parameter in trained.network.parameters()),
        "files": {},
    }
    row = TypeAdapter(Weights).validate_python(dict(card) | facts)
    path = folder / f"{name}.onnx"
    export(trained, path, name=name)
    places: dict[Kind, Path] = {
        "uint8": path,
        "float32": path.with_suffix(".float32.onnx"),
        "safetensors": path.with_suffix(".safetensors"),
    }
    row = replace(row, files={kind: _described(place) for kind, place in places.items()})
    rows = dict(read_catalog(folder / CATALOG.name)) | {name: row}
    write_bytes(as_toml(rows).encode(), folder / CATALOG.name, overwrite=True)
    return row


def as_toml(rows: Mapping[str, Weights]) -> str:
    """Write a catalogue as TOML."""
    tables = []
    for name, row in sorted(rows.items()):
        plain = asdict(row)
        inner = {key: plain.pop(key) for key in ("figures", "changes")}
        files = plain.pop("files")
        lines = [f"[{json.dumps(name)}]", *_pairs(plain)]
        lines += [
            line for key, table in inner.items() if table for line in (f"[{json.dumps(name)}.{key}]", *_pairs(table))
        ]
        lines += [line for kind in files for line in (f"[{json.dumps(name)}.files.{kind}]", *_pairs(files[kind]))]
        tables.append("\n".join(lines) + "\n")
    return "# Written by highbeam.training.release\n\n" + "\n".join(tables)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]


def _described(path: Path) -> WeightFile:
    data = path.read_bytes()
    return WeightFile(path.name, hashlib.sha256(data).hexdigest(), len(data))


def main() -> None:
    """Read the command line, release, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name")
    parser.add_argument("card", type=Path)
    words = parser.parse_args()
    try:
        card = tomllib.loads(words.card.read_text(encoding="utf-8"))
        row = release(load_trained(words.checkpoint), words.name, card)
    except (HighbeamError, OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    for kind, file in row.files.items():
        print(f"{kind:12} {file.size:>9,} bytes  {file.file}")  # noqa: T201 - a tool for the terminal


if __name__ == "__main__":
    main()
