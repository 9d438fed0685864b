"""The one table of metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from highbeam.errors import UnknownMetricError, nearest
from highbeam.metrics import cast, clips, colour, fullref, gradients, naturalness, night, order
from highbeam.metrics.base import MetricSpec

__all__ = ["METRICS", "find"]

_OWN = "this project"
_WANG = "Wang, Bovik, Sheikh, Simoncelli: Image quality assessment. IEEE TIP 13(4), 2004"
_SHARMA = "Sharma, Wu, Dalal: The CIEDE2000 color-difference formula. Color Research and Application 30(1), 2005"
_LAI = "Lai, Huang, Wang, Shechtman, Yumer, Yang: Learning blind video temporal consistency. ECCV 2018"

_ROWS = (
    MetricSpec(
        name="psnr",
        summary="peak signal-to-noise ratio of RGB",
        kind="full-reference",
        unit="dB",
        range=(0.0, math.inf),
        higher_is_better=True,
        source="10 log10(L^2 / MSE)",
        function=fullref.psnr,
    ),
    MetricSpec(
        name="psnr-y",
        summary="peak signal-to-noise ratio of the luma of BT.601, full range",
        kind="full-reference",
        unit="dB",
        range=(0.0, math.inf),
        higher_is_better=True,
        source="10 log10(L^2 / MSE); ITU-R BT.601-7",
        function=fullref.psnr_y,
    ),
    MetricSpec(
        name="ssim",
        summary="structural similarity, mean over R, G, B",
        kind="full-reference",
        unit="",
        range=(-1.0, 1.0),
        higher_is_better=True,
        source=_WANG,
        function=fullref.ssim,
    ),
    MetricSpec(
        name="ssim-y",
        summary="structural similarity of the luma of BT.601",
        kind="full-reference",
        unit="",
        range=(-1.0, 1.0),
        higher_is_better=True,
        source=f"{_WANG}; ITU-R BT.601-7",
        function=fullref.ssim_y,
    ),
    MetricSpec(
        name="ms-ssim",
        summary="structural similarity at five scales, mean over R, G, B",
        kind="full-reference",
        unit="",
        range=(0.0, 1.0),
        higher_is_better=True,
        source="Wang, Simoncelli, Bovik: Multi-scale structural similarity. Asilomar 2003",
        function=fullref.ms_ssim,
    ),
    MetricSpec(
        name="gmsd",
        summary="how unevenly edges were lost or made",
        kind="full-reference",
        unit="",
        range=(0.0, 0.5),
        higher_is_better=False,
        source="Xue, Zhang, Mou, Bovik: Gradient magnitude similarity deviation. IEEE TIP 23(2), 2014",
        function=gradients.gmsd,
    ),
    MetricSpec(
        name="ciede2000",
        summary="mean colour difference",
        kind="full-reference",
        unit="Delta E_00",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_SHARMA,
        function=colour.ciede2000,
    ),
    MetricSpec(
        name="ciede2000-p95",
        summary="colour difference that 95 % of the pixels stay below",
        kind="full-reference",
        unit="Delta E_00",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_SHARMA,
        function=colour.ciede2000_p95,
    ),
    MetricSpec(
        name="niqe",
        summary="distance from the statistics of sharp pictures of roads by day",
        kind="no-reference",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source="Mittal, Soundararajan, Bovik: Making a 'completely blind' image quality analyzer. IEEE SPL 20(3), 2013",
        function=naturalness.niqe,
    ),
    MetricSpec(
        name="loe",
        summary="lightness order error: with how many places the order of lightness has changed",
        kind="input-output",
        unit="places",
        range=(0.0, math.inf),
        higher_is_better=False,
        source="Wang, Zheng, Hu, Li: Naturalness preserved enhancement algorithm. IEEE TIP 22(9), 2013",
        function=order.loe,
    ),
    MetricSpec(
        name="highlight-growth",
        summary="area of what is nearly white, after over before",
        kind="input-output",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_OWN,
        function=night.highlight_growth,
    ),
    MetricSpec(
        name="noise-amplification",
        summary="noise in flat blocks, after over before",
        kind="input-output",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_OWN,
        function=night.noise_amplification,
    ),
    MetricSpec(
        name="noise-level",
        summary="noise in flat blocks of the output, brought to mid-grey",
        kind="input-output",
        unit="% of white",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_OWN,
        function=night.noise_level,
    ),
    MetricSpec(
        name="grey-cast",
        summary="how far nearly grey places move in a* and b*",
        kind="input-output",
        unit="CIELAB",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=f"{_OWN}; ISO/CIE 11664-4:2019",
        function=cast.grey_cast,
    ),
    MetricSpec(
        name="signal-hue-shift",
        summary="how far the hues of bright, saturated places turn",
        kind="input-output",
        unit="degrees",
        range=(0.0, 180.0),
        higher_is_better=False,
        source=f"{_OWN}; ISO/CIE 11664-4:2019",
        function=cast.signal_hue_shift,
    ),
    MetricSpec(
        name="blockiness",
        summary="steps across the borders of 8 x 8 blocks over those inside, where the input is dark",
        kind="input-output",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source="after Wang, Sheikh, Bovik: No-reference quality assessment of JPEG compressed images. ICIP 2002",
        function=night.blockiness,
    ),
    MetricSpec(
        name="flicker",
        summary="frame-to-frame change of brightness that the input does not explain",
        kind="clip",
        unit="% of mean luma",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_OWN,
        function=clips.flicker,
    ),
    MetricSpec(
        name="flicker-ratio",
        summary="frame-to-frame change of brightness, output over input",
        kind="clip",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=_OWN,
        function=clips.flicker_ratio,
    ),
    MetricSpec(
        name="warping-error",
        summary="difference of each frame from the next one along the motion",
        kind="clip",
        unit="% of mean luma",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=f"after {_LAI}",
        function=clips.warping_error,
    ),
    MetricSpec(
        name="warping-error-ratio",
        summary="the same, output over input",
        kind="clip",
        unit="",
        range=(0.0, math.inf),
        higher_is_better=False,
        source=f"after {_LAI}",
        function=clips.warping_error_ratio,
    ),
)

METRICS: Mapping[str, MetricSpec] = MappingProxyType({row.name: row for row in _ROWS})
"""Every metric by name, in the order in which lists show them."""


def find(name: str) -> MetricSpec:
    """Return a metric's row.

    Raises:
        UnknownMetricError: there is none of that name.
    """
    spec = METRICS.get(name)
    if spec is None:
        raise UnknownMetricError(f"no metric {name!r}{nearest(name, METRICS)} (metrics: {', '.join(METRICS)})")
    return spec
