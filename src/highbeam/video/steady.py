"""Steadiness over the frames of a video, for every method: no pumping, no flicker, quick where the scene changes.

Four things, none of which blends frames, so that nothing that moves leaves a trace, and a fifth where it is asked for,
that averages the input along motion where only noise differs (:mod:`highbeam.video.averaging`):

- the camera's exposure is held: where a frame is brighter or darker as a whole than those before, it goes into the
  method as if it had been exposed like them (:mod:`highbeam.video.cuts`);
- what a method takes from a whole frame (exposure ratio, clipping levels, tiles' mappings, a network's scene) is held
  where it is measured (:mod:`highbeam.video.state`);
- the brightness of the output is held, by one curve, for methods that do not hand out what they measure;
- a cut is found in the input, and all is forgotten.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.errors import ArrayError
from highbeam.methods.base import Float, Pixels, check_pixels, from_unit, to_unit
from highbeam.methods.registry import Enhancer
from highbeam.video.averaging import Averaged
from highbeam.video.cuts import brighten, brightening, change, explained, expose, light, lit, view
from highbeam.video.state import Held, HeldStatistics, rise, taken

__all__ = ["Steady", "SteadyOptions"]

_LEAST_LEVEL = 0.16
"""Log g of changes of brightness that count as small: a camera that hunts makes such."""

_TIMES_USUAL = 2.0
"""A cut shows more than this many times what usually changes from frame to frame."""

_NEAR_CUT = (0.6, 1.0)
"""Shares of what a cut shows from which on a method's statistics follow faster, and at once; drives stay below 0.4."""

_MEMORY = 0.2
"""Weight of the newest frame in what usually changes."""

_UNSEEN = 0.001
"""Logarithmic gain below which frames pass as they are."""


@dataclass(frozen=True)
class SteadyOptions:
    """Options of steadiness."""

    follow: Annotated[
        float,
        Field(gt=0, le=1, description="share of a small change of what the method measures that is followed per frame"),
    ] = 0.1
    follow_exposure: Annotated[
        float, Field(gt=0, le=1, description="likewise of the camera's exposure, and of the output's brightness")
    ] = 0.05
    cut: Annotated[
        float, Field(gt=0, le=10, description="share of what is shown that changes in a cut, at least; no unit")
    ] = 0.5
    statistics: Annotated[bool, Field(description="hold what the method takes from the whole frame")] = True
    exposure: Annotated[bool, Field(description="hold the camera's exposure")] = True
    denoise: Annotated[
        float, Field(ge=0, le=1, description="average the input over time along motion, against noise; 0 is off")
    ] = 0.0


_DEFAULT = SteadyOptions()


class Steady:
    """A method made steady: a callable on the frames of one video, in order; not to be shared between threads."""

    def __init__(self, enhancer: Enhancer, options: SteadyOptions = _DEFAULT) -> None:
        """Start before the first frame.

        Args:
            enhancer: a method with its options, as :func:`highbeam.load` gives it.
            options: see :class:`SteadyOptions`.
        """
        self.enhancer = enhancer
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Forget all frames."""
        self._kind = ""
        self._source: Float | None = None
        self._usual = 0.0
        self._statistics = HeldStatistics(self.options.follow)
        self._exposure = _Exposure(self.options.follow_exposure)
        self._brightness = _Brightness(self.options.follow_exposure)
        self._averaged = Averaged(self.options.denoise)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Enhance the next frame.

        Args:
            pixels: ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32`` in [0, 1]; left unchanged. A frame of
                another size or dtype than the one before starts anew.

        Returns:
            A new array of the same shape and dtype.

        Raises:
            ArrayError: the array is none of these.
        """
        check_pixels(pixels)
        if self.enhancer.strength == 0.0:
            return self.enhancer(pixels)
        source = view(pixels)
        turned = self._notice(f"{pixels.shape} {pixels.dtype}", source)
        gain = self._exposure.gain(source, source)
        self._statistics.hurry = max(turned, self._exposure.sure)
        gain = gain if self.options.exposure else 0.0
        enhanced = self._enhance(self._prepared(pixels, gain))
        self._source = source
        return enhanced if enhanced.dtype == pixels.dtype else from_unit(enhanced, like=pixels)

    def _prepared(self, pixels: Pixels, gain: float) -> Pixels:
        """Return the frame as it goes into the method: exposed like those before, and averaged with them if wished."""
        exposed = expose(pixels, gain) if abs(gain) > _UNSEEN else pixels
        if self.options.denoise:
            exposed = self._averaged(to_unit(exposed))
        return exposed if exposed.dtype == pixels.dtype or self._deep else from_unit(exposed, like=pixels)

    @cached_property
    def _deep(self) -> bool:
        """Whether the method takes more than 8 bits; networks of one's own may not."""
        try:
            self.enhancer(np.zeros((1, 1, 3), np.float32))
        except ArrayError:
            return False
        return True

    def _enhance(self, pixels: Pixels) -> Pixels:
        """Apply the method and hold what it takes from the frame, or else the brightness of what it makes."""
        if self.options.statistics and self.enhancer.spec.held is not None:
            return self.enhancer.held(pixels, self._statistics)
        enhanced = self.enhancer(pixels)
        if not self.options.statistics:
            return enhanced
        gain = self._brightness.gain(view(pixels), view(enhanced))
        return brighten(enhanced, gain) if abs(gain) > _UNSEEN else enhanced

    def _notice(self, kind: str, source: Float) -> float:
        """Start anew behind a cut, and for frames of another kind; return how near the frame is to one, in [0, 1]."""
        if self._source is not None and kind == self._kind:
            changed = change(self._source, source)
            share = changed / max(self.options.cut, _TIMES_USUAL * self._usual)
            if share <= 1.0:
                self._usual += _MEMORY * (changed - self._usual)
                return rise(share, *_NEAR_CUT)
        self.reset()
        self._kind = kind
        return 0.0

    def _parts(self) -> dict[str, _Level | HeldStatistics | Averaged]:
        """Return what has a state of its own, by name; the average, as large as frames, only where one is taken."""
        parts: dict[str, _Level | HeldStatistics | Averaged] = {"exposure": self._exposure}
        parts |= {"brightness": self._brightness, "statistics": self._statistics}
        return parts | ({"average": self._averaged} if self.options.denoise else {})

    def state_dict(self) -> dict[str, Any]:
        """Return everything that decides what comes next, as arrays, numbers and a word; the options are not in it."""
        state: dict[str, Any] = {"kind": self._kind, "usual": self._usual, "source": _plain(self._source)}
        parts = self._parts()
        return state | {
            f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken, with the same method and options.

        Raises:
            UsageError: it is no such state; this one is left as it was.
        """
        fresh = Steady(self.enhancer, self.options)
        for name, part in fresh._parts().items():
            part.load_state_dict(_part(state, f"{name}."))
        fresh._kind, fresh._usual = str(state.get("kind", "")), float(taken(state, "usual", 0))
        fresh._source = _view_of(state, "source")
        vars(self).update(vars(fresh))


class _Level(ABC):
    """A brightness over time: what it changed by so far, and what is held of that.

    How far a measured change d is believed depends on its standard error s. With D and S their running mean squares,
    the share is the larger of P / (P + s^2), P = D - 2 S, which is high where the exposure has been hunting of late,
    and 1 - (2 s / d)^2, which is high for one large change. So motion alone changes nothing.
    """

    def __init__(self, follow: float) -> None:
        self._held, self._sure = Held(follow, _LEAST_LEVEL), 0.0
        self._before: tuple[Float, Float] | None = None
        self._sum = self._power = self._error = 0.0

    def gain(self, source: Float, output: Float) -> float:
        """Take in views of the next frame; return log g of the curve that brings it to what is held."""
        if self._before is not None:
            self._sum += self._believed(*self._measure(*self._before, source, output))
        self._before, self._sure = (source, output), self._held.sure
        return float(self._held.record(np.array([self._sum]))[0]) - self._sum

    @property
    def sure(self) -> float:
        """How surely the brightness truly changes in this frame, in [0, 1]."""
        return self._sure

    @abstractmethod
    def _measure(self, source_before: Float, output_before: Float, source: Float, output: Float) -> tuple[float, float]:
        """Return by what log g the frame is brighter than the one before, and the standard error of that."""

    def _believed(self, measured: float, doubt: float) -> float:
        square, error = measured * measured, doubt * doubt
        self._power += _MEMORY * (square - self._power)
        self._error += _MEMORY * (error - self._error)
        usual = max(self._power - 2.0 * self._error, 0.0)
        tiny = 1e-12
        return measured * max(usual / (usual + error + tiny), 1.0 - 4.0 * error / (square + tiny), 0.0)

    def state_dict(self) -> dict[str, Any]:
        source, output = self._before or (None, None)
        numbers = {"sum": self._sum, "power": self._power, "error": self._error}
        return numbers | {"source": _plain(source), "output": _plain(output)} | self._held.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._held.load_state_dict(state)
        self._sum, self._power, self._error = (float(taken(state, key, 0)) for key in ("sum", "power", "error"))
        source, output = _view_of(state, "source"), _view_of(state, "output")
        self._before = None if source is None or output is None else (source, output)


class _Exposure(_Level):
    """The camera's, in linear light; the output is of no account."""

    def _measure(self, source_before: Float, output_before: Float, source: Float, output: Float) -> tuple[float, float]:
        del output_before, output
        return brightening(light(source_before), light(source), lit(source_before, source))


class _Brightness(_Level):
    """The output's, where the input does not explain it; motion makes that twice as doubtful."""

    def _measure(self, source_before: Float, output_before: Float, source: Float, output: Float) -> tuple[float, float]:
        before = explained(output_before, source_before, source, output)
        more, doubt = brightening(before, output, lit(output_before, output))
        return more, 2.0 * doubt


def _plain(seen: Float | None) -> Float:
    return np.zeros((0, 0), np.float32) if seen is None else seen.copy()


def _view_of(state: Mapping[str, Any], key: str) -> Float | None:
    found = taken(state, key, 2).astype(np.float32)
    return found if found.size else None


def _part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
