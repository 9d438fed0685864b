"""Small clips for the tests, made with PyAV, and their frames read back without the package under test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

NTSC = Fraction(30000, 1001)

Frames = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Video:
    """What the video of a made clip is like."""

    size: tuple[int, int] = (160, 96)
    frames: int = 20
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = NTSC
    base: Fraction | None = None
    times: Sequence[int] | None = None
    options: dict[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int, int] = (2, 2, 2, 0)
    matrix: int = 5
    rotation: tuple[float, bool, bool] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    dark: bool = True


def picture(number: int, size: tuple[int, int], *, deep: bool = False) -> NDArray[Any]:
    """A frame that tells its number and which side is up: a gradient, noise, and a moving lamp in the upper left."""
    width, height = size
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    light = 30.0 + 90.0 * x / width + 60.0 * y / height
    pixels = light[..., None] * np.array([1.0, 0.8, 0.6]) + rng.normal(0.0, 2.0, (height, width, 3))
    left = 4 + 2 * (number % 10)
    pixels[4 : height // 4, left : left + width // 6] = (235.0, 205.0, 150.0)
    if deep:
        return np.asarray(np.clip(np.rint(pixels * 257.0), 0, 65535), np.uint16)
    return np.asarray(np.clip(np.rint(pixels), 0, 255), np.uint8)


def make(
    path: Path,
    video: Video | None = None,
    *,
    sound: str | None = None,
    subtitles: Path | None = None,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    format: str | None = None,
) -> Path:
    """Make a clip."""
    video = video or Video()
    with av.open(str(path), "w", format=format, container_options=options or {}) as output:
        output.metadata.update(tags or {})
        stream = _video_stream(output, video)
        audio = None if sound is None else output.add_stream(sound, rate=48000)
        others = _subtitle_packets(output, subtitles)
        for packet in _encoded(stream, video):
            output.mux(packet)
        for packet in others:
            output.mux(packet)
        if audio is not None:
            _play(output, audio, float(video.frames / video.rate))
    return path


def _video_stream(output: Any, video: Video) -> Any:
    stream = output.add_stream(video.codec, rate=video.rate, options=dict(video.options))
    stream.width, stream.height = video.size
    stream.pix_fmt = video.pixel_format
    context = stream.codec_context
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = video.colour
    context.thread_count = 1
    if video.codec == "libx265":
        context.options = {**video.options, "x265-params": "log-level=none"}
    if video.base is not None:
        context.time_base = video.base
        stream.time_base = video.base
    if video.rotation is not None:
        stream.set_display_rotation(*video.rotation)
    stream.metadata.update(video.tags)
    return stream


def _encoded(stream: Any, video: Video) -> Any:
    base = video.base or 1 / video.rate
    deep = "10" in video.pixel_format
    for number in range(video.frames):
        packed = av.VideoFrame.from_ndarray(
            picture(number, video.size, deep=deep), format="rgb48le" if deep else "rgb24"
        )
        full = 2 if video.colour[3] == 2 else 1
        frame = packed.reformat(
            format=video.pixel_format,
            src_colorspace=Colorspace(video.matrix).name,
            dst_colorspace=Colorspace(video.matrix).name,
            src_color_range=ColorRange(2).name,
            dst_color_range=ColorRange(full).name,
        )
        frame.pts = number if video.times is None else video.times[number]
        frame.time_base = base
        frame.pict_type = 0
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _play(output: Any, audio: Any, seconds: float) -> None:
    rng = np.random.default_rng(1)
    done, size = 0, audio.codec_context.frame_size or 1024
    planar = "p" in (name := audio.codec_context.format.name)
    floating = name.startswith("flt")
    while done < seconds * 48000:
        wave = rng.uniform(-0.5, 0.5, (2, size) if planar else (1, 2 * size))
        values = wave.astype(np.float32) if floating else (wave * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(values, format=name, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, done, Fraction(1, 48000)
        for packet in audio.encode(frame):
            output.mux(packet)
        done += size
    for packet in audio.encode(None):
        output.mux(packet)


def _subtitle_packets(output: Any, subtitles: Path | None) -> list[Any]:
    """Copy a text file's lines, as the codec that the container takes."""
    if subtitles is None:
        return []
    source = av.open(str(subtitles))
    if output.format.name == "matroska":
        stream = output.add_stream_from_template(source.streams.subtitles[0])
        return [_moved(packet, stream) for packet in source.demux() if packet.size]
    stream = output.add_mux_stream("mov_text")
    stream.time_base = Fraction(1, 1000)
    packets = []
    for packet in source.demux():
        if packet.size:
            text = bytes(packet)
            moved = av.Packet(len(text).to_bytes(2, "big") + text)
            moved.pts = moved.dts = packet.pts
            moved.duration, moved.time_base = packet.duration, packet.time_base
            packets.append(_moved(moved, stream))
    return packets


def _moved(packet: Any, stream: Any) -> Any:
    packet.stream = stream
    packet.is_keyframe = True
    return packet


def write_srt(path: Path) -> Path:
    """A file of two lines of subtitles."""
    path.write_text("1\n00:00:00,100 --> 00:00:00,300\nNight\n\n2\n00:00:00,400 --> 00:00:00,600\nRoad\n\n")
    return path


def with_telemetry(path: Path, video: Video | None = None) -> Path:
    """Make an MP4 with a track of a camera's telemetry (``gpmd``) beside the video and sound."""
    make(path, video, sound="aac", subtitles=write_srt(path.with_suffix(".srt")))
    whole = path.read_bytes()
    assert whole.count(b"tx3g") == whole.count(b"sbtl") == 1
    path.write_bytes(whole.replace(b"tx3g", b"gpmd").replace(b"sbtl", b"meta"))  # no writer makes such a track afresh
    return path


def trimmed(path: Path, start: Fraction, seconds: Fraction) -> Path:
    """Make an MP4 of 25 frames a second and let its edit list show a piece only, as cameras and players trim clips."""
    make(path, Video(frames=40, rate=Fraction(25), options={"g": "20", "bf": "2"}))
    whole = bytearray(path.read_bytes())
    entry = whole.index(b"elst") + 12  # behind version, flags and count
    duration, begin = struct.unpack_from(">Ii", whole, entry)
    assert duration == 1600
    struct.pack_into(">Ii", whole, entry, round(seconds * 1000), begin + round(start * 12800))
    path.write_bytes(whole)
    return path


def with_hidden_frame(path: Path) -> Path:
    """Make a WebM of VP8 with a packet whose frame is only referred to: its key frame once more, not to be shown."""
    plain = make(path.with_stem("plain"), Video(codec="libvpx", rate=Fraction(25)))
    with av.open(str(plain)) as before, av.open(str(path), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for packet in before.demux(video=0):
            if not packet.size:
                continue
            data = bytes(packet)
            for content in (data, bytes([data[0] & ~16]) + data[1:]) if packet.is_keyframe else (data,):
                copy = av.Packet(content)
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.is_keyframe = packet.is_keyframe
                copy.stream = stream
                after.mux(copy)
    return path


def times(path: Path) -> list[Fraction]:
    """When the frames are shown, seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = Fraction(stream.time_base or 1)
        return [Fraction(frame.pts or 0) * base for frame in container.decode(stream)]


def planes(path: Path) -> list[bytes]:
    """The decoded samples of all frames."""
    with av.open(str(path)) as container:
        return [b"".join(bytes(plane) for plane in frame.planes) for frame in container.decode(video=0)]


def luma(path: Path) -> NDArray[np.float64]:
    """The luma of all frames, ``(N, H, W)``, codes."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            deep = frame.format.components[0].bits > 8
            plane = np.frombuffer(bytes(frame.planes[0]), np.uint16 if deep else np.uint8)
            rows = plane.reshape(frame.planes[0].height, -1)
            found.append(rows[:, : frame.width].astype(np.float64))
    return np.stack(found)


def codes(path: Path) -> list[NDArray[np.float64]]:
    """Mean codes of Y, Cb and Cr over each frame's planes, ``(N, 3)``."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            deep = frame.format.components[0].bits > 8
            mean = []
            for plane in frame.planes:
                values = np.frombuffer(bytes(plane), np.uint16 if deep else np.uint8).reshape(plane.height, -1)
                mean.append(values[:, : plane.width].mean())
            found.append(np.array(mean))
    return found


def copied(path: Path, kind: str) -> list[tuple[bytes, float]]:
    """The packets of the first stream of a kind, and their times in seconds."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (bytes(packet), round(float((packet.pts or 0) * packet.time_base), 4))
            for packet in container.demux(stream)
            if packet.size
        ]


def positions(path: Path) -> list[tuple[int, int, int]]:
    """Place, size and time of the video's packets in the file, in the order of decoding."""
    with av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size, packet.pts or 0) for packet in container.demux(video=0) if packet.size]


def film(path: Path, frames: Frames, codec: str = "libx264", pixel_format: str = "yuv420p") -> Path:
    """Write frames as a clip, nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=30, options={"crf": "4", "preset": "veryfast"})
        stream.pix_fmt = pixel_format
        stream.height, stream.width = frames[0].shape[:2]
        for pixels in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def seen(path: Path) -> Frames:
    """Read the frames back as RGB, by PyAV alone."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def hunting(count: int, size: tuple[int, int] = (64, 48), seed: int = 5) -> Frames:
    """One dark scene whose exposure wavers by 10 % from frame to frame, with fresh noise."""
    rng = np.random.default_rng(seed)
    scene = picture(0, size).astype(np.float64) * 0.3
    gains = np.exp(0.1 * rng.standard_normal(count))
    return [np.clip(np.rint(scene * g + rng.normal(0, 1, scene.shape)), 0, 255).astype(np.uint8) for g in gains]
