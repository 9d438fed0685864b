"""The light of the scene: how much there is, where it falls, what colour it has, and the lamps it comes from.

Places are given in the frame of the whole picture, so that a crop is lit as the part of the frame that it is: x in
frame widths from the left, y in frame heights from the top, lengths in frame heights. Light is linear.

Every map here is a sum of products of one profile along x and one along y, which costs a small matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from highbeam.camera.display import blackbody_gains
from highbeam.camera.rows import Amount, per_row

__all__ = ["Axes", "Lamps", "ambient_map", "frame_axes", "headlight_map", "lamp_light", "lamp_pools", "vignette"]

_DUSK_EDGE = 0.06  # frame heights over which the sky fades into the ground
_CUT_OFF = 0.012  # frame heights, about half a degree: the soft edge of a dipped beam
_POOL_DROP, _POOL_WIDTH, _POOL_HEIGHT = 0.30, 0.30, 0.16  # frame heights: the lit ground below a lamp
_HALOS = ((6.0, 0.7), (24.0, 0.3))  # width in radii of the lamp, share of the scattered light


@dataclass(frozen=True, eq=False)
class Axes:
    """Where the pixels of a batch lie in their frames.

    Attributes:
        x: ``(B, W)`` in frame widths.
        y: ``(B, H)`` in frame heights.
        aspect: ``(B, 1)`` frame width over frame height.
    """

    x: Tensor
    y: Tensor
    aspect: Tensor


@dataclass(frozen=True, eq=False)
class Lamps:
    """Sources of light in the picture, K for each; a power of 0 is no lamp.

    Attributes:
        x: ``(B, K)`` in frame widths.
        y: ``(B, K)`` in frame heights.
        radius: ``(B, K)`` in frame heights; the standard deviation of a soft disc.
        stretch: ``(B, K)`` width of the lamp over its height.
        edge: ``(B, K)`` exponent of its profile ``exp(-|d|^edge / 2)``: 2 is a soft disc, 8 nearly a box.
        power: ``(B, K)`` at the middle, in shares of the sensor's full scale: above 1 it saturates and grows.
        pool: ``(B, K)`` how strongly the lamp lights the ground below it, against full light.
        color: ``(B, K, 3)`` linear sRGB.
    """

    x: Tensor
    y: Tensor
    radius: Tensor
    stretch: Tensor
    edge: Tensor
    power: Tensor
    pool: Tensor
    color: Tensor


def frame_axes(pictures: Tensor, window: Tensor) -> Axes:
    """Find the place of every row and column of a batch of crops.

    Args:
        pictures: ``(B, C, H, W)``.
        window: ``(B, 4)`` left, top, width, height of each in its frame; (0, 0, 1, 1) is the whole.
    """
    height, width = pictures.shape[2:]
    left, top, wide, high = window.to(pictures).unsqueeze(-1).unbind(dim=1)
    x = left + wide * ((torch.arange(width, device=pictures.device) + 0.5) / width)
    y = top + high * ((torch.arange(height, device=pictures.device) + 0.5) / height)
    return Axes(x, y, (width * high) / (height * wide))


def ambient_map(axes: Axes, level: Amount, sky: Amount, horizon: Amount, kelvin: Amount) -> Tensor:
    """Light without a place: that of the sky and the city.

    Args:
        axes: of the pixels.
        level: on the ground, against full light.
        sky: of what lies above the horizon, against the ground: night skies and roofs get next to nothing.
        horizon: y.
        kelvin: colour temperature, as :func:`highbeam.camera.display.blackbody_gains` takes it.

    Returns:
        ``(B, 3, H, 1)`` factors on linear light.
    """
    above = per_row(sky, axes.y)
    ground = torch.sigmoid((axes.y - per_row(horizon, axes.y)) / _DUSK_EDGE)
    profile = per_row(level, axes.y) * torch.lerp(above, torch.ones_like(above), ground)
    return blackbody_gains(kelvin).to(profile)[:, :, None, None] * profile[:, None, :, None]


def headlight_map(
    axes: Axes, level: Amount, *, x: Amount, spread: Amount, reach: Amount, horizon: Amount, kelvin: Amount
) -> Tensor:
    """Light of the car's own dipped beam as its camera sees it.

    Seen from close to the lamps, direction alone decides: sideways a bell, upwards the cut-off at the horizon. Below,
    on a flat road at ``v`` under the horizon, distance falls as 1/v and light on the road rises as v^2, until the beam
    itself fades downwards; upright things get a share that does not know distance.

    Args:
        axes: of the pixels.
        level: at the brightest place, against full light; 0 is off.
        x: of the middle of the beam.
        spread: standard deviation sideways in frame widths.
        reach: how far below the horizon the road is brightest, in frame heights.
        horizon: y.
        kelvin: colour temperature: halogen 3200, LED 5500.

    Returns:
        ``(B, 3, H, W)`` factors on linear light.
    """
    across = torch.exp(-0.5 * ((axes.x - per_row(x, axes.x)) / per_row(spread, axes.x)) ** 2)
    below = axes.y - per_row(horizon, axes.y)
    depth = (below / per_row(reach, axes.y)).clamp_min(0.0)
    road = depth.square() * torch.exp(2.0 - 2.0 * depth)
    down = per_row(level, axes.y) * torch.sigmoid(below / _CUT_OFF) * (0.3 * torch.exp(-depth) + 0.7 * road)
    color = blackbody_gains(kelvin).to(down).expand(len(down), 3)
    return _outer(color[:, None], down[:, None], across[:, None])


def lamp_pools(axes: Axes, lamps: Lamps) -> Tensor:
    """Light that lamps throw on what is below and around them: ``(B, 3, H, W)`` factors on linear light."""
    dx = (axes.x[:, None] - lamps.x.to(axes.x)[..., None]) * axes.aspect[:, None]
    dy = axes.y[:, None] - lamps.y.to(axes.y)[..., None] - _POOL_DROP
    across = torch.exp(-0.5 * (dx / _POOL_WIDTH) ** 2)
    down = torch.exp(-0.5 * (dy / _POOL_HEIGHT) ** 2)
    return _outer(lamps.color.to(down) * lamps.pool.to(down)[..., None], down, across)


def lamp_light(axes: Axes, lamps: Lamps, glow: Amount = 0.0) -> Tensor:
    """Light that reaches the lens from the lamps themselves, with the glow that air and glass scatter around them.

    Args:
        axes: of the pixels.
        lamps: of each picture.
        glow: share of a lamp's light that is scattered into its halo: two bells of 6 and 24 radii.

    Returns:
        ``(B, 3, H, W)`` linear light, to be added, in shares of full scale.
    """
    share = per_row(glow, lamps.power)
    round_edge = torch.full_like(lamps.edge, 2.0)
    shapes = [(lamps.power * (1.0 - share), lamps.radius * lamps.stretch, lamps.radius, lamps.edge)]
    for width, part in _HALOS if bool((share > 0.0).any()) else ():
        halo = lamps.radius * width
        shapes.append((lamps.power * share * lamps.stretch * (part / width**2), halo, halo, round_edge))
    power, wide, high, edge = (torch.cat(column, dim=1).to(axes.x)[..., None] for column in zip(*shapes, strict=True))
    dx = (axes.x[:, None] - lamps.x.to(axes.x)[..., None]) * axes.aspect[:, None]
    dy = axes.y[:, None] - lamps.y.to(axes.y)[..., None]
    color = lamps.color.to(power).repeat(1, len(shapes), 1)
    return _outer(
        color * power,
        _profile(dy.repeat(1, len(shapes), 1), high, edge),
        _profile(dx.repeat(1, len(shapes), 1), wide, edge),
    )


def vignette(axes: Axes, strength: Amount) -> Tensor:
    """Fall of light towards the corners by the cos^4 law of natural vignetting.

    Args:
        axes: of the pixels.
        strength: squared tangent of the half field of view in the corner: 0 is none, 0.36 a field of 62 degrees, whose
            corners get 54 %.

    Returns:
        ``(B, 1, H, W)`` factors on linear light.
    """
    x = (axes.x - 0.5) * axes.aspect
    y = axes.y - 0.5
    corner = 0.25 * (1.0 + axes.aspect.square())
    squared = x.square()[:, None, None, :] + y.square()[:, None, :, None]
    return (1.0 + squared * (per_row(strength, squared) / corner[..., None, None])).pow_(-2.0)


def _profile(distance: Tensor, size: Tensor, edge: Tensor) -> Tensor:
    return torch.exp(-0.5 * (distance / size).abs().pow(edge))


def _outer(color: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Sum ``color (B, T, 3) x down (B, T, H) x across (B, T, W)`` over the terms to ``(B, 3, H, W)``."""
    columns = torch.einsum("btc,bty->bcyt", color, down)
    return torch.matmul(columns, across[:, None])
