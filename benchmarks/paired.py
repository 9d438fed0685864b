"""Methods on pairs of dark and bright pictures: mean RGB PSNR and SSIM of the 8-bit output, without rescaling.

    python -m benchmarks.paired DARK REFERENCE [--methods unet-m,exposure-fusion] [--no-protect]

Two folders of pictures of the same names. Every pair counts; one that is missing its other half is an error.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import highbeam
from highbeam.metrics import psnr, ssim


def read(path: Path) -> NDArray[np.uint8]:
    """Read 8-bit RGB."""
    return np.asarray(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def pairs(dark: Path, reference: Path) -> list[tuple[Path, Path]]:
    """Match two folders by the pictures' names without suffixes.

    Raises:
        SystemExit: a picture has no other half.
    """
    lows, highs = ({path.stem: path for path in folder.iterdir()} for folder in (dark, reference))
    alone = sorted(lows.keys() ^ highs.keys())
    if alone:
        raise SystemExit(f"without the other half: {', '.join(alone)}")
    return [(lows[name], highs[name]) for name in sorted(lows)]


def score(method: str, found: list[tuple[Path, Path]], *, protect: bool = True) -> tuple[float, float]:
    """Return mean PSNR in dB and mean SSIM of a method."""
    enhance = highbeam.load(method, protect_highlights=protect)
    rows = []
    for low, high in found:
        enhanced, reference = enhance(read(low)), read(high)
        rows.append((psnr(enhanced, reference), ssim(enhanced, reference)))
    return statistics.fmean(row[0] for row in rows), statistics.fmean(row[1] for row in rows)


def main() -> None:
    """Read the command line and print a row per method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dark", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--methods", default=",".join(highbeam.methods()))
    parser.add_argument("--no-protect", action="store_true")
    words = parser.parse_args()
    found = pairs(words.dark, words.reference)
    print(f"{len(found)} pairs, 8 bits, no rescaling, highlights {'free' if words.no_protect else 'protected'}")
    for method in words.methods.split(","):
        ratio, similarity = score(method, found, protect=not words.no_protect)
        print(f"{method:18}{ratio:8.2f} dB {similarity:7.3f}", flush=True)


if __name__ == "__main__":
    main()
