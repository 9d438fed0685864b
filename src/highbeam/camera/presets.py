"""Kinds of night, each a set of ranges that parameters are drawn from, and the mix that networks are trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Generator, Tensor

from highbeam.camera.lamps import LampMix, draw_lamps
from highbeam.camera.nights import GammaNight, SensorNight
from highbeam.camera.ranges import Choice, Fixed, LogUniform, Range, Sometimes, Uniform
from highbeam.errors import OptionError, nearest

__all__ = ["PRESETS", "TRAINING", "Preset", "draw", "find_preset", "names", "read_noise_of", "shown_noise"]

_SEEDS = 1 << 62
_DARK = 0.01  # of full scale


_NONE = Fixed(0.0)


@dataclass(frozen=True)
class Preset:
    """A kind of night.

    Attributes:
        name: what users call it by.
        summary: one line for a list.
        law: the class of its parameters.
        ranges: by parameter; what is not named is off. The read noise of the sensor law follows its shot noise.
        lamps: of the sensor law.
        smoothing: threshold of the noise reduction over the noise that there is, since cameras know their gain.
    """

    name: str
    summary: str
    law: type[GammaNight | SensorNight]
    ranges: Mapping[str, Range]
    lamps: LampMix = field(default_factory=LampMix)
    smoothing: Range = _NONE


# Brooks et al. 2019, sections 3.1 to 3.4: white balance and noise of consumer sensors. Converters of 10 to 14 bits,
# whose pedestal is 64 of 1023 as a rule.
_SENSOR: Mapping[str, Range] = {
    "red_gain": Uniform(1.9, 2.4),
    "blue_gain": Uniform(1.5, 1.9),
    "color_mix": Uniform(0.3, 1.0),
    "bayer": Fixed(1),
    "bits": Choice((10, 12, 12, 14)),
    "black_level": Fixed(64 / 1023),
}
# A moving car with a cheap camera behind a windscreen, whose pictures pass a video codec before they are stored.
_CAR: Mapping[str, Range] = {
    **_SENSOR,
    "tone": Uniform(0.0, 0.7),
    "horizon": Uniform(0.4, 0.6),
    "beam_x": Uniform(0.35, 0.65),
    "beam_spread": Uniform(0.2, 0.45),
    "beam_reach": Uniform(0.12, 0.3),
    "beam_kelvin": Uniform(3200.0, 5800.0),
    "vignette": Uniform(0.0, 0.35),
    "shade_kept": Fixed(0.3),
    "motion_x": Sometimes(0.12, Uniform(-8.0, 8.0)),
    "motion_y": Sometimes(0.08, Uniform(-4.0, 4.0)),
    "zoom": Sometimes(0.08, Uniform(0.0, 0.05)),
    "row_noise": Sometimes(0.3, LogUniform(1e-4, 1e-3)),
    "jpeg_quality": Sometimes(0.95, Uniform(60, 95)),
}

_DUSK = Preset(
    "dusk",
    "The sun is down, the sky still bright: the whole frame is lit, blueish, with the first lamps",
    SensorNight,
    {
        **_CAR,
        "exposure_ratio": LogUniform(1.8, 7.0),
        "ambient": Uniform(0.6, 1.0),
        "sky": Uniform(0.6, 3.0),
        "kelvin": Uniform(3800.0, 9000.0),
        "awb": Uniform(0.2, 1.0),
        "beam": Sometimes(0.5, Uniform(0.0, 0.6)),
        "glow": LogUniform(0.02, 0.3),
        "blur_sigma": Uniform(0.3, 1.0),
        "veil": Sometimes(0.5, Uniform(0.0, 0.03)),
        "shot_gain": LogUniform(1e-4, 2e-3),
        "denoise_chroma": Uniform(0.0, 3.0),
        "video_step": Sometimes(0.7, LogUniform(3.0, 14.0)),
        "video_skip": LogUniform(1.0, 12.0),
    },
    LampMix(street=0.12, heads=0.1, tails=0.2, signals=0.08, windows=0.08),
    smoothing=Uniform(0.2, 1.8),
)
_STREET = Preset(
    "street",
    "A lit town: lamps with glow and pools of their colour, cars, a dim sky",
    SensorNight,
    {
        **_CAR,
        "exposure_ratio": LogUniform(1.0, 7.0),
        "ambient": LogUniform(0.06, 0.8),
        "sky": LogUniform(0.02, 0.5),
        "kelvin": LogUniform(2200.0, 5000.0),
        "awb": Uniform(0.0, 0.7),
        "beam": Sometimes(0.8, LogUniform(0.15, 5.0)),
        "glow": LogUniform(0.03, 0.5),
        "blur_sigma": Uniform(0.3, 1.2),
        "veil": Sometimes(0.7, Uniform(0.0, 0.05)),
        "shot_gain": LogUniform(2e-4, 6e-3),
        "black_error": Uniform(-2e-4, 8e-4),
        "denoise_chroma": Uniform(0.0, 4.0),
        "sharpen": Sometimes(0.3, Uniform(0.0, 0.6)),
        "video_step": Sometimes(0.9, LogUniform(2.5, 12.0)),
        "video_skip": LogUniform(2.0, 20.0),
    },
    LampMix(street=0.28, heads=0.2, tails=0.2, signals=0.08, windows=0.2),
    smoothing=Uniform(0.3, 2.0),
)
_RURAL = Preset(
    "rural",
    "No lamps but the cars': a cone of light on the road, all else black",
    SensorNight,
    {
        **_CAR,
        "exposure_ratio": LogUniform(1.6, 9.0),
        "ambient": LogUniform(0.03, 0.4),
        "sky": LogUniform(0.02, 0.5),
        "kelvin": Uniform(3500.0, 8000.0),
        "awb": Uniform(0.3, 1.0),
        "beam": LogUniform(0.4, 5.0),
        "glow": LogUniform(0.02, 0.3),
        "blur_sigma": Uniform(0.3, 1.2),
        "veil": Sometimes(0.4, Uniform(0.0, 0.02)),
        "shot_gain": LogUniform(3e-4, 0.01),
        "black_error": Uniform(-3e-4, 8e-4),
        "denoise_chroma": Uniform(0.0, 5.0),
        "video_step": Sometimes(0.9, LogUniform(2.5, 11.0)),
        "video_skip": LogUniform(2.0, 20.0),
    },
    LampMix(heads=0.25, tails=0.3),
    smoothing=Uniform(0.2, 1.8),
)
_EXTREME = Preset(
    "extreme",
    "Next to no light, and a camera that neither smooths nor packs: grain over everything",
    SensorNight,
    {
        **_SENSOR,
        "exposure_ratio": LogUniform(8.0, 150.0),
        "kelvin": Sometimes(0.8, LogUniform(2200.0, 10000.0), otherwise=6504.0),
        "awb": Uniform(0.0, 0.9),
        "vignette": Sometimes(0.3, Uniform(0.0, 0.3)),
        "blur_sigma": Sometimes(0.6, Uniform(0.3, 1.0)),
        "shot_gain": LogUniform(4e-5, 3e-3),
        "row_noise": Sometimes(0.4, LogUniform(5e-5, 5e-4)),
        "black_error": Uniform(-2e-4, 4e-4),
        "tone": Sometimes(0.3, Uniform(0.0, 0.4)),
        "jpeg_quality": Sometimes(0.3, Uniform(70, 98)),
    },
)
_GAMMA = Preset(
    "gamma",
    "The law low = beta (alpha day)^gamma in its published ranges, with Gaussian blur and noise",
    GammaNight,
    {
        "alpha": Uniform(0.9, 1.0),
        "beta": Uniform(0.5, 1.0),
        "gamma": Uniform(1.5, 5.0),
        "blur_sigma": Sometimes(0.7, Uniform(0.3, 1.8)),
        "noise_sigma": LogUniform(0.002, 0.06),
    },
)
_EVEN = Preset(
    "sensor",
    "The sensor law under even light, as paired sets of low light have it: dark, noisy, stored as JPEG",
    SensorNight,
    {
        **_SENSOR,
        "red_gain": Sometimes(0.6, Uniform(1.9, 2.4), otherwise=1.0),
        "blue_gain": Sometimes(0.6, Uniform(1.5, 1.9), otherwise=1.0),
        "color_mix": Sometimes(0.6, Uniform(0.3, 1.0)),
        "exposure_ratio": LogUniform(3.0, 60.0),
        "kelvin": Sometimes(0.3, LogUniform(2600.0, 9000.0), otherwise=6504.0),
        "awb": Uniform(0.3, 1.0),
        "blur_sigma": Sometimes(0.8, Uniform(0.3, 1.6)),
        "shot_gain": LogUniform(1e-4, 0.012),
        "row_noise": Sometimes(0.2, LogUniform(1e-4, 5e-4)),
        "jpeg_quality": Sometimes(0.85, Uniform(50, 96)),
    },
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {preset.name: preset for preset in (_DUSK, _STREET, _RURAL, _EXTREME, _GAMMA, _EVEN)}
)
"""All kinds of night by name: four scenes, and the two laws on their own."""

TRAINING: Mapping[str, float] = MappingProxyType(
    {"gamma": 0.3, "sensor": 0.3, "dusk": 0.08, "street": 0.16, "rural": 0.08, "extreme": 0.08}
)
"""Shares of the presets in the mix called ``training``."""


def names() -> tuple[str, ...]:
    """Names of the presets, and ``training``."""
    return (*PRESETS, "training")


def find_preset(name: str) -> Preset:
    """Return the preset of a name.

    Raises:
        OptionError: there is none; the mix ``training`` is no preset.
    """
    if name not in PRESETS:
        raise OptionError(f"no preset {name!r}{nearest(name, names())} (presets: {', '.join(names())})")
    return PRESETS[name]


def draw(preset: Preset, count: int, generator: Generator) -> GammaNight | SensorNight:
    """Draw the parameters of some pictures.

    Args:
        preset: the kind of night.
        count: of pictures.
        generator: on the CPU.
    """
    values: dict[str, Tensor | float] = {"seed": torch.randint(_SEEDS, (count,), generator=generator)}
    values |= {name: reach.draw(count, generator) for name, reach in preset.ranges.items()}
    if preset.law is SensorNight:
        drawn = SensorNight.off(count, **values)
        values["read_noise"] = read = read_noise_of(drawn.shot_gain, generator)
        values["denoise_luma"] = preset.smoothing.draw(count, generator) * shown_noise(drawn.shot_gain, read)
        values |= draw_lamps(preset.lamps, drawn.horizon, generator)
    return preset.law.off(count, **values)


def read_noise_of(shot_gain: Tensor, generator: Generator) -> Tensor:
    """Draw the read noise that goes with a shot noise, ``(B,)`` of full scale; 0 with 0.

    The logarithms of the two variances lie along a line for real cameras over their gains:
    ``log read^2 ~ N(2.18 log shot + 1.2, 0.26^2)`` (Brooks et al. 2019, section 3.3, from the Darmstadt data).
    """
    scatter = 0.26 * torch.randn(shot_gain.shape, generator=generator)
    return torch.exp(0.5 * (2.18 * torch.log(shot_gain) + 1.2 + scatter))


def shown_noise(shot_gain: Tensor, read_noise: Tensor) -> Tensor:
    """Standard deviation of the noise of a dark place (1 % of full scale) on the display, of white: ``(B,)``."""
    slope = 1.055 / 2.4 * math.pow(_DARK, 1.0 / 2.4 - 1.0)  # of the sRGB curve
    return slope * torch.sqrt(shot_gain * _DARK + read_noise.square())
