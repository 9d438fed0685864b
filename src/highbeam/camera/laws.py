"""The two laws by which a day picture becomes a night one, for a batch of pictures that share a law."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from highbeam.camera import display, light, optics, processing, sensor, storage
from highbeam.camera.nights import GammaNight, SensorNight
from highbeam.camera.rows import apply_where, normal, per_row

__all__ = ["Pair", "gamma_law", "sensor_law"]

_NOISE = 3  # stream of random numbers


class Pair(NamedTuple):
    """What a network is trained with.

    Attributes:
        dark: ``(B, 3, H, W)`` ``float32`` on the 8-bit grid of [0, 1].
        reference: the same scene well lit: the day picture, with the lamps of the night in it.
    """

    dark: Tensor
    reference: Tensor


def gamma_law(day: Tensor, night: GammaNight) -> Pair:
    """Darken by ``beta (alpha day)^gamma`` on display values, then blur, add Gaussian noise and round to 8 bits.

    Args:
        day: ``(B, 3, H, W)`` ``float32`` in [0, 1].
        night: parameters of B pictures; the class names the sources.
    """
    low = (day * per_row(night.alpha, day)).pow_(per_row(night.gamma, day)).mul_(per_row(night.beta, day))
    low = apply_where(
        low, night.blur_sigma > 0.0, lambda some, rows: optics.gaussian_blur(some, night.blur_sigma[rows])
    )

    def noisy(some: Tensor, rows: Tensor) -> Tensor:
        noise = normal(tuple(some.shape[1:]), night.seed[rows], _NOISE, some.device)
        return torch.addcmul(some, noise, per_row(night.noise_sigma[rows], some))

    return Pair(storage.to_8bit(apply_where(low, night.noise_sigma > 0.0, noisy)), day)


def sensor_law(day: Tensor, night: SensorNight) -> Pair:
    """Follow the light: undo the display, relight, blur, expose, develop and store.

    Args:
        day: ``(B, 3, H, W)`` ``float32`` in [0, 1].
        night: parameters of B pictures. With all of them off, the result is the day picture on the 8-bit grid.
    """
    linear = _undisplay(day, night)
    axes = light.frame_axes(day, night.window)
    illumination = _illumination(axes, night)
    scene = linear * (illumination / per_row(night.exposure_ratio, linear))
    lamps = (night.lamp_power > 0.0).any(dim=1)
    if bool(lamps.any()):
        scene += light.lamp_light(axes, night.lamps, night.glow)
    dark = _store(_develop(_expose(_through_lens(scene, night), night), night), night)
    return Pair(dark, _reference(day, linear, illumination, axes, night))


def _undisplay(day: Tensor, night: SensorNight) -> Tensor:
    flat = apply_where(day, night.tone > 0.0, lambda some, rows: display.remove_tone(some, night.tone[rows]))
    return display.srgb_to_linear(flat)


def _illumination(axes: light.Axes, night: SensorNight) -> Tensor:
    """Factors on linear light, ``(B, 3, H, 1)`` where it does not change along rows, else ``(B, 3, H, W)``."""
    total = light.ambient_map(axes, night.ambient, night.sky, night.horizon, night.kelvin)
    if bool((night.beam > 0.0).any()):
        total = total + light.headlight_map(
            axes,
            night.beam,
            x=night.beam_x,
            spread=night.beam_spread,
            reach=night.beam_reach,
            horizon=night.horizon,
            kelvin=night.beam_kelvin,
        )
    if bool((night.lamp_pool > 0.0).any()):
        total = total + light.lamp_pools(axes, night.lamps)
    if bool((night.vignette > 0.0).any()):
        total = total * light.vignette(axes, night.vignette)
    return total


def _reference(day: Tensor, linear: Tensor, illumination: Tensor, axes: light.Axes, night: SensorNight) -> Tensor:
    """Return the day picture with the night's lamps, and as much of its shade as is to be kept."""

    def relit(_: Tensor, rows: Tensor) -> Tensor:
        own, there = night.take(rows), rows.to(day.device)
        shown = light.lamp_light(light.Axes(*(part[there] for part in (axes.x, axes.y, axes.aspect))), own.lamps)
        strongest = shown.amax(dim=1, keepdim=True)
        shown /= strongest.clamp_min(1.0)  # keeps the hue, where a sensor burns out
        brightness = illumination.index_select(0, there).clamp(0.0, 1.0).mean(dim=1, keepdim=True)
        shade = brightness.pow(per_row(own.shade_kept, day)) * (1.0 - strongest.clamp_max(1.0))  # lamps hide the rest
        return _display(torch.addcmul(shown, linear.index_select(0, there), shade), own)

    return apply_where(day, (night.shade_kept > 0.0) | (night.lamp_power > 0.0).any(dim=1), relit)


def _through_lens(scene: Tensor, night: SensorNight) -> Tensor:
    def grown(some: Tensor, rows: Tensor) -> Tensor:
        own = night.take(rows)
        left, top, wide, high = own.window.unbind(dim=1)
        return optics.zoom_blur(some, own.zoom, ((0.5 - left) / wide, (own.horizon - top) / high))

    scene = apply_where(scene, night.zoom != 0.0, grown)
    scene = apply_where(
        scene,
        (night.motion_x != 0.0) | (night.motion_y != 0.0),
        lambda some, rows: optics.motion_blur(some, night.motion_x[rows], night.motion_y[rows]),
    )
    scene = apply_where(
        scene, night.blur_sigma > 0.0, lambda some, rows: optics.gaussian_blur(some, night.blur_sigma[rows])
    )
    return apply_where(scene, night.veil > 0.0, lambda some, rows: optics.veil(some, night.veil[rows]))


def _expose(scene: Tensor, night: SensorNight) -> Tensor:
    """From light in sRGB's primaries to white-balanced sensor colours at every pixel."""
    height, width = scene.shape[2:]
    raw = display.mix_channels(scene, display.display_to_camera(night.color_mix, night.red_gain, night.blue_gain))
    raw = functional.pad(raw, (0, width % 2, 0, height % 2), mode="replicate")
    has_mosaic = night.bayer > 0
    raw = apply_where(
        raw, has_mosaic, lambda some, rows: sensor.demosaic(_capture(sensor.mosaic(some), night.take(rows)))
    )
    raw = apply_where(raw, ~has_mosaic, lambda some, rows: _capture(some, night.take(rows)))
    return raw[:, :, :height, :width]


def _capture(planes: Tensor, night: SensorNight) -> Tensor:
    """Noise and digits, then white balance, which clips at white as the brightest thing that is sure to be neutral."""
    planes = planes.clamp(0.0, 1.0)
    noisy = (night.shot_gain > 0.0) | (night.read_noise > 0.0)
    if bool(noisy.any()):
        planes = sensor.add_noise(planes, night.shot_gain, night.read_noise, night.seed)
    if bool((night.row_noise > 0.0).any()):
        planes = sensor.add_row_noise(planes, night.row_noise, night.seed)
    planes = sensor.digitise(planes, night.bits, night.black_level, night.black_error)
    gains = display.balance_gains(night.red_gain, night.blue_gain, night.kelvin, night.awb).to(planes)
    gains = gains if planes.shape[1] == gains.shape[1] else gains[:, [0, 1, 1, 2]]
    return planes.mul_(gains[:, :, None, None]).clamp_(max=1.0)


def _develop(raw: Tensor, night: SensorNight) -> Tensor:
    shown = _display(display.mix_channels(raw, display.camera_to_display(night.color_mix)), night)
    on = (night.denoise_luma > 0.0) | (night.denoise_chroma > 0.0) | (night.sharpen > 0.0)

    def smoothed(some: Tensor, rows: Tensor) -> Tensor:
        own = night.take(rows)
        return processing.reduce_noise(some, own.denoise_luma, own.denoise_chroma, own.sharpen)

    return apply_where(shown, on, smoothed)


def _display(linear: Tensor, night: SensorNight) -> Tensor:
    shown = display.linear_to_srgb(linear)
    return apply_where(shown, night.tone > 0.0, lambda some, rows: display.add_tone(some, night.tone[rows]))


def _store(shown: Tensor, night: SensorNight) -> Tensor:
    def filmed(some: Tensor, rows: Tensor) -> Tensor:
        return storage.video(some, night.video_step[rows], night.video_skip[rows])

    stored = apply_where(storage.to_8bit(shown), night.video_step > 0.0, filmed)
    return apply_where(stored, night.jpeg_quality > 0, lambda some, rows: storage.jpeg(some, night.jpeg_quality[rows]))
