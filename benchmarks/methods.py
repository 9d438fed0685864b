"""Time and memory of every method, as a ratio to OpenCV's CLAHE on Lab lightness in the same run.

    python -m benchmarks.methods                    the table: three sizes, every method
    python -m benchmarks.methods --literal FOLDER   against the literal versions: PSNR and speed, on real pictures

Pictures in memory to pictures in memory, ``uint8``, two threads, highlights protected as by default. Methods and
reference take turns, and the ratio of medians is printed: absolute times of a shared machine mean little.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

import highbeam
from benchmarks.measuring import REFERENCE, THREADS, child_picture, night_picture, peak_memory, peak_resident, ratios

SIZES = {"1280x720": (720, 1280), "1920x1080": (1080, 1920), "3840x2160": (2160, 3840)}


def child(name: str, size: str) -> None:
    """Enhance one picture and print the process's peak memory in MiB."""
    picture = child_picture(*SIZES[size])
    cv2.setNumThreads(THREADS)
    if name != "none":
        highbeam.load(name)(picture)
    print(peak_resident())


def table(rounds: int) -> None:
    """Print time ratio, milliseconds and peak memory of every method at every size."""
    methods = {name: highbeam.load(name) for name in highbeam.methods()}
    print(f"{'':18}" + "".join(f"{size:>30}" for size in SIZES))
    print(f"{'method':18}" + f"{'ratio':>10}{'ms':>10}{'MiB':>10}" * len(SIZES))
    results = {size: ratios(methods, night_picture(*shape), rounds) for size, shape in SIZES.items()}
    for name in (REFERENCE, *methods):
        row = f"{name:18}"
        for size in SIZES:
            ms, ratio = results[size][name]
            memory = f"{peak_memory('benchmarks.methods', name, size):10.0f}" if name in methods else f"{'-':>10}"
            row += f"{ratio:10.1f}{ms:10.1f}{memory}"
        print(row, flush=True)
    print("MiB: peak resident memory of a process that enhances one picture, less that of one that only makes it")


def against_literal(folder: Path) -> None:
    """Print for each method the least and median PSNR to its literal version and how much faster it is."""
    from tests.methods import literal  # noqa: PLC0415 - SciPy and the tests are needed for this alone

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    pictures = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    print(f"{len(paths)} pictures of {folder}")
    print(f"{'method':18}{'least dB':>10}{'median dB':>11}{'times faster':>14}  worst picture")
    for name in ("gamma", "ssr", "msr", "msrcr", "msrcp", "exposure-fusion"):
        fast, slow = highbeam.load(name, protect_highlights=False), getattr(literal, name.replace("-", "_"))
        rows, faster = [], []
        for path, picture in zip(paths, pictures, strict=True):
            start = time.perf_counter()
            quick = fast(picture)
            between = time.perf_counter()
            expected = np.rint(255.0 * slow(picture / 255.0)).astype(np.uint8)
            faster.append((time.perf_counter() - between) / (between - start))
            rows.append((cv2.PSNR(quick, expected), path.name))
        least, worst = min(rows)
        middle = statistics.median(row[0] for row in rows)
        print(f"{name:18}{least:10.1f}{middle:11.1f}{statistics.median(faster):14.0f}  {worst}", flush=True)


def main() -> None:
    """Read the command line and print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--literal", type=Path, metavar="FOLDER")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(THREADS)
    if options.child:
        child(*options.child)
    elif options.literal:
        against_literal(options.literal)
    else:
        table(options.rounds)


if __name__ == "__main__":
    main()
