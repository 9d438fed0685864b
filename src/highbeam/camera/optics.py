"""Lens and motion: blur by defocus, blur by the car's own motion, and light that the windscreen scatters."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from highbeam.camera.rows import Amount, per_row

__all__ = ["gaussian_blur", "motion_blur", "veil", "zoom_blur"]

_REACH = 3.0  # standard deviations that a kernel covers
_LEVELS = 4  # doublings of the moments that zoom blur averages


def gaussian_blur(pictures: Tensor, sigma: Amount) -> Tensor:
    """Blur each picture by a Gaussian, the usual stand-in for a small defocus.

    Args:
        pictures: ``(B, C, H, W)``; borders are continued by their last pixel.
        sigma: standard deviation in pixels; 0 leaves a picture exactly as it is.
    """
    batch, channels, height, width = pictures.shape
    kernel = _gaussian_kernels(sigma, batch).to(pictures)
    radius = kernel.shape[1] // 2
    if radius == 0:
        return pictures
    kernel = kernel.repeat_interleave(channels, dim=0)[:, None, None]
    flat = functional.pad(pictures.reshape(1, -1, height, width), (radius, radius, radius, radius), mode="replicate")
    flat = functional.conv2d(flat, kernel, groups=batch * channels)
    return functional.conv2d(flat, kernel.transpose(2, 3), groups=batch * channels).reshape(pictures.shape)


def motion_blur(pictures: Tensor, shift_x: Amount, shift_y: Amount) -> Tensor:
    """Average a picture over an exposure in which it moves along a line, as when the car turns or pitches.

    The blur is symmetric, so that the picture stays where it is.

    Args:
        pictures: ``(B, C, H, W)``; borders are continued by their last pixel.
        shift_x: how far the picture moves to the right during the exposure, in pixels.
        shift_y: likewise downwards.
    """
    shifts = torch.stack([per_row(shift, pictures[:, 0, 0, 0]).expand(len(pictures)) for shift in (shift_x, shift_y)])
    moved = [_along_line(row, x, y) for row, (x, y) in zip(pictures, shifts.T.tolist(), strict=True)]
    return torch.stack(moved)


def zoom_blur(pictures: Tensor, zoom: Amount, center: tuple[Amount, Amount] = (0.5, 0.5)) -> Tensor:
    """Average a picture over an exposure in which it grows, as when the car drives ahead.

    Sixteen moments, made by averaging the picture with itself four times, each at twice the distance in time.

    Args:
        pictures: ``(B, C, H, W)``.
        zoom: by how much it grows during the exposure, a share of its size: speed times exposure over distance.
        center: the focus of expansion in shares of width and height, which stays in place.
    """
    growth = torch.log1p(per_row(zoom, pictures[:, 0, 0, 0]))
    for level in range(_LEVELS):
        step = growth * (2.0**level / 2.0 ** (_LEVELS + 1))
        pictures = (_scaled(pictures, step, center) + _scaled(pictures, -step, center)).mul_(0.5)
    return pictures


def veil(light: Tensor, share: Amount) -> Tensor:
    """Scatter a share of the light evenly over the picture, as a dusty windscreen and lens do.

    Args:
        light: linear, ``(B, 3, H, W)``.
        share: of all light, 0 to 1; it lifts the blacks in the colour of the mean.
    """
    return torch.lerp(light, light.mean(dim=(2, 3), keepdim=True), per_row(share, light))


def _gaussian_kernels(sigma: Amount, batch: int) -> Tensor:
    """Normalised taps ``(B, 2 R + 1)``; each row is zero past its own reach, whatever the widest one needs."""
    own = torch.as_tensor(sigma, dtype=torch.float32).reshape(-1).expand(batch)
    reach = torch.ceil(_REACH * own)
    radius = math.ceil(float(reach.max()))
    steps = torch.arange(-radius, radius + 1, device=own.device)
    taps = torch.exp(-0.5 * (steps / own.clamp_min(1e-3)[:, None]) ** 2) * (steps.abs() <= reach[:, None])
    return taps / taps.sum(dim=1, keepdim=True)


def _along_line(picture: Tensor, shift_x: float, shift_y: float) -> Tensor:
    """Sum shifted copies of ``(C, H, W)``, weighted by the line's share in each whole-pixel shift."""
    height, width = picture.shape[1:]
    reach_x, reach_y = (math.ceil(abs(shift) / 2.0) + 1 for shift in (shift_x, shift_y))
    padded = functional.pad(picture[None], (reach_x, reach_x, reach_y, reach_y), mode="replicate")[0]
    total = torch.zeros_like(picture)
    for (dx, dy), weight in _line_weights(shift_x, shift_y).items():
        total.add_(padded[:, reach_y - dy :, reach_x - dx :][:, :height, :width], alpha=weight)
    return total


def _line_weights(shift_x: float, shift_y: float) -> dict[tuple[int, int], float]:
    """Spread moments of the exposure, two per pixel of the way, bilinearly over whole-pixel shifts; they sum to one."""
    moments = max(1, 2 * math.ceil(max(abs(shift_x), abs(shift_y))))
    weights: dict[tuple[int, int], float] = {}
    for moment in range(moments):
        time = (moment + 0.5) / moments - 0.5
        left, top = math.floor(shift_x * time), math.floor(shift_y * time)
        share_x, share_y = shift_x * time - left, shift_y * time - top
        for dx, part_x in ((0, 1.0 - share_x), (1, share_x)):
            for dy, part_y in ((0, 1.0 - share_y), (1, share_y)):
                if part_x * part_y > 0.0:
                    place = (left + dx, top + dy)
                    weights[place] = weights.get(place, 0.0) + part_x * part_y / moments
    return weights


def _scaled(pictures: Tensor, growth: Tensor, center: tuple[Amount, Amount]) -> Tensor:
    """Grow pictures by ``exp(growth)`` about a centre."""
    shrink = torch.exp(-growth)
    matrix = pictures.new_zeros((len(pictures), 2, 3))
    for axis in (0, 1):
        fixed = 2.0 * per_row(center[axis], growth) - 1.0  # affine_grid's axes run over [-1, 1]
        matrix[:, axis, axis] = shrink
        matrix[:, axis, 2] = fixed * (1.0 - shrink)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
