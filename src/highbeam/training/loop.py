"""The training itself: one loop that reads from top to bottom, on a CPU or on GPUs, alone or under ``torchrun``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from highbeam.datasets import Cache, Share
from highbeam.errors import TrainingError, UsageError
from highbeam.nets import Network, TwinTape, build
from highbeam.training.boards import Board
from highbeam.training.checkpoint import make_folder, newest, read_checkpoint, write_checkpoint
from highbeam.training.config import TrainConfig
from highbeam.training.exporting import load_trained
from highbeam.training.feeding import Data, Feed, check_crops, find_data, validation
from highbeam.training.losses import losses, total
from highbeam.training.processes import any_of, average_buffers, mean_over, precision_of, scales_loss, start
from highbeam.training.twins import unsteadiness
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
        watcher: is told how it goes, in the first of several processes.

    Raises:
        ConfigError: the configuration does not fit the machine or the data.
        NetworkError: no such network.
        OptionError: no such preset.
        DatasetError: data are not what they should be.
        TrainingError: losses are not finite, or a checkpoint cannot be read, written, or gone on from.
    """
    data = find_data(config)
    run = _Run(config, data, watcher or Watcher())
    try:
        while run.step < config.steps and not run.wants_stop():
            dark, bright, enhanced, parts = run.look()
            parts["total"] = total(parts, config.loss)
            run.fabric.backward(parts["total"])
            run.update(parts)

            if run.is_due(config.log_every):
                run.tell_scalars()
            if run.is_due(config.summary_every):
                run.tell_pictures(dark, enhanced, bright)
            if run.is_due(config.eval_every):
                run.validate()
            if run.is_due(config.save_every):
                run.save()
        run.finish()
    finally:
        run.close()
    return Result(newest(run.folder) if run.tells else None, run.step, run.metrics, run.skipped)


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step, counted from 0: a rise, then half a cosine (Loshchilov 2017, eq. 5)."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    share = (step - config.warmup) / max(1, config.steps - config.warmup)
    fall = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
    return config.learning_rate * (config.final_rate + (1.0 - config.final_rate) * fall)


class _Run:
    """Everything that changes while a network trains, set up from the configuration and the newest checkpoint.

    Attributes:
        network: wrapped by Fabric, for the forward pass.
        averaged: its averaged weights; what is validated and exported.
        step: optimiser steps done.
    """

    def __init__(self, config: TrainConfig, data: Data, watcher: Watcher) -> None:
        self.config, self.data, self.watcher, self.folder = config, data, watcher, Path(config.checkpoint_dir)
        make_folder(self.folder)
        self.fabric = start(config)
        self.tells = self.fabric.is_global_zero
        self.share = Share(self.fabric.global_rank, self.fabric.world_size)
        torch.manual_seed(config.seed)
        self.plain = _channels_last(build(config.network, **config.changes))
        self._start(config.start_from)
        self.averaged = build(config.network, **config.changes).requires_grad_(requires_grad=False)
        self.averaged.load_state_dict(self.plain.state_dict())
        _channels_last(self.averaged).to(self.fabric.device)
        optimizer = torch.optim.AdamW(_parameter_groups(self.plain, config.weight_decay), lr=config.learning_rate)
        check_crops(config, self.plain.stride, self.share.world)
        self.network, self.optimizer = self.fabric.setup(self.plain, optimizer)
        self.network.train()
        self.step = self.skipped = self.in_a_row = self._summed = 0
        self.metrics: dict[str, float] = {}
        self._sums: dict[str, Tensor] = {}
        self._cache = Cache(data.val, config.cache_bytes)
        saved = self._newest_state()
        self.feed = Feed(config, data.train, self.share, self.fabric.device, int(saved["step"]) if saved else 0)
        if saved:
            self._load(saved)
        self._saved_at, self._validated_at = self.step, -1
        self.board = Board(self.folder / "logs", self.step) if self.tells else None
        if self.tells:
            watcher.begin(self.step, config.steps)
            if precision_of(config) != config.precision:
                watcher.note(f"{config.network} loses quality in {config.precision}; trained in {precision_of(config)}")

    def wants_stop(self) -> bool:
        """Whether any process was asked to end."""
        return any_of(self.fabric, wish=self.watcher.wants_stop())

    def is_due(self, every: int) -> bool:
        """Whether something that is done every so many steps, and at the end, is to be done now."""
        return self.step % every == 0 or self.step == self.config.steps

    def look(self) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Return a step's dark, bright and enhanced batch, and the parts of its loss."""
        weights = self.config.loss
        if not weights.steady:
            dark, bright = self.feed.pairs(self.step)
            enhanced = self._enhance(dark)
            return dark, bright, enhanced, losses(enhanced, bright, weights)
        dark, bright, corners = self.feed.twins(self.step)
        keep = torch.rand(len(dark) // 2).to(dark.device)
        enhanced = self._enhance(dark, TwinTape(keep))
        parts = losses(enhanced, bright, weights) | {"steady": unsteadiness(enhanced, corners)}
        return dark, bright, enhanced, parts

    def _enhance(self, dark: Tensor, tape: TwinTape | None = None) -> Tensor:
        enhanced: Tensor = self.network(dark.contiguous(memory_format=torch.channels_last), tape)
        return enhanced.float()

    def update(self, parts: dict[str, Tensor]) -> None:
        """Take an optimiser step, or leave it out where the gradient is not finite.

        Raises:
            TrainingError: it was not finite too many times in a row.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.config)
        norm = self.fabric.clip_gradients(
            self.network, self.optimizer, max_norm=self.config.clip_norm, error_if_nonfinite=False
        )
        if norm is not None and bool(torch.isfinite(norm)):  # after the reduction: all processes see the same
            self.optimizer.step()
            self.in_a_row = 0
            average_buffers(self.fabric, self.plain)
            _average(self.averaged, self.plain, min(self.config.ema, (1.0 + self.step) / (10.0 + self.step)))
            self._add_up(parts)
        else:
            self._leave_out()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.tells:
            self.watcher.advance(self.step)

    def _add_up(self, parts: dict[str, Tensor]) -> None:
        for name, part in parts.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=part.device)) + part.detach()
        self._summed += 1

    def _leave_out(self) -> None:
        if scales_loss(self.fabric):
            self.optimizer.step()  # leaves the weights alone, and has the loss scaled up less from now on
        _copy_buffers(self.averaged, self.plain)  # running statistics would never recover
        self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
        if self.in_a_row >= self.config.patience:
            raise TrainingError(
                f"step {self.step}: the loss or its gradient was not finite {self.in_a_row} times in a row; lower"
                f" learning_rate ({self.config.learning_rate:g}), or use precision 32-true"
            )

    def tell_scalars(self) -> None:
        """Tell the means of the losses since this was last done, and what else changes."""
        means = {f"loss/{name}": float(value) / self._summed for name, value in self._sums.items()}
        means |= {"rate": learning_rate_at(self.step - 1, self.config), "skipped": float(self.skipped)}
        self._tell(mean_over(self.fabric, means | {"waiting": self.feed.waiting()}))
        self._sums, self._summed = {}, 0
        for line in self.feed.news_of_bad() if self.tells else []:
            self.watcher.note(f"left out: {line}")

    def tell_pictures(self, dark: Tensor, enhanced: Tensor, bright: Tensor) -> None:
        """Show what went in, what came out, and what should have."""
        if self.board is not None:
            self.board.pictures(self.step, dark, enhanced, bright)

    def validate(self) -> None:
        """Measure the averaged weights on the validation pictures, where there are any."""
        self._validated_at = self.step
        if self.data.val:
            kinds = ("pairs",) if self.data.paired else self.config.eval_presets
            pictures = validation(self.data, self.config, self.share, self.fabric.device, self._cache)
            self.metrics = validate(self.averaged, pictures, kinds, self.fabric)
            self._tell(self.metrics)

    def save(self) -> None:
        """Write a checkpoint with all that is needed to go on."""
        self._saved_at = self.step
        if self.board is not None:
            self.board.flush()
            write_checkpoint(self._state(), self.folder, self.step, self.config.keep)

    def finish(self) -> None:
        """Leave nothing undone; a training that was stopped ends at once, with a checkpoint."""
        if self._saved_at != self.step:
            self.save()
        if self.step >= self.config.steps and self._validated_at != self.step:
            self.validate()
        self.fabric.barrier()

    def close(self) -> None:
        """End the threads and the event files."""
        self.feed.close()
        if self.board is not None:
            self.board.close()

    def _tell(self, values: dict[str, float]) -> None:
        if self.board is not None:
            self.board.scalars(self.step, values)
            self.watcher.scalars(self.step, values)

    def _start(self, path: str) -> None:
        """Take over the weights of an earlier training."""
        if not path:
            return
        try:
            self.plain.load_state_dict(load_trained(Path(path)).network.state_dict())
        except RuntimeError as error:
            raise TrainingError(f"{path}: holds another network than {self.config.network}: {error}") from error

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.config.network,
            "changes": dict(self.config.changes),
            "model": self.plain.state_dict(),
            "ema": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "config": self.config.plain(),
            "step": self.step,
            "skipped": self.skipped,
            "data": self.feed.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
        }

    def _load(self, saved: dict[str, Any]) -> None:
        try:
            self.plain.load_state_dict(saved["model"])
            self.averaged.load_state_dict(saved["ema"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.feed.load_state_dict(saved["data"])
            if saved.get("precision"):
                self.fabric.strategy.precision.load_state_dict(saved["precision"])
            torch.set_rng_state(saved["rng"])
            if torch.cuda.device_count() == len(states := saved.get("cuda_rng", [])):
                torch.cuda.set_rng_state_all(states)
        except (RuntimeError, KeyError, ValueError, TypeError, UsageError) as error:
            raise TrainingError(f"{newest(self.folder)}: does not fit: {error}") from error
        self.step, self.skipped = int(saved["step"]), int(saved["skipped"])

    def _newest_state(self) -> dict[str, Any] | None:
        saved = _newest_state(self.config, self.folder)
        step = int(saved["step"]) if saved else 0
        if mean_over(self.fabric, {"step": step}) != {"step": step}:
            raise TrainingError(f"{self.folder}: the processes see different checkpoints; take a folder that all share")
        return saved


def _channels_last(network: Network) -> Network:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Divide parameters: kernels decay, biases and the factors of normalisations do not."""
    kernels = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


@torch.no_grad()
def _average(averaged: Network, network: Network, decay: float) -> None:
    """Move the averaged weights towards the present ones; buffers are taken over as they are."""
    for mine, theirs in zip(averaged.parameters(), network.parameters(), strict=True):
        mine.lerp_(theirs, 1.0 - decay)
    _copy_buffers(network, averaged)


@torch.no_grad()
def _copy_buffers(source: Network, target: Network) -> None:
    for theirs, mine in zip(source.buffers(), target.buffers(), strict=True):
        mine.copy_(theirs)


def _newest_state(config: TrainConfig, folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint, if there is one and the training may go on from it."""
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
