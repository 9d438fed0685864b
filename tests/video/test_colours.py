"""Colours go to RGB and back as the tags say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from highbeam.errors import UnsupportedClipError
from highbeam.video.clips import ClipJob, enhance_clip
from highbeam.video.colours import Colour, Converter, sampling
from highbeam.video.encoding import Encoding
from tests.video.making import Video, codes, make, picture

WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def reference(planes: list[NDArray[np.float64]], matrix: int, *, full: bool, bits: int) -> NDArray[np.float64]:
    """R'G'B' in [0, 1] from samples of full resolution, straight from the recommendations."""
    red, blue = WEIGHTS[matrix]
    step, most = 2.0 ** (bits - 8), 2.0**bits - 1
    y, cb, cr = planes
    if full:
        y, cb, cr = y / most, (cb - 128 * step) / most, (cr - 128 * step) / most
    else:
        y, cb, cr = (y - 16 * step) / (219 * step), (cb - 128 * step) / (224 * step), (cr - 128 * step) / (224 * step)
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    return np.clip(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1), 0.0, 1.0)


def samples(frame: av.VideoFrame) -> list[NDArray[np.float64]]:
    dtype = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width].astype(np.float64)  # type: ignore[call-overload]
        found.append(rows.repeat(frame.height // plane.height, 0).repeat(frame.width // plane.width, 1))
    return found


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_rgb_is_what_the_recommendations_say(matrix: int, *, full: bool, name: str) -> None:
    _, _, bits = sampling(name) or (1, 1, 8)
    deep = bits > 8
    converter = Converter(matrix, full=full, deep=deep)
    frame = converter.to_frame(picture(3, (64, 48), deep=deep), name)
    rgb = converter.to_rgb(frame).astype(np.float64) / (65535.0 if deep else 255.0)
    error = (rgb - reference(samples(frame), matrix, full=full, bits=bits)) * 255.0
    assert np.abs(error).max() <= (0.01 if deep else 1.0)
    assert np.abs(error.mean((0, 1))).max() < 0.15


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv420p10le", "yuv444p"])
def test_an_untouched_frame_comes_back(matrix: int, *, full: bool, name: str) -> None:
    deep = "10" in name
    converter = Converter(matrix, full=full, deep=deep)
    frame = converter.to_frame(picture(3, (66, 50), deep=deep), name)
    again = converter.to_frame(converter.to_rgb(frame), name)
    for before, after in zip(frame.planes, again.planes, strict=True):
        dtype = np.uint16 if deep else np.uint8
        shape = (before.height, before.line_size // np.dtype(dtype).itemsize)
        error = np.subtract(
            np.frombuffer(after, dtype).reshape(shape)[:, : after.width],  # type: ignore[call-overload]
            np.frombuffer(before, dtype).reshape(shape)[:, : before.width],  # type: ignore[call-overload]
            dtype=np.float64,
        )
        assert np.abs(error).max() <= 1.0
        assert abs(error.mean()) < 0.05


@pytest.mark.parametrize("full", [False, True])
def test_no_code_wraps_round(*, full: bool) -> None:
    corners = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8).reshape(2, 4, 3)
    for name, deep in (("yuv444p", False), ("yuv444p10le", False), ("yuv444p10le", True), ("yuv444p", True)):
        converter = Converter(1, full=full, deep=deep)
        pixels = corners.astype(np.uint16) * np.uint16(257) if deep else corners
        back = converter.to_rgb(converter.to_frame(pixels, name)).astype(np.float64)
        assert np.abs(back - pixels).max() <= 3.0 * (257 if deep else 1)


@pytest.mark.parametrize("name", ["nv12", "yuyv422", "gray", "gbrp", "rgb24", "p010le", "yuv411p", "yuva420p"])
def test_other_formats_are_read(name: str) -> None:
    pixels = picture(0, (64, 48))
    if name == "gray":
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    source = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    law, full, limited = Colorspace(5).name, ColorRange(2).name, ColorRange(1).name
    frame = source.reformat(
        format=name, src_colorspace=law, dst_colorspace=law, src_color_range=full, dst_color_range=limited
    )
    read = Converter(6, full=False, deep=name == "p010le").to_rgb(frame)
    scale = 257.0 if name == "p010le" else 1.0
    assert read.shape == pixels.shape
    assert abs((read / scale - pixels).mean()) < 1.0


@pytest.mark.parametrize("name", ["nv12", "gbrp", "rgb24", "yuv410p"])
def test_other_formats_are_written(name: str) -> None:
    pixels = picture(0, (64, 48))
    converter = Converter(1, full=False, deep=False)
    frame = converter.to_frame(pixels, name)
    assert frame.format.name == name
    assert abs((converter.to_rgb(frame).astype(np.float64) - pixels).mean()) < 1.5


def test_what_is_meant_without_a_tag() -> None:
    assert (Colour().law(480), Colour().law(719), Colour().law(720), Colour(9).law(480)) == (6, 6, 1, 9)
    assert (Colour().full, Colour(range=1).full, Colour(range=2).full) == (False, False, True)


def same(pixels: Any) -> Any:
    return pixels


SOURCES = {
    "untagged": Video(frames=4),
    "601": Video(frames=4, colour=(6, 6, 6, 1)),
    "709": Video(frames=4, colour=(1, 1, 1, 1), matrix=1),
    "709 full": Video(frames=4, colour=(1, 1, 1, 2), matrix=1),
    "601 full": Video(frames=4, colour=(5, 5, 6, 2)),
    "2020 pq": Video(frames=4, colour=(9, 9, 16, 1), matrix=9, pixel_format="yuv420p10le", codec="libx265"),
    "709 ten bits": Video(frames=4, colour=(1, 1, 1, 1), matrix=1, pixel_format="yuv420p10le", codec="libx264"),
    "hd": Video(frames=2, size=(1280, 720), matrix=1),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_tags_and_colours_are_kept(tmp_path: Path, kind: str, suffix: str) -> None:
    video = SOURCES[kind]
    source = make(tmp_path / f"in.{suffix}", video)
    seen: list[Any] = []

    def look(pixels: Any) -> Any:
        seen.append(pixels)
        return pixels

    output = tmp_path / f"out.{suffix}"
    assert enhance_clip(source, output, ClipJob(lambda: look, "as it was", Encoding(quality=4)))
    with av.open(str(source)) as before, av.open(str(output)) as after:
        one, other = before.streams.video[0].codec_context, after.streams.video[0].codec_context
        next(before.decode(video=0)), next(after.decode(video=0))
        for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
            assert getattr(one, name) == getattr(other, name), name
    deep = "10" in video.pixel_format
    for before_mean, after_mean in zip(codes(source), codes(output), strict=True):
        assert np.abs(after_mean - before_mean).max() < (1.0 if deep else 0.3)
    expected = picture(0, video.size, deep=deep).astype(np.float64).mean((0, 1))
    assert np.abs(seen[0].mean((0, 1)) - expected).max() < (257 * 1.5 if deep else 1.5)
    assert seen[0].dtype == (np.uint16 if deep else np.uint8)


def test_ten_bits_stay_ten(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", SOURCES["709 ten bits"])
    assert enhance_clip(source, tmp_path / "out.mp4", ClipJob(lambda: same, "same"))
    assert enhance_clip(source, tmp_path / "high.mp4", ClipJob(lambda: same, "same", Encoding("h264")))
    assert enhance_clip(source, tmp_path / "eight.mp4", ClipJob(lambda: same, "same", Encoding("h264", 4, "yuv420p")))
    for name, codec, pixel_format, tag in (
        ("out", "hevc", "yuv420p10le", "hvc1"),
        ("high", "h264", "yuv420p10le", "avc1"),
        ("eight", "h264", "yuv420p", "avc1"),
    ):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt, context.codec_tag) == (codec, pixel_format, tag)
    assert np.abs(codes(tmp_path / "eight.mp4")[0] * 4 - codes(source)[0]).max() < 2.5


def test_rgb_clips_are_tagged_with_the_matrix_that_was_used(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", Video(codec="ffv1", pixel_format="bgr0", frames=2))
    assert enhance_clip(source, tmp_path / "out.mp4", ClipJob(lambda: same, "same"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == 6


def test_a_matrix_that_is_not_known_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", Video(colour=(14, 9, 16, 1), frames=2))
    with pytest.raises(UnsupportedClipError, match=r"colour matrix 14 of H\.273"):
        enhance_clip(source, tmp_path / "out.mkv", ClipJob(lambda: same, "same"))
