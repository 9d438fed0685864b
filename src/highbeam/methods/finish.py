"""What is written once for every method: strength and the protection of highlights.

Both work on a method's input and output and know nothing of the method itself.
"""

from __future__ import annotations

import cv2
import numpy as np

from highbeam.methods.base import Float, Pixels, from_unit, full_scale, largest_channel, to_unit

__all__ = ["BELOW", "CEILING", "HIGHLIGHT_FROM", "LAMPS", "SHOULDER", "apply_strength", "protect_highlights"]

CEILING = 0.95
"""Largest channel, as a share of white, from which an input pixel is nearly white and stays as it was."""

HIGHLIGHT_FROM = 0.80
"""Largest input channel from which the picture starts to go over into the input."""

SHOULDER, BELOW = 0.80, 0.90
"""Largest output channel from which what was not a highlight is compressed, and what it then stays below."""

LAMPS = 1e-4
"""Share of the picture, 92 pixels of 1280 x 720, from which highlights are something to be kept apart from the rest."""


def apply_strength(pixels: Pixels, enhanced: Pixels, strength: float) -> Pixels:
    """Blend from the input (strength 0) to the method's output (strength 1), both ``(H, W, 3)`` of one dtype."""
    if strength == 1.0:
        return enhanced
    if strength == 0.0:
        return pixels.copy()
    return np.asarray(cv2.addWeighted(enhanced, strength, pixels, 1.0 - strength, 0.0))


def protect_highlights(pixels: Pixels, enhanced: Pixels) -> Pixels:
    """Keep what was nearly white as it was, and keep everything else below it.

    With v the largest channel of the input and e that of the enhanced pixel, both as shares of white:

    - m(v) rises smoothly from 0 at ``HIGHLIGHT_FROM`` to 1 at ``CEILING``;
    - e is bent by a smooth shoulder into s(e) < ``BELOW``, so that nothing reaches the level of the lamps: in full
      where the mean of m over the picture is ``LAMPS`` or more, in part where it is less. Where it is nothing, as in a
      day picture that was darkened, white stays white;
    - the colour goes over from the enhanced to the input pixel with m, and the level is s + m max(v - s, 0).

    From ``CEILING`` on, the input comes back unchanged. The level is continuous, and for one e(v) that rises with v it
    rises with v: around a lamp no dark ring and no bright rim can appear, which a mask grown or feathered in space
    would leave. Highlights that a method darkens (as centre/surround methods do) are restored by the same formula.

    Args:
        pixels: the method's input, ``(H, W, 3)``, ``uint8``, ``uint16`` or ``float32``.
        enhanced: its output, of the same shape and dtype.

    Returns:
        The protected output, of the same shape and dtype; inputs are left alone.
    """
    was = largest_channel(pixels)
    white = full_scale(pixels)
    at = np.flatnonzero(was >= was.dtype.type(HIGHLIGHT_FROM * white))
    if not at.size:
        return enhanced.copy()
    lamps = float(np.sum(_membership((was.ravel()[at] / white).astype(np.float32)))) / was.size
    out = _bend(enhanced, min(1.0, lamps / LAMPS))
    flat = out.reshape(-1, 3)
    before = pixels.reshape(-1, 3)[at]
    after = from_unit(_go_over(to_unit(before), to_unit(flat[at])), like=pixels)
    kept = was.ravel()[at] >= CEILING * white  # exactly as it was, rounding aside
    flat[at] = np.where(kept[:, None], before, after)
    return out


def _membership(v: Float) -> Float:
    """Return m(v)."""
    t = np.clip((v - HIGHLIGHT_FROM) / (CEILING - HIGHLIGHT_FROM), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _bend(enhanced: Pixels, share: float) -> Pixels:
    """Scale each pixel so that its largest channel e goes towards s(e) by a share; a copy."""
    out, largest = enhanced.copy(), largest_channel(enhanced).ravel()
    white = np.float32(full_scale(enhanced))
    at = np.flatnonzero(largest > largest.dtype.type(SHOULDER * white))  # a few pixels of a night
    flat = out.reshape(-1, 3)
    bent = flat[at] * _shoulder_gain(largest[at].astype(np.float32) / white, share)[:, None]
    flat[at] = bent if out.dtype == np.float32 else np.rint(bent)
    return out


def _shoulder_gain(e: Float, share: float) -> Float:
    """Return by how much e is scaled: 1 up to ``SHOULDER``; then s(e) / e, s an exponential approach to ``BELOW``."""
    room = BELOW - SHOULDER
    above = np.maximum(e - SHOULDER, 0.0)
    bent = (SHOULDER - room * np.expm1(-above / room)) / np.maximum(e, SHOULDER)
    return np.where(above > 0.0, 1.0 + share * (bent - 1.0), 1.0).astype(np.float32)


def _go_over(before: Float, after: Float) -> Float:
    """Go over from the enhanced to the input pixels, ``(N, 3)`` in [0, 1], as in :func:`protect_highlights`."""
    v, level = before.max(axis=1), after.max(axis=1)
    m = _membership(v)
    colour = (1.0 - m)[:, None] * after + m[:, None] * before
    target = level + m * np.maximum(v - level, 0.0)
    gain = target / np.maximum(colour.max(axis=1), np.float32(1e-6))
    return np.asarray(colour * gain[:, None], dtype=np.float32)
