"""Input-output metrics of what goes wrong at night: lamps that bloom, noise and blocks that come out of the dark."""

from __future__ import annotations

import math

import numpy as np

from highbeam.methods.base import Pixels
from highbeam.metrics.base import Double, Mask, check_pair, check_sides, luma

__all__ = ["blockiness", "highlight_growth", "noise_amplification", "noise_level"]

_NEAR_WHITE = 0.9  # share of white; more luma than any colour without one of the three lights has
_LEAST_AREA = 1e-4  # share of the picture: 92 pixels of 1280 x 720

_BLOCK, _PART = 16, 4
_SEEN = (0.02, 0.8)  # mean luma of a block in the input: below, there is little but rounding; above, clipping
_NOT_CLIPPED = 0.95  # the same in the output
_FLATTEST = 0.1  # share of these blocks
_ROUNDING = 1.0 / (255.0 * math.sqrt(12.0))  # deviation of what rounding to 8 bits adds

_GRID = 8
_DARK = 0.2 + 1e-6  # so that grey 51 of 255 is dark in each dtype
_LEAST_STEP = 0.1 / 255.0


def highlight_growth(output: Pixels, source: Pixels) -> float:
    """Area of what is nearly white after enhancement, over the area before.

    Nearly white is luma Y' (BT.601) of at least 0.9 of white. To both areas a ten-thousandth of the picture is added,
    so that the ratio is defined where nothing was nearly white before: there, 1 % of the picture counts as 101. The
    definition is this project's own.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``.
        source: the dark input, of the same shape and dtype.

    Returns:
        A pure number, from 0 to infinity, lower is better: 1 where lamps and headlights keep their size; between
        1e-4 and 10001 by what is added.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype.
    """
    check_pair(output, source)
    after, before = (float(np.mean(luma(pixels) >= _NEAR_WHITE)) + _LEAST_AREA for pixels in (output, source))
    return after / before


def noise_amplification(output: Pixels, source: Pixels) -> float:
    """Noise in flat blocks after enhancement, over the noise before.

    Noise of a block of 16 x 16 pixels is the standard deviation of its luma around the plane that fits it best. Flat
    are the tenth of the blocks whose 4 x 4 parts have the most similar means in the *input*, in relation to the block's
    mean: parts average most of the noise away, so that blocks are not chosen for happening to be quiet. Left out are
    blocks of mean luma below 0.02 or above 0.8 in the input or above 0.95 in the output. The value is the ratio of the
    medians, each no less than what rounding to 8 bits leaves, 1 / (255 sqrt(12)).

    The ratio rises with brightness: a gain of 4 without any denoising gives 4. See :func:`noise_level`. The definition
    is this project's own.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``.
        source: the dark input, of the same shape and dtype.

    Returns:
        A pure number, from 0 to infinity, lower is better; 1 where noise stays as it is. NaN where no block qualifies.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype, or a side below 16 pixels.
    """
    after, before, flat = _flat_blocks(output, source)
    if not flat.any():
        return math.nan
    medians = [float(np.median(_deviations(blocks[flat]))) for blocks in (after, before)]
    return max(medians[0], _ROUNDING) / max(medians[1], _ROUNDING)


def noise_level(output: Pixels, source: Pixels) -> float:
    """Noise in flat blocks of the output, each brought to mid-grey by a gain, so that bright and dark outputs compare.

    The median over the blocks of 50 % times noise over mean, both of luma; blocks and noise as in
    :func:`noise_amplification`. A method that only multiplies leaves it as it is. The definition is this project's own.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``.
        source: the dark input, of the same shape and dtype.

    Returns:
        % of white, from 0 to infinity, lower is better. NaN where no block qualifies.

    Raises:
        ArrayError: as for :func:`noise_amplification`.
    """
    after, _, flat = _flat_blocks(output, source)
    if not flat.any():
        return math.nan
    means = np.maximum(after[flat].mean(axis=(1, 2)), _ROUNDING)
    return 50.0 * float(np.median(_deviations(after[flat]) / means))


def _flat_blocks(output: Pixels, source: Pixels) -> tuple[Double, Double, Mask]:
    """Return luma of the blocks, ``(N, 16, 16)``, of output and source, and which are flat, ``(N,)``."""
    check_pair(output, source)
    check_sides(source, _BLOCK, "noise")
    after, before = _blocks(luma(output)), _blocks(luma(source))
    mean = np.round(before.mean(axis=(1, 2)), 6)  # so that a block is in or out alike in each dtype
    fit = (mean >= _SEEN[0]) & (mean <= _SEEN[1]) & (after.mean(axis=(1, 2)) <= _NOT_CLIPPED)
    parts = before.reshape(-1, _BLOCK // _PART, _PART, _BLOCK // _PART, _PART).mean(axis=(2, 4))
    spread = np.where(fit, np.round(parts.std(axis=(1, 2)) / np.maximum(mean, _SEEN[0]), 6), np.inf)
    wanted = math.ceil(_FLATTEST * np.count_nonzero(fit))
    return after, before, fit & (spread <= (np.sort(spread)[wanted - 1] if wanted else -1.0))


def _blocks(values: Double) -> Double:
    rows, columns = values.shape[0] // _BLOCK, values.shape[1] // _BLOCK
    whole = values[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    return np.ascontiguousarray(whole.transpose(0, 2, 1, 3)).reshape(-1, _BLOCK, _BLOCK)


def _deviations(blocks: Double) -> Double:
    """Return the standard deviation of each block ``(N, 16, 16)`` around its plane, which takes three degrees."""
    ramp = np.arange(_BLOCK) - (_BLOCK - 1) / 2.0
    slope = ramp / (_BLOCK * np.sum(ramp**2))
    rest = blocks - blocks.mean(axis=(1, 2), keepdims=True)
    across, down = rest.sum(axis=1) @ slope, rest.sum(axis=2) @ slope
    rest = rest - across[:, None, None] * ramp - down[:, None, None] * ramp[:, None]
    return np.asarray(np.sqrt(np.sum(rest**2, axis=(1, 2)) / (_BLOCK**2 - 3)))


def blockiness(output: Pixels, source: Pixels) -> float:
    """How much more the output steps at the borders of 8 x 8 blocks than inside them, where the input is dark.

    B / A with B the mean absolute difference of neighbours' luma across the borders of the JPEG grid and A the mean
    inside, as the terms of Z. Wang, H. R. Sheikh, A. C. Bovik, "No-reference perceptual quality assessment of JPEG
    compressed images", ICIP 2002, here over both directions and only between neighbours that both have luma
    of at most 0.2 in the input. A tenth of an 8-bit step is added to both means, so that flat black gives 1. The grid
    is taken to start at the upper left corner, which cropping and resizing undo.

    Args:
        output: what was made of ``source``: ``(H, W, 3)``.
        source: the dark input, of the same shape and dtype.

    Returns:
        A pure number, from 0 to infinity, lower is better: about 1 without a grid. NaN where nothing is dark on both
        sides of a border.

    Raises:
        ArrayError: arrays that no method takes, or two that differ in shape or dtype, or a side below 16 pixels.
    """
    check_pair(output, source)
    check_sides(source, 2 * _GRID, "blockiness")
    values, dark = luma(output), luma(source) <= _DARK
    sums = np.zeros((2, 2))  # inside and border; sum and count
    for v, d in ((values, dark), (values.T, dark.T)):
        step, both = np.abs(np.diff(v, axis=1)), d[:, 1:] & d[:, :-1]
        border = np.arange(step.shape[1]) % _GRID == _GRID - 1
        for kind, at in enumerate((~border, border)):
            sums[kind] += step[:, at].sum(where=both[:, at]), np.count_nonzero(both[:, at])
    if not sums[:, 1].all():
        return math.nan
    inside, across = sums[:, 0] / sums[:, 1] + _LEAST_STEP
    return float(across / inside)
