"""EXIF and XMP are edited where they stand, and say what is true of the upright picture."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.pictures import exif as subject
from tests.pictures.makers import TOLD, XMP, exif, tiff, told


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_found_and_reset_and_the_rest_survives(orientation: int) -> None:
    block = exif(orientation)
    assert subject.orientation_of(block) == orientation
    after = subject.upright(block, orientation)
    size = (12, 20) if orientation >= 5 else (20, 12)
    assert told(after) == TOLD | {"size": size}
    assert len(after) == len(block)


def test_half_of_the_orientations_exchange_the_sides() -> None:
    assert [orientation for orientation in range(1, 9) if subject.turned(orientation)] == [5, 6, 7, 8]


def test_orientation_comes_from_exif_before_xmp() -> None:
    assert subject.orientation_of(exif(3), XMP % 6) == 3
    assert subject.orientation_of(exif(None), XMP % 6) == 6
    assert subject.orientation_of(None, XMP % 8) == 8
    assert subject.orientation_of(None, b"<x/>") == 1
    assert subject.orientation_of(None, None) == 1


@pytest.mark.parametrize("value", [(3, 0), (3, 9), (4, 70000), (7, b"abc"), (7, b"abcdefgh")])
def test_orientations_that_are_none_count_as_upright(value: tuple[int, int | bytes]) -> None:
    block = tiff({0x0112: value, 0x0131: (7, b"software")})
    assert subject.orientation_of(block) == 1
    subject.upright(block, 1)


def test_an_orientation_of_four_bytes_is_reset_too() -> None:
    for order in "<>":
        block = tiff({0x0112: (4, 6)}, order=order)
        assert subject.orientation_of(block) == 6
        assert subject.orientation_of(subject.upright(block, 6)) == 1


def test_the_thumbnail_is_taken_off() -> None:
    block = tiff({0x0112: (3, 1)}, following=8)
    assert struct.unpack("<I", subject.upright(block, 1)[-4:]) == (0,)


@pytest.mark.parametrize(
    "inside",
    [{}, {0xA002: (3, 20)}, {0xA002: (3, [20, 20, 20]), 0xA003: (3, 12)}, {0xA002: (7, b"20"), 0xA003: (3, 12)}],
)
def test_sizes_stated_oddly_are_left_alone(inside: dict[int, tuple[int, object]]) -> None:
    at = 8 + 2 + 12 + 4
    directory = tiff(inside)[8:]
    block = tiff({0x8769: (4, at)}) + directory
    assert subject.upright(block, 6) == block


def test_sizes_of_different_types_are_exchanged_whole() -> None:
    at = 8 + 2 + 12 + 4
    block = tiff({0x8769: (4, at)}) + tiff({0xA002: (3, 20), 0xA003: (4, 12)})[8:]
    assert told(subject.upright(block, 6))["size"] == (12, 20)
    assert told(subject.upright(block, 2))["size"] == (20, 12)
    assert subject.upright(tiff({0x8769: (4, 9999)}), 6) == tiff({0x8769: (4, 9999)})


def test_a_block_is_taken_with_and_without_its_prefix() -> None:
    assert subject.block_of(b"Exif\0\0" + exif()) == subject.block_of(exif()) == exif()
    assert subject.block_of(None) is None
    assert subject.block_of(b"Exif\0\0nonsense") is None
    assert subject.block_of(exif()[:20]) is None


def test_the_orientation_can_be_taken_out() -> None:
    for block in (exif(1), exif(6)):
        without = subject.without_orientation(block)
        assert told(without) == TOLD | {"orientation": None}
        assert len(without) == len(block)
    assert subject.without_orientation(exif(None)) == exif(None)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({282: (5, [300, 1]), 283: (5, [600, 2]), 296: (3, 2)}, (300.0, 300.0)),
        ({282: (5, [100, 1]), 283: (5, [50, 1]), 296: (3, 3)}, (254.0, 127.0)),
        ({282: (5, [72, 1]), 283: (5, [72, 1])}, (72.0, 72.0)),
        ({282: (5, [72, 1]), 283: (5, [72, 1]), 296: (3, 1)}, None),
        ({282: (5, [72, 0]), 283: (5, [72, 1])}, None),
        ({282: (5, [0, 1]), 283: (5, [72, 1])}, None),
        ({282: (5, [72, 1]), 283: (5, [72, 1]), 296: (3, [2, 2, 2])}, None),
        ({}, None),
    ],
)
def test_resolution(tags: dict[int, tuple[int, object]], expected: tuple[float, float] | None) -> None:
    assert subject.resolution_of(tiff(tags)) == pytest.approx(expected)


def test_no_resolution_where_there_is_no_exif() -> None:
    assert subject.resolution_of(None) is None


@pytest.mark.parametrize(
    "packet",
    [
        XMP % 6,
        b"<tiff:Orientation>6</tiff:Orientation>",
        b"tiff:Orientation = '6'",
        b"<tiff:Orientation> 6 </tiff:Orientation>",
    ],
)
def test_xmp_orientation_is_reset_and_nothing_else(packet: bytes) -> None:
    after = subject.upright_xmp(packet)
    assert subject.orientation_of(None, packet) == 6
    assert subject.orientation_of(None, after) == 1
    assert after.replace(b"1", b"").replace(b" ", b"") == packet.replace(b"6", b"").replace(b"1", b"").replace(
        b" ", b""
    )


@given(st.binary(max_size=300), st.integers(1, 8))
def test_no_block_is_too_odd(data: bytes, orientation: int) -> None:
    for head in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        block = subject.block_of(head + data)
        if block is not None:
            assert len(subject.upright(block, orientation)) == len(block)
            assert len(subject.without_orientation(block)) == len(block)
            subject.resolution_of(block)
            subject.descriptive(block)


@given(st.data())
def test_no_altered_block_is_too_odd(data: st.DataObject) -> None:
    block = bytearray(exif())
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(8, len(block) - 1))] = data.draw(st.integers(0, 255))
    if (kept := subject.block_of(bytes(block))) is not None:
        assert len(subject.upright(kept, 6)) == len(kept)
        subject.without_orientation(kept)
        subject.descriptive(kept)


def test_an_orientation_that_is_a_list_is_left_in() -> None:
    block = tiff({0x0112: (3, [1, 1, 1]), 0x0131: (7, b"software")})
    assert subject.without_orientation(block) == block
