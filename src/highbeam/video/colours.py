"""From the Y'CbCr of a clip to the RGB that methods take, and back, as the clip's colour tags say.

With the weights k_R and k_B of the tagged matrix (ITU-R BT.601-7, BT.709-6, BT.2020-2, sections on signal format):

    Y' = k_R R' + (1 - k_R - k_B) G' + k_B B'     Cb = (B' - Y') / (2 - 2 k_B)     Cr = (R' - Y') / (2 - 2 k_R)

in n bits as 16 + 219 Y' and 128 + 224 C, times 2^(n-8), in limited range, and (2^n - 1) Y' and
2^(n-1) + (2^n - 1) C in full range. A chroma sample stands for the pixels that it covers, both ways, wherever it is
sited: an untouched frame comes back as it was, sample by sample. The tag that says where samples are sited is not known
here, and not kept. Transfer and primaries are tags that pass through: methods work on the values as stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from highbeam.methods.base import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane

__all__ = ["Colour", "Converter", "is_known_matrix", "sampling"]

_RGB, _BT709, _UNTAGGED, _SMPTE170M = 0, 1, 2, 6
_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}
_LIMITED, _FULL = 1, 2
_HD_LINES = 720
_NATIVE = re.compile(r"yuvj?(420|422|444)p(9|10|12|14|16)?(?:le)?")
_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
_EIGHT = 8


@dataclass(frozen=True)
class Colour:
    """Colour tags, as the numbers of ITU-T H.273.

    Attributes:
        matrix: from R'G'B' to Y'CbCr; 2 where there is no tag.
        primaries: of R, G and B.
        transfer: from light to R'G'B'.
        range: 1 limited, 2 full, 0 where there is no tag.
    """

    matrix: int = _UNTAGGED
    primaries: int = 2
    transfer: int = 2
    range: int = 0

    def law(self, lines: int) -> int:
        """Return the matrix that is meant: without a tag BT.601 below 720 lines, BT.709 from there, as players do."""
        if self.matrix in _WEIGHTS:
            return self.matrix
        return _BT709 if lines >= _HD_LINES else _SMPTE170M

    @property
    def full(self) -> bool:
        """Whether codes run over their whole range; limited is meant where there is no tag."""
        return self.range == _FULL


def is_known_matrix(matrix: int) -> bool:
    """Whether a matrix tag is one that can be honoured."""
    return matrix in _WEIGHTS or matrix in (_RGB, _UNTAGGED)


def sampling(name: str) -> tuple[int, int, int] | None:
    """Return the pixels that a chroma sample covers, across and down, and the bits; None for other kinds of format."""
    match = _NATIVE.fullmatch(name)
    if match is None:
        return None
    return *_STEPS[match[1]], int(match[2] or _EIGHT)


class Converter:
    """Converts the frames of one clip: both ways with the clip's matrix and range."""

    def __init__(self, matrix: int, *, full: bool, deep: bool) -> None:
        """Prepare.

        Args:
            matrix: a matrix of :meth:`Colour.law`.
            full: whether codes run over their whole range.
            deep: whether RGB is ``uint16`` and not ``uint8``.
        """
        self._matrix, self._full = matrix, full
        self._dtype: type[Any] = np.uint16 if deep else np.uint8
        self._white = 65535 if deep else 255

    def to_rgb(self, frame: VideoFrame) -> Pixels:
        """Return a frame as ``(H, W, 3)`` RGB."""
        if frame.format.is_rgb:
            name = "rgb48le" if self._dtype is np.uint16 else "rgb24"
            return np.ascontiguousarray(frame.to_ndarray(format=name))
        frame = self._planar(frame)
        found = sampling(frame.format.name)
        assert found is not None  # noqa: S101 - what _planar returns
        across, down, bits = found
        planes = [_view(plane, bits, *_covered(frame, index, across, down)) for index, plane in enumerate(frame.planes)]
        size = (frame.width, frame.height)
        chroma = [_spread(plane, size, across, down) for plane in planes[1:]]
        stacked = np.asarray(cv2.merge([planes[0], *chroma]))
        stacked = stacked.astype(np.promote_types(stacked.dtype, self._dtype), copy=False)
        pixels = np.asarray(cv2.transform(stacked, _backward(self._matrix, self._full, bits, self._white)))
        return np.asarray(np.minimum(pixels, self._white)).astype(self._dtype, copy=False)

    def to_frame(self, pixels: Pixels, name: str) -> VideoFrame:
        """Return ``(H, W, 3)`` RGB as a frame of a pixel format."""
        from av.video.frame import VideoFrame

        found = sampling(name)
        if found is None:
            return self._foreign(pixels, name)
        across, down, bits = found
        height, width = pixels.shape[:2]
        frame = VideoFrame(width, height, name)
        if bits > _EIGHT and pixels.dtype == np.uint8:
            pixels = pixels.astype(np.uint16) * np.uint16(257)  # 255 becomes 65535
        white = 65535 if pixels.dtype == np.uint16 else 255
        luma, *chroma = cv2.split(np.asarray(cv2.transform(pixels, _forward(self._matrix, self._full, bits, white))))
        for index, plane in enumerate((luma, *(_gathered(part, across, down) for part in chroma))):
            view = _view(frame.planes[index], bits, plane.shape[1], plane.shape[0])
            np.minimum(plane, 2**bits - 1, out=view, casting="unsafe")  # full blue is half a code above what there is
        return frame

    def _planar(self, frame: VideoFrame) -> VideoFrame:
        """Rearrange other formats (packed, semi-planar, grey) without touching a value."""
        if sampling(frame.format.name) is not None:
            return frame
        return self._scaled(frame, _nearest_planar(frame))

    def _foreign(self, pixels: Pixels, name: str) -> VideoFrame:
        """Return RGB in a format that is no planar Y'CbCr, by the scaler where it only rearranges."""
        from av.video.format import VideoFormat
        from av.video.frame import VideoFrame

        if VideoFormat(name).is_rgb:
            packed = "rgb48le" if pixels.dtype == np.uint16 else "rgb24"
            return VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=packed).reformat(format=name)
        deep = any(part.bits > _EIGHT for part in VideoFormat(name).components)
        return self._scaled(self.to_frame(pixels, "yuv444p16le" if deep else "yuv444p"), name)

    def _scaled(self, frame: VideoFrame, name: str) -> VideoFrame:
        from av.video.reformatter import ColorRange, Colorspace

        span = ColorRange(_FULL if self._full else _LIMITED).name
        law = Colorspace.ITU709.name  # whichever: from one matrix to the same, nothing is computed
        return frame.reformat(
            format=name, src_colorspace=law, dst_colorspace=law, src_color_range=span, dst_color_range=span
        )


def _nearest_planar(frame: VideoFrame) -> str:
    """The planar format of the same bits and sampling, or of finer sampling where there is none."""
    shape = frame.format
    bits = max(part.bits for part in shape.components)
    across = round(frame.width / max(1, shape.chroma_width(frame.width)))
    down = round(frame.height / max(1, shape.chroma_height(frame.height)))
    kind = next((kind for kind, steps in _STEPS.items() if steps == (across, down)), "444")
    if bits <= _EIGHT:
        return f"yuv{kind}p"
    return f"yuv{kind}p{next(deep for deep in (9, 10, 12, 14, 16) if deep >= bits)}le"


def _covered(frame: VideoFrame, index: int, across: int, down: int) -> tuple[int, int]:
    """Width and height of a plane."""
    if index == 0:
        return frame.width, frame.height
    return -(-frame.width // across), -(-frame.height // down)


def _view(plane: VideoPlane, bits: int, width: int, height: int) -> NDArray[Any]:
    """A plane's samples, without the padding of its rows; nothing is copied."""
    dtype = np.dtype(np.uint8 if bits == _EIGHT else "<u2")
    samples: NDArray[Any] = np.frombuffer(cast("Any", plane), dtype)
    return samples.reshape(-1, plane.line_size // dtype.itemsize)[:height, :width]


def _spread(plane: NDArray[Any], size: tuple[int, int], across: int, down: int) -> NDArray[Any]:
    """Repeat each sample over the pixels that it covers; an odd last row or column covers one."""
    if (across, down) == (1, 1):
        return plane
    wide = (plane.shape[1] * across, plane.shape[0] * down)
    return np.asarray(cv2.resize(plane, wide, interpolation=cv2.INTER_NEAREST))[: size[1], : size[0]]


def _gathered(plane: NDArray[Any], across: int, down: int) -> NDArray[Any]:
    """Average the pixels that each sample covers."""
    if (across, down) == (1, 1):
        return plane
    height, width = plane.shape
    if width % across or height % down:
        plane = np.asarray(
            cv2.copyMakeBorder(plane, 0, height % down, 0, width % across, cv2.BORDER_REPLICATE)  # what is missing
        )
    smaller = (plane.shape[1] // across, plane.shape[0] // down)
    return np.asarray(cv2.resize(plane, smaller, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=16)
def _forward(matrix: int, full: bool, bits: int, white: int) -> NDArray[np.float64]:  # noqa: FBT001 - cached by position
    """``(3, 4)`` from RGB codes to Y'CbCr codes."""
    red, blue = _WEIGHTS[matrix]
    green = 1.0 - red - blue
    to_luma = np.array([red, green, blue])
    to_blue = (np.array([0.0, 0.0, 1.0]) - to_luma) / (2.0 - 2.0 * blue)
    to_red = (np.array([1.0, 0.0, 0.0]) - to_luma) / (2.0 - 2.0 * red)
    step, most = 2.0 ** (bits - _EIGHT), 2.0**bits - 1.0
    scale = np.array([most, most, most] if full else [219.0 * step, 224.0 * step, 224.0 * step])
    offset = np.array([0.0 if full else 16.0 * step, 128.0 * step, 128.0 * step])
    linear = np.stack([to_luma, to_blue, to_red]) * scale[:, None] / white
    return np.column_stack([linear, offset])


@lru_cache(maxsize=16)
def _backward(matrix: int, full: bool, bits: int, white: int) -> NDArray[np.float64]:  # noqa: FBT001 - cached by position
    """``(3, 4)`` from Y'CbCr codes to RGB codes."""
    forward = _forward(matrix, full, bits, white)
    linear = np.linalg.inv(forward[:, :3])
    return np.column_stack([linear, -linear @ forward[:, 3]])
