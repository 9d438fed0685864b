"""From the words of a command line to what the package takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, get_args, get_origin

from highbeam.errors import OptionError, OutputError, UsageError, nearest

if TYPE_CHECKING:
    from highbeam.methods.base import MethodSpec, Pixels
    from highbeam.methods.registry import Enhancer
    from highbeam.pictures import Limits
    from highbeam.video.steady import SteadyOptions

__all__ = [
    "check_denoise",
    "check_format",
    "check_output",
    "enhancer_of",
    "held",
    "is_given",
    "limits_of",
    "method_options",
    "pixel_count",
    "refuse",
    "steadiness",
]

_COUNT = re.compile(r"([0-9][0-9_]*)(\.[0-9]+)?\s*(MP?)?", re.IGNORECASE)


def enhancer_of(method: str | None, words: Sequence[str], *, strength: float, protect_highlights: bool) -> Enhancer:
    """Load a method with the options given as ``key=value``.

    Raises:
        UnknownMethodError: there is no such method.
        OptionError: a word is no ``key=value``, or the method refuses it.
    """
    from highbeam.methods.registry import DEFAULT_METHOD, find, load

    spec = find(method or DEFAULT_METHOD)
    options = method_options(spec, words)
    return load(spec.name, strength=strength, protect_highlights=protect_highlights, **options)


def held(enhancer: Enhancer, *, steady: bool, denoise: float = 0.0) -> Callable[[Pixels], Pixels]:
    """Return a method for the frames of one video, in order: held steady over them, or each frame by itself."""
    options = steadiness(steady=steady, denoise=denoise)
    if options is None:
        return enhancer
    from highbeam.video.steady import Steady

    return Steady(enhancer, options)


def steadiness(*, steady: bool, denoise: float = 0.0) -> SteadyOptions | None:
    """Return how a method is to be held steady; None where each frame is taken by itself."""
    if not steady:
        return None
    from highbeam.video.steady import SteadyOptions

    return SteadyOptions(denoise=denoise)


def check_denoise(denoise: float, *, steady: bool) -> None:
    """Refuse to take noise off frames that do not know each other.

    Raises:
        UsageError: it is asked of frames that are each taken by themselves.
    """
    if denoise and not steady:
        raise UsageError(
            "--denoise averages over frames, which --no-steady takes each by itself; leave one of them out"
        )


def is_given(value: object) -> bool:
    """Whether an option has another value than ``None`` or false; 0 is one."""
    return value is not None and value is not False


def refuse(options: Mapping[str, object], what: str) -> None:
    """Refuse options, by word, that were given and mean nothing to what is done.

    Raises:
        UsageError: one was given.
    """
    for word, value in options.items():
        if is_given(value):
            raise UsageError(f"{word} is not for {what}")


def method_options(spec: MethodSpec, words: Sequence[str]) -> dict[str, str | list[str] | None]:
    """Read ``key=value`` words.

    Dashes in keys count as underscores. The value of an option that takes several is split at its commas, and ``none``
    is none where an option may be left open; else values stay text, which the method's own checks convert.

    Raises:
        OptionError: a word is no ``key=value``, comes twice, or has an option of its own on the command line.
    """
    options: dict[str, str | list[str] | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        key = key.strip().replace("-", "_")
        if not key or not equals:
            raise OptionError(f"--set takes key=value, got {word!r}")
        if key in options:
            raise OptionError(f"--set {key} is given twice")
        if key in {"strength", "protect_highlights"}:
            raise OptionError(f"--set {key} is no option of a method; use --{key.replace('_', '-')}")
        options[key] = _value(spec, key, value.strip())
    return options


def _value(spec: MethodSpec, key: str, text: str) -> str | list[str] | None:
    known = spec.options.__pydantic_fields__
    kind = known[key].annotation if key in known else None
    if get_origin(kind) in {tuple, list}:
        return [part.strip() for part in text.split(",") if part.strip()]
    return None if text.lower() == "none" and NoneType in get_args(kind) else text


def check_format(word: str | None) -> str | None:
    """Return the name of a format, in lower case; ``jpg`` and ``tif`` are taken for what they mean.

    Raises:
        UsageError: there is none of that name.
    """
    from highbeam.pictures import FORMATS

    if word is None:
        return None
    name = {"jpg": "jpeg", "tif": "tiff"}.get(word.lower(), word.lower())
    if name not in FORMATS:
        raise UsageError(f"no format {word!r}{nearest(name, FORMATS)} (formats: {', '.join(FORMATS)})")
    return name


def check_output(word: str | None) -> str:
    """Return the word that names an output.

    Raises:
        OutputError: there is none, or it is empty, as from a variable of a script that was never set; it would mean the
            current folder.
    """
    if word is None:
        raise OutputError("no output; give a folder, or for one file also a file, with -o")
    if not word:
        raise OutputError("-o '': an empty word names no place; for the current folder, give .")
    return word


def limits_of(max_pixels: str | None) -> Limits:
    """Return the limits on pictures that are read.

    Raises:
        UsageError: the count cannot be read.
    """
    from highbeam.pictures import Limits

    return Limits() if max_pixels is None else Limits(max_pixels=pixel_count(max_pixels))


def pixel_count(text: str) -> int:
    """Read a count of pixels: ``50000000``, or ``50M`` in megapixels (millions).

    Raises:
        UsageError: it is neither, or less than one pixel.
    """
    match = _COUNT.fullmatch(text.strip())
    whole, part, mega = match.groups(default="") if match else ("", "", "")
    count = Decimal(whole.replace("_", "") + part) * (1_000_000 if mega else 1) if whole else 0
    if count < 1 or count != int(count):
        raise UsageError(f"--max-pixels takes a count such as 50000000, or megapixels such as 50M, got {text!r}")
    return int(count)
