"""How far means and differences are to be trusted: the bootstrap and a permutation test, both seeded.

Percentile bootstrap: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3. Sign-flip test of
paired differences: R. A. Fisher, "The Design of Experiments", 1935, section 21; exact where there are few pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from highbeam.evaluation.results import Interval

__all__ = ["interval", "sign_flip"]

_AT_ONCE = 4_000_000  # drawn numbers
_EXACT = 14  # pictures whose sign patterns are all tried
_TIE = 1e-12


def interval(values: Sequence[float], *, resamples: int, confidence: float, seed: int) -> Interval:
    """Return the mean of a figure with its bootstrap interval.

    Args:
        values: one per picture; NaN where there was nothing to measure, which is counted and left out.
        resamples: how often the pictures are drawn anew, with replacement.
        confidence: share of the resampled means that lie inside, such as 0.95.
        seed: of the draws; the same for all subjects, so that all see the same pictures drawn.

    Returns:
        NaN for the mean of nothing, and for the ends with fewer than two pictures.
    """
    defined = np.array([value for value in values if not math.isnan(value)], np.float64)
    count, undefined = len(defined), len(values) - len(defined)
    if not count:
        return Interval(math.nan, math.nan, math.nan, 0, undefined)
    mean = _mean(defined)
    if count == 1:
        return Interval(mean, math.nan, math.nan, 1, undefined, mean)
    tail = 100.0 * (1.0 - confidence) / 2.0
    means = _resampled(defined, resamples, seed)
    low, high = np.percentile(means, [tail, 100.0 - tail], method="inverted_cdf")  # no arithmetic with infinities
    return Interval(mean, float(low), float(high), count, undefined, _median(defined))


def sign_flip(differences: Sequence[float], *, resamples: int, seed: int) -> float:
    """Return the two-sided p of a test that paired differences are as likely of either sign.

    Args:
        differences: first minus second, one per picture; NaN is left out, an infinite one counts as the largest
            finite one, or as 1 where there is none.
        resamples: random patterns of signs; with 14 pictures or fewer all patterns are tried instead.
        seed: of the patterns.

    Returns:
        In (0, 1]; NaN with fewer than two pictures.
    """
    defined = _bounded(np.array([value for value in differences if not math.isnan(value)], np.float64))
    count = len(defined)
    if count < 2:  # noqa: PLR2004 - of one, nothing can be said
        return math.nan
    seen = abs(defined.sum()) * (1.0 - _TIE)
    if count <= _EXACT:
        patterns = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * patterns) @ defined) >= seen))
    rng, beyond = np.random.default_rng(seed), 0
    for size in _pieces(resamples, count):
        signs = 1.0 - 2.0 * rng.integers(0, 2, (size, count))
        beyond += int(np.count_nonzero(np.abs(signs @ defined) >= seen))
    return (beyond + 1) / (resamples + 1)


def _bounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring infinite differences, as of a picture that one of two made perfectly, to the size of the largest other."""
    finite = np.abs(values[np.isfinite(values)])
    most = float(finite.max()) if finite.size and finite.max() > 0.0 else 1.0
    return np.clip(values, -most, most)


def _median(values: NDArray[np.float64]) -> float:
    """Return the median; of the two in the middle their mean, with infinities too."""
    ordered, count = np.sort(values), len(values)
    return _mean(ordered[(count - 1) // 2 : count // 2 + 1])


def _mean(values: NDArray[np.float64]) -> float:
    infinite = set(values[np.isinf(values)].tolist())
    if len(infinite) > 1:
        return math.nan
    return infinite.pop() if infinite else math.fsum(values) / len(values)


def _resampled(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    rng, count = np.random.default_rng(seed), len(values)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        parts = [values[rng.integers(0, count, (size, count))].mean(1) for size in _pieces(resamples, count)]
    return np.concatenate(parts)


def _pieces(total: int, count: int) -> list[int]:
    """Divide draws into parts that fit into memory."""
    size = max(1, _AT_ONCE // count)
    return [min(size, total - start) for start in range(0, total, size)]
