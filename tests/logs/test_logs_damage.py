"""Damaged messages, logs that are cut short, and what is refused before anything is written."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter

from highbeam.errors import (
    DamagedLogError,
    HighbeamError,
    LogError,
    LogWriteError,
    OutputError,
    RuntimeMissingError,
    TopicError,
    UnsupportedLogError,
    UsageError,
)
from highbeam.logs import LogReport, enhance_log, is_log, summarise
from highbeam.logs.model import TopicSummary
from tests.logs import making
from tests.logs.making import CAMERA, CHATTER, FRONT, ODD, START, Frame, Said, drive, inverted, noise

FORMS: dict[str, tuple[str, bool, Callable[[Path, list[Said]], Path], Callable[[Path], list[Said]]]] = {
    "bag": (".bag", True, lambda path, said: making.bag1(path, said, "none", 700), making.read_bag1),
    "bag bz2": (".bag", True, lambda path, said: making.bag1(path, said, "bz2", 700), making.read_bag1),
    "bag lz4": (".bag", True, lambda path, said: making.bag1(path, said, "lz4", 700), making.read_bag1),
    "mcap": (".mcap", False, lambda path, said: making.mcap_file(path, said, "none"), making.read_mcap),
    "mcap lz4": (".mcap", False, lambda path, said: making.mcap_file(path, said, "lz4"), making.read_mcap),
    "mcap zstd": (".mcap", False, lambda path, said: making.mcap_file(path, said, "zstd"), making.read_mcap),
    "mcap plain": (".mcap", False, lambda p, said: making.mcap_file(p, said, use_chunking=False), making.read_mcap),
    "folder": ("", False, making.bag2, making.read_bag2),
    "folder mcap": ("", False, lambda path, said: making.bag2(path, said, "mcap"), making.read_bag2),
}
FILES = [name for name, (suffix, *_) in FORMS.items() if suffix]


def enhanced(source: Path, output: Path, topics: tuple[str, ...] = (CAMERA,), **options: Any) -> LogReport:
    return enhance_log(source, output, topics, lambda: inverted, **options)


def made(tmp_path: Path, form: str, said: list[Said] | None = None) -> tuple[Path, Path, list[Said]]:
    suffix, ros1, write, _ = FORMS[form]
    told = drive(ros1=ros1) if said is None else said
    return write(tmp_path / f"in{suffix}", told), tmp_path / f"out{suffix}", told


def left(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("suffix", [None, "_x"])
@pytest.mark.parametrize("form", FORMS)
def test_damaged_messages_are_told_and_copied(tmp_path: Path, form: str, suffix: str | None) -> None:
    said = drive(ros1=FORMS[form][1])
    ours = [place for place, one in enumerate(said) if one.topic == CAMERA]
    said[ours[1]] = said[ours[1]]._replace(data=said[ours[1]].data[:-9])
    source, output, _ = made(tmp_path, form, said)
    report = enhanced(source, output, suffix=suffix)
    (damage,) = report.damages
    assert (damage.topic, damage.time) == (CAMERA, START + 100_000_000)
    assert str(damage).startswith(f"{CAMERA} at 1700000000.223456789 s: ")
    assert "cut short: 9 bytes are missing" in damage.reason
    assert (report.exit_code, report.enhanced, report.topics[CAMERA].damaged) == (1, 2, 1)
    after = FORMS[form][3](output)
    assert len(after) == 12 + (2 if suffix else 0)
    assert [one.data for one in after if one.topic == CAMERA][1] == said[ours[1]].data


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_topic_is_refused(tmp_path: Path, form: str) -> None:
    source, output, _ = made(tmp_path, form)
    before = left(tmp_path)
    with pytest.raises(TopicError, match=f"no topic '/camera/image'; did you mean '{CAMERA}'") as caught:
        enhanced(source, output, ("/camera/image",))
    assert isinstance(caught.value, UsageError)
    assert f"{CAMERA}, {FRONT}" in str(caught.value)
    with pytest.raises(TopicError, match=r"/chatter \(std_msgs/msg/String, .*\) holds no pictures"):
        enhanced(source, output, (CHATTER,))
    with pytest.raises(TopicError, match=f"2 topics with pictures; choose with --topic: {CAMERA}, {FRONT}"):
        enhanced(source, output, ())
    assert left(tmp_path) == before


def test_the_only_camera_is_found(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", [one for one in drive() if one.topic != FRONT])
    assert list(enhanced(source, tmp_path / "out.mcap", ()).topics) == [CAMERA]


def test_no_camera_at_all(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", [one for one in drive() if one.topic in {CHATTER, ODD}])
    with pytest.raises(TopicError, match=r"no topic with pictures; its topics are: /chatter .*, /odd "):
        enhanced(source, tmp_path / "out.mcap", ())
    empty = making.mcap_file(tmp_path / "empty.mcap", [])
    with pytest.raises(TopicError, match="has no topics"):
        enhanced(empty, tmp_path / "out.mcap", ())


def test_distances_are_no_pictures(tmp_path: Path) -> None:
    message = making.packed(making.compressed(b"xyz", "16UC1; compressedDepth png"))
    said = [*drive(), Said("/depth/compressedDepth", making.COMPRESSED, START, message)]
    source = making.mcap_file(tmp_path / "in.mcap", said)
    with pytest.raises(TopicError, match="holds distances, which are not enhanced"):
        enhanced(source, tmp_path / "out.mcap", ("/depth/compressedDepth",))
    renamed = [one._replace(topic="/depth") if "Depth" in one.topic else one for one in said]
    other = making.mcap_file(tmp_path / "other.mcap", renamed)
    with pytest.raises(UnsupportedLogError, match=r"/depth: format '16UC1; compressedDepth png' holds distances"):
        enhanced(other, tmp_path / "out.mcap", ("/depth",))


@pytest.mark.parametrize("form", FORMS)
def test_an_unknown_encoding_is_refused_and_leaves_nothing(tmp_path: Path, form: str) -> None:
    ros1 = FORMS[form][1]
    message = making.image(Frame(noise(2, 2), "32FC1"), ros1=ros1)
    source, output, _ = made(tmp_path, form, [Said(CAMERA, making.IMAGE, START, making.packed(message, ros1=ros1))])
    before = left(tmp_path)
    with pytest.raises(UnsupportedLogError, match=f"{CAMERA}: encoding '32FC1' is not taken"):
        enhanced(source, output)
    assert left(tmp_path) == before


def test_an_encoding_that_changes_is_damage(tmp_path: Path) -> None:
    odd = making.packed(making.image(Frame(noise(2, 2), "32FC1")))
    source = making.mcap_file(tmp_path / "in.mcap", [*drive(), Said(CAMERA, making.IMAGE, START + 10**9, odd)])
    report = enhanced(source, tmp_path / "out.mcap")
    assert [damage.time for damage in report.damages] == [START + 10**9]
    assert report.enhanced == 3


@pytest.mark.parametrize("form", FORMS)
def test_outputs_that_exist(tmp_path: Path, form: str) -> None:
    source, output, _ = made(tmp_path, form)
    enhanced(source, output)
    first = FORMS[form][3](output)
    with pytest.raises(OutputError, match="exists already"):
        enhanced(source, output)
    report = enhanced(source, output, (FRONT,), overwrite=True)
    assert (report.exit_code, FORMS[form][3](output) == first) == (0, False)
    assert left(tmp_path) == {source.name, output.name}


@pytest.mark.parametrize("form", FORMS)
def test_an_input_is_never_overwritten(tmp_path: Path, form: str) -> None:
    source, output, _ = made(tmp_path, form)
    output.symlink_to(source)
    for place in (source, output, source.parent / "." / source.name):
        with pytest.raises(OutputError, match="never overwritten"):
            enhanced(source, place, overwrite=True)
    if source.is_dir():
        with pytest.raises(OutputError, match="never overwritten"):
            enhanced(source, source / "inner", overwrite=True)
    else:
        (tmp_path / f"hard{source.suffix}").hardlink_to(source)
        with pytest.raises(OutputError, match="never overwritten"):
            enhanced(source, tmp_path / f"hard{source.suffix}", overwrite=True)


def test_outputs_of_another_form(tmp_path: Path) -> None:
    source, folder = making.mcap_file(tmp_path / "in.mcap", drive()), making.bag2(tmp_path / "in", drive())
    with pytest.raises(OutputError, match=r"end in \.mcap"):
        enhanced(source, tmp_path / "out.bag")
    with pytest.raises(OutputError, match=r"leave \.mcap out"):
        enhanced(folder, tmp_path / "out.mcap")
    (tmp_path / "there.mcap").mkdir()
    with pytest.raises(OutputError, match="is a folder, and the result is not a folder"):
        enhanced(source, tmp_path / "there.mcap", overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is not a folder, and the result is one"):
        enhanced(folder, tmp_path / "file", overwrite=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").touch()
    with pytest.raises(OutputError, match="holds more than a bag"):
        enhanced(folder, tmp_path / "home", overwrite=True)


def test_suffixes_that_give_no_new_topic(tmp_path: Path) -> None:
    said = [*drive(), Said(CAMERA + "_x", making.STRING, START, making.packed(making.text("here")))]
    source = making.mcap_file(tmp_path / "in.mcap", said)
    with pytest.raises(TopicError, match=f"has a topic {CAMERA}_x already"):
        enhanced(source, tmp_path / "out.mcap", suffix="_x")
    with pytest.raises(TopicError, match="empty suffix"):
        enhanced(source, tmp_path / "out.mcap", suffix="")


@pytest.mark.parametrize("form", FILES)
def test_logs_that_are_cut_short_are_read_as_far_as_they_go(tmp_path: Path, form: str) -> None:
    source, output, said = made(tmp_path, form)
    whole, read = source.read_bytes(), FORMS[form][3]
    counts = []
    for percent in range(5, 100, 5):
        source.write_bytes(whole[: len(whole) * percent // 100])
        try:
            report = enhanced(source, output, overwrite=True)
        except (TopicError, DamagedLogError):  # cut before the camera's first message
            continue
        if report.broken is None:  # all messages are there, only the index is cut
            assert report.copied + report.enhanced == len(said)
            continue
        assert (report.exit_code, bool(report.broken)) == (1, True)
        after = read(output)
        assert [one.topic for one in after] == [one.topic for one in said[: len(after)]]
        assert [one.data for one in after if one.topic != CAMERA] == [
            one.data for one in said[: len(after)] if one.topic != CAMERA
        ]
        assert report.copied + report.enhanced == len(after)
        assert summarise(source).broken
        counts.append(len(after))
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3


def test_a_database_that_is_cut_short(tmp_path: Path) -> None:
    big = [
        one if one.topic != CAMERA else one._replace(data=_large(place)) for place, one in enumerate(drive(frames=9))
    ]
    folder = making.bag2(tmp_path / "in", big)
    place = folder / "in.db3"
    whole = place.read_bytes()
    place.write_bytes(whole[: len(whole) * 2 // 3])
    report = enhanced(folder, tmp_path / "out")
    assert "in.db3: the file is damaged or cut short" in (report.broken or "")
    after = making.read_bag2(tmp_path / "out")
    assert 10 < len(after) == report.copied + report.enhanced < len(big)
    assert [one for one in after if one.topic != CAMERA] == [
        one._replace(sequence=0, published=0) for one in big[: len(after)] if one.topic != CAMERA
    ]
    assert summarise(folder).broken
    told = making.loaded((tmp_path / "out" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert told["message_count"] == len(after)


def _large(seed: int) -> bytes:
    return making.packed(making.image(Frame(noise(40, 50, seed)), seed))


def test_a_file_of_a_packed_bag_that_is_cut_short(tmp_path: Path) -> None:
    big = [
        one if one.topic != CAMERA else one._replace(data=_large(place)) for place, one in enumerate(drive(frames=60))
    ]
    folder = making.bag2(tmp_path / "in", big, "mcap", "file")
    place = folder / "in.mcap.zstd"
    place.write_bytes(place.read_bytes()[:-150_000])
    report = enhanced(folder, tmp_path / "out")
    assert (report.broken or "").startswith("in.mcap.zstd: ")
    assert 50 < len(making.read_bag2(tmp_path / "out")) < len(big)


@pytest.mark.parametrize("suffix", [None, "_x"])
@pytest.mark.parametrize("form", ["mcap zstd", "mcap lz4", "mcap"])
def test_a_damaged_chunk_of_an_mcap_is_passed_on(tmp_path: Path, form: str, suffix: str | None) -> None:
    said = drive(frames=6)
    source, output, _ = made(tmp_path, form, said)
    data = bytearray(source.read_bytes())
    at = _chunk_place(source, 1)[0] + 120
    data[at : at + 8] = bytes(255 - value for value in data[at : at + 8])
    source.write_bytes(data)
    report = enhanced(source, output, suffix=suffix)
    assert report.broken is None
    assert report.exit_code == 1
    assert all("in a chunk that" in damage.reason for damage in report.damages)
    times = {one.time for one in said}
    assert {damage.time for damage in report.damages} <= times
    assert {damage.topic for damage in report.damages} <= {one.topic for one in said}
    assert report.copied + report.enhanced == len(said)
    assert data[at - 20 : at + 40] in output.read_bytes()


def _chunk_place(path: Path, number: int) -> tuple[int, int]:
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
        assert summary is not None
        row = summary.chunk_indexes[number]
        return row.chunk_start_offset, row.chunk_start_offset + row.chunk_length


def test_a_damaged_chunk_without_an_index(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive(frames=6))
    data = bytearray(source.read_bytes())
    start, place = _chunk_place(source, 1)
    data[start + 33] ^= 255  # its checksum
    while data[place] == 7:  # the index that follows becomes records of a private kind
        data[place] = 0x80
        place += 9 + int.from_bytes(data[place + 1 : place + 9], "little")
    source.write_bytes(data)
    report = enhanced(source, tmp_path / "out.mcap")
    assert (report.exit_code, report.broken) == (1, None)
    (damage,) = report.damages
    assert str(damage).startswith("several topics at 1700000000.1")
    assert report.enhanced >= 5


@pytest.mark.parametrize("compression", ["bz2", "lz4"])
def test_a_damaged_chunk_of_a_bag_is_passed_on(tmp_path: Path, compression: str) -> None:
    said = drive(ros1=True, frames=6)
    source = making.bag1(tmp_path / "in.bag", said, compression, 700)
    data = bytearray(source.read_bytes())
    starts = [place for place in range(len(data)) if data.startswith(b"compression=", place)]
    at = starts[2] + 80
    data[at : at + 8] = bytes(255 - value for value in data[at : at + 8])
    source.write_bytes(data)
    report = enhanced(source, tmp_path / "out.bag")
    assert report.broken is None
    assert {damage.topic for damage in report.damages} <= {one.topic for one in said}
    assert {damage.time for damage in report.damages} <= {one.time for one in said}
    assert report.copied + report.enhanced == len(said)
    assert summarise(tmp_path / "out.bag").count < len(said)


def test_what_is_no_log(tmp_path: Path) -> None:
    for name, data, kind in (
        ("a.bag", b"", DamagedLogError),
        ("b.mcap", b"", DamagedLogError),
        ("c.db3", b"", DamagedLogError),
        ("d.mcap", b"something else entirely", UnsupportedLogError),
        ("e.bag", b"#ROSBAG V1.2\n" + bytes(99), UnsupportedLogError),
        ("f.bag", b"#ROSBAG V2.0\n" + bytes(99), DamagedLogError),
        ("g.bag", b"#ROSBAG V2.0\n\x09\0", DamagedLogError),
        ("h.db3", b"SQLite format 3\0" + b"?" * 4096, DamagedLogError),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(kind):
            summarise(tmp_path / name)
        with pytest.raises(kind):
            enhanced(tmp_path / name, tmp_path / f"out{Path(name).suffix}")
    with pytest.raises(LogError, match="no such file"):
        summarise(tmp_path / "none.bag")
    with pytest.raises(LogError, match="no such file"):
        enhanced(tmp_path / "none.bag", tmp_path / "out.bag")
    assert not list(tmp_path.glob("out*"))


def test_an_encrypted_bag(tmp_path: Path) -> None:
    source = making.bag1(tmp_path / "in.bag", drive(ros1=True))
    data = source.read_bytes()
    entry = b"encryptor=rosbag/Aes"
    size = int.from_bytes(data[13:17], "little")
    header = data[17 : 17 + size] + len(entry).to_bytes(4, "little") + entry
    source.write_bytes(data[:13] + len(header).to_bytes(4, "little") + header + data[17 + size :])
    with pytest.raises(UnsupportedLogError, match="encrypted"):
        summarise(source)


def test_other_databases_and_folders(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db3")
    connection.execute("CREATE TABLE cats (name)")
    connection.close()
    with pytest.raises(DamagedLogError, match="the table topics lacks id, name"):
        summarise(tmp_path / "a.db3")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsupportedLogError, match="neither metadata"):
        summarise(tmp_path / "empty")
    folder = making.bag2(tmp_path / "in", drive())
    words = (folder / "metadata.yaml").read_text()
    (folder / "metadata.yaml").write_text("{")
    with pytest.raises(DamagedLogError, match="metadata.yaml cannot be read"):
        summarise(folder)
    (folder / "metadata.yaml").write_text(words.replace("compression_mode: ''", "compression_mode: FILE"))
    with pytest.raises(UnsupportedLogError, match="only zstd is known"):
        summarise(folder)
    (folder / "metadata.yaml").write_text(words)
    (folder / "in.db3").unlink()
    with pytest.raises(DamagedLogError, match=r"lacks in\.db3"):
        summarise(folder)


def test_a_database_in_use(tmp_path: Path) -> None:
    """A recorder leaves its last messages in a log beside the file."""
    folder = making.bag2(tmp_path / "in", drive())
    connection = sqlite3.connect(folder / "in.db3")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(
        "INSERT INTO messages (topic_id, timestamp, data) SELECT topic_id, 1, data FROM messages LIMIT 1"
    )
    connection.commit()
    try:
        assert summarise(folder).count == 13
        assert enhanced(folder, tmp_path / "out").enhanced == 4
    finally:
        connection.close()
    assert len(making.rows(tmp_path / "out" / "in.db3", "messages")) == 13


def test_unknown_records_and_channels_without_schema_are_kept(tmp_path: Path) -> None:
    source, output = tmp_path / "in.mcap", tmp_path / "out.mcap"
    with source.open("wb") as file:
        writer = McapWriter(file, compression=CompressionType.LZ4)
        writer.start(profile="", library="")
        channel = writer.register_channel("/json", "json", 0)
        schema = writer.register_schema(making.IMAGE, "ros2msg", b"")
        camera = writer.register_channel(CAMERA, "cdr", schema)
        other = writer.register_channel("/camera", "protobuf", schema)
        for number in range(3):
            writer.add_message(channel, number, b"{}", number)
            writer.add_message(other, number, b"\x08\x01", number)
            writer.add_message(camera, number, making.packed(making.image(Frame(noise(2, 2)))), number)
        writer.finish()
    data = source.read_bytes()
    private = b"\x99" + (5).to_bytes(8, "little") + b"hello"
    head = 8 + 9 + int.from_bytes(data[9:17], "little")
    source.write_bytes(data[:head] + private + data[head:])
    report = enhanced(source, output, ())
    assert (report.enhanced, report.copied) == (3, 6)
    assert private in output.read_bytes()
    with output.open("rb") as one:
        found = [(channel.topic, message.data) for _, channel, message in make_reader(one).iter_messages()]
    assert [data for topic, data in found if topic != CAMERA] == [b"{}", b"\x08\x01"] * 3


@pytest.mark.parametrize("form", FORMS)
def test_who_stops_gets_nothing(tmp_path: Path, form: str) -> None:
    source, output, _ = made(tmp_path, form)
    asked = itertools.count()
    report = enhanced(source, output, stopped=lambda: next(asked) == 7)
    assert (report.stopped, report.exit_code) == (True, 1)
    assert left(tmp_path) == {source.name, f".{output.name}.highbeam"}  # waits to be resumed
    assert not any("whole" in path.name for path in tmp_path.rglob("*"))


def test_errors_of_a_method_leave_nothing(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive())

    def make() -> Any:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        enhance_log(source, tmp_path / "out.mcap", (CAMERA,), make)
    assert left(tmp_path) == {"in.mcap"}


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LogWriteError, match="No space left"):
        enhanced(source, tmp_path / "out.mcap")
    assert left(tmp_path) == {"in.mcap"}


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("form", ["mcap", "folder"])
def test_a_place_that_is_taken_meanwhile(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    source, output, _ = made(tmp_path, form)
    if not linked:

        def refuse(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refuse)
        enhanced(source, tmp_path / f"fine{source.suffix}")

    def make() -> Any:
        output.write_bytes(b"mine")
        return inverted

    with pytest.raises(OutputError, match="exists already"):
        enhance_log(source, output, (CAMERA,), make)
    assert output.read_bytes() == b"mine"


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcap", None)
    with pytest.raises(RuntimeMissingError, match=r"highbeam\[robotics\]"):
        summarise(tmp_path / "x.mcap")


def test_which_paths_are_logs(tmp_path: Path) -> None:
    folder = making.bag2(tmp_path / "bag", drive(), "mcap", "file")
    (tmp_path / "pictures").mkdir()
    assert all(is_log(path) for path in (str(folder), "a.bag", "b.MCAP", "c.db3"))
    assert not any(is_log(path) for path in (str(tmp_path), str(tmp_path / "pictures"), "a.png", "bag"))


def test_a_folder_of_pictures_stays_one_whatever_else_is_in_it(tmp_path: Path) -> None:
    bag = making.bag2(tmp_path / "bag", drive())
    making.mcap_file(tmp_path / "drive.mcap", drive())
    assert is_log(tmp_path)
    for folder in (tmp_path, bag):
        (folder / "preview.jpg").touch()
    assert not is_log(tmp_path)
    assert is_log(bag), "it has metadata.yaml"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    source = making.mcap_file(tmp_path / "in.mcap", drive())
    (tmp_path / "file").touch()
    with pytest.raises(LogWriteError, match="its folder cannot be made"):
        enhanced(source, tmp_path / "file" / "out.mcap")


def test_rates_need_two_times() -> None:
    row = TopicSummary("/a", "t", "cdr", camera=False, count=1, start=5, end=5)
    assert row.rate is None


def test_memory_is_flat(tmp_path: Path) -> None:
    """Sixteen times as long a log takes no more memory than a short one."""
    import tracemalloc

    peaks = []
    for frames in (4, 64):
        said = [Said(CAMERA, making.IMAGE, START + n, _large(n)) for n in range(frames)]
        source = making.mcap_file(tmp_path / f"{frames}.mcap", said, chunk_size=20_000)
        summary = summarise(source)
        tracemalloc.start()
        enhanced(source, tmp_path / f"out{frames}.mcap", summary=summary)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 100_000


@pytest.mark.parametrize("suffix", [None, "_x"])
@pytest.mark.parametrize("form", ["bag", "mcap"])
def test_channels_that_only_a_damaged_chunk_and_the_index_describe(
    tmp_path: Path, form: str, suffix: str | None
) -> None:
    said = drive(ros1=form == "bag", frames=6)
    source, output, _ = made(tmp_path, form, said)
    data = bytearray(source.read_bytes())
    if form == "mcap":
        data[_chunk_place(source, 0)[0] + 33] ^= 255  # the checksum
    else:
        data[data.index(b"size=") + 5] ^= 1
    source.write_bytes(data)
    report = enhanced(source, output, suffix=suffix)
    assert report.broken is None
    assert 3 <= report.enhanced < 6
    assert report.enhanced + report.copied == len(said)
    if form == "mcap":
        with output.open("rb") as file:
            found = [(c.topic, m.data) for _, c, m in make_reader(file).iter_messages(log_time_order=False)]
    else:
        data = bytearray(output.read_bytes())
        data[data.index(b"size=") + 5] ^= 1
        output.write_bytes(data)
        found = [(one.topic, one.data) for one in making.read_bag1(output)]
    assert sum(topic == CAMERA + (suffix or "") for topic, _ in found) == (6 if suffix is None else report.enhanced)


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=15)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_whatever_is_damaged_is_an_error_of_ours_or_told(
    form: str, places: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("fuzz")
    source, output, _ = made(tmp_path, form)
    data = bytearray(source.read_bytes())
    for place, change in places:
        data[int(place * len(data))] ^= change
    source.write_bytes(data)
    with contextlib.suppress(HighbeamError):
        report = enhanced(source, output, suffix="_x")
        assert output.is_file()
        assert report.enhanced <= 3
    assert left(tmp_path) <= {source.name, output.name}


@settings(max_examples=15)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4))
def test_databases_too(places: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp_path = tmp_path_factory.mktemp("fuzz")
    source = making.bag2(tmp_path / "in", drive()) / "in.db3"
    data = bytearray(source.read_bytes())
    for place, change in places:
        data[int(place * len(data))] ^= change
    source.write_bytes(data)
    with contextlib.suppress(HighbeamError):
        enhanced(source, tmp_path / "out.db3", suffix="_x")
    assert left(tmp_path) <= {"in", "out.db3"}
