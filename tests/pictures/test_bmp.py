"""BMP of every depth decodes as by another program, and its length is known before."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from highbeam.errors import DamagedPictureError, PictureTooLargeError, UnsupportedPictureError
from highbeam.pictures import decode, encode, inspect
from tests.pictures.makers import a_picture, by_opencv, gradient, image, noise, opencv_reads, same, saved


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_as_pillow_writes_it(mode: str) -> None:
    original = image(gradient(13, 21)).convert(mode)
    picture = decode(saved(original, "BMP", dpi=(100, 50)))
    assert np.array_equal(picture.pixels, np.asarray(original.convert("RGB")))
    assert (picture.grey, picture.alpha) == (mode in ("1", "L"), None)
    assert picture.dpi == pytest.approx((100, 50), abs=0.02)


def test_as_opencv_writes_it() -> None:
    assert np.array_equal(decode(by_opencv(".bmp", gradient(13, 21))).pixels, gradient(13, 21))


def bmp(
    width: int, height: int, depth: int, rows: bytes, *, compression: int = 0, masks: bytes = b"", size: int = 40
) -> bytes:
    header = struct.pack("<IiiHHIIiiII", size, width, height, 1, depth, compression, len(rows), 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows


def test_rows_from_top_to_bottom() -> None:
    pixels = noise(3, 4)
    assert np.array_equal(decode(bmp(4, -3, 24, pixels[..., ::-1].tobytes())).pixels, pixels)
    assert np.array_equal(decode(bmp(4, 3, 24, pixels[::-1, :, ::-1].tobytes())).pixels, pixels)


def test_16_bits_with_masks() -> None:
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    rows = struct.pack("<HH", 0xF800, 0x001F)
    assert decode(bmp(2, 1, 16, rows, compression=3, masks=masks)).pixels.tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_alpha_by_mask_is_kept() -> None:
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(124 - 56)
    pixels = noise(3, 4, 4)
    picture = decode(bmp(4, -3, 32, pixels[..., [2, 1, 0, 3]].tobytes(), compression=3, masks=masks, size=124))
    assert np.array_equal(picture.pixels, pixels[..., :3])
    assert same(picture.alpha, pixels[..., 3])


@pytest.mark.parametrize("grey", [False, True])
def test_alpha_is_written_and_read_the_same_elsewhere(grey: bool) -> None:  # noqa: FBT001
    picture = a_picture(grey=grey, alpha=True, format="bmp", dpi=(300.0, 150.0))
    assert picture.alpha is not None
    data = encode(picture)
    again = decode(data)
    assert np.array_equal(again.pixels, picture.pixels)
    assert same(again.alpha, picture.alpha)
    assert again.dpi == pytest.approx((300, 150), abs=0.02)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.mode == "RGBA"
        assert np.array_equal(np.asarray(opened), np.dstack([picture.pixels, picture.alpha]))
    assert np.array_equal(opencv_reads(data), np.dstack([picture.pixels[..., ::-1], picture.alpha]))
    assert struct.unpack_from("<I", data, 2) == (len(data),)
    assert np.array_equal(decode(encode(again)).pixels, picture.pixels)


def test_the_oldest_header() -> None:
    pixels = noise(2, 4)
    header = struct.pack("<IHHHH", 12, 4, 2, 1, 24)
    data = b"BM" + struct.pack("<IHHI", 50, 0, 0, 26) + header + pixels[::-1, :, ::-1].tobytes()
    assert np.array_equal(decode(data).pixels, pixels)
    assert inspect(data).bits == 8


@pytest.mark.parametrize(
    "data",
    [
        bmp(4, 3, 24, bytes(35)),
        bmp(4, 3, 23, bytes(36)),
        bmp(0, 3, 24, bytes(36)),
        bmp(-4, 3, 24, bytes(36)),
        bmp(4, 0, 24, bytes(36)),
        bmp(4, 3, 24, bytes(36), size=39),
        bmp(4, 3, 24, bytes(36))[:30],
        b"BM",
    ],
)
def test_what_no_bmp_can_be_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedPictureError):
        decode(data)


def test_run_lengths_are_refused() -> None:
    with pytest.raises(UnsupportedPictureError, match="run-length"):
        decode(bmp(4, 3, 8, bytes(36), compression=1))


def test_size_is_known_before_decoding() -> None:
    header = bmp(60000, 60000, 1, b"")
    with pytest.raises((PictureTooLargeError, DamagedPictureError)):
        decode(header)


@pytest.mark.parametrize(("grey", "mode"), [(True, "L"), (False, "RGB")])
def test_what_is_written_reads_the_same_elsewhere(grey: Any, mode: str) -> None:
    picture = a_picture(grey=grey, format="bmp")
    with Image.open(io.BytesIO(encode(picture))) as opened:
        assert opened.mode == mode
        assert np.array_equal(np.asarray(opened.convert("RGB")), picture.pixels)
