"""Two frames of one scene in each step, so that a network learns to say the same of both.

The frames of a twin show the same day a few pixels apart, under the same night and light, each with its own noise. The
second one is normalised by a mix of its own scene statistics and those of the first, as the frames of a video are
(:mod:`highbeam.video.state`). Where both show the same place, what differs between the two outputs is flicker.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional

from highbeam.camera import Nights, darken

__all__ = ["MARGIN", "Twins", "film", "unsteadiness"]

MARGIN = 32
"""How much longer a side of the day is than that of the frames that are cut from it, pixels."""

_PLACE = 16  # pixels along the squares whose brightness must not waver
_SEEDS = 1 << 62


class Twins(NamedTuple):
    """Frames of n scenes: first the n first frames, then the n second ones.

    Attributes:
        dark: ``(2 n, 3, S, S)`` ``float32`` in [0, 1].
        reference: likewise.
        corners: ``(2 n, 2)`` ``int64`` on the CPU, row and column of each frame's first pixel in its day.
    """

    dark: Tensor
    reference: Tensor
    corners: Tensor


def film(day: Tensor, nights: Nights, generator: Generator) -> Twins:
    """Film each day twice.

    Args:
        day: ``(n, 3, S + MARGIN, S + MARGIN)`` ``float32`` in [0, 1].
        nights: of n pictures.
        generator: on the CPU; says where the frames are cut, and what noise the second ones have.
    """
    rows = len(day)
    side = torch.tensor(day.shape[2:]) - MARGIN
    corners = torch.randint(0, MARGIN + 1, (2 * rows, 2), generator=generator)
    fresh = torch.randint(_SEEDS, (rows,), generator=generator)
    shots = []
    for own, night in zip(corners.chunk(2), (nights, _noisy_anew(nights, fresh)), strict=True):
        frames = torch.stack([_cut(each, corner, side) for each, corner in zip(day, own, strict=True)])
        whole = side + MARGIN
        shares = torch.cat((own.flip(1) / whole.flip(0), (side / whole).flip(0).expand(rows, 2)), dim=1)
        shots.append(darken(frames, night.in_windows(shares)))
    return Twins(torch.cat([shot.dark for shot in shots]), torch.cat([shot.reference for shot in shots]), corners)


def unsteadiness(enhanced: Tensor, corners: Tensor) -> Tensor:
    """How far the brightness of the same places, and of all together, differs between the frames of a twin.

    Args:
        enhanced: ``(2 n, 3, S, S)`` display values.
        corners: see :class:`Twins`.

    Returns:
        A scalar: the mean absolute difference over squares of 16 x 16 pixels, plus that of the means.
    """
    first, second = enhanced.chunk(2)
    starts = torch.maximum(*corners.chunk(2))
    ends = torch.minimum(*corners.chunk(2)) + torch.tensor(enhanced.shape[2:])
    parts = []
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        own, other = (
            _cut(frames[row], start - corners[at], end - start)
            for frames, at in ((first, row), (second, row + len(first)))
        )
        places = functional.avg_pool2d((own - other)[None], _PLACE)
        parts.append(places.abs().mean() + places.mean((2, 3)).abs().mean())
    return torch.stack(parts).mean()


def _noisy_anew(nights: Nights, seeds: Tensor) -> Nights:
    parts = [replace(part, night=replace(part.night, seed=seeds[part.rows])) for part in nights.parts]
    return replace(nights, parts=tuple(parts))


def _cut(picture: Tensor, corner: Tensor, size: Tensor) -> Tensor:
    (top, left), (height, width) = corner.tolist(), size.tolist()
    return picture[:, top : top + height, left : left + width]
