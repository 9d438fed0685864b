"""Directories are read and written as TIFF 6.0 says, and hostile ones end early."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.pictures import ifd
from highbeam.pictures.ifd import LONG, RATIONAL, SHORT, UNDEFINED, Field, Tree
from highbeam.pictures.source import DamageError
from tests.pictures.makers import exif, tiff


def block_of(tree: Tree, order: str = "<") -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}I", 8) + ifd.dump(tree, order, 8)


fields = st.one_of(
    st.binary(max_size=9).map(lambda raw: Field(UNDEFINED, raw)),
    st.lists(st.integers(0, 65535), min_size=1, max_size=5).map(
        lambda it: Field(SHORT, struct.pack(f"<{len(it)}H", *it))
    ),
    st.integers(0, 2**32 - 1).map(lambda it: Field(LONG, struct.pack("<I", it))),
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda it: Field(RATIONAL, struct.pack("<II", *it))),
)
flat = st.dictionaries(st.integers(0, 0x8000), fields, max_size=6)
trees = st.builds(lambda top, inner: top | {0x8769: inner}, flat, st.builds(lambda a, b: a | {0xA005: b}, flat, flat))


@given(trees)
def test_what_is_written_is_read_back(tree: Tree) -> None:
    assert ifd.first(block_of(tree)).tree() == tree


@given(st.binary(max_size=200))
def test_any_bytes_are_a_directory_or_damage(data: bytes) -> None:
    for head in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        try:
            directory = ifd.first(head + data)
        except DamageError:
            continue
        directory.tree()


def test_values_have_their_types_in_both_orders() -> None:
    for order in "<>":
        tags = ifd.first(
            tiff({1: (3, [7, 8, 9]), 2: (4, 70000), 3: (5, [7, 2]), 4: (7, b"abcde"), 5: (5, [1, 0])}, order=order)
        )
        assert (tags.integers(1), tags.integers(2), tags.integers(99, 5, 6)) == ((7, 8, 9), (70000,), (5, 6))
        assert (tags.rational(3), tags.rational(5), tags.rational(2), tags.rational(99)) == (3.5, None, None, None)
        assert (tags.raw(4), tags.raw(99)) == (b"abcde", None)
        with pytest.raises(DamageError, match="no whole number"):
            tags.integers(4)


def test_what_lies_outside_is_damage() -> None:
    whole = tiff({4: (7, b"abcdefgh"), 5: (3, 1)})
    with pytest.raises(DamageError, match="tag 4 lie beyond"):
        ifd.first(whole[:-1]).raw(4)
    with pytest.raises(DamageError, match="directory lies beyond"):
        ifd.first(whole[:20])
    for other in (b"", b"II*\0", b"Exif\0\0II*\0\x08\0\0\0"):
        with pytest.raises(DamageError, match="does not begin"):
            ifd.first(other)


def test_unknown_types_and_unreadable_values_are_left_out_of_a_copy() -> None:
    whole = bytearray(tiff({4: (7, b"abcdefgh"), 5: (3, 1), 6: (3, 2)}))
    struct.pack_into("<H", whole, 8 + 2 + 12 + 2, 99)  # the type of tag 5
    struct.pack_into("<I", whole, 8 + 2 + 8, 10**6)  # the place of tag 4
    assert ifd.first(bytes(whole)).tree() == {6: Field(SHORT, b"\2\0")}


def test_a_copy_cannot_grow_beyond_the_block() -> None:
    body = bytes(1000)
    whole = bytearray(tiff(dict.fromkeys(range(1, 50), (7, body)), b""))
    first = whole.index(body)
    for index in range(49):  # let every tag name the same thousand bytes
        struct.pack_into("<I", whole, 8 + 2 + 12 * index + 8, first)
    shrunk = bytes(whole[: first + 1000])
    copied = ifd.first(shrunk).tree()
    assert sum(len(item.raw) for item in copied.values() if isinstance(item, Field)) <= len(shrunk)


def test_directories_inside_themselves_end() -> None:
    whole = tiff({0x8769: (4, 8), 5: (3, 1)})
    tree = ifd.first(whole).tree()
    depth = 0
    while isinstance(inner := tree.get(0x8769), dict):
        tree, depth = inner, depth + 1
    assert depth == 3


def test_a_copy_of_real_exif_reads_the_same() -> None:
    block = exif()
    tree = ifd.first(block).tree()
    assert ifd.first(block_of(tree, ifd.first(block).order)).tree() == tree
    assert {0x010F, 0x0112, 0x8769, 0x8825} <= set(tree)
