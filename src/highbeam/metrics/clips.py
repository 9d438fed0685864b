"""Metrics of clips: brightness and detail that change from frame to frame without cause.

A clip is a sequence of frames, ``(H, W, 3)`` RGB of one shape and dtype, in order and without gaps. Figures are shares
of the clip's own mean luma, so that a clip and the same under an equal gain on all frames have the same figures; this
is what makes the ratio of output to input one of steadiness and not of brightness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from highbeam.errors import MetricError
from highbeam.methods.base import Pixels
from highbeam.metrics.base import Double, Mask, check_pair, check_sides, luma, to_double

__all__ = ["brightness", "flicker", "flicker_ratio", "optical_flow", "warping_error", "warping_error_ratio"]

_LEAST_FLICKER = 0.01  # percent
_LEAST_ERROR = 0.1  # percent
_FLOW_SIDE = 32  # pixels, below which the coarse levels of the search have nothing left to match
_WHITE_PERCENTILE = 99.0
_TOLERANCE = (0.01, 0.5)  # share of the squared motion, square pixels


def brightness(frames: Sequence[Pixels]) -> Double:
    """Return each frame's mean luma Y' (BT.601) over that of the whole clip, ``(T,)``; ones where all is black."""
    means = np.array([float(np.mean(luma(frame))) for frame in frames])
    mean = math.fsum(means) / len(means)
    return means / mean if mean > 0.0 else np.ones_like(means)


def flicker(outputs: Sequence[Pixels], sources: Sequence[Pixels]) -> float:
    """Frame-to-frame change of brightness that the input does not explain.

    With o and i the relative brightness of the frames of output and input (:func:`brightness`), d the difference of
    consecutive frames, and k = max(0, <d_o, d_i> / <d_i, d_i>) the least-squares share in which the output follows the
    input, the mean of |d_o - k d_i|. A gain, and in first order any fixed curve, give 0; so does an output of constant
    brightness. The definition is this project's own.

    Args:
        outputs: frames that were made of ``sources``, at least three of them.
        sources: the dark input, as many frames of the same shape and dtype.

    Returns:
        % of mean luma, that of the clip, from 0 to infinity, lower is better.

    Raises:
        MetricError: clips of different length, or too short ones.
        ArrayError: frames that no method takes, or that differ in shape or dtype.
    """
    _check_clips(outputs, sources, 3)
    out, given = np.diff(brightness(outputs)), np.diff(brightness(sources))
    power = float(given @ given)
    follows = max(0.0, float(out @ given) / power) if power > 0.0 else 0.0
    return 100.0 * float(np.mean(np.abs(out - follows * given)))


def flicker_ratio(outputs: Sequence[Pixels], sources: Sequence[Pixels]) -> float:
    """Frame-to-frame change of brightness of the output over that of the input.

    Change is the mean of |d|, d as for :func:`flicker`, in percent of each clip's own mean luma; 0.01 percent is added
    to both, so that a steady input has a ratio. Motion counts in both, so this tells more of clips than of methods
    where the scene changes much. The definition is this project's own.

    Args:
        outputs: frames that were made of ``sources``, at least two of them.
        sources: the dark input, as many frames of the same shape and dtype.

    Returns:
        A pure number, from 0 to infinity, lower is better; 1 where the output is as steady as the input.

    Raises:
        MetricError: clips of different length, or too short ones.
        ArrayError: frames that no method takes, or that differ in shape or dtype.
    """
    _check_clips(outputs, sources, 2)
    after, before = (100.0 * float(np.mean(np.abs(np.diff(brightness(frames))))) for frames in (outputs, sources))
    return (after + _LEAST_FLICKER) / (before + _LEAST_FLICKER)


def warping_error(outputs: Sequence[Pixels], sources: Sequence[Pixels]) -> float:
    """Difference of each frame from the next one, brought back along the motion, where both show the same.

    W.-S. Lai, J.-B. Huang, O. Wang, E. Shechtman, E. Yumer, M.-H. Yang, "Learning blind video temporal consistency",
    ECCV 2018, the warping error of its evaluation, with three changes: its square root is taken, over all pairs of
    frames, in percent of the output's mean luma; the motion is that of OpenCV's dense inverse search (see
    :func:`optical_flow`), found in the *input*, so that it is the same for all methods; and places are left out by
    forward-backward check. Frames are interpolated bilinearly at a 32nd of a pixel, OpenCV's step.

    Noise counts in full: a clean output has less than its input.

    Args:
        outputs: frames that were made of ``sources``, at least two of them.
        sources: the dark input, as many frames of the same shape and dtype.

    Returns:
        % of mean luma, that of the clip, from 0 to infinity, lower is better. NaN where no motion could be followed.

    Raises:
        MetricError: clips of different length, or too short ones.
        ArrayError: frames that no method takes, that differ in shape or dtype, or a side below 32 pixels.
    """
    return _warping_errors((outputs,), outputs, sources)[0]


def warping_error_ratio(outputs: Sequence[Pixels], sources: Sequence[Pixels]) -> float:
    """:func:`warping_error` of the output over that of the input, 0.1 percent added to both.

    After Lai, Huang, Wang, Shechtman, Yumer, Yang 2018; the ratio is this project's own.

    Args:
        outputs: frames that were made of ``sources``, at least two of them.
        sources: the dark input, as many frames of the same shape and dtype.

    Returns:
        A pure number, from 0 to infinity, lower is better; 1 where the output is as steady as the input. NaN where no
        motion could be followed.

    Raises:
        MetricError: as for :func:`warping_error`.
        ArrayError: as for :func:`warping_error`.
    """
    after, before = _warping_errors((outputs, sources), outputs, sources)
    return (after + _LEAST_ERROR) / (before + _LEAST_ERROR)


def _warping_errors(
    measured: Sequence[Sequence[Pixels]], outputs: Sequence[Pixels], sources: Sequence[Pixels]
) -> list[float]:
    """Return the errors of some clips along the motion of ``sources``, percent."""
    _check_clips(outputs, sources, 2)
    squares, count = np.zeros(len(measured)), 0
    for k, (now, later) in enumerate(pairwise(sources)):
        flow, same = optical_flow(now, later)
        count += 3 * int(np.count_nonzero(same))
        for n, frames in enumerate(measured):
            moved = _along(to_double(frames[k + 1]), flow)
            squares[n] += float(np.sum(np.square(to_double(frames[k]) - moved)[same]))
    if not count:
        return [math.nan] * len(measured)
    means = [math.fsum(float(np.mean(luma(frame))) for frame in frames) / len(frames) for frames in measured]
    return [
        100.0 * math.sqrt(square / count) / mean if mean > 0.0 else 0.0
        for square, mean in zip(squares.tolist(), means, strict=True)
    ]


def optical_flow(now: Pixels, later: Pixels) -> tuple[Double, Mask]:
    """Find how a frame moves to the next, and where both show the same.

    T. Kroeger, R. Timofte, D. Dai, L. Van Gool, "Fast optical flow using dense inverse search", ECCV 2016, as OpenCV
    has it (preset "medium"), on 8-bit luma under one gain for both frames that brings the 99th percentile of the first
    to white. A place is the same in both where the flow there and the flow back from where it leads cancel:
    |f + b|^2 <= 0.01 (|f|^2 + |b|^2) + 0.5: N. Sundaram, T. Brox, K. Keutzer, "Dense point trajectories by
    GPU-accelerated large displacement optical flow", ECCV 2010; and where it leads inside the picture.

    Args:
        now: ``(H, W, 3)``, at least 32 pixels along each side.
        later: the next frame, of the same shape and dtype.

    Returns:
        Pixels to the right and down, ``(H, W, 2)``; and where both show the same, ``(H, W)``.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype, or too small ones.
    """
    check_pair(now, later)
    check_sides(now, _FLOW_SIDE, "optical flow")
    first, second = luma(now), luma(later)
    gain = 255.0 / max(float(np.percentile(first, _WHITE_PERCENTILE)), 1.0 / 255.0)
    a, b = (np.rint(np.clip(gain * values, 0.0, 255.0)).astype(np.uint8) for values in (first, second))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forward, back = (np.asarray(search.calc(x, y, None), np.float64) for x, y in ((a, b), (b, a)))
    back = _along(back, forward)
    bound = _TOLERANCE[0] * (np.sum(forward**2, axis=2) + np.sum(back**2, axis=2)) + _TOLERANCE[1]
    x, y = _targets(forward)
    inside = (x >= 0) & (x <= first.shape[1] - 1) & (y >= 0) & (y <= first.shape[0] - 1)
    return forward, inside & (np.sum((forward + back) ** 2, axis=2) <= bound)


def _targets(flow: Double) -> tuple[Double, Double]:
    height, width = flow.shape[:2]
    return flow[..., 0] + np.arange(width), flow[..., 1] + np.arange(height)[:, None]


def _along(values: Double, flow: Double) -> Double:
    """Return ``(H, W, C)`` values from where the flow leads, interpolated bilinearly; the border goes on outside."""
    x, y = (target.astype(np.float32) for target in _targets(flow))
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _check_clips(outputs: Sequence[Pixels], sources: Sequence[Pixels], least: int) -> None:
    if len(outputs) != len(sources):
        raise MetricError(f"expected two clips of one length, got {len(outputs)} and {len(sources)} frames")
    if len(outputs) < least:
        raise MetricError(f"a clip needs at least {least} frames here, got {len(outputs)}")
    for output, source in zip(outputs, sources, strict=True):
        check_pair(output, source)
        check_pair(source, sources[0])
