"""Turning frames as a container's display matrix says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from highbeam.methods.base import Pixels

__all__ = ["Turn", "turn_of"]

_ENTRIES = 9


@dataclass(frozen=True)
class Turn:
    """One of the eight ways to lay a frame.

    Attributes:
        swapped: rows become columns, before the flips.
        flipped_x: left and right change places.
        flipped_y: top and bottom change places.
    """

    swapped: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return ``(H, W, 3)`` as it is to be looked at."""
        if self == Turn():
            return pixels
        turned = pixels.swapaxes(0, 1) if self.swapped else pixels
        turned = turned[:, ::-1] if self.flipped_x else turned
        turned = turned[::-1] if self.flipped_y else turned
        return np.ascontiguousarray(turned)


def turn_of(matrix: Sequence[int]) -> Turn | None:
    """Return what a display matrix asks for.

    Args:
        matrix: nine numbers a, b, u, c, d, v, x, y, w; a point goes to (a x + c y, b x + d y), y pointing down.

    Returns:
        ``None`` for a turn by anything but right angles.
    """
    if len(matrix) != _ENTRIES:
        return None
    a, b, _, c, d = matrix[:5]
    if b == c == 0 and a and d:
        return Turn(flipped_x=a < 0, flipped_y=d < 0)
    if a == d == 0 and b and c:
        return Turn(swapped=True, flipped_x=c < 0, flipped_y=b < 0)
    return None
