"""The context aggregation network: full resolution throughout, growing dilation instead of levels.

Chen, Xu, Koltun: Fast Image Processing with Fully-Convolutional Networks. ICCV 2017. Section 3 and table 1: 3x3
convolutions whose dilation doubles from layer to layer, one more 3x3 without dilation, a linear 1x1; between them
adaptive normalisation (eq. 3) and a leaky ReLU of slope 0.2; weights start at the identity.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from highbeam.nets.blocks import Network, SceneTape, rescale_output_, zero_

__all__ = ["CAN", "AdaptiveNorm", "CANConfig", "DilatedLayer", "identity_"]

_SLOPE = 0.2
_COLORS = 3
_LAST_NOISE = 0.02
_LANES = 16


@dataclass(frozen=True)
class CANConfig:
    """What one context aggregation network is built from.

    Attributes:
        width: channels of every hidden layer.
        dilations: of the 3x3 convolutions, in order.
    """

    width: int = 24
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 1)
    stride: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse what no network can be built from.

        Raises:
            ValueError: it names the field.
        """
        if self.width < _COLORS:
            raise ValueError(f"width must be at least {_COLORS}, for the picture to pass through")
        if not self.dilations or min(self.dilations) < 1:
            raise ValueError("dilations must be one or more numbers of at least 1")

    @property
    def reach(self) -> int:
        """How far a pixel's result looks around, pixels."""
        return sum(self.dilations)


class AdaptiveNorm(nn.Module):
    """lambda x + mu BN(x), both learned per layer, from lambda = 1 and mu = 0 (eq. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.identity = nn.Parameter(torch.ones(()))
        self.normalised = nn.Parameter(torch.zeros(()))
        self.batch = nn.BatchNorm2d(channels, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to the same shape."""
        plain: Tensor = self.batch(features)
        return self.identity * features + self.normalised * plain

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return the factor and the summand per channel, ``(C,)`` each, to which it comes down once trained."""
        mean, variance = self.batch.running_mean, self.batch.running_var
        if mean is None or variance is None:
            raise TypeError("the batch normalisation keeps no statistics")
        slope = self.normalised * torch.rsqrt(variance + self.batch.eps)
        return self.identity + slope, -slope * mean


class DilatedLayer(nn.Module):
    """A dilated 3x3 convolution, adaptive normalisation, leaky ReLU (eq. 1 and 2)."""

    def __init__(self, before: int, after: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation)
        self.norm = AdaptiveNorm(after)
        identity_(self.convolution.weight)
        zero_(self.convolution.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(N, C, H, W)`` to ``(N, C', H, W)``; outside training all but the ReLU is one convolution."""
        weight, bias = self.convolution.weight, self.convolution.bias
        if self._crashes_in_channels_last(features):
            features, weight = features.contiguous(), weight.contiguous()
        if self.training:
            return functional.leaky_relu(self.norm(self._convolve(features, weight, bias)), _SLOPE)
        factor, summand = self.norm.affine()
        weight = weight * factor[:, None, None, None]
        bias = summand if bias is None else bias * factor + summand
        return functional.leaky_relu(self._convolve(features, weight, bias), _SLOPE)

    def _convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return functional.conv2d(features, weight, bias, 1, self.convolution.padding, self.convolution.dilation)

    def _crashes_in_channels_last(self, features: Tensor) -> bool:
        """Tell whether a gradient would end the process.

        On a CPU, oneDNN 3.12 (torch 2.13) writes past its memory in the weight gradient of a dilated ``bfloat16``
        convolution in channels-last memory whose channels do not fill its vectors: 24 do not, 32 do.
        """
        narrow = features.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")
        ragged = any(channels % _LANES for channels in self.convolution.weight.shape[:2])
        return features.is_cpu and narrow and ragged and self.convolution.dilation[0] > 1 and torch.is_grad_enabled()


class CAN(Network):
    """The network of :class:`CANConfig`; its own layout is ``(N, 3, H, W)``, and it takes nothing from a scene."""

    def __init__(self, config: CANConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.stride
        self.reach = config.reach
        self.first = DilatedLayer(_COLORS, config.width, config.dilations[0])
        self.layers = nn.ModuleList(DilatedLayer(config.width, config.width, step) for step in config.dilations[1:])
        self.last = nn.Conv2d(config.width, _COLORS, 1)
        identity_(self.last.weight, noise=_LAST_NOISE)
        zero_(self.last.bias)

    def unpack(self, pixels: Tensor) -> Tensor:
        """Bring ``(N, H, W, 3)`` into ``(N, 3, H, W)``."""
        return pixels.permute(0, 3, 1, 2)

    def pack(self, native: Tensor) -> Tensor:
        """Undo :meth:`unpack`."""
        return native.permute(0, 2, 3, 1)

    def core(self, native: Tensor, tape: SceneTape | None = None) -> Tensor:  # noqa: ARG002 - no scene is taken
        """Enhance ``(N, 3, H, W)`` in [0, 1]; same shape, not clipped."""
        features: Tensor = self.first(native)
        for layer in self.layers:
            features = layer(features)
        enhanced: Tensor = self.last(features)
        return enhanced

    def wiring(self) -> tuple[tuple[str, str, str], ...]:
        """Return (from, to, label) of every arrow in a drawing of the network."""
        chain = ("picture", "first", *(f"layers.{at}" for at in range(len(self.layers))), "last", "enhanced")
        steps = ["", *(f"dilation {step}" for step in self.config.dilations[1:]), "", ""]
        return tuple((*pair, label) for pair, label in zip(itertools.pairwise(chain), steps, strict=True))

    @torch.no_grad()
    def rescale(self, white: float, offset: float = 0.0) -> None:
        """Let pixels count from 0 to ``white``."""
        self.first.convolution.weight.div_(white)
        rescale_output_(self.last, white, offset)


@torch.no_grad()
def identity_(weight: Tensor, noise: float = 0.0) -> None:
    """Set a kernel ``(C', C, k, k)`` so that channels pass through, as far as there are, plus Gaussian noise, in place.

    The last layer needs the noise: with none, the channels beyond the picture's three would never learn.
    """
    nn.init.normal_(weight, std=noise) if noise else nn.init.zeros_(weight)
    middle = weight.shape[-1] // 2
    for channel in range(min(weight.shape[:2])):
        weight[channel, channel, middle, middle] += 1.0
