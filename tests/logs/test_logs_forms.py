"""Every form of log: the chosen pictures are enhanced, and all else is as it was, read by other libraries than ours."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from mcap.reader import make_reader
from rosbags import rosbag1, rosbag2

from highbeam.logs import LogReport, enhance_log, summarise
from tests.logs import making
from tests.logs.making import CAMERA, CHATTER, FRONT, ODD, Said, drive, inverted

BAGS: dict[str, tuple[str, str, Literal[8, 9]]] = {
    "sqlite": ("sqlite3", "none", 8),
    "sqlite in version 9": ("sqlite3", "none", 9),
    "sqlite packed by message": ("sqlite3", "message", 8),
    "sqlite packed by file": ("sqlite3", "file", 8),
    "mcap": ("mcap", "none", 9),
    "mcap packed by chunk": ("mcap", "storage", 9),
    "mcap packed by message": ("mcap", "message", 9),
    "mcap packed by file": ("mcap", "file", 9),
}
MCAPS: dict[str, dict[str, Any]] = {
    "none": {"compression": "none"},
    "lz4": {"compression": "lz4"},
    "zstd": {"compression": "zstd"},
    "one chunk": {"chunk_size": 1 << 20},
    "no chunks": {"use_chunking": False},
    "checked": {"enable_data_crcs": True},
}


def enhanced(source: Path, output: Path, topics: tuple[str, ...] = (CAMERA,), **options: Any) -> LogReport:
    return enhance_log(source, output, topics, lambda: inverted, **options)


def check(before: list[Said], after: list[Said], *, ros1: bool = False, suffix: str = "") -> None:
    """The camera's pictures are inverted, in their place or beside it; every other message is the same."""
    ours = [one for one in after if one.topic == CAMERA + suffix]
    others = [one for one in after if one.topic != CAMERA + suffix]
    originals = [one for one in before if one.topic == CAMERA]
    assert Counter(others) == Counter(one for one in before if suffix or one.topic != CAMERA)
    assert len(ours) == len(originals) > 0
    for old, new in zip(originals, ours, strict=True):
        assert new == old._replace(topic=CAMERA + suffix, data=new.data)
        was, now = making.unpacked(old, ros1=ros1), making.unpacked(new, ros1=ros1)
        assert (now.header, now.height, now.width, now.encoding) == (was.header, was.height, was.width, was.encoding)
        assert (now.is_bigendian, now.step) == (was.is_bigendian, was.step)
        wide = was.width * 3
        assert np.array_equal(
            now.data.reshape(was.height, -1)[:, :wide], 255 - was.data.reshape(was.height, -1)[:, :wide]
        )
        assert np.array_equal(now.data.reshape(was.height, -1)[:, wide:], was.data.reshape(was.height, -1)[:, wide:])


@pytest.mark.parametrize("suffix", [None, "_enhanced"])
@pytest.mark.parametrize("compression", ["none", "bz2", "lz4"])
@pytest.mark.parametrize("chunk", [300, 1 << 20])
def test_bags_of_ros1(tmp_path: Path, compression: str, chunk: int, suffix: str | None) -> None:
    source = making.bag1(tmp_path / "in.bag", drive(ros1=True), compression, chunk)
    report = enhanced(source, tmp_path / "out.bag", suffix=suffix)
    before, after = making.read_bag1(source), making.read_bag1(tmp_path / "out.bag")
    check(before, after, ros1=True, suffix=suffix or "")
    assert (report.exit_code, report.enhanced, report.copied) == (0, 3, 9)
    with rosbag1.Reader(source) as old, rosbag1.Reader(tmp_path / "out.bag") as new:
        kept = {c.topic: (c.msgdef, c.digest, c.ext, c.msgcount) for c in old.connections}
        found = {c.topic: (c.msgdef, c.digest, c.ext, c.msgcount) for c in new.connections}
        assert found == kept | ({CAMERA + suffix: kept[CAMERA]} if suffix else {})
        assert (new.start_time, new.end_time) == (old.start_time, old.end_time)
    assert summarise(tmp_path / "out.bag").compression == (compression,)
    assert (f"compression={compression}".encode() in (tmp_path / "out.bag").read_bytes()) is True


@pytest.mark.parametrize("suffix", [None, "_enhanced"])
@pytest.mark.parametrize("form", BAGS)
def test_bags_of_ros2(tmp_path: Path, form: str, suffix: str | None) -> None:
    storage, mode, version = BAGS[form]
    source = making.bag2(tmp_path / "in", drive(), storage, mode, version)
    report = enhanced(source, tmp_path / "out", suffix=suffix)
    before, after = making.read_bag2(source), making.read_bag2(tmp_path / "out")
    check(before, after, suffix=suffix or "")
    assert (report.exit_code, report.enhanced, report.copied) == (0, 3, 9)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in source.iterdir())
    _check_described(source, tmp_path / "out", suffix)
    if form in {"mcap", "mcap packed by chunk"}:
        theirs = making.plainly(making.read_mcap(tmp_path / "out" / "in.mcap"))
        assert Counter(theirs) == Counter(after)


def _check_described(source: Path, output: Path, suffix: str | None) -> None:
    """Types, definitions, hashes, QoS, counts and custom data are kept, for the new topic too."""
    with rosbag2.Reader(source) as old, rosbag2.Reader(output) as new:
        kept = {c.topic: (c.msgtype, c.msgdef, c.digest, c.ext, c.msgcount) for c in old.connections}
        found = {c.topic: (c.msgtype, c.msgdef, c.digest, c.ext, c.msgcount) for c in new.connections}
        assert found == kept | ({CAMERA + suffix: kept[CAMERA]} if suffix else {})
        assert new.message_count == old.message_count + (3 if suffix else 0)
        assert (new.start_time, new.end_time) == (old.start_time, old.end_time)
        assert (new.compression_mode, new.compression_format) == (old.compression_mode, old.compression_format)
    words, was = ((folder / "metadata.yaml").read_text() for folder in (output, source))
    assert words == was or suffix
    said = making.loaded(words)["rosbag2_bagfile_information"]
    assert said["custom_data"] == {"driver": "someone: else"}
    assert said["files"][0]["message_count"] == said["message_count"]


def test_rows_of_sqlite_are_the_same(tmp_path: Path) -> None:
    source = making.bag2(tmp_path / "in", drive()) / "in.db3"
    enhanced(source.parent, tmp_path / "out")
    enhanced(source.parent, tmp_path / "beside", suffix="_x")
    place, beside = tmp_path / "out" / "in.db3", tmp_path / "beside" / "in.db3"
    for table in ("schema", "metadata", "topics", "message_definitions"):
        assert making.rows(place, table) == making.rows(source, table)
    kept = making.rows(source, "messages")
    assert making.rows(beside, "messages")[: len(kept)] == kept
    assert making.rows(beside, "topics")[:4] == making.rows(source, "topics")
    assert making.rows(place, "sqlite_master") == making.rows(source, "sqlite_master")
    (told,) = (row[2] for row in making.rows(beside, "metadata"))
    said = making.loaded(told)
    counts = {row["topic_metadata"]["name"]: row["message_count"] for row in said["topics_with_message_count"]}
    assert counts == {CAMERA: 3, CHATTER: 3, FRONT: 3, ODD: 3, CAMERA + "_x": 3}


@pytest.mark.parametrize("suffix", [None, "_enhanced"])
@pytest.mark.parametrize("form", MCAPS)
def test_mcap_files(tmp_path: Path, form: str, suffix: str | None) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive(), **MCAPS[form])
    report = enhanced(source, tmp_path / "out.mcap", suffix=suffix)
    before, after = making.read_mcap(source), making.read_mcap(tmp_path / "out.mcap")
    check(before, after, suffix=suffix or "")
    assert [one for one in after if one.topic != CAMERA + (suffix or "")] == [
        one for one in before if suffix or one.topic != CAMERA
    ]
    assert (report.exit_code, report.enhanced, report.copied) == (0, 3, 9)
    _check_mcap(source, tmp_path / "out.mcap", suffix)


def _check_mcap(source: Path, output: Path, suffix: str | None) -> None:
    """What is beside the messages is kept, and the other library reads the same."""
    with source.open("rb") as first, output.open("rb") as second:
        old, new = make_reader(first, validate_crcs=True), make_reader(second, validate_crcs=True)
        assert new.get_header() == old.get_header()
        assert list(new.iter_attachments()) == list(old.iter_attachments())
        assert list(new.iter_metadata()) == list(old.iter_metadata())
        was, now = old.get_summary(), new.get_summary()
        assert was is not None
        assert now is not None
        assert now.schemas == was.schemas
        assert {number: now.channels[number] for number in was.channels} == was.channels
        assert {row.compression for row in now.chunk_indexes} == {row.compression for row in was.chunk_indexes}
        assert now.statistics is not None
        assert was.statistics is not None
        assert now.statistics.message_count == was.statistics.message_count + (3 if suffix else 0)
        assert now.statistics.attachment_count == now.statistics.metadata_count == 1
        added = [row for number, row in now.channels.items() if number not in was.channels]
        assert [row.topic for row in added] == ([CAMERA + suffix] if suffix else [])
        assert all(row.metadata == was.channels[1].metadata for row in now.channels.values())
    if was.chunk_indexes:
        assert making.plainly(making.read_mcap(output)) == sorted(making.read_bag2(output), key=_file_order(output))


def _file_order(output: Path) -> Any:
    order = {(one.topic, one.time): place for place, one in enumerate(making.read_mcap(output))}
    return lambda one: order[one.topic, one.time]


@pytest.mark.parametrize("suffix", [None, "_enhanced"])
def test_mcaps_with_messages_of_ros1(tmp_path: Path, suffix: str | None) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive(ros1=True), ros1=True)
    assert enhanced(source, tmp_path / "out.mcap", suffix=suffix).exit_code == 0
    check(making.read_mcap(source), making.read_mcap(tmp_path / "out.mcap"), ros1=True, suffix=suffix or "")


@pytest.mark.parametrize("name", ["in.db3", "in.mcap"])
def test_files_of_a_bag_alone(tmp_path: Path, name: str) -> None:
    bag = making.bag2(tmp_path / "in", drive(), {".db3": "sqlite3", ".mcap": "mcap"}[Path(name).suffix])
    output = tmp_path / f"out{Path(name).suffix}"
    assert enhanced(bag / name, output).exit_code == 0
    check(making.read_bag2(bag), making.read_bag2(output))


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
def test_bags_of_several_files_without_metadata(tmp_path: Path, storage: str) -> None:
    suffix = {"sqlite3": "db3", "mcap": "mcap"}[storage]
    (tmp_path / "in").mkdir()
    said = drive(frames=3)
    for number in (1, 2, 10):  # the recorder's order, which is not that of the alphabet
        part = making.bag2(tmp_path / f"part{number}", said[:4], storage) / f"part{number}.{suffix}"
        part.rename(tmp_path / "in" / f"in_{number}.{suffix}")
        said = said[4:]
    seen: list[int] = []

    def noted(pixels: Any) -> Any:
        seen.append(int(pixels.sum()))
        return pixels

    report = enhance_log(tmp_path / "in", tmp_path / "out", (CAMERA,), lambda: noted)
    assert seen == [int(making.noise(6, 5, number).sum()) for number in range(3)]
    assert "metadata.yaml is missing" in (report.broken or "")
    assert (report.exit_code, report.enhanced) == (1, 3)
    for number in (1, 2, 10):
        one = f"in_{number}.{suffix}"
        assert making.read_bag2(tmp_path / "out" / one) == making.read_bag2(tmp_path / "in" / one)


def test_bags_of_several_files_keep_their_counts(tmp_path: Path) -> None:
    said, folder = drive(), tmp_path / "in"
    first, second = making.bag2(tmp_path / "first", said[:8]), making.bag2(tmp_path / "second", said[8:])
    folder.mkdir()
    whole = making.loaded((making.bag2(tmp_path / "whole", said) / "metadata.yaml").read_text())
    inner = whole["rosbag2_bagfile_information"]
    (first / "first.db3").rename(folder / "first.db3")
    (second / "second.db3").rename(folder / "second.db3")
    inner["relative_file_paths"] = ["in/first.db3", "in/second.db3"]  # older versions name the folder too
    inner["files"] = [
        dict(inner["files"][0], path=name, message_count=n) for name, n in (("first.db3", 8), ("second.db3", 4))
    ]
    (folder / "metadata.yaml").write_text(json.dumps(whole))  # which is YAML too
    assert enhanced(folder, tmp_path / "out", suffix="_x").exit_code == 0
    check(making.read_bag2(folder), making.read_bag2(tmp_path / "out"), suffix="_x")
    told = making.loaded((tmp_path / "out" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert [row["message_count"] for row in told["files"]] == [10, 5]
    assert told["message_count"] == 15


def test_each_topic_has_a_method_of_its_own_and_frames_come_in_order(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive())
    made: list[list[tuple[int, ...]]] = []

    def make() -> Any:
        seen: list[tuple[int, ...]] = []
        made.append(seen)

        def enhance(pixels: Any) -> Any:
            seen.append((len(seen), *pixels.shape))
            return pixels

        return enhance

    steps: list[int] = []
    report = enhance_log(source, tmp_path / "out.mcap", (FRONT, CAMERA, FRONT), make, progress=lambda: steps.append(1))
    assert made == [[(n, 6, 5, 3) for n in range(3)], [(n, 16, 24, 3) for n in range(3)]]
    assert (len(steps), report.topics[FRONT].enhanced, report.topics[CAMERA].enhanced) == (6, 3, 3)
    old, new = making.read_mcap(source), making.read_mcap(tmp_path / "out.mcap")
    assert [one for one in old if one.topic != FRONT] == [one for one in new if one.topic != FRONT]
