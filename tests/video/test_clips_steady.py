"""Clips and steadiness together: a clip that is gone on with is as one that was never interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highbeam import load
from highbeam.cli.clips import job_of
from highbeam.resuming import folder_of
from highbeam.video.clips import ClipJob, ClipResult, enhance_clip
from highbeam.video.encoding import Encoding
from highbeam.video.steady import Steady, SteadyOptions
from tests.video.making import film, hunting, planes, seen

METHODS = ("clahe", "exposure-fusion", "msrcp", "unet-s", "gamma")
WITHOUT_MEMORY = "gamma"
"""Takes nothing from the whole frame: only the exposure is held."""


def steady_job(method: str, part: int = 6) -> ClipJob:
    return job_of(load(method), Encoding(part=part), steady=SteadyOptions(), overwrite=False, resume=False)


def broken_off(source: Path, output: Path, job: ClipJob, after: int) -> None:
    """Enhance up to a frame."""
    stop = threading.Event()

    def watch(step: Any) -> None:
        if step.done == after:
            stop.set()

    assert enhance_clip(source, output, job, progress=watch, stop=stop) is None
    assert not output.exists()


def gone_on(source: Path, output: Path, job: ClipJob) -> ClipResult:
    result = enhance_clip(source, output, replace(job, resume=True))
    assert result is not None
    return result


class Amnesia:
    """Steadiness whose memory cannot be taken out."""

    def __init__(self, method: str) -> None:
        self._steady = Steady(load(method), SteadyOptions())

    def __call__(self, pixels: Any) -> Any:
        return self._steady(pixels)


@pytest.mark.parametrize("method", METHODS)
def test_the_memory_goes_over_the_border_of_parts(tmp_path: Path, method: str) -> None:
    source = film(tmp_path / "in.mp4", hunting(20))
    whole, output, forgot = (tmp_path / f"{name}.mp4" for name in ("whole", "out", "forgot"))
    job = steady_job(method)
    assert enhance_clip(source, whole, job)
    broken_off(source, output, job, 14)
    assert gone_on(source, output, job).resumed == 12
    assert output.read_bytes() == whole.read_bytes()
    amnesia = replace(job, make=lambda: Amnesia(method), warm_up=0)
    broken_off(source, forgot, amnesia, 14)
    gone_on(source, forgot, amnesia)
    same = [one == other for one, other in zip(planes(forgot), planes(whole), strict=True)]
    assert all(same[:12])
    assert not any(same[12:14]), "the state decides nothing here, so that the test shows nothing"


def cut_short(content: bytes) -> bytes:
    return content[:100]


def flipped(content: bytes) -> bytes:
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


@pytest.mark.parametrize("harm", [cut_short, flipped, None])
def test_without_its_memory_all_frames_are_shown_again(tmp_path: Path, harm: Callable[[bytes], bytes] | None) -> None:
    source = film(tmp_path / "in.mp4", hunting(20))
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    job = steady_job("unet-s")
    enhance_clip(source, whole, job)
    broken_off(source, output, job, 14)
    (state,) = folder_of(output).glob("*.state")
    if harm is None:
        state.unlink()
    else:
        state.write_bytes(harm(state.read_bytes()))
    assert gone_on(source, output, job).resumed == 12
    assert output.read_bytes() == whole.read_bytes()


def test_ten_bits_go_on_as_well(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mkv", hunting(14), codec="libx265", pixel_format="yuv420p10le")
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    job = steady_job("exposure-fusion")
    enhance_clip(source, whole, job)
    broken_off(source, output, job, 8)
    assert gone_on(source, output, job).resumed == 6
    assert planes(output) == planes(whole)
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p10le"


@pytest.mark.parametrize("cut_at", [5, 6, 7])
def test_a_cut_near_the_border_of_parts(tmp_path: Path, cut_at: int) -> None:
    frames = hunting(12)
    frames[cut_at:] = [np.ascontiguousarray(255 - frame[::-1]) for frame in hunting(12, seed=9)[cut_at:]]
    source = film(tmp_path / "in.mp4", frames)
    whole, output, fresh = (tmp_path / f"{name}.mp4" for name in ("whole", "out", "fresh"))
    job = steady_job("clahe")
    enhance_clip(source, whole, job)
    broken_off(source, output, job, 9)
    assert gone_on(source, output, job).resumed == 6
    assert output.read_bytes() == whole.read_bytes()
    enhance_clip(source, fresh, replace(job, make=lambda: _Restarted("clahe", cut_at)))
    assert planes(fresh) == planes(whole)


class _Restarted:
    """Steadiness that is told where the cut is, by being made anew there."""

    def __init__(self, method: str, cut_at: int) -> None:
        self._make: Callable[[], Steady] = lambda: Steady(load(method), SteadyOptions())
        self._steady, self._count, self._cut_at = self._make(), 0, cut_at

    def __call__(self, pixels: Any) -> Any:
        if self._count == self._cut_at:
            self._steady = self._make()
        self._count += 1
        return self._steady(pixels)


def test_nothing_is_left_of_what_moves(tmp_path: Path) -> None:
    """A lamp that was somewhere three frames ago has left no trace there."""
    size, count = (96, 64), 16
    frames = [frame.copy() for frame in hunting(count, size)]
    for number, frame in enumerate(frames):
        frame[20:32, 4 + 5 * number : 10 + 5 * number] = 250
    still, moving = film(tmp_path / "still.mp4", hunting(count, size)), film(tmp_path / "moving.mp4", frames)
    bright = []
    for source in (still, moving):
        output = source.with_suffix(".bright.mp4")
        asked = job_of(load("gamma"), Encoding(quality=4), steady=SteadyOptions(), overwrite=False, resume=False)
        enhance_clip(source, output, asked)
        bright.append(seen(output))
    for number in range(4, count):
        left = slice(5 * number - 16, 5 * number - 9)
        one, other = (frames[number][22:30, left].mean() for frames in bright)
        assert other == pytest.approx(one, abs=4.0)
