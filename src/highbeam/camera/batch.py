"""Darkening whole batches: drawing nights, applying them, and keeping their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Generator, Tensor

from highbeam.camera.laws import Pair, gamma_law, sensor_law
from highbeam.camera.nights import GammaNight, SensorNight
from highbeam.camera.presets import PRESETS, TRAINING, draw, find_preset
from highbeam.errors import ArrayError, UsageError

__all__ = ["Nights", "Part", "darken", "sample"]

_CHUNK = 1 << 18  # pixels on the CPU: four crops of 256x256 stay in its caches, twice as fast as eight at once
_LAWS: Mapping[str, type[GammaNight | SensorNight]] = {"gamma": GammaNight, "sensor": SensorNight}


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a batch that share a law.

    Attributes:
        rows: ``(n,)`` ``int64`` on the CPU, their places in the batch.
        night: their parameters.
    """

    rows: Tensor
    night: GammaNight | SensorNight


@dataclass(frozen=True, eq=False)
class Nights:
    """Parameters of a whole batch, whatever the laws.

    Attributes:
        presets: of each row, what it was drawn from.
        parts: one for each law in use.
    """

    presets: tuple[str, ...]
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return len(self.presets)

    def records(self) -> list[dict[str, Any]]:
        """Return one record per row for a manifest, such as JSON takes; :meth:`from_records` reads it exactly."""
        found: dict[int, dict[str, Any]] = {}
        for part in self.parts:
            for row, record in zip(part.rows.tolist(), part.night.records(), strict=True):
                found[row] = {"preset": self.presets[row], "law": part.night.law, **record}
        return [found[row] for row in range(len(self))]

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Self:
        """Read parameters back.

        Raises:
            UsageError: a record without a known ``law``, or with a parameter that its law does not have.
        """
        for record in records:
            if record.get("law") not in _LAWS:
                raise UsageError(f"a record needs the law it is of ({', '.join(_LAWS)}), got {record.get('law')!r}")
        parts = []
        for law, kind in _LAWS.items():
            rows = [row for row, record in enumerate(records) if record["law"] == law]
            plain = [{k: v for k, v in records[row].items() if k not in {"preset", "law"}} for row in rows]
            if rows:
                parts.append(Part(torch.tensor(rows), kind.from_records(plain)))
        return cls(tuple(str(record.get("preset", "")) for record in records), tuple(parts))

    def in_windows(self, windows: Tensor) -> Self:
        """Say which part of the camera's frame each picture is, so that a crop is lit as that part.

        Args:
            windows: ``(B, 4)`` left, top, width, height in shares of the frame, on the CPU.
        """
        parts = []
        for part in self.parts:
            night = part.night
            if isinstance(night, SensorNight):
                night = replace(night, window=windows[part.rows].to(torch.float32))
            parts.append(Part(part.rows, night))
        return replace(self, parts=tuple(parts))


def sample(preset: str, count: int, generator: Generator, mix: Mapping[str, float] = TRAINING) -> Nights:
    """Draw the nights of a batch.

    Args:
        preset: a name of :data:`~highbeam.camera.presets.PRESETS`, or ``training`` for the mix, where each picture
            draws its own preset.
        count: of pictures.
        generator: on the CPU; the same state gives the same nights.
        mix: weights of the presets in ``training``.

    Raises:
        OptionError: no preset of that name.
    """
    chosen = _draw_presets(count, generator, mix) if preset == "training" else (find_preset(preset).name,) * count
    groups: dict[str, list[Part]] = {}
    for name in dict.fromkeys(chosen):
        rows = torch.tensor([row for row, own in enumerate(chosen) if own == name])
        part = Part(rows, draw(PRESETS[name], len(rows), generator))
        groups.setdefault(part.night.law, []).append(part)
    return Nights(chosen, tuple(_join(parts) for parts in groups.values()))


def darken(day: Tensor, nights: Nights) -> Pair:
    """Turn day pictures into night ones.

    Args:
        day: ``(B, 3, H, W)`` ``float32`` in [0, 1], on any device; left as it is.
        nights: parameters of B pictures.

    Returns:
        The dark pictures on the 8-bit grid, and their references, both like ``day``. Each row depends on its own
        picture and parameters alone. On one kind of device the same input gives the same result; the random numbers
        of a CPU and of a GPU differ.

    Raises:
        ArrayError: another shape or dtype, or another number of pictures than of parameters.
    """
    _check(day, nights)
    dark, reference = torch.empty_like(day), torch.empty_like(day)
    for part in nights.parts:
        for own in torch.split(torch.arange(len(part.rows)), _chunk_rows(day)):
            rows = part.rows[own].to(day.device)
            dark[rows], reference[rows] = _apply(day.index_select(0, rows), part.night.take(own))
    return Pair(dark, reference)


def _apply(day: Tensor, night: GammaNight | SensorNight) -> Pair:
    return gamma_law(day, night) if isinstance(night, GammaNight) else sensor_law(day, night)


def _chunk_rows(day: Tensor) -> int:
    """How many pictures go through the stages at once."""
    return len(day) if day.device.type != "cpu" else max(1, _CHUNK // (day.shape[2] * day.shape[3]))


def _draw_presets(count: int, generator: Generator, mix: Mapping[str, float]) -> tuple[str, ...]:
    for name in mix:
        find_preset(name)
    weights = torch.tensor(list(mix.values()))
    drawn = torch.multinomial(weights, count, replacement=True, generator=generator)
    return tuple(list(mix)[row] for row in drawn.tolist())


def _join(parts: Sequence[Part]) -> Part:
    """Bring parts of one law together."""
    rows = torch.cat([part.rows for part in parts])
    sensor = [part.night for part in parts if isinstance(part.night, SensorNight)]
    if sensor:
        return Part(rows, SensorNight.join(sensor))
    return Part(rows, GammaNight.join([part.night for part in parts if isinstance(part.night, GammaNight)]))


def _check(day: Tensor, nights: Nights) -> None:
    if day.ndim != 4 or day.shape[1] != 3 or 0 in day.shape:  # noqa: PLR2004 - (B, 3, H, W)
        raise ArrayError(f"expected shape (B, 3, H, W) with at least one pixel, got {tuple(day.shape)}")
    if day.dtype != torch.float32:
        raise ArrayError(f"expected float32 in [0, 1], got {day.dtype}; convert it first")
    if len(day) != len(nights):
        raise ArrayError(f"{len(day)} pictures, but parameters for {len(nights)}")
