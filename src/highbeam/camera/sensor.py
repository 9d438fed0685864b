"""The sensor: colour filters, noise, digits, and colours again.

Raw data is kept as planes at half the size, ``(B, 4, H/2, W/2)``: red, green beside red, green beside blue, blue, that
is an RGGB mosaic with each colour gathered. Signals are shares of full scale: 1 is a full well.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from highbeam.camera.rows import Amount, normal, per_row

__all__ = ["add_noise", "add_row_noise", "demosaic", "digitise", "mosaic"]

_SHOT_AND_READ, _ROWS = 1, 2  # streams of random numbers
_RED, _GREEN, _BLUE = 0, 1, 2
_PATTERN = ((_RED, _GREEN), (_GREEN, _BLUE))


def mosaic(light: Tensor) -> Tensor:
    """Keep one colour per pixel: ``(B, 3, H, W)`` with even sides to planes ``(B, 4, H/2, W/2)``."""
    return torch.stack(
        (
            light[:, _RED, 0::2, 0::2],
            light[:, _GREEN, 0::2, 1::2],
            light[:, _GREEN, 1::2, 0::2],
            light[:, _BLUE, 1::2, 1::2],
        ),
        dim=1,
    )


def add_noise(planes: Tensor, shot_gain: Amount, read_noise: Amount, seed: Tensor) -> Tensor:
    """Add the noise of photons and of reading: variance ``shot_gain * signal + read_noise^2``.

    Both are taken as Gaussian (Foi et al., IEEE TIP 17(10), 2008; Brooks et al. 2019, section 3.3); below a handful of
    electrons the true shot noise is skewed, which read noise covers in practice.

    Args:
        planes: signal in shares of full scale.
        shot_gain: share of full scale per photoelectron: one over the full well at the gain in use.
        read_noise: standard deviation in shares of full scale.
        seed: ``(B,)``, one per picture.
    """
    own = per_row(shot_gain, planes)
    spread = planes.clamp_min(0.0).mul_(own).add_(per_row(read_noise, planes).square()).sqrt_()
    noise = normal(tuple(planes.shape[1:]), seed, _SHOT_AND_READ, planes.device)
    return torch.addcmul(planes, spread, noise)


def add_row_noise(planes: Tensor, row_noise: Amount, seed: Tensor) -> Tensor:
    """Shift every row of the sensor by a random offset, the banding of column-parallel readout.

    Args:
        planes: ``(B, 4, h, w)`` of a mosaic, where two planes lie in one row of the sensor, or ``(B, 3, h, w)``.
        row_noise: standard deviation of the offset in shares of full scale.
        seed: ``(B,)``, one per picture.
    """
    channels, height = planes.shape[1:3]
    shared = (2, height, 1) if channels == 4 else (1, height, 1)  # noqa: PLR2004 - the four planes of a mosaic
    offset = normal(shared, seed, _ROWS, planes.device) * per_row(row_noise, planes)
    return planes + offset.repeat_interleave(channels // shared[0], dim=1)


def digitise(planes: Tensor, bits: Amount, black_level: Amount, black_error: Amount = 0.0) -> Tensor:
    """Turn the signal into the converter's numbers and back, as a raw file would hold it.

    Args:
        planes: signal in shares of full scale.
        bits: of the converter, 10 to 14 as a rule; 24 is as fine as ``float32``.
        black_level: pedestal that keeps noise around black from being cut, in shares of the converter's range: such as
            64/1023.
        black_error: how far the black level that is taken off again is too high, in shares of full scale: positive
            crushes the blacks, negative lifts them.

    Returns:
        Signal in shares of full scale; noise around black keeps its negative half as far as the pedestal allows.
    """
    top = torch.exp2(per_row(bits, planes)) - 1.0
    black = per_row(black_level, planes)
    numbers = (planes * (1.0 - black)).add_(black).mul_(top).round_().clamp_(min=0.0)
    signal = torch.minimum(numbers, top).div_(top).sub_(black).div_(1.0 - black)
    return signal.sub_(per_row(black_error, planes))


def demosaic(planes: Tensor) -> Tensor:
    """Fill in the missing colours by the gradient-corrected linear filters of Malvar, He and Cutler, ICASSP 2004.

    Args:
        planes: ``(B, 4, H/2, W/2)``.

    Returns:
        ``(B, 3, H, W)``. All twelve filters run as one convolution over the planes, a quarter of the pixels.
    """
    padded = functional.pad(planes, (1, 1, 1, 1), mode="replicate")
    return functional.pixel_shuffle(functional.conv2d(padded, _WEIGHTS.to(planes)), 2)


# Figure 2 of the paper, in eighths: green at red or blue; red or blue at green where it lies in the same row; the same
# where it lies in the same column (transposed); red at blue or blue at red.
_GREEN_AT_OTHER = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0), (0, 0, -1, 0, 0))
_AT_GREEN_IN_ROW = ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0), (0, 0, 0.5, 0, 0))
_OPPOSITE = ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0), (0, 0, -1.5, 0, 0))


def _filter_for(colour: int, row: int, column: int) -> Tensor:
    """Return the 5x5 filter that yields a colour at a place of the pattern."""
    here = _PATTERN[row][column]
    if here == colour:
        same = torch.zeros(5, 5)
        same[2, 2] = 1.0
        return same
    if colour == _GREEN:
        return torch.tensor(_GREEN_AT_OTHER) / 8.0
    if here != _GREEN:
        return torch.tensor(_OPPOSITE) / 8.0
    in_row = torch.tensor(_AT_GREEN_IN_ROW) / 8.0
    return in_row if _PATTERN[row][1 - column] == colour else in_row.T


def _weights() -> Tensor:
    """Return the filters of all places as ``(12, 4, 3, 3)`` over the planes, in the order of ``pixel_shuffle``."""
    weights = torch.zeros(3, 2, 2, 4, 3, 3)
    for colour in range(3):
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            for (dy, dx), tap in _taps(_filter_for(colour, row, column)):
                y, x = row + dy, column + dx
                weights[colour, row, column, 2 * (y % 2) + x % 2, y // 2 + 1, x // 2 + 1] += tap
    return weights.reshape(12, 4, 3, 3)


def _taps(filter_5x5: Tensor) -> list[tuple[tuple[int, int], float]]:
    return [((y - 2, x - 2), float(filter_5x5[y, x])) for y in range(5) for x in range(5)]


_WEIGHTS = _weights()
