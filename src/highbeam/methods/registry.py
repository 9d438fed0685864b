"""The one table of methods, and the callable that a user gets from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from highbeam.errors import OptionError, UnknownMethodError, nearest
from highbeam.machine import usable_cpus
from highbeam.methods import clahe, exposure_fusion, finish, gamma, network, retinex
from highbeam.methods.base import MethodSpec, Pixels, Statistics, check_pixels
from highbeam.methods.runtimes import check_available
from highbeam.weights import catalog

_Options = TypeVar("_Options")

__all__ = ["DEFAULT_METHOD", "METHODS", "Enhancer", "find", "load", "names"]

_JOBSON_A = "Jobson, Rahman, Woodell: Properties and performance of a center/surround retinex. IEEE TIP 6(3), 1997"
_JOBSON_B = "Jobson, Rahman, Woodell: A multiscale retinex for bridging the gap. IEEE TIP 6(7), 1997"
_PETRO = "Petro, Sbert, Morel: Multiscale Retinex. IPOL 4, 2014"


def _takes_nothing(apply: Callable[[Pixels, Any], Pixels]) -> Callable[[Pixels, Any, Statistics], Pixels]:
    """Return what a method that takes nothing from the whole picture makes of it: it has nothing to hold."""
    return partial(_apply_alone, apply)


def _apply_alone(
    apply: Callable[[Pixels, _Options], Pixels], pixels: Pixels, options: _Options, _: Statistics
) -> Pixels:
    return apply(pixels, options)


_ROWS = (
    MethodSpec(
        name="gamma",
        summary="power curve, the same for every pixel",
        source="Poynton: Digital Video and HD, 2nd ed., 2012, ch. 27",
        options=gamma.GammaOptions,
        apply=gamma.gamma,
        held=_takes_nothing(gamma.gamma),
    ),
    MethodSpec(
        name="clahe",
        summary="contrast-limited adaptive histogram equalisation of the lightness",
        source="Reza: Realization of CLAHE for real-time image enhancement. J. VLSI Signal Processing 38, 2004",
        options=clahe.ClaheOptions,
        apply=clahe.clahe,
        held=clahe.clahe,
    ),
    MethodSpec(
        name="ssr",
        summary="single-scale retinex",
        source=_JOBSON_A,
        options=retinex.SsrOptions,
        apply=retinex.ssr,
        held=_takes_nothing(retinex.ssr),
    ),
    MethodSpec(
        name="msr",
        summary="multi-scale retinex",
        source=_JOBSON_B,
        options=retinex.MsrOptions,
        apply=retinex.msr,
        held=_takes_nothing(retinex.msr),
    ),
    MethodSpec(
        name="msrcr",
        summary="multi-scale retinex with colour restoration",
        source=_PETRO,
        options=retinex.MsrcrOptions,
        apply=retinex.msrcr,
        held=retinex.msrcr,
    ),
    MethodSpec(
        name="msrcp",
        summary="multi-scale retinex that keeps chromaticity",
        source=_PETRO,
        options=retinex.MsrcpOptions,
        apply=retinex.msrcp,
        held=retinex.msrcp,
    ),
    MethodSpec(
        name="exposure-fusion",
        summary="fusion with a synthetic brighter exposure",
        source="Ying, Li, Ren, Wang, Wang: A new image contrast enhancement algorithm using exposure fusion. CAIP 2017",
        options=exposure_fusion.ExposureFusionOptions,
        apply=exposure_fusion.exposure_fusion,
        held=exposure_fusion.exposure_fusion,
    ),
)

_NETWORKS = tuple(
    MethodSpec(
        name=name,
        summary=row.summary,
        source=row.source,
        options=network.NetworkOptions,
        apply=partial(network.enhance_bundled, name),
        held=partial(network.enhance_bundled, name),
    )
    for name, row in catalog().items()
)

METHODS: Mapping[str, MethodSpec] = MappingProxyType({row.name: row for row in (*_NETWORKS, *_ROWS)})
"""Every method by name, in the order in which lists show them: the trained networks, then the classical methods."""

DEFAULT_METHOD = "unet-m"
"""The network that is the best for its time on a CPU."""


@dataclass(frozen=True)
class Enhancer:
    """A method with its options bound: a callable on arrays, safe to share between threads.

    Attributes:
        spec: the method's row in :data:`METHODS`.
        options: the method's own options, checked.
        strength: 0 leaves the picture as it is, 1 is the method's full effect.
        protect_highlights: keep what was nearly white as it was.
    """

    spec: MethodSpec
    options: Any
    strength: float = 1.0
    protect_highlights: bool = True

    def __call__(self, pixels: Pixels) -> Pixels:
        """Enhance one picture.

        Args:
            pixels: ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32`` in [0, 1]; left unchanged.

        Returns:
            A new array of the same shape and dtype; the same input gives the same bytes.

        Raises:
            ArrayError: the array is none of these.
        """
        check_pixels(pixels)
        if self.strength == 0.0:
            return pixels.copy()
        return self._finish(pixels, self.spec.apply(pixels, self.options))

    def held(self, pixels: Pixels, statistics: Statistics) -> Pixels:
        """Enhance one frame of a video.

        Args:
            pixels: as for a picture.
            statistics: holds what the method takes from the whole frame.

        Returns:
            A new array of the same shape and dtype. Where nothing is held yet, that of a picture to within rounding;
            deep frames share out what CLAHE clips as 8-bit ones do.

        Raises:
            ArrayError: the array is none that a method takes.
        """
        check_pixels(pixels)
        if self.strength == 0.0 or self.spec.held is None:
            return self(pixels)
        return self._finish(pixels, self.spec.held(pixels, self.options, statistics))

    def _finish(self, pixels: Pixels, enhanced: Pixels) -> Pixels:
        if self.protect_highlights:
            enhanced = finish.protect_highlights(pixels, enhanced)
        return finish.apply_strength(pixels, enhanced, self.strength)

    def among(self, workers: int) -> Enhancer:
        """Return the same for use by several threads at once, each with its part of the CPU, where that was left open.

        Args:
            workers: how many threads call it at a time.
        """
        if workers > 1 and isinstance(self.options, network.NetworkOptions) and not self.options.threads:
            return replace(self, options=replace(self.options, threads=max(1, usable_cpus() // workers)))
        return self


def names() -> tuple[str, ...]:
    """Return the names of all methods, in the order in which lists show them."""
    return tuple(METHODS)


def find(name: str) -> MethodSpec:
    """Return a method's row.

    Args:
        name: a key of :data:`METHODS`, or the path of an exported network of one's own, which ends in ``.onnx``.

    Raises:
        UnknownMethodError: there is none of that name.
    """
    if str(name).endswith(".onnx"):
        return _own_network(Path(name))
    spec = METHODS.get(str(name))
    if spec is None:
        raise UnknownMethodError(f"no method {name!r}{nearest(str(name), METHODS)} (methods: {', '.join(METHODS)})")
    return spec


def _own_network(path: Path) -> MethodSpec:
    if not path.is_file():
        raise UnknownMethodError(f"{path}: no such file; `highbeam export` makes one from a checkpoint")
    return MethodSpec(
        name=str(path),
        summary="a network of one's own",
        source="",
        options=network.NetworkOptions,
        apply=partial(network.enhance_with_file, path),
        held=partial(network.enhance_with_file, path),
    )


@pydantic_dataclass(frozen=True)
class _Shared:
    """The options that every method has."""

    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    protect_highlights: bool = True


def load(
    name: str = DEFAULT_METHOD, *, strength: float = 1.0, protect_highlights: bool = True, **options: object
) -> Enhancer:
    """Bind a method's options.

    Args:
        name: a key of :data:`METHODS`, or the path of an ``.onnx`` file that ``highbeam export`` wrote.
        strength: in [0, 1]; 0 leaves the picture as it is.
        protect_highlights: keep what was nearly white as it was, so that lamps do not bloom.
        **options: the method's own options; text is converted, so that a command line can pass its words on.

    Raises:
        UnknownMethodError: there is no such method.
        OptionError: there is no such option, or a value is out of its range.
        RuntimeMissingError: the runtime that a network is to run on is not here.
    """
    spec = find(name)
    known = [option.name for option in (*fields(spec.options), *fields(_Shared))]
    for option in options:
        if option not in known:
            raise OptionError(f"{name} has no option {option!r}{nearest(option, known)} (options: {', '.join(known)})")
    shared = _bind(name, _Shared, {"strength": strength, "protect_highlights": protect_highlights})
    own = _bind(name, spec.options, options)
    if isinstance(own, network.NetworkOptions):
        check_available(own.runtime, own.precision)
    return Enhancer(spec, own, shared.strength, shared.protect_highlights)


def _bind(name: str, kind: type[_Options], values: Mapping[str, object]) -> _Options:
    """Make a method's options; what is wrong with them is said in one line."""
    try:
        return kind(**values)
    except ValidationError as error:
        places = [entry["loc"] for entry in error.errors()]
        inner = [
            f"{'.'.join(str(part) for part in entry['loc'])}: {entry['msg']}, got {entry['input']!r}"
            for entry in error.errors()
            if not any(place != entry["loc"] and place[: len(entry["loc"])] == entry["loc"] for place in places)
        ]  # where an item of a list is wrong, what that makes of the list says nothing more
        raise OptionError(f"{name}: {'; '.join(inner)}") from None
