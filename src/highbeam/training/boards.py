"""What TensorBoard shows of a training: scalars, and dark, enhanced and reference pictures side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from highbeam.errors import TrainingError

__all__ = ["Board", "sheet"]

_ROWS = 4


class Board:
    """Writes the event files of one training.

    Args:
        folder: for the files.
        step: steps that are done; what an earlier run wrote behind it is hidden.

    Raises:
        TrainingError: by all methods: the disk does not take it.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        with self._told():
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each curve."""
        with self._told():
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def pictures(self, step: int, dark: Tensor, enhanced: Tensor, reference: Tensor) -> None:
        """Show the first pictures of a batch, ``(N, 3, H, W)`` each."""
        with self._told():
            self._writer.add_image("dark, enhanced, reference", sheet(dark, enhanced, reference), step)

    def flush(self) -> None:
        """Write what is not written yet, so that a checkpoint is never ahead of its curves."""
        with self._told():
            self._writer.flush()

    def close(self) -> None:
        """Write what is not written yet, and end."""
        with self._told():
            self._writer.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrainingError(f"{self._folder}: cannot be written to ({error.strerror}); make room") from error


def sheet(dark: Tensor, enhanced: Tensor, reference: Tensor) -> Tensor:
    """Lay up to four pictures of a batch out, one in a row: ``(3, rows * H, 3 * W)`` in [0, 1]."""
    columns = [part[:_ROWS].detach().float().cpu().clamp(0.0, 1.0) for part in (dark, enhanced, reference)]
    return torch.cat([torch.cat(list(column), dim=1) for column in columns], dim=2)
