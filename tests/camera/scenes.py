"""Pictures to darken: drawn here, so that what they hold is known."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEVICES = ("cpu", *(["cuda"] if torch.cuda.is_available() else []))


def random_levels(count: int, height: int, width: int, seed: int = 0) -> Tensor:
    """``(count, 3, height, width)`` of random 8-bit levels over the whole range."""
    levels = torch.randint(0, 256, (count, 3, height, width), generator=torch.Generator().manual_seed(seed))
    return levels.float() / 255.0


def road(height: int = 96, width: int = 128, seed: int = 0) -> Tensor:
    """``(1, 3, height, width)``: sky above, textured road below, coloured boxes with edges; 8-bit levels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    sky = np.stack([0.55 + 0.2 * y, 0.7 + 0.1 * y, 0.9 - 0.1 * y], axis=-1)
    texture = 0.4 + 0.05 * np.sin(40 * x) * np.sin(31 * y) + rng.normal(0.0, 0.02, (height, width))
    picture = np.where((y > 0.5)[..., None], texture[..., None], sky)
    for left, top, color in ((0.1, 0.45, (0.8, 0.1, 0.1)), (0.5, 0.4, (0.1, 0.2, 0.7)), (0.7, 0.6, (0.95, 0.95, 0.9))):
        inside = (x > left) & (x < left + 0.18) & (y > top) & (y < top + 0.25)
        picture[inside] = color
    levels = np.rint(np.clip(picture, 0.0, 1.0) * 255.0) / 255.0
    return torch.from_numpy(levels.astype(np.float32)).permute(2, 0, 1)[None].contiguous()


def flat(level: float, height: int = 64, width: int = 64, count: int = 1) -> Tensor:
    """``(count, 3, height, width)`` of one value."""
    return torch.full((count, 3, height, width), level)


def as_pixels(pictures: Tensor, row: int = 0) -> NDArray[np.uint8]:
    """One picture of a batch as ``(H, W, 3)`` ``uint8``."""
    return np.rint(pictures[row].permute(1, 2, 0).numpy() * 255.0).astype(np.uint8)


def levels_apart(one: Tensor, other: Tensor) -> float:
    """Largest difference in 8-bit levels."""
    return float((one - other).abs().max()) * 255.0
