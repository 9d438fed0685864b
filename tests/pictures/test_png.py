"""PNG of every kind is read as another program reads it, and what is written another program reads."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from highbeam.errors import DamagedPictureError, UnsupportedPictureError
from highbeam.pictures import decode, encode, inspect
from tests.pictures.makers import (
    TOLD,
    XMP,
    Array,
    a_picture,
    by_opencv,
    chunk,
    exif,
    gradient,
    image,
    noise,
    opencv_reads,
    png,
    saved,
    srgb,
    told,
)

RGB, GREY, PALETTE, GREY_ALPHA, RGB_ALPHA = 2, 0, 3, 4, 6
COLOURS = chunk(b"PLTE", bytes(range(0, 240, 5)))  # 16 colours
ITXT = b"XML:com.adobe.xmp\0"


def samples_of(data: bytes) -> Array:
    picture = decode(data)
    parts = [picture.pixels[..., :1] if picture.grey else picture.pixels]
    return np.concatenate(parts + ([] if picture.alpha is None else [picture.alpha[..., None]]), axis=-1)


@pytest.mark.parametrize(("channels", "kind"), [(1, GREY), (2, GREY_ALPHA), (3, RGB), (4, RGB_ALPHA)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_channel_and_depth_is_exact(channels: int, kind: int, dtype: Any) -> None:
    samples = noise(7, 9, channels, dtype)
    data = png(samples, 8 * samples.itemsize, kind)
    assert np.array_equal(samples_of(data), samples)
    assert samples_of(data).dtype == dtype
    header = inspect(data)
    assert (header.bits, header.grey, header.alpha) == (8 * samples.itemsize, channels < 3, channels in (2, 4))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_agree_with_opencv_whatever_the_filter(channels: int) -> None:
    samples = gradient(30, 40, channels, np.uint16)
    for level in (0, 1, 9):
        assert np.array_equal(samples_of(by_opencv(".png", samples, cv2.IMWRITE_PNG_COMPRESSION, level)), samples)


def interlaced(samples: Array, kind: int) -> bytes:
    """The seven passes of Adam7, unfiltered."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    stored = samples.astype(">u2") if samples.dtype == np.uint16 else samples
    parts = [stored[y::dy, x::dx] for y, x, dy, dx in passes]
    data = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], 8 * samples.itemsize, kind, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "kind"), [(1, GREY), (2, GREY_ALPHA), (3, RGB), (4, RGB_ALPHA)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (17, 22)])
def test_interlacing(channels: int, kind: int, dtype: Any, size: tuple[int, int]) -> None:
    samples = noise(*size, channels, dtype)
    assert np.array_equal(samples_of(interlaced(samples, kind)), samples)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_grey_bits_fill_the_range(bits: int) -> None:
    samples = noise(5, 11, 1) >> (8 - bits)
    data = png(samples, bits, GREY)
    assert np.array_equal(samples_of(data), samples * (255 // (2**bits - 1)))
    assert (inspect(data).bits, inspect(data).grey) == (bits, True)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_are_expanded(bits: int) -> None:
    indices = noise(5, 11, 1) % min(2**bits, 16)
    colours = np.arange(0, 240, 5, dtype=np.uint8).reshape(16, 3)
    data = png(indices, bits, PALETTE, before=COLOURS)
    assert np.array_equal(samples_of(data), colours[indices[..., 0]])
    assert (inspect(data).bits, inspect(data).alpha) == (8, False)
    data = png(indices, bits, PALETTE, before=COLOURS + chunk(b"tRNS", b"\x00\x80"))
    alpha = np.array([0, 128] + [255] * 14, np.uint8)[indices]
    assert np.array_equal(samples_of(data), np.concatenate([colours[indices[..., 0]], alpha], axis=-1))
    assert inspect(data).alpha


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_one_grey_can_be_transparent(bits: int) -> None:
    samples = noise(6, 8, 1, np.uint16) >> (16 - bits)
    key = int(samples[2, 3, 0])
    read = samples_of(png(samples, bits, GREY, before=chunk(b"tRNS", struct.pack(">H", key))))
    white = 65535 if bits == 16 else 255
    assert np.array_equal(read[..., 1] == 0, samples[..., 0] == key)
    assert set(np.unique(read[..., 1])) <= {0, white}
    assert np.array_equal(read[..., 0], samples[..., 0] * (white // (2**bits - 1)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_colour_can_be_transparent(dtype: Any) -> None:
    samples = noise(6, 8, 3, dtype)
    samples[4] = samples[2, 3]
    key = chunk(b"tRNS", struct.pack(">HHH", *map(int, samples[2, 3])))
    read = samples_of(png(samples, 8 * samples.itemsize, RGB, before=key))
    assert np.array_equal(read[..., :3], samples)
    assert np.array_equal(read[..., 3] == 0, (samples == samples[2, 3]).all(axis=-1))


def test_metadata_is_found_wherever_another_program_put_it() -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", XMP % 1, zip=True)
    data = saved(image(gradient()), "PNG", exif=exif(1), icc_profile=srgb(), dpi=(200, 100), pnginfo=texts)
    picture = decode(data)
    assert (picture.exif, picture.icc, picture.xmp) == (exif(1), srgb(), XMP % 1)
    assert picture.dpi == pytest.approx((200, 100), abs=0.02)


def raw_profile(block: bytes, *, name: str = "exif", length: int | None = None) -> bytes:
    """A profile as ImageMagick writes it into a text."""
    digits = block.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return f"\n{name}\n{len(block) if length is None else length:8}\n{chr(10).join(lines)}\n".encode()


@pytest.mark.parametrize("keyword", [b"Raw profile type exif\0", b"Raw profile type APP1\0"])
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_exif_is_found_in_texts_as_well(keyword: bytes, prefix: bytes) -> None:
    text = raw_profile(prefix + exif(6))
    for body in (
        chunk(b"tEXt", keyword + text),
        chunk(b"zTXt", keyword + b"\0" + zlib.compress(text)),
        chunk(b"iTXt", keyword + b"\0\0en\0key\0" + text),
        chunk(b"iTXt", keyword + b"\1\0\0\0" + zlib.compress(text)),
        chunk(b"tEXt", b"Comment\0none") + chunk(b"eXIf", b"nonsense") + chunk(b"tEXt", keyword + text),
    ):
        data = png(gradient(), 8, RGB, before=body)
        picture = decode(data)
        assert inspect(data).orientation == 6
        assert np.array_equal(picture.pixels, np.rot90(gradient(), -1))
        assert told(picture.exif) == TOLD | {"size": (12, 20)}
    with Image.open(io.BytesIO(png(gradient(), 8, RGB, before=chunk(b"tEXt", keyword + text)))) as opened:
        assert keyword.startswith(b"Raw profile type APP1") or opened.getexif()[0x0112] == 6


def test_the_chunk_for_exif_comes_before_texts() -> None:
    text = chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(exif(6)))
    assert inspect(png(gradient(), 8, RGB, before=text + chunk(b"eXIf", exif(3)))).orientation == 3


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\nexif\n",
        b"\nexif\n      4\nxyz",
        b"\nexif\n      x\n" + exif().hex().encode(),
        b"\nexif\n" + b"9" * 5000 + b"\n" + exif().hex().encode(),
        b"\nexif\n      4\n\xff\xfe",
        raw_profile(exif(), length=len(exif()) + 1),
        raw_profile(exif(), length=-5),
        raw_profile(exif(), length=7),
        raw_profile(b"http://ns.adobe.com/xap/1.0/\0<x/>", name="APP1"),
    ],
)
def test_texts_that_hold_no_exif_are_passed_over(text: bytes) -> None:
    for keyword in (b"Raw profile type exif\0", b"Raw profile type APP1\0"):
        picture = decode(png(gradient(), 8, RGB, before=chunk(b"tEXt", keyword + text)))
        assert picture.exif is None
        assert np.array_equal(picture.pixels, gradient())


def test_a_text_called_like_a_chunk_is_none() -> None:
    for kind in (b"tRNS", b"PLTE", b"IDAT", b"acTL", b"cICP", b"eXIf", b"pHYs"):
        text = chunk(b"tEXt", kind + b"\0" + struct.pack(">HHH", *map(int, gradient()[2, 3])))
        picture = decode(png(gradient(), 8, RGB, before=text))
        assert np.array_equal(picture.pixels, gradient())
        assert (picture.alpha, picture.exif, picture.dpi) == (None, None, None)


def test_metadata_that_cannot_be_unpacked_is_left_out() -> None:
    bomb = zlib.compress(bytes(1 << 27), 9)  # 128 MiB in 130 kB
    broken = [
        chunk(b"iCCP", b"name\0\0" + bomb),
        chunk(b"iCCP", b"name"),
        chunk(b"iCCP", b"name\0\0nonsense"),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(srgb())[:-9]),
        chunk(b"iTXt", ITXT + b"\1\0\0\0" + bomb),
        chunk(b"iTXt", ITXT),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb),
        chunk(b"zTXt", b"Raw profile type exif"),
        chunk(b"tEXt", b""),
        chunk(b"eXIf", b"nonsense"),
        chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0)),
        chunk(b"pHYs", struct.pack(">IIB", 0, 1, 1)),
    ]
    for before in broken:
        picture = decode(png(gradient(), 8, RGB, before=before))
        assert (picture.exif, picture.icc, picture.xmp, picture.dpi) == (None, None, None, None)


def test_only_stills_of_ordinary_range_are_taken() -> None:
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (0, 100, 200)]
    with pytest.raises(UnsupportedPictureError, match="animated PNG"):
        decode(saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    with pytest.raises(UnsupportedPictureError, match="high dynamic range"):
        decode(png(gradient(), 8, RGB, before=chunk(b"cICP", bytes([9, 16, 0, 1]))))
    one_frame = chunk(b"acTL", struct.pack(">II", 1, 0))
    for before in (one_frame, chunk(b"cICP", bytes([1, 13, 0, 1]))):
        assert np.array_equal(decode(png(gradient(), 8, RGB, before=before)).pixels, gradient())


@pytest.mark.parametrize(
    "data",
    [
        png(gradient(), 8, 7),
        png(gradient(), 5, RGB),
        png(gradient(), 8, PALETTE),
        png(gradient(channels=1), 8, GREY, before=COLOURS),
        png(gradient(), 8, RGB, size=(0, 12)),
        png(gradient(), 8, RGB, size=(20, 13)),
        png(gradient(), 8, RGB, short=1),
        png(gradient(dtype=np.uint16), 16, RGB, short=1),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"gAMA", bytes(4)) + png(gradient(), 8, RGB)[8:],
        png(gradient(), 8, RGB)[:-12],
        png(gradient(), 8, RGB) [:40] + b"\1" + png(gradient(), 8, RGB)[41:],
    ],
)  # fmt: skip
def test_what_no_png_can_be_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedPictureError):
        decode(data)


def test_truncation_is_an_error_even_where_pillow_was_told_to_bear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
    for dtype in (np.uint8, np.uint16):
        with pytest.raises(DamagedPictureError):
            decode(png(gradient(dtype=dtype), 8 * np.dtype(dtype).itemsize, RGB, short=9))


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_is_written_reads_the_same_elsewhere(grey: bool, alpha: bool) -> None:  # noqa: FBT001
    picture = a_picture(np.uint8, grey=grey, alpha=alpha, exif=exif(1), icc=None if grey else srgb(), xmp=XMP % 1)
    with Image.open(io.BytesIO(encode(picture))) as read:
        assert read.mode == ("L" if grey else "RGB") + "A" * alpha
        assert np.array_equal(np.asarray(read.convert("RGB")), picture.pixels)
        assert read.getexif()[0x010F] == "Maker"
        assert read.info["xmp"] == XMP % 1
        assert read.info.get("icc_profile") == picture.icc
    deep = a_picture(np.uint16, grey=grey, alpha=alpha)
    stored = opencv_reads(encode(deep))
    assert np.array_equal(stored[..., [2, 1, 0] if stored.shape[2] > 1 else [0, 0, 0]], deep.pixels)
