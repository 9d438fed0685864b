"""The processes and devices of a training: alone, started by Fabric, or under ``torchrun``."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from torch import nn

from highbeam.errors import ConfigError
from highbeam.nets import find
from highbeam.training.config import Precision, TrainConfig

__all__ = ["any_of", "average_buffers", "mean_over", "precision_of", "scales_loss", "start"]


def start(config: TrainConfig) -> Fabric:
    """Set the device, the precision and the processes up; under ``torchrun`` its environment says how many.

    Raises:
        ConfigError: the machine has no such devices.
        NetworkError: no such network.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    precision = precision_of(config)
    devices = int(os.environ.get("LOCAL_WORLD_SIZE", config.devices))
    nodes = int(os.environ.get("WORLD_SIZE", devices)) // devices
    with _quiet():
        try:
            fabric = Fabric(accelerator=config.accelerator, devices=devices, num_nodes=nodes, precision=precision)
            fabric.launch()
        except (ValueError, RuntimeError) as error:
            raise ConfigError(f"cannot start on {devices} of {config.accelerator}: {error}") from error
    return fabric


def precision_of(config: TrainConfig) -> Precision:
    """Return the precision that a network is trained in: that of the configuration, unless it would lose quality.

    Raises:
        NetworkError: no such network.
    """
    return config.precision if find(config.network).supports_bfloat16 else "32-true"


def scales_loss(fabric: Fabric) -> bool:
    """Whether the loss is scaled up, so that gradients do not vanish in 16 bits, and down again when it overflows."""
    precision = fabric.strategy.precision
    return isinstance(precision, MixedPrecision) and precision.scaler is not None


def any_of(fabric: Fabric, *, wish: bool) -> bool:
    """Whether any process wishes something; every process gets the same answer."""
    return mean_over(fabric, {"wish": float(wish)})["wish"] > 0.0


def mean_over(fabric: Fabric, values: Mapping[str, float]) -> dict[str, float]:
    """Return the means over all processes; every process must ask for the same names."""
    if fabric.world_size == 1 or not values:
        return dict(values)
    own = torch.tensor(list(values.values()), dtype=torch.float64, device=fabric.device)
    return dict(zip(values, torch.as_tensor(fabric.all_reduce(own)).tolist(), strict=True))


@torch.no_grad()
def average_buffers(fabric: Fabric, network: nn.Module) -> None:
    """Give all processes the same running statistics: each has only seen its own part of every batch."""
    if fabric.world_size == 1:
        return
    for buffer in network.buffers():
        if buffer.is_floating_point():
            fabric.all_reduce(buffer)  # in place


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what Fabric says of its choice of devices."""
    log = logging.getLogger("lightning_fabric")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
