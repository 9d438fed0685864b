"""The training itself: one loop that reads from top to bottom, on a CPU or on GPUs, alone or under ``torchrun``."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from highbeam.datasets import Cache, Share
from highbeam.errors import ConfigError, NetworkError, PositionError, TrainingError
from highbeam.nets import Network, build, find
from highbeam.training.boards import Board
from highbeam.training.checkpoint import newest, read_checkpoint, write_checkpoint
from highbeam.training.config import TrainConfig
from highbeam.training.feeding import Feed, find_data, validation
from highbeam.training.losses import losses, total
from highbeam.training.validating import validate
from highbeam.training.watching import Watcher

__all__ = ["Result", "learning_rate_at", "train"]


@dataclass(frozen=True)
class Result:
    """How a training ended.

    Attributes:
        checkpoint: the last one; None in processes that do not write.
        step: optimiser steps done.
        metrics: of the last validation, such as ``val/psnr`` in dB; empty without validation pictures.
        skipped: steps left out because their loss or gradient was not finite.
    """

    checkpoint: Path | None
    step: int
    metrics: dict[str, float] = field(default_factory=dict)
    skipped: int = 0


def train(config: TrainConfig, watcher: Watcher | None = None) -> Result:
    """Train a network, going on from the newest checkpoint in the folder where there is one.

    Args:
        config: see :class:`~highbeam.training.config.TrainConfig`.
        watcher: is told how it goes.

    Raises:
        ConfigError: the configuration does not fit the machine or the data.
        NetworkError: no such network.
        DatasetError: data are not what they should be.
        TrainingError: losses are not finite, or a checkpoint cannot be read, written, or gone on from.
    """
    watcher, folder = watcher or Watcher(), Path(config.checkpoint_dir)
    data = find_data(config)
    fabric = _start(config)
    tells = fabric.is_global_zero
    share = Share(fabric.global_rank, fabric.world_size)

    torch.manual_seed(config.seed)
    plain = build(config.network, **config.changes)
    averaged = build(config.network, **config.changes).requires_grad_(requires_grad=False)
    averaged.load_state_dict(plain.state_dict())
    optimizer = torch.optim.AdamW(_parameter_groups(plain, config.weight_decay), lr=config.learning_rate)
    plain.to(memory_format=torch.channels_last)
    network, optimizer = fabric.setup(plain, optimizer)
    averaged = averaged.to(fabric.device, memory_format=torch.channels_last)
    kinds, cache = ("pairs",) if data.paired else config.eval_presets, Cache(data.val, config.cache_bytes)

    saved = _resume(config, folder)
    step, skipped, metrics = 0, 0, dict[str, float]()
    feed = Feed(config, data.train, share, fabric.device, step=saved["step"] if saved else 0)
    if saved is not None:
        step, skipped = int(saved["step"]), int(saved["skipped"])
        _load(saved, plain, averaged, optimizer, feed)
    board = Board(folder / "logs", step) if tells else None
    told, in_a_row, reported = dict[str, Tensor](), 0, 0
    since = step
    watcher.begin(step, config.steps) if tells else None

    try:
        while step < config.steps:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate_at(step, config)
            dark, bright = feed.pairs(step)
            network.train()
            enhanced = network(dark.contiguous(memory_format=torch.channels_last)).float()
            parts = losses(enhanced, bright, config.loss)
            loss = total(parts, config.loss)
            fabric.backward(loss)
            norm = fabric.clip_gradients(network, optimizer, max_norm=config.clip_norm, error_if_nonfinite=False)
            if norm is not None and bool(torch.isfinite(norm)):  # after the reduction: all processes see the same
                optimizer.step()
                _average(averaged, plain, min(config.ema, (1.0 + step) / (10.0 + step)))
                in_a_row = 0
            else:
                skipped, in_a_row = skipped + 1, in_a_row + 1
                if in_a_row >= config.patience:
                    raise TrainingError(
                        f"step {step}: the loss or its gradient was not finite {in_a_row} times in a row;"
                        f" lower learning_rate ({config.learning_rate:g}), or use precision 32-true"
                    )
            optimizer.zero_grad(set_to_none=True)
            step += 1
            for name, part in (parts | {"total": loss}).items():
                told[name] = told.get(name, torch.zeros((), device=part.device)) + part.detach()

            if tells:
                watcher.advance(step)
            if step % config.log_every == 0 or step == config.steps:
                means = {f"loss/{name}": float(value) / (step - since) for name, value in told.items()}
                means |= {"rate": learning_rate_at(step - 1, config), "waiting": feed.waiting(), "skipped": skipped}
                told, since = {}, step
                if board is not None:
                    board.scalars(step, means)
                    watcher.scalars(step, means)
                    for line in feed.bad()[reported:]:
                        watcher.note(f"left out: {line}")
                    reported = len(feed.bad())
            if board is not None and step % config.summary_every == 0:
                board.pictures(step, dark, enhanced, bright)
            if data.val and (step % config.eval_every == 0 or step == config.steps):
                pictures = validation(data, config, share, fabric.device, cache)
                metrics = validate(averaged, pictures, kinds, fabric)
                if board is not None:
                    board.scalars(step, metrics)
                    watcher.scalars(step, metrics)
            if tells and (step % config.save_every == 0 or step == config.steps):
                write_checkpoint(
                    _state(config, plain, averaged, optimizer, feed, step, skipped), folder, step, config.keep
                )
    finally:
        feed.close()
        if board is not None:
            board.close()
    fabric.barrier()
    return Result(newest(folder) if tells else None, step, metrics, skipped)


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step, counted from 0: a linear rise, then half a cosine (Loshchilov 2017, eq. 5)."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
    return config.learning_rate * (config.final_rate + (1.0 - config.final_rate) * fall)


def _start(config: TrainConfig) -> Fabric:
    """Set the device, the precision and the processes up."""
    if config.threads:
        torch.set_num_threads(config.threads)
    precision = config.precision if find(config.network).supports_bfloat16 else "32-true"
    with _quiet():
        try:
            fabric = Fabric(accelerator=config.accelerator, devices=config.devices, precision=precision)
            fabric.launch()
        except (ValueError, RuntimeError) as error:
            raise ConfigError(f"cannot start on {config.devices} of {config.accelerator}: {error}") from error
    return fabric


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


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Divide parameters: kernels decay, biases and the factors of normalisations do not."""
    kernels = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


@torch.no_grad()
def _average(averaged: Network, network: Network, decay: float) -> None:
    """Move the averaged weights towards the present ones; buffers are taken over as they are."""
    mine, theirs = list(averaged.parameters()), list(network.parameters())
    torch._foreach_lerp_(mine, theirs, 1.0 - decay)  # noqa: SLF001 - what torch's own optimisers use
    for own, other in zip(averaged.buffers(), network.buffers(), strict=True):
        own.copy_(other)


def _resume(config: TrainConfig, folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint, if the training may go on from it."""
    path = newest(folder)
    if path is None:
        return None
    if config.resume == "never":
        raise TrainingError(f"{path}: exists; pass --resume auto to go on from it, or choose another checkpoint_dir")
    saved = read_checkpoint(path)
    wrong = config.differences(saved["config"])
    if wrong:
        told = ", ".join(f"{key} was {saved['config'].get(key)!r}" for key in wrong)
        raise TrainingError(f"{path}: is of another training ({told}); use its values, or another checkpoint_dir")
    return saved


def _load(
    saved: dict[str, Any], network: Network, averaged: Network, optimizer: torch.optim.Optimizer, feed: Feed
) -> None:
    try:
        network.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["ema"])
        optimizer.load_state_dict(saved["optimizer"])
        feed.load_state_dict(saved["data"])
        torch.set_rng_state(saved["rng"])
    except (RuntimeError, KeyError, ValueError, TypeError, NetworkError, PositionError) as error:
        raise TrainingError(f"the checkpoint does not fit: {error}") from error


def _state(
    config: TrainConfig,
    network: Network,
    averaged: Network,
    optimizer: torch.optim.Optimizer,
    feed: Feed,
    step: int,
    skipped: int,
) -> dict[str, Any]:
    return {
        "network": config.network,
        "changes": dict(config.changes),
        "model": network.state_dict(),
        "ema": averaged.state_dict(),
        "optimizer": optimizer.state_dict(),
        "config": config.plain(),
        "step": step,
        "skipped": skipped,
        "data": feed.state_dict(),
        "rng": torch.get_rng_state(),
    }


