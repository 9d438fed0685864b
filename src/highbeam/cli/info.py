"""``highbeam info``: what robot logs, clips and pictures are, before anything is done to them."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from highbeam.logs import LogSummary, TopicSummary

__all__ = ["describe", "info"]

_KILO = 1000
_NANO = 1e-9
_UNSAID = 2  # what ITU-T H.273 calls a tag that is not set
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"}
_TRANSFERS = {
    1: "bt709",
    4: "gamma22",
    5: "gamma28",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    13: "srgb",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "pq",
    18: "hlg",
}
_MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
_RANGES = {1: "limited", 2: "full"}

_Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...",
        help="Robot logs (.bag, .mcap, .db3, or the folder of a ROS 2 bag), clips and pictures.",
        show_default=False,
    ),
]
_Json = Annotated[bool, typer.Option("--json", help="Write one JSON record per file to standard output.")]


def info(files: _Files, as_json: _Json = False) -> None:
    """Say what robot logs, clips and pictures are.

    Of a log: topics with their types, counts, sizes and rates; of a clip: codec, size, frames, rate, duration, pixel
    format, colour tags, rotation and sound; of a picture: format, size and bits. Logs and clips are read to their end.

    Exit code 0; 1 if a file cannot be read, or not to its end, each of which is named; 2 if what reads logs is missing.
    """
    from highbeam.cli import terminal
    from highbeam.errors import HighbeamError, RuntimeMissingError

    failed = False
    for place, file in enumerate(files):
        try:
            said = describe(file)
        except RuntimeMissingError:
            raise
        except HighbeamError as error:
            terminal.complain(str(error))
            failed = True
            continue
        if as_json:
            terminal.say(json.dumps(said))
        else:
            terminal.say(("\n" if place else "") + _render(said))
        if said.get("broken"):
            terminal.complain(f"{file}: {said['broken']}")
            failed = True
    raise typer.Exit(1 if failed else 0)


def describe(path: Path) -> dict[str, Any]:
    """Return what a file is as plain data.

    Returns:
        ``path``, ``kind`` (``log``, ``clip`` or ``picture``), ``size`` in bytes, and what is particular to the kind.

    Raises:
        HighbeamError: it cannot be read.
    """
    from highbeam.logs import is_log, summarise
    from highbeam.video.containers import has_clip_suffix
    from highbeam.video.probing import holds_clip

    if is_log(path):
        return _log(summarise(path))
    named_so = has_clip_suffix(path)  # also where there is no such file
    return _clip(path) if named_so or (path.is_file() and holds_clip(path)) else _picture(path)


def _log(summary: LogSummary) -> dict[str, Any]:
    return {
        "path": summary.path,
        "kind": "log",
        "size": summary.size,
        "form": summary.form,
        "files": summary.files,
        "compression": list(summary.compression),
        "start": summary.start,
        "end": summary.end,
        "duration": summary.duration,
        "messages": summary.count,
        "attachments": summary.attachments,
        "metadata": summary.metadata,
        "broken": summary.broken,
        "topics": [_topic(row) for row in summary.topics],
    }


def _topic(row: TopicSummary) -> dict[str, Any]:
    return {
        "topic": row.topic,
        "type": row.type,
        "serialisation": row.serialisation,
        "camera": row.camera,
        "picture": row.picture,
        "count": row.count,
        "size": row.size,
        "rate": row.rate,
        "start": row.start,
        "end": row.end,
    }


def _picture(path: Path) -> dict[str, Any]:
    from highbeam.errors import PictureError
    from highbeam.pictures import inspect, read_stream

    name = str(path)
    if path.is_dir():
        raise PictureError(name, "is a folder and no log; name the files in it")
    try:
        with path.open("rb") as file:
            data = read_stream(file, name=name, stated=path.stat().st_size)
    except OSError as error:
        raise PictureError(name, f"cannot be read ({error.strerror}); check the path") from error
    header = inspect(data, name=name)
    return {
        "path": name,
        "kind": "picture",
        "size": len(data),
        "format": header.format,
        "width": header.width,
        "height": header.height,
        "bits": header.bits,
        "channels": "grey" if header.grey else "colour",
        "alpha": header.alpha,
        "orientation": header.orientation,
    }


def _clip(path: Path) -> dict[str, Any]:
    from highbeam.video.inspecting import opened

    with opened(path) as (container, stream):
        return {"path": str(path), "kind": "clip", "size": path.stat().st_size, **_streams(container, stream)}


def _streams(container: InputContainer, stream: VideoStream) -> dict[str, Any]:
    from highbeam.video.inspecting import stated_rate

    audio = [_audio(one) for one in container.streams.audio]  # before the packets are read, which ends the file
    frames, duration, broken = _counted(container, stream)
    context = stream.codec_context
    rate = stated_rate(stream)
    return {
        "format": container.format.name,
        "codec": context.name,
        "width": stream.width,
        "height": stream.height,
        "frames": frames,
        "rate": float(rate) if rate else None,
        "duration": duration,
        "pixel_format": stream.pix_fmt,
        "bits": max((part.bits for part in stream.format.components), default=None),
        "primaries": _tag(_PRIMARIES, context.color_primaries),
        "transfer": _tag(_TRANSFERS, context.color_trc),
        "matrix": _tag(_MATRICES, context.colorspace),
        "range": _RANGES.get(context.color_range),
        "rotation": _rotation(container, stream),
        "audio": audio,
        "broken": broken,
    }


def _counted(container: InputContainer, stream: VideoStream) -> tuple[int, float, str | None]:
    """Count the frames that are shown, and the seconds from the first to the end of the last, without decoding."""
    from highbeam.video.clock import Clock
    from highbeam.video.inspecting import gives_frame, other_streams, packets
    from highbeam.video.tally import Tally, stated_packets

    base, times, errors, clock = float(stream.time_base or 0), list[tuple[int, int]](), list[str](), Clock()
    tick = 1 / float(stream.average_rate) if stream.average_rate else 0.0
    stated, every, tally = stated_packets(container, stream), 0, Tally(container, other_streams(container))
    for packet in packets(container, tuple(container.streams), errors):
        piece = clock.see(packet)
        tally.see(packet)
        if packet.stream_index != stream.index:
            continue
        counts = packet.size > 0 or packet.pts is not None
        every += counts
        if counts and gives_frame(packet):
            times.append((piece, len(times) * (packet.duration or 0) if packet.pts is None else packet.pts))
            tick = float(packet.duration or 0) * base or tick
    broken = f"cannot be read to its end ({errors[0]})" if errors else None
    if stated > every:
        broken = broken or f"lacks {stated - every} of the {stated} frames that it states"
    broken = broken or "; ".join(map(str, tally.short())) or None
    unit = (math.gcd(*(pts for _, pts in times)) or 1) * (stream.time_base or Fraction(1))
    later = clock.offsets(stream.index, unit)
    seconds = [pts * base + float(later[piece]) for piece, pts in times]
    return len(times), max(seconds) - min(seconds) + tick if times else 0.0, broken


def _rotation(container: InputContainer, stream: VideoStream) -> int | None:
    """How a player turns the frames, counter-clockwise in degrees; None where no frame can be decoded."""
    import av

    try:
        container.seek(0)
        stream.codec_context.flush_buffers()
        frame = next(iter(container.decode(stream)), None)
    except av.FFmpegError:
        return None
    return None if frame is None else int(getattr(frame, "rotation", 0))


def _audio(stream: AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    return {"codec": context.name, "rate": stream.rate, "channels": stream.channels}


def _tag(names: dict[int, str], number: int) -> str | None:
    return None if number == _UNSAID else names.get(number, str(number))


def _render(said: dict[str, Any]) -> str:
    """Lay one file out for the terminal, or for whatever standard output is."""
    from highbeam.cli.terminal import printable

    lines = {"log": _log_lines, "clip": _clip_lines, "picture": _picture_lines}[said["kind"]](said)
    head = f"{printable(said['path'])}  {_bytes(said['size'])}"
    return "\n".join([head, *(f"  {line}".rstrip() for line in lines)])


def _log_lines(said: dict[str, Any]) -> list[str]:
    from datetime import UTC, datetime

    files = f" in {said['files']} files" if said["files"] > 1 else ""
    lines = [f"{said['form']}{files}, compression: {', '.join(said['compression']) or 'none'}"]
    if said["start"] is not None:
        since = datetime.fromtimestamp(said["start"] * _NANO, UTC).isoformat(" ", "milliseconds")
        lines.append(f"{said['messages']} messages in {said['duration']:.3f} s from {since}")
    if said["attachments"] or said["metadata"]:
        lines.append(f"{said['attachments']} attachments, {said['metadata']} metadata records")
    return [*lines, *_table(said["topics"])]


def _table(topics: Sequence[dict[str, Any]]) -> list[str]:
    from highbeam.cli.terminal import printable

    rows = [("topic", "type", "count", "size", "rate", "picture")]
    for row in topics:
        rate = f"{row['rate']:.2f} Hz" if row["rate"] else ""
        count, size = str(row["count"]), _bytes(row["size"])
        rows.append((printable(row["topic"]), row["type"], count, size, rate, printable(row["picture"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = (False, False, True, True, True, False)
    return ["  ".join(_cell(*cell) for cell in zip(row, widths, right, strict=True)) for row in rows]


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _clip_lines(said: dict[str, Any]) -> list[str]:
    rate = f"{said['rate']:.3f} a second" if said["rate"] else "no rate"
    colours = _words((said["matrix"], said["primaries"], said["transfer"], said["range"]))
    picture = f"{said['width']}x{said['height']}, {said['pixel_format']} ({said['bits']} bits)"
    return [
        f"{said['format']}, {said['codec']}, {picture}",
        f"{said['frames']} frames, {rate}, {said['duration']:.3f} s",
        f"colour (matrix, primaries, transfer, range): {colours}; rotation: {said['rotation'] or 0} degrees",
        *(f"sound: {row['codec']}, {row['rate']} Hz, {row['channels']} channels" for row in said["audio"]),
    ]


def _words(tags: Iterable[str | None]) -> str:
    return ", ".join(tag or "untagged" for tag in tags)


def _picture_lines(said: dict[str, Any]) -> list[str]:
    alpha = " with transparency" if said["alpha"] else ""
    turned = f", orientation {said['orientation']}" if said["orientation"] > 1 else ""
    kind = f"{said['bits']} bits, {said['channels']}{alpha}{turned}"
    return [f"{said['format']}, {said['width']}x{said['height']}, {kind}"]


def _bytes(count: int) -> str:
    """Write a size such as ``12.3 MB``."""
    size, units = float(count), iter(("kB", "MB", "GB", "TB"))
    unit = "B"
    while size >= _KILO and unit != "TB":
        size, unit = size / _KILO, next(units)
    return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
