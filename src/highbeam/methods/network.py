"""Exported networks as methods: padding, tiling, threads and runtimes around one ONNX file.

A file is what :mod:`highbeam.nets.export` writes: ``pixels`` in, ``enhanced`` out, sides multiples of the stride. What
a network takes from the whole picture, its *scene* (:mod:`highbeam.nets.blocks`), comes out as ``measured`` and may be
handed in, which lets the tiles of a large picture agree with each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass as plain_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.errors import ArrayError
from highbeam.methods.base import Pixels, Statistics, from_unit, to_unit
from highbeam.methods.runtimes import Runner, runner_of
from highbeam.weights import path_of

__all__ = ["NetworkOptions", "Tile", "enhance_bundled", "enhance_with_file", "run", "tiles"]

_Scene: TypeAlias = NDArray[np.float32]

_SCENE = "scene"
_STRIPS, _NARROWEST, _FADE = 6, 128, 64
"""Strips in each picture that a scene is measured on, their least width, and where one fades into the next, pixels."""


@dataclass(frozen=True)
class NetworkOptions:
    """Options of networks."""

    runtime: Annotated[
        Literal["onnxruntime", "openvino", "cuda"],
        Field(description="what computes: the CPU, OpenVINO (extra openvino), or an NVIDIA GPU (onnxruntime-gpu)"),
    ] = "onnxruntime"
    precision: Annotated[
        Literal["float32", "bfloat16"], Field(description="of the arithmetic; bfloat16 with openvino only")
    ] = "float32"
    threads: Annotated[int, Field(ge=0, le=1024, description="of the arithmetic on a CPU; 0 for all; no unit")] = 0
    tile: Annotated[
        float, Field(ge=4, le=1000, description="larger pictures go through in overlapping tiles of it; megapixels")
    ] = 16.0


@plain_dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle that is computed, and the part of it that is kept; pixels of the padded picture.

    Attributes:
        rows: computed.
        columns: computed.
        inner_rows: kept.
        inner_columns: kept.
    """

    rows: slice
    columns: slice
    inner_rows: slice
    inner_columns: slice


def enhance_bundled(name: str, pixels: Pixels, options: NetworkOptions, statistics: Statistics | None = None) -> Pixels:
    """Enhance with a network of the catalogue.

    Args:
        name: its row.
        pixels: ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32`` in [0, 1].
        options: see :class:`NetworkOptions`.
        statistics: holds the scene over the frames of a video.

    Returns:
        A new array of the same shape and dtype.

    Raises:
        WeightsError: its file is damaged.
        RuntimeMissingError: the runtime that was asked for is not here.
    """
    path = path_of(name, "uint8" if pixels.dtype == np.uint8 else "float32")
    return _enhance(path, pixels, options, statistics)


def enhance_with_file(
    path: Path, pixels: Pixels, options: NetworkOptions, statistics: Statistics | None = None
) -> Pixels:
    """Enhance with an exported file of one's own; deep pictures take ``NAME.float32.onnx`` where that lies beside it.

    Raises:
        ArrayError: a deep picture, and neither file is for float32.
        WeightsError: the file cannot be read or is none that Highbeam exported.
    """
    twin = path.with_suffix(".float32.onnx")
    return _enhance(twin if pixels.dtype != np.uint8 and twin.exists() else path, pixels, options, statistics)


def _enhance(path: Path, pixels: Pixels, options: NetworkOptions, statistics: Statistics | None) -> Pixels:
    runner = runner_of(path, options.runtime, options.precision, options.threads)
    if runner.facts.pixels == "float32":
        return from_unit(run(runner, to_unit(pixels), options.tile, statistics), like=pixels)
    if pixels.dtype != np.uint8:
        raise ArrayError(f"{path}: takes uint8, got {pixels.dtype}; export the float32 file too (--pixels both)")
    return run(runner, pixels, options.tile, statistics)


def run(runner: Runner, pixels: Pixels, megapixels: float, statistics: Statistics | None = None) -> Pixels:
    """Run a network on a picture of the dtype that it takes, whole or in tiles.

    Args:
        runner: the network.
        pixels: ``(H, W, 3)``.
        megapixels: the largest picture, or tile, that goes through at once.
        statistics: holds the scene over the frames of a video.

    Returns:
        ``(H, W, 3)``, a new array.
    """
    height, width = pixels.shape[:2]
    stride = runner.facts.stride
    padded = np.asarray(
        cv2.copyMakeBorder(pixels, 0, -height % stride, 0, -width % stride, cv2.BORDER_REFLECT_101)
        if height % stride or width % stride
        else pixels
    )
    held = statistics if runner.facts.scene else None
    whole = padded.shape[0] * padded.shape[1] <= megapixels * 1e6
    enhanced = _run_whole(runner, padded, held) if whole else _run_tiled(runner, padded, megapixels, held)
    return np.ascontiguousarray(enhanced[:height, :width])


def _run_whole(runner: Runner, padded: Pixels, statistics: Statistics | None) -> Pixels:
    """Run at once; what is held goes in, and the network mixes it with what it measures, layer by layer."""
    if statistics is None:
        return runner(padded)[0]
    scene, keep = statistics.given(_SCENE)
    enhanced, measured = runner(padded, None if scene is None else scene.astype(np.float32), keep)
    statistics.record(_SCENE, measured.astype(np.float64))
    return enhanced


def _run_tiled(runner: Runner, padded: Pixels, megapixels: float, statistics: Statistics | None) -> Pixels:
    """Measure one scene of the whole picture, then compute overlapping tiles with it."""
    stride, reach = runner.facts.stride, runner.facts.reach
    scene = _scene_of(runner, padded, megapixels) if runner.facts.scene else None
    if statistics is not None and scene is not None:
        scene = statistics.settle(_SCENE, scene.astype(np.float64)).astype(np.float32)
    enhanced = np.empty_like(padded)
    overlap = -(-reach // stride) * stride
    for tile in tiles(padded.shape[0], padded.shape[1], stride, overlap, megapixels):
        part, _ = runner(np.ascontiguousarray(padded[tile.rows, tile.columns]), scene, 1.0)
        top, left = tile.inner_rows.start - tile.rows.start, tile.inner_columns.start - tile.columns.start
        high, wide = tile.inner_rows.stop - tile.inner_rows.start, tile.inner_columns.stop - tile.inner_columns.start
        enhanced[tile.inner_rows, tile.inner_columns] = part[top : top + high, left : left + wide]
    return enhanced


def _scene_of(runner: Runner, padded: Pixels, megapixels: float) -> _Scene:
    """Measure the scene of a picture that is too large for one pass.

    Tiles are no use for it: each normalises by its own statistics what the layers behind measure, and a sky has others
    than a road. So upright strips are dealt out like cards into a few pictures, each of which is much like the whole,
    and what these measure is averaged by area. Measuring once more with the average handed in would make it worse.
    """
    total, area = np.zeros(runner.facts.scene), 0
    for dealt in _dealt(padded, runner.facts.stride, megapixels):
        total += runner(dealt)[1].astype(np.float64) * dealt.size
        area += dealt.size
    return np.asarray(total / area, np.float32)


def _dealt(padded: Pixels, stride: int, megapixels: float) -> Iterator[Pixels]:
    """Deal the strips of a picture out into pictures of at most so many megapixels, near enough."""
    height, width = padded.shape[:2]
    count = math.ceil(height * width / (megapixels * 1e6))
    strip = max(_NARROWEST, width // (_STRIPS * count)) // stride * stride or stride
    lefts = range(0, width, strip)
    for first in range(min(count, len(lefts))):
        yield _joined(padded, lefts[first::count], strip)


def _joined(padded: Pixels, lefts: Sequence[int], strip: int) -> Pixels:
    """Put strips side by side; the end of one fades into what lies before the next, as a hard joint is a false edge."""
    joined = np.concatenate([padded[:, left : left + strip] for left in lefts], axis=1)
    fade = min(_FADE, strip)
    weight = ((np.arange(fade, dtype=np.float32) + 0.5) / fade)[:, None]
    for at, left in enumerate(lefts[1:], start=1):
        end, lead = joined[:, at * strip - fade : at * strip], padded[:, left - fade : left]
        mixed = end + weight * (lead.astype(np.float32) - end)
        end[:] = np.rint(mixed) if joined.dtype == np.uint8 else mixed
    return joined


def tiles(height: int, width: int, stride: int, overlap: int, megapixels: float) -> Iterator[Tile]:
    """Divide a padded picture into tiles near to square.

    Args:
        height: a multiple of the stride.
        width: likewise.
        stride: every border lies on a multiple of it.
        overlap: how far what is computed goes beyond what is kept, as far as the picture reaches; a multiple too.
        megapixels: what is kept of one tile has at most so many, or is one stride along a side.
    """
    side = max(stride, int((megapixels * 1e6) ** 0.5) - 2 * overlap)
    rows, columns = (list(_spans(length, stride, side, overlap)) for length in (height, width))
    for outer_rows, inner_rows in rows:
        for outer_columns, inner_columns in columns:
            yield Tile(outer_rows, outer_columns, inner_rows, inner_columns)


def _spans(length: int, stride: int, longest: int, overlap: int) -> Iterator[tuple[slice, slice]]:
    """Divide a side into equal parts as far as the stride allows: (computed, kept)."""
    units = length // stride
    parts = -(-length // max(stride, longest // stride * stride))
    borders = [round(units * part / parts) * stride for part in range(parts + 1)]
    for start, stop in pairwise(borders):
        yield slice(max(0, start - overlap), min(length, stop + overlap)), slice(start, stop)
