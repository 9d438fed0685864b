"""Metrics: pure functions that measure one picture against another."""

from highbeam.metrics.fullref import psnr, ssim

__all__ = ["psnr", "ssim"]
