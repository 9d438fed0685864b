"""From what a configuration names to pairs of a dark and a bright batch on the training device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from highbeam.camera import Nights, darken, sample
from highbeam.camera.presets import find_preset
from highbeam.datasets import Bad, Batch, Cache, Entry, Loader, LoaderOptions, Share, central_batches, gather
from highbeam.errors import ConfigError
from highbeam.training.config import Jitter, TrainConfig
from highbeam.training.jitter import regrade
from highbeam.training.twins import MARGIN, Twins, film

__all__ = ["Crops", "Data", "Feed", "balanced", "check_crops", "darkened", "find_data", "validation"]

_VALIDATION_SEED = 1 << 40  # far from the running numbers of training
_JITTER = 0x5DEECE66D  # the nights are the same with and without


@dataclass(frozen=True)
class Data:
    """The entries that a training learns from and is validated with."""

    train: tuple[Entry, ...]
    val: tuple[Entry, ...]

    @property
    def paired(self) -> bool:
        """Whether the data are pairs, and not day pictures to be darkened."""
        return self.train[0].low is not None


@dataclass(frozen=True)
class Crops:
    """What the loader makes in one stage of a training: the side of crops, and how many are in a step."""

    side: int
    batch: int


def find_data(config: TrainConfig) -> Data:
    """Find what a configuration names.

    Raises:
        ConfigError: no data are named, or none is left to train with.
        OptionError: no such preset.
        DatasetError: a data set lacks something.
    """
    for preset in {config.preset, *config.mix, *config.eval_presets} - {"training"}:
        find_preset(preset)  # now, and not when the first pictures are validated
    if not config.data:
        raise ConfigError("no data to train with; name folders, clips or LAYOUT:ROOT, such as --data shards:shards")
    found = gather(config.data).entries
    train = tuple(entry for entry in found if entry.split in {None, "train"})
    val = gather(config.val_data).entries if config.val_data else [entry for entry in found if entry.split == "val"]
    if not train:
        raise ConfigError(f"{', '.join(config.data)}: nothing in the split train; pack the data, or name other ones")
    if val and (val[0].low is None) != (train[0].low is None):
        raise ConfigError("train and validate with pairs, or both with single pictures")
    if config.loss.steady and train[0].low is not None:
        raise ConfigError("loss.steady needs single pictures, which it darkens twice; leave it at 0 for pairs")
    count = min(len(val), config.eval_pictures or len(val))
    return Data(train, tuple(val[at * len(val) // count] for at in range(count)))


def check_crops(config: TrainConfig, stride: int, world: int) -> None:
    """Refuse crops that will not do, before the first step and not at the change to larger ones.

    Args:
        config: of the training.
        stride: of the network, pixels.
        world: how many processes there are.

    Raises:
        ConfigError: it names the key.
    """
    frames = 2 if config.loss.steady else 1
    for late in ("", "late_") if config.late_share else ("",):
        crops = Crops(config.late_crop, config.late_batch_size) if late else Crops(config.crop, config.batch_size)
        if crops.side % stride:
            raise ConfigError(f"{late}crop must be a multiple of {config.network}'s stride, {stride}, got {crops.side}")
        if crops.batch % world:
            raise ConfigError(f"{late}batch_size: {crops.batch} crops cannot be divided among {world} processes")
        if crops.batch % (frames * world):
            raise ConfigError(f"{late}batch_size: loss.steady takes crops in twos, {crops.batch} cannot be so divided")
        if config.loss.steady and crops.side < 2 * MARGIN:
            raise ConfigError(f"{late}crop must be at least {2 * MARGIN} for loss.steady, got {crops.side}")
    if config.eval_crop < stride:
        raise ConfigError(f"eval_crop must be at least {config.network}'s stride, {stride}, got {config.eval_crop}")


class Feed:
    """Pairs of batches without end, whose crops grow towards the end of the training.

    Args:
        config: of the training.
        entries: to train with.
        share: of this process.
        device: where pictures are darkened.
        step: optimiser steps that are done already.
    """

    def __init__(
        self, config: TrainConfig, entries: Sequence[Entry], share: Share, device: torch.device, step: int = 0
    ) -> None:
        self._config, self._share, self._device = config, share, device
        self._entries = balanced(entries, config.balance)
        self._cache = Cache(self._entries, config.cache_bytes)  # outlives the loaders
        self._told: set[Bad] = set()
        self.crops = self._stage(step)
        self._loader = self._open()

    def close(self) -> None:
        """End the threads."""
        self._loader.close()

    def pairs(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the dark and the bright batch of a step, ``(B, 3, S, S)`` ``float32`` in [0, 1] on the device."""
        config = self._config
        return darkened(self._next(step), config.preset, config.seed, self._device, config.mix, jitter=config.jitter)

    def twins(self, step: int) -> Twins:
        """Return the frames of a step in twos, where the loss weighs steadiness."""
        config, batch = self._config, self._next(step)
        bright, nights, generator = _drawn(
            batch, config.preset, config.seed, self._device, config.mix, jitter=config.jitter
        )
        return film(bright, nights, generator)

    def _next(self, step: int) -> Batch:
        wanted = self._stage(step)
        if wanted != self.crops:
            position = self._loader.state_dict()
            self._loader.close()
            self.crops = wanted
            self._loader = self._open()
            self._loader.load_state_dict(position)
        return next(self._loader)

    def waiting(self) -> float:
        """Return the share of the time since this was last asked that was spent waiting for data."""
        return self._loader.waiting().share

    def news_of_bad(self) -> list[str]:
        """Name the pictures that could not be read, each once and with the reason, since this was last asked."""
        fresh = [bad for bad in self._loader.bad if bad not in self._told]
        self._told.update(fresh)
        return [f"{bad.name}: {bad.reason}" for bad in fresh]

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the data."""
        return dict(self._loader.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a position.

        Raises:
            PositionError: it is one in other data.
        """
        self._loader.load_state_dict(state)

    def _stage(self, step: int) -> Crops:
        late = step >= round(self._config.steps * (1.0 - self._config.late_share))
        if late and self._config.late_share:
            return Crops(self._config.late_crop, self._config.late_batch_size)
        return Crops(self._config.crop, self._config.batch_size)

    def _open(self) -> Loader:
        config = self._config
        twins = bool(config.loss.steady)
        options = LoaderOptions(
            batch=self.crops.batch // self._share.world // (2 if twins else 1),
            crop=self.crops.side + (MARGIN if twins else 0),
            zoom=config.zoom,
            flip=config.flip,
            seed=config.seed,
            cache_bytes=config.cache_bytes,
            workers=config.workers,
        )
        return Loader(self._entries, options, self._share, self._cache)


def balanced(entries: Sequence[Entry], share: float) -> tuple[Entry, ...]:
    """Let entries of small sources stand several times, so that large ones do not outweigh them.

    Args:
        entries: each of a source.
        share: a source of n entries stands as often as n^(1 - share) says, beside the largest; 0 changes nothing.
    """
    counts = Counter(entry.source for entry in entries)
    most = max(counts.values(), default=0)
    fresh: dict[str, float] = {}
    repeated: list[Entry] = []
    for entry in entries:  # what is left over of one entry counts for the next one of its source
        due = fresh.get(entry.source, 0.5) + (most / counts[entry.source]) ** share
        repeated += [entry] * int(due)
        fresh[entry.source] = due - int(due)
    return tuple(repeated)


def darkened(
    batch: Batch,
    preset: str,
    seed: int,
    device: torch.device,
    mix: Mapping[str, float] | None = None,
    *,
    jitter: Jitter | None = None,
) -> tuple[Tensor, Tensor]:
    """Bring a batch to a device; single pictures are regraded and darkened there, to nights of a preset or of a mix.

    The nights depend on the seed and the crops' running numbers alone: they are the same after a resume.
    """
    if batch.low is not None:
        return _on(batch.low, device), _on(batch.bright, device)
    bright, nights, _ = _drawn(batch, preset, seed, device, mix, jitter=jitter)
    pair = darken(bright, nights)
    return pair.dark, pair.reference


def _drawn(
    batch: Batch,
    preset: str,
    seed: int,
    device: torch.device,
    mix: Mapping[str, float] | None,
    *,
    jitter: Jitter | None,
) -> tuple[Tensor, Nights, Generator]:
    """Return regraded days on the device, their nights, and the generator as these left it."""
    bright = _on(batch.bright, device)
    generator = Generator().manual_seed((seed * 0x9E3779B97F4A7C15 + int(batch.numbers[0]) + 1) % (1 << 63))
    if jitter:
        bright = regrade(bright, jitter, Generator().manual_seed(generator.initial_seed() ^ _JITTER))
    nights = sample("training", len(bright), generator, mix) if mix else sample(preset, len(bright), generator)
    return bright, nights, generator


def validation(
    data: Data, config: TrainConfig, share: Share, device: torch.device, cache: Cache
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield the name of the nights, the dark and the bright picture ``(1, 3, S, S)`` of this process's part.

    Every entry comes once for each of the nights, always darkened in the same way.
    """
    for preset in ("pairs",) if data.paired else config.eval_presets:
        for batch in central_batches(data.val, 1, config.eval_crop, share, cache=cache):
            numbers = replace(batch, numbers=batch.numbers + _VALIDATION_SEED)
            yield preset, *darkened(numbers, preset, 0, device)


def _on(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).to(torch.float32).div_(255.0).contiguous()
