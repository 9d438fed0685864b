"""The networks that are trained on pairs of night and day. Needs torch (extra ``train``).

::

    network = build("unet-m")                         # fresh weights; names() lists the table
    enhanced = network(dark)                          # (N, 3, H, W) in [0, 1], sides multiples of network.stride
    print(describe(network))                          # a Mermaid drawing; anatomy(network) counts
    export_onnx(network, path, name="unet-m")         # runs without torch from here on
"""

from __future__ import annotations

from highbeam.nets.anatomy import Anatomy, Part, anatomy, describe, scene_size
from highbeam.nets.blocks import Network, SceneTape, TwinTape, crop_to, reflect_to
from highbeam.nets.can import CAN, CANConfig
from highbeam.nets.export import ExportReport, Parity, export_onnx
from highbeam.nets.registry import DEFAULT_NETWORK, NETWORKS, NetSpec, build, find, names
from highbeam.nets.unet import UNet, UNetConfig

__all__ = [
    "CAN",
    "DEFAULT_NETWORK",
    "NETWORKS",
    "Anatomy",
    "CANConfig",
    "ExportReport",
    "NetSpec",
    "Network",
    "Parity",
    "Part",
    "SceneTape",
    "TwinTape",
    "UNet",
    "UNetConfig",
    "anatomy",
    "build",
    "crop_to",
    "describe",
    "export_onnx",
    "find",
    "names",
    "reflect_to",
    "scene_size",
]
