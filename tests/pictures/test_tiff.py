"""TIFF of many kinds is read as stored; what is written other programs read; the rest is refused by name."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from highbeam.errors import DamagedPictureError, PictureError, UnsupportedPictureError
from highbeam.pictures import decode, encode, inspect
from tests.pictures.makers import (
    TOLD,
    XMP,
    Array,
    a_picture,
    by_opencv,
    exif,
    gradient,
    image,
    noise,
    opencv_reads,
    same,
    saved,
    srgb,
    tiff,
    tiff_tags,
    told,
)

LZW, DEFLATE, OLD_DEFLATE, PACKBITS = 5, 8, 32946, 32773


def plain(samples: Array, *, order: str = "<", **more: Any) -> bytes:
    stored = samples.astype(f"{order}u{samples.itemsize}").tobytes()
    stored += bytes(len(stored) % 2)
    return tiff(tiff_tags(samples, **more), stored, order=order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_uncompressed(order: str, dtype: Any, channels: int) -> None:
    samples = noise(12, 20, channels, dtype)
    data = plain(samples, order=order)
    picture, header = decode(data), inspect(data)
    assert np.array_equal(picture.pixels, np.broadcast_to(samples, (12, 20, 3)))
    assert picture.pixels.dtype == dtype
    assert (picture.grey, header.grey, header.bits) == (channels == 1, channels == 1, 8 * np.dtype(dtype).itemsize)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compression", [1, LZW, DEFLATE, PACKBITS])
@pytest.mark.parametrize("predictor", [1, 2])
def test_as_libtiff_writes_it(dtype: Any, channels: int, compression: int, predictor: int) -> None:
    samples = gradient(150, 170, channels, dtype)  # several strips
    how = (cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor)
    data = by_opencv(".tif", samples, *how)
    picture = decode(data)
    assert np.array_equal(picture.pixels, np.broadcast_to(samples[..., :3], (150, 170, 3)))
    assert picture.pixels.dtype == dtype
    if channels == 4:
        assert picture.alpha is not None
        assert same(picture.alpha, samples[..., 3])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_as_pillow_writes_it(compression: str, mode: str) -> None:
    original = image(gradient(33, 47, 4)).convert("RGB").convert(mode)
    if mode in ("LA", "RGBA"):
        original.putalpha(image(noise(33, 47, 1)))
    picture = decode(saved(original, "TIFF", compression=compression))
    assert np.array_equal(picture.pixels, np.asarray(original.convert("RGB")))
    assert picture.grey == (mode in ("1", "L", "LA"))
    if mode in ("LA", "RGBA"):
        assert same(picture.alpha, np.asarray(original)[..., -1])
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("width", [1, 8, 13])
def test_few_bits(bits: int, photometric: int, width: int) -> None:
    values = noise(5, width, 1)[..., 0] >> (8 - bits)
    rows = ["".join(f"{value:0{bits}b}" for value in row) for row in values]
    stored = b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8), "big") for row in rows)
    samples = values[..., None]
    data = plain(samples, t258=(3, bits), t262=(3, photometric), t279=(4, len(stored)))
    data = data[:8] + stored.ljust(samples.size + samples.size % 2, b"\0") + data[8 + samples.size + samples.size % 2 :]
    white = 2**bits - 1
    grey = (white - values if photometric == 0 else values) * (255 // white)
    assert np.array_equal(decode(data).pixels[..., 0], grey)


@pytest.mark.parametrize("scale", [1, 256, 257])
def test_palettes_of_8_and_16_bits(scale: int) -> None:
    colours = noise(1, 256, 3)[0]
    colours[0, 0] = 255
    indices = noise(6, 8, 1)
    picture = decode(plain(indices, t262=(3, 3), t320=(3, (colours.T.astype(int) * scale).ravel().tolist())))
    assert np.array_equal(picture.pixels, colours[indices[..., 0]])
    assert not picture.grey


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero(dtype: Any) -> None:
    samples = noise(5, 7, 1, dtype)
    picture = decode(plain(samples, t262=(3, 0)))
    assert np.array_equal(picture.pixels[..., :1], np.iinfo(dtype).max - samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_extra_samples_are(dtype: Any, channels: int) -> None:
    samples = noise(5, 7, channels, dtype)
    for extra in (None, (3, 2)):
        assert same(decode(plain(samples, t338=extra)).alpha, samples[..., -1])
    unspecified = decode(plain(samples, t338=(3, 0)))
    assert unspecified.alpha is None
    assert np.array_equal(unspecified.pixels, np.broadcast_to(samples[..., :-1], (5, 7, 3)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_colours_are_divided(dtype: Any) -> None:
    white = int(np.iinfo(dtype).max)
    straight = gradient(9, 11, 4, dtype)
    straight[0, 0, 3], straight[1, 1, 3] = 0, white
    product = np.round(straight[..., :3].astype(float) * straight[..., 3:] / white).astype(dtype)
    stored = np.concatenate([product, straight[..., 3:]], axis=-1)
    picture = decode(plain(stored, t338=(3, 1)))
    assert same(picture.alpha, straight[..., 3])
    assert np.array_equal(picture.pixels[1, 1], straight[1, 1, :3])
    assert not picture.pixels[0, 0].any()
    strong = straight[..., 3] > white // 4
    difference = np.abs(picture.pixels.astype(float) - straight[..., :3])[strong]
    assert difference.max() <= 2.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("planar", [1, 2])
def test_tiles(dtype: Any, compression: int, planar: int) -> None:
    samples = noise(37, 50, 3, dtype)
    padded = np.pad(samples, ((0, 48 - 37), (0, 64 - 50), (0, 0)), mode="edge")
    planes = [padded[..., c : c + 1] for c in range(3)] if planar == 2 else [padded]
    tiles = []
    for plane in planes:
        for y in range(0, 48, 16):
            for x in range(0, 64, 32):
                tile = plane[y : y + 16, x : x + 32]
                if compression == DEFLATE:
                    tile = np.diff(tile, axis=1, prepend=np.zeros_like(tile[:, :1]))
                tiles.append(tile.tobytes() if compression == 1 else zlib.compress(tile.tobytes()))
    offsets = [8 + sum(map(len, tiles[:index])) for index in range(len(tiles))]
    tags = tiff_tags(samples, t284=(3, planar), t259=(3, compression), t317=(3, 2))
    for tag in (273, 278, 279):
        del tags[tag]
    tags |= {322: (4, 32), 323: (4, 16), 324: (4, offsets), 325: (4, [len(tile) for tile in tiles])}
    body = b"".join(tiles)
    assert np.array_equal(decode(tiff(tags, body + bytes(len(body) % 2))).pixels, samples)


def test_planes_in_strips() -> None:
    samples = noise(10, 7, 3, np.uint16)
    strips = [samples[y : y + 4, :, c].tobytes() for c in range(3) for y in (0, 4, 8)]
    offsets = [8 + sum(map(len, strips[:index])) for index in range(9)]
    tags = tiff_tags(samples, offsets=offsets, sizes=[len(strip) for strip in strips], t284=(3, 2), t278=(4, 4))
    assert np.array_equal(decode(tiff(tags, b"".join(strips))).pixels, samples)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_metadata_of_another_program(orientation: int) -> None:
    block = Image.Exif()
    block.load(exif(orientation))
    block[700] = XMP % orientation
    original = image(gradient(12, 20))
    data = saved(original, "TIFF", exif=block, icc_profile=srgb(), dpi=(300, 150))
    picture = decode(data)
    size = (12, 20) if orientation >= 5 else (20, 12)
    assert told(picture.exif) == TOLD | {"size": size}
    assert (picture.icc, picture.xmp) == (srgb(), XMP % 1)
    assert picture.dpi == pytest.approx((150, 300) if orientation >= 5 else (300, 150))
    carried = Image.Exif()  # the picture, not how it was stored
    carried.load(picture.exif or b"")
    assert not {256, 257, 258, 259, 262, 273, 277, 278, 279, 700, 34675} & set(carried)


def test_previews_and_masks_are_no_pages() -> None:
    samples = gradient()
    body = samples.tobytes()
    first = tiff(tiff_tags(samples), body)
    at = struct.unpack_from("<I", first, 4)[0]
    end = at + 2 + 12 * struct.unpack_from("<H", first, at)[0]
    for kind, expected in ((1, 1), (4, 1), (0, 2)):
        following = tiff({254: (4, kind)})[8:]
        data = first[:end] + struct.pack("<I", len(first)) + first[end + 4 :] + following
        if expected == 1:
            assert np.array_equal(decode(data).pixels, samples)
        else:
            with pytest.raises(UnsupportedPictureError, match="2 pages"):
                decode(data)


def test_several_pages_are_refused() -> None:
    frames = [image(noise(seed=seed)) for seed in range(3)]
    with pytest.raises(UnsupportedPictureError, match="3 pages"):
        decode(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]))


def test_pages_in_a_circle_are_damage() -> None:
    samples = gradient()
    data = bytearray(plain(samples))
    at = struct.unpack_from("<I", data, 4)[0]
    struct.pack_into("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], at)
    with pytest.raises(PictureError):
        decode(bytes(data))


def test_pages_without_end_are_damage() -> None:
    samples, pages = gradient(), b""
    first = plain(samples)
    for index in range(100):
        pages += struct.pack("<HHHIII", 1, 254, 4, 1, 1, len(first) + 18 * (index + 1))
    at = struct.unpack_from("<I", first, 4)[0]
    end = at + 2 + 12 * struct.unpack_from("<H", first, at)[0]
    with pytest.raises(DamagedPictureError, match="on and on"):
        decode(first[:end] + struct.pack("<I", len(first)) + first[end + 4 :] + pages)


REFUSED = [
    (saved(Image.new("F", (8, 8)), "TIFF"), "floating-point"),
    (saved(Image.new("I", (8, 8)), "TIFF"), "floating-point or signed"),
    (plain(noise(dtype=np.uint16), t339=(3, [2, 2, 2])), "signed"),
    (plain(noise(), t258=(3, [32, 32, 32])), "32-bit"),
    (plain(noise(), t258=(3, [8, 8, 16])), "16-bit"),
    (plain(noise(), t262=(3, 6)), "colours of kind 6"),
    (plain(noise(), t262=(3, 8)), "colours of kind 8"),
    (plain(noise(channels=4, dtype=np.uint16), t262=(3, 5)), "16-bit"),
    (plain(noise(channels=1, dtype=np.uint16), t262=(3, 3)), "16-bit"),
    (plain(noise(channels=1), t258=(3, 12)), "12-bit"),
    (plain(noise(), t277=(3, 9)), "9 samples"),
    (plain(noise(channels=2), t262=(3, 2)), "2 samples"),
    (plain(noise(), t259=(3, 7)), "compression 7"),
    (plain(noise(), t259=(3, 4)), "compression 4"),
    (plain(noise(), t317=(3, 3)), "compression"),
    (plain(noise(), t266=(3, 2)), "compression"),
    (plain(noise(), t254=(4, 1)), "camera raw"),
    (plain(noise(), t50706=(4, 1)), "camera raw"),
    (b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + tiff({256: (4, 1)})[8:], "camera raw"),
    (b"II+\0\x08\0\0\0" + bytes(40), "BigTIFF"),
    (b"MM\0+\0\x08\0\0" + bytes(40), "BigTIFF"),
]


@pytest.mark.parametrize(("data", "what"), REFUSED)
def test_other_kinds_are_refused_by_name(data: bytes, what: str) -> None:
    with pytest.raises(UnsupportedPictureError, match=what):
        decode(data)


BROKEN = [
    plain(noise(), sizes=100),
    plain(noise(), offsets=10**6),
    plain(noise(), offsets=[8, 8]),
    plain(noise(), t256=(4, 0)),
    plain(noise(), t278=(4, 0)),
    plain(noise(), t257=(4, 13)),
    plain(noise(), t273=(5, [8, 1])),
    plain(noise(), t278=(4, 1), offsets=[8] * 11, sizes=[60] * 11),
    plain(noise(), t259=(3, DEFLATE)),
    plain(noise(), t259=(3, LZW)),
    plain(noise(channels=1), t262=(3, 3)),
    plain(noise(channels=1), t262=(3, 3), t320=(3, [1, 2, 3])),
    tiff(tiff_tags(noise()) | {322: (4, 2**31), 323: (4, 2**31), 324: (4, 8), 325: (4, 720)}, noise().tobytes()),
    tiff(tiff_tags(noise()) | {322: (4, 0), 323: (4, 16), 324: (4, 8), 325: (4, 720)}, noise().tobytes()),
    tiff(tiff_tags(noise(), t278=(4, 12), t259=(3, DEFLATE)), zlib.compress(noise().tobytes())[:-4].ljust(720, b"\1")),
]


@pytest.mark.parametrize("data", BROKEN)
def test_what_no_tiff_can_be_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedPictureError):
        decode(data)


def test_a_missing_tag_is_named() -> None:
    tags = tiff_tags(noise())
    del tags[256]
    with pytest.raises(DamagedPictureError, match="lacks tag 256"):
        decode(tiff(tags, noise().tobytes()))


@given(draw=st.data())
def test_compressed_data_that_ends_early_is_damage(draw: st.DataObject) -> None:
    samples = noise(40, 50, 3, np.uint16)
    stored = zlib.compress(samples.tobytes())
    length = draw.draw(st.integers(0, len(stored) - 8))
    data = tiff(tiff_tags(samples, t259=(3, DEFLATE), sizes=length), stored + bytes(len(stored) % 2))
    with pytest.raises(DamagedPictureError):
        decode(data)


def test_large_lzw_strips_draw_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
    samples = gradient(100, 120)
    data = by_opencv(".tif", samples, cv2.IMWRITE_TIFF_COMPRESSION, LZW)
    assert np.array_equal(decode(data).pixels, samples)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("big_endian", [False, True])
def test_what_is_written_reads_the_same_elsewhere(dtype: Any, grey: bool, alpha: bool, big_endian: bool) -> None:  # noqa: FBT001
    block = exif(1) if big_endian else tiff({0x010F: (7, b"Maker"), 0x0112: (3, 1)})
    picture = a_picture(
        dtype, grey=grey, alpha=alpha, format="tiff", exif=block, icc=srgb(), xmp=XMP % 1, dpi=(300.0, 72.5)
    )
    data = encode(picture)
    assert data[:2] == (b"MM" if big_endian else b"II")
    if not alpha or (dtype == np.uint16 and not grey):  # elsewise OpenCV multiplies by alpha, or knows no such kind
        stored = opencv_reads(data)
        colours = stored if grey else stored[..., 2::-1]
        assert np.array_equal(np.broadcast_to(colours, picture.pixels.shape), picture.pixels)
    if dtype == np.uint8:
        with Image.open(io.BytesIO(data)) as opened:
            assert np.array_equal(np.asarray(opened.convert("RGB")), picture.pixels)
            assert opened.info["icc_profile"] == srgb()
            assert opened.info["dpi"] == (300, 72.5)
            assert opened.getexif()[700] == XMP % 1
            assert not big_endian or opened.getexif().get_ifd(0x8825)[2] == (48.0, 51.0, 30.5)


def test_long_pictures_are_written_in_several_strips() -> None:
    picture = a_picture(np.uint16, format="tiff").with_pixels(noise(dtype=np.uint16))
    tall = picture.__class__(noise(700, 300, 3, np.uint16), format="tiff")
    data = encode(tall)
    assert np.array_equal(decode(data).pixels, tall.pixels)
    with Image.open(io.BytesIO(data)) as opened:
        assert len(opened.getexif()[273]) > 3
