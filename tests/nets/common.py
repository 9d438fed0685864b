"""Small networks for tests, and noise to feed them."""

from __future__ import annotations

import torch
from torch import Tensor

from highbeam.nets.blocks import Network
from highbeam.nets.registry import build

TINY_UNET = {
    "cell": 2,
    "widths": (16, 24),
    "encoder": (0, 1),
    "decoder": (1,),
    "context": 16,
}
TINY_CAN = {"width": 8, "dilations": (1, 2, 1)}


def seeded(seed: int = 0) -> torch.Generator:
    """A generator of one's own."""
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Uniform noise in [0, 1]."""
    return torch.rand(*shape, generator=seeded(seed))


def tiny_unet(**changes: object) -> Network:
    """A U-Net small enough for a test, from fixed random weights."""
    torch.manual_seed(1)
    return build("unet-s", **(TINY_UNET | changes))


def tiny_can(**changes: object) -> Network:
    """A CAN small enough for a test, from fixed random weights."""
    torch.manual_seed(1)
    return build("can24", **(TINY_CAN | changes))


def stirred(network: Network, seed: int = 3, size: float = 0.1) -> Network:
    """Move all weights and running statistics away from their start, so that no branch is silent."""
    generator = seeded(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(size * torch.randn(parameter.shape, generator=generator))
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.mul_(0.5 + torch.rand(buffer.shape, generator=generator))
            elif buffer.is_floating_point():
                buffer.add_(size * torch.randn(buffer.shape, generator=generator))
    return network
