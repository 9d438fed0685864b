"""WebP decodes as everywhere, and nothing is allocated for a canvas that is too large."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from highbeam.errors import DamagedPictureError, PictureTooLargeError, UnsupportedPictureError
from highbeam.pictures import Limits, decode, encode, inspect
from tests.pictures.makers import TOLD, XMP, a_picture, exif, gradient, image, noise, same, saved, srgb, told

RGBA = np.concatenate([gradient(30, 44), noise(30, 44, 1)], axis=-1)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_are_those_of_pillow(lossless: bool, channels: int) -> None:  # noqa: FBT001
    data = saved(image(RGBA[..., :channels]), "WEBP", lossless=lossless, exact=True)
    picture, header = decode(data), inspect(data)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened)
    assert np.array_equal(picture.pixels, expected[..., :3])
    assert (header.width, header.height, header.bits, header.alpha) == (44, 30, 8, channels == 4)
    if channels == 4:
        assert same(picture.alpha, RGBA[..., 3])
    if lossless:
        assert np.array_equal(picture.pixels, RGBA[..., :3])


@pytest.mark.parametrize("orientation", [1, 6])
def test_metadata_of_another_program(orientation: int) -> None:
    data = saved(image(RGBA), "WEBP", exif=b"Exif\0\0" + exif(orientation), icc_profile=srgb(), xmp=XMP % orientation)
    picture = decode(data)
    assert told(picture.exif) == TOLD | {"size": (12, 20) if orientation == 6 else (20, 12)}
    assert (picture.icc, picture.xmp) == (srgb(), XMP % 1)
    assert picture.pixels.shape[:2] == ((44, 30) if orientation == 6 else (30, 44))


def test_animations_are_refused() -> None:
    frames = [image(noise(seed=seed)) for seed in range(3)]
    with pytest.raises(UnsupportedPictureError, match="animated WebP"):
        decode(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", bytes([flags, 0, 0, 0]) + sides


def frame_of(data: bytes) -> tuple[bytes, bytes]:
    at = max(data.find(b"VP8 "), data.find(b"VP8L"))
    length = struct.unpack_from("<I", data, at + 4)[0]
    return data[at : at + 4], data[at + 8 : at + 8 + length]


def test_a_canvas_unlike_its_picture_is_damage() -> None:
    frame = frame_of(saved(image(gradient(30, 44)), "WEBP"))
    assert decode(riff(canvas(44, 30), frame)).pixels.shape == (30, 44, 3)
    for size in ((16384 * 64, 16384 * 64), (45, 30), (1, 1)):
        with pytest.raises(DamagedPictureError, match="canvas"):
            decode(riff(canvas(*size), frame))


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [canvas(44, 30)],
        [(b"VP8 ", b"\0\0\0\x9d\x01\x2b" + bytes(20))],
        [(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 44, 30))],
        [(b"VP8 ", b"\0\0\0")],
        [(b"VP8L", b"\x30" + bytes(20))],
        [(b"VP8L", b"\x2f" + bytes(20))],
        [(b"VP8X", b"")],
    ],
)
def test_what_no_webp_can_be_is_damage(chunks: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(DamagedPictureError):
        decode(riff(*chunks))


def test_two_pictures_of_different_sizes_are_damage() -> None:
    lossy, lossless = saved(image(gradient(30, 44)), "WEBP"), saved(image(gradient(20, 24)), "WEBP", lossless=True)
    with pytest.raises(DamagedPictureError, match="another size"):
        decode(riff(frame_of(lossy), frame_of(lossless)))


def test_lengths_beyond_the_end_are_damage() -> None:
    data = saved(image(gradient()), "WEBP")
    with pytest.raises(DamagedPictureError, match="cut short"):
        decode(data[:-2])
    with pytest.raises(DamagedPictureError, match="cut short"):
        decode(data[:4] + struct.pack("<I", 20) + data[8:])
    assert np.array_equal(decode(data + b"trailer").pixels, decode(data).pixels)


def test_limits_hold_before_anything_is_made_room_for() -> None:
    huge = (b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383))
    with pytest.raises(PictureTooLargeError, match="16383x16383"):
        decode(riff(canvas(16383, 16383), huge))
    lossless = (b"VP8L", b"\x2f" + struct.pack("<I", 16382 | 16382 << 14))
    with pytest.raises(PictureTooLargeError, match="longest side"):
        inspect(riff(lossless), limits=Limits(max_side=1000))


def test_quality_100_is_lossless_colours_under_full_transparency_included() -> None:
    picture = a_picture(alpha=True, format="webp").with_pixels(noise())
    assert picture.alpha is not None
    picture.alpha[:] = 0
    again = decode(encode(picture, quality=100))
    assert np.array_equal(again.pixels, picture.pixels)
    assert same(again.alpha, picture.alpha)
    assert not np.array_equal(decode(encode(picture)).pixels, picture.pixels)
