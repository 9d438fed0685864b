"""Centre/surround retinex: SSR, MSR, MSRCR and MSRCP.

Equations in natural logarithms on 8-bit units, I in [0, 255], with 1 added before each logarithm so that black is
finite. F_n is a Gaussian of standard deviation sigma_n, * is convolution with half-sample symmetric borders:

- SSR    R_i = log(1 + I_i) - log(1 + (F * I_i))                                    (Jobson et al. 1997a, eq. 1)
- MSR    R_i = sum_n w_n [log(1 + I_i) - log(1 + (F_n * I_i))]                      (Jobson et al. 1997b, eq. 3)
- MSRCR  R_i C_i,  C_i = beta [log(alpha (1 + I_i)) - log(sum_j (1 + I_j))]          (Petro et al. 2014, sec. 3)
- MSRCP  MSR of the intensity (I_r + I_g + I_b) / 3, then one gain for all channels  (Petro et al. 2014, sec. 4)

Sources: D. Jobson, Z. Rahman, G. Woodell, "Properties and performance of a center/surround retinex", IEEE TIP 6(3),
1997 (a); the same, "A multiscale retinex for bridging the gap between color images and the human observation of
scenes", IEEE TIP 6(7), 1997 (b); A. B. Petro, C. Sbert, J.-M. Morel, "Multiscale Retinex", IPOL 4, 2014.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.methods.base import Float, Pixels, Statistics, from_unit, full_scale, largest_channel, to_unit
from highbeam.methods.surround import log_surround

__all__ = [
    "MsrOptions",
    "MsrcpOptions",
    "MsrcrOptions",
    "SsrOptions",
    "color_balance",
    "msr",
    "msrcp",
    "msrcr",
    "ssr",
]

_Sigma = Annotated[float, Field(ge=1.0, le=2000.0, description="standard deviation of the surround, pixels")]
_Sigmas = Annotated[
    tuple[_Sigma, ...],
    Field(min_length=1, max_length=8, description="standard deviations of the surrounds, pixels"),
]
_Gain = Annotated[float, Field(gt=0, le=10, description="output per unit of log ratio, share of white")]
_Offset = Annotated[float, Field(ge=0, le=1, description="output where pixel equals surround, share of white")]
_ClipLow = Annotated[float, Field(ge=0, lt=50, description="darkest pixels clipped to black, percent")]
_ClipHigh = Annotated[float, Field(ge=0, lt=50, description="brightest pixels clipped to white, percent")]
_Alpha = Annotated[float, Field(ge=1, le=1000, description="non-linearity of the colour restoration")]

_SCALES = (15.0, 80.0, 250.0)

_BINS = 8192
"""Histogram bins for the clipping levels; interpolation inside a bin makes the error far smaller."""

_FLAT = 1e-3
"""Range in log units below which a channel holds no contrast, only rounding: a quarter of an 8-bit step at white."""


@dataclass(frozen=True)
class SsrOptions:
    """Options of single-scale retinex; sigma is the moderate scale of Jobson et al. 1997a."""

    sigma: _Sigma = 80.0
    gain: _Gain = 0.5
    offset: _Offset = 0.5


@dataclass(frozen=True)
class MsrOptions:
    """Options of multi-scale retinex; the scales have equal weights (Jobson et al. 1997b)."""

    sigmas: _Sigmas = _SCALES
    gain: _Gain = 0.5
    offset: _Offset = 0.5


@dataclass(frozen=True)
class MsrcrOptions:
    """Options of multi-scale retinex with colour restoration and simplest colour balance."""

    sigmas: _Sigmas = _SCALES
    alpha: _Alpha = 125.0
    clip_low: _ClipLow = 1.0
    clip_high: _ClipHigh = 1.0


@dataclass(frozen=True)
class MsrcpOptions:
    """Options of multi-scale retinex with chromaticity preservation."""

    sigmas: _Sigmas = _SCALES
    clip_low: _ClipLow = 1.0
    clip_high: _ClipHigh = 1.0


def ssr(pixels: Pixels, options: SsrOptions) -> Pixels:
    """Single-scale retinex with one gain and offset for all pictures."""
    ratio = _log_ratio(_eight_bit_units(pixels), (options.sigma,))
    return from_unit(ratio, pixels, gain=options.gain, offset=options.offset)


def msr(pixels: Pixels, options: MsrOptions) -> Pixels:
    """Multi-scale retinex with one gain and offset for all pictures."""
    ratio = _log_ratio(_eight_bit_units(pixels), options.sigmas)
    return from_unit(ratio, pixels, gain=options.gain, offset=options.offset)


def msrcr(pixels: Pixels, options: MsrcrOptions, statistics: Statistics | None = None) -> Pixels:
    """Multi-scale retinex with colour restoration, each channel stretched by the simplest colour balance.

    The constants beta, G and b of the paper are affine in each channel, so the balance makes them immaterial: they
    are left out. ``statistics`` holds the balance's levels over the frames of a video.
    """
    image = _eight_bit_units(pixels)
    log = _log1p(image)
    log_sum = np.log(_weighted_sum(image, 1.0) + np.float32(3.0)) - np.float32(np.log(options.alpha))
    restored = log - log_surround(image, options.sigmas, _equal(options.sigmas))
    restored *= log - cv2.merge([log_sum] * 3)
    channels = [
        _balance(channel, options, plain, statistics, name)
        for channel, plain, name in zip(
            cv2.split(restored), cv2.split(to_unit(pixels)), ("red", "green", "blue"), strict=True
        )
    ]
    return from_unit(np.asarray(cv2.merge(channels)), pixels)


def msrcp(pixels: Pixels, options: MsrcpOptions, statistics: Statistics | None = None) -> Pixels:
    """Multi-scale retinex of the intensity; colours keep their ratios.

    The gain is min(255 / max_j I_j, balanced / intensity), so that no channel leaves the range. ``statistics`` holds
    the balance's levels over the frames of a video.
    """
    image = _eight_bit_units(pixels)
    intensity = _weighted_sum(image, 1.0 / 3.0)
    plain = intensity * np.float32(1.0 / 255.0)
    balanced = _balance(_log_ratio(intensity, options.sigmas), options, plain, statistics, "intensity")
    tiny = np.float32(1e-6)  # black stays black: its gain is finite and multiplies nothing
    gain = np.minimum(balanced / np.maximum(intensity, tiny), 1.0 / np.maximum(largest_channel(image), tiny))
    return from_unit(np.asarray(cv2.multiply(image, cv2.merge([gain] * 3))), pixels)


def color_balance(channel: Float, clip_low: float, clip_high: float, *, otherwise: Float) -> Float:
    """Simplest colour balance: stretch a channel so that given shares of its pixels are clipped at both ends.

    N. Limare et al., "Simplest Color Balance", IPOL 1, 2011.

    Args:
        channel: ``(H, W)`` ``float32``, any range.
        clip_low: percent of the pixels to clip to 0.
        clip_high: percent of the pixels to clip to 1.
        otherwise: what to return where the channel holds no contrast to stretch, ``(H, W)`` in [0, 1].

    Returns:
        ``(H, W)`` ``float32``, stretched so that the clipping levels lie at 0 and 1 (not clipped yet).
    """
    return _stretch(channel, *_clip_levels(channel, clip_low, clip_high), otherwise)


def _balance(
    channel: Float, options: MsrcrOptions | MsrcpOptions, otherwise: Float, statistics: Statistics | None, name: str
) -> Float:
    """Balance a channel by its own levels, or by those that are held; flat channels say nothing of the scene."""
    low, high = _clip_levels(channel, options.clip_low, options.clip_high)
    if statistics is not None and high - low >= _FLAT:
        low, high = statistics.settle(f"{name}-levels", np.array([low, high])).tolist()
    return _stretch(channel, low, high, otherwise)


def _stretch(channel: Float, low: float, high: float, otherwise: Float) -> Float:
    if high - low < _FLAT:
        return otherwise
    scale = 1.0 / (high - low)
    return np.asarray(cv2.addWeighted(channel, scale, channel, 0.0, -low * scale))


def _clip_levels(channel: Float, clip_low: float, clip_high: float) -> tuple[float, float]:
    """Values below and above which the given percentages of the pixels lie, from a fine histogram."""
    least, most, _, _ = cv2.minMaxLoc(channel)
    if most - least < _FLAT:
        return least, most
    edges = np.linspace(least, most, _BINS + 1)
    counts = cv2.calcHist([channel], [0], None, [_BINS], [least, np.nextafter(np.float32(most), np.float32(np.inf))])
    share = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)]) / channel.size
    low, high = np.interp([clip_low / 100.0, 1.0 - clip_high / 100.0], share, edges)
    return float(low), float(high)


def _log_ratio(image: Float, sigmas: tuple[float, ...]) -> Float:
    """Multi-scale log ratio of pixel and surround, R of the module's equations."""
    return _log1p(image) - log_surround(image, sigmas, _equal(sigmas))


def _equal(sigmas: tuple[float, ...]) -> tuple[float, ...]:
    return (1.0 / len(sigmas),) * len(sigmas)


def _log1p(image: Float) -> Float:
    flat = (image + np.float32(1.0)).reshape(image.shape[0], -1)
    return np.asarray(cv2.log(flat, flat)).reshape(image.shape)  # twice as fast as NumPy's log1p


def _weighted_sum(image: Float, weight: float) -> Float:
    """Sum of the three channels times ``weight``, in one pass."""
    return np.asarray(cv2.transform(image, np.full((1, 3), weight, np.float32)))


def _eight_bit_units(pixels: Pixels) -> Float:
    return np.multiply(pixels, np.float32(255.0 / full_scale(pixels)), dtype=np.float32)
