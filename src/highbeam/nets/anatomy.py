"""What a network is made of, counted and drawn from a run of its own code on shapes alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from highbeam.nets.blocks import Network, SceneTape

__all__ = ["Anatomy", "Part", "anatomy", "describe", "scene_size"]

_ENDS = ("picture", "enhanced")


@dataclass(frozen=True)
class Part:
    """One named part of a network.

    Attributes:
        name: as in the network's wiring, which is the part's path in the module.
        shape: of what it puts out, without the batch.
        parameters: how many numbers it learns.
        macs: multiply-adds of its convolutions and linear layers, for the whole picture.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Anatomy:
    """A network counted at one picture size.

    Attributes:
        height: of the picture, pixels.
        width: likewise.
        parts: in the order in which they ran.
        wiring: (from, to, label) between parts, ``picture`` and ``enhanced``.
    """

    height: int
    width: int
    parts: tuple[Part, ...] = field(repr=False)
    wiring: tuple[tuple[str, str, str], ...] = field(repr=False)

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(part.parameters for part in self.parts)

    @property
    def macs(self) -> int:
        """Multiply-adds of all convolutions and linear layers for one picture."""
        return sum(part.macs for part in self.parts)


def anatomy(network: Network, height: int = 720, width: int = 1280) -> Anatomy:
    """Count a network's parts on a picture of a size, rounded up to the network's stride; no value is computed."""
    height, width = (-(-side // network.stride) * network.stride for side in (height, width))
    shadow = copy.deepcopy(network).to("meta").eval()
    wiring = shadow.wiring()
    names = [name for name in dict.fromkeys(end for edge in wiring for end in edge[:2]) if name not in _ENDS]
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        shadow.get_submodule(name).register_forward_hook(_note_shape(shapes, name))
    with FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, 3, height, width, device="meta"))
    flops = {name.partition(".")[2]: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    parts = (Part(name, shapes[name], _size(shadow.get_submodule(name)), flops.get(name, 0) // 2) for name in names)
    return Anatomy(height, width, tuple(parts), wiring)


def scene_size(network: Network) -> int:
    """Return K, the length of the network's scene; 0 where it takes nothing from the whole picture."""
    shadow = copy.deepcopy(network).to("meta").eval()
    tape = SceneTape()
    shadow(torch.empty(1, 3, network.stride, network.stride, device="meta"), tape)
    return sum(measured.shape[1] for measured in tape.measured)


def describe(network: Network, height: int = 720, width: int = 1280) -> str:
    """Draw a network as a Mermaid flow chart: each part with its shape, parameters and multiply-adds."""
    found = anatomy(network, height, width)
    ids = {"picture": "picture", "enhanced": "enhanced"} | {p.name: p.name.replace(".", "_") for p in found.parts}
    lines = ["flowchart TD", f'  picture(["picture 3 x {found.height} x {found.width}"])']
    lines += [f'  {ids[part.name]}["{_label(part)}"]' for part in found.parts]
    lines += ['  enhanced(["enhanced"])']
    lines += [f"  {ids[a]} -->{f'|{label}|' if label else ''} {ids[b]}" for a, b, label in found.wiring]
    return "\n".join(lines) + "\n"


def _label(part: Part) -> str:
    shape = " x ".join(str(side) for side in part.shape)
    return f"{part.name}<br/>{shape}<br/>{part.parameters:,} parameters, {part.macs / 1e6:,.1f} M multiply-adds"


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _note_shape(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[[nn.Module, object, Tensor], None]:
    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        shapes[name] = tuple(output.shape[1:])

    return note
