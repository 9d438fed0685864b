"""Numbers held over the frames of a video: slow where they waver, fast where they truly change.

A held number x follows what each frame measures, z, by exponential smoothing whose rate the errors e = z - x decide.
With m and d the running means of e and of |e|, where the newest weighs w,

    t = |m| / (d + w least)      near 1 where errors agree, near 0 where they cancel or are small
    x <- x + a e                 a rises from ``follow`` at t = 0.6 to ``most`` at t = 0.95, or where the mean of the
                                 last few errors rises from half of ``least`` to a little above it: small changes that
                                 agree are followed sooner or later, large ones soon

with t the tracking signal of D. Trigg and A. Leach, "Exponential smoothing with an adaptive response rate",
Operational Research Quarterly 18(1), 1967, and the rate taken from the errors *before* this frame, as M. Shone
proposed the same year: a single flash is not followed, a change that lasts is from its second frame on. Vectors are
held as one, by the root mean square of their errors over 1 + that of x, so that their parts stay together: an absolute
error for logarithms and shares, a relative one for long vectors of features.

``most`` is 1 for brightness, where a change that lasts is one of light. What methods take from whole frames also
changes by what passes by, and would jump where it caught up at once: there ``most`` is small, and 1 only where the
caller knows from the input that the light changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from highbeam.errors import UsageError
from highbeam.methods.base import SMALL, Statistics, Values

__all__ = ["Held", "HeldStatistics", "rise", "taken"]

_MEMORY = 0.1
"""Weight of the newest error in the running means: about twenty frames say whether errors agree."""

_AGREES = (0.6, 0.95)
"""Tracking signals up to which a number is slow, and from which it follows at once. Those of independent errors are
above 0.6 in one frame of thirty."""

_SMOOTH = 0.35
"""Largest share of an error that is followed in a frame while the light is steady; half of it takes two frames."""

_RECENT = 0.4
_LARGE = (0.5, 1.25)
"""Means of the last few errors likewise, over ``least``, the newest of which weighs ``_RECENT``."""


class Held:
    """One number, or one vector, over the frames of a video.

    Attributes:
        value: what is held; None before the first measurement.
    """

    def __init__(self, follow: float, least: float, most: float = 1.0) -> None:
        """Hold nothing yet.

        Args:
            follow: share of an error that is followed where errors are small or cancel.
            least: size of errors that count as small.
            most: share where errors are large or agree; ``follow`` where that is larger.
        """
        self.value: Values | None = None
        self._follow, self._least, self._most = follow, least, max(most, follow)
        self._agreed: Values = np.zeros(0)
        self._recent: Values = np.zeros(0)
        self._size = 0.0

    @property
    def sure(self) -> float:
        """How surely the number truly changes, in [0, 1]: 1 where errors are large or agree."""
        agreed = rise(_length(self._agreed) / (self._size + _MEMORY * self._least), *_AGREES)
        return max(agreed, rise(_length(self._recent) / self._least, *_LARGE))

    def rate(self, hurry: float = 0.0) -> float:
        """Return the share of the next error that will be followed: at least ``hurry``; 1 before the first one."""
        if self.value is None:
            return 1.0
        return max(hurry, self._follow + (self._most - self._follow) * self.sure)

    def record(self, measured: Values, hurry: float = 0.0) -> Values:
        """Follow a measurement of the same shape as the ones before; of another shape, start anew with it.

        Args:
            measured: the numbers of one frame.
            hurry: share of the error that is followed at least, in [0, 1].

        Returns:
            What is held now.
        """
        if self.value is None or self.value.shape != measured.shape:
            self.value, self._size = measured.copy(), self._least
            self._agreed, self._recent = np.zeros_like(measured), np.zeros_like(measured)
            return self.value
        error, unit = measured - self.value, 1.0 + _length(self.value)
        self.value = self.value + self.rate(hurry) * error
        self._agreed = self._agreed + _MEMORY * (error / unit - self._agreed)
        self._recent = self._recent + _RECENT * (error / unit - self._recent)
        self._size += _MEMORY * (_length(error) / unit - self._size)
        return self.value

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides what comes next, as arrays and numbers."""
        empty = np.zeros(0) if self.value is None else self.value.copy()
        return {
            "value": empty,
            "agreed": self._agreed.copy(),
            "recent": self._recent.copy(),
            "size": self._size,
            "least": self._least,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken.

        Raises:
            UsageError: it is no such state.
        """
        value, agreed, recent = (taken(state, key, 1) for key in ("value", "agreed", "recent"))
        size, least = (float(taken(state, key, 0)) for key in ("size", "least"))
        if not value.shape == agreed.shape == recent.shape:
            raise UsageError("a held number and its errors differ in shape; take the state from state_dict()")
        self.value, self._size, self._least = (value if value.size else None), size, least
        self._agreed, self._recent = agreed, recent


class HeldStatistics(Statistics):
    """What a method takes from whole frames, each under its name held as one.

    Attributes:
        hurry: how surely the light changes in the frame to come, in [0, 1]: so much of an error is followed at least.
    """

    def __init__(self, follow: float) -> None:
        """Hold nothing yet; ``follow`` is that of :class:`Held`, for every name."""
        self.hurry = 0.0
        self._follow = follow
        self._held: dict[str, Held] = {}

    def given(self, name: str) -> tuple[Values | None, float]:
        """Return what is held and how much of it to keep in the next frame."""
        held = self._held.get(name)
        return (None, 0.0) if held is None else (held.value, 1.0 - held.rate(self.hurry))

    def record(self, name: str, measured: Values, small: float = SMALL) -> None:
        """Follow what a frame measures."""
        self._held.setdefault(name, Held(self._follow, small, _SMOOTH)).record(measured, self.hurry)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of all, flat, with keys ``NAME.value`` and the like."""
        return {f"{name}.{key}": part for name, held in self._held.items() for key, part in held.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken.

        Raises:
            UsageError: it is no such state.
        """
        loaded = {}
        for name in dict.fromkeys(key.rpartition(".")[0] for key in state):
            loaded[name] = Held(self._follow, SMALL, _SMOOTH)
            prefix = f"{name}."
            loaded[name].load_state_dict(
                {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}
            )
        self._held = loaded


def taken(state: Mapping[str, Any], key: str, axes: int) -> Values:
    """Return a copy of one entry of a state as ``float64`` with so many axes.

    Raises:
        UsageError: there is none, or it holds other things than finite numbers, or has other axes.
    """
    try:
        value = np.array(state[key], np.float64)
    except (KeyError, TypeError, ValueError):
        value = np.array(np.nan)
    if value.ndim != axes or not np.isfinite(value).all():
        raise UsageError(f"the state has no such numbers for {key!r}; take it from state_dict()")
    return value


def rise(value: float, low: float, high: float) -> float:
    """Go smoothly from 0 at ``low`` to 1 at ``high``."""
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _length(values: Values) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
