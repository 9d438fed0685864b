"""Every switch that a figure depends on, checked, and said in words wherever the figure is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from highbeam.errors import OptionError
from highbeam.evaluation.cases import Kind
from highbeam.evaluation.results import RESCALED
from highbeam.metrics import METRICS, MetricSpec, find
from highbeam.settings import told

__all__ = ["DEFAULTS", "Protocol", "check_fit", "figures_of", "make_protocol", "metrics_for", "spec_of"]

DEFAULTS: dict[Kind, tuple[str, ...]] = {
    "pairs": ("psnr", "ssim"),
    "outputs": ("psnr", "ssim"),
    "pictures": ("niqe", "loe", "highlight-growth", "noise-level", "grey-cast", "signal-hue-shift", "blockiness"),
    "clips": ("flicker", "flicker-ratio", "warping-error-ratio"),
}
"""Metrics by the kind of set, where none are named."""

_TAKEN: dict[Kind, tuple[str, ...]] = {
    "pairs": ("full-reference", "no-reference", "input-output"),
    "outputs": ("full-reference", "no-reference"),
    "pictures": ("no-reference", "input-output"),
    "clips": ("clip",),
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Protocol:
    """How it is measured.

    Attributes:
        metrics: names of :data:`highbeam.metrics.METRICS`; with none, those that fit each set.
        rescale: show, beside each full-reference figure, that of the output brought to the reference's mean luma.
        border: pixels that are cut from every side before full-reference metrics.
        strict: report the strict subset even where no training data are known to share scenes with it.
        allow_missing: leave out and count what is missing, cannot be read, or does not fit.
        frames: of a clip, the first so many that are measured.
        confidence: of the intervals.
        resamples: of the bootstrap and of the permutation test.
        seed: of both.
    """

    metrics: tuple[str, ...] = ()
    rescale: bool = False
    border: Annotated[int, Field(ge=0)] = 0
    strict: bool = False
    allow_missing: bool = False
    frames: Annotated[int, Field(ge=3)] = 48
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    resamples: Annotated[int, Field(ge=100)] = 5000
    seed: Annotated[int, Field(ge=0)] = 0

    def describe(self, kinds: Iterable[Kind]) -> dict[str, Any]:
        """Say every switch, for the record.

        Args:
            kinds: of the sets that are measured on.
        """
        return {
            "metrics": {kind: list(metrics_for(self, kind)) for kind in dict.fromkeys(kinds)},
            "colour space": "RGB as stored (display values); metrics that use luma or CIELAB say so",
            "bit depth": "outputs and references at 8 bits",
            "SSIM": "Gaussian 11x11, sigma 1.5, K1 0.01, K2 0.03, mean over R, G, B, whole windows, no downsampling",
            "PSNR": "mean squared error over all pixels and channels of a picture; mean of the pictures' decibels",
            "rescaled to the reference's mean": "shown beside, never instead" if self.rescale else "no",
            "border cut (pixels)": self.border,
            "strict subset": "reported" if self.strict else "reported where scenes are shared",
            "missing pictures": "left out and counted" if self.allow_missing else "refused",
            "frames of a clip": self.frames,
            "interval": f"percentile bootstrap over pictures, {self.confidence:.0%}, {self.resamples} resamples",
            "paired test": f"sign flips, two-sided, all patterns up to 14 pictures, else {self.resamples}",
            "seed": self.seed,
        }


def make_protocol(**values: object) -> Protocol:
    """Make a protocol of a user's words.

    Raises:
        UnknownMetricError: no metric of that name.
        OptionError: a value out of its range.
    """
    try:
        protocol = Protocol(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise OptionError(told(error)) from None
    for name in protocol.metrics:
        find(name)
    return protocol


def check_fit(protocol: Protocol, kinds: Iterable[Kind]) -> None:
    """Refuse switches that say nothing about any of the sets.

    Args:
        protocol: the switches.
        kinds: of the sets.

    Raises:
        OptionError: a metric fits none of them, or there is no reference to be rescaled to or cut with.
    """
    measured = [name for kind in kinds for name in metrics_for(protocol, kind)]
    for name in protocol.metrics:
        if name not in measured:
            raise OptionError(f"{name} is {METRICS[name].kind}, and nothing that is measured on fits it; leave it out")
    if (protocol.rescale or protocol.border) and not any(METRICS[name].kind == "full-reference" for name in measured):
        raise OptionError("--rescaled and --border say how to compare with references, and none is compared with")


def metrics_for(protocol: Protocol, kind: Kind) -> tuple[str, ...]:
    """Return the metrics that a set is measured by.

    Raises:
        OptionError: none of those named fits it.
    """
    if not protocol.metrics:
        return DEFAULTS[kind]
    fitting = tuple(name for name in protocol.metrics if METRICS[name].kind in _TAKEN[kind])
    if not fitting:
        raise OptionError(
            f"none of {', '.join(protocol.metrics)} can be measured on {kind}; those that can:"
            f" {', '.join(name for name, row in METRICS.items() if row.kind in _TAKEN[kind])}"
        )
    return fitting


def figures_of(protocol: Protocol, kind: Kind) -> tuple[str, ...]:
    """Return the names of a set's figures, the rescaled ones behind their metrics."""
    return tuple(
        figure
        for name in metrics_for(protocol, kind)
        for figure in (
            [name, name + RESCALED] if protocol.rescale and METRICS[name].kind == "full-reference" else [name]
        )
    )


def spec_of(figure: str) -> MetricSpec:
    """Return the metric that a figure is of, rescaled or not."""
    return find(figure.removesuffix(RESCALED))
