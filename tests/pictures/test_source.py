"""Whatever goes wrong inside leaves as one error that names the file."""

from __future__ import annotations

import struct
import zlib

import pytest

from highbeam.errors import (
    DamagedPictureError,
    PictureError,
    PictureTooLargeError,
    PictureWriteError,
    UnsupportedPictureError,
)
from highbeam.pictures.source import DamageError, RefusalError, reading, writing

READING: list[tuple[BaseException, type[PictureError], str]] = [
    (RefusalError("is a GIF"), UnsupportedPictureError, "is a GIF"),
    (DamageError("is cut short"), DamagedPictureError, "is cut short; get an undamaged copy"),
    (MemoryError(), PictureTooLargeError, "does not fit in memory; make it smaller first"),
    (struct.error("4 bytes"), DamagedPictureError, "is damaged or cut short (4 bytes); get an undamaged copy"),
    (zlib.error("-3"), DamagedPictureError, "is damaged or cut short (-3); get an undamaged copy"),
    (IndexError(), DamagedPictureError, "is damaged or cut short (IndexError); get an undamaged copy"),
    (SyntaxError("odd"), DamagedPictureError, "is damaged or cut short (odd); get an undamaged copy"),
]


@pytest.mark.parametrize(("cause", "kind", "reason"), READING)
def test_reading(cause: BaseException, kind: type[PictureError], reason: str) -> None:
    with pytest.raises(PictureError) as caught, reading("x.png"):
        raise cause
    assert (type(caught.value), str(caught.value)) == (kind, f"x.png: {reason}")
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("cause", [OSError("too big"), RefusalError("too big"), ValueError("too big")])
def test_writing(cause: Exception) -> None:
    with pytest.raises(PictureWriteError) as caught, writing("x.jpg", "JPEG"):
        raise cause
    assert str(caught.value) == "x.jpg: cannot be written as JPEG (too big); choose another format"


@pytest.mark.parametrize("context", [reading("x"), writing("x", "JPEG")])
def test_interrupts_pass(context: object) -> None:
    with pytest.raises(KeyboardInterrupt), context:  # type: ignore[attr-defined]
        raise KeyboardInterrupt
