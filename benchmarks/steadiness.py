"""How steady the methods are over the frames of a video, frame by frame and with steadiness, and what it costs.

    python -m benchmarks.steadiness [METHOD...] [--frames 40] [--night CLIP] [--day CLIP...] [--denoise SHARE]

Clips: a rendered car that waits by night, and one that drives at 12 m/s and 30 frames a second, each with the sensor's
noise afresh in every frame, and again with an exposure that hunts by 10 % from frame to frame; the drive by day,
darkened; and those that are given: a night is taken as it is, days are darkened. For each clip and method:

- change: mean change of brightness from frame to frame, percent, and over the input's (the metric flicker-ratio);
- flicker: what of it the scene does not explain (the metric flicker against the input with its exposure held), percent;
- for darkened clips, PSNR against the day, dB.

Then, per method: frames until the brightness is within 2 % of its final value behind a cut, and behind light that comes
on at once in the same scene (by half); by how many frames a sixfold rise over 15 frames is late; and milliseconds per
frame at 1280x720, alone and what steadiness adds, while the exposure holds and while it hunts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

import highbeam
from benchmarks.measuring import THREADS, Bytes, night_picture
from highbeam.datasets.clips import frame_times, read_frames
from highbeam.methods import Enhancer
from highbeam.metrics.clips import brightness, flicker, flicker_ratio
from highbeam.metrics.fullref import psnr
from highbeam.scenes import Time, encode, expose, make_scene, render
from highbeam.video.steady import Steady, SteadyOptions

Clip: TypeAlias = list[Bytes]
Lights: TypeAlias = list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]

_SIZE = (180, 320)
_SHOT, _READ = 1 / 900, 0.0022
_HUNT = 0.1
_DARK, _DARK_SHOT, _DARK_READ = 0.18, 1 / 2000, 0.0015
_CLOSE = 0.02


def lights(frames: int, when: Time, seed: int = 4) -> Lights:
    """Linear light of a drive."""
    scene = make_scene(seed)
    cameras = [scene.camera(0.4 * k, k / 30) for k in range(frames)]
    return [render(scene, *_SIZE, camera=camera, time=when, noise_seed=None).linear for camera in cameras]


def filmed(linear: Iterable[np.ndarray[tuple[int, ...], np.dtype[np.float32]]], exposures: Iterable[float]) -> Clip:
    """What a camera makes of it, with fresh noise."""
    pairs = zip(linear, exposures, strict=True)
    return [encode(expose(light * factor, _SHOT, _READ, [k, 1])) for k, (light, factor) in enumerate(pairs)]


def darkened(days: Clip, exposures: Iterable[float]) -> Clip:
    """Days by night: the same law for all frames, and noise of its own for each."""
    rng, out = np.random.default_rng(3), []
    for day, factor in zip(days, exposures, strict=True):
        light = factor * _DARK * (day / 255.0) ** 2.2
        noise = rng.normal(size=light.shape) * np.sqrt(_DARK_SHOT * light + _DARK_READ**2)
        out.append(encode(light + noise))
    return out


def read(path: Path, frames: int) -> Clip:
    """Read the first frames of a clip, reduced."""
    times = [pts for pts, _ in frame_times(path)][:frames]
    size = _SIZE[::-1]
    return [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA)) for frame in read_frames(path, times)]


def through(method: Callable[[Bytes], Bytes], clip: Clip) -> Clip:
    """Enhance the frames in order."""
    return [method(frame) for frame in clip]


def change(clip: Clip) -> float:
    """Mean change of brightness from frame to frame, percent."""
    return 100.0 * float(np.mean(np.abs(np.diff(brightness(clip)))))


def table(
    title: str,
    clip: Clip,
    methods: Sequence[str],
    options: SteadyOptions,
    references: Clip | None = None,
    *,
    scene: Clip | None = None,
) -> None:
    """Print a clip's rows; ``scene`` is the clip as it would be with its exposure held."""
    scene = scene or clip
    print(f"\n{title}: input changes by {change(clip):.3f} %")
    print(
        f"{'':18}{'change %':>20}{'flicker %':>20}{'over the input':>20}" + (f"{'PSNR dB':>20}" if references else "")
    )
    print(f"{'method':18}" + f"{'plain':>11}{'steady':>9}" * (4 if references else 3))
    for name in methods:
        method = highbeam.load(name)
        plain, steady = through(method, clip), through(Steady(method, options), clip)
        row = f"{name:18}{change(plain):11.3f}{change(steady):9.3f}"
        row += f"{flicker(plain, scene):11.3f}{flicker(steady, scene):9.3f}"
        row += f"{flicker_ratio(plain, clip):11.2f}{flicker_ratio(steady, clip):9.2f}"
        if references:
            row += "".join(f"{_mean_psnr(frames, references):{wide}.2f}" for frames, wide in ((plain, 11), (steady, 9)))
        print(row, flush=True)


def _mean_psnr(clip: Clip, references: Clip) -> float:
    return statistics.fmean(psnr(frame, day) for frame, day in zip(clip, references, strict=True))


def late(method: Enhancer, clip: Clip, start: int) -> int:
    """Frames from ``start`` on until the brightness stays within 2 % of that of its end."""
    means = np.array([float(frame.mean()) for frame in through(Steady(method), clip)])
    off = np.flatnonzero(np.abs(means[start:] / means[-3:].mean() - 1.0) > _CLOSE)
    return int(off[-1]) + 1 if off.size else 0


def lag(method: Enhancer, clip: Clip) -> float:
    """Frames by which the brightness follows that of the plain method, by the area between the curves."""
    plain, steady = (np.array([float(f.mean()) for f in through(m, clip)]) for m in (method, Steady(method)))
    rise = float(plain[-4:].mean() - plain[:8].mean())
    return float(np.sum(plain - steady)) / rise if abs(rise) > 0.1 * plain[0] else float("nan")


def adaptation(methods: Sequence[str], still: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    """Print how fast what truly changes is followed, and what steadiness costs."""
    other = lights(1, "night", seed=7)[0]
    cut = filmed([still] * 10 + [other] * 10, [1.0] * 20)
    step = filmed([still] * 20, [1.0] * 10 + [1.5] * 10)
    fade = filmed([still] * 32, np.exp(np.log(6.0) * np.clip((np.arange(32) - 8) / 15, 0.0, 1.0)).tolist())
    print(f"\n{'':18}{'frames late behind':>24}{'ms per frame at 1280x720':>36}")
    print(f"{'method':18}{'cut':>8}{'light':>8}{'fade':>8}{'alone':>12}{'more':>12}{'hunting':>12}")
    for name in methods:
        method = highbeam.load(name)
        alone, more, hunting = cost(method)
        row = f"{name:18}{late(method, cut, 10):8}{late(method, step, 10):8}{lag(method, fade):8.2f}"
        print(f"{row}{alone:12.1f}{more:12.1f}{hunting:12.1f}", flush=True)


def cost(method: Enhancer, rounds: int = 6) -> tuple[float, float, float]:
    """Return milliseconds alone, and what steadiness adds, for a frame that stays and for one that hunts."""
    frame = night_picture(720, 1280)
    brighter = np.asarray(cv2.convertScaleAbs(frame, alpha=1.05))
    steady, hunting = Steady(method), Steady(method)
    seconds: list[list[float]] = [[], [], []]
    calls: list[Callable[[Bytes], Bytes]] = [method, steady, hunting]
    for turn in range(rounds + 2):
        now = brighter if turn % 2 else frame
        for own, call, given in zip(seconds, calls, (frame, frame, now), strict=True):
            start = time.perf_counter()
            call(given)
            own.append(time.perf_counter() - start)
    alone, still, moving = (1e3 * statistics.median(own[2:]) for own in seconds)
    return alone, still - alone, moving - alone


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--night", type=Path)
    parser.add_argument("--day", type=Path, nargs="*", default=[])
    parser.add_argument("--denoise", type=float, default=0.0)
    words = parser.parse_args()
    options = SteadyOptions(denoise=words.denoise)
    cv2.setNumThreads(THREADS)
    methods = words.methods or list(highbeam.methods())
    count = words.frames
    night, day = lights(count, "night"), [encode(light) for light in lights(count, "day")]
    held, hunts = [1.0] * count, np.exp(_HUNT * np.random.default_rng(0).standard_normal(count)).tolist()
    for title, linear in (("waiting", [night[0]] * count), ("driving", night)):
        still = filmed(linear, held)
        table(title, still, methods, options)
        table(f"{title}, exposure hunts", filmed(linear, hunts), methods, options, scene=still)
    for title, frames in {"rendered day": day, **{path.name: read(path, count) for path in words.day}}.items():
        still, hunting = (darkened(frames, exposures[: len(frames)]) for exposures in (held, hunts))
        table(f"{title}, darkened", still, methods, options, frames)
        table(f"{title}, darkened, exposure hunts", hunting, methods, options, frames, scene=still)
    if words.night:
        table(words.night.name, read(words.night, count), methods, options)
    adaptation(methods, night[0])


if __name__ == "__main__":
    main()
