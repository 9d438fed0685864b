"""Inks become RGB by their profile where there is one, and profiles go only where they fit."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from highbeam.pictures import colour, decode
from tests.pictures.makers import gradient, image, noise, profile_for, saved, srgb, tiff, tiff_tags

CURVE = b"curv" + bytes(8)


def cmyk_profile() -> bytes:
    """A small printing profile: a table from four inks to Lab with two points a side, by hand (ICC.1 mft1)."""

    def lab(c: int, m: int, y: int, k: int) -> list[int]:
        light = 255 * (1 - k) * (3 - c - m - y) // 3
        return [light, 128 + 60 * (m - c) * (1 - k), 128 + 60 * (y - (c + m) // 2) * (1 - k)]

    table = bytes(value for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1) for value in lab(c, m, y, k))
    identity = b"".join(value.to_bytes(4, "big") for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 65536))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table + ramp * 3
    white = b"XYZ " + bytes(4) + b"".join(value.to_bytes(4, "big") for value in (63190, 65536, 54061))
    text = b"text" + bytes(4) + b"made by hand\0\0\0\0"
    tags, body, at = [(b"A2B0", lut), (b"wtpt", white), (b"desc", text), (b"cprt", text)], b"", 128 + 4 + 12 * 4
    entries = b""
    for name, data in tags:
        entries += name + (at + len(body)).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        body += data + bytes(-len(data) % 4)
    head = bytearray(128)
    head[:4] = (at + len(body)).to_bytes(4, "big")
    head[8:24] = b"\x02\x40\0\0prtrCMYKLab "
    head[36:40] = b"acsp"
    head[68:80] = b"".join(value.to_bytes(4, "big") for value in (63190, 65536, 54061))
    return bytes(head) + len(tags).to_bytes(4, "big") + entries + body


def inks() -> Image.Image:
    return Image.frombytes("CMYK", (20, 12), gradient(12, 20, 4).tobytes())


def expected_by_profile() -> np.ndarray:
    profile = io.BytesIO(cmyk_profile())
    converted = ImageCms.profileToProfile(inks(), profile, io.BytesIO(srgb()), outputMode="RGB")
    assert converted is not None
    return np.asarray(converted)


def test_inks_with_a_profile_become_srgb_by_it() -> None:
    samples = np.asarray(inks())
    rgb, icc = colour.cmyk_to_rgb(samples, cmyk_profile())
    assert np.array_equal(rgb, expected_by_profile())
    assert not np.array_equal(rgb, np.asarray(inks().convert("RGB")))
    assert icc == colour.srgb_profile()


@pytest.mark.parametrize("icc", [None, b"", b"nonsense", srgb(), profile_for(b"CMYK"), cmyk_profile()[:200]])
def test_inks_without_a_usable_profile_become_the_light_they_leave(icc: bytes | None) -> None:
    samples = np.asarray(inks())
    rgb, kept = colour.cmyk_to_rgb(samples, icc)
    light = 255.0 - samples.astype(float)
    assert np.abs(rgb - light[..., :3] * light[..., 3:] / 255).max() <= 1
    assert kept is None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_files_of_inks(kind: str) -> None:
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"compression": "tiff_lzw"}
    naive = decode(saved(inks(), kind, **options))
    assert np.abs(naive.pixels.astype(int) - np.asarray(inks().convert("RGB"))).max() <= 4
    assert (naive.icc, naive.alpha, naive.grey) == (None, None, False)
    managed = decode(saved(inks(), kind, icc_profile=cmyk_profile(), **options))
    assert np.abs(managed.pixels.astype(int) - expected_by_profile()).max() <= 12
    assert managed.icc == colour.srgb_profile()


def test_ycck_is_taken_like_cmyk() -> None:
    """The Adobe segment says how inks are coded; 2 is YCCK, as most programs write it."""
    data = saved(inks(), "JPEG", quality=100, subsampling=0)
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    as_ycck = data[: at + 11] + b"\2" + data[at + 12 :]
    with Image.open(io.BytesIO(as_ycck)) as opened:
        assert np.array_equal(decode(as_ycck).pixels, np.asarray(opened.convert("RGB")))


def test_the_srgb_profile_has_no_clock_in_it() -> None:
    first = colour.srgb_profile()
    time.sleep(1.1)
    assert colour.srgb_profile() == first
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(first))).startswith("sRGB")


def test_profiles_stay_only_where_they_fit() -> None:
    assert colour.fitting(srgb(), grey=False) == srgb()
    assert colour.fitting(srgb(), grey=True) == srgb()
    grey = profile_for(b"GRAY")
    assert colour.fitting(grey, grey=True) == grey
    for icc in (grey, profile_for(b"CMYK"), b"short", bytes(200), None):
        assert colour.fitting(icc, grey=False) is None
    assert colour.space_of(b"") is None


def test_files_with_a_profile_for_other_colours_lose_it() -> None:
    assert decode(saved(image(noise()), "JPEG", icc_profile=profile_for(b"GRAY"))).icc is None
    assert decode(saved(image(noise(channels=1)), "JPEG", icc_profile=profile_for(b"GRAY"))).icc is not None
    ink_profile_on_rgb = tiff(tiff_tags(noise(), t34675=(7, cmyk_profile())), noise().tobytes())
    assert decode(ink_profile_on_rgb).icc is None
