"""Highbeam: see dark roads.

The public face::

    import highbeam

    bright = highbeam.enhance(dark)            # array, PIL image, bytes or path; the type is kept
    method = highbeam.load("msrcp")            # a reusable callable on arrays
    print(highbeam.methods())                  # the names there are

Importing the package loads nothing heavy: the libraries behind a function are imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from highbeam.api import enhance
    from highbeam.errors import HighbeamError, PictureError, UsageError
    from highbeam.methods.registry import Enhancer, load
    from highbeam.methods.registry import names as methods
    from highbeam.pictures.picture import Limits

__all__ = [
    "Enhancer",
    "HighbeamError",
    "Limits",
    "PictureError",
    "UsageError",
    "__version__",
    "enhance",
    "load",
    "methods",
]

_HOME = {
    "Enhancer": "highbeam.methods.registry",
    "HighbeamError": "highbeam.errors",
    "Limits": "highbeam.pictures.picture",
    "PictureError": "highbeam.errors",
    "UsageError": "highbeam.errors",
    "enhance": "highbeam.api",
    "load": "highbeam.methods.registry",
}


def __getattr__(name: str) -> object:
    """Import what was asked for from its room, once."""
    if name == "__version__":
        return _version()
    from importlib import import_module  # noqa: PLC0415

    if name == "methods":  # the package, which answers a call with the names
        return import_module("highbeam.methods")
    if name not in _HOME:
        raise AttributeError(f"module 'highbeam' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - not needed by most programs

    try:
        return version("highbeam")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+unknown"


def __dir__() -> list[str]:
    return sorted(__all__)
