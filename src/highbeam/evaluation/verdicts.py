"""When a difference counts as one, and who is ahead: one rule for the terminal and the report."""

from __future__ import annotations

import math

from highbeam.evaluation.protocol import spec_of
from highbeam.evaluation.results import Comparison

__all__ = ["LEAST_PICTURES", "SIGNIFICANT", "is_told", "winner"]

SIGNIFICANT = 0.05
"""p below which a difference is called one."""

LEAST_PICTURES = 6
"""Of which sign flips can give a p below that: with 5, all alike, it is 2 in 32."""


def is_told(comparison: Comparison) -> bool:
    """Whether there are enough pictures for a difference to show."""
    return not math.isnan(comparison.p) and comparison.difference.count >= LEAST_PICTURES


def winner(comparison: Comparison) -> str | None:
    """Return who is significantly better; None where no difference can be told.

    By the sign of the mean difference; where infinities of both signs leave none, by the pictures won.
    """
    if not is_told(comparison) or comparison.p >= SIGNIFICANT:
        return None
    mean, better = comparison.difference.mean, spec_of(comparison.figure).higher_is_better
    first = comparison.wins >= comparison.losses if math.isnan(mean) else (mean > 0.0) == bool(better)
    return comparison.first if first else comparison.second
