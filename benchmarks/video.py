"""How well decoding, enhancing and encoding overlap: the whole against its slowest stage.

    python -m benchmarks.video [--method unet-m] [--no-steady] [--frames 300] [--rounds 3] [--size 1280 720]
                               [--threads 1]

Renders a clip, measures each stage alone and then all of them on a clip in a file, in turns, and prints frames a second
of each (medians) and the ratio of the whole to the slowest stage. It is to be at least 0.85. What the CPUs allow, if
the stages' work were spread over them without a gap, is printed beside it. The method is held steady, as on the command
line, and its memory is kept behind each part; with ``--no-steady`` it takes each frame by itself. The whole includes
what is done once per clip: looking through it before, joining the parts and checking the result after; short clips
show these more.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.measuring import night_picture
from highbeam.cli.options import held
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels
from highbeam.methods.registry import DEFAULT_METHOD, load
from highbeam.video.clips import ClipJob, enhance_clip
from highbeam.video.colours import Converter
from highbeam.video.containers import CONTAINERS
from highbeam.video.decoding import Damage, shots
from highbeam.video.encoding import Encoding, choose
from highbeam.video.inspecting import Clip, inspect
from highbeam.video.parts import PartEncoder

BAR = 0.85
_RATE = Fraction(30)


def make_clip(path: Path, size: tuple[int, int], frames: int) -> Path:
    """Render a night street that passes by, with the noise of a camera."""
    import av

    width, height = size
    street = night_picture(height, width + 8 * frames)
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 3.0, (height, width, 3)).astype(np.int16)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=_RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            seen = street[:, 8 * number : 8 * number + width].astype(np.int16) + np.roll(noise, 37 * number, axis=1)
            frame = av.VideoFrame.from_ndarray(np.clip(seen, 0, 255).astype(np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


class Stages:
    """The stages of one clip, each to be run alone."""

    def __init__(self, path: Path, encoding: Encoding, make: Callable[[], Callable[[Pixels], Pixels]]) -> None:
        """Read the clip and keep its frames; ``make`` gives a fresh method for each run over them."""
        self.clip: Clip = inspect(path)
        self.encoding, self.make = encoding, make
        self.encoder = choose(encoding, self.clip, CONTAINERS[".mp4"])
        self.converter = Converter(self.clip.law, full=self.clip.colour.full, deep=self.clip.deep)
        self.frames = list(self._decoded())
        self.bright = list(map(make(), self.frames))

    def _decoded(self) -> Iterator[Pixels]:
        return (self.converter.to_rgb(shot.frame) for shot in shots(self.clip, Damage(self.clip)))

    def decode(self) -> None:
        """From the file to RGB."""
        for _ in self._decoded():
            pass

    def work(self) -> None:
        """From RGB to brighter RGB."""
        enhance = self.make()
        for pixels in self.frames:
            enhance(pixels)

    def encode(self) -> None:
        """From RGB to packets."""
        part = PartEncoder(self.encoder, "benchmark")
        for number, pixels in enumerate(self.bright):
            part.add(self.converter.to_frame(pixels, self.encoder.pixel_format), number, 1)
        part.finish()

    def whole(self) -> None:
        """From file to file."""
        job = ClipJob(self.make, "benchmark", self.encoding, overwrite=True)
        enhance_clip(self.clip.path, self.clip.path.with_suffix(".bright.mp4"), job)


def measure(stages: Stages, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median seconds of each stage and of the whole, and of the CPUs' work in them, in turns."""
    steps = {"decode": stages.decode, "enhance": stages.work, "encode": stages.encode, "whole": stages.whole}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            start, worked = time.perf_counter(), time.process_time()
            step()
            if turn:  # the first round warms up
                found[name].append((time.perf_counter() - start, time.process_time() - worked))
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(work for _, work in times))
        for name, times in found.items()
    }


def report(found: dict[str, tuple[float, float]], frames: int) -> float:
    """Print a row per stage; returns the ratio of the whole to the slowest stage."""
    for name, (wall, work) in found.items():
        print(f"{name:8} {frames / wall:8.1f} frames/s {1e3 * work / frames:8.1f} ms of CPU a frame")
    stages = {name: times for name, times in found.items() if name != "whole"}
    slowest = max(stages, key=lambda name: stages[name][0])
    ratio = stages[slowest][0] / found["whole"][0]
    limit = sum(work for _, work in stages.values()) / usable_cpus()
    bound = min(1.0, stages[slowest][0] / max(limit, 1e-9))
    print(f"whole over {slowest}: {ratio:.3f} (bar {BAR}; {usable_cpus()} CPUs allow {bound:.3f})")
    return ratio


def main() -> None:
    """Read the command line, make the clip and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default=DEFAULT_METHOD)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--threads", type=int, default=1, help="of OpenCV")
    parser.add_argument("--steady", action=argparse.BooleanOptionalAction, default=True, help="hold the method steady")
    words = parser.parse_args()
    cv2.setNumThreads(words.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = make_clip(Path(folder, "street.mp4"), tuple(words.size), words.frames)
        enhancer = load(words.method)
        stages = Stages(path, Encoding(), partial(held, enhancer, steady=words.steady))
        report(measure(stages, words.rounds), words.frames)


if __name__ == "__main__":
    main()
