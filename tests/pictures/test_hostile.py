"""Whatever the bytes: a whole picture or one error of the package, soon, silently, and without much memory."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.errors import DamagedPictureError, PictureError, PictureTooLargeError
from highbeam.pictures import FORMATS, Limits, Picture, avif, decode, encode, inspect
from highbeam.pictures.source import DamageError
from tests.pictures.makers import (
    XMP,
    Array,
    by_opencv,
    chunk,
    exif,
    gradient,
    image,
    noise,
    png,
    saved,
    srgb,
    tiff,
    tiff_tags,
)

MOTLEY = gradient(40, 56) ^ noise(40, 56) >> 3


def _of_every_kind() -> Iterator[tuple[str, bytes]]:
    told: dict[str, Any] = {"exif": exif(1), "xmp": XMP % 1, "icc": srgb()}
    deep = np.uint16(257) * MOTLEY
    for name, row in FORMATS.items():
        yield name, encode(Picture(MOTLEY, **told), format=name)
        if row.sixteen_bit:
            yield f"{name} deep", encode(Picture(deep, **told), format=name)
        if row.keeps_alpha:
            yield f"{name} alpha", encode(Picture(MOTLEY, alpha=MOTLEY[..., 0].copy()), format=name)
    yield "jpeg progressive", saved(image(MOTLEY), "JPEG", progressive=True)
    yield "jpeg restarts", saved(image(MOTLEY), "JPEG", restart_marker_blocks=3)
    yield "webp lossless", encode(Picture(MOTLEY), format="webp", quality=100)
    yield "tiff lzw", by_opencv(".tif", deep, 259, 5)
    yield "tiff packbits", saved(image(MOTLEY), "TIFF", compression="packbits")
    yield "tiff plain", tiff(tiff_tags(MOTLEY), MOTLEY.tobytes())
    yield "png palette", saved(image(MOTLEY).quantize(16), "PNG")


WHOLE = dict(_of_every_kind())
OUTSPOKEN = ("tiff lzw", "tiff packbits")  # libtiff complains of altered pixels on stderr
PIXELS = {kind: decode(data).pixels for kind, data in WHOLE.items()}


def outcome(data: bytes, *, limits: Limits | None = None) -> Array | None:
    """The pixels, or None where the error is one of the package that names the file and tells what to do."""
    try:
        return decode(data, name="the/file", limits=limits or Limits()).pixels
    except PictureError as error:
        told = (error.name, str(error), len(error.reason) > 20)
    assert told == ("the/file", f"the/file: {told[1].removeprefix('the/file: ')}", True)
    return None


@pytest.mark.parametrize("kind", WHOLE)
def test_cut_anywhere_it_is_an_error_or_all_there(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    whole = WHOLE[kind]
    steps = np.unique(np.linspace(0, len(whole) - 1, 120).astype(int))
    for cut in [*range(24), *steps.tolist(), len(whole) - 3, len(whole) - 2]:
        got = outcome(whole[:cut])
        assert got is None or np.array_equal(got, PIXELS[kind])
    assert capfd.readouterr().out == ""


@given(draw=st.data())
def test_cut_at_any_byte_it_is_an_error_or_all_there(draw: st.DataObject) -> None:
    kind = draw.draw(st.sampled_from(sorted(WHOLE)))
    cut = draw.draw(st.integers(0, len(WHOLE[kind]) - 1))
    got = outcome(WHOLE[kind][:cut])
    assert got is None or np.array_equal(got, PIXELS[kind])


@pytest.mark.parametrize("kind", WHOLE)
@given(draw=st.data())
def test_altered_anywhere_it_is_an_error_or_a_picture_of_the_size_its_header_says(
    kind: str, draw: st.DataObject
) -> None:
    data = bytearray(WHOLE[kind])
    for _ in range(draw.draw(st.integers(1, 5))):
        # Half of the changes go to the headers, where they matter most.
        place = draw.draw(st.one_of(st.integers(0, len(data) - 1), st.integers(0, min(300, len(data) - 1))))
        data[place] ^= 1 << draw.draw(st.integers(0, 7))
    limits = Limits(max_pixels=100_000)
    got = outcome(bytes(data), limits=limits)
    if got is not None:
        header = inspect(bytes(data), limits=limits)
        assert sorted(got.shape[:2]) == sorted((header.height, header.width))


@pytest.mark.parametrize("kind", WHOLE)
@given(draw=st.data())
def test_with_a_stretch_gone_or_doubled_it_is_an_error_or_a_picture(kind: str, draw: st.DataObject) -> None:
    data = WHOLE[kind]
    start, end = sorted((draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, len(data)))))
    outcome(data[:start] + data[end:], limits=Limits(max_pixels=100_000))
    outcome(data[:end] + data[start:], limits=Limits(max_pixels=100_000))


@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=400), st.integers(4, 64))
def test_nonsense_after_a_good_beginning_is_an_error_or_a_picture(kind: str, rest: bytes, kept: int) -> None:
    outcome(WHOLE[kind][:kept] + rest, limits=Limits(max_pixels=100_000))


def test_any_two_files_in_one_are_the_first_or_an_error() -> None:
    for first, data in WHOLE.items():
        for second in ("jpeg", "png", "tiff plain", "webp"):
            got = outcome(data + WHOLE[second])
            assert got is None or np.array_equal(got, PIXELS[first])


def png_of(width: int, height: int, bits: int = 8, kind: int = 2) -> bytes:
    return png(np.zeros((1, 1, 3), np.uint8), bits, kind, size=(width, height))


def patched(data: bytes, after: bytes, skip: int, new: bytes) -> bytes:
    at = data.index(after) + skip
    return data[:at] + new + data[at + len(new) :]


BOMBS = {
    "png": png_of(60_000, 60_000),
    "png side": png_of(2**31 - 1, 1),
    "png unsigned": png_of(2**32 - 1, 2**32 - 1),
    "png deep": png_of(40_000, 40_000, 16, 6),
    "tiff": tiff(tiff_tags(noise()) | {256: (4, 60_000), 257: (4, 60_000), 278: (4, 60_000)}, noise().tobytes()),
    "tiff side": tiff(tiff_tags(noise()) | {256: (4, 2**32 - 1)}, noise().tobytes()),
    "tiff deflate": tiff(
        tiff_tags(noise()) | {256: (4, 50_000), 257: (4, 50_000), 259: (3, 8)}, zlib.compress(bytes(720))
    ),
    "jpeg": patched(WHOLE["jpeg"], b"\xff\xc0", 5, struct.pack(">HH", 65_500, 65_500)),
    "webp": b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6,
    "webp frame": patched(encode(Picture(MOTLEY), format="webp"), b"\x9d\x01\x2a", 3, b"\xff\x3f\xff\x3f"),
    "avif": patched(WHOLE["avif"], b"ispe", 8, struct.pack(">II", 16_000, 16_000)),
    "bmp": patched(WHOLE["bmp"], b"BM", 18, struct.pack("<ii", 60_000, -60_000)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_huge_sizes_are_refused_at_once_and_in_little_memory(kind: str) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises((PictureTooLargeError, DamagedPictureError)):
        decode(BOMBS[kind])
    assert time.perf_counter() - start < 1.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


@pytest.mark.parametrize("kind", ["png", "png deep", "jpeg", "tiff", "tiff side", "avif"])
def test_huge_sizes_are_named(kind: str) -> None:
    with pytest.raises(PictureTooLargeError, match="make it smaller, or raise the limits"):
        decode(BOMBS[kind])


def test_tight_data_that_swell_stop_at_the_size_of_the_picture() -> None:
    swollen = zlib.compress(bytes(1 << 27), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 8, 2, 0, 0, 0))
    tight = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", swollen) + chunk(b"IEND", b"")
    tight_tiff = tiff(tiff_tags(noise(20, 30), t259=(3, 8), sizes=len(swollen)), swollen + bytes(len(swollen) % 2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in (tight, tight_tiff):
        got = outcome(data)
        assert got is None or got.shape == (20, 30, 3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_errors_come_alone_and_nothing_is_said_on_stderr(tmp_path: Path) -> None:
    """In a process of its own, where no test runner catches warnings or output."""
    for index, (kind, data) in enumerate(WHOLE.items()):
        for cut in (0.3, 0.7, 0.97):
            (tmp_path / f"{index}_{cut}").write_bytes(data[: int(len(data) * cut)])
        if kind not in OUTSPOKEN:
            broken = bytearray(data)
            broken[len(data) // 2] ^= 0xFF
            (tmp_path / f"{index}_altered").write_bytes(bytes(broken))
    for kind, data in BOMBS.items():
        (tmp_path / kind).write_bytes(data)
    program = (
        "import pathlib, sys; from highbeam.errors import PictureError; from highbeam.pictures import read\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try: read(path)\n    except PictureError as error: print(type(error).__name__)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert set(result.stdout.split()) <= {"DamagedPictureError", "PictureTooLargeError", "UnsupportedPictureError"}


def test_data_named_over_and_over_are_not_read_over_and_over() -> None:
    """Small tables that all point at the same large stretch must not cost their product."""
    body = bytes(1 << 23)
    entry = struct.pack("<HHII", 0x8298, 7, len(body), 8)
    entries = b"".join(struct.pack("<H", tag) + entry[2:] for tag in range(1000, 40_000))
    many_tags = b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", 39_000) + entries + bytes(4)
    tags = tiff_tags(noise(1024, 1024, 1)) | {
        322: (4, 16),
        323: (4, 16),
        324: (4, [8] * 4096),
        325: (4, [len(body)] * 4096),
    }
    many_tiles = tiff(tags, body)
    whole = WHOLE["avif"]
    at = whole.index(b"iloc") - 4
    extents = struct.pack(">II", 0, 0) * 60_000
    iloc = struct.pack(">I4sIHHHHH", 22 + len(extents), b"iloc", 0, 0x4400, 1, 1, 0, 60_000) + extents
    many_extents = whole[:at] + iloc + whole[at + struct.unpack_from(">I", whole, at)[0] :] + body
    start = time.perf_counter()
    for data in (many_tags, many_tiles, many_extents):
        outcome(data)
    assert time.perf_counter() - start < 3.0


def test_avif_extents_are_counted() -> None:
    iloc = struct.pack(">IHHHHH", 0, 0x4400, 1, 7, 0, 60_000) + struct.pack(">II", 0, 0) * 60_000
    infe = struct.pack(">IHH4s", 2 << 24, 7, 0, b"av01")
    data = infe + iloc + bytes(1 << 22)
    boxes = {b"infe": [(0, 12)], b"iloc": [(12, 12 + len(iloc))]}
    start = time.perf_counter()
    with pytest.raises(DamageError, match="more than its own size"):
        avif._payloads(data, boxes)
    assert time.perf_counter() - start < 1.0


def test_long_runs_of_fill_bytes_cost_no_more_than_their_length() -> None:
    """Quadratic work on a megabyte of 0xff would take minutes."""
    whole = WHOLE["jpeg"]
    data_at = whole.index(b"\xff\xda") + 14
    run = b"\xff" * 1_000_000
    start = time.perf_counter()
    outcome(b"\xff\xd8" + run)
    outcome(whole[:data_at] + run)
    outcome(whole[:data_at] + run + b"\xd0" + whole[data_at:])
    assert time.perf_counter() - start < 10.0
    np.testing.assert_array_equal(outcome(whole[:-2] + run + b"\xff\xd9"), PIXELS["jpeg"])
