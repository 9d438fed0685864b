"""Where the lamps of a road at night are, how bright, and of what colour."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from highbeam.camera.display import blackbody_gains
from highbeam.camera.nights import LAMPS
from highbeam.camera.ranges import LogUniform, Uniform

__all__ = ["LampMix", "draw_lamps"]

_PAIR = 2
_PAIRS = LAMPS // _PAIR
# Linear sRGB of signal colours: red and green of CIE S 004 lie outside sRGB's gamut, so their nearest are taken.
_RED, _AMBER, _GREEN = (1.0, 0.05, 0.02), (1.0, 0.35, 0.01), (0.02, 0.8, 0.45)


@dataclass(frozen=True)
class LampMix:
    """How likely it is that one of the six pairs of places for lamps holds lamps of a kind, 0 to 1 each.

    Attributes:
        street: two street lamps above the horizon, 2000 K (sodium) to 5500 K (LED), each with a pool on the ground.
        heads: the two headlights of a car, 3200 K (halogen) to 6000 K.
        tails: the two tail lamps of a car.
        signals: two traffic lights, red, amber or green.
        windows: two lit windows, signs or shop fronts, 2700 K to 6500 K.
    """

    street: float = 0.0
    heads: float = 0.0
    tails: float = 0.0
    signals: float = 0.0
    windows: float = 0.0

    def __post_init__(self) -> None:
        chances = [getattr(self, spec.name) for spec in fields(self)]
        if min(chances) < 0.0 or sum(chances) > 1.0:
            raise ValueError(f"the chances of one place must be at least 0 and sum to at most 1, got {chances}")


@dataclass(frozen=True)
class _Kind:
    """Ranges of one kind of lamp; heights are measured down from the horizon, in frame heights."""

    drop: Uniform
    radius: LogUniform
    power: LogUniform
    pool: Uniform
    gap: Uniform | None  # between the lamps of one car, in radii; none where the two are unrelated
    stretch: LogUniform
    colors: tuple[tuple[float, float, float], ...]
    kelvin: Uniform | None = None
    edge: float = 2.0


_KINDS = {
    "street": _Kind(
        Uniform(-0.5, -0.04),
        LogUniform(0.002, 0.014),
        LogUniform(1.5, 30.0),
        Uniform(0.0, 1.5),
        None,
        LogUniform(0.7, 2.0),
        (),
        kelvin=Uniform(2000.0, 5500.0),
    ),
    "heads": _Kind(
        Uniform(0.01, 0.15),
        LogUniform(0.003, 0.02),
        LogUniform(4.0, 80.0),
        Uniform(0.0, 0.3),
        Uniform(6.0, 14.0),
        LogUniform(0.8, 1.6),
        (),
        kelvin=Uniform(3200.0, 6000.0),
    ),
    "tails": _Kind(
        Uniform(0.01, 0.2),
        LogUniform(0.002, 0.013),
        LogUniform(0.6, 30.0),
        Uniform(0.0, 0.1),
        Uniform(6.0, 14.0),
        LogUniform(0.7, 2.2),
        (_RED,),
    ),
    "signals": _Kind(
        Uniform(-0.4, -0.05),
        LogUniform(0.002, 0.01),
        LogUniform(0.6, 6.0),
        Uniform(0.0, 0.05),
        None,
        LogUniform(0.9, 1.1),
        (_RED, _AMBER, _GREEN),
    ),
    "windows": _Kind(
        Uniform(-0.35, -0.02),
        LogUniform(0.005, 0.04),
        LogUniform(0.4, 10.0),
        Uniform(0.0, 0.3),
        None,
        LogUniform(0.5, 3.0),
        (),
        kelvin=Uniform(2700.0, 6500.0),
        edge=8.0,
    ),
}


def draw_lamps(mix: LampMix, horizon: Tensor, generator: Generator) -> dict[str, Tensor]:
    """Draw the lamps of B pictures.

    Args:
        mix: how likely each kind is.
        horizon: ``(B,)`` y of each picture, frame heights.
        generator: on the CPU.

    Returns:
        The fields ``lamp_*`` of :class:`~highbeam.camera.nights.SensorNight`.
    """
    count = len(horizon) * _PAIRS
    ticket = torch.rand(count, generator=generator)
    places = _empty(count)
    start = 0.0
    for name, kind in _KINDS.items():
        chance = getattr(mix, name)
        rows = ((ticket >= start) & (ticket < start + chance)).nonzero().flatten()
        for key, value in _draw_kind(kind, len(rows), generator).items():
            places[key][rows] = value
        start += chance
    places["lamp_y"] += horizon.repeat_interleave(_PAIRS)[:, None]
    return {key: value.reshape(len(horizon), LAMPS, *value.shape[2:]) for key, value in places.items()}


def _empty(count: int) -> dict[str, Tensor]:
    lamps = {key: torch.zeros(count, _PAIR) for key in ("lamp_x", "lamp_y", "lamp_power", "lamp_pool")}
    lamps |= {"lamp_radius": torch.full((count, _PAIR), 0.01), "lamp_stretch": torch.ones(count, _PAIR)}
    lamps |= {"lamp_edge": torch.full((count, _PAIR), 2.0)}
    return lamps | {"lamp_color": torch.ones(count, _PAIR, 3)}


def _draw_kind(kind: _Kind, count: int, generator: Generator) -> dict[str, Tensor]:
    """Draw ``count`` pairs of one kind, ``(count, 2)`` each; the two of a car share all but their x."""

    def numbers(of: Uniform | LogUniform) -> Tensor:
        if kind.gap is None:
            return of.draw(count * _PAIR, generator).reshape(count, _PAIR)
        return of.draw(count, generator)[:, None].expand(count, _PAIR)

    radius = numbers(kind.radius)
    return {
        "lamp_x": _across(kind, radius, count, generator),
        "lamp_y": numbers(kind.drop),
        "lamp_radius": radius,
        "lamp_stretch": numbers(kind.stretch),
        "lamp_edge": torch.full((count, _PAIR), kind.edge),
        "lamp_power": numbers(kind.power),
        "lamp_pool": numbers(kind.pool),
        "lamp_color": _colors(kind, count, generator),
    }


def _across(kind: _Kind, radius: Tensor, count: int, generator: Generator) -> Tensor:
    if kind.gap is None:
        return torch.rand((count, _PAIR), generator=generator)
    middle = torch.rand((count, 1), generator=generator)
    half = 0.5 * kind.gap.draw(count, generator)[:, None] * radius
    return middle + half * torch.tensor([-1.0, 1.0])


def _colors(kind: _Kind, count: int, generator: Generator) -> Tensor:
    """Linear sRGB ``(count, 2, 3)``, the strongest channel 1, so that power says what saturates."""
    if kind.kelvin is not None:
        own = kind.kelvin.draw(count, generator)
        color = blackbody_gains(own)
    else:
        table = torch.tensor(kind.colors)
        color = table[torch.randint(len(table), (count,), generator=generator)]
    color = color / color.amax(dim=1, keepdim=True)
    return color[:, None].expand(count, _PAIR, 3)
