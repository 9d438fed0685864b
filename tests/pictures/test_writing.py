"""What a format can keep is kept; what it cannot is refused, not lost."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.errors import OptionError, OutputError, PictureError, PictureWriteError
from highbeam.pictures import FORMATS, Limits, Picture, decode, encode, inspect, read, write
from highbeam.pictures.writing import _eight_bits, _mean
from tests.pictures.makers import TOLD, XMP, a_picture, exif, gradient, noise, profile_for, same, srgb, told

EXACT = ("png", "tiff", "bmp")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("grey", "alpha"), list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("profiled", [False, True])
def test_round_trips(name: str, dtype: Any, grey: bool, alpha: bool, profiled: bool) -> None:  # noqa: FBT001
    row = FORMATS[name]
    icc = srgb() if profiled else None
    before = a_picture(
        dtype, grey=grey, alpha=alpha, icc=icc, exif=exif(1), xmp=XMP % 1, dpi=(300.0, 300.0), format=name
    )
    if alpha and not row.keeps_alpha:
        with pytest.raises(
            PictureWriteError, match="transparency, which .* does not keep; choose one of PNG, TIFF, WebP, AVIF"
        ):
            encode(before)
        return
    data = encode(before)
    after = decode(data, name=f"x{row.suffixes[0]}")
    assert after.format == name
    assert after.pixels.dtype == (dtype if row.sixteen_bit else np.uint8)
    assert (after.alpha is not None) == alpha
    channels = (1 if grey else 3) + alpha
    assert after.grey == inspect(data).grey == (grey and channels in row.channels)
    if name in EXACT and after.pixels.dtype == dtype:
        assert np.array_equal(after.pixels, before.pixels)
        assert before.alpha is None or same(after.alpha, before.alpha)
    if row.keeps_metadata:
        assert told(after.exif) | {"orientation": 1} == TOLD
        assert (after.icc, after.xmp) == (icc, XMP % 1)
    if name in ("jpeg", "png", "tiff", "bmp"):
        assert after.dpi == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("name", ["jpeg", "png", "tiff", "webp"])
def test_exif_goes_through_byte_for_byte_where_no_directory_is_rewritten(name: str) -> None:
    after = decode(encode(a_picture(exif=exif(1)), format=name))
    assert name == "tiff" or after.exif == exif(1)
    assert told(after.exif) == TOLD


@pytest.mark.parametrize("name", ["jpeg", "webp", "bmp"])
def test_16_bits_are_rounded_where_there_are_only_8(name: str) -> None:
    deep = Picture(gradient(20, 30, 3, np.uint16))
    shallow = Picture(np.round(deep.pixels / 257).astype(np.uint8))
    assert encode(deep, format=name, quality=100) == encode(shallow, format=name, quality=100)


def test_rounding_is_to_nearest_for_every_value() -> None:
    values = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(_eight_bits(values), np.round(values / 257).astype(np.uint8))


@given(st.lists(st.tuples(*[st.integers(0, 65535)] * 3), min_size=1, max_size=20))
def test_grey_is_the_rounded_mean(values: list[tuple[int, int, int]]) -> None:
    pixels = np.array([values], np.uint16)
    assert _mean(pixels)[0, :, 0].tolist() == [round(sum(value) / 3) for value in values]


def test_grey_stays_grey_after_a_change_of_pixels() -> None:
    picture = a_picture(grey=True).with_pixels(gradient())
    again = decode(encode(picture))
    assert again.grey
    assert np.abs(again.pixels[..., 0] - gradient().mean(axis=-1)).max() <= 0.5


def test_a_profile_for_grey_is_not_written_on_colour() -> None:
    picture = a_picture(grey=True, icc=profile_for(b"GRAY"))
    for name in ("jpeg", "png", "tiff", "avif"):
        assert decode(encode(picture, format=name)).icc == profile_for(b"GRAY")
    with pytest.raises(PictureWriteError, match="profile is for grey"):
        encode(picture, format="webp")
    encode(picture, format="bmp")


def test_sides_beyond_a_format_are_refused() -> None:
    long = Picture(np.zeros((1, 66_000, 3), np.uint8))
    for name, most in (("jpeg", 65500), ("webp", 16383), ("avif", 65536)):
        with pytest.raises(PictureWriteError, match=f"ends at {most} pixels a side; choose PNG or TIFF"):
            encode(long, format=name)
    for name in ("png", "tiff"):
        assert inspect(encode(long, format=name), limits=Limits(max_side=70_000)).width == 66_000


def test_metadata_beyond_a_format_is_refused_and_not_dropped() -> None:
    excess: list[dict[str, Any]] = [{"exif": exif(1) + bytes(70_000)}, {"xmp": b"x" * 70_000}]
    for more in [*excess, {"icc": srgb() + bytes(17_000_000)}]:
        with pytest.raises(PictureWriteError, match="cannot be written as JPEG"):
            encode(a_picture(name="x.jpg", **more), format="jpeg")
        encode(a_picture(**more), format="png")


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_quality_has_a_range(quality: int) -> None:
    with pytest.raises(OptionError, match="1 to 100"):
        encode(a_picture(), quality=quality)


def test_quality_changes_lossy_formats_only() -> None:
    picture = Picture(noise(60, 80))
    for name, row in FORMATS.items():
        low, high = (len(encode(picture, format=name, quality=quality)) for quality in (20, 100))
        assert (low < high) == (row.quality is not None)


def test_formats_have_names() -> None:
    with pytest.raises(OptionError, match="no format 'jpg'; did you mean 'jpeg'"):
        encode(a_picture(), format="jpg")


@pytest.mark.parametrize("name", FORMATS)
def test_files_are_written_by_suffix(name: str, tmp_path: Path) -> None:
    for suffix in FORMATS[name].suffixes:
        path = tmp_path / f"nächtlich{suffix}"
        write(a_picture(), path)
        assert read(path).format == name


def test_a_format_may_be_named_where_the_suffix_says_none(tmp_path: Path) -> None:
    write(a_picture(), tmp_path / "photo", format="webp")
    assert read(tmp_path / "photo").format == "webp"
    write(a_picture(), str(tmp_path / "b.PNG"), format="png")


def test_paths_that_say_no_format_or_another_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"tells no format; accepted are \.jpg, \.png"):
        write(a_picture(), tmp_path / "photo.gif")
    with pytest.raises(OutputError, match=r"does not fit PNG; let it end in \.png"):
        write(a_picture(), tmp_path / "photo.jpg", format="png")
    with pytest.raises(OptionError):
        write(a_picture(), tmp_path / "photo.jpg", format="gif")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        write(a_picture(), path)
    assert path.read_bytes() == b"precious"
    with pytest.raises(PictureWriteError):
        write(a_picture(alpha=True), path.with_suffix(".jpg"))
    with pytest.raises(PictureError):
        write(Picture(np.zeros((1, 20_000, 3), np.uint8)), tmp_path / "y.webp")
    write(a_picture(), path, overwrite=True)
    assert read(path).pixels.shape == (12, 20, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]


def test_the_same_picture_gives_the_same_bytes() -> None:
    for name in FORMATS:
        assert encode(a_picture(icc=srgb()), format=name) == encode(a_picture(icc=srgb()), format=name)
