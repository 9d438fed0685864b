"""From a case to its pixels: the dark picture, what a subject makes of it, and the reference, for figures at 8 bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from highbeam.datasets.clips import frame_times, is_clip, read_frames
from highbeam.errors import EvaluationError
from highbeam.evaluation.cases import Case
from highbeam.methods.base import Pixels
from highbeam.metrics.base import luma
from highbeam.pictures import Limits, read
from highbeam.sheets import Bytes, to_bytes

__all__ = ["load_dark", "load_frames", "load_output", "load_reference", "rescaled", "without_border"]


def load_dark(case: Case, limits: Limits) -> Pixels | None:
    """Read a case's dark picture, or the first frame of its clip; None where it has none.

    Raises:
        PictureError: it cannot be read.
    """
    if case.dark is None:
        return None
    if is_clip(case.dark):
        return load_frames(case.dark, 1)[0]
    return read(case.dark, limits=limits).pixels


def load_reference(case: Case, limits: Limits) -> Bytes | None:
    """Read what a case should be, at 8 bits; None where that is not known.

    Raises:
        PictureError: it cannot be read.
    """
    return None if case.reference is None else to_bytes(read(case.reference, limits=limits).pixels)


def load_output(
    dark: Pixels | None, path: Path | None, enhance: Callable[[Pixels], Pixels] | None, limits: Limits
) -> Bytes:
    """Return what a subject makes of a picture, or what was made of it elsewhere, at 8 bits; of a clip, one frame.

    Raises:
        PictureError: the output cannot be read.
        EvaluationError: there is neither an output nor a dark picture to make one of.
    """
    if path is not None:
        return load_frames(path, 1)[0] if is_clip(path) else to_bytes(read(path, limits=limits).pixels)
    if dark is None or enhance is None:
        raise EvaluationError("there is no dark picture to enhance")
    return to_bytes(enhance(dark))


def rescaled(output: Bytes, reference: Bytes) -> Bytes:
    """Bring an output to the reference's mean luma by one factor, clipped and rounded to 8 bits.

    It takes the choice of brightness out of a figure, and needs what no user has: the reference (Zhang et al., KinD,
    ACM MM 2019, in its published evaluation). Never to be compared with figures that do without.
    """
    mean = float(luma(output).mean())
    if mean == 0.0:
        return output
    scaled = output * (float(luma(reference).mean()) / mean)
    return np.asarray(np.rint(np.minimum(scaled, 255.0)), np.uint8)


def without_border(pixels: Bytes, border: int) -> Bytes:
    """Cut so many pixels from every side.

    Raises:
        EvaluationError: nothing would be left.
    """
    if not border:
        return pixels
    height, width = pixels.shape[:2]
    if 2 * border >= min(height, width):
        raise EvaluationError(f"is {width} x {height}: nothing is left with {border} pixels cut from every side")
    return np.ascontiguousarray(pixels[border : height - border, border : width - border])


def load_frames(path: Path, count: int) -> list[Bytes]:
    """Decode the first frames of a clip.

    Raises:
        PictureError: it cannot be read.
    """
    return list(read_frames(path, [pts for pts, _ in frame_times(path)[:count]]))
