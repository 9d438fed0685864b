"""What every stage shares: one amount per picture of a batch, and random numbers that belong to a picture.

A batch is ``(B, 3, H, W)`` ``float32``. Whatever happens to one picture must not depend on its neighbours in the
batch: amounts are given per row, and every row draws its noise from a generator of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

__all__ = ["Amount", "apply_where", "normal", "per_row"]

Amount: TypeAlias = float | Tensor
"""One number for all pictures, or a tensor ``(B,)`` with one for each; on any device."""

_WORD = (1 << 64) - 1
_STRIDE = 0x9E3779B97F4A7C15


def per_row(amount: Amount, like: Tensor) -> Tensor:
    """Return an amount as ``(B, 1, ...)`` (or ``(1, 1, ...)``) on the device and in the dtype of a batch."""
    column = torch.as_tensor(amount, dtype=like.dtype, device=like.device)
    return column.reshape(-1, *[1] * (like.ndim - 1))


def apply_where(pictures: Tensor, on: Tensor, stage: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Send only some rows of a batch through a stage.

    Args:
        pictures: ``(B, ...)``; left as it is.
        on: ``(B,)`` bool on the CPU, so that no device has to be waited for.
        stage: takes the chosen pictures and their row numbers; keeps the shape.

    Returns:
        The batch; the very same tensor where no row is on.
    """
    rows = on.nonzero().flatten()
    if len(rows) == 0:
        return pictures
    if len(rows) == len(pictures):
        return stage(pictures, rows)
    there = rows.to(pictures.device)
    return pictures.index_copy(0, there, stage(pictures.index_select(0, there), rows))


def normal(shape: tuple[int, ...], seed: Tensor, stream: int, device: torch.device) -> Tensor:
    """Draw standard normal numbers, each row from its own seed.

    Args:
        shape: of one row.
        seed: ``(B,)`` ``int64`` of at least 0.
        stream: tells apart the draws that one picture needs.
        device: where the numbers are drawn; the CPU and a GPU give different ones for one seed.

    Returns:
        ``(B, *shape)`` ``float32``; a row depends on its own seed, the stream and the shape alone.
    """
    numbers = torch.empty((len(seed), *shape), device=device)
    for row, own in zip(numbers, seed.tolist(), strict=True):
        generator = torch.Generator(device).manual_seed(_scramble(own + stream * _STRIDE) >> 1)
        row.normal_(generator=generator)
    return numbers


def _scramble(word: int) -> int:
    """Spread all bits over all others (SplitMix64): torch's generator on the CPU looks at the lower 32 alone."""
    word = (word + _STRIDE) & _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)
