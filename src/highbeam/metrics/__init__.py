"""Metrics: pure functions that measure pictures and clips, one table of them, and values brought together by name."""

from highbeam.metrics.accumulate import Accumulator, Summary, measure
from highbeam.metrics.base import Kind, MetricSpec
from highbeam.metrics.cast import grey_cast, signal_hue_shift
from highbeam.metrics.clips import flicker, flicker_ratio, warping_error, warping_error_ratio
from highbeam.metrics.colour import ciede2000, ciede2000_p95
from highbeam.metrics.fullref import ms_ssim, psnr, psnr_y, ssim, ssim_y
from highbeam.metrics.gradients import gmsd
from highbeam.metrics.naturalness import niqe
from highbeam.metrics.night import blockiness, highlight_growth, noise_amplification, noise_level
from highbeam.metrics.order import loe
from highbeam.metrics.registry import METRICS, find

__all__ = [
    "METRICS",
    "Accumulator",
    "Kind",
    "MetricSpec",
    "Summary",
    "blockiness",
    "ciede2000",
    "ciede2000_p95",
    "find",
    "flicker",
    "flicker_ratio",
    "gmsd",
    "grey_cast",
    "highlight_growth",
    "loe",
    "measure",
    "ms_ssim",
    "niqe",
    "noise_amplification",
    "noise_level",
    "psnr",
    "psnr_y",
    "signal_hue_shift",
    "ssim",
    "ssim_y",
    "warping_error",
    "warping_error_ratio",
]
