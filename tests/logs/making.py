"""Logs written by the libraries that robots use, and read by them again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from numpy.typing import NDArray
from rosbags import rosbag1, rosbag2
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2.metadata import dump_qos_v8
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from ruamel.yaml import YAML

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
IMAGE, COMPRESSED, STRING = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "std_msgs/msg/String"
STRANGE = "robot_msgs/msg/Strange"
STRANGE_TEXT = "int32 first\nfloat64[] rest\n"
for store in (ROS1, ROS2):
    store.register(get_types_from_msg(STRANGE_TEXT, STRANGE))

CAMERA, FRONT, CHATTER, ODD = "/camera/image_raw", "/front/compressed", "/chatter", "/odd"
START = 1_700_000_000_123_456_789
QOS = Qos(
    QosHistory.KEEP_LAST,
    7,
    QosReliability.BEST_EFFORT,
    QosDurability.VOLATILE,
    QosTime(1, 2),
    QosTime(3, 4),
    QosLiveliness.AUTOMATIC,
    QosTime(5, 6),
    avoid_ros_namespace_conventions=False,
)

Pixels = NDArray[Any]


class Said(NamedTuple):
    """A message as it lies in a log; its number and its time of publication where the form has them."""

    topic: str
    type: str
    time: int
    data: bytes
    sequence: int = 0
    published: int = 0


@dataclass(frozen=True)
class Frame:
    """A picture to be put into a message."""

    pixels: Pixels
    encoding: str = "rgb8"
    padding: int = 0
    big_endian: bool = False

    @property
    def data(self) -> bytes:
        """Rows with their padding, which is not zero."""
        pixels = self.pixels.astype(self.pixels.dtype.newbyteorder(">" if self.big_endian else "<"))
        return b"".join(row.tobytes() + bytes([0xAB]) * self.padding for row in pixels)

    @property
    def step(self) -> int:
        return int(self.pixels[0].nbytes) + self.padding


def stamp(number: int, frame: str = "camera_optical", *, ros1: bool) -> Any:
    store = ROS1 if ros1 else ROS2
    time = store.types["builtin_interfaces/msg/Time"](sec=17 + number, nanosec=23)
    kind = store.types["std_msgs/msg/Header"]
    return kind(seq=100 + number, stamp=time, frame_id=frame) if ros1 else kind(stamp=time, frame_id=frame)


def image(frame: Frame, number: int = 0, *, ros1: bool = False) -> Any:
    """An ``Image`` message as an object."""
    return (ROS1 if ros1 else ROS2).types[IMAGE](
        header=stamp(number, ros1=ros1),
        height=frame.pixels.shape[0],
        width=frame.pixels.shape[1],
        encoding=frame.encoding,
        is_bigendian=int(frame.big_endian),
        step=frame.step,
        data=np.frombuffer(frame.data, np.uint8),
    )


def compressed(data: bytes, format: str = "jpeg", number: int = 0, *, ros1: bool = False) -> Any:
    """A ``CompressedImage`` message as an object."""
    return (ROS1 if ros1 else ROS2).types[COMPRESSED](
        header=stamp(number, "front", ros1=ros1), format=format, data=np.frombuffer(data, np.uint8)
    )


def text(words: str, *, ros1: bool = False) -> Any:
    return (ROS1 if ros1 else ROS2).types[STRING](data=words)


def strange(number: int, *, ros1: bool = False) -> Any:
    return (ROS1 if ros1 else ROS2).types[STRANGE](first=number, rest=np.arange(number, dtype=np.float64))


def packed(message: Any, *, ros1: bool = False) -> bytes:
    """A message as bytes."""
    kind = message.__msgtype__
    return bytes(ROS1.serialize_ros1(message, kind) if ros1 else ROS2.serialize_cdr(message, kind))


def unpacked(said: Said, *, ros1: bool = False) -> Any:
    """A message as an object."""
    store = ROS1 if ros1 else ROS2
    return store.deserialize_ros1(said.data, said.type) if ros1 else store.deserialize_cdr(said.data, said.type)


def noise(height: int, width: int, seed: int = 0, dtype: Any = np.uint8) -> Pixels:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)


def jpeg(seed: int = 0) -> bytes:
    smooth = cv2.resize(noise(3, 4, seed), (24, 16), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", smooth)[1].tobytes())


def png(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes())


def drive(*, ros1: bool = False, frames: int = 3) -> list[Said]:
    """What a robot says: pictures of two cameras, words, and messages of a type that nobody knows."""
    said = []
    for number in range(frames):
        time = START + number * 100_000_000
        messages = (
            (CAMERA, image(Frame(noise(6, 5, number), padding=3), number, ros1=ros1)),
            (CHATTER, text(f"hello {number}", ros1=ros1)),
            (FRONT, compressed(jpeg(number), number=number, ros1=ros1)),
            (ODD, strange(number, ros1=ros1)),
        )
        for place, (topic, message) in enumerate(messages):
            data = packed(message, ros1=ros1)
            said.append(Said(topic, message.__msgtype__, time + place, data, 7 * number + place, time - 5))
    return said


def bag1(path: Path, said: list[Said], compression: str = "none", chunk: int = 1 << 20) -> Path:
    """Write a bag of ROS 1."""
    writer = rosbag1.Writer(path)
    if compression != "none":
        writer.set_compression(rosbag1.Writer.CompressionFormat[compression.upper()])
    writer.chunk_threshold = chunk
    with writer:
        connections: dict[str, Any] = {}
        for one in said:
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(
                    one.topic, one.type, typestore=ROS1, callerid=f"/node{one.topic}", latching=1
                )
            writer.write(connections[one.topic], one.time, one.data)
    return path


def read_bag1(path: Path) -> list[Said]:
    with rosbag1.Reader(path) as reader:
        return [Said(c.topic, c.msgtype, time, bytes(data)) for c, time, data in reader.messages()]


def bag2(
    path: Path, said: list[Said], storage: str = "sqlite3", mode: str = "none", version: Literal[8, 9] = 8
) -> Path:
    """Write a bag of ROS 2, with QoS."""
    writer = rosbag2.Writer(path, version=version, storage_plugin=rosbag2.StoragePlugin[storage.upper()])
    writer.set_compression(rosbag2.CompressionMode[mode.upper()], rosbag2.CompressionFormat.ZSTD)
    writer.set_custom_data("driver", "someone: else")
    with writer:
        connections: dict[str, Any] = {}
        for one in said:
            if one.topic not in connections:
                connections[one.topic] = writer.add_connection(
                    one.topic, one.type, typestore=ROS2, offered_qos_profiles=[QOS]
                )
            writer.write(connections[one.topic], one.time, one.data)
    return path


def read_bag2(path: Path) -> list[Said]:
    """Read a folder, or a file alone."""
    with rosbag2.Reader(path) as reader:
        return [Said(c.topic, c.msgtype, time, bytes(data)) for c, time, data in reader.messages()]


def mcap_file(path: Path, said: list[Said], compression: str = "zstd", *, ros1: bool = False, **options: Any) -> Path:
    """Write an MCAP, with attachments, metadata, and metadata of its channels."""
    options.setdefault("chunk_size", 600)
    with path.open("wb") as file:
        writer = McapWriter(file, compression=CompressionType[compression.upper()], **options)
        writer.start(profile="ros1" if ros1 else "ros2", library="a robot")
        writer.add_metadata("trip", {"road": "dark", "rain": "no"})
        channels: dict[str, int] = {}
        for one in said:
            if one.topic not in channels:
                channels[one.topic] = _channel(writer, one, ros1=ros1)
            writer.add_message(channels[one.topic], one.time, one.data, one.published, one.sequence)
        writer.add_attachment(START, START + 1, "calibration.yaml", "text/yaml", b"fx: 1\n" * 20)
        writer.finish()
    return path


def _channel(writer: McapWriter, one: Said, *, ros1: bool) -> int:
    store = ROS1 if ros1 else ROS2
    words = store.generate_msgdef(one.type, ros_version=1 if ros1 else 2)[0]
    name = one.type.replace("/msg/", "/") if ros1 else one.type
    schema = writer.register_schema(name, "ros1msg" if ros1 else "ros2msg", words.encode())
    return writer.register_channel(
        one.topic, "ros1" if ros1 else "cdr", schema, {"offered_qos_profiles": dump_qos_v8([QOS])}
    )


def read_mcap(path: Path) -> list[Said]:
    """Read an MCAP by its own library, in the order of the file."""
    with path.open("rb") as file:
        found = list(make_reader(file, validate_crcs=True).iter_messages(log_time_order=False))
    said = []
    for schema, channel, message in found:
        assert schema is not None
        kind = schema.name if "/msg/" in schema.name else schema.name.replace("/", "/msg/")
        said.append(Said(channel.topic, kind, message.log_time, message.data, message.sequence, message.publish_time))
    return said


def rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table of an SQLite file."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608
    finally:
        connection.close()


def inverted(pixels: Pixels) -> Pixels:
    """A method that changes every sample, and gives the picture back when it is done twice."""
    return np.asarray(np.iinfo(pixels.dtype).max - pixels, pixels.dtype)


def plainly(said: list[Said]) -> list[Said]:
    """Without what only MCAP has."""
    return [one._replace(sequence=0, published=0) for one in said]


def loaded(words: str) -> Any:
    """What YAML says."""
    return YAML(typ="safe").load(words)
