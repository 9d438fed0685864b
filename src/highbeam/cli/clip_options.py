"""What ``highbeam enhance`` takes for clips; light, since the command line reads it before any command runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

__all__ = [
    "ClipOptions",
    "Codec",
    "Container",
    "Crf",
    "Denoise",
    "DropStreams",
    "EncoderPreset",
    "PixelFormat",
    "Resume",
    "Steady",
]

Container = Annotated[
    str | None, typer.Option(metavar="SUFFIX", help="Of clips: mp4, mov, mkv, webm or ts; as the clip if not given.")
]
Codec = Annotated[
    str | None,
    typer.Option(help="Of clips: h264, hevc, vp9 or av1; by container and depth if not given, for browsers."),
]
Crf = Annotated[
    int | None,
    typer.Option(min=0, max=63, help="Quality of clips, as encoders count: lower is better; of h264, hevc up to 51."),
]
EncoderPreset = Annotated[
    str | None,
    typer.Option(
        "--encoder-preset",
        metavar="NAME",
        help="Speed of the clips' encoder: ultrafast to placebo of h264 and hevc, 0 to 8 of vp9, 0 to 13 of av1.",
    ),
]
PixelFormat = Annotated[
    str | None,
    typer.Option(
        "--pixel-format", metavar="NAME", help="Of clips, in FFmpeg's words; yuv420p, or its like, by default."
    ),
]
DropStreams = Annotated[
    bool, typer.Option("--drop-streams", help="Leave out streams of a clip that the result's container cannot hold.")
]
Steady = Annotated[
    bool,
    typer.Option(
        "--steady/--no-steady",
        help="Hold what pumps or flickers steady over the frames of a clip, a topic or a live source.",
    ),
]
Denoise = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Average steady frames over time along motion, against noise, before the method; 0 is off.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on where an earlier run was interrupted, within clips and logs too; keep what is there."
    ),
]


@dataclass(frozen=True)
class ClipOptions:
    """The options of clips, as they were given.

    Attributes:
        container: suffix of the results.
        codec: of the video.
        crf: quality of the encoder.
        encoder_preset: its speed.
        pixel_format: FFmpeg's name.
        drop_streams: leave out what the container cannot hold, instead of refusing the clip.
        steady: hold the method steady over the frames.
        denoise: average frames over time along motion, from 0, which is off, to 1.
        resume: go on from what an earlier run left.
    """

    container: str | None = None
    codec: str | None = None
    crf: int | None = None
    encoder_preset: str | None = None
    pixel_format: str | None = None
    drop_streams: bool = False
    steady: bool = True
    denoise: float = 0.0
    resume: bool = False

    def for_clips_alone(self) -> dict[str, object]:
        """Return, by word, the options that mean nothing to anything but clips."""
        return {
            "--container": self.container,
            "--codec": self.codec,
            "--crf": self.crf,
            "--encoder-preset": self.encoder_preset,
            "--pixel-format": self.pixel_format,
            "--drop-streams": self.drop_streams,
        }
