"""Shards: plain tars below a size, an index that finds every picture, and damage that is noticed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets.decoding import read_span
from highbeam.datasets.shards import (
    INDEX,
    Index,
    PackedPart,
    PackedPicture,
    PackedSource,
    ShardWriter,
    read_index,
    scan_shards,
)
from highbeam.errors import OptionError, PictureWriteError, ShardError


def write(folder: Path, blobs: list[tuple[bytes, ...]], most: int = 10_000) -> Index:
    writer = ShardWriter(folder, "train", most)
    pictures = []
    for number, blob in enumerate(blobs):
        parts = writer.add(tuple((data, ".bin") for data in blob))
        pictures.append(PackedPicture(f"p/{number}", "p", "train", "day", 4, 3, parts))
    writer.finish()
    index = Index({}, {}, (), {"p": PackedSource("train", len(blobs))}, tuple(writer.shards), tuple(pictures))
    (folder / INDEX).write_bytes(index.to_bytes())
    return index


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


blobs_of = st.lists(
    st.tuples(st.binary(max_size=1500)) | st.tuples(st.binary(max_size=700), st.binary(max_size=700)), max_size=12
)


@given(blobs_of, st.integers(4096, 9000))
def test_what_is_put_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, blobs: list[tuple[bytes, ...]], most: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    index = write(folder, blobs, most)
    entries = scan_shards(folder).entries
    assert [tuple(read_span(place) for place in one.places) for one in entries] == blobs
    assert [one.name for one in entries] == [f"p/{number}" for number in range(len(blobs))]
    packed: dict[str, bytes] = {}
    for shard in index.shards:
        data = (folder / shard.file).read_bytes()
        assert len(data) == shard.bytes <= most
        assert hashlib.sha256(data).hexdigest() == shard.sha256
        packed |= members(folder / shard.file)
    assert list(packed.values()) == [data for blob in blobs for data in blob]
    assert read_index(folder) == index


def test_a_pair_stays_in_one_shard(tmp_path: Path) -> None:
    index = write(tmp_path, [(bytes(900), bytes(900))] * 7, 4096)
    assert len(index.shards) == 7
    assert all(len({part.shard for part in row.parts}) == 1 for row in index.pictures)
    assert sorted(members(tmp_path / "train-0000.tar")) == ["train-0000000.bright.bin", "train-0000000.low.bin"]


def test_a_picture_that_no_shard_holds(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"one picture takes 5632 bytes, and a shard 4096; allow larger shards"):
        write(tmp_path, [(bytes(5000),)], 4096)


def test_nothing_makes_no_shard(tmp_path: Path) -> None:
    assert write(tmp_path, []).shards == ()
    assert scan_shards(tmp_path).entries == ()


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        write(folder, [(b"x" * 700,), (b"y",)])
    one, other = (sorted(folder.iterdir()) for folder in folders)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "nowhere", "train", 4096)
    writer.add(((b"x", ".bin"),))
    with pytest.raises(PictureWriteError):
        writer.finish()


def test_the_index_is_plain_json(tmp_path: Path) -> None:
    write(tmp_path, [(b"abc",)])
    told = json.loads((tmp_path / INDEX).read_text())
    assert told["kind"] == "highbeam-shards"
    assert told["version"] == 1
    assert told["sources"] == {"p": {"split": "train", "pictures": 1}}
    (part,) = told["pictures"][0]["parts"]
    assert PackedPart(**part) == PackedPart(
        "train-0000.tar", "train-0000000.bin", 512, 3, hashlib.sha256(b"abc").hexdigest()
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file: "),
        ("[]", "the file: "),
        ('{"kind": "other"}', "is not an index of packed shards"),
    ],
)
def test_an_index_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(ShardError, match=message):
        read_index(tmp_path)
    (line,) = scan_shards(tmp_path).missing
    assert str(tmp_path / INDEX) in line.what


def test_an_index_of_another_version(tmp_path: Path) -> None:
    write(tmp_path, [(b"abc",)])
    told = json.loads((tmp_path / INDEX).read_text()) | {"version": 2}
    (tmp_path / INDEX).write_text(json.dumps(told))
    with pytest.raises(ShardError, match=r"version: Input should be 1\); pack again"):
        read_index(tmp_path)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="is this a folder of packed shards"):
        read_index(tmp_path)


def test_shards_that_are_missing_or_cut_short_are_told(tmp_path: Path) -> None:
    index = write(tmp_path, [(bytes(2000),)] * 3, 4096)
    assert len(index.shards) == 3
    (tmp_path / "train-0000.tar").unlink()
    path = tmp_path / "train-0002.tar"
    path.write_bytes(path.read_bytes()[:-10])
    found = scan_shards(tmp_path)
    assert [one.name for one in found.entries] == ["p/1"]
    whole = index.shards[2].bytes
    assert [line.what for line in found.missing] == [
        f"{tmp_path / 'train-0000.tar'}: no such file",
        f"{path}: has {whole - 10} bytes instead of {whole}; copy it again",
    ]
