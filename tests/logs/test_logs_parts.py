"""The parts that the forms of logs share, each by itself: packing, metadata, places, records, counting."""

from __future__ import annotations

import errno
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from mcap.opcode import Opcode

from highbeam.errors import DamagedLogError, LogWriteError, OutputError, UnsupportedLogError
from highbeam.logs import LogReport, TopicReport, check_output, enhance_log, mcaps, metadata, packing, ros1, summarise
from highbeam.logs.edit import Edit, StoppedError, Tally, picture_of
from highbeam.logs.errors import FrameError
from highbeam.logs.messages import compressed_layout, exchanged, image_layout
from highbeam.logs.model import UNKNOWN, Channel, Damage, LogSummary, TopicSummary, plain_type
from highbeam.logs.packing import PackingError
from highbeam.logs.placing import placed, working
from tests.logs import making
from tests.logs.making import CAMERA, CHATTER, FRONT, Frame, drive, inverted, loaded, noise

PACKS = ["none", "bz2", "lz4", "zstd"]
CAMERA_CHANNEL = Channel(CAMERA, making.IMAGE, "cdr")


@given(data=st.binary(max_size=4000), name=st.sampled_from(PACKS))
def test_what_is_packed_is_unpacked(data: bytes, name: str) -> None:
    assert packing.unpack(packing.pack(data, name), name) == data
    assert packing.unpacked_message(packing.packed_message(data)) == data


@pytest.mark.parametrize("name", PACKS[1:])
def test_what_is_cut_short_is_unpacked_as_far_as_it_goes(name: str) -> None:
    data = np.random.default_rng(1).bytes(3_000_000)  # several blocks of every compression
    packed = packing.pack(data, name)[:-1000]
    with pytest.raises(PackingError, match="its end is missing"):
        packing.unpack(packed, name)
    part = packing.unpack(packed, name, whole=False)
    assert 0 < len(part) < len(data)
    assert data.startswith(part)


@pytest.mark.parametrize("name", PACKS[1:])
def test_what_was_never_packed(name: str) -> None:
    with pytest.raises(PackingError, match="cannot be unpacked"):
        packing.unpack(b"no frame of any compression", name)


def test_messages_that_were_never_packed() -> None:
    with pytest.raises(FrameError, match="the message cannot be unpacked"):
        packing.unpacked_message(b"plain")


def test_packed_messages_state_their_size() -> None:
    assert zstandard.get_frame_parameters(packing.packed_message(b"x" * 999)).content_size == 999


def test_files_are_packed_and_unpacked(tmp_path: Path) -> None:
    plain, packed, back = (tmp_path / name for name in ("plain", "packed", "back"))
    plain.write_bytes(np.random.default_rng(2).bytes(500_000))
    packing.pack_file(plain, packed)
    assert packing.unpack_file(packed, back) is None
    assert back.read_bytes() == plain.read_bytes()
    packed.write_bytes(b"no frame at all")
    assert "cannot be unpacked to its end" in str(packing.unpack_file(packed, back))


METADATA = """\
rosbag2_bagfile_information:
  version: 5
  topics_with_message_count:
    - topic_metadata: {name: /a, type: sensor_msgs/msg/Image, offered_qos_profiles: "- history: 1\\n"}
      message_count: 3
    - topic_metadata: {name: /b, type: std_msgs/msg/String}
      message_count: 2
  message_count: 5
  files:
    - path: one.db3
      message_count: 4
    - path: two.db3
      message_count: 1
  unknown: [kept]
"""


def test_metadata_is_told_anew() -> None:
    text = metadata.retold(METADATA, {"/a": "/a_new"}, {"/a": 3, "/a_new": 3, "/b": 2}, {"one.db3": 7})
    said = loaded(text)["rosbag2_bagfile_information"]
    rows = {row["topic_metadata"]["name"]: row for row in said["topics_with_message_count"]}
    assert {name: row["message_count"] for name, row in rows.items()} == {"/a": 3, "/b": 2, "/a_new": 3}
    assert {**rows["/a_new"]["topic_metadata"], "name": "/a"} == rows["/a"]["topic_metadata"]
    assert said["message_count"] == 8
    assert [row["message_count"] for row in said["files"]] == [7, 1]
    assert said["unknown"] == ["kept"]


def test_metadata_within_a_file_has_no_heading() -> None:
    inner = "topics_with_message_count:\n- topic_metadata: {name: /a}\n  message_count: 9\nmessage_count: 9\n"
    assert loaded(metadata.retold(inner, {}, {"/a": 4}, {}))["message_count"] == 4


@pytest.mark.parametrize("text", ["", "plain words", "a: [", "[1, 2]", "a: 1", "topics_with_message_count: [5]"])
def test_metadata_that_makes_no_sense_stays_as_it_is(text: str) -> None:
    assert metadata.retold(text, {"/a": "/b"}, {}, {}) == text


@pytest.mark.parametrize("text", ["", "a: [", "rosbag2_bagfile_information: 5", "rosbag2_bagfile_information: {}"])
def test_a_bag_whose_metadata_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / metadata.NAME).write_text(text)
    with pytest.raises(DamagedLogError, match=r"metadata\.yaml cannot be read"):
        metadata.bag_files(tmp_path)


@pytest.mark.parametrize(("mode", "form"), [("MESSAGE", "gzip"), ("STREAM", "zstd"), ("FILE", "")])
def test_a_bag_that_is_packed_in_an_unknown_way(tmp_path: Path, mode: str, form: str) -> None:
    head = "rosbag2_bagfile_information:\n  relative_file_paths: []\n"
    (tmp_path / metadata.NAME).write_text(f"{head}  compression_mode: {mode}\n  compression_format: '{form}'\n")
    with pytest.raises(UnsupportedLogError, match="only zstd is known"):
        metadata.bag_files(tmp_path)


def test_a_bag_that_lacks_a_file(tmp_path: Path) -> None:
    folder = making.bag2(tmp_path / "bag", drive())
    (folder / "bag.db3").unlink()
    with pytest.raises(DamagedLogError, match=r"lacks bag\.db3, which metadata\.yaml names"):
        summarise(folder)


def test_files_without_metadata_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        (tmp_path / f"log_{number}.mcap").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in metadata.bag_files(tmp_path).files] == ["log_1.mcap", "log_9.mcap", "log_10.mcap"]


def test_a_place_is_given_whole_or_not_at_all(tmp_path: Path) -> None:
    output = tmp_path / "new" / "out.mcap"
    with working(output) as folder:
        (folder / "whole.tmp").write_bytes(b"of a run that was killed")
        with pytest.raises(ZeroDivisionError), placed(output, folder, overwrite=False) as temporary:
            temporary.write_bytes(b"half" * (1 // temporary.write_bytes(b"")))
        assert names(output.parent) == [folder.name]
        assert names(folder) == ["lock"]
        with placed(output, folder, overwrite=False) as temporary:
            temporary.write_bytes(b"whole")
            assert not output.exists()
        assert names(output.parent) == [folder.name, "out.mcap"]
        with (
            pytest.raises(OutputError, match="exists already"),
            placed(output, folder, overwrite=False) as temporary,
        ):
            temporary.write_bytes(b"other")
        assert names(folder) == ["lock"]
    assert output.read_bytes() == b"whole"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    output = tmp_path / "bag"
    with working(output) as folder:
        for words, overwrite in (("first", False), ("second", True)):
            with placed(output, folder, overwrite=overwrite) as temporary:
                temporary.mkdir()
                (temporary / "a.db3").write_text(words)
        assert (output / "a.db3").read_text() == "second"
        assert names(folder) == ["lock"]
        with (
            pytest.raises(OutputError, match="exists already"),
            placed(output, folder, overwrite=False) as temporary,
        ):
            temporary.mkdir()


def test_a_folder_that_was_moved_aside_gets_its_name_back(tmp_path: Path) -> None:
    output = tmp_path / "bag"
    with working(output) as folder:
        (folder / "old").mkdir()
        (folder / "old" / "a.db3").write_text("first")
    with working(output) as folder:
        assert names(folder) == ["lock"]
        assert (output / "a.db3").read_text() == "first"


def test_two_do_not_make_one_result(tmp_path: Path) -> None:
    with (
        working(tmp_path / "out.bag"),
        pytest.raises(OutputError, match=r"out\.bag: is being made by another process"),
        working(tmp_path / "out.bag"),
    ):
        pass


def test_what_the_disk_says_is_told(tmp_path: Path) -> None:
    place = placed(tmp_path / "out.bag", tmp_path, overwrite=False)
    with pytest.raises(LogWriteError, match=r"out\.bag: cannot be written \(No space"), place:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_outputs_within_inputs_and_around_them(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    bag = making.bag2(tmp_path / "in" / "bag", drive())
    for output in (bag, bag / "inside", tmp_path / "in", tmp_path / "in" / ".." / "in" / "bag"):
        with pytest.raises(OutputError, match="would meet the input"):
            check_output(bag, output, overwrite=True)
    check_output(bag, tmp_path / "in" / "other", overwrite=False)


def framed(op: int, content: bytes) -> bytes:
    return mcaps.HEAD.pack(op, len(content)) + content


def chunk(data: bytes, compression: bytes = b"", size: int | None = None, crc: int = 0) -> mcaps.Record:
    """A chunk of an MCAP as the specification has it."""
    head = struct.pack("<QQQII", 0, 9, len(data) if size is None else size, crc, len(compression))
    return mcaps.Record(Opcode.CHUNK, head + compression + struct.pack("<Q", len(data)) + data)


def test_chunks_of_mcaps() -> None:
    inner = framed(200, b"one") + framed(201, b"two")
    read, found = mcaps.chunk_of(chunk(inner))
    assert read.message_end_time == 9
    assert [(record.op, bytes(record.content)) for record in found] == [(200, b"one"), (201, b"two")]
    for wrong, told in (
        (chunk(inner, b"brotli"), "is packed with 'brotli', which is not known"),
        (chunk(inner, size=5), "and not the 5 that it states"),
        (chunk(inner, crc=77), "its checksum is another"),
        (chunk(inner + b"rest"), "its records do not fill it"),
        (chunk(inner[:-1]), "its records do not fill it"),
    ):
        with pytest.raises(PackingError, match=told):
            mcaps.chunk_of(wrong)
    _, found = mcaps.chunk_of(chunk(inner[:-1])._replace(whole=False))
    assert [record.op for record in found] == [200]


def test_a_summary_that_is_not_what_its_checksum_says_is_not_believed(tmp_path: Path) -> None:
    path = making.mcap_file(tmp_path / "a.mcap", drive())
    with path.open("rb") as file:
        assert {record.op for record in mcaps.described(file)} == {Opcode.SCHEMA, Opcode.CHANNEL}
    data = bytearray(path.read_bytes())
    data[data.rindex(b"camera")] ^= 1
    path.write_bytes(data)
    with path.open("rb") as file:
        assert mcaps.described(file) == []
        assert file.tell() == 0
    path.write_bytes(b"short")
    with path.open("rb") as file:
        assert mcaps.described(file) == []


def bag_record(fields: dict[bytes, bytes], data: bytes = b"") -> bytes:
    header = b"".join(struct.pack("<I", len(k + v) + 1) + k + b"=" + v for k, v in fields.items())
    return struct.pack("<I", len(header)) + header + struct.pack("<I", len(data)) + data


@pytest.mark.parametrize("op", [{}, {b"op": b""}, {b"op": b"\xf0"}])
def test_records_of_a_bag_of_no_known_kind(tmp_path: Path, op: dict[bytes, bytes]) -> None:
    path = making.bag1(tmp_path / "in.bag", drive(ros1=True))
    whole = path.read_bytes()
    path.write_bytes(whole + bag_record({**op, b"more": b"1"}, b"unknown"))
    assert summarise(path).count == 12
    report = enhance_log(path, tmp_path / "out.bag", [CAMERA], lambda: inverted)
    assert (report.enhanced, report.broken) == (3, None)
    assert len(making.read_bag1(tmp_path / "out.bag")) == 12


def test_headers_of_a_bag_that_cannot_be_read() -> None:
    assert ros1.fields_of(b"\x04\0\0\0a==b") == {b"a": b"=b"}
    for header in (b"\x03\0\0\0abc", b"\x09\0\0\0a=b", b"\0\0\0\0"):
        with pytest.raises(ros1.EndsError, match="header cannot be read"):
            ros1.fields_of(header)


def test_chunks_of_bags() -> None:
    message = bag_record({b"op": b"\x02", b"conn": bytes(4), b"time": bytes(8)}, b"x")
    fields = {b"op": b"\x05", b"compression": b"none", b"size": struct.pack("<I", len(message))}
    assert [bytes(row.data) for row in ros1.records_of(ros1.Record(fields, b"", message))] == [b"x"]
    for changed, data, told in (
        ({b"compression": b"brotli"}, message, "'brotli', which is not known"),
        ({b"size": b"\1\0\0\0"}, message, "not the 1 that it states"),
        ({b"size": struct.pack("<I", len(message) - 1)}, message[:-1], "ends within a record"),
        ({b"size": struct.pack("<I", 9)}, bytes(9), "is damaged"),
    ):
        with pytest.raises(PackingError, match=told):
            ros1.records_of(ros1.Record({**fields, **changed}, b"", data))
    cut = ros1.Record({**fields, b"cut": b""}, b"", message + message[:-2])
    assert len(ros1.records_of(cut)) == 1


@given(seconds=st.integers(0, 2**32 - 1), rest=st.integers(0, 10**9 - 1))
def test_times_of_bags(seconds: int, rest: int) -> None:
    assert ros1.time_of(struct.pack("<II", seconds, rest)) == seconds * 10**9 + rest


_TEXT = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=9)


@given(
    frame=_TEXT, encoding=_TEXT, height=st.integers(0, 9), width=st.integers(0, 9), big=st.booleans(),
    samples=st.binary(max_size=30), ros1=st.booleans(),
)  # fmt: skip
def test_samples_are_found_whatever_is_before_them(
    frame: str, encoding: str, height: int, width: int, samples: bytes, *, big: bool, ros1: bool
) -> None:
    """Texts of every length move what follows them to other places, which CDR fills up to whole words."""
    store = making.ROS1 if ros1 else making.ROS2
    message = store.types[making.IMAGE](
        header=making.stamp(0, frame, ros1=ros1), height=height, width=width, encoding=encoding, is_bigendian=int(big),
        step=7, data=np.frombuffer(samples, np.uint8),
    )  # fmt: skip
    data = making.packed(message, ros1=ros1)
    layout = image_layout(data, "ros1" if ros1 else "cdr")
    assert (layout.height, layout.width, layout.encoding, layout.big_endian) == (height, width, encoding, big)
    assert (data[layout.start : layout.end], layout.step) == (samples, 7)


@given(frame=_TEXT, format=_TEXT, old=st.binary(max_size=20), new=st.binary(max_size=20), ros1=st.booleans())
def test_files_are_exchanged_whatever_their_lengths(
    frame: str, format: str, old: bytes, new: bytes, *, ros1: bool
) -> None:
    kind, header = (making.ROS1 if ros1 else making.ROS2).types[making.COMPRESSED], making.stamp(0, frame, ros1=ros1)
    messages = (kind(header=header, format=format, data=np.frombuffer(file, np.uint8)) for file in (old, new))
    data, wanted = (making.packed(message, ros1=ros1) for message in messages)
    assert exchanged(data, compressed_layout(data, "ros1" if ros1 else "cdr"), new) == wanted


def edit(**words: Any) -> Edit:
    return Edit([CAMERA], lambda: inverted, LogReport("in", "out"), **words)


def test_messages_of_other_topics_pass_as_the_objects_that_they_are() -> None:
    worked, data = edit(), memoryview(b"anything")
    kept, made = worked.results(Channel(CHATTER, making.STRING, "cdr"), 5, data)
    assert kept is data
    assert made is None
    assert (worked.report.copied, worked.written[CHATTER]) == (1, 1)
    assert worked.results(UNKNOWN, 5, data)[0] is data


def test_pictures_are_written_in_the_place_of_the_originals_or_beside_them() -> None:
    data = making.packed(making.image(Frame(noise(4, 5))))
    changed, nothing = edit().results(CAMERA_CHANNEL, 5, data)
    assert nothing is None
    beside = edit(suffix="_new")
    assert beside.results(CAMERA_CHANNEL, 5, data) == (data, changed)
    assert beside.added(CAMERA_CHANNEL) == Channel(f"{CAMERA}_new", making.IMAGE, "cdr")
    assert beside.added(Channel(CHATTER, making.STRING, "cdr")) is None
    assert beside.names() == {CAMERA: f"{CAMERA}_new"}
    assert beside.written == {CAMERA: 1, f"{CAMERA}_new": 1}
    packed = edit(packed=True).results(CAMERA_CHANNEL, 5, packing.packed_message(data))[0]
    assert packing.unpacked_message(packed) == changed


def test_an_unknown_encoding_is_damage_only_after_pictures_that_were_taken() -> None:
    strange = making.packed(making.image(Frame(noise(2, 2), "8UC3")))
    with pytest.raises(UnsupportedLogError, match=rf"in: {CAMERA}: encoding '8UC3' is not taken"):
        edit().results(CAMERA_CHANNEL, 5, strange)
    worked = edit()
    worked.results(CAMERA_CHANNEL, 5, making.packed(making.image(Frame(noise(2, 2)))))
    assert worked.results(CAMERA_CHANNEL, 6, strange) == (strange, None)
    assert worked.report.topics == {CAMERA: TopicReport(CAMERA, enhanced=1, damaged=1)}
    assert worked.report.exit_code == 1


def test_who_asks_to_stop_is_heard_before_every_message() -> None:
    with pytest.raises(StoppedError):
        edit(stopped=lambda: True).results(UNKNOWN, 5, b"")


def test_damage_is_told_with_topic_and_time() -> None:
    assert str(Damage(CAMERA, 1_700_000_000_000_000_042, "gone")) == f"{CAMERA} at 1700000000.000000042 s: gone"
    worked = edit()
    worked.passed("", [7, 5], "is damaged")
    worked.passed(CAMERA, [], "is damaged")
    first, second = map(str, worked.report.damages)
    assert first == "several topics at 0.000000005 s: 2 messages are in a chunk that is damaged"
    assert second.endswith("the message is in a chunk that is damaged")
    assert worked.report.copied == 2


def test_a_tally_counts_by_topic_and_looks_once() -> None:
    tally, data = Tally(), making.packed(making.image(Frame(noise(4, 5))))
    assert tally.add(CAMERA_CHANNEL, 30, 100)
    tally.look(CAMERA_CHANNEL, b"cut")
    assert tally.add(CAMERA_CHANNEL, 10, 50), "the first told nothing"
    tally.look(CAMERA_CHANNEL, data)
    assert not tally.add(CAMERA_CHANNEL, 20, 50)
    assert not tally.add(Channel("/a", making.STRING, "cdr"), 20, 1)
    other, camera = tally.topics()
    assert (other.topic, other.camera) == ("/a", False)
    assert (camera.count, camera.size, camera.start, camera.end, camera.picture) == (3, 200, 10, 30, "5x4 rgb8")


def test_pictures_are_told_in_words() -> None:
    file = making.packed(making.compressed(making.jpeg()))
    assert picture_of(Channel(FRONT, making.COMPRESSED, "cdr"), file) == "24x16 jpeg"
    strange = making.packed(making.compressed(b"?", "h264"))
    assert picture_of(Channel(FRONT, making.COMPRESSED, "cdr"), strange) == "h264"


def test_names_and_kinds() -> None:
    assert plain_type("sensor_msgs/Image") == plain_type("sensor_msgs/msg/Image") == making.IMAGE
    assert Channel("/a", making.IMAGE, "protobuf").kind is None
    assert Channel("/a/compressedDepth", making.COMPRESSED, "cdr").kind is None
    assert Channel("/a", making.COMPRESSED, "ros1").kind == "compressed"


def test_summaries_add_up() -> None:
    some = TopicSummary("/a", "t", "cdr", camera=True, count=3, start=10**9, end=3 * 10**9)
    summary = LogSummary("a", "MCAP", topics=[some, TopicSummary("/b", "t", "cdr", camera=False)])
    assert (summary.count, summary.start, summary.end, summary.cameras) == (3, 10**9, 3 * 10**9, ("/a",))
    assert summary.duration == pytest.approx(2.0)
    assert some.rate == pytest.approx(1.0)
    assert summary.topics[1].rate is None
    assert LogSummary("a", "MCAP").duration == 0.0
