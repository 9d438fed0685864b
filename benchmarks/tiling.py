"""What tiles cost: a large picture through a network whole and in tiles, PSNR between the two, and steps at borders.

    python -m benchmarks.tiling [--network unet-m] [--tile 4] PICTURE...

Pictures are enlarged to 24 megapixels. Without any, rendered night streets are taken.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measuring import night_picture
from highbeam.methods.network import run, tiles
from highbeam.methods.runtimes import runner_of
from highbeam.weights import path_of

_SIZE = (6016, 4000)


def main() -> None:
    """Read the command line and print a row per picture and tile size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--network", default="unet-m")
    parser.add_argument("--tile", type=float, nargs="*", default=[4.0, 9.0, 16.0])
    words = parser.parse_args()
    runner = runner_of(path_of(words.network, "uint8"), "onnxruntime", "float32", 2)
    found = {path.name: cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in words.pictures}
    for name, picture in (found or {"rendered": night_picture(720, 1280)}).items():
        large = np.asarray(cv2.resize(picture, _SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
        start = time.perf_counter()
        whole = run(runner, large, 1e3)
        seconds = time.perf_counter() - start
        for tile in words.tile:
            start = time.perf_counter()
            tiled = run(runner, large, tile)
            ratio = (time.perf_counter() - start) / seconds
            count = len(list(tiles(4000, 6016, runner.facts.stride, 0, tile)))
            told = f"{cv2.PSNR(whole, tiled):5.1f} dB, {ratio:.1f} times the time"
            print(f"{name:30} tile {tile:4g} MP ({count} tiles): {told}", flush=True)


if __name__ == "__main__":
    main()
