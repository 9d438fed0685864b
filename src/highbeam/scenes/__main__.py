"""Write pictures of rendered roads by night and by day: ``python -m highbeam.scenes -o FOLDER``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from highbeam.pictures import Picture, write
from highbeam.scenes import KINDS, TIMES, make_scene, render


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write one PNG for each kind of road and time of day."""
    parser = argparse.ArgumentParser("python -m highbeam.scenes", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=22)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    width, height = options.size
    for kind in KINDS:
        for time in TIMES:
            frame = render(make_scene(options.seed, kind), height, width, time=time)
            write(Picture(frame.image), options.output / f"{time}_{kind}.png", overwrite=options.overwrite)


if __name__ == "__main__":
    main()
