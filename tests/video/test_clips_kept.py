"""What an enhanced clip keeps of its source: times, streams, tags, size, uprightness."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highbeam.errors import EncoderError, UnsupportedClipError
from highbeam.video.clips import ClipJob, ClipResult, enhance_clip
from highbeam.video.encoding import Encoding
from highbeam.video.quicktime import sample_formats
from tests.video.making import Video, copied, luma, make, times, trimmed, with_hidden_frame, with_telemetry, write_srt

IRREGULAR = (0, 33, 70, 71, 140, 200, 201, 333, 400, 470, 1000, 1040, 1081, 1120, 1160, 1203, 1240, 1280, 1320, 1999)


def same(pixels: Any) -> Any:
    return pixels


def job(**encoding: Any) -> ClipJob:
    return ClipJob(lambda: same, "as it was", Encoding(part=8, **encoding))


def enhanced(source: Path, output: Path, **encoding: Any) -> ClipResult:
    result = enhance_clip(source, output, job(**encoding))
    assert result is not None
    assert not output.with_name(f".{output.name}.highbeam").exists()
    return result


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_keeps_the_times_of_a_constant_rate(tmp_path: Path, suffix: str) -> None:
    source = make(tmp_path / f"in.{suffix}", Video(options={"bf": "2"}))
    result = enhanced(source, tmp_path / f"out.{suffix}")
    assert times(tmp_path / f"out.{suffix}") == times(source) == [Fraction(1001 * n, 30000) for n in range(20)]
    assert (result.frames, result.width, result.height, result.damage, result.notes) == (20, 160, 96, None, ())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_keeps_irregular_times(tmp_path: Path, suffix: str) -> None:
    video = Video(times=IRREGULAR, base=Fraction(1, 1000), options={"bf": "3"})
    source = make(tmp_path / f"in.{suffix}", video)
    enhanced(source, tmp_path / f"out.{suffix}")
    assert times(tmp_path / f"out.{suffix}") == times(source) == [Fraction(n, 1000) for n in IRREGULAR]


@pytest.mark.parametrize("start", [700, 90_000])
@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_keeps_when_the_video_starts(tmp_path: Path, suffix: str, start: int) -> None:
    late = [start * 90 + 3003 * n for n in range(20)]
    source = make(tmp_path / "in.mp4", Video(times=late, base=Fraction(1, 90000)), sound="aac")
    enhanced(source, tmp_path / f"out.{suffix}")
    first, before = times(tmp_path / f"out.{suffix}"), times(source)
    assert [time - first[0] for time in first] == [time - before[0] for time in before]
    if suffix == "mp4":
        assert first == before == [Fraction(time, 90000) for time in late]


def test_says_when_a_container_rounds_times(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    result = enhanced(source, tmp_path / "out.mkv")
    assert result.notes == ("times are rounded to 1/1000 s, the finest that matroska holds",)
    assert all(abs(a - b) <= Fraction(1, 2000) for a, b in zip(times(tmp_path / "out.mkv"), times(source), strict=True))


@pytest.mark.parametrize(
    ("codec", "suffix", "out"),
    [("aac", "mp4", "mp4"), ("pcm_s16le", "mov", "mov"), ("pcm_s16le", "mkv", "mkv"), ("aac", "mp4", "mkv")],
)
def test_copies_sound_byte_for_byte(tmp_path: Path, codec: str, suffix: str, out: str) -> None:
    source = make(tmp_path / f"in.{suffix}", sound=codec)
    assert enhanced(source, tmp_path / f"out.{out}").damage is None
    before, after = copied(source, "audio"), copied(tmp_path / f"out.{out}", "audio")
    assert b"".join(data for data, _ in after) == b"".join(data for data, _ in before)
    assert len(before) > 10
    if codec == "aac":
        assert [data for data, _ in after] == [data for data, _ in before]
        ahead = times(source)[0], times(tmp_path / f"out.{out}")[0]  # the sound starts before the video
        close = 0.0011 if out == "mkv" else 0.0001
        assert [time - float(ahead[1]) for _, time in after] == pytest.approx(
            [time - float(ahead[0]) for _, time in before], abs=close
        )


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_copies_subtitles_byte_for_byte(tmp_path: Path, suffix: str) -> None:
    source = make(tmp_path / f"in.{suffix}", sound="aac", subtitles=write_srt(tmp_path / "in.srt"))
    enhanced(source, tmp_path / f"out.{suffix}")
    assert copied(tmp_path / f"out.{suffix}", "subtitle") == copied(source, "subtitle")
    assert any(b"Night" in data for data, _ in copied(source, "subtitle"))
    assert copied(tmp_path / f"out.{suffix}", "audio") == copied(source, "audio")


@pytest.mark.parametrize("tags", [{}, {"timecode": "01:02:03:04"}], ids=["plain", "time code"])
def test_copies_telemetry_beside_a_time_code(tmp_path: Path, tags: dict[str, str]) -> None:
    source = with_telemetry(tmp_path / "in.mp4", Video(rate=Fraction(25), tags=tags))
    result = enhanced(source, tmp_path / "out.mp4")
    assert (result.damage, result.notes) == (None, ())
    assert copied(tmp_path / "out.mp4", "data") == copied(source, "data")
    assert any(b"Night" in data for data, _ in copied(source, "data"))
    expected = ["avc1", "mp4a", "gpmd"] + ["tmcd"] * len(tags)
    assert list(sample_formats(tmp_path / "out.mp4").values()) == list(sample_formats(source).values()) == expected
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].metadata.get("timecode") == tags.get("timecode")


def test_finds_no_tracks_in_what_is_no_quicktime(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4")
    assert list(sample_formats(whole).values()) == ["avc1"]
    assert sample_formats(make(tmp_path / "other.mkv")) == {}
    for kept in (0, 7, 100):
        (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:kept])
        assert sample_formats(tmp_path / "cut.mp4") == {}


def test_refuses_a_stream_that_the_container_cannot_hold(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", subtitles=write_srt(tmp_path / "in.srt"))
    output = tmp_path / "out.mp4"
    with pytest.raises(UnsupportedClipError, match=r"mp4 cannot hold stream 1 \(subtitle, srt\)"):
        enhance_clip(source, output, job())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "in.srt"]
    result = enhanced(source, output, drop_streams=True)
    assert result.notes == ("left out stream 1 (subtitle, srt), which mp4 cannot hold",)
    assert len(times(output)) == 20


def test_copies_a_second_video_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make(tmp_path / "one.mkv")
    with av.open(str(tmp_path / "one.mkv")) as one, av.open(str(source), "w") as two:
        first = two.add_stream_from_template(one.streams.video[0], opaque=True)
        second = two.add_stream_from_template(one.streams.video[0], opaque=True)
        for packet in one.demux(video=0):
            if packet.size:
                for stream in (first, second):
                    copy: Any = av.Packet(bytes(packet))
                    copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                    copy.is_keyframe, copy.stream = packet.is_keyframe, stream
                    two.mux(copy)
    enhanced(source, tmp_path / "out.mkv")
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert [bytes(p) for p in after.demux(video=1)] == [bytes(p) for p in before.demux(video=1)]


TURNS: dict[str, tuple[tuple[float, bool, bool], Callable[[Any], Any]]] = {
    "quarter": ((90, False, False), lambda picture: np.rot90(picture, 1)),
    "half": ((180, False, False), lambda picture: np.rot90(picture, 2)),
    "three quarters": ((270, False, False), lambda picture: np.rot90(picture, 3)),
    "mirrored": ((0, True, False), lambda picture: picture[:, ::-1]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_turns_frames_upright(tmp_path: Path, turn: str) -> None:
    rotation, expected = TURNS[turn]
    plain = make(tmp_path / "plain.mp4", Video(frames=4))
    source = make(tmp_path / "in.mp4", Video(frames=4, rotation=rotation))
    result = enhanced(source, tmp_path / "out.mp4", quality=1)
    stored, out = luma(plain), luma(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0
    for before, after in zip(stored, out, strict=True):
        assert after.shape == (result.height, result.width)
        assert np.abs(after - expected(before)).mean() < 1.5


def test_refuses_an_angle_that_is_no_right_one(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Video(rotation=(30, False, False)))
    with pytest.raises(UnsupportedClipError, match="at an angle"):
        enhance_clip(source, tmp_path / "out.mp4", job())


@pytest.mark.parametrize("size", [(161, 96), (160, 97), (161, 97)])
def test_keeps_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    source = make(tmp_path / "in.mkv", Video(size=size, codec="ffv1", frames=6))
    enhanced(source, tmp_path / "out.mp4", quality=4)
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, context.pix_fmt) == (*size, "yuv444p")
    assert np.abs(luma(tmp_path / "out.mp4") - luma(source)).mean() < 1.0
    enhanced(source, tmp_path / "out.webm", quality=10)
    with av.open(str(tmp_path / "out.webm")) as container:
        context = container.streams.video[0].codec_context
        assert (context.width, context.height, context.pix_fmt) == (*size, "yuv420p")
    with pytest.raises(EncoderError, match="does not fit yuv420p"):
        enhance_clip(source, tmp_path / "no.mp4", job(pixel_format="yuv420p"))


GPS = "+48.2082+016.3738/"
APPLE = {"com.apple.quicktime.location.ISO6709": "+48.2082+016.3738+180.000/", "com.apple.quicktime.make": "Apple"}


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("more", [{}, APPLE], ids=["plain", "apple"])
def test_keeps_tags_and_places(tmp_path: Path, suffix: str, more: dict[str, str]) -> None:
    tags = {"title": "Night", "location": GPS, "creation_time": "2024-01-02T03:04:05.000000Z", "comment": "wet", **more}
    source = make(
        tmp_path / f"in.{suffix}",
        Video(tags={"handler_name": "Front"}),
        sound="aac",
        tags=tags,
        options={"movflags": "use_metadata_tags"} if more else {},
    )
    enhanced(source, tmp_path / f"out.{suffix}")
    with av.open(str(source)) as before, av.open(str(tmp_path / f"out.{suffix}")) as after:
        assert {key: after.metadata.get(key) for key in tags} == tags
        assert set(before.metadata) <= set(after.metadata)
        for one, other in zip(before.streams, after.streams, strict=True):
            assert one.metadata.get("handler_name") == other.metadata.get("handler_name")
            assert one.metadata.get("creation_time") == other.metadata.get("creation_time")
        assert after.streams.video[0].metadata["handler_name"] == "Front"


def test_keeps_tags_of_matroska_and_says_what_a_transport_stream_loses(tmp_path: Path) -> None:
    source = make(
        tmp_path / "in.mkv", Video(tags={"language": "deu", "title": "Front"}), tags={"title": "x", "LOCATION": GPS}
    )
    enhanced(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert (container.metadata["title"], container.metadata["LOCATION"]) == ("x", GPS)
        stream = container.streams.video[0]
        assert (stream.metadata["language"], stream.metadata["title"]) == ("deu", "Front")
    lost, later = enhanced(source, tmp_path / "out.ts").notes
    assert lost == "tags that the container cannot hold: LOCATION, title"
    assert later == "all streams start 0.066 s later, for want of times before zero"


def with_chapters(path: Path) -> Path:
    plain_path = make(path.with_stem("plain"))
    named = (("Dusk", 0, 300), ("Night", 300, 600))
    with av.open(str(plain_path)) as plain, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(plain.streams.video[0], opaque=True)
        output.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (title, start, end) in enumerate(named)
            ]
        )
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    return path


def chapters(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    with av.open(str(path)) as container:
        found = []
        for row in container.chapters():
            unit = row["time_base"] or Fraction(1)
            found.append((row["metadata"]["title"], row["start"] * unit, row["end"] * unit))
        return found


@pytest.mark.parametrize("suffixes", [("mkv", "mkv"), ("mp4", "mp4", "mp4"), ("mov", "mp4", "mkv", "mov")])
def test_keeps_chapters(tmp_path: Path, suffixes: tuple[str, ...]) -> None:
    source = with_chapters(tmp_path / f"in.{suffixes[0]}")
    expected = [("Dusk", Fraction(0), Fraction(3, 10)), ("Night", Fraction(3, 10), Fraction(6, 10))]
    assert chapters(source) == expected
    for number, suffix in enumerate(suffixes[1:]):
        output = tmp_path / f"{number}.{suffix}"
        enhanced(source, output)
        assert chapters(output) == expected
        source = output


def test_keeps_the_shape_of_pixels(tmp_path: Path) -> None:
    plain = make(tmp_path / "plain.mp4", Video(size=(144, 96)))
    source = tmp_path / "in.mkv"
    with av.open(str(plain)) as before, av.open(str(source), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 144, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for frame in before.decode(video=0):
            frame.pict_type = 0
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    enhanced(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


def test_a_rounded_start_is_not_told_as_a_later_one(tmp_path: Path) -> None:
    odd = Video(times=[8_550_128_090 + 3003 * n for n in range(20)], base=Fraction(1, 90_000))
    result = enhanced(make(tmp_path / "in.mp4", odd), tmp_path / "out.mkv")
    assert result.notes == ("times are rounded to 1/1000 s, the finest that matroska holds",)


def wrapping(path: Path, ahead: int) -> Path:
    """A transport stream with sound whose clock of 33 bits wraps: so many ticks of its times are before zero."""
    plain = make(path.with_name("plain.ts"), Video(options={"bf": "2"}), sound="aac")
    with av.open(str(plain)) as clip, av.open(str(path), "w", options={"mpegts_copyts": "1"}) as output:
        copies = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in clip.streams}
        first = min(packet.pts for packet in clip.demux() if packet.pts is not None)
        clip.seek(0)
        for packet in clip.demux():
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = (time - first - ahead + 2**33 for time in (packet.pts, packet.dts))
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts"])
def test_times_before_zero_are_shown_later(tmp_path: Path, suffix: str) -> None:
    source, output = wrapping(tmp_path / "in.ts", 40_000), tmp_path / f"out.{suffix}"
    before = times(source)
    assert before[0] < 0 < before[-1]
    result = enhanced(source, output)
    assert re.fullmatch(r"all streams start 0\.\d+ s later, for want of times before zero", result.notes[-1])
    after = times(output)
    assert len(after) == 20
    assert after[0] >= 0
    if suffix != "mkv":  # which rounds
        assert {time - was for time, was in zip(after, before, strict=True)} == {after[0] - before[0]}
    with av.open(str(output)) as clip, av.open(str(source)) as was:
        sounds = [next(each.decode(audio=0)) for each in (clip, was)]
    apart = [(sound.time or 0.0) - float(first[0]) for sound, first in zip(sounds, (after, before), strict=True)]
    assert abs(apart[0] - apart[1]) < 0.002, "sound and picture keep together"


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "libvpx-vp9", "libx265"])
def test_reads_other_codecs(tmp_path: Path, codec: str) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    source = make(tmp_path / "in.mkv", Video(codec=codec, pixel_format=pixel_format, frames=10, rate=Fraction(25)))
    enhanced(source, tmp_path / "out.mkv", quality=8)
    assert times(tmp_path / "out.mkv") == times(source)
    assert np.abs(luma(tmp_path / "out.mkv") - luma(source)).mean() < 1.5


def test_reads_avi_and_transport_streams(tmp_path: Path) -> None:
    for name, codec in (("in.avi", "mpeg4"), ("in.ts", "libx264"), ("in.mpg", "mpeg2video")):
        source = make(tmp_path / name, Video(codec=codec, rate=Fraction(25)))
        enhanced(source, tmp_path / f"{name}.mp4")
        before, after = times(source), times(tmp_path / f"{name}.mp4")
        assert [time - after[0] for time in after] == [time - before[0] for time in before]


@pytest.mark.parametrize(("start", "shown"), [(0, 20), (5, 15), (25, 15)])
def test_a_clip_trimmed_by_an_edit_list_is_whole(tmp_path: Path, start: int, shown: int) -> None:
    from highbeam.cli.info import describe

    source = trimmed(tmp_path / "in.mp4", Fraction(start, 25), Fraction(shown, 25))
    result = enhanced(source, tmp_path / "out.mp4")
    assert (result.frames, result.damage) == (shown, None)
    assert times(tmp_path / "out.mp4") == times(source) == [Fraction(n, 25) for n in range(shown)]
    assert (describe(source)["frames"], describe(source)["broken"]) == (shown, None)


def test_a_frame_that_is_not_to_be_shown_is_not_missed(tmp_path: Path) -> None:
    from highbeam.cli.info import describe

    source = with_hidden_frame(tmp_path / "in.webm")
    assert len(copied(source, "video")) == 21
    result = enhanced(source, tmp_path / "out.mp4")
    assert (result.frames, result.damage) == (20, None)
    assert times(tmp_path / "out.mp4") == times(source)
    assert (describe(source)["frames"], describe(source)["broken"]) == (20, None)


def test_tells_frames_that_are_not_to_be_shown() -> None:
    from highbeam.video.hidden import is_hidden

    def hidden(codec: str, *data: int) -> bool:
        return is_hidden(codec, memoryview(bytes(data)))

    assert [hidden("vp8", head) for head in (0b10000, 0b00000, 0b10001, 0b01111)] == [False, True, False, True]
    assert [hidden("vp9", head, 0, 0) for head in (0b10000010, 0b10000000, 0b10000100, 0b10001000)] == [
        False,
        True,
        True,
        False,
    ]
    assert [hidden("vp9", 0b10110000 | bits, more, 0) for bits, more in ((0, 128), (1, 0), (2, 0), (4, 0))] == [
        True,
        False,
        True,
        False,
    ]
    assert not hidden("vp9", 0b10000000, 0b11000000)  # several frames, of which the last is shown
    assert not hidden("h264", 0)
    assert hidden("h264")


def test_keeps_all_frames_where_only_the_order_of_decoding_is_told(tmp_path: Path) -> None:
    source = make(tmp_path / "in.avi", Video(rate=Fraction(25), options={"bf": "2", "g": "10"}, frames=30))
    result = enhanced(source, tmp_path / "out.mp4", quality=8)
    assert (result.frames, result.damage) == (30, None)
    assert times(tmp_path / "out.mp4") == [Fraction(n, 25) for n in range(30)]
    assert np.abs(luma(tmp_path / "out.mp4") - luma(source)).mean() < 1.5


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_carries_times_on_where_the_clock_starts_again(tmp_path: Path, suffix: str) -> None:
    from highbeam.cli.info import describe

    one = make(tmp_path / "one.ts", Video(rate=Fraction(25), options={"bf": "2"}), sound="aac")
    source = tmp_path / "in.ts"
    source.write_bytes(one.read_bytes() * 3)
    result = enhanced(source, tmp_path / f"out.{suffix}")
    assert (result.frames, result.damage) == (60, None)
    assert result.notes[0] == "its clock starts again midway; times are carried on"
    shown = times(tmp_path / f"out.{suffix}")
    steps = [later - sooner for sooner, later in pairwise(shown)]
    assert steps.pop(39) == steps.pop(19) == Fraction(2, 25)  # the sound before it is longer than the frames
    assert set(steps) == {Fraction(1, 25)}
    before, after = copied(source, "audio"), copied(tmp_path / f"out.{suffix}", "audio")
    assert len(after) == len(before)
    assert all(old.endswith(new) for (old, _), (new, _) in zip(before, after, strict=True))  # MP4 has no ADTS headers
    third, single = len(before) // 3, times(one)
    for number in range(3):
        apart = after[number * third][1] - float(shown[number * 20])
        assert apart == pytest.approx(before[0][1] - float(single[0]), abs=0.0002)
    assert describe(source)["duration"] == pytest.approx(float(shown[-1] - shown[0] + Fraction(1, 25)))


def test_is_the_same_every_time(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", sound="aac")
    enhanced(source, tmp_path / "one.mp4")
    enhanced(source, tmp_path / "two.mp4")
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


def test_starts_with_what_a_browser_needs_first(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    enhanced(source, tmp_path / "out.mp4")
    whole = (tmp_path / "out.mp4").read_bytes()
    assert 0 < whole.index(b"moov") < whole.index(b"mdat")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.codec_tag) == ("h264", "yuv420p", "avc1")


def test_copies_fonts_and_other_attachments(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    make(tmp_path / "plain.mkv")
    with av.open(str(tmp_path / "plain.mkv")) as plain, av.open(str(source), "w") as output:
        stream = output.add_stream_from_template(plain.streams.video[0], opaque=True)
        output.add_attachment("road.ttf", "font/ttf", b"a font")
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    enhanced(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        (attached,) = container.streams.attachments
        assert (attached.name, attached.mimetype, attached.data) == ("road.ttf", "font/ttf", b"a font")
    with pytest.raises(UnsupportedClipError, match=r"mp4 cannot hold stream 1 \(attachment"):
        enhance_clip(source, tmp_path / "out.mp4", job())


def test_says_that_fields_are_enhanced_as_frames(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Video(options={"flags": "+ildct+ilme"}))
    result = enhanced(source, tmp_path / "out.mp4")
    assert result.notes == ("its fields are enhanced as whole frames",)
    assert (result.frames, result.damage) == (20, None)


def test_has_no_sound_before_zero_in_matroska_and_says_so(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Video(rate=Fraction(25)), sound="aac")
    result = enhanced(source, tmp_path / "out.mkv")
    assert result.notes == ("all streams start 0.021 s later, for want of times before zero",)
