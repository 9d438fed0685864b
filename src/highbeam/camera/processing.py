"""What the camera's own processor does to the developed picture: noise reduction and sharpening.

Night pictures of phones and dashcams show less grain than their sensors make: it was smoothed away, with the texture,
and blotches are left.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from highbeam.camera.optics import gaussian_blur
from highbeam.camera.rows import Amount, per_row
from highbeam.camera.storage import rgb_to_ycc, ycc_to_rgb

__all__ = ["core_luma", "reduce_noise", "smooth_chroma"]

_SHRINK = 4  # chroma is smoothed at a quarter of the size


def reduce_noise(pictures: Tensor, luma: Amount, chroma: Amount, sharpen: Amount = 0.0) -> Tensor:
    """Reduce noise as cameras do: coring of the lightness, and a wide smoothing of the colours.

    Args:
        pictures: display values in [0, 1].
        luma: threshold in display units below which detail counts as noise; 0 is off.
        chroma: standard deviation of the smoothing of colours in pixels; 0 is off.
        sharpen: how much surviving detail is amplified, 0 to 1.
    """
    ycc = rgb_to_ycc(pictures)
    lightness = core_luma(ycc[:, :1], luma, sharpen)
    return ycc_to_rgb(torch.cat((lightness, smooth_chroma(ycc[:, 1:], chroma)), dim=1)).clamp_(0.0, 1.0)


def core_luma(lightness: Tensor, threshold: Amount, sharpen: Amount = 0.0) -> Tensor:
    """Shrink the details of two octaves towards zero by a threshold (soft coring), and amplify what is left.

    Coring: Rossi, "Digital techniques for reducing television noise", SMPTE Journal 87(3), 1978.
    """
    cut = per_row(threshold, lightness)
    fine_base = gaussian_blur(lightness, 0.8)
    coarse_base = gaussian_blur(fine_base, 1.6)
    fine = _shrink(lightness - fine_base, cut) * (1.0 + per_row(sharpen, lightness))
    return _shrink(fine_base - coarse_base, cut / 2.0).add_(coarse_base).add_(fine)


def smooth_chroma(chroma: Tensor, sigma: Amount) -> Tensor:
    """Smooth colour differences ``(B, 2, H, W)`` by a Gaussian, at a quarter of the size; rows of sigma 0 are kept."""
    height, width = chroma.shape[2:]
    own = per_row(sigma, chroma)
    padded = functional.pad(chroma, (0, -width % _SHRINK, 0, -height % _SHRINK), mode="replicate")
    small = gaussian_blur(functional.avg_pool2d(padded, _SHRINK), torch.as_tensor(sigma, dtype=torch.float32) / _SHRINK)
    wide = functional.interpolate(small, scale_factor=_SHRINK, mode="bilinear")[:, :, :height, :width]
    return torch.where(own > 0.0, wide, chroma)


def _shrink(detail: Tensor, cut: Tensor) -> Tensor:
    """Soft threshold: values within the cut vanish, others come nearer to zero by it."""
    return detail - torch.maximum(torch.minimum(detail, cut), -cut)
