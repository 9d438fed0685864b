"""What every format's module hands over, and how its troubles become one error that names the file.

A format's ``scan`` reads the structure of a file without decoding a pixel and returns a :class:`Source`.
Scanners know no file names. They raise :class:`RefusalError` and :class:`DamageError`, or let whatever they
stumble over rise; :func:`reading` and :func:`writing` turn all of it into the errors of the package.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from highbeam.errors import (
    DamagedPictureError,
    PictureTooLargeError,
    PictureWriteError,
    UnsupportedPictureError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from highbeam.pictures.picture import Samples

__all__ = ["INCHES_PER_METRE", "DamageError", "Metadata", "RefusalError", "Source", "reading", "writing"]

INCHES_PER_METRE = 1 / 0.0254


class DamageError(Exception):
    """The data breaks the rules of its format."""


class RefusalError(Exception):
    """The data is sound, and of a kind that is not taken."""


@dataclass(frozen=True)
class Metadata:
    """What travels beside the pixels; see ``Picture`` for the meaning of each."""

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True)
class Source:
    """A file whose structure has been read and whose pixels have not.

    Attributes:
        width: pixels, as stored.
        height: pixels, as stored.
        bits: of each sample as stored.
        channels: samples of a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha (or CMYK).
        metadata: as stored, orientation not yet applied.
        samples: decodes; ``(H, W, C)``, ``uint8`` up to 8 bits, else ``uint16`` over the whole range.
        cmyk: the four channels are inks, 255 full.
        orientation: where the container itself rules over EXIF and XMP.
        frame: width and height of the largest frame to be decoded, where that can exceed the picture.
    """

    width: int
    height: int
    bits: int
    channels: int
    metadata: Metadata
    samples: Callable[[], Samples]
    cmyk: bool = False
    orientation: int | None = None
    frame: tuple[int, int] = (1, 1)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into one ``PictureError`` that names the file."""
    try:
        yield
    except RefusalError as error:
        raise UnsupportedPictureError(name, str(error)) from error
    except DamageError as error:
        raise DamagedPictureError(name, f"{error}; get an undamaged copy") from error
    except MemoryError as error:
        raise PictureTooLargeError(name, "does not fit in memory; make it smaller first") from error
    except Exception as error:
        reason = f"is damaged or cut short ({_told(error)}); get an undamaged copy"
        raise DamagedPictureError(name, reason) from error


@contextmanager
def writing(name: str, title: str) -> Iterator[None]:
    """Turn whatever an encoder raises into one ``PictureWriteError`` that names the file."""
    try:
        yield
    except Exception as error:
        reason = f"cannot be written as {title} ({_told(error)}); choose another format"
        raise PictureWriteError(name, reason) from error


def _told(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
