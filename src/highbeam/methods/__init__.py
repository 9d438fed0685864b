"""Methods: callables that map a dark ``(H, W, 3)`` picture to an enhanced one of the same shape and dtype.

``highbeam.methods`` is this package, and ``highbeam.methods()`` lists the names: Python binds an imported sub-package
over any function of its name, so the package itself answers the call.
"""

import sys
from types import ModuleType

from highbeam.methods.base import MethodSpec, Pixels
from highbeam.methods.registry import DEFAULT_METHOD, METHODS, Enhancer, find, load, names

__all__ = ["DEFAULT_METHOD", "METHODS", "Enhancer", "MethodSpec", "Pixels", "find", "load", "names"]


class _CallablePackage(ModuleType):
    def __call__(self) -> tuple[str, ...]:
        """Return the names of all methods."""
        return names()


sys.modules[__name__].__class__ = _CallablePackage
