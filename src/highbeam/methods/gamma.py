"""Gamma correction: the simplest brightening there is, and the floor that other methods are held against.

out = in^(1/gamma) on the unit scale. Source: C. Poynton, "Digital Video and HD", 2nd ed., 2012, ch. 27 (power
functions on display-referred values).
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.methods.base import Pixels, full_scale

__all__ = ["GammaOptions", "gamma"]


@dataclass(frozen=True)
class GammaOptions:
    """Options of gamma correction."""

    gamma: Annotated[float, Field(gt=0, le=10, description="above 1 brightens, below 1 darkens; no unit")] = 2.5


def gamma(pixels: Pixels, options: GammaOptions) -> Pixels:
    """Raise every channel to the power 1 / gamma; integers through a table, so exact to their rounding."""
    exponent = 1.0 / options.gamma
    if pixels.dtype == np.float32:
        return np.asarray(cv2.pow(pixels, exponent))
    white = full_scale(pixels)
    steps = np.arange(white + 1.0) / white
    table = np.rint(steps**exponent * white).astype(pixels.dtype)
    return np.asarray(cv2.LUT(pixels, table)) if pixels.dtype == np.uint8 else table[pixels]
