"""What TensorBoard shows of a training: scalars, and dark, enhanced and reference pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

__all__ = ["Board", "sheet"]

_ROWS = 4


class Board:
    """Writes the event files of one training.

    Args:
        folder: for the files.
        step: steps that are done; what an earlier run wrote behind it is hidden.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step or None)  # type: ignore[no-untyped-call]

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]

    def pictures(self, step: int, dark: Tensor, enhanced: Tensor, reference: Tensor) -> None:
        """Show the first pictures of a batch, ``(N, 3, H, W)`` each."""
        self._writer.add_image("dark, enhanced, reference", sheet(dark, enhanced, reference), step)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()  # type: ignore[no-untyped-call]


def sheet(dark: Tensor, enhanced: Tensor, reference: Tensor) -> Tensor:
    """Lay up to four pictures of a batch out, one in a row: ``(3, rows * H, 3 * W)`` in [0, 1]."""
    columns = [part[:_ROWS].detach().float().cpu().clamp(0.0, 1.0) for part in (dark, enhanced, reference)]
    return torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
