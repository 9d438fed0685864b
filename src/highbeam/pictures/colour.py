"""From printing inks to RGB, which colour profile fits which pixels, and which range of light is taken.

Source: ICC.1:2022, section 7.2 (profile header); ITU-T H.273, table 3; conversion by LittleCMS through Pillow.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from highbeam.pictures.picture import Samples
from highbeam.pictures.source import RefusalError

__all__ = ["GREY", "RGB", "cmyk_to_rgb", "fitting", "refuse_high_range", "space_of", "srgb_profile"]

GREY, RGB, _CMYK = b"GRAY", b"RGB ", b"CMYK"
_HEADER = 128
_HIGH_RANGE = (16, 18)  # PQ and HLG


def space_of(icc: bytes | None) -> bytes | None:
    """Return the colour space that a profile is for, four letters; None where it is no profile."""
    if icc is None or len(icc) < _HEADER or icc[36:40] != b"acsp":
        return None
    return icc[16:20]


def fitting(icc: bytes | None, *, grey: bool) -> bytes | None:
    """Return the profile where it describes such pixels, else None: viewers ignore one that does not."""
    return icc if space_of(icc) == RGB or (grey and space_of(icc) == GREY) else None


def refuse_high_range(transfer: int) -> None:
    """Check the transfer characteristics of ITU-T H.273 that a file states.

    Raises:
        RefusalError: PQ or HLG.
    """
    if transfer in _HIGH_RANGE:
        raise RefusalError("is of high dynamic range (PQ or HLG), which would be lost; convert it to sRGB first")


def srgb_profile() -> bytes:
    """Return an sRGB profile, always of the same bytes: LittleCMS would put the time into it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes.fromhex("07e8 0001 0001 0000 0000 0000") + profile[36:]


def cmyk_to_rgb(samples: Samples, icc: bytes | None) -> tuple[Samples, bytes | None]:
    """Convert ``(H, W, 4)`` inks (255 full) to ``(H, W, 3)`` RGB, 8 bits.

    Returns:
        sRGB and its profile where the inks' own profile is given and usable; otherwise each colour as the light
        that ink and black leave, and no profile.
    """
    height, width, _ = samples.shape
    image = Image.frombytes("CMYK", (width, height), samples.tobytes())
    if icc is not None and space_of(icc) == _CMYK:
        srgb = srgb_profile()
        try:
            converted = ImageCms.profileToProfile(image, io.BytesIO(icc), io.BytesIO(srgb), outputMode="RGB")
        except ImageCms.PyCMSError:
            converted = None
        if converted is not None:
            return np.asarray(converted), srgb
    return np.asarray(image.convert("RGB")), None
