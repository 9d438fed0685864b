"""Time and memory of the networks, as a ratio to OpenCV's CLAHE on Lab lightness in the same run.

    python -m benchmarks.networks                       every runtime that is installed, at 1280x720
    python -m benchmarks.networks --json times.json     and for `python docs/make_networks.py --times times.json`

Pictures in memory to pictures in memory, ``uint8``, two threads. Networks and reference take turns, and the ratio of
medians is printed beside the bar: absolute times of a shared machine mean little.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2

from benchmarks.measuring import (
    REFERENCE,
    THREADS,
    child_picture,
    night_picture,
    peak_memory,
    peak_resident,
    ratios,
)
from benchmarks.runtimes import RUNTIMES, export, installed, open_network

SIZE = (720, 1280)
NETWORKS = ("unet-s", "unet-m", "can24")
BARS: Mapping[str, float] = {"unet-s": 8.0, "unet-m": 60.0}
"""What a network may take on its fastest runtime, times the reference."""


@dataclass(frozen=True)
class Row:
    """One network on one runtime.

    Attributes:
        network: its name.
        runtime: likewise.
        ms: median milliseconds for one picture.
        ratio: of them to the reference's.
        mib: peak memory for one picture, the runtime itself included.
    """

    network: str
    runtime: str
    ms: float
    ratio: float
    mib: float


def measure(networks: Sequence[str], runtimes: Sequence[str], rounds: int) -> tuple[float, list[Row]]:
    """Return the reference's median milliseconds and a row for every network on every runtime."""
    pairs = [(network, runtime) for network in networks for runtime in runtimes]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for network in networks:
            export(folder / f"{network}.onnx", network)
        methods = {f"{network}/{runtime}": open_network(network, runtime, folder) for network, runtime in pairs}
        found = ratios(methods, night_picture(*SIZE), rounds)
        memory = {name: peak_memory("benchmarks.networks", name, made) for name in methods}
    rows = [Row(*pair, *found["/".join(pair)], memory["/".join(pair)]) for pair in pairs]
    return found[REFERENCE][0], rows


def child(name: str, folder: Path) -> None:
    """Enhance one picture and print the process's peak memory in MiB."""
    picture = child_picture(*SIZE)
    cv2.setNumThreads(THREADS)
    if name != "none":
        network, _, runtime = name.partition("/")
        open_network(network, runtime, folder)(picture)
    print(peak_resident())


def table(reference_ms: float, rows: Iterable[Row]) -> str:
    """Lay the rows out as text, each beside its bar."""
    lines = [f"{'network':10}{'runtime':16}{'ratio':>8}{'ms':>9}{'MiB':>7}  bar"]
    lines += [f"{'':10}{REFERENCE:16}{1.0:8.1f}{reference_ms:9.1f}{'-':>7}"]
    lines += [
        f"{row.network:10}{row.runtime:16}{row.ratio:8.1f}{row.ms:9.1f}{row.mib:7.0f}  {_beside_bar(row)}".rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _beside_bar(row: Row) -> str:
    bar = BARS.get(row.network)
    return "" if bar is None else f"within {bar:g}: {'yes' if row.ratio <= bar else 'no'}"


def as_json(reference_ms: float, rows: Iterable[Row], rounds: int) -> str:
    """Write what was measured for programs."""
    facts = {"size": SIZE, "threads": THREADS, "rounds": rounds, "reference": REFERENCE, "reference_ms": reference_ms}
    return json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"


def main() -> None:
    """Read the command line and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=None)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(THREADS)
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    reference_ms, rows = measure(options.networks, options.runtimes or installed(), options.rounds)
    print(table(reference_ms, rows))
    if options.json:
        options.json.write_text(as_json(reference_ms, rows, options.rounds), encoding="utf-8")


if __name__ == "__main__":
    main()
