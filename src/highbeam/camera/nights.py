"""The parameters of darkened pictures, one row per picture, in physical terms.

Parameters live on the CPU, whatever device the pictures are on: they are few, and whether a stage is needed is decided
by looking at them. They go to and from plain records, so that a manifest can hold what every picture went through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from highbeam.camera.light import Lamps
from highbeam.errors import UsageError, nearest

__all__ = ["LAMPS", "GammaNight", "Night", "SensorNight"]

LAMPS = 12
"""Places for lamps in a picture; those of power 0 are empty."""


def _spec(
    off: float | tuple[float, ...], unit: str, *, shape: tuple[int, ...] = (), whole: bool = False
) -> dict[str, Any]:
    """Describe a parameter: its value when it does nothing, its unit, the shape of one row, and whether it is whole."""
    return {"off": off, "unit": unit, "shape": shape, "dtype": torch.int64 if whole else torch.float32}


@dataclass(frozen=True, eq=False)
class Night:
    """Parameters of B pictures that one law darkens; every field is a CPU tensor whose first axis is B.

    Attributes:
        seed: ``(B,)`` ``int64`` of at least 0, of all random numbers of that picture.
    """

    law: ClassVar[str]

    seed: Tensor = field(metadata=_spec(0, "", whole=True))

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            wanted = (len(self.seed), *spec.metadata["shape"])
            if tuple(value.shape) != wanted or value.dtype != spec.metadata["dtype"] or value.device.type != "cpu":
                found = f"{tuple(value.shape)} {value.dtype} on {value.device}"
                raise UsageError(f"{spec.name}: expected {wanted} {spec.metadata['dtype']} on the cpu, got {found}")

    def __len__(self) -> int:
        return len(self.seed)

    @classmethod
    def off(cls, count: int, **given: Tensor | float) -> Self:
        """Return parameters that change nothing, but for those given: a number for all, or a tensor with a row each.

        Raises:
            UsageError: no parameter of such a name, or of another shape.
        """
        _check_names(cls, given)
        return cls(**{spec.name: _filled(spec, count, given.get(spec.name)) for spec in fields(cls)})

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Put the rows of several together in order."""
        if len(parts) == 1:
            return parts[0]
        return cls(**{spec.name: torch.cat([getattr(part, spec.name) for part in parts]) for spec in fields(cls)})

    def take(self, rows: Tensor) -> Self:
        """Return some rows: ``rows`` is ``int64`` or a bool mask, on the CPU."""
        return type(self)(**{spec.name: getattr(self, spec.name)[rows] for spec in fields(self)})

    def records(self) -> list[dict[str, Any]]:
        """Return one record per picture, of numbers and lists: what :meth:`from_records` takes, exactly."""
        columns = {spec.name: getattr(self, spec.name).tolist() for spec in fields(self)}
        return [{name: column[row] for name, column in columns.items()} for row in range(len(self))]

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Self:
        """Read parameters back; those that a record does not name are off.

        Raises:
            UsageError: no parameter of such a name.
        """
        for record in records:
            _check_names(cls, record)
        columns = {}
        for spec in fields(cls):
            rows = [_filled(spec, 1, record.get(spec.name)) for record in records]
            columns[spec.name] = torch.cat(rows) if rows else _filled(spec, 0, None)
        return cls(**columns)


@dataclass(frozen=True, eq=False)
class GammaNight(Night):
    """Parameters of the law ``low = beta (alpha day)^gamma``, blurred, with noise.

    Lv, Lu, Wu and Lim, "MBLLEN", BMVC 2018: alpha of (0.9, 1), beta of (0.5, 1), gamma of (1.5, 5). Gaussian noise as
    in Lore, Akintayo and Sarkar, "LLNet", Pattern Recognition 61, 2017.

    Attributes:
        alpha: ``(B,)`` linear factor inside the power.
        beta: ``(B,)`` linear factor outside.
        gamma: ``(B,)`` exponent on display values.
        blur_sigma: ``(B,)`` Gaussian blur, pixels.
        noise_sigma: ``(B,)`` Gaussian noise, display units (1 is white).
    """

    law: ClassVar[str] = "gamma"

    alpha: Tensor = field(metadata=_spec(1.0, ""))
    beta: Tensor = field(metadata=_spec(1.0, ""))
    gamma: Tensor = field(metadata=_spec(1.0, ""))
    blur_sigma: Tensor = field(metadata=_spec(0.0, "px"))
    noise_sigma: Tensor = field(metadata=_spec(0.0, "of white"))


@dataclass(frozen=True, eq=False)
class SensorNight(Night):
    """Parameters of the law that follows the light from the scene to the file.

    The stages that use them say more: :mod:`~highbeam.camera.display`, :mod:`~highbeam.camera.light`,
    :mod:`~highbeam.camera.optics`, :mod:`~highbeam.camera.sensor`, :mod:`~highbeam.camera.processing`,
    :mod:`~highbeam.camera.storage`. All are ``(B,)`` unless a shape is given.

    Attributes:
        window: ``(B, 4)`` left, top, width, height of the picture in the frame of the camera, in shares of it.
        tone: strength of the tone curve, by day and by night.
        color_mix: strength of the colour correction matrix.
        red_gain: white-balance gain of red under daylight; green has 1.
        blue_gain: likewise of blue.
        exposure_ratio: how many times less light the night picture gets where the light is full.
        ambient: light everywhere on the ground, of full light.
        sky: light above the horizon, of the ambient.
        horizon: y, frame heights from the top.
        kelvin: colour temperature of the ambient light, K.
        beam: headlights where they are brightest, of full light.
        beam_x: their middle, frame widths from the left.
        beam_spread: their standard deviation sideways, frame widths.
        beam_reach: how far under the horizon they are brightest, frame heights.
        beam_kelvin: their colour temperature, K.
        vignette: squared tangent of half the field of view in the corner.
        lamp_x: ``(B, LAMPS)`` frame widths from the left.
        lamp_y: ``(B, LAMPS)`` frame heights from the top.
        lamp_radius: ``(B, LAMPS)`` frame heights.
        lamp_stretch: ``(B, LAMPS)`` width over height.
        lamp_edge: ``(B, LAMPS)`` exponent of the profile: 2 for a soft disc, 8 for a box.
        lamp_power: ``(B, LAMPS)`` at the middle, of the sensor's full scale.
        lamp_pool: ``(B, LAMPS)`` light on the ground below, of full light.
        lamp_color: ``(B, LAMPS, 3)`` linear sRGB.
        glow: share of the lamps' light scattered into halos.
        shade_kept: exponent with which the reference keeps the unevenness of the light: 0 asks a network to undo it
            wholly, even where the sensor saw nothing.
        blur_sigma: defocus, pixels.
        motion_x: shift to the right during the exposure, pixels.
        motion_y: shift downwards, pixels.
        zoom: growth during the exposure around the horizon's middle, share of the size.
        veil: share of all light scattered evenly.
        bayer: 1 for a mosaic of colour filters, 0 for three full planes.
        shot_gain: full scale per photoelectron.
        read_noise: standard deviation, of full scale.
        row_noise: standard deviation of rows, of full scale.
        bits: of the analogue-digital converter; 24 is as good as none.
        black_level: pedestal, of the converter's range.
        black_error: error of the black level taken off, of full scale.
        awb: share of the light's colour that white balance takes away, in the logarithm.
        denoise_luma: coring threshold, of white.
        denoise_chroma: smoothing of colours, pixels.
        sharpen: gain on detail that passes the coring.
        video_step: quantisation of the video codec, 8-bit levels; 0 for none.
        video_skip: threshold under which a block is skipped, 8-bit levels.
        jpeg_quality: 1 to 100; 0 for none.
    """

    law: ClassVar[str] = "sensor"

    window: Tensor = field(metadata=_spec((0.0, 0.0, 1.0, 1.0), "of the frame", shape=(4,)))
    tone: Tensor = field(metadata=_spec(0.0, ""))
    color_mix: Tensor = field(metadata=_spec(0.0, ""))
    red_gain: Tensor = field(metadata=_spec(1.0, ""))
    blue_gain: Tensor = field(metadata=_spec(1.0, ""))
    exposure_ratio: Tensor = field(metadata=_spec(1.0, ""))
    ambient: Tensor = field(metadata=_spec(1.0, "of full light"))
    sky: Tensor = field(metadata=_spec(1.0, "of the ambient"))
    horizon: Tensor = field(metadata=_spec(0.5, "frame heights"))
    kelvin: Tensor = field(metadata=_spec(6504.0, "K"))
    beam: Tensor = field(metadata=_spec(0.0, "of full light"))
    beam_x: Tensor = field(metadata=_spec(0.5, "frame widths"))
    beam_spread: Tensor = field(metadata=_spec(0.3, "frame widths"))
    beam_reach: Tensor = field(metadata=_spec(0.2, "frame heights"))
    beam_kelvin: Tensor = field(metadata=_spec(6504.0, "K"))
    vignette: Tensor = field(metadata=_spec(0.0, "tan^2"))
    lamp_x: Tensor = field(metadata=_spec(0.0, "frame widths", shape=(LAMPS,)))
    lamp_y: Tensor = field(metadata=_spec(0.0, "frame heights", shape=(LAMPS,)))
    lamp_radius: Tensor = field(metadata=_spec(0.01, "frame heights", shape=(LAMPS,)))
    lamp_stretch: Tensor = field(metadata=_spec(1.0, "", shape=(LAMPS,)))
    lamp_edge: Tensor = field(metadata=_spec(2.0, "", shape=(LAMPS,)))
    lamp_power: Tensor = field(metadata=_spec(0.0, "of full scale", shape=(LAMPS,)))
    lamp_pool: Tensor = field(metadata=_spec(0.0, "of full light", shape=(LAMPS,)))
    lamp_color: Tensor = field(metadata=_spec(1.0, "linear sRGB", shape=(LAMPS, 3)))
    glow: Tensor = field(metadata=_spec(0.0, "of the lamps' light"))
    shade_kept: Tensor = field(metadata=_spec(0.0, ""))
    blur_sigma: Tensor = field(metadata=_spec(0.0, "px"))
    motion_x: Tensor = field(metadata=_spec(0.0, "px"))
    motion_y: Tensor = field(metadata=_spec(0.0, "px"))
    zoom: Tensor = field(metadata=_spec(0.0, "of the size"))
    veil: Tensor = field(metadata=_spec(0.0, "of all light"))
    bayer: Tensor = field(metadata=_spec(0, "", whole=True))
    shot_gain: Tensor = field(metadata=_spec(0.0, "of full scale per electron"))
    read_noise: Tensor = field(metadata=_spec(0.0, "of full scale"))
    row_noise: Tensor = field(metadata=_spec(0.0, "of full scale"))
    bits: Tensor = field(metadata=_spec(24, "bit", whole=True))
    black_level: Tensor = field(metadata=_spec(0.0, "of the converter's range"))
    black_error: Tensor = field(metadata=_spec(0.0, "of full scale"))
    awb: Tensor = field(metadata=_spec(0.0, ""))
    denoise_luma: Tensor = field(metadata=_spec(0.0, "of white"))
    denoise_chroma: Tensor = field(metadata=_spec(0.0, "px"))
    sharpen: Tensor = field(metadata=_spec(0.0, ""))
    video_step: Tensor = field(metadata=_spec(0.0, "8-bit levels"))
    video_skip: Tensor = field(metadata=_spec(0.0, "8-bit levels"))
    jpeg_quality: Tensor = field(metadata=_spec(0, "", whole=True))

    @property
    def lamps(self) -> Lamps:
        """The lamps as the light stages take them."""
        return Lamps(
            self.lamp_x,
            self.lamp_y,
            self.lamp_radius,
            self.lamp_stretch,
            self.lamp_edge,
            self.lamp_power,
            self.lamp_pool,
            self.lamp_color,
        )


def _filled(spec: Field[Any], count: int, value: object) -> Tensor:
    """Return the rows of one parameter: a value for all, a row for each, or its off value."""
    meta = spec.metadata
    tensor = torch.as_tensor(meta["off"] if value is None else value, dtype=meta["dtype"])
    if tensor.ndim > len(meta["shape"]):
        return tensor
    return tensor.expand(count, *meta["shape"]).clone()


def _check_names(kind: type[Night], given: Mapping[str, object]) -> None:
    known = [spec.name for spec in fields(kind)]
    for name in given:
        if name not in known:
            raise UsageError(f"the {kind.law} law has no parameter {name!r}{nearest(name, known)}")
