"""Other exposures and colours of the same day, so that a network learns how bright roads are and not these pictures.

Each picture is regraded before it is darkened, and the regraded one is the reference too: pairs stay exact. Without it
a network remembers the brightness of scenes that it has seen, and guesses it of those that it has not.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from highbeam.training.config import Jitter

__all__ = ["regrade"]

_FLOOR = 1e-4  # of white: powers of nothing have no slope


def regrade(pictures: Tensor, jitter: Jitter, generator: Generator) -> Tensor:
    """Change tone, cast and saturation of each picture by chance; black and white stay where they are.

    With p, c (per channel) and s normal around 0 with the deviations of the jitter, and m the mean over the channels of
    y = x^(e^(p + c)), the result is m + e^s (y - m), clipped and stored in 8 bits.

    Args:
        pictures: ``(B, 3, H, W)`` ``float32`` in [0, 1].
        jitter: how far.
        generator: on the CPU; five numbers are drawn from it for each picture.

    Returns:
        The same shape and dtype.
    """
    draws = torch.randn(len(pictures), 5, generator=generator).to(pictures.device)[:, :, None, None]
    powers = torch.exp(jitter.power * draws[:, :1] + jitter.cast * draws[:, 1:4])
    graded = pictures.clamp_min(_FLOOR).pow(powers)
    grey = graded.mean(1, keepdim=True)
    coloured = torch.lerp(grey, graded, torch.exp(jitter.saturation * draws[:, 4:]))
    return coloured.clamp_(0.0, 1.0).mul_(255.0).round_().div_(255.0)
