"""Time and memory of every method, as a ratio to OpenCV's CLAHE on Lab lightness in the same run.

    python benchmarks/methods.py                    the table: three sizes, every method
    python benchmarks/methods.py --literal FOLDER   against the literal versions: PSNR and speed, on real pictures

Pictures in memory to pictures in memory, ``uint8``, two threads, highlights protected as by default. Methods and
reference take turns, and the ratio of medians is printed: absolute times of a shared machine mean little.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import highbeam

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"1280x720": (720, 1280), "1920x1080": (1080, 1920), "3840x2160": (2160, 3840)}
Bytes = NDArray[np.uint8]


def opencv_clahe(picture: Bytes) -> Bytes:
    """OpenCV's CLAHE on the lightness of 8-bit Lab: the reference of every ratio."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def ratios(
    methods: Mapping[str, Callable[[Bytes], Any]], picture: Bytes, rounds: int
) -> dict[str, tuple[float, float]]:
    """Return for each method the median milliseconds and their ratio to the reference's."""
    everyone: dict[str, Callable[[Bytes], Any]] = {"OpenCV CLAHE": opencv_clahe, **methods}
    seconds: dict[str, list[float]] = {name: [] for name in everyone}
    for turn in range(rounds + 1):
        for name, method in everyone.items():
            start = time.perf_counter()
            method(picture)
            if turn:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {name: (1e3 * median, median / medians["OpenCV CLAHE"]) for name, median in medians.items()}


def night_picture(height: int, width: int) -> Bytes:
    """A rendered night street at 1280x720, enlarged: content like a dashcam's, cheap at any size."""
    from highbeam.scenes import make_scene, render  # noqa: PLC0415 - a child process does without

    image = render(make_scene(seed=3), 720, 1280, time="night").image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def peak_memory(name: str, size: str) -> float:
    """Peak resident MiB of a fresh process that enhances one picture, less that of one that only makes it."""
    used = []
    for method in ("none", name):
        command = [sys.executable, __file__, "--child", method, size]
        used.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return max(0.0, used[1] - used[0])


def child(name: str, size: str) -> None:
    """Enhance one picture and print the process's peak memory in MiB."""
    picture = np.random.default_rng(0).integers(0, 60, (*SIZES[size], 3), dtype=np.uint8)
    picture[::97, ::89] = 255
    cv2.setNumThreads(2)
    if name != "none":
        highbeam.load(name)(picture)
    print(peak_resident())


def peak_resident() -> float:
    """Peak resident MiB of this process; what the kernel's usage counter says would include the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024.0


def table(rounds: int) -> None:
    """Print time ratio, milliseconds and peak memory of every method at every size."""
    methods = {name: highbeam.load(name) for name in highbeam.methods()}
    print(f"{'':18}" + "".join(f"{size:>30}" for size in SIZES))
    print(f"{'method':18}" + f"{'ratio':>10}{'ms':>10}{'MiB':>10}" * len(SIZES))
    results = {size: ratios(methods, night_picture(*shape), rounds) for size, shape in SIZES.items()}
    for name in ("OpenCV CLAHE", *methods):
        row = f"{name:18}"
        for size in SIZES:
            ms, ratio = results[size][name]
            memory = f"{peak_memory(name, size):10.0f}" if name in methods else f"{'-':>10}"
            row += f"{ratio:10.1f}{ms:10.1f}{memory}"
        print(row, flush=True)
    print("MiB: peak resident memory of a process that enhances one picture, less that of one that only makes it")


def against_literal(folder: Path) -> None:
    """Print for each method the least and median PSNR to its literal version and how much faster it is."""
    sys.path.insert(0, str(ROOT))
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
    cv2.setNumThreads(2)
    if options.child:
        child(*options.child)
    elif options.literal:
        against_literal(options.literal)
    else:
        table(options.rounds)


if __name__ == "__main__":
    main()
