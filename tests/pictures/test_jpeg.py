"""JPEG decodes as everywhere, and never with a part of it missing."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from highbeam.errors import DamagedPictureError, UnsupportedPictureError
from highbeam.pictures import decode, encode, inspect, read
from tests.pictures.makers import TOLD, XMP, Array, a_picture, exif, gradient, image, noise, saved, srgb, told

KINDS: list[dict[str, Any]] = [
    {},
    {"subsampling": 0},
    {"progressive": True},
    {"optimize": True},
    {"restart_marker_blocks": 2},
    {"restart_marker_rows": 1, "progressive": True},
    {"quality": 10},
]
SAMPLES = {1: noise(40, 56, 1), 3: gradient(40, 56) ^ noise(40, 56) >> 4}


def by_pillow(data: bytes) -> Array:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_those_of_pillow(options: dict[str, Any], channels: int) -> None:
    data = saved(image(SAMPLES[channels]), "JPEG", **options)
    picture = decode(data)
    assert np.array_equal(picture.pixels, by_pillow(data))
    assert (picture.grey, picture.alpha, inspect(data).bits) == (channels == 1, None, 8)


def test_real_night_pictures_are_complete(real_nights: list[Path]) -> None:
    for path in [path for path in real_nights if path.suffix == ".jpg"][::9]:
        assert np.array_equal(read(path).pixels, by_pillow(path.read_bytes()))


def compressed(data: bytes) -> list[tuple[int, int]]:
    """Where the stretches of compressed data lie, found by a walk of its own."""
    found, at = [], 2
    while data[at + 1] != 0xD9:
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] == 0xDA:
            while True:
                start = end
                while not (data[end] == 0xFF and data[end + 1]):
                    end += 1
                found.append((start, end))
                if not 0xD0 <= data[end + 1] <= 0xD7:
                    break
                end += 2
        at = end
    return found


@pytest.mark.parametrize("options", KINDS)
@given(draw=st.data())
def test_missing_data_in_the_middle_is_found(options: dict[str, Any], draw: st.DataObject) -> None:
    whole = saved(image(SAMPLES[3]), "JPEG", **options)
    start, end = draw.draw(st.sampled_from([(start, end) for start, end in compressed(whole) if end - start > 8]))
    cut = draw.draw(st.integers(start, end - 8))
    while whole[cut - 1] == 0xFF:
        cut -= 1
    with pytest.raises(DamagedPictureError, match="missing"):
        decode(whole[:cut] + whole[end:])


def test_a_picture_said_to_be_taller_than_its_data_is_found() -> None:
    whole = bytearray(saved(image(SAMPLES[3]), "JPEG"))
    at = whole.index(b"\xff\xc0")
    whole[at + 5 : at + 7] = struct.pack(">H", 80)
    with pytest.raises(DamagedPictureError, match="missing"):
        decode(bytes(whole))


def test_missing_scans_are_found() -> None:
    whole = saved(image(SAMPLES[3]), "JPEG", progressive=True)
    scans = [match.start() for match in re.finditer(rb"\xff\xda", whole)]
    assert len(scans) > 5
    for last in scans[1:]:
        with pytest.raises(DamagedPictureError, match="lacks some of its scans"):
            decode(whole[:last] + b"\xff\xd9")


def test_scans_without_number_are_refused() -> None:
    whole = saved(image(SAMPLES[1]), "JPEG", progressive=True)
    first, second = [match.start() for match in re.finditer(rb"\xff\xda", whole)][:2]
    with pytest.raises(DamagedPictureError, match="scans, which no encoder writes"):
        decode(whole[:first] + whole[first:second] * 101 + whole[second:])
    assert decode(whole[:first] + whole[first:second] * 50 + whole[second:]).grey


def test_stray_bytes_and_trailers_do_no_harm() -> None:
    whole = saved(image(SAMPLES[3]), "JPEG")
    at = whole.index(b"\xff\xdb")
    odd = whole[:at] + b"\0\0\0" + b"\xff\xff" + whole[at:] + b"PK\3\4 and so on" + whole
    assert np.array_equal(decode(odd).pixels, decode(whole).pixels)


def test_of_a_phone_s_several_pictures_the_first_is_taken() -> None:
    first, second = image(SAMPLES[3]), image(noise(20, 30))
    data = saved(first, "MPO", save_all=True, append_images=[second])
    assert b"MPF\0" in data
    assert np.array_equal(decode(data).pixels, by_pillow(saved(first, "JPEG")))


@pytest.mark.parametrize(("marker", "what"), [(0xC3, "lossless"), (0xC9, "arithmetic"), (0xC5, "hierarchical")])
def test_rare_kinds_are_refused(marker: int, what: str) -> None:
    whole = saved(image(SAMPLES[3]), "JPEG").replace(b"\xff\xc0", bytes([0xFF, marker]))
    with pytest.raises(UnsupportedPictureError, match=what):
        decode(whole)


def test_12_bits_are_refused() -> None:
    whole = saved(image(SAMPLES[3]), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc1\0\x11\x0c")
    with pytest.raises(UnsupportedPictureError, match="12 bits"):
        decode(whole)


def test_frames_must_be_one() -> None:
    whole = saved(image(SAMPLES[3]), "JPEG")
    at = whole.index(b"\xff\xc0")
    frame = whole[at : at + 19]
    with pytest.raises(DamagedPictureError, match="two frames"):
        decode(whole[:at] + frame + whole[at:])
    with pytest.raises(DamagedPictureError, match="without a frame"):
        decode(whole[:at] + whole[at + 19 :])


def test_metadata_of_another_program() -> None:
    icc = srgb() + bytes(150_000)  # three segments
    data = saved(
        image(SAMPLES[3]),
        "JPEG",
        exif=b"Exif\0\0" + exif(6),
        icc_profile=icc,
        xmp=XMP % 6,
        dpi=(300, 200),
        comment="hello",
    )
    picture = decode(data)
    assert told(picture.exif) == TOLD | {"size": (12, 20)}
    assert (picture.icc, picture.xmp, picture.dpi) == (icc, XMP % 1, (200.0, 300.0))


def test_a_profile_with_a_part_missing_is_left_out() -> None:
    data = saved(image(SAMPLES[3]), "JPEG", icc_profile=srgb() + bytes(100_000))
    at = data.index(b"ICC_PROFILE\0\2")
    assert decode(data[:at] + b"X" + data[at + 1 :]).icc is None


@pytest.mark.parametrize(("unit", "dpi"), [(0, None), (1, (100.0, 50.0)), (2, (254.0, 127.0)), (9, None)])
def test_resolution_by_jfif(unit: int, dpi: tuple[float, float] | None) -> None:
    whole = bytearray(saved(image(SAMPLES[3]), "JPEG"))
    at = whole.index(b"JFIF\0")
    whole[at + 7 : at + 12] = struct.pack(">BHH", unit, 100, 50)
    assert decode(bytes(whole)).dpi == dpi


def test_truncation_is_an_error_even_where_pillow_was_told_to_bear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    whole = saved(image(SAMPLES[3]), "JPEG")
    for data in (whole[:-2], whole[: len(whole) // 2], whole[: len(whole) // 2] + b"\xff\xd9"):
        with pytest.raises(DamagedPictureError):
            decode(data)


def test_colour_is_written_at_full_resolution() -> None:
    with Image.open(io.BytesIO(encode(a_picture(format="jpeg")))) as opened:
        assert [layer[1:3] for layer in getattr(opened, "layer", [])] == [(1, 1)] * 3


def test_quality_is_obeyed() -> None:
    picture = a_picture(format="jpeg").with_pixels(noise())
    sizes = [len(encode(picture, quality=quality)) for quality in (5, 50, 95, 100)]
    assert sizes == sorted(sizes)
    assert len(encode(picture)) == sizes[2]
