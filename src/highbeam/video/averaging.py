"""Frames averaged over time along motion, against noise, and only where nothing but noise differs.

A recursive average A of the frames is brought along the motion to the next frame F, with n the count of frames in it:

    n <- min(c n, N),    A <- A + (F - A) / (n + 1),    N = k / (1 - k),    k the largest share that is kept

so that noise falls to the share (1 - k) / (1 + k) of its variance where all stands still. The trust c of a place is
1 where what the frame differs by, over 5 x 5 pixels, is no more than noise makes of it: neither its mean square nor
its mean. Where it is more, c is 0 and the place is that of the frame alone. So a thing that moves leaves at most what
cannot be told from noise.

The variance of the noise, by channel and level, is the smaller of two: within the frame, by the mask of J. Immerkaer,
"Fast noise variance estimation", Computer Vision and Image Understanding 64(2), 1996; and over time. Both leave out the
largest 5 %, which are edges and things that move. Motion is none where none explains the frame, or else that of
OpenCV's dense inverse search (Kroeger et al., ECCV 2016) on reduced luma.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.errors import UsageError
from highbeam.methods.base import Float, Values
from highbeam.video.state import taken

__all__ = ["Averaged"]

_SIDE = 5
"""Pixels along a side of the neighbourhood that is compared."""

_SQUARE, _MEAN = (1.6, 2.4), (14.0, 24.0)
"""Mean squares over the noise's, and squared means over theirs summed over channels, from which on trust falls, and is
gone. Of noise alone the first is 1 with a deviation of 0.16 to 0.3, the second above 14 in 0.3 % of places."""

_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6.0
_BINS, _LEAST_COUNT, _STEP = 24, 64, 2
_TRIMMED, _LEFT = 0.95, 0.759
"""Share of squares that count, and the share of a Gaussian's variance that they have."""

_FLOOR = (0.25 / 255.0) ** 2
_HALF, _STILL = 0.5, 0.02
"""Trust that is little, and the share of places with so little trust up to which no motion is looked for."""

_FLOW_WIDTH, _LEAST_SIDE = 320, 32
_REFERENCE = 0.9


class Averaged:
    """The average of the frames of one video: a callable on them, in order."""

    def __init__(self, strength: float) -> None:
        """Start before the first frame.

        Args:
            strength: in [0, 1]; at 1, nine tenths of the average are kept in each frame.
        """
        kept = _REFERENCE * strength
        self._most = kept / (1.0 - kept)
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._mean: Float | None = None
        self._count = np.zeros((0, 0), np.float32)

    def __call__(self, frame: Float) -> Float:
        """Take in the next frame ``(H, W, 3)`` in [0, 1]; return the average there, a new array."""
        if self._mean is None or self._mean.shape != frame.shape:
            self._mean, self._count = frame.copy(), np.ones(frame.shape[:2], np.float32)
            return frame.copy()
        mean, count, trust = _found(frame, self._mean, self._count)
        count = np.minimum(trust * count, np.float32(self._most))
        self._mean = np.clip(mean + (frame - mean) / (count[..., None] + 1.0), 0.0, 1.0)
        self._count = count + 1.0
        return self._mean.copy()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides what comes next, as arrays."""
        mean = np.zeros((0, 0, 3), np.float32) if self._mean is None else self._mean.copy()
        return {"mean": mean, "count": self._count.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken.

        Raises:
            UsageError: it is no such state.
        """
        mean, count = (taken(state, key, axes).astype(np.float32) for key, axes in (("mean", 3), ("count", 2)))
        if mean.shape != (*count.shape, mean.shape[2]) or (mean.size and float(count.min()) < 1.0):
            raise UsageError("the average and its counts do not belong together; take the state from state_dict()")
        self._mean, self._count = (mean if mean.size else None), count


def _found(frame: Float, mean: Float, count: Float) -> tuple[Float, Float, Float]:
    """Return the average where it explains the frame best, its counts, and its trust."""
    noise = noise_of(frame, mean, count)
    trust = trusted(frame, mean, count, noise)
    if float(np.mean(trust < _HALF)) <= _STILL or min(trust.shape) < _LEAST_SIDE:
        return mean, count, trust
    x, y = _targets(_flow(frame, mean))
    moved, counts = (
        np.asarray(cv2.remap(values, x, y, way, borderMode=cv2.BORDER_REPLICATE))
        for values, way in ((mean, cv2.INTER_CUBIC), (count, cv2.INTER_NEAREST))
    )
    height, width = trust.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    there = trusted(frame, moved, counts, noise) * inside
    better = there > trust
    return np.where(better[..., None], moved, mean), np.where(better, counts, count), np.where(better, there, trust)


def noise_of(frame: Float, mean: Float, count: Float) -> Values:
    """Return the variance of the noise by channel and level, ``(3, 256)`` in squares of the frame's unit.

    Args:
        frame: ``(H, W, 3)`` in [0, 1].
        mean: the average of the frames before, likewise.
        count: of frames in it, ``(H, W)``.
    """
    inside = np.square(cv2.filter2D(frame, -1, _MASK, borderType=cv2.BORDER_REFLECT_101))[::_STEP, ::_STEP]
    over = np.square(frame - mean)[::_STEP, ::_STEP] / (1.0 + 1.0 / count[::_STEP, ::_STEP, None])
    level = _levels(mean)[::_STEP, ::_STEP]
    return np.stack([_by_level(level[..., c], inside[..., c], over[..., c]) for c in range(3)])


def trusted(frame: Float, mean: Float, count: Float, noise: Values) -> Float:
    """Return how far what a frame differs from an average by is noise, ``(H, W)`` in [0, 1].

    Args:
        frame: ``(H, W, 3)`` in [0, 1].
        mean: likewise.
        count: of frames in it, ``(H, W)``.
        noise: its variances, as :func:`noise_of` gives them.
    """
    apart = frame - mean
    variance = np.stack([np.take(noise[c].astype(np.float32), _levels(mean)[..., c]) for c in range(3)], axis=2)
    variance = _box(variance) * (1.0 + 1.0 / count[..., None])
    square = np.mean(_box(np.square(apart)) / variance, axis=2)
    shift = _SIDE**2 * np.sum(np.square(_box(apart)) / variance, axis=2)
    trust = (1.0 - _rise(square, *_SQUARE)) * (1.0 - _rise(shift, *_MEAN))
    return np.asarray(cv2.erode(trust, np.ones((_SIDE, _SIDE), np.uint8)), np.float32)


def _by_level(level: NDArray[np.uint8], inside: Float, over: Float) -> Values:
    """Return 256 variances of one channel, interpolated between bins of the levels' square roots."""
    bins = np.sqrt(level / 256.0) * _BINS
    which, found = bins.astype(np.int64), []
    for index in np.flatnonzero(np.bincount(which.ravel(), minlength=_BINS) >= _LEAST_COUNT):
        own = which == index
        found.append((index + 0.5, min(_variance(inside[own]), _variance(over[own]))))
    if not found:
        return np.full(256, _FLOOR)
    places, variances = np.array(found).T
    return np.asarray(np.maximum(np.interp(np.sqrt(np.arange(256) / 256.0) * _BINS, places, variances), _FLOOR))


def _variance(squares: Float) -> float:
    count = max(1, int(_TRIMMED * squares.size))
    return float(np.mean(np.partition(squares, count - 1)[:count], dtype=np.float64)) / _LEFT


def _levels(mean: Float) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255.0 * _box(mean)), np.uint8)


def _box(values: Float) -> Float:
    return np.asarray(cv2.blur(values, (_SIDE, _SIDE), borderType=cv2.BORDER_REFLECT_101))


def _rise(values: Float, low: float, high: float) -> Float:
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0))


def _flow(frame: Float, mean: Float) -> Float:
    """Return where each place of the frame was in the average, pixels to the right and down, ``(H, W, 2)``."""
    height, width = frame.shape[:2]
    scale = min(1.0, _FLOW_WIDTH / width)
    size = (max(_LEAST_SIDE, round(width * scale)), max(_LEAST_SIDE, round(height * scale)))
    now, before = (_grey(picture, size) for picture in (frame, mean))
    white = max(float(np.percentile(before, 99.0)), 1.0 / 255.0)
    first, second = (np.rint(np.clip(grey * (255.0 / white), 0.0, 255.0)).astype(np.uint8) for grey in (now, before))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(first, second, None)
    ratio = np.array([width / size[0], height / size[1]], np.float32)
    return np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32) * ratio


def _grey(picture: Float, size: tuple[int, int]) -> Float:
    reduced = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(reduced, cv2.COLOR_RGB2GRAY), (0, 0), 1.0), np.float32)


def _targets(flow: Float) -> tuple[Float, Float]:
    height, width = flow.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(flow[..., 0] + x), np.asarray(flow[..., 1] + y)
