"""AVIF of 8, 10 and 12 bits keeps its depth, and no frame is larger than the limits, whatever the boxes say."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import AvifImagePlugin, Image

from highbeam.errors import DamagedPictureError, PictureError, PictureTooLargeError, UnsupportedPictureError
from highbeam.pictures import Limits, Picture, avif, decode, encode, inspect
from highbeam.pictures.source import DamageError, Metadata, RefusalError
from tests.pictures.makers import TOLD, XMP, a_picture, by_opencv, exif, gradient, image, noise, same, saved, srgb, told

FAST = {"speed": 10}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_8_bits_are_those_of_pillow(channels: int) -> None:
    data = saved(image(gradient(30, 44, channels)), "AVIF", quality=80, **FAST)
    picture, header = decode(data), inspect(data)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened).reshape(30, 44, -1)
    assert np.array_equal(picture.pixels, np.broadcast_to(expected[..., :3], (30, 44, 3)))
    assert (picture.alpha is not None, picture.grey, header.bits) == (channels == 4, channels == 1, 8)
    assert (header.width, header.height, header.alpha) == (44, 30, channels == 4)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_deeper_pictures_keep_every_bit(bits: int, channels: int) -> None:
    samples = gradient(30, 44, channels, np.uint16) >> (16 - bits)
    options = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_SPEED, 10)
    data = by_opencv(".avif", samples, *options)
    picture = decode(data)
    assert picture.pixels.dtype == np.uint16
    assert inspect(data).bits == bits
    assert np.array_equal(picture.pixels >> (16 - bits), np.broadcast_to(samples[..., :3], (30, 44, 3)))
    if channels == 4:
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha >> (16 - bits), samples[..., 3])


def test_white_is_white_at_every_depth() -> None:
    for bits in (10, 12):
        white = np.full((8, 8, 3), 2**bits - 1, np.uint16)
        data = by_opencv(".avif", white, cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100)
        assert (decode(data).pixels == 65535).all()


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bits_are_written_as_12(grey: bool, alpha: bool) -> None:  # noqa: FBT001
    picture = a_picture(np.uint16, grey=grey, alpha=alpha, format="avif")
    again = decode(encode(picture, quality=100))
    for got, given_ in ((again.pixels, picture.pixels), (again.alpha, picture.alpha)):
        if given_ is not None:
            assert got is not None
            assert np.abs(got.astype(int) - given_).max() <= 8  # half a step of 12 bits
    twice = decode(encode(again, quality=100))
    assert np.array_equal(twice.pixels, again.pixels)
    assert again.grey == (grey and not alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_default_quality_is_high(dtype: Any) -> None:
    picture = Picture(gradient(64, 96, 3, dtype), format="avif")
    difference = decode(encode(picture)).pixels.astype(float) - picture.pixels
    assert np.sqrt(np.mean(difference**2)) < 0.01 * np.iinfo(dtype).max


def test_alpha_of_8_bits_is_untouched() -> None:
    samples = noise(30, 44, 4)
    picture = Picture(samples[..., :3].copy(), alpha=samples[..., 3].copy(), format="avif")
    assert same(decode(encode(picture, quality=30)).alpha, samples[..., 3])


@pytest.mark.parametrize("quality", [None, 1, 60, 100])
def test_alpha_of_16_bits_keeps_the_12_that_there_are_at_every_quality(quality: int | None) -> None:
    samples = noise(30, 44, 4, np.uint16)
    picture = Picture(samples[..., :3].copy(), alpha=samples[..., 3].copy(), format="avif")
    again = decode(encode(picture, quality=quality)).alpha
    assert again is not None
    assert np.abs(again.astype(int) - samples[..., 3]).max() <= 8  # half a step of 12 bits


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_that_is_opaque_does_not_cost_the_quality(dtype: Any) -> None:
    samples = noise(30, 44, 3, dtype)
    opaque = Picture(samples, alpha=np.full((30, 44), np.iinfo(dtype).max, dtype), format="avif")
    assert len(encode(opaque, quality=30)) < len(encode(opaque, quality=100)) / 2
    assert decode(encode(opaque, quality=30)).alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_the_container_s_rotation_is_applied(orientation: int, deep: bool) -> None:  # noqa: FBT001
    samples = gradient(12, 20)
    if deep:
        data = cv2.imencodeWithMetadata(
            ".avif",
            np.ascontiguousarray(samples[..., ::-1]).astype(np.uint16) * 16,
            [cv2.IMAGE_METADATA_EXIF],
            [np.frombuffer(exif(orientation), np.uint8)],
            [cv2.IMWRITE_AVIF_DEPTH, 12, cv2.IMWRITE_AVIF_QUALITY, 100],
        )[1].tobytes()
    else:
        data = saved(image(samples), "AVIF", exif=exif(orientation), quality=100, subsampling="4:4:4", **FAST)
    picture = decode(data)
    turned = saved(image(samples), "PNG", exif=exif(orientation))
    expected = decode(turned).pixels
    assert picture.pixels.shape == expected.shape
    got = picture.pixels >> 8 if deep else picture.pixels
    assert np.abs(got.astype(int) - expected).max() <= 3
    said = told(picture.exif) | {"orientation": 1}  # Pillow leaves it out where it is 1
    assert said == TOLD | {"size": (12, 20) if orientation >= 5 else (20, 12)}
    assert inspect(data).orientation == orientation


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_metadata_is_kept(dtype: Any) -> None:
    picture = a_picture(dtype, format="avif", exif=exif(1), icc=srgb(), xmp=XMP % 1)
    again = decode(encode(picture))
    assert told(again.exif) | {"orientation": 1} == TOLD
    assert (again.icc, again.xmp) == (srgb(), XMP % 1)


def test_sequences_are_refused() -> None:
    frames = [image(noise(seed=seed)) for seed in range(3)]
    data = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], **FAST)
    with pytest.raises(UnsupportedPictureError, match="sequence"):
        decode(data)


WHOLE = saved(image(gradient(30, 44)), "AVIF", **FAST)
DEEP = by_opencv(".avif", gradient(30, 44, dtype=np.uint16) >> 6, cv2.IMWRITE_AVIF_DEPTH, 10)


def test_high_dynamic_range_is_refused() -> None:
    at = WHOLE.index(b"nclx")
    for transfer in (16, 18):
        with pytest.raises(UnsupportedPictureError, match="high dynamic range"):
            decode(WHOLE[: at + 6] + struct.pack(">H", transfer) + WHOLE[at + 8 :])


def test_a_header_that_hides_a_large_frame_is_found_out() -> None:
    large = saved(Image.new("RGB", (2000, 1500)), "AVIF", **FAST)
    at = large.index(b"ispe") + 8
    hidden = large[:at] + struct.pack(">II", 16, 16) + large[at + 8 :]
    with pytest.raises(PictureTooLargeError, match="2000x1500"):
        decode(hidden, limits=Limits(max_pixels=1_000_000))


def test_a_huge_stated_size_is_too_large() -> None:
    at = WHOLE.index(b"ispe") + 8
    for size in ((30000, 30000), (2**31, 1), (0xFFFFFFFF, 0xFFFFFFFF)):
        with pytest.raises(PictureError):
            decode(WHOLE[:at] + struct.pack(">II", *size) + WHOLE[at + 8 :])


def sequence_header(
    width: int, height: int, *, reduced: bool = True, timing: bool = False, delays: bool = False
) -> bytes:
    bits = "000" + "1" + ("1" + "00000" if reduced else "0")
    if not reduced:
        bits += "1" if timing else "0"
        bits += "1" if delays else "0"
        bits += "00001"  # two operating points
        for level, tier in ((4, ""), (9, "1")):
            bits += "0" * 12 + f"{level:05b}" + tier + ("1" + "0101" if delays else "")
    bits += f"{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def unit(kind: int, body: bytes, *, sized: bool = True, extended: bool = False) -> bytes:
    head = bytes([kind << 3 | sized << 1 | extended << 2]) + b"\0" * extended
    return head + (bytes([len(body)]) if sized else b"") + body


@given(st.integers(1, 65536), st.integers(1, 65536), st.booleans(), st.booleans())
def test_sequence_headers_are_read_in_both_forms(width: int, height: int, reduced: bool, delays: bool) -> None:  # noqa: FBT001
    header = sequence_header(width, height, reduced=reduced, delays=delays)
    small = sequence_header(1, 1)
    payload = unit(2, b"") + unit(1, small) + unit(1, header, extended=True) + unit(6, b"frame", sized=False)
    assert avif._frame(payload) == (width, height)


def test_odd_sequence_headers() -> None:
    with pytest.raises(RefusalError, match="timing"):
        avif._frame(unit(1, sequence_header(9, 9, reduced=False, timing=True)))
    for payload in (unit(1, sequence_header(9, 9)[:3]), unit(1, b"abc")[:-1], b"\x0a\xff\xff"):
        with pytest.raises(DamageError):
            avif._frame(payload)
    assert avif._Fields(b"\xff" * 20).leb128() == 2**56 - 1


def location(version: int, item: int, method: int, extents: list[tuple[int, int]], sizes: int = 0x4400) -> bytes:
    wide = ">I" if version == 2 else ">H"
    body = struct.pack(">IH", version << 24, sizes) + struct.pack(wide, 1) + struct.pack(wide, item)
    body += struct.pack(">H", method) if version else b""
    body += struct.pack(">H", 0) + struct.pack(">H", len(extents))
    return body + b"".join(struct.pack(">II", *extent) for extent in extents)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_item_locations_of_every_version(version: int) -> None:
    located = list(avif._locations(avif._Fields(location(version, 7, 0, [(1, 2), (3, 4)]))))
    assert located == [(7, 0, 1, 2), (7, 0, 3, 4)]


def boxes_around(iloc: bytes, data: bytes) -> tuple[bytes, dict[bytes, list[tuple[int, int]]]]:
    entry = struct.pack(">IHH4s", 2 << 24, 7, 0, b"av01")
    whole = data + entry + iloc
    infe, at = len(data), len(data) + len(entry)
    return whole, {b"infe": [(infe, at)], b"iloc": [(at, len(whole))], b"idat": [(0, 4)]}


def test_items_are_put_together() -> None:
    whole, boxes = boxes_around(location(0, 7, 0, [(0, 2), (4, 3)]), b"abcdefgh")
    assert avif._payloads(whole, boxes) == [b"abefg"]
    whole, boxes = boxes_around(location(1, 7, 1, [(1, 2)]), b"abcdefgh")
    assert avif._payloads(whole, boxes) == [b"bc"]
    whole, boxes = boxes_around(location(0, 8, 0, [(0, 2)]), b"abcdefgh")
    assert avif._payloads(whole, boxes) == []


def test_items_cannot_name_the_same_data_without_end() -> None:
    whole, boxes = boxes_around(location(0, 7, 0, [(0, 0)] * 50), b"abcdefgh" * 100)
    with pytest.raises(DamageError, match="more than its own size"):
        avif._payloads(whole, boxes)


def test_information_entries_of_both_widths() -> None:
    assert avif._coded_item(struct.pack(">IIH4s", 3 << 24, 70000, 0, b"av01")) == 70000
    assert avif._coded_item(struct.pack(">IHH4s", 2 << 24, 7, 0, b"Exif")) is None


def test_boxes_of_64_bits_and_to_the_end() -> None:
    long = struct.pack(">I4sQ", 1, b"free", 20) + b"abcd"
    rest = struct.pack(">I4s", 0, b"mdat") + b"xyz"
    assert list(avif._boxes(long + rest, 0, 31)) == [(b"free", 16, 20), (b"mdat", 28, 31)]
    for broken in (struct.pack(">I4s", 9, b"free"), struct.pack(">I4s", 3, b"free")):
        with pytest.raises(DamageError):
            list(avif._boxes(broken, 0, 8))


def test_brands_decide() -> None:
    assert avif.matches(WHOLE)
    assert avif.matches(struct.pack(">I4s4sI4s", 20, b"ftyp", b"mif1", 0, b"avif"))
    assert not avif.matches(struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1"))
    assert not avif.matches(b"")


@pytest.mark.parametrize("whole", [WHOLE, DEEP])
def test_damaged_data_is_told_without_a_word_on_stderr(whole: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    for cut in range(20, len(whole) - 1, 23):
        with pytest.raises(DamagedPictureError):
            decode(whole[:cut])
    assert capfd.readouterr() == ("", "")


MOTLEY = gradient(40, 56, 4) ^ noise(40, 56, 4) >> 3
KINDS = {
    "grey": saved(image(MOTLEY[..., :1].copy()), "AVIF", subsampling="4:0:0", **FAST),
    "colour": saved(image(MOTLEY[..., :3].copy()), "AVIF", **FAST),
    "colour with alpha": saved(image(MOTLEY), "AVIF", **FAST),
    "grey with alpha": saved(image(MOTLEY).convert("LA"), "AVIF", subsampling="4:0:0", **FAST),
    "deep": by_opencv(".avif", MOTLEY.astype(np.uint16) << 4, cv2.IMWRITE_AVIF_DEPTH, 12),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_tail_of_zeros_is_never_a_picture(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What an interrupted copy leaves in a file whose room was taken beforehand."""
    whole = KINDS[kind]
    decode(whole)
    for cut in [*range(0, len(whole) - 1, 29), len(whole) - 1]:
        with pytest.raises(PictureError):
            decode(whole[:cut] + bytes(len(whole) - cut))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("subsampling", ["4:0:0", "4:2:0", "4:4:4"])
def test_every_kind_of_8_bits_is_as_pillow_reads_it(mode: str, subsampling: str, limited: bool) -> None:  # noqa: FBT001
    span = "limited" if limited else "full"
    data = saved(image(MOTLEY).convert(mode), "AVIF", subsampling=subsampling, range=span, **FAST)
    picture = decode(data)
    with Image.open(io.BytesIO(data)) as opened:
        expected = np.asarray(opened.convert("RGBA"))
    assert np.array_equal(picture.pixels, expected[..., :3])
    assert (picture.grey, picture.alpha is not None) == (subsampling == "4:0:0", mode.endswith("A"))
    assert picture.alpha is None or np.array_equal(picture.alpha, expected[..., 3])


def test_deep_grey_with_transparency_is_refused_and_not_called_damaged() -> None:
    grey = bytearray(KINDS["grey with alpha"])
    for at in range(len(grey)):
        if grey.startswith(b"av1C", at):
            grey[at + 6] |= 0x40
        if grey.startswith(b"pixi", at):
            grey[at + 9] = 10
    with pytest.raises(UnsupportedPictureError, match="OpenCV does not read; save it as 16-bit PNG"):
        decode(bytes(grey))


def test_without_avif_in_opencv_deep_pictures_are_refused_and_not_reduced() -> None:
    with pytest.raises(RefusalError, match="this build of OpenCV"):
        avif._spread(gradient(), 10)
    with pytest.raises(RefusalError, match="this build of OpenCV"):
        avif._spread(None, 12)


def test_metadata_that_did_not_land_is_an_error() -> None:
    assert avif._landed(WHOLE, Metadata()) == WHOLE
    for wanted in (Metadata(icc=srgb()), Metadata(xmp=XMP)):
        with pytest.raises(RefusalError, match="drops"):
            avif._landed(WHOLE, wanted)


def test_pillow_makes_no_room_before_it_decodes() -> None:
    """The size is checked between opening and decoding, so opening must not decode."""
    opened = AvifImagePlugin.AvifImageFile(io.BytesIO(WHOLE))
    assert opened.tile
    assert opened._im is None
