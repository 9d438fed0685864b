"""What a training is told: one typed, frozen configuration, read from TOML and from ``key=value`` words."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.dataclasses import dataclass

from highbeam.errors import ConfigError
from highbeam.settings import read_toml, refuse_unknown, told

__all__ = [
    "FREE",
    "Jitter",
    "LossWeights",
    "Precision",
    "TrainConfig",
    "as_toml",
    "configure",
    "load_config",
    "parse_word",
]

Precision: TypeAlias = Literal["bf16-mixed", "16-mixed", "32-true"]
_Weight: TypeAlias = Annotated[float, Field(ge=0)]
_Count: TypeAlias = Annotated[int, Field(ge=1)]
_Share: TypeAlias = Annotated[float, Field(gt=0)]
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

FREE = frozenset(
    {"log_every", "summary_every", "save_every", "eval_every", "keep", "checkpoint_dir", "resume", "devices"}
    | {"accelerator", "threads", "workers", "cache_bytes", "eval_pictures", "eval_crop", "eval_presets", "steps"}
)
"""Fields that a training may be resumed with other values of: they do not change what data and which loss it sees."""


@dataclass(frozen=True, config=_STRICT)
class LossWeights:
    """How much each part of the loss counts; :mod:`highbeam.training.losses` says what they are.

    Attributes:
        charbonnier: of the distance in RGB.
        ssim: of 1 - SSIM of the luma.
        gradient: of the distance of the gradients.
        colour: of the distance of the colour differences, saturated places counting more.
        psnr: of the logarithm of each picture's squared distance.
        steady: of what differs between two frames of one scene; crops come in twos then, see
            :mod:`highbeam.training.twins`.
    """

    charbonnier: _Weight = 1.0
    ssim: _Weight = 0.15
    gradient: _Weight = 0.0
    colour: _Weight = 0.25
    psnr: _Weight = 0.0
    steady: _Weight = 0.0

    @model_validator(mode="after")
    def _any(self) -> LossWeights:
        if not sum(asdict(self).values()) > self.steady:
            raise ValueError("at least one part of the loss, other than steady, needs a weight above 0")
        return self


@dataclass(frozen=True, config=_STRICT)
class Jitter:
    """How far day pictures are regraded by chance; :mod:`highbeam.training.jitter` says how.

    Attributes:
        power: standard deviation of the logarithm of the power that all channels are raised to; no unit.
        cast: likewise, of each channel's own.
        saturation: likewise, of the factor of the colour differences.
    """

    power: _Weight = 0.0
    cast: _Weight = 0.0
    saturation: _Weight = 0.0

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return any(asdict(self).values())


@dataclass(frozen=True, config=_STRICT)
class TrainConfig:
    """One training.

    Attributes:
        network: a name of :data:`highbeam.nets.NETWORKS`.
        changes: fields of the network's configuration to change.
        start_from: a checkpoint or a ``.safetensors`` file of the same network, whose weights are trained further;
            with none, from random ones.
        data: what to train with: folders, clips, globs, ``shards:ROOT`` or another ``LAYOUT:ROOT``. Single pictures are
            darkened on the fly, pairs are taken as they are. Entries of the splits val and test are left out.
        val_data: what to validate with; with none, the entries of ``data`` in the split val. Names are as for ``data``.
        preset: the nights that single pictures are darkened to.
        mix: shares of presets, in place of the one.
        steps: of the optimiser, in all.
        batch_size: crops in a step, of all processes together.
        crop: side of a crop, pixels.
        late_share: share of the steps, at the end, that see larger crops, for the statistics of whole pictures.
        late_crop: their side, pixels.
        late_batch_size: crops in such a step.
        zoom: crops show squares of up to ``zoom`` times their side, shrunk.
        flip: exchange left and right in half of the crops.
        jitter: see :class:`Jitter`; of single pictures, and not in validation.
        balance: 0 sees every picture equally often, 1 every source, between them a mix.
        learning_rate: at its highest.
        warmup: steps over which it rises; after them it falls along a cosine.
        final_rate: what it falls to, as a share of the highest.
        weight_decay: of AdamW, on kernels alone.
        clip_norm: gradients are scaled down to this norm.
        ema: decay of the averaged weights per step; they are what is validated and exported.
        loss: see :class:`LossWeights`.
        patience: steps in a row whose loss or gradient is not finite, and which are left out, before training stops.
        precision: of the arithmetic; networks that do not keep their quality in bfloat16 are trained in 32 bits.
        accelerator: ``auto``, ``cpu``, ``cuda``, as Lightning Fabric takes it.
        devices: how many; under ``torchrun``, one per process.
        threads: of the arithmetic on a CPU; 0 for what torch takes on its own.
        workers: threads that make crops.
        cache_bytes: for decoded pictures.
        log_every: steps between scalars.
        summary_every: steps between pictures.
        save_every: steps between checkpoints.
        eval_every: steps between validations.
        eval_pictures: validate with so many, evenly taken from all; 0 for all.
        eval_crop: side of the central crops that are validated with, pixels.
        eval_presets: nights to validate with, where data are single pictures.
        keep: how many checkpoints stay.
        checkpoint_dir: folder of checkpoints and logs.
        resume: ``auto`` goes on from the newest checkpoint where there is one, ``never`` refuses a folder that has one.
        seed: of everything random.
    """

    network: str = "unet-m"
    changes: dict[str, Any] = Field(default_factory=dict)
    start_from: str = ""
    data: tuple[str, ...] = ()
    val_data: tuple[str, ...] = ()
    preset: str = "training"
    mix: dict[str, _Share] = Field(default_factory=dict)
    steps: _Count = 20_000
    batch_size: _Count = 8
    crop: Annotated[int, Field(ge=32)] = 256
    late_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    late_crop: Annotated[int, Field(ge=32)] = 384
    late_batch_size: _Count = 4
    zoom: Annotated[float, Field(ge=1)] = 2.0
    flip: bool = True
    jitter: Jitter = Field(default_factory=Jitter)
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    learning_rate: Annotated[float, Field(gt=0)] = 1.5e-3
    warmup: Annotated[int, Field(ge=0)] = 300
    final_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    weight_decay: _Weight = 0.01
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    loss: LossWeights = Field(default_factory=LossWeights)
    patience: _Count = 20
    precision: Precision = "bf16-mixed"
    accelerator: str = "auto"
    devices: _Count = 1
    threads: Annotated[int, Field(ge=0)] = 0
    workers: _Count = 1
    cache_bytes: Annotated[int, Field(ge=0)] = 2_000_000_000
    log_every: _Count = 50
    summary_every: _Count = 500
    save_every: _Count = 500
    eval_every: _Count = 1000
    eval_pictures: Annotated[int, Field(ge=0)] = 24
    eval_crop: Annotated[int, Field(ge=32)] = 384
    eval_presets: tuple[str, ...] = ("gamma", "sensor", "street")
    keep: _Count = 3
    checkpoint_dir: str = "checkpoints"
    resume: Literal["auto", "never"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0

    @field_validator("data", "val_data", "eval_presets", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def plain(self) -> dict[str, Any]:
        """Return plain numbers, words, lists and dicts, as JSON, TOML and checkpoints take them."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def differences(self, plain: Mapping[str, Any]) -> list[str]:
        """Name the fields, but those of :data:`FREE`, in which a plain configuration is another one."""
        mine = self.plain()
        usual = TrainConfig().plain()  # what a file of an older version, which lacks a key, was trained with
        return [key for key in mine if key not in FREE and _plain(plain.get(key, usual[key])) != mine[key]]


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(map(_plain, value)) if isinstance(value, tuple | list) else value


def as_toml(config: TrainConfig) -> str:
    """Write a configuration as :func:`load_config` reads it."""
    plain = config.plain()
    tables = {key: plain.pop(key) for key in ("loss", "mix", "jitter", "changes")}
    blocks = [_lines(plain), *(f"\n[{key}]\n{_lines(table)}" for key, table in tables.items() if table)]
    return "\n".join(blocks)


def _lines(table: Mapping[str, object]) -> str:
    return "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())


_FLAGS: Mapping[str, str] = MappingProxyType(
    {"f_log_step": "log_every", "f_summary_step": "summary_every", "f_save_step": "save_every"}
)
"""What fields were called by the flags of the work that this grew from."""


_TABLES: Mapping[str, type[LossWeights | Jitter]] = MappingProxyType({"loss": LossWeights, "jitter": Jitter})


def load_config(path: Path | None, words: Sequence[str] = (), flags: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a configuration.

    Args:
        path: a TOML file; its table ``[loss]`` holds the weights of the loss, ``[jitter]`` how far pictures
            are regraded, ``[changes]`` fields of the network.
            None starts from the defaults.
        words: ``key=value`` that come on top, values as TOML writes them, quotes left out; ``loss.ssim=0.2`` reaches
            into a table.
        flags: values that come last, by field name or by original flag; None values are not given.

    Raises:
        ConfigError: no such file or not TOML, an unknown key, a value of the wrong kind or out of range.
    """
    values = {} if path is None else read_toml(path)
    for word in words:
        _put(values, *parse_word(word))
    for name, value in (flags or {}).items():
        if value is not None:
            values[_FLAGS.get(name, name)] = value
    return configure(values, str(path) if path else "the configuration")


def configure(values: Mapping[str, Any], name: str = "the configuration") -> TrainConfig:
    """Make a configuration of plain values.

    Raises:
        ConfigError: as for :func:`load_config`.
    """
    refuse_unknown(values, (field.name for field in fields(TrainConfig)), name)
    for table, kind in _TABLES.items():
        if isinstance(values.get(table), Mapping):
            refuse_unknown(values[table], (field.name for field in fields(kind)), name, f"{table}.")
    try:
        return TrainConfig(**values)
    except ValidationError as error:
        raise ConfigError(f"{name}: {told(error)}") from None


def parse_word(word: str) -> tuple[str, Any]:
    """Read ``key=value``; what is not a TOML value is taken as text.

    Raises:
        ConfigError: it is no ``key=value``.
    """
    key, equals, value = word.partition("=")
    key = key.strip().replace("-", "_")
    if not key or not equals:
        raise ConfigError(f"--set takes key=value, got {word!r}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value.strip()


def _put(values: dict[str, Any], key: str, value: object) -> None:
    table, dot, inner = key.partition(".")
    if not dot:
        values[key] = value
        return
    below = values.setdefault(table, {})
    if not isinstance(below, dict):
        raise ConfigError(f"--set {key}: {table} is no table")
    below[inner] = value
