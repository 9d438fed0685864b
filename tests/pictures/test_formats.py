"""The table of formats is complete and consistent, and tells what is not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from highbeam.pictures import FORMATS, SUFFIXES, encode, format_of_suffix
from highbeam.pictures.formats import format_of, other_kind
from tests.pictures.makers import a_picture


def test_the_table_is_consistent() -> None:
    assert list(FORMATS) == ["jpeg", "png", "tiff", "webp", "avif", "bmp"]
    for name, row in FORMATS.items():
        assert row.name == name
        assert all(SUFFIXES[suffix] == name and suffix.startswith(".") and suffix.islower() for suffix in row.suffixes)
    assert {name for name, row in FORMATS.items() if row.keeps_alpha} == {"png", "tiff", "webp", "avif", "bmp"}
    assert {name for name, row in FORMATS.items() if row.sixteen_bit} == {"png", "tiff", "avif"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_knows_its_own_and_no_other(name: str) -> None:
    data = encode(a_picture(), format=name)
    assert [row.name for row in FORMATS.values() if row.matches(data)] == [name]
    assert format_of(data) is FORMATS[name]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.jpg", "jpeg"),
        ("a.JPEG", "jpeg"),
        (Path("ü/b.Tif"), "tiff"),
        ("a.b.webp", "webp"),
        ("a.gif", None),
        ("jpg", None),
        (".png", None),
        ("<bytes>", None),
    ],
)
def test_suffixes(path: str | Path, name: str | None) -> None:
    assert format_of_suffix(path) == name


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a", "GIF"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom", "MP4 or QuickTime video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI video"),
        (b"hello, world", None),
        (b"", None),
    ],
)
def test_other_kinds_are_known_by_name(data: bytes, kind: str | None) -> None:
    assert format_of(data) is None
    assert other_kind(data) == kind
