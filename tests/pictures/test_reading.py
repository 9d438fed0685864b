"""Files become pictures, upright and whole, or one error that names them and says what to do."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from highbeam.errors import DamagedPictureError, PictureError, PictureTooLargeError, UnsupportedPictureError
from highbeam.pictures import FORMATS, Limits, Picture, decode, encode, inspect, read, read_stream
from tests.pictures.makers import XMP, a_picture, chunk, exif, gradient, image, noise, png, saved, tiff, tiff_tags

KINDS = {"jpeg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WEBP", "avif": "AVIF"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", KINDS)
def test_orientation_is_applied_and_reset(kind: str, orientation: int) -> None:
    original = image(gradient(24, 40))
    fine: dict[str, Any] = {"quality": 97, "subsampling": "4:4:4"}
    lossless = {"png": {}, "tiff": {}, "webp": {"lossless": True}, "avif": fine, "jpeg": fine}[kind]
    data = saved(original, KINDS[kind], exif=b"Exif\0\0" + exif(orientation), **lossless)
    picture = decode(data)
    original.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(original))
    assert picture.pixels.shape == expected.shape
    assert np.abs(picture.pixels.astype(int) - expected).max() <= (0 if kind in ("png", "tiff", "webp") else 6)
    again = decode(encode(picture))
    assert again.pixels.shape == expected.shape
    assert inspect(data).orientation == orientation
    assert inspect(encode(picture)).orientation == 1
    assert (inspect(data).width, inspect(data).height) == (40, 24)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_alpha_and_resolution_turn_along(orientation: int) -> None:
    samples = noise(4, 6, 4, np.uint16)
    before = chunk(b"eXIf", exif(orientation)) + chunk(b"pHYs", struct.pack(">IIB", 1000, 2000, 1))
    picture = decode(png(samples, 16, 6, before=before))
    assert picture.alpha is not None
    assert picture.dpi is not None
    assert (picture.dpi[0] > picture.dpi[1]) == (orientation >= 5)
    whole = np.dstack([picture.pixels, picture.alpha])
    wanted = {
        1: samples,
        2: np.fliplr(samples),
        3: np.rot90(samples, 2),
        4: np.flipud(samples),
        5: np.transpose(samples, (1, 0, 2)),
        6: np.rot90(samples, -1),
        7: np.transpose(np.rot90(samples, 2), (1, 0, 2)),
        8: np.rot90(samples, 1),
    }[orientation]
    assert np.array_equal(whole, wanted)


def test_orientation_in_xmp_alone_is_applied_once() -> None:
    data = saved(image(gradient(12, 20)), "WEBP", xmp=XMP % 6)
    picture = decode(data)
    assert picture.pixels.shape == (20, 12, 3)
    assert picture.xmp == XMP % 1


def test_pixels_belong_to_the_picture_alone() -> None:
    for name in FORMATS:
        for picture in (decode(encode(a_picture(), format=name)), decode(encode(a_picture(grey=True), format=name))):
            assert picture.pixels.flags.c_contiguous
            assert picture.pixels.flags.writeable
    assert decode(encode(a_picture(alpha=True))).alpha is not None


@pytest.mark.parametrize("name", FORMATS)
def test_limits_are_checked_from_the_header(name: str) -> None:
    data = encode(a_picture(), format=name)
    assert decode(data, limits=Limits(max_pixels=240, max_side=20)).pixels.shape == (12, 20, 3)
    for limits in (Limits(max_pixels=239), Limits(max_side=19)):
        for function in (decode, inspect):
            with pytest.raises(PictureTooLargeError, match="20x12") as caught:
                function(data, name="some/file", limits=limits)
            assert caught.value.name == "some/file"


@pytest.mark.parametrize("content", FORMATS)
@pytest.mark.parametrize("named", FORMATS)
def test_a_name_that_lies_is_an_error_that_says_what_to_do(content: str, named: str) -> None:
    data = encode(a_picture(), format=content)
    name = "folder/x" + FORMATS[named].suffixes[-1].upper()
    if content == named:
        assert decode(data, name=name).name == name
        return
    with pytest.raises(DamagedPictureError) as caught:
        decode(data, name=name)
    message = str(caught.value)
    assert message.startswith(name + ": ")
    assert FORMATS[content].title in message
    assert f"rename it to end in {FORMATS[content].suffixes[0]}" in message


def test_names_without_a_known_suffix_let_the_content_decide() -> None:
    data = encode(a_picture())
    for name in ("photo", "photo.dat", "<bytes>", "-"):
        assert decode(data, name=name).format == "png"


@pytest.mark.parametrize(
    "data",
    [
        saved(Image.new("P", (4, 4)), "GIF"),
        b"%PDF-1.4",
        b"plain text",
        b"\0" * 100,
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ],
)
def test_other_files_are_refused_with_what_is_accepted(data: bytes) -> None:
    with pytest.raises(UnsupportedPictureError, match="JPEG, PNG, TIFF, WebP, AVIF, BMP"):
        decode(data)


@pytest.mark.parametrize("name", FORMATS)
def test_empty_and_foreign_files_under_a_known_name(name: str, tmp_path: Path) -> None:
    suffix = FORMATS[name].suffixes[0]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"")
    with pytest.raises(DamagedPictureError, match="is empty"):
        read(path)
    path.write_bytes(b"hello, world")
    with pytest.raises(DamagedPictureError, match="does not begin like"):
        read(path)
    path.write_bytes(b"GIF89a" + bytes(50))
    with pytest.raises(UnsupportedPictureError, match="of kind GIF"):
        read(path)


def test_names_of_any_letters(tmp_path: Path) -> None:
    for name in ("夜の道.png", "ночь дорога.png", "naïve — ünïcode.png", "a'b\"c;$(x).png", " .png"):
        path = tmp_path / name
        path.write_bytes(encode(a_picture()))
        picture = read(path)
        assert (picture.name, picture.pixels.shape) == (str(path), (12, 20, 3))
        assert read(str(path)).name == str(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="no such file"):
        read(tmp_path / "missing.png")
    with pytest.raises(PictureError, match="is a directory"):
        read(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(PictureError, match="cannot be read"):
        read(tmp_path / "file" / "x.png")
    with pytest.raises(PictureError, match="cannot be read"):
        read("nul\0byte.png")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(PictureError, match="not an ordinary file"):
        read(tmp_path / "pipe.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encode(a_picture()))
    path.chmod(0)
    with pytest.raises(PictureError, match=r"x\.png: cannot be read"):
        read(path)


def test_a_file_far_too_long_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(encode(a_picture()))
    os.truncate(path, 2**36)  # a hole takes no room
    with pytest.raises(PictureTooLargeError, match="68719476736 bytes"):
        read(path)


@pytest.mark.parametrize("size", [40, 511, 512, 513, 3 << 20])
def test_streams_are_read_to_their_end(size: int) -> None:
    data = encode(a_picture())[:size].ljust(size, b"\0")
    assert read_stream(io.BytesIO(data)) == data


def test_streams_are_read_only_as_far_as_a_picture_can_go() -> None:
    limits = Limits(max_pixels=1000)
    most = 1000 * 8 + (1 << 26)
    data = encode(a_picture()).ljust(most, b"\0")
    assert len(read_stream(io.BytesIO(data), limits=limits)) == most
    endless = io.BytesIO(data * 2)
    with pytest.raises(PictureTooLargeError, match=f"<stdin>: has more than {most} bytes"):
        read_stream(endless, name="<stdin>", limits=limits)
    assert endless.tell() <= most + (1 << 20)


def test_streams_of_other_kinds_are_refused_by_their_first_bytes() -> None:
    for data, kind in ((b"", DamagedPictureError), (bytes(1 << 20), UnsupportedPictureError)):
        stream = io.BytesIO(data)
        with pytest.raises(kind):
            read_stream(stream)
        assert stream.tell() <= 512


def test_pipes_are_read(tmp_path: Path) -> None:
    data = encode(Picture(noise(300, 400)))
    code = "import sys; from highbeam.pictures import read_stream; print(len(read_stream(sys.stdin.buffer)))"
    result = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True, cwd=tmp_path)
    assert int(result.stdout) == len(data)


def test_errors_survive_pickling() -> None:
    with pytest.raises(PictureError) as caught:
        decode(b"", name="x.png")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (type(again), again.name, again.reason) == (DamagedPictureError, "x.png", caught.value.reason)


def test_threads_do_not_disturb_each_other() -> None:
    kinds = [("png", np.uint8), ("png", np.uint16), ("tiff", np.uint8), ("tiff", np.uint16), ("bmp", np.uint8)]
    pictures = [Picture(noise(40, 50, 3, dtype, seed), format=name) for name, dtype in kinds for seed in range(4)]

    def round_trip(picture: Picture) -> bool:
        return all(np.array_equal(decode(encode(picture)).pixels, picture.pixels) for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, pictures * 2))
    mixed = [encode(a_picture(), format=name) for name in FORMATS]
    alone = [decode(data).pixels for data in mixed]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data).pixels, mixed * 10))
    assert all(np.array_equal(got, alone[index % len(alone)]) for index, got in enumerate(together))


def test_inspect_says_what_is_there_without_decoding() -> None:
    data = tiff(tiff_tags(noise(5, 7, 4, np.uint16)))  # the pixels are not there at all
    header = inspect(data)
    assert (header.format, header.width, header.height, header.bits) == ("tiff", 7, 5, 16)
    assert (header.grey, header.alpha, header.orientation) == (False, True, 1)
    with pytest.raises(DamagedPictureError):
        decode(data)


def test_real_pictures_are_read(real_nights: list[Path]) -> None:
    for path in real_nights[::12]:
        with Image.open(path) as opened:
            assert np.array_equal(read(path).pixels, np.asarray(opened.convert("RGB")))
