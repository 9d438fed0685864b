"""How good a network is on the validation pictures: sums that add up over any number of processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from highbeam.training.losses import ssim

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from highbeam.nets import Network

__all__ = ["Sums", "validate"]

_SMALLEST_ERROR = 1e-10


class Sums:
    """PSNR, SSIM and number of pictures of each kind of night, summed; every picture counts once.

    Args:
        kinds: of night, the same in all processes.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        self.sums = torch.zeros(len(kinds), 3, dtype=torch.float64)

    def add(self, kind: str, enhanced: Tensor, reference: Tensor) -> None:
        """Add pictures ``(N, 3, H, W)`` in [0, 1]; the enhanced ones are rounded to 8 bits as a file would be."""
        stored = enhanced.float().clamp(0.0, 1.0).mul(255.0).round().div(255.0)
        similarity = ssim(stored, reference).sum().item()
        off = stored.cpu().double() - reference.cpu().double()  # not every device computes in 64 bits
        ratios = -10.0 * off.square().mean((1, 2, 3)).clamp_min(_SMALLEST_ERROR).log10()
        self.sums[self.kinds.index(kind)] += torch.tensor(
            [ratios.sum().item(), similarity, len(ratios)], dtype=torch.float64
        )

    def means(self) -> dict[str, float]:
        """Return ``val/KIND/psnr`` in dB, ``val/KIND/ssim``, their PSNR averaged over kinds, and the pictures seen."""
        found: dict[str, float] = {}
        for kind, (psnr, similarity, count) in zip(self.kinds, self.sums.tolist(), strict=True):
            if count:
                found |= {f"val/{kind}/psnr": psnr / count, f"val/{kind}/ssim": similarity / count}
        ratios = [value for name, value in found.items() if name.endswith("psnr")]
        if ratios:
            found["val/psnr"] = sum(ratios) / len(ratios)
            found["val/pictures"] = float(self.sums[:, 2].sum())
        return found


@torch.no_grad()
def validate(
    network: Network, pictures: Iterable[tuple[str, Tensor, Tensor]], kinds: tuple[str, ...], fabric: Fabric
) -> dict[str, float]:
    """Validate a network on this process's pictures, and return the means over those of all processes.

    Args:
        network: on the device; its mode is left as it is.
        pictures: kind of night, dark and bright pictures; sides are multiples of the network's stride or cropped.
        kinds: all kinds of night.
        fabric: adds the sums up.
    """
    sums, mode = Sums(kinds), network.training
    network.eval()
    for kind, dark, bright in pictures:
        height, width = (side - side % network.stride for side in dark.shape[2:])
        with fabric.autocast():
            enhanced = network(dark[..., :height, :width])
        sums.add(kind, enhanced, bright[..., :height, :width])
    network.train(mode)
    if fabric.world_size > 1:
        own = sums.sums.to(fabric.device)  # NCCL takes nothing from the CPU
        sums.sums = torch.as_tensor(fabric.all_reduce(own, reduce_op="sum")).cpu()
    return sums.means()
