"""The compare sheet: pictures side by side, one column per method, zoomed crops beneath, as papers show them.

Pure drawing: arrays in, one PIL image out. A sheet is built from strips, one per picture, each drawn as soon as its
picture is known, so that full-size pictures need not be kept. All pixels are ``(H, W, 3)`` RGB ``uint8``.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from highbeam.crops import Box
from highbeam.errors import UsageError
from highbeam.methods.base import Pixels, full_scale

__all__ = [
    "FRAME_COLORS",
    "Bytes",
    "Layout",
    "Row",
    "assemble",
    "draw_row",
    "layout",
    "sheet_height",
    "strip_height",
    "to_bytes",
]

Bytes: TypeAlias = NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""

FRAME_COLORS = ("#ff3b4e", "#23c4ff", "#ffd60a", "#4cd964", "#ff7bd5", "#b18cff")
"""One colour per crop: seen on dark asphalt and on lit walls alike, and told apart by the colour-blind in pairs."""

_PAPER = "#ffffff"
_INK = "#2b2b2b"
_FAINT = "#6a6a6a"
_LEAST_COLUMN = 120
_WIDEST = 16_000
"""Pixels: the formats of a sheet take no more than 16,383 (WebP)."""

_TALLEST = 1.6
"""Height of a tile, or of a strip of crops, at most: multiples of its width; what is taller is drawn narrower."""


@dataclass(frozen=True)
class Layout:
    """Where things go, in pixels of the sheet.

    Attributes:
        width: of the sheet.
        lefts: left edge of every column.
        column: width of a column.
        margin: white around the sheet.
        gap: white between columns, and between a tile and its crops.
        title: font size of column titles.
        text: font size of names and figures.
        frame: thickness of the frames of crops.
    """

    width: int
    lefts: tuple[int, ...]
    column: int
    margin: int
    gap: int
    title: int
    text: int
    frame: int


@dataclass(frozen=True)
class Row:
    """One picture in all its versions.

    Attributes:
        name: the caption.
        tiles: one ``(H, W, 3)`` per column, all of one size.
        crops: parts to show larger, in pixels of the picture.
        notes: one line under each column, or none at all.
    """

    name: str
    tiles: Sequence[Bytes]
    crops: Sequence[Box] = ()
    notes: Sequence[str] = ()


def to_bytes(pixels: Pixels) -> Bytes:
    """Return ``(H, W, 3)`` ``uint8``, ``uint16`` or ``float32`` pixels as the nearest 8-bit ones."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.rint(pixels * (255.0 / full_scale(pixels))).astype(np.uint8)


def layout(columns: int, width: int) -> Layout:
    """Divide the width of a sheet into columns with even margins.

    Raises:
        UsageError: the columns would be too narrow to read, or the sheet too wide to be written.
    """
    least = columns * _LEAST_COLUMN
    if not least <= width <= _WIDEST:
        raise UsageError(f"the sheet's width must lie between {least} for {columns} columns and {_WIDEST}, got {width}")
    gap = max(4, width // (columns * 40))
    column = (width - (columns + 3) * gap) // columns
    used = columns * column + (columns - 1) * gap
    left = (width - used) // 2
    return Layout(
        width=width,
        lefts=tuple(left + i * (column + gap) for i in range(columns)),
        column=column,
        margin=2 * gap,
        gap=gap,
        title=min(40, max(12, column // 18)),
        text=min(32, max(11, column // 24)),
        frame=max(2, column // 170),
    )


def draw_row(plan: Layout, row: Row) -> Image.Image:
    """Draw one picture's strip: its name, its tiles, their crops and the notes; as wide as the sheet."""
    blocks = [_block(plan, tile, row.crops) for tile in row.tiles]
    caption = _caption(plan)
    strip = Image.new("RGB", (plan.width, caption + blocks[0].height + _below(plan, noted=bool(row.notes))), _PAPER)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(plan.text)
    draw.text((plan.lefts[0], 0), _fitted(font, row.name, plan.width - 2 * plan.lefts[0]), _FAINT, font)
    for left, block in zip(plan.lefts, blocks, strict=True):
        strip.paste(block, (left, caption))
    for left, note in zip(plan.lefts, row.notes, strict=False):
        _write_centred(draw, (left, plan.column), caption + blocks[0].height + plan.gap // 2, note, plan.text)
    return strip


def assemble(plan: Layout, titles: Sequence[str], strips: Sequence[Image.Image]) -> Image.Image:
    """Set the strips of all pictures under one line of column titles."""
    sheet = Image.new("RGB", (plan.width, sheet_height(plan, [strip.height for strip in strips])), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for left, title in zip(plan.lefts, titles, strict=True):
        _write_centred(draw, (left, plan.column), plan.margin, title, plan.title)
    top = _head(plan)
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + _between(plan)
    return sheet


def strip_height(plan: Layout, width: int, height: int, crops: Sequence[Box], *, noted: bool) -> int:
    """Return the height of a picture's strip, pixels, before the picture is known.

    Args:
        plan: of the sheet.
        width: of the picture, pixels.
        height: of the picture, pixels.
        crops: whose sizes count, and not where they lie.
        noted: whether there is a line under each column.
    """
    below = plan.gap + _band_height(plan, crops) if crops else 0
    return _caption(plan) + _tile_size(plan, width, height)[1] + below + _below(plan, noted=noted)


def sheet_height(plan: Layout, strips: Sequence[int]) -> int:
    """Return the height of a sheet from those of its strips, pixels."""
    return _head(plan) + sum(strips) + _between(plan) * (len(strips) - 1) + plan.margin


def _head(plan: Layout) -> int:
    return plan.margin + plan.title + 2 * plan.gap


def _between(plan: Layout) -> int:
    return 2 * plan.gap


def _caption(plan: Layout) -> int:
    return plan.text + plan.gap


def _below(plan: Layout, *, noted: bool) -> int:
    return plan.gap + plan.text if noted else 0


def _block(plan: Layout, tile: Bytes, crops: Sequence[Box]) -> Image.Image:
    """Draw one column of a strip: the tile with its frames, and the crops beneath."""
    image = Image.fromarray(tile)
    top = _tile(plan, image, crops)
    if not crops:
        return top
    below = _enlarged(plan, image, crops)
    block = Image.new("RGB", (plan.column, top.height + plan.gap + below.height), _PAPER)
    block.paste(top, (0, 0))
    block.paste(below, (0, top.height + plan.gap))
    return block


def _tile(plan: Layout, image: Image.Image, crops: Sequence[Box]) -> Image.Image:
    scale = _scale(plan, image.width, image.height)
    tile = image.resize(_tile_size(plan, image.width, image.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    draw = ImageDraw.Draw(tile)
    for box, color in zip(crops, _colors(crops), strict=True):
        left, top = round(box.x * scale), round(box.y * scale)
        right, bottom = round((box.x + box.width) * scale) - 1, round((box.y + box.height) * scale) - 1
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=color, width=plan.frame)
    return _centred(tile, plan.column)


def _scale(plan: Layout, width: int, height: int) -> float:
    return min(plan.column / width, _TALLEST * plan.column / height)


def _tile_size(plan: Layout, width: int, height: int) -> tuple[int, int]:
    scale = _scale(plan, width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _band_height(plan: Layout, crops: Sequence[Box]) -> int:
    room = plan.column - plan.gap * (len(crops) - 1)
    return max(1, min(round(room / sum(box.width / box.height for box in crops)), round(_TALLEST * plan.column)))


def _enlarged(plan: Layout, image: Image.Image, crops: Sequence[Box]) -> Image.Image:
    """Draw the crops beside each other, equally high and together as wide as the column."""
    ratios = [box.width / box.height for box in crops]
    room = plan.column - plan.gap * (len(crops) - 1)
    height = _band_height(plan, crops)
    widths = _share(room, ratios) if height * sum(ratios) > room - 1 else [max(1, round(height * r)) for r in ratios]
    band = Image.new("RGB", (sum(widths) + plan.gap * (len(crops) - 1), height), _PAPER)
    left = 0
    for box, width, color in zip(crops, widths, _colors(crops), strict=True):
        area = (box.x, box.y, box.x + box.width, box.y + box.height)
        part = image.resize((width, height), Image.Resampling.LANCZOS, box=area)
        ImageDraw.Draw(part).rectangle((0, 0, width - 1, height - 1), outline=color, width=plan.frame)
        band.paste(part, (left, 0))
        left += width + plan.gap
    return _centred(band, plan.column)


def _share(room: int, ratios: Sequence[float]) -> list[int]:
    """Divide ``room`` pixels in the given ratios, each at least 1, without losing one to rounding."""
    edges = [round(room * sum(ratios[:i]) / sum(ratios)) for i in range(len(ratios) + 1)]
    return [max(1, right - left) for left, right in itertools.pairwise(edges)]


def _centred(image: Image.Image, width: int) -> Image.Image:
    if image.width == width:
        return image
    paper = Image.new("RGB", (width, image.height), _PAPER)
    paper.paste(image, ((width - image.width) // 2, 0))
    return paper


def _colors(crops: Sequence[Box]) -> list[str]:
    return [FRAME_COLORS[i % len(FRAME_COLORS)] for i in range(len(crops))]


def _write_centred(draw: ImageDraw.ImageDraw, span: tuple[int, int], top: int, text: str, size: int) -> None:
    """Write a line in the middle of a span of so many pixels from a left edge."""
    left, room = span
    font = ImageFont.load_default(size)
    text = _fitted(font, text, room)
    draw.text((left + (room - font.getlength(text)) / 2, top), text, _INK, font)


def _fitted(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str, room: int) -> str:
    """Shorten a text in its middle until it fits: both ends of a file name tell most."""
    if font.getlength(text) <= room:
        return text

    def short(kept: int) -> str:
        return f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"

    longer = bisect.bisect_right(range(len(text)), room, key=lambda kept: math.ceil(font.getlength(short(kept))))
    return short(longer - 1) if longer > 1 else ""
