"""What the networks are made of: cells, group statistics that a whole picture shares, and residual blocks.

A *scene* is everything that a network takes from the whole picture at once: the moments behind each group
normalisation and the pooled features behind the global context, as one vector ``(N, K)``. A network measures it while
it runs. Handing a measured scene back in lets the tiles of one picture agree with each other, and lets the frames of a
video share one slowly changing scene so that they do not flicker. All entries are plain averages over positions, so
that the scenes of equal tiles average to the scene of the whole, one layer after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from highbeam.nets.normalise import group_moments, normalise_relu, normalise_relu_by

__all__ = [
    "REACH",
    "Block",
    "BlockKind",
    "Network",
    "NormKind",
    "NormRelu",
    "SceneTape",
    "TwinTape",
    "cells_from_pixels",
    "crop_to",
    "pixels_from_cells",
    "reflect_to",
    "rescale_output_",
    "zero_",
]

NormKind: TypeAlias = Literal["group", "batch", "none"]
BlockKind: TypeAlias = Literal["mixed", "depthwise", "plain"]

REACH: Mapping[BlockKind, int] = {"mixed": 1, "depthwise": 1, "plain": 2}
"""How far a block looks around, in positions of its level."""


class SceneTape:
    """Hands every layer its share of a scene, and records what the layers measured.

    Attributes:
        measured: one ``(N, k)`` tensor per layer so far, in the order of the layers.
    """

    def __init__(self, given: Tensor | None = None, keep: Tensor | None = None) -> None:
        """Start a tape for one forward pass.

        Args:
            given: ``(N, K)`` or ``(1, K)``, a scene measured before; without it the pass only measures.
            keep: scalar or ``(N, 1)`` in [0, 1]: 0 takes what is measured, 1 what is given, between them a mix; 1
                where nothing is said.
        """
        self.measured: list[Tensor] = []
        self._given = given
        self._keep = keep
        self._at = 0

    def settle(self, measured: Tensor) -> Tensor:
        """Record a layer's measurement ``(N, k)`` and return the numbers that the layer has to use, ``(N, k)``."""
        self.measured.append(measured)
        if self._given is None:
            return measured
        given = self._given[:, self._at : self._at + measured.shape[1]]
        self._at += measured.shape[1]
        return given.expand_as(measured) if self._keep is None else measured + self._keep * (given - measured)

    def scene(self) -> Tensor:
        """Return all measurements as one ``(N, K)`` tensor."""
        return torch.cat(self.measured, dim=1)


class TwinTape(SceneTape):
    """Mixes what is measured of the second half of a batch with what is measured of the first, for training.

    Attributes:
        keep: ``(N / 2,)`` in [0, 1]: 0 takes a second picture's own, 1 the first one's, which takes no gradient.
    """

    def __init__(self, keep: Tensor) -> None:
        """Start a tape for one forward pass."""
        super().__init__()
        self.keep = keep

    def settle(self, measured: Tensor) -> Tensor:
        """Return the numbers that a layer has to use, ``(N, k)``; nothing is recorded."""
        first, second = measured.chunk(2)
        return torch.cat((first, torch.lerp(second, first.detach(), self.keep.to(second)[:, None])))


class Network(nn.Module, ABC):
    """What training, export and tiling know of a network.

    ``forward`` maps ``(N, 3, H, W)`` display-referred RGB in [0, 1] to the same shape, not clipped. Inside, a network
    may use its own layout, reached by :meth:`unpack` and left by :meth:`pack`; both only move values.

    Attributes:
        stride: height and width must be multiples of it.
        reach: how far, in pixels, a pixel's result looks around without what the scene carries.
    """

    stride: int
    reach: int

    @abstractmethod
    def unpack(self, pixels: Tensor) -> Tensor:
        """Bring ``(N, H, W, 3)`` of any dtype into the network's own layout."""

    @abstractmethod
    def pack(self, native: Tensor) -> Tensor:
        """Undo :meth:`unpack`."""

    @abstractmethod
    def core(self, native: Tensor, tape: SceneTape | None = None) -> Tensor:
        """Enhance ``unpack``-ed floats in [0, 1]; same shape, not clipped."""

    @abstractmethod
    def rescale(self, white: float, offset: float = 0.0) -> None:
        """Change the weights in place so that pixels count from 0 to ``white``, and ``offset`` is added at the end.

        It costs nothing at run time, where a multiplication over the whole picture would.
        """

    @abstractmethod
    def wiring(self) -> tuple[tuple[str, str, str], ...]:
        """Return (from, to, label) of every arrow in a drawing, between ``picture``, ``enhanced`` and submodules."""

    def forward(self, picture: Tensor, tape: SceneTape | None = None) -> Tensor:
        """Enhance a batch.

        Args:
            picture: ``(N, 3, H, W)`` float RGB in [0, 1], H and W multiples of ``stride``.
            tape: takes part in what the pass uses and measures of the whole picture; ``None`` measures and forgets.

        Returns:
            ``(N, 3, H, W)``, not clipped.
        """
        native = self.unpack(picture.permute(0, 2, 3, 1))
        return self.pack(self.core(native, tape)).permute(0, 3, 1, 2)


def cells_from_pixels(pixels: Tensor, side: int) -> Tensor:
    """Gather squares of ``side`` by ``side`` pixels into vectors (space to depth, channels last).

    Args:
        pixels: ``(N, H, W, C)`` of any dtype, H and W multiples of ``side``.
        side: pixels along a cell.

    Returns:
        ``(N, H / side, W / side, side * side * C)``; within a vector row by row, column by column, channel by channel.
    """
    count, height, width, channels = pixels.shape
    strips = pixels.reshape(count, height // side, side, width // side, side * channels)
    return strips.permute(0, 1, 3, 2, 4).reshape(count, height // side, width // side, side * side * channels)


def pixels_from_cells(cells: Tensor, side: int) -> Tensor:
    """Undo :func:`cells_from_pixels`."""
    count, height, width, depth = cells.shape
    strips = cells.reshape(count, height, width, side, depth // side).permute(0, 1, 3, 2, 4)
    return strips.reshape(count, height * side, width * side, depth // (side * side))


def reflect_to(picture: Tensor, stride: int) -> Tensor:
    """Pad ``(..., H, W)`` below and to the right by reflection until both are multiples of ``stride``.

    The border pixel is not repeated; where the padding is longer than the picture, it is reflected again.
    """
    rows, columns = (_reflected(side, stride, picture.device) for side in picture.shape[-2:])
    return picture[..., rows, :][..., columns]


def crop_to(picture: Tensor, height: int, width: int) -> Tensor:
    """Undo :func:`reflect_to`."""
    return picture[..., :height, :width]


def _reflected(side: int, stride: int, device: torch.device) -> Tensor:
    """Return which pixel stands at each place of a side that is padded to a multiple of ``stride``."""
    place = torch.arange(-(-side // stride) * stride, device=device) % max(1, 2 * side - 2)
    return torch.minimum(place, 2 * side - 2 - place).clamp_min(0) if side > 1 else torch.zeros_like(place)


class NormRelu(nn.Module):
    """Normalisation and ReLU, with scale and shift that may follow a context (FiLM: Perez et al. 2018, eq. 1 and 2).

    ``group`` normalises over ``width`` channels and all positions (Wu and He 2018); ``batch`` and ``none`` are there
    for comparison. The context's part starts at nothing.
    """

    def __init__(self, channels: int, kind: NormKind, width: int, context: int) -> None:
        super().__init__()
        self.groups = max(1, channels // width) if kind == "group" else 0
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.batch = nn.BatchNorm2d(channels, affine=False) if kind == "batch" else None
        self.film = nn.Linear(context, 2 * channels) if context else None
        if self.film is not None:
            zero_(self.film.weight, self.film.bias)

    def forward(self, features: Tensor, context: Tensor | None = None, tape: SceneTape | None = None) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape; ``context`` is ``(N, k)``."""
        scale, shift = self._affine(context, len(features))
        if not self.groups:
            plain = features if self.batch is None else self.batch(features)
            return functional.relu(plain * scale[:, :, None, None] + shift[:, :, None, None])
        if tape is None or isinstance(tape, TwinTape):
            return normalise_relu(features, scale, shift, self.groups, None if tape is None else tape.keep)
        return normalise_relu_by(tape.settle(group_moments(features, self.groups)), features, scale, shift)

    def _affine(self, context: Tensor | None, count: int) -> tuple[Tensor, Tensor]:
        """Return scale and shift, ``(N, C)`` each, not narrower than ``float32``."""
        if self.film is None or context is None:
            return self.weight.expand(count, -1), self.bias.expand(count, -1)
        more, offset = self.film(context).to(self.weight.dtype).chunk(2, dim=1)
        return self.weight * (1.0 + more), self.bias + offset


def zero_(*parameters: Tensor | None) -> None:
    """Set parameters, where there are any, to zero, in place."""
    for parameter in parameters:
        if parameter is not None:
            nn.init.zeros_(parameter)


@torch.no_grad()
def rescale_output_(layer: nn.Linear | nn.Conv2d, white: float, offset: float) -> None:
    """Multiply what a layer puts out by ``white`` and add ``offset``, in place."""
    layer.weight.mul_(white)
    if layer.bias is not None:
        layer.bias.mul_(white).add_(offset)


class Block(nn.Module):
    """A residual block: convolutions with normalisation and ReLU after each but the last.

    ``mixed``: 1x1 to ``hidden`` channels, 3x3 among them, 1x1 back. ``depthwise``: the same with the 3x3 on each
    channel alone. ``plain``: two 3x3. The first is He et al. 2016 (fig. 5, right): with half the channels inside it
    takes 5.5 times fewer multiply-adds than the last, and its 1x1 are matrix products, which every runtime does well.
    """

    def __init__(
        self, channels: int, kind: BlockKind, norm: NormKind, *, hidden: int, width: int = 8, context: int = 0
    ) -> None:
        super().__init__()
        plan = _plan(kind, channels, hidden)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=kernel // 2, groups=groups)
            for before, after, kernel, groups in plan
        )
        self.norms = nn.ModuleList(NormRelu(after, norm, width, context) for _, after, _, _ in plan[:-1])

    def forward(self, features: Tensor, context: Tensor | None = None, tape: SceneTape | None = None) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape; ``context`` is ``(N, k)``."""
        inner = features
        for convolution, norm in zip(self.convolutions, self.norms, strict=False):
            inner = norm(convolution(inner), context, tape)
        back: Tensor = self.convolutions[-1](inner)
        return features + back


def _plan(kind: BlockKind, channels: int, hidden: int) -> list[tuple[int, int, int, int]]:
    """Return (channels in, channels out, kernel, groups) of each convolution."""
    if kind == "plain":
        return [(channels, channels, 3, 1), (channels, channels, 3, 1)]
    groups = hidden if kind == "depthwise" else 1
    return [(channels, hidden, 1, 1), (hidden, hidden, 3, groups), (hidden, channels, 1, 1)]
