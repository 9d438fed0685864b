"""One tester for all metrics: what each must give, and the checks that every one of them goes through."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from highbeam.errors import ArrayError, MetricError
from highbeam.methods.base import Pixels
from highbeam.metrics import METRICS, Accumulator, MetricSpec, measure, naturalness
from highbeam.metrics.clips import optical_flow
from highbeam.metrics.naturalness import load_model
from tests.metrics import literal

MODEL = Path(naturalness.__file__).with_name("niqe.npz")


def make_pictures(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """An output, its reference and its dark source: planes, edges, grain, a lamp, a red signal and near-grey areas."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    grey = 0.25 + 0.15 * x / width + 0.2 * ((x // 23 + y // 17) % 2) * (y > height / 2)
    grain = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 0.8)
    day = (grey + 0.05 * grain)[..., None] * np.array([1.0, 0.97, 0.9])
    day[height // 8 : height // 4, width // 8 : width // 4] = (0.99, 0.97, 0.95)
    day[height // 8 : height // 4, width // 2 : width // 2 + width // 8] = (0.85, 0.12, 0.1)
    day = np.clip(day, 0.0, 1.0)
    dark = day**2.2 + rng.normal(0.0, 0.01, day.shape)
    dark[..., 0] *= 1.05
    output = np.clip(dark, 0.0, 1.0) ** 0.5 * np.array([0.95, 1.0, 1.02])
    output, day, dark = (np.rint(255 * np.clip(v, 0.0, 1.0)).astype(np.uint8) for v in (output, day, dark))
    return output, day, dark


def arguments(spec: MetricSpec, seed: int, height: int, width: int) -> tuple[Any, ...]:
    """What a metric takes, as 8-bit pictures; clips of four frames pan and waver."""
    output, day, dark = make_pictures(seed, height, width + 12)
    if spec.kind == "clip":
        frames = []
        for k, gains in enumerate(((1.0, 0.8), (0.93, 0.82), (1.04, 0.79), (0.98, 0.75))):
            seen = (picture[:, 4 * k : 4 * k + width] for picture in (output, dark))
            frames.append([np.clip(g * p, 0, 255).astype(np.uint8) for g, p in zip(gains, seen, strict=True)])
        return [frame[0] for frame in frames], [frame[1] for frame in frames]
    output, day, dark = (picture[:, :width].copy() for picture in (output, day, dark))
    return {"full-reference": (output, day), "no-reference": (output,), "input-output": (output, dark)}[spec.kind]


def converted(given: Any, dtype: str) -> Any:
    """The same 8-bit picture, or clip, in another dtype."""
    if isinstance(given, list):
        return [converted(frame, dtype) for frame in given]
    if dtype == "float32":
        return given.astype(np.float32) / np.float32(255)
    return given.astype(np.uint16) * np.uint16(257) if dtype == "uint16" else given


def _skimage_ssim(a: Pixels, b: Pixels) -> float:
    axis = 2 if a.ndim == 3 else None
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return float(structural_similarity(a, b, channel_axis=axis, **options))


def _warping(outputs: list[Pixels], sources: list[Pixels]) -> list[float]:
    flows = [optical_flow(a, b) for a, b in pairwise(sources)]
    return [literal.warped_difference(frames, flows) for frames in (outputs, sources)]


def _warping_ratio(outputs: list[Pixels], sources: list[Pixels]) -> float:
    after, before = _warping(outputs, sources)
    return (after + 0.1) / (before + 0.1)


def _skimage_ciede(a: Pixels, b: Pixels) -> NDArray[np.float64]:
    return np.asarray(deltaE_ciede2000(rgb2lab(literal.unit(a)), rgb2lab(literal.unit(b))))


def _niqe(pixels: Pixels) -> float:
    model = load_model(MODEL)
    return literal.niqe(pixels, model.mean, model.covariance)


@dataclass(frozen=True)
class Case:
    """What one metric must give.

    Attributes:
        reference: an independent version.
        ideal: the value of a picture against itself, exactly; None where that depends on the picture.
        least: the smallest side that is taken, for pictures that are square.
        size: of the pictures to hold it against its reference with.
        tolerance: relative to the reference.
    """

    reference: Callable[..., float]
    ideal: float | None
    least: int
    size: tuple[int, int] = (96, 130)
    tolerance: float = 1e-9


CASES = {
    "psnr": Case(lambda a, b: peak_signal_noise_ratio(literal.unit(b), literal.unit(a), data_range=1.0), math.inf, 1),
    "psnr-y": Case(lambda a, b: peak_signal_noise_ratio(literal.luma(b), literal.luma(a), data_range=1.0), math.inf, 1),
    "ssim": Case(lambda a, b: _skimage_ssim(literal.unit(a), literal.unit(b)), 1.0, 11),
    "ssim-y": Case(lambda a, b: _skimage_ssim(literal.luma(a), literal.luma(b)), 1.0, 11),
    "ms-ssim": Case(literal.ms_ssim, 1.0, 161, (163, 181)),
    "gmsd": Case(literal.gmsd, 0.0, 6),
    "ciede2000": Case(lambda a, b: float(_skimage_ciede(a, b).mean()), 0.0, 1, tolerance=2e-4),
    "ciede2000-p95": Case(lambda a, b: float(np.percentile(_skimage_ciede(a, b), 95)), 0.0, 1, tolerance=2e-4),
    "niqe": Case(_niqe, None, 192, (200, 300), 1e-5),
    "loe": Case(literal.loe, 0.0, 1, (100, 140)),
    "highlight-growth": Case(literal.highlight_growth, 1.0, 1),
    "noise-amplification": Case(literal.noise_amplification, 1.0, 16, (160, 240)),
    "noise-level": Case(literal.noise_level, None, 16, (160, 240)),
    "grey-cast": Case(literal.grey_cast, 0.0, 8, tolerance=1e-5),
    "signal-hue-shift": Case(literal.signal_hue_shift, 0.0, 1, tolerance=1e-5),
    "blockiness": Case(literal.blockiness, None, 16),
    "flicker": Case(literal.flicker, 0.0, 1),
    "flicker-ratio": Case(literal.flicker_ratio, 1.0, 1),
    "warping-error": Case(lambda a, b: _warping(a, b)[0], None, 32, tolerance=1e-2),
    "warping-error-ratio": Case(_warping_ratio, 1.0, 32, tolerance=1e-2),
}


class MetricTester:
    """Put one metric through every check."""

    def __init__(self, name: str) -> None:
        self.spec, self.case = METRICS[name], CASES[name]

    def given(self, seed: int = 0) -> tuple[Any, ...]:
        return arguments(self.spec, seed, *self.case.size)

    def measured(self, given: tuple[Any, ...]) -> dict[str, float]:
        wanted = {"full-reference": ("reference",), "no-reference": ()}.get(self.spec.kind, ("source",))
        return measure([self.spec.name], given[0], **dict(zip(wanted, given[1:], strict=True)))

    def check_against_the_reference(self, dtype: str) -> None:
        given = tuple(converted(value, dtype) for value in self.given())
        value = self.spec.function(*given)
        assert isinstance(value, float)
        assert math.isfinite(value)
        assert value == pytest.approx(self.case.reference(*given), rel=self.case.tolerance, abs=1e-9)

    def check_range(self) -> None:
        low, high = self.spec.range
        for seed in range(3):
            assert low <= self.spec.function(*self.given(seed)) <= high

    def check_ideal(self, dtype: str) -> None:
        first = converted(self.given()[0], dtype)
        value = self.spec.function(*[first] * len(self.given()))
        if self.case.ideal is not None:
            assert value == self.case.ideal

    def check_the_input_is_left_alone_and_the_value_repeats(self) -> None:
        given = self.given()
        before = pickle.dumps(given)
        assert self.spec.function(*given) == self.spec.function(*given)
        assert pickle.dumps(given) == before

    def check_dtypes_agree(self) -> None:
        eight, *others = (
            self.spec.function(*(converted(value, dtype) for value in self.given()))
            for dtype in ("uint8", "uint16", "float32")
        )
        assert others == pytest.approx([eight] * 2, rel=2e-3 if self.spec.name.startswith("warping") else 1e-5)

    def check_strides_do_not_matter(self) -> None:
        given = self.given()
        turned = tuple(
            [np.asfortranarray(f) for f in v] if isinstance(v, list) else np.asfortranarray(v) for v in given
        )
        assert self.spec.function(*turned) == pytest.approx(self.spec.function(*given), rel=1e-9)

    def check_accumulator(self) -> None:
        """Three processes with 3, 1 and 2 pictures, one of them a repeat, pickled and merged in either order."""
        given = {f"{k}.png": self.given(k) for k in range(5)}
        whole = Accumulator()
        for name, value in given.items():
            whole.update(name, self.measured(value))
        parts = []
        for share in (("0.png", "3.png", "4.png"), ("1.png",), ("2.png", "0.png")):
            part = Accumulator()
            for name in share:
                part.update(name, self.measured(given[name]))
            parts.append(pickle.dumps(part))
        for order in (parts, parts[::-1]):
            first, *rest = (pickle.loads(part) for part in order)  # noqa: S301 - our own bytes
            merged = first.merge(*rest)
            assert merged == whole
            assert merged.compute() == whole.compute()
        assert whole.compute()[self.spec.name].count == 5

    def check_refusals(self) -> None:
        given = self.given()
        bad: list[Pixels] = [
            np.zeros((200, 200), np.uint8),
            np.zeros((200, 200, 4), np.uint8),
            np.zeros((200, 200, 3)),
            np.full((200, 200, 3), np.nan, np.float32),
            np.zeros((0, 200, 3), np.uint8),
        ]
        for wrong in bad:
            with pytest.raises(ArrayError):
                self.spec.function(*self._like(given, wrong))
        if len(given) == 1:
            return
        other = given[1]
        smaller = [frame[1:] for frame in other] if isinstance(other, list) else other[1:]
        for second in (smaller, converted(other, "uint16")):
            with pytest.raises(ArrayError, match="one shape and dtype"):
                self.spec.function(given[0], second)
        if self.spec.kind == "clip":
            with pytest.raises(MetricError, match="one length"):
                self.spec.function(given[0], other[1:])
            with pytest.raises(MetricError, match="at least"):
                self.spec.function(given[0][:1], other[:1])

    def check_the_smallest(self) -> None:
        side = self.case.least
        picture = np.random.default_rng(1).integers(60, 200, (side, side, 3), np.uint8)
        value = self.spec.function(*self._like(self.given(), picture))
        assert isinstance(value, float)
        if side > 1:
            with pytest.raises(ArrayError):
                self.spec.function(*self._like(self.given(), picture[1:, 1:]))

    def _like(self, given: tuple[Any, ...], picture: Pixels) -> tuple[Any, ...]:
        return tuple([picture] * len(value) if isinstance(value, list) else picture for value in given)
