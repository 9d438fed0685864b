"""No-reference metric: how far a picture's statistics are from those of sharp pictures of roads by day.

A. Mittal, R. Soundararajan, A. C. Bovik, "Making a 'completely blind' image quality analyzer", IEEE SPL 20(3), 2013.
The model of sharp pictures was fitted by :mod:`highbeam.metrics.niqe_fit`;
it holds 36 means and their covariance, and no picture.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import cv2
import numpy as np

from highbeam.errors import ArrayError, MetricError
from highbeam.methods.base import Pixels, check_pixels
from highbeam.metrics.base import Double, block_means, luma

__all__ = ["FEATURES", "PATCH", "Model", "features", "fit", "load_model", "niqe", "sharpness"]

PATCH = 96
"""Side of a patch, pixels."""

FEATURES = 36
"""Numbers that describe a patch: 18 at each of two scales."""

_SHIPPED = Path(__file__).with_name("niqe.npz")
_WINDOW, _SIGMA = 7, 7.0 / 6.0
_SHARP = 0.75  # of the sharpest patch
_LEAST_PATCHES = 2  # that have a covariance
_DECIMALS = 9  # beyond, what is flat would not be 0


class Model(NamedTuple):
    """What sharp pictures have in common.

    Attributes:
        mean: ``(36,)``.
        covariance: ``(36, 36)``.
        pictures: how many it was fitted to.
        patches: how many sharp patches they had.
    """

    mean: Double
    covariance: Double
    pictures: int
    patches: int

    def to_bytes(self) -> bytes:
        """Return the model as the file that :func:`load_model` reads: NumPy's ``npz``, without pickled objects."""
        stream = io.BytesIO()
        np.savez(stream, mean=self.mean, covariance=self.covariance, counts=np.array([self.pictures, self.patches]))
        return stream.getvalue()


def load_model(path: Path) -> Model:
    """Read a model.

    Raises:
        MetricError: there is none, or the file holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            mean, covariance, counts = (np.asarray(arrays[key]) for key in ("mean", "covariance", "counts"))
    except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
        raise MetricError(f"{path}: holds no NIQE model ({error}); fit one by highbeam.metrics.niqe_fit") from error
    if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES) or counts.shape != (2,):
        raise MetricError(f"{path}: a NIQE model has {FEATURES} means and their covariance, got {mean.shape}")
    return Model(mean.astype(np.float64), covariance.astype(np.float64), *counts.tolist())


@lru_cache(maxsize=1)
def _shipped() -> Model:
    return load_model(_SHIPPED)


def niqe(pixels: Pixels, model: Model | None = None) -> float:
    """Natural image quality evaluator: the distance of the picture's patches from those of sharp pictures by day.

    sqrt((m1 - m2)^T ((S1 + S2) / 2)^-1 (m1 - m2)), m and S being mean and covariance of 36 features of patches
    of 96 x 96 pixels of luma; a patch too flat to have all of them is left out: A. Mittal, R. Soundararajan,
    A. C. Bovik, "Making a 'completely blind' image quality analyzer", IEEE SPL 20(3), 2013.

    Args:
        pixels: ``(H, W, 3)``; what is left over beside whole patches, at right and below, is not looked at.
        model: of other sharp pictures; by default the one that ships with the package. Figures of different models, so
            also those published with the authors' model, do not compare.

    Returns:
        A pure number, from 0 to infinity, lower is better: a distance. NaN where less than two patches are left.

    Raises:
        ArrayError: an array that no method takes, or one that holds less than two patches.
        MetricError: the model that ships with the package is damaged.
    """
    found = features(pixels)
    if len(found) < _LEAST_PATCHES:
        return math.nan
    model = model or _shipped()
    away = found.mean(axis=0) - model.mean
    spread = (np.cov(found, rowvar=False) + model.covariance) / 2.0
    return math.sqrt(max(float(away @ np.linalg.solve(spread, away)), 0.0))


def fit(pictures: Iterable[Pixels]) -> Model:
    """Fit the model to sharp pictures: mean and covariance of the features of their sharp patches.

    Sharp patches of a picture are those whose mean local deviation is at least 0.75 of that of its sharpest.

    Raises:
        ArrayError: an array that no method takes, or that holds less than two patches.
        MetricError: too few sharp patches to tell how 36 numbers vary together.
    """
    kept = [features(pixels, least_sharpness=_SHARP) for pixels in pictures]
    together = np.concatenate([np.empty((0, FEATURES)), *kept])
    if len(together) <= FEATURES:
        raise MetricError(f"{len(together)} sharp patches are too few for a NIQE model; give more pictures")
    return Model(together.mean(axis=0), np.cov(together, rowvar=False), len(kept), len(together))


def features(pixels: Pixels, *, least_sharpness: float = 0.0) -> Double:
    """Describe each patch of a picture by the statistics of its luma at two scales, ``(patches, 36)``.

    Args:
        pixels: ``(H, W, 3)``, at least two patches.
        least_sharpness: leave out patches below this share of the sharpest one's.

    Raises:
        ArrayError: an array that no method takes, or one that holds less than two patches.
    """
    check_pixels(pixels)
    rows, columns = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
    if rows * columns < _LEAST_PATCHES:
        raise ArrayError(f"NIQE needs at least two patches of {PATCH} by {PATCH} pixels, got {pixels.shape[:2]}")
    values = 255.0 * luma(pixels[: rows * PATCH, : columns * PATCH])
    coarse = block_means(values, 2)
    (fine, deviation), (half, _) = _normalise(values), _normalise(coarse)
    sharp = sharpness(deviation)
    described = np.hstack([_describe(_cut(fine, PATCH)), _describe(_cut(half, PATCH // 2))])
    keep = (sharp >= least_sharpness * sharp.max()) & np.isfinite(described).all(axis=1)
    return np.asarray(described[keep])


def sharpness(deviation: Double) -> Double:
    """Return the mean local deviation, ``(patches,)``, of each patch."""
    return block_means(deviation, PATCH).ravel()


def _normalise(values: Double) -> tuple[Double, Double]:
    """Return mean-subtracted, contrast-normalised values, and the local deviation, in a Gaussian window of 7 x 7."""
    kernel = cv2.getGaussianKernel(_WINDOW, _SIGMA, cv2.CV_64F)
    mean, square = (
        np.asarray(cv2.sepFilter2D(v, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REPLICATE))
        for v in (values, values * values)
    )
    deviation = np.sqrt(np.abs(square - mean * mean))
    return np.round((values - mean) / (deviation + 1.0), _DECIMALS), deviation


def _cut(values: Double, side: int) -> Double:
    """Return patches, ``(patches, side, side)``."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    return values.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(-1, side, side)


def _describe(patches: Double) -> Double:
    """Return 18 features of each patch: of its values, and of products of neighbours inside it in four directions."""
    neighbours = (
        patches[:, :, :-1] * patches[:, :, 1:],
        patches[:, :-1] * patches[:, 1:],
        patches[:, :-1, :-1] * patches[:, 1:, 1:],
        patches[:, :-1, 1:] * patches[:, 1:, :-1],
    )
    columns = _symmetric(patches.reshape(len(patches), -1))
    for product in neighbours:
        columns += _asymmetric(product.reshape(len(product), -1))
    return np.stack(columns, axis=1)


@lru_cache(maxsize=1)
def _shapes() -> Double:
    """Shapes a from 0.2 to 10, G(2/a)^2 / (G(1/a) G(3/a)), sqrt(G(1/a) / G(3/a)), and G(2/a) / G(1/a)."""
    shapes = np.arange(200, 10001) / 1000.0
    one, two, three = (np.array([math.lgamma(k / a) for a in shapes]) for k in (1.0, 2.0, 3.0))
    return np.stack([shapes, np.exp(2.0 * two - one - three), np.exp((one - three) / 2.0), np.exp(two - one)])


def _moments(values: Double) -> tuple[Double, Double]:
    """Return E[|x|]^2 / E[x^2] and E[x^2] of each row; NaN for a row of zeros."""
    square = np.mean(values * values, axis=1)
    safe = np.where(square > 0.0, square, np.nan)
    return np.mean(np.abs(values), axis=1) ** 2 / safe, square


def _symmetric(values: Double) -> list[Double]:
    """Return shape and scale of a generalised Gaussian fitted to each row by its moments.

    K. Sharifi, A. Leon-Garcia, "Estimation of shape parameter for generalized Gaussian distributions in subband
    decompositions of video", IEEE TCSVT 5(1), 1995.
    """
    shapes, ratios, scales, _ = _shapes()
    ratio, square = _moments(values)
    shape = np.interp(ratio, ratios, shapes)
    return [shape, np.sqrt(square) * np.interp(shape, shapes, scales)]


def _asymmetric(values: Double) -> list[Double]:
    """Return shape, mean, left and right scale of an asymmetric generalised Gaussian fitted to each row.

    N.-E. Lasmar, Y. Stitou, Y. Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.
    """
    shapes, ratios, scales, means = _shapes()
    left, right = _side(np.minimum(values, 0.0)), _side(np.maximum(values, 0.0))
    skew, (ratio, _) = left / right, _moments(values)
    shape = np.interp(ratio * (skew**3 + 1.0) * (skew + 1.0) / (skew**2 + 1.0) ** 2, ratios, shapes)
    scale = np.interp(shape, shapes, scales)
    return [shape, (right - left) * scale * np.interp(shape, shapes, means), left * scale, right * scale]


def _side(values: Double) -> Double:
    """Return the root mean square of what is not 0 in each row; NaN where all is."""
    count = np.count_nonzero(values, axis=1)
    return np.asarray(np.sqrt(np.sum(values * values, axis=1) / np.where(count > 0, count, np.nan)))
