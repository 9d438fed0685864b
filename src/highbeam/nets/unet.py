"""The U-Net: brightness from the whole picture, detail from the cell, little work on many pixels.

Ronneberger, Fischer, Brox 2015 is the shape: an encoder, a decoder, and skips between them. What differs: squares of
``cell`` by ``cell`` pixels are gathered into vectors first (space to depth), so that no layer works on single pixels;
most convolutions are 1x1; every activation stands behind a group normalisation; pooled features of the
deepest level condition the decoder's normalisations (the context); and the network predicts, for every pixel and
channel, a gain and an offset:

    enhanced = gain * picture + offset

The gain carries detail and colour over from the picture, the offset takes out noise and fills in what the gain cannot.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from highbeam.nets.blocks import (
    REACH,
    Block,
    BlockKind,
    Network,
    NormKind,
    NormRelu,
    SceneTape,
    cells_from_pixels,
    pixels_from_cells,
    rescale_output_,
)

__all__ = ["Level", "UNet", "UNetConfig"]

_START_GAIN = 2.0
_HEAD_STD = 0.01


@dataclass(frozen=True)
class UNetConfig:
    """What one U-Net is built from.

    Attributes:
        cell: pixels along the squares that are gathered into vectors.
        widths: channels per level, the finest first; each level halves height and width.
        encoder: blocks per level on the way down; the last number is the deepest level's.
        decoder: blocks per level on the way up, the finest first; one number less.
        block: what the blocks are; ``plain`` is there for comparison.
        hidden: channels inside a block over its own.
        norm: what stands before every activation; ``batch`` and ``none`` are there for comparison.
        group_width: channels that share their statistics.
        context: length of the context vector; 0 leaves it out.
    """

    cell: int = 4
    widths: tuple[int, ...] = (64, 96, 128, 192)
    encoder: tuple[int, ...] = (2, 2, 2, 4)
    decoder: tuple[int, ...] = (2, 2, 2)
    block: BlockKind = "mixed"
    hidden: float = 0.5
    norm: NormKind = "group"
    group_width: int = 8
    context: int = 64

    def __post_init__(self) -> None:
        """Refuse what no network can be built from.

        Raises:
            ValueError: it names the field.
        """
        wrong = {
            "cell must be at least 1": self.cell < 1,
            "group_width must be at least 1": self.group_width < 1,
            "widths must be multiples of group_width, one per level": not self.widths
            or any(width < 1 or width % max(1, self.group_width) for width in self.widths),
            "encoder needs as many numbers as widths": len(self.encoder) != len(self.widths),
            "decoder needs one number less than widths": len(self.decoder) != len(self.widths) - 1,
            "encoder and decoder count blocks": min((0, *self.encoder, *self.decoder)) < 0,
            f"block must be one of {', '.join(get_args(BlockKind))}": self.block not in get_args(BlockKind),
            f"norm must be one of {', '.join(get_args(NormKind))}": self.norm not in get_args(NormKind),
            "hidden must be above 0": not self.hidden > 0.0,
            "context must be at least 0": self.context < 0,
        }
        for reason, true in wrong.items():
            if true:
                raise ValueError(reason)

    @property
    def stride(self) -> int:
        """Height and width must be multiples of it, pixels."""
        return self.cell << (len(self.widths) - 1)

    @property
    def reach(self) -> int:
        """What the blocks of each level look around, and a step of the coarsest level for halving, in pixels."""
        levels = (*enumerate(self.encoder), *enumerate(self.decoder))
        return self.stride + self.cell * REACH[self.block] * sum(blocks << level for level, blocks in levels)


class Level(nn.Module):
    """The blocks of one level, one after the other."""

    def __init__(self, config: UNetConfig, width: int, blocks: int, context: int) -> None:
        super().__init__()
        hidden = max(1, round(width * config.hidden / config.group_width)) * config.group_width
        self.blocks = nn.ModuleList(
            Block(width, config.block, config.norm, hidden=hidden, width=config.group_width, context=context)
            for _ in range(blocks)
        )

    def forward(self, features: Tensor, context: Tensor | None = None, tape: SceneTape | None = None) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape; ``context`` is ``(N, k)``."""
        for block in self.blocks:
            features = block(features, context, tape)
        return features


class UNet(Network):
    """The network of :class:`UNetConfig`; its own layout are cells, ``(N, H / cell, W / cell, 3 * cell * cell)``."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.stride
        self.reach = config.reach
        widths, depth = config.widths, 3 * config.cell * config.cell
        steps = list(itertools.pairwise(widths))
        self.stem = nn.Linear(depth, widths[0])
        self.encoder = nn.ModuleList(itertools.starmap(self._level, zip(widths, config.encoder, strict=True)))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in steps)
        self.context = nn.Linear(widths[-1], config.context) if config.context else None
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in steps)
        self.decoder = nn.ModuleList(
            Level(config, width, blocks, config.context)
            for width, blocks in zip(widths[:-1], config.decoder, strict=True)
        )
        self.norm = NormRelu(widths[0], config.norm, config.group_width, config.context)
        self.gain = _head(widths[0], depth, _START_GAIN)
        self.offset = _head(widths[0], depth, 0.0)

    def _level(self, width: int, blocks: int) -> Level:
        return Level(self.config, width, blocks, context=0)

    def unpack(self, pixels: Tensor) -> Tensor:
        """Bring ``(N, H, W, 3)`` into cells, ``(N, H / cell, W / cell, 3 * cell * cell)``."""
        return cells_from_pixels(pixels, self.config.cell)

    def pack(self, native: Tensor) -> Tensor:
        """Undo :meth:`unpack`."""
        return pixels_from_cells(native, self.config.cell)

    def core(self, native: Tensor, tape: SceneTape | None = None) -> Tensor:
        """Enhance cells in [0, 1]; same shape, not clipped."""
        features = self.encoder[0](self.stem(native).permute(0, 3, 1, 2), None, tape)
        skips = [features]
        for down, level in zip(self.down, self.encoder[1:], strict=True):
            features = level(down(features), None, tape)
            skips.append(features)
        context = self._context(skips.pop(), tape)
        for up, level in zip(reversed(self.up), reversed(self.decoder), strict=True):
            coarse = functional.interpolate(up(features), scale_factor=2.0, mode="nearest")
            features = level(skips.pop() + coarse, context, tape)
        cells = self.norm(features, context, tape).permute(0, 2, 3, 1)
        return torch.addcmul(self.offset(cells), native, self.gain(cells))

    def wiring(self) -> tuple[tuple[str, str, str], ...]:
        """Return (from, to, label) of every arrow in a drawing of the network."""
        last = len(self.down)
        edges = [("picture", "stem", f"cells of {self.config.cell} x {self.config.cell}"), ("stem", "encoder.0", "")]
        for level in range(last):
            edges += [(f"encoder.{level}", f"down.{level}", ""), (f"down.{level}", f"encoder.{level + 1}", "")]
        below = f"encoder.{last}"
        users = ["norm", *(f"decoder.{level}" for level in range(last))] if self.context is not None else []
        edges += [(below, "context", "mean of the whole picture")] if users else []
        for level in reversed(range(last)):
            edges += [(below, f"up.{level}", ""), (f"up.{level}", f"decoder.{level}", "")]
            edges += [(f"encoder.{level}", f"decoder.{level}", "skip")]
            below = f"decoder.{level}"
        edges += [(below, "norm", ""), *(("context", user, "scale, shift") for user in users)]
        edges += [("norm", head, "") for head in ("gain", "offset")]
        return (*edges, ("gain", "enhanced", "times"), ("offset", "enhanced", "plus"), ("picture", "enhanced", ""))

    def _context(self, deepest: Tensor, tape: SceneTape | None) -> Tensor | None:
        """Return what the whole picture says to the decoder, ``(N, context)``."""
        if self.context is None:
            return None
        context = functional.relu(self.context(functional.adaptive_avg_pool2d(deepest, 1).flatten(1)))
        return context if tape is None else tape.settle(context)

    @torch.no_grad()
    def rescale(self, white: float, offset: float = 0.0) -> None:
        """Let cells count from 0 to ``white``; the gain has no unit and stays."""
        self.stem.weight.div_(white)
        rescale_output_(self.offset, white, offset)


def _head(channels: int, depth: int, start: float) -> nn.Linear:
    """Return a last layer that starts, within a little noise, at a constant."""
    layer = nn.Linear(channels, depth)
    nn.init.normal_(layer.weight, std=_HEAD_STD)
    nn.init.constant_(layer.bias, start)
    return layer
