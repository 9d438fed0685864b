"""The camera model for one numpy picture."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from highbeam.camera.batch import Nights, darken, sample
from highbeam.errors import ArrayError

__all__ = ["DarkPicture", "darken_array", "darken_array_as"]

_WHITE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


class DarkPicture(NamedTuple):
    """A darkened picture.

    Attributes:
        dark: ``(H, W, 3)`` in the dtype of the day picture; in steps of 1/255 whatever that is.
        reference: the same scene well lit: the day picture with the lamps of the night, likewise.
        record: every parameter, for a manifest; :func:`darken_array_as` takes it.
    """

    dark: NDArray[Any]
    reference: NDArray[Any]
    record: dict[str, Any]


def darken_array(day: NDArray[Any], preset: str = "street", *, seed: int = 0) -> DarkPicture:
    """Turn one day picture into a night one.

    Args:
        day: ``(H, W, 3)`` RGB: ``uint8``, ``uint16``, or ``float32`` in [0, 1].
        preset: a kind of night, or ``training``.
        seed: the same gives the same picture.

    Raises:
        ArrayError: another shape or dtype.
        OptionError: no preset of that name.
    """
    return _darken(day, sample(preset, 1, Generator().manual_seed(seed)))


def darken_array_as(day: NDArray[Any], record: dict[str, Any]) -> DarkPicture:
    """Turn one day picture into a night one with parameters as recorded.

    Args:
        day: as for :func:`darken_array`.
        record: of a manifest; parameters that it does not name are off.

    Raises:
        ArrayError: another shape or dtype.
        UsageError: an unknown law or parameter.
    """
    return _darken(day, Nights.from_records([record]))


def _darken(day: NDArray[Any], nights: Nights) -> DarkPicture:
    if day.ndim != 3 or day.shape[2] != 3 or day.dtype.name not in _WHITE:  # noqa: PLR2004 - (H, W, 3)
        raise ArrayError(f"expected (height, width, 3) of {', '.join(_WHITE)}, got {day.shape} of {day.dtype}")
    unit = day.astype(np.float32) / np.float32(_WHITE[day.dtype.name])
    pair = darken(torch.from_numpy(unit).permute(2, 0, 1)[None].contiguous(), nights)
    return DarkPicture(_array(pair.dark, day.dtype), _array(pair.reference, day.dtype), nights.records()[0])


def _array(pictures: Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    unit = np.ascontiguousarray(pictures[0].permute(1, 2, 0).numpy())
    if dtype == np.float32:
        return unit
    return np.rint(unit * np.float32(_WHITE[dtype.name])).astype(dtype)
