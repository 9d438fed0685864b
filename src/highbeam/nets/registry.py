"""The one table of networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from highbeam.errors import NetworkError, nearest
from highbeam.nets.blocks import Network
from highbeam.nets.can import CAN, CANConfig
from highbeam.nets.unet import UNet, UNetConfig

__all__ = ["DEFAULT_NETWORK", "NETWORKS", "NetConfig", "NetSpec", "build", "find", "names"]

NetConfig = UNetConfig | CANConfig

DEFAULT_NETWORK = "unet-m"

_UNET = "after Ronneberger, Fischer, Brox: U-Net. MICCAI 2015; Wu, He: Group normalization. ECCV 2018"
_CAN = "Chen, Xu, Koltun: Fast image processing with fully-convolutional networks. ICCV 2017"


@dataclass(frozen=True)
class NetSpec:
    """One row of the table of networks.

    Attributes:
        name: what users call it by.
        summary: one line for a list.
        source: paper.
        config: what it is built from.
        supports_tiling: whether tiles that overlap by the network's reach, given one scene, join without seams.
        supports_bfloat16: whether it keeps its quality with bfloat16 arithmetic.
    """

    name: str
    summary: str
    source: str
    config: NetConfig
    supports_tiling: bool = True
    supports_bfloat16: bool = True

    @property
    def stride(self) -> int:
        """Height and width must be multiples of it, pixels."""
        return self.config.stride

    @property
    def reach(self) -> int:
        """How far a pixel's result looks around, pixels; tiles overlap by twice as much."""
        return self.config.reach


_ROWS = (
    NetSpec(
        "unet-s",
        "real time on two CPU cores",
        _UNET,
        UNetConfig(widths=(32, 64, 128, 192), encoder=(0, 1, 1, 2), decoder=(1, 1, 1)),
    ),
    NetSpec("unet-m", "the default", _UNET, UNetConfig()),
    NetSpec(
        "unet-l",
        "the best, for a GPU",
        _UNET,
        UNetConfig(cell=2, widths=(64, 96, 160, 256, 320), encoder=(2, 2, 2, 4, 4), decoder=(2, 2, 2, 4)),
    ),
    NetSpec("can24", "context aggregation, 24 channels", _CAN, CANConfig()),
    NetSpec(
        "can32",
        "context aggregation, 32 channels",
        _CAN,
        CANConfig(width=32, dilations=(1, 2, 4, 8, 16, 32, 64, 128, 1)),
    ),
)

NETWORKS: Mapping[str, NetSpec] = MappingProxyType({row.name: row for row in _ROWS})
"""Every network by name, in the order in which lists show them."""


def names() -> tuple[str, ...]:
    """Return the names of all networks, in the order in which lists show them."""
    return tuple(NETWORKS)


def find(name: str) -> NetSpec:
    """Return a network's row.

    Raises:
        NetworkError: there is none of that name.
    """
    try:
        return NETWORKS[name]
    except KeyError:
        known = ", ".join(NETWORKS)
        raise NetworkError(f"no network {name!r}{nearest(name, NETWORKS)} (networks: {known})") from None


def build(name: str, **changes: object) -> Network:
    """Build a network with fresh weights from torch's random state.

    Args:
        name: a key of :data:`NETWORKS`.
        **changes: fields of the network's configuration to change, as an ablation does.

    Raises:
        NetworkError: there is no such network or field, or a value that the network cannot be built with.
    """
    config = find(name).config
    known = [field.name for field in fields(config)]
    for change in changes:
        if change not in known:
            raise NetworkError(f"{name} has no field {change!r}{nearest(change, known)} (fields: {', '.join(known)})")
    try:
        changed = replace(config, **changes)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{name}: {error}") from None
    return UNet(changed) if isinstance(changed, UNetConfig) else CAN(changed)
