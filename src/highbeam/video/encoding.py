"""Which encoder makes the result, with which settings."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import cv2

from highbeam.errors import EncoderError, OptionError, nearest
from highbeam.video.colours import Colour, sampling
from highbeam.video.containers import Container
from highbeam.video.inspecting import Clip, reason

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

__all__ = ["CODECS", "Encoder", "Encoding", "choose", "new_context", "set_up"]


_PRESETS = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
    "placebo",
)


@dataclass(frozen=True)
class _Codec:
    """An encoder and how it is spoken to.

    Attributes:
        encoder: FFmpeg's name.
        quality: the CRF where none is asked for.
        preset: the speed likewise.
        presets: the speeds that it takes.
        worst: the highest CRF; 0 is the lowest.
        tag: in MP4.
        even: whether 4:2:0 needs even sizes.
    """

    encoder: str
    quality: int
    preset: str
    presets: tuple[str, ...] = _PRESETS
    worst: int = 51
    tag: str | None = None
    even: bool = True

    def complaint(self, quality: int | None, preset: str | None) -> str | None:
        """Say what is wrong with a CRF or a speed, and list what is accepted; None where nothing is."""
        if quality is not None and not 0 <= quality <= self.worst:
            return f"a CRF (quality) of 0 to {self.worst}, not {quality}"
        if preset is not None and preset not in self.presets:
            return f"no preset {preset!r}{nearest(preset, self.presets)} (presets: {', '.join(self.presets)})"
        return None


CODECS = {
    "h264": _Codec("libx264", 20, "medium"),
    "hevc": _Codec("libx265", 22, "medium", tag="hvc1"),
    "vp9": _Codec("libvpx-vp9", 30, "4", tuple(map(str, range(9))), 63, even=False),
    "av1": _Codec("libsvtav1", 30, "8", tuple(map(str, range(14))), 63),
}
"""Codecs by the name that users know."""

_EIGHT, _TEN = 8, 10
_HIGHEST = max(codec.worst for codec in CODECS.values())
_AVX512 = 13
"""OpenCV's number of that instruction set."""


@dataclass(frozen=True)
class Encoding:
    """How results are to be encoded, as asked for.

    Attributes:
        codec: a key of :data:`CODECS`; by the container and the depth of the clip where there is none.
        quality: the encoder's CRF, lower is better; the codec's default where there is none.
        pixel_format: FFmpeg's name; ``yuv420p`` or, for more than 8 bits, ``yuv420p10le`` where there is none.
        preset: the encoder's speed; the codec's default where there is none.
        threads: of the encoder. A fixed number: what the encoder makes depends on it.
        part: frames of one part of the result, the unit in which work is kept and resumed.
        drop_streams: leave out what the container cannot hold, instead of refusing the clip.
    """

    codec: str | None = None
    quality: int | None = None
    pixel_format: str | None = None
    preset: str | None = None
    threads: int = 4
    part: int = 240
    drop_streams: bool = False

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            OptionError: one is left, or the codec that is asked for does not take the quality or the preset.
        """
        if self.codec is not None and self.codec not in CODECS:
            raise OptionError(f"no codec {self.codec!r}{nearest(self.codec, CODECS)} (codecs: {', '.join(CODECS)})")
        if self.quality is not None and not 0 <= self.quality <= _HIGHEST:
            raise OptionError(f"quality must lie in 0 to {_HIGHEST}, got {self.quality}")
        wrong = None if self.codec is None else CODECS[self.codec].complaint(self.quality, self.preset)
        if wrong is not None:
            raise OptionError(f"{self.codec} takes {wrong}")
        if self.threads < 1 or self.part < 1:
            raise OptionError("threads and frames of a part must be at least 1")


@dataclass(frozen=True)
class Encoder:
    """What one clip is encoded with; equal ones make equal bytes.

    Attributes:
        name: of FFmpeg's encoder.
        pixel_format: FFmpeg's name.
        size: width and height.
        rate: frames a second.
        aspect: width to height of a pixel.
        colour: the tags.
        options: of the encoder.
        threads: of the encoder.
        tag: four letters for MP4 and MOV.
        global_header: whether the codec's headers are kept once for the whole clip.
    """

    name: str
    pixel_format: str
    size: tuple[int, int]
    rate: Fraction
    aspect: Fraction
    colour: Colour
    options: tuple[tuple[str, str], ...]
    threads: int
    tag: str | None
    global_header: bool


def choose(asked: Encoding, clip: Clip, container: Container) -> Encoder:
    """Choose what a clip is encoded with.

    Raises:
        EncoderError: the encoder is not here, or does not take what it is asked for.
    """
    name = asked.codec or _default_codec(clip, container)
    codec = CODECS[name]
    wrong = codec.complaint(asked.quality, asked.preset)
    if wrong is not None:
        raise EncoderError(str(clip.path), f"{container.format} takes {name} here, and {name} takes {wrong}")
    pixel_format = asked.pixel_format or _default_format(clip, codec)
    encoder = Encoder(
        name=codec.encoder,
        pixel_format=pixel_format,
        size=clip.size,
        rate=clip.rate,
        aspect=1 / clip.aspect if clip.turn.swapped else clip.aspect,
        colour=_tags(clip),
        options=tuple(_options(name, asked).items()),
        threads=asked.threads,
        tag=codec.tag if container.quicktime else None,
        global_header=container.global_header,
    )
    _try(encoder, clip)
    return encoder


def new_context(encoder: Encoder) -> VideoCodecContext:
    """Return a fresh encoder: what it makes starts with a key frame and refers to nothing before."""
    import av

    context = cast("VideoCodecContext", av.CodecContext.create(encoder.name, "w"))
    set_up(context, encoder)
    if encoder.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # only errors; it has no other way to be told
    if encoder.global_header:
        from av.codec.context import Flags

        context.flags |= Flags.global_header
    return context


def set_up(context: VideoCodecContext, encoder: Encoder) -> None:
    """Give an encoder its settings."""
    context.width, context.height = encoder.size
    context.pix_fmt = encoder.pixel_format
    context.framerate = encoder.rate
    context.time_base = 1 / encoder.rate
    context.sample_aspect_ratio = encoder.aspect
    context.colorspace = encoder.colour.matrix
    context.color_primaries = encoder.colour.primaries
    context.color_trc = encoder.colour.transfer
    context.color_range = encoder.colour.range
    context.thread_type = "FRAME"
    context.thread_count = encoder.threads
    context.options = {**dict(encoder.options), **_steadied(encoder.name)}
    if encoder.tag is not None:
        context.codec_tag = encoder.tag


def _steadied(name: str) -> dict[str, str]:
    """Return options that keep x264 from reading past its tables, and so from making other bytes in every run.

    Its AVX-512 code for the propagation of macroblock importance does; that for AVX2 does not and computes the same.
    """
    return {"x264-params": "asm=avx2"} if name == "libx264" and cv2.checkHardwareSupport(_AVX512) else {}


def _default_codec(clip: Clip, container: Container) -> str:
    """HEVC for more than 8 bits: its main10 is what hardware decodes, H.264's high10 is not."""
    return "hevc" if clip.deep and container.codec == "h264" else container.codec


def _default_format(clip: Clip, codec: _Codec) -> str:
    """4:2:0, which plays everywhere; 4:4:4 where a side is odd and the encoder would refuse it or cut a row off."""
    odd = any(side % 2 for side in clip.size)
    kind = "444" if odd and codec.even else "420"
    return f"yuv{kind}p10le" if clip.deep else f"yuv{kind}p"


def _tags(clip: Clip) -> Colour:
    """The clip's own tags; the matrix is named where its absence would mean another one than before."""
    matrix = clip.colour.matrix
    if matrix != clip.law and (matrix == 0 or Colour().law(clip.size[1]) != clip.law):
        matrix = clip.law
    return Colour(matrix, clip.colour.primaries, clip.colour.transfer, clip.colour.range)


def _options(name: str, asked: Encoding) -> dict[str, str]:
    codec = CODECS[name]
    quality, preset = asked.quality, asked.preset or codec.preset
    crf = {"crf": str(codec.quality if quality is None else quality)}
    if name == "vp9":
        return {**crf, "b": "0", "deadline": "good", "cpu-used": preset, "row-mt": "1"}
    if name == "hevc":
        return {**crf, "preset": preset, "x265-params": f"log-level=none:open-gop=0:pools={asked.threads}"}
    return {**crf, "preset": preset}


@functools.lru_cache(maxsize=64)
def _complaint(encoder: Encoder) -> str | None:
    """Open an encoder and let it go; returns what is wrong."""
    import av

    try:
        context = new_context(encoder)
    except (ValueError, LookupError) as error:
        return f"the encoder {encoder.name} is not part of the FFmpeg that is installed ({reason(error)})"
    try:
        context.open()
    except (av.FFmpegError, ValueError) as error:
        wide, high = encoder.size
        return f"{encoder.name} does not take {wide} by {high} in {encoder.pixel_format} ({reason(error)})"
    return None


def _try(encoder: Encoder, clip: Clip) -> None:
    _check_format(encoder, clip)
    complaint = _complaint(encoder)
    if complaint is not None:
        raise EncoderError(str(clip.path), f"{complaint}; choose another codec, size or pixel format")


def _check_format(encoder: Encoder, clip: Clip) -> None:
    """Refuse formats that are none, that the encoder does not take, or that would cut a row or column off."""
    import av

    name = encoder.pixel_format
    try:
        formats = av.Codec(encoder.name, "w").video_formats
        av.VideoFormat(name)
    except ValueError as error:
        raise EncoderError(str(clip.path), f"{reason(error)}; choose another codec or pixel format") from error
    if formats is not None and name not in (known := [each.name for each in formats]):
        raise EncoderError(str(clip.path), f"{encoder.name} does not take {name}; it takes {', '.join(known)}")
    across, down, _ = sampling(name) or (1, 1, 0)
    even = any(codec.encoder == encoder.name and codec.even for codec in CODECS.values())
    if even and (clip.size[0] % across or clip.size[1] % down):
        wide, high = clip.size
        raise EncoderError(str(clip.path), f"{wide} by {high} does not fit {name}; choose one of full chroma (yuv444p)")
