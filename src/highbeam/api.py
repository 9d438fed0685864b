"""``enhance`` for whatever holds a picture: an array, a PIL image, encoded bytes or a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from PIL import Image

from highbeam.errors import ArrayError, DamagedPictureError, OutputError
from highbeam.methods.base import Pixels
from highbeam.methods.registry import DEFAULT_METHOD, Enhancer, load
from highbeam.pictures import Limits, Picture, colour, decode, encode, read, write

__all__ = ["enhance"]

_PATHS = (str, os.PathLike)
_A = TypeVar("_A", bound=np.ndarray[Any, Any])


@overload
def enhance(picture: _A, method: str = ..., **options: Any) -> _A: ...
@overload
def enhance(picture: Image.Image, method: str = ..., **options: Any) -> Image.Image: ...
@overload
def enhance(picture: bytes, method: str = ..., **options: Any) -> bytes: ...
@overload
def enhance(
    picture: str | os.PathLike[str], method: str = ..., *, output: str | os.PathLike[str], **options: Any
) -> Path: ...
@overload
def enhance(picture: str | os.PathLike[str], method: str = ..., *, output: None = ..., **options: Any) -> bytes: ...
def enhance(
    picture: Any,
    method: str = DEFAULT_METHOD,
    *,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    limits: Limits | None = None,
    **options: Any,
) -> Any:
    """Enhance one picture and give it back as the type it came in.

    Args:
        picture: one of

            - an array, ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32`` in [0, 1]: a new array of the same kind;
            - a PIL image: a new one of the same size; grey (8 and 16 bit) and RGB, with or without alpha, keep their
              mode, palettes and other colour models become RGB or RGBA;
            - ``bytes`` of an encoded picture: bytes in the same format, metadata kept;
            - a path: the encoded bytes, or with ``output`` a file.
        method: a name from ``highbeam.methods()``.
        output: where to write the result of a path; its suffix chooses the format. The input itself is never
            overwritten.
        overwrite: replace an existing file at ``output``.
        limits: on the size of a picture that is decoded; 100 megapixels unless told otherwise.
        **options: ``strength``, ``protect_highlights`` and the method's own options, as in ``highbeam.load``.

    Returns:
        What ``picture`` was, or the path of ``output``.

    Raises:
        UsageError: an unknown method or option, an array that is no picture, an output that cannot be.
        PictureError: a picture that could not be read or written; it names the file.
    """
    enhancer, limits = load(method, **options), limits or Limits()
    if output is not None:
        if not isinstance(picture, _PATHS):
            raise OutputError(f"output= needs a path to read from, got {type(picture).__name__}")
        return _file_to_file(Path(picture), Path(output), enhancer, limits=limits, overwrite=overwrite)
    if isinstance(picture, np.ndarray):
        return enhancer(picture)
    if isinstance(picture, Image.Image):
        return _enhance_image(picture, enhancer)
    if isinstance(picture, bytes | bytearray | memoryview):
        return _encoded(decode(bytes(picture), limits=limits), enhancer)
    if isinstance(picture, _PATHS):
        return _encoded(read(picture, limits=limits), enhancer)
    raise ArrayError(f"expected an array, a PIL image, bytes or a path, got {type(picture).__name__}")


def _encoded(picture: Picture, enhancer: Enhancer) -> bytes:
    return encode(picture.with_pixels(enhancer(picture.pixels)))


def _file_to_file(source: Path, output: Path, enhancer: Enhancer, *, limits: Limits, overwrite: bool) -> Path:
    if output.exists() and source.exists() and output.samefile(source):
        raise OutputError(f"{output}: an input is never overwritten; choose another output")
    picture = read(source, limits=limits)
    write(picture.with_pixels(enhancer(picture.pixels)), output, overwrite=overwrite)
    return output


def _enhance_image(image: Image.Image, enhancer: Enhancer) -> Image.Image:
    """Enhance a PIL image; palettes and other colour models become RGB, since no method works on their values."""
    if image.mode in {"F", "I"}:
        raise ArrayError(f"PIL mode {image.mode!r} has no white level; pass a float32 array in [0, 1] or a uint16 one")
    try:
        image.load()
    except OSError as error:
        name = str(getattr(image, "filename", "") or "<PIL image>")
        raise DamagedPictureError(name, f"cannot be decoded ({error}); get an undamaged copy") from error
    if image.mode.startswith("I;16"):
        return _enhance_grey(image, np.asarray(image).astype(np.uint16), enhancer)
    if image.mode in {"1", "L"} and not image.has_transparency_data:
        return _enhance_grey(image, np.asarray(image.convert("L")), enhancer)
    return _enhance_color(image, enhancer)


def _enhance_grey(image: Image.Image, grey: Pixels, enhancer: Enhancer) -> Image.Image:
    bright = enhancer(np.repeat(grey[:, :, None], 3, axis=2))
    mean = np.rint(bright.mean(axis=2)).astype(grey.dtype)
    return _with_info(Image.fromarray(mean), image, colour.fitting(image.info.get("icc_profile"), grey=True))


def _enhance_color(image: Image.Image, enhancer: Enhancer) -> Image.Image:
    icc = image.info.get("icc_profile")
    if image.mode == "CMYK":
        rgb, icc = colour.cmyk_to_rgb(np.asarray(image), icc)
        return _with_info(Image.fromarray(enhancer(rgb)), image, icc)
    plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    result = Image.fromarray(enhancer(np.ascontiguousarray(np.asarray(plain)[..., :3])))
    if plain.mode == "RGBA":
        result.putalpha(plain.getchannel("A"))
    grey = image.mode in {"L", "LA"}
    return _with_info(result.convert("LA") if grey else result, image, colour.fitting(icc, grey=grey))


def _with_info(result: Image.Image, image: Image.Image, icc: bytes | None) -> Image.Image:
    """Carry over what the image says of itself (EXIF, resolution), with a colour profile that fits the result."""
    left = {"transparency", "icc_profile"}
    result.info = {key: value for key, value in image.info.items() if key not in left}
    if icc is not None:
        result.info["icc_profile"] = icc
    return result
