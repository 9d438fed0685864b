"""What a network is trained to make small: distances between its output and the reference.

All are means over a batch ``(N, 3, H, W)`` of display values, in ``float32``; the output is not clipped, so that a
value that went past white is still pulled back.
"""

from __future__ import annotations

import torch
from torch import Tensor

from highbeam.training.config import LossWeights

__all__ = ["charbonnier", "colour", "gradient", "log_error", "losses", "luma", "ssim", "total"]

_SOFT = 1e-3
_RIGHT = 1e-4
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
_LUMA = (0.299, 0.587, 0.114)
_SATURATED = 3.0


def losses(enhanced: Tensor, reference: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Compute the parts that have a weight, each a scalar, by the names of their weights.

    Args:
        enhanced: ``(N, 3, H, W)`` ``float32``, not clipped.
        reference: likewise, in [0, 1].
        weights: of the configuration.
    """
    parts = {"charbonnier": charbonnier, "ssim": dissimilarity, "gradient": gradient, "colour": colour}
    parts["psnr"] = log_error
    return {name: part(enhanced, reference) for name, part in parts.items() if getattr(weights, name) > 0.0}


def total(parts: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Add the parts up, each by its weight."""
    return torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()


def charbonnier(enhanced: Tensor, reference: Tensor) -> Tensor:
    """Mean of sqrt(d^2 + 0.001^2): an absolute distance that is smooth at zero (Charbonnier et al., ICIP 1994)."""
    return torch.sqrt((enhanced - reference).square() + _SOFT * _SOFT).mean()


def gradient(enhanced: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute distance of the differences between neighbours, along rows and along columns."""
    off = enhanced - reference
    return (off[..., 1:, :] - off[..., :-1, :]).abs().mean() + (off[..., 1:] - off[..., :-1]).abs().mean()


def colour(enhanced: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute distance of R - G and B - G; a fully saturated place of the reference counts four times.

    Signal and tail lights are a few pixels of a picture, and nothing else in it tells a network to keep their hue.
    """
    off = enhanced - reference
    chroma = (off[:, 0] - off[:, 1]).abs() + (off[:, 2] - off[:, 1]).abs()
    saturation = reference.amax(1) - reference.amin(1)
    return 0.5 * (chroma * (1.0 + _SATURATED * saturation)).mean()


def log_error(enhanced: Tensor, reference: Tensor) -> Tensor:
    """Mean over pictures of ``log10(1 + e / 0.0001)``, where e is the mean squared distance of one picture.

    A tenth of it is a PSNR in bel, but for pictures that are right to 40 dB. Each picture counts by its own error, so
    that the hopeless ones of a batch do not rule it (as a loss: Chen et al. 2021, HINet, section 3.3).
    """
    return torch.log10(1.0 + (enhanced - reference).square().mean((1, 2, 3)) / _RIGHT).mean()


def dissimilarity(enhanced: Tensor, reference: Tensor) -> Tensor:
    """1 - SSIM of the luma, at every second place along rows and columns."""
    return 1.0 - ssim(luma(enhanced), luma(reference), stride=2).mean()


def luma(pictures: Tensor) -> Tensor:
    """Return the luma of ITU-R BT.601 as ``(N, 1, H, W)``."""
    return (pictures * pictures.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)


def ssim(x: Tensor, y: Tensor, stride: int = 1) -> Tensor:
    """Structural similarity of each picture, ``(N,)``: Wang et al. 2004, as :func:`highbeam.metrics.ssim` has it.

    Gaussian window of 11 x 11 pixels, sigma 1.5; means over channels and all places where the window fits.

    Args:
        x: ``(N, C, H, W)`` in [0, 1], sides of at least 11.
        y: likewise.
        stride: look at every so many places along each side only.
    """
    mean_x, mean_y, xx, yy, xy = _windowed(torch.stack((x, y, x * x, y * y, x * y)), stride)
    var_x, var_y, covariance = xx - mean_x * mean_x, yy - mean_y * mean_y, xy - mean_x * mean_y
    luminance = (2.0 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
    structure = (2.0 * covariance + _C2) / (var_x + var_y + _C2)
    similarity: Tensor = luminance * structure
    return similarity.mean((1, 2, 3))


def _windowed(maps: Tensor, stride: int) -> Tensor:
    """Gaussian means of ``(..., H, W)`` at places where the window fits.

    As products with banded matrices: on a CPU a tenth of the time of a convolution of one channel.
    """
    rows, columns = (_bands(side, stride, maps) for side in maps.shape[-2:])
    means: Tensor = rows.T @ (maps @ columns)
    return means


def _bands(side: int, stride: int, like: Tensor) -> Tensor:
    """Return the weights from each of ``side`` places to each window, ``(side, windows)``."""
    place = torch.arange(side, device=like.device, dtype=like.dtype)
    middle = place[_WINDOW // 2 : side - _WINDOW // 2 : stride]
    off = place[:, None] - middle
    weights = torch.exp(-off.square() / (2.0 * _SIGMA * _SIGMA)) * (off.abs() <= _WINDOW // 2)
    return weights / weights.sum(0)
