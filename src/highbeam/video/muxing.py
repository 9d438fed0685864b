"""The result's container: the enhanced video, and every other stream of the clip as it was."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from highbeam.errors import ClipWriteError, EncoderError, UnsupportedClipError
from highbeam.video.clock import carried_on
from highbeam.video.containers import Container
from highbeam.video.encoding import Encoder, set_up
from highbeam.video.inspecting import Clip, opened, other_streams, packets, reason
from highbeam.video.parts import Joined
from highbeam.video.quicktime import sample_formats

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

__all__ = ["Recipe", "assemble", "lost_tags", "plan_streams", "time_unit"]

_WRITTEN_BY_THE_CONTAINER = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder", "duration"})
_OF_THE_STREAM = frozenset({"encoder", "duration", "vendor_id", "bps", "number_of_frames", "number_of_bytes"})
_ORDINARY_TAGS = frozenset(
    {"title", "artist", "album_artist", "album", "composer", "date", "comment", "genre", "copyright", "description"}
    | {"synopsis", "location", "location-eng", "creation_time"}
)
"""Tags that MP4 and MOV keep in their usual places; others need those of QuickTime's keys."""

_TIME_CODE = "tmcd"
_LARGEST_TIMESCALE = 1_000_000
_MOST_MOVIE_TIMESCALE = 2**31 - 1


@dataclass(frozen=True)
class Recipe:
    """How a result is put together.

    Attributes:
        clip: the source.
        container: of the result.
        encoder: of the video.
        copied: the indices of the streams that are copied.
        notes: what is left out or changed, to be told to the user.
        later: seconds by which all streams are to be later.
    """

    clip: Clip
    container: Container
    encoder: Encoder
    copied: tuple[int, ...]
    notes: tuple[str, ...]
    later: Fraction = Fraction(0)


def plan_streams(clip: Clip, container: Container, encoder: Encoder, *, drop: bool) -> Recipe:
    """Find out, before any work, which streams the container can hold.

    Args:
        clip: the source.
        container: of the result.
        encoder: of the video.
        drop: leave out what it cannot hold.

    Raises:
        UnsupportedClipError: it cannot hold all, and nothing is to be left out; or not even the video.
    """
    with opened(clip.path) as (source, _):
        trial = Recipe(clip, container, encoder, (), ())
        wrong = _complaint(trial, source)
        if wrong is not None:
            raise EncoderError(str(clip.path), f"{container.format} does not take {encoder.name} ({wrong})")
        copied, left_out = [], []
        anew = _made_anew(source, clip.path)
        for stream in other_streams(source):
            if stream.index in anew:
                continue
            wrong = _complaint(Recipe(clip, container, encoder, (stream.index,), ()), source)
            if wrong is None:
                copied.append(stream.index)
            else:
                left_out.append(_described(stream))
    if left_out and not drop:
        raise UnsupportedClipError(
            str(clip.path),
            f"{container.format} cannot hold {'; '.join(left_out)}: write .mkv or the clip's own container,"
            " or ask for such streams to be left out",
        )
    notes = [f"left out {told}, which {container.format} cannot hold" for told in left_out]
    later = _before_zero(clip, copied) if container.quicktime and clip.start < 0 else Fraction(0)
    return Recipe(clip, container, encoder, tuple(copied), (*notes, *_time_notes(clip, container)), later)


def _before_zero(clip: Clip, copied: list[int]) -> Fraction:
    """Return how long before zero the first stream starts, seconds, in whole units of the video's times.

    MP4 and MOV can hold such times, but hide what is shown there.
    """
    with opened(clip.path) as (source, _):
        streams = tuple(source.streams[index] for index in copied)
        found = packets(source, streams, []) if streams else iter(())
        first = min((packet.pts * packet.time_base for packet in found if packet.pts is not None), default=Fraction(0))
    units = min(Fraction(clip.start), first / clip.time_base)
    return -math.floor(units) * clip.time_base


def time_unit(clip: Clip, container: Container) -> Fraction:
    """Return the unit of the result's times, seconds: every time of the clip is a multiple, where that can be."""
    if container.ticks is not None:
        return Fraction(1, container.ticks)
    unit = Fraction(1, clip.time_base.denominator)
    if unit.denominator > _LARGEST_TIMESCALE:  # 32-bit fields hold few seconds then
        unit = Fraction(1, clip.tick.denominator)
    return unit


def assemble(recipe: Recipe, joined: Joined, headers: str, place: Path) -> int:
    """Write the whole result.

    Args:
        recipe: how.
        joined: the video's packets.
        headers: SHA-256 of the codec's headers that the packets were made with.
        place: the file.

    Returns:
        How many frames were written.

    Raises:
        EncoderError: the encoder is another one than before.
        ClipWriteError: the disk or the container did not take it.
    """
    import av

    try:
        with opened(recipe.clip.path) as (source, _), closing(_output(str(place), recipe, final=True)) as output:
            video, copies = _streams(output, source, recipe)
            output.start_encoding()
            if hashlib.sha256(video.codec_context.extradata or b"").hexdigest() != headers:
                told = "the encoder is not the one of the parts; run again without --resume"
                raise EncoderError(str(recipe.clip.path), told)
            return _write(output, joined.packets(video), _copied(recipe.clip, source, copies, recipe.later))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ClipWriteError(
            str(place), f"cannot be written ({reason(error)}); check the folder and the disk, then --resume goes on"
        ) from error


def lost_tags(clip: Clip, result: InputContainer) -> tuple[str, ...]:
    """Say which tags of a clip its result lacks, because the container has no place for them."""
    there = {key.lower() for key in result.metadata}
    with opened(clip.path) as (source, _):
        lost = [key for key in _kept(source.metadata, _WRITTEN_BY_THE_CONTAINER) if key.lower() not in there]
    return (f"tags that the container cannot hold: {', '.join(sorted(lost))}",) if lost else ()


def _write(output: OutputContainer, video: Iterator[Packet[Any]], others: Iterator[Packet[Any]]) -> int:
    """Write packets in the order of their times, so that no more than a few wait in memory."""
    frames = 0
    other = next(others, None)
    for packet in video:
        while other is not None and _seconds(other) <= _seconds(packet):
            output.mux(other)
            other = next(others, None)
        output.mux(packet)
        frames += 1
    while other is not None:
        output.mux(other)
        other = next(others, None)
    return frames


def _seconds(packet: Packet[Any]) -> Fraction:
    return (packet.dts if packet.dts is not None else packet.pts or 0) * packet.time_base


def _copied(clip: Clip, source: InputContainer, copies: dict[int, Stream], later: Fraction) -> Iterator[Packet[Any]]:
    """Yield the packets of the streams that are copied, later by so many seconds."""
    if not copies:
        return
    wanted = tuple(source.streams[index] for index in copies)
    errors: list[str] = []  # told by the inspection, which has read these streams, too
    for packet in carried_on(packets(source, wanted, errors), clip.pieces):
        if packet.size == 0 and packet.pts is None:
            continue
        if packet.dts is None and packet.stream.type != "video":  # of videos, the container guesses the order
            packet.dts = packet.pts
        _delay(packet, later)
        packet.stream = copies[packet.stream_index]
        yield packet


def _delay(packet: Packet[Any], later: Fraction) -> None:
    ticks = round(later / packet.time_base) if later else 0
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


def _output(place: str | io.BytesIO, recipe: Recipe, *, final: bool) -> OutputContainer:
    """Open a result for writing."""
    import av

    options = dict(recipe.container.options)
    if recipe.container.quicktime:
        options.update(_quicktime_options(recipe, final=final))
    return av.open(place, "w", format=recipe.container.format, container_options=options)


def _quicktime_options(recipe: Recipe, *, final: bool) -> dict[str, str]:
    unit = time_unit(recipe.clip, recipe.container)
    with opened(recipe.clip.path) as (source, _):
        rates = _sample_rates(source)
        plain = set(source.metadata) - _WRITTEN_BY_THE_CONTAINER <= _ORDINARY_TAGS
    flags = ("+faststart" if final else "") + ("" if plain else "+use_metadata_tags")
    movie = math.lcm(unit.denominator, *rates)  # in its units the container keeps when streams start
    options = {"video_track_timescale": str(unit.denominator)}
    options["movie_timescale"] = str(movie if movie <= _MOST_MOVIE_TIMESCALE else unit.denominator)
    return {**options, "movflags": flags} if flags else options


def _sample_rates(source: InputContainer) -> list[int]:
    audible = (audio for audio in source.streams.audio if cast("object", audio.codec_context) is not None)
    return [int(audio.codec_context.sample_rate or 1) for audio in audible]


def _no_coarser(unit: Fraction | None, ticks: int) -> Fraction:
    """Return a fraction of a unit that is as fine as the other streams'.

    FFmpeg compares the times of different streams as plain numbers to see whether a subtitle is over, and would put
    empty ones between them.
    """
    unit = unit or Fraction(1, 1000)
    return unit / math.ceil(ticks * unit)


def _streams(output: OutputContainer, source: InputContainer, recipe: Recipe) -> tuple[VideoStream, dict[int, Stream]]:
    """Add the streams, in the order of the source."""
    main: VideoStream | None = None
    copies: dict[int, Stream] = {}
    finest = max([time_unit(recipe.clip, recipe.container).denominator, *_sample_rates(source)])
    others = {stream.index for stream in other_streams(source)}
    for stream in source.streams:
        if stream.index not in others:
            main = _video(output, cast("VideoStream", stream), recipe)
        elif stream.index in recipe.copied:
            copies[stream.index] = _copy(output, stream)
            if recipe.container.quicktime and stream.type == "subtitle":
                copies[stream.index].time_base = _no_coarser(stream.time_base, finest)
    assert main is not None  # noqa: S101 - the source has a video, or it would not have been opened
    output.metadata.update(_kept(source.metadata, _WRITTEN_BY_THE_CONTAINER))
    output.set_chapters([_delayed(chapter, recipe.later) for chapter in source.chapters()])
    return main, copies


def _delayed(chapter: Chapter, later: Fraction) -> Chapter:
    ticks = round(later / (chapter["time_base"] or Fraction(1))) if later else 0
    return {**chapter, "start": chapter["start"] + ticks, "end": chapter["end"] + ticks}


def _video(output: OutputContainer, template: VideoStream, recipe: Recipe) -> VideoStream:
    stream = cast("VideoStream", output.add_stream(recipe.encoder.name, rate=recipe.encoder.rate))
    set_up(stream.codec_context, recipe.encoder)
    stream.time_base = time_unit(recipe.clip, recipe.container)
    stream.metadata.update(_kept(template.metadata, _OF_THE_STREAM))
    _dispose(stream, template)
    return stream


def _copy(output: OutputContainer, template: Stream) -> Stream:
    stream = output.add_stream_from_template(template, opaque=True)
    stream.metadata.update(_kept(template.metadata, _OF_THE_STREAM))
    _dispose(stream, template)
    return stream


def _dispose(stream: Stream, template: Stream) -> None:
    """Keep which streams are shown by default, forced, for the hard of hearing and so on."""
    cast("Any", stream).disposition = template.disposition.value


def _kept(tags: dict[str, str], without: frozenset[str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.lower() not in without}


def _complaint(recipe: Recipe, source: InputContainer) -> str | None:
    """Write a header with the video and the copied streams into memory; returns what is wrong."""
    import av

    try:
        with closing(_output(io.BytesIO(), recipe, final=False)) as output:
            _streams(output, source, recipe)
            output.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        return reason(error)
    return None


def _made_anew(source: InputContainer, path: Path) -> frozenset[int]:
    """Return the indices of the streams that the container makes itself.

    They are QuickTime's time code, from the video's tag, and its track of the chapters' titles, from the chapters.
    """
    from av.stream import Discard

    data = [stream for stream in source.streams if stream.type == "data"]
    anew = {stream.index for stream in data if stream.discard == Discard.all}  # FFmpeg has read it as chapters
    if any("timecode" in video.metadata for video in source.streams.video):
        formats = sample_formats(path)  # nothing else tells a time code from the telemetry beside it
        anew.update(stream.index for stream in data if formats.get(stream.id) == _TIME_CODE)
    return frozenset(anew)


def _described(stream: Stream) -> str:
    """Such as ``stream 2 (subtitle, mov_text)``."""
    with suppress(AttributeError):
        return f"stream {stream.index} ({stream.type}, {stream.name or 'unknown'})"
    return f"stream {stream.index} ({stream.type})"


def _time_notes(clip: Clip, container: Container) -> list[str]:
    if container.holds(clip.tick):
        return []
    return [f"times are rounded to 1/{container.ticks} s, the finest that {container.format} holds"]
