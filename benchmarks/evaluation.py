"""What an evaluation costs beyond reading the pictures and running the method: pairs of 960x540, PSNR and SSIM.

    python -m benchmarks.evaluation [--pairs 50] [--method unet-s]

Renders pairs, takes the CPU time of decoding and of the method alone, one picture after the other, and then of the
whole evaluation on one thread. The bar is 60 ms a picture on top of the two.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

import highbeam
from highbeam.evaluation import Evaluation, find_sets, make_protocol, seal
from highbeam.evaluation.subjects import method_subject
from highbeam.pictures import read
from highbeam.scenes import make_scene, render

SIZE = (540, 960)
BAR = 60.0  # ms a picture


def write_pairs(root: Path, count: int) -> tuple[Path, Path]:
    """Render a few scenes by day and by night, and write them as often as is asked for."""
    scenes = [make_scene(seed=seed) for seed in range(4)]
    for time_of_day, folder in (("night", "dark"), ("day", "day")):
        (root / folder).mkdir()
        drawn = [render(scene, *SIZE, time=time_of_day).image for scene in scenes]  # type: ignore[arg-type]
        for number in range(count):
            shown = np.roll(drawn[number % len(drawn)], number, axis=1)
            cv2.imwrite(str(root / folder / f"{number:03d}.png"), cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    return root / "dark", root / "day"


def alone(dark: Path, day: Path, method: str) -> tuple[float, float]:
    """Return the CPU seconds of decoding all pictures, and of the method on all."""
    enhance = highbeam.load(method)
    decoding = running = 0.0
    for path in sorted(dark.iterdir()):
        start = time.process_time()
        low = read(path).pixels
        read(day / path.name)
        decoding += time.process_time() - start
        start = time.process_time()
        enhance(low)
        running += time.process_time() - start
    return decoding, running


def whole(dark: Path, day: Path, method: str) -> float:
    """Return the CPU seconds of the evaluation, its reading of all files beforehand included."""
    start = time.process_time()
    sets = tuple(seal(found) for found in find_sets([str(dark)], day))
    Evaluation(sets, (method_subject(method),), make_protocol()).rows()
    return time.process_time() - start


def main() -> None:
    """Read the command line and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--method", default="unet-s")
    words = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one core for both
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as place:
        dark, day = write_pairs(Path(place), words.pairs)
        whole(dark, day, words.method)  # makes ready
        decoding, running = alone(dark, day, words.method)
        total = whole(dark, day, words.method)
    per = 1000.0 / words.pairs
    extra = (total - decoding - running) * per
    print(f"{words.pairs} pairs of {SIZE[1]}x{SIZE[0]}, {words.method}, one core; CPU ms a picture")
    print(f"decoding {decoding * per:.1f}, method {running * per:.1f}, evaluation {total * per:.1f}")
    print(f"on top of both: {extra:.1f} (bar {BAR:.0f}: {'holds' if extra <= BAR else 'does not hold'})")


if __name__ == "__main__":
    main()
