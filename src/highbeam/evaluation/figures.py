"""The two figures of a paper on the dark: methods against a reference, and real nights with magnified details.

Pure drawing: sizes in, places out (:func:`plan_page`, :func:`dark_block`, :func:`night_block`); then arrays in, images
out (:func:`draw_block`, :func:`assemble`). Each picture is one block and is drawn as soon as it is known, so that
full-size pictures need not be kept. All pixels are ``(H, W, 3)`` RGB ``uint8``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

from highbeam.comparison import Score
from highbeam.crops import Box
from highbeam.errors import UsageError
from highbeam.sheets import FRAME_COLORS, Bytes

__all__ = ["LEAST_COLUMN", "MOST_DETAILS", "WIDEST", "Block", "Frame", "Leader", "Note", "Page", "Text", "Tile"]
__all__ += ["assemble", "dark_block", "draw_block", "marked", "night_block", "page_height", "plan_page"]

LEAST_COLUMN = 100  # pixels
WIDEST = 16_000  # pixels: the formats take no more than 16,383 (WebP)

MOST_DETAILS = 3
"""Details of a tile: more would be too small on paper."""

_IN_A_LINE = 6
"""Tiles in a line where nobody says how many: more are too small on paper."""

_TALLEST = 1.6
"""Height of a tile at most, in widths of its column; a taller picture is drawn narrower."""

_PAPER, _INK = "#ffffff", "#1c1c1c"
_WIDEST_NOTE = "00.00 / 0.000"
_SMALLEST = 8
"""Font size, pixels, below which nothing is written."""

_LINE = 1.3  # its height in font sizes
_FINE = 4
"""Leaders are drawn that many times larger and reduced, to be smooth."""


@dataclass(frozen=True)
class Page:
    """Where columns lie and how large things are, in pixels of the figure.

    Attributes:
        titles: one per column of the comparison: input, methods, perhaps the reference.
        columns: tiles in a line; where there are more titles, they go on in the next.
        width: of the figure.
        lefts: left edge of every place in a line.
        column: width of a tile.
        gap: white between tiles; twice as much between lines and around the figure.
        title: font size of titles.
        text: font size of notes.
        frame: thickness of frames.
    """

    titles: tuple[str, ...]
    columns: int
    width: int
    lefts: tuple[int, ...]
    column: int
    gap: int
    title: int
    text: int
    frame: int

    @property
    def lines(self) -> int:
        """Lines of tiles of a picture."""
        return math.ceil(len(self.titles) / self.columns)

    @property
    def head(self) -> int:
        """Height of a line of titles with the white beneath."""
        return round(_LINE * self.title) + self.gap // 2

    @property
    def between(self) -> int:
        """White between two pictures: more than between the lines of one."""
        return self.gap * (2 if self.lines == 1 else 4)

    @property
    def foot(self) -> int:
        """Height of a line of notes with the white above."""
        return round(_LINE * self.text) + self.gap // 2


@dataclass(frozen=True)
class Tile:
    """A part of the picture of one column, and the place that it fills."""

    place: Box
    part: Box
    column: int = 0


@dataclass(frozen=True)
class Frame:
    """A frame whose outer edge is that of the place."""

    place: Box
    color: str


@dataclass(frozen=True)
class Leader:
    """A thin line from a framed region to its magnified detail."""

    start: tuple[int, int]
    end: tuple[int, int]
    color: str


Note: TypeAlias = tuple[tuple[str, bool], ...]
"""What is written one after the other, and whether it is bold."""


@dataclass(frozen=True)
class Text:
    """A line, centred in its place."""

    place: Box
    note: Note
    size: int

    @property
    def text(self) -> str:
        """The words alone."""
        return "".join(words for words, _ in self.note)


@dataclass(frozen=True)
class Block:
    """Everything of one picture, as wide as the page; places count from the block's top left corner."""

    height: int
    tiles: tuple[Tile, ...] = ()
    frames: tuple[Frame, ...] = ()
    leaders: tuple[Leader, ...] = ()
    texts: tuple[Text, ...] = ()


def plan_page(titles: Sequence[str], width: int, columns: int | None = None) -> Page:
    """Divide the width of a figure into even columns with white margins.

    Args:
        titles: one per tile of a picture.
        width: of the figure, pixels.
        columns: tiles in a line; if not given, as few lines as leave tiles large enough, equally full.

    Raises:
        UsageError: the columns would be too narrow for their tiles or titles, or the figure too wide to be written.
    """
    count = min(columns or math.ceil(len(titles) / math.ceil(len(titles) / _IN_A_LINE)), len(titles))
    least = count * LEAST_COLUMN
    if not least <= width <= WIDEST:
        raise UsageError(f"the figure's width must lie between {least} for {count} columns and {WIDEST}, got {width}")
    gap = max(4, width // 160)
    column = (width - (count + 3) * gap) // count
    left = (width - count * column - (count - 1) * gap) // 2
    lefts = tuple(left + i * (column + gap) for i in range(count))
    title, text = _size_for(titles, column, width // 56), _size_for([_WIDEST_NOTE], column, width // 62)
    return Page(tuple(titles), count, width, lefts, column, gap, title, text, frame=max(2, width // 500))


def _size_for(texts: Sequence[str], room: int, most: int) -> int:
    """Return the largest font size in which every text fits in so many pixels, bold ones too."""
    for size in range(max(most, _SMALLEST), _SMALLEST - 1, -1):
        font = ImageFont.load_default(size)
        if all(1.05 * font.getlength(text) <= room for text in texts):
            return size
    raise UsageError(f"{max(texts, key=len)!r} does not fit over {room} pixels; use fewer columns or a larger width")


def marked(scores: Sequence[Score]) -> tuple[Note, ...]:
    """Write PSNR / SSIM of a row, each figure that is the best of them, as written, in bold."""
    psnrs, ssims = [f"{score.psnr:.2f}" for score in scores], [f"{score.ssim:.3f}" for score in scores]
    best, most_alike = (max(figures, key=float, default="") for figures in (psnrs, ssims))
    return tuple(((p, p == best), (" / ", False), (s, s == most_alike)) for p, s in zip(psnrs, ssims, strict=True))


def dark_block(page: Page, width: int, height: int, notes: Sequence[Note], ratio: float | None = None) -> Block:
    """Lay out a picture in all its columns, a note under each.

    Args:
        page: from :func:`plan_page`.
        width: of the picture, pixels.
        height: of the picture, pixels.
        notes: one per column.
        ratio: width over height that tiles are cropped to, around the middle; the picture's own if not given.
    """
    part = _middle(width, height, ratio)
    place = _fitted(page.column, part.width, part.height)
    return _in_lines(page, Block(place.height, (Tile(place, part),)), notes)


def night_block(
    page: Page, width: int, height: int, boxes: Sequence[Box], *, beside: bool = False, leaders: bool = False
) -> Block:
    """Lay out a picture in all its columns, with regions framed and magnified in frames of the same colours.

    Args:
        page: from :func:`plan_page`.
        width: of the picture, pixels.
        height: of the picture, pixels.
        boxes: the regions, in pixels of the picture; their details stand in the order in which they lie.
        beside: put the details at the right of the picture, one above the other, and not below it.
        leaders: draw lines from the regions to their details.

    Raises:
        UsageError: a detail would be no larger than its region already is.
    """
    order = sorted(range(len(boxes)), key=lambda i: boxes[i].y if beside else boxes[i].x)
    parts, colors = [boxes[i] for i in order], [FRAME_COLORS[i] for i in order]
    arrange = _beside if beside else _below
    place, details = arrange(page.column, max(2, page.gap // 2), (width, height), parts)
    if any(detail.width * width <= part.width * place.width for part, detail in zip(parts, details, strict=True)):
        raise UsageError("no room to magnify the regions; take fewer or smaller ones, or show them below the pictures")
    regions = [_framed(place, part, place.width / width, page.frame) for part in parts]
    ends = list(zip(regions, details, colors, strict=True))
    tiles = [Tile(place, Box(0, 0, width, height)), *map(Tile, details, parts)]
    frames = [Frame(at, color) for region, detail, color in ends for at in (region, detail)]
    lines = [line for end in ends for line in _leaders(*end, beside=beside)] if leaders else []
    lowest = max(at.y + at.height for at in (place, *details))
    return _in_lines(page, Block(lowest, tuple(tiles), tuple(frames), tuple(lines)), ())


def page_height(page: Page, blocks: Sequence[int]) -> int:
    """Return the height of a figure from those of its blocks, pixels."""
    return _top(page) + sum(blocks) + page.between * (len(blocks) - 1) + 2 * page.gap


def draw_block(page: Page, block: Block, pictures: Sequence[Bytes]) -> Image.Image:
    """Draw one picture's block from its versions, one per column and all of one size."""
    strip = Image.new("RGB", (page.width, block.height), _PAPER)
    for tile in block.tiles:
        part, place = tile.part, tile.place
        area = (part.x, part.y, part.x + part.width, part.y + part.height)
        image = Image.fromarray(pictures[tile.column])
        strip.paste(image.resize((place.width, place.height), Image.Resampling.LANCZOS, box=area), (place.x, place.y))
    for leader in block.leaders:
        _draw_leader(strip, leader, max(1, page.frame // 2))
    draw = ImageDraw.Draw(strip)
    for frame in block.frames:
        draw.rectangle(_corners(frame.place), outline=frame.color, width=page.frame)
    for text in block.texts:
        _write(draw, text)
    return strip


def assemble(page: Page, strips: Sequence[Image.Image]) -> Image.Image:
    """Set the strips of all pictures below each other, under one line of titles where one line holds them all."""
    figure = Image.new("RGB", (page.width, page_height(page, [strip.height for strip in strips])), _PAPER)
    for column in range(page.columns if page.lines == 1 else 0):
        _write(ImageDraw.Draw(figure), _line(page, column, 2 * page.gap))
    top = _top(page)
    for strip in strips:
        figure.paste(strip, (0, top))
        top += strip.height + page.between
    return figure


def _top(page: Page) -> int:
    return 2 * page.gap + (page.head if page.lines == 1 else 0)


def _line(page: Page, column: int, top: int, note: Note | None = None) -> Text:
    """Place a note, or else the title, of a column."""
    size, note = (page.text, note) if note else (page.title, ((page.titles[column], False),))
    return Text(Box(page.lefts[column % page.columns], top, page.column, round(_LINE * size)), note, size)


def _middle(width: int, height: int, ratio: float | None) -> Box:
    """Return the largest part of that ratio in the middle of a picture."""
    if ratio is None:
        return Box(0, 0, width, height)
    across, down = max(1, min(width, round(height * ratio))), max(1, min(height, round(width / ratio)))
    return Box((width - across) // 2, (height - down) // 2, across, down)


def _fitted(room: int, width: int, height: int) -> Box:
    """Return the place of a picture at the top of a column, as wide as that unless it would be too tall."""
    scale = min(room / width, _TALLEST * room / height)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    return Box((room - across) // 2, 0, across, down)


def _below(room: int, gap: int, size: tuple[int, int], boxes: Sequence[Box]) -> tuple[Box, list[Box]]:
    """Place a picture, and its details beneath: equally high, together as wide, and no higher than it."""
    place = _fitted(room, *size)
    if not boxes:
        return place, []
    ratios = [box.width / box.height for box in boxes]
    free = place.width - gap * (len(boxes) - 1)
    height = max(1, min(round(free / sum(ratios)), place.height))
    used = min(free, round(height * sum(ratios))) if height == place.height else free
    lefts, top = _steps(used, ratios, gap), place.height + gap
    first = place.x + (free - used) // 2
    return place, [Box(first + left, top, across, height) for left, across in lefts]


def _beside(room: int, gap: int, size: tuple[int, int], boxes: Sequence[Box]) -> tuple[Box, list[Box]]:
    """Place a picture, and its details at its right: equally wide, and together as high as it."""
    if not boxes:
        return _fitted(room, *size), []
    slopes, slope, white = [box.height / box.width for box in boxes], size[1] / size[0], gap * (len(boxes) - 1)
    filling = (room - gap + white / sum(slopes)) / (1 / slope + 1 / sum(slopes))
    height = max(1, int(min(filling, _TALLEST * room)))
    free, width = max(len(boxes), height - white), max(1, round(height / slope))
    across = max(1, min(round(free / sum(slopes)), room - gap - width))
    left = (room - width - gap - across) // 2
    details = [Box(left + width + gap, top, across, down) for top, down in _steps(free, slopes, gap)]
    return Box(left, 0, width, height), details


def _steps(room: int, shares: Sequence[float], gap: int) -> list[tuple[int, int]]:
    """Divide so many pixels in the given shares, none lost to rounding: where each starts, gaps included, and ends."""
    edges = [round(room * sum(shares[:i]) / sum(shares)) for i in range(len(shares) + 1)]
    return [(low + i * gap, max(1, high - low)) for i, (low, high) in enumerate(itertools.pairwise(edges))]


def _framed(place: Box, box: Box, scale: float, frame: int) -> Box:
    """Return the outer edge of a frame around a region of a tile: beside the region, but not beyond the tile."""
    left, top = max(0, round(box.x * scale) - frame), max(0, round(box.y * scale) - frame)
    right = min(place.width, round((box.x + box.width) * scale) + frame)
    bottom = min(place.height, round((box.y + box.height) * scale) + frame)
    return Box(place.x + left, place.y + top, right - left, bottom - top)


def _leaders(region: Box, detail: Box, color: str, *, beside: bool) -> tuple[Leader, Leader]:
    """Join the two corners of a region that face its detail to the nearest corners of that."""
    (left, top, right, bottom), (x, y, far, low) = _corners(region), _corners(detail)
    if beside:
        return Leader((right, top), (x, y), color), Leader((right, bottom), (x, low), color)
    return Leader((left, bottom), (x, y), color), Leader((right, bottom), (far, y), color)


def _corners(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.x + box.width - 1, box.y + box.height - 1


def _in_lines(page: Page, cell: Block, notes: Sequence[Note]) -> Block:
    """Repeat the cell of a column for all of them, in as many lines as the page has, with titles if several."""
    head, foot = page.head if page.lines > 1 else 0, page.foot if notes else 0
    step = head + cell.height + foot + 2 * page.gap
    cells = []
    for column in range(len(page.titles)):
        top = step * (column // page.columns)
        below = top + head + cell.height + page.gap // 2
        texts = [_line(page, column, top)] if head else []
        texts += [_line(page, column, below, notes[column])] if notes else []
        moved = _moved(cell, page.lefts[column % page.columns], top + head, column)
        cells.append(replace(moved, texts=tuple(texts)))
    return _joined(page.lines * step - 2 * page.gap, cells)


def _joined(height: int, cells: Sequence[Block]) -> Block:
    chain = itertools.chain.from_iterable
    tiles, frames = chain(cell.tiles for cell in cells), chain(cell.frames for cell in cells)
    leaders, texts = chain(cell.leaders for cell in cells), chain(cell.texts for cell in cells)
    return Block(height, tuple(tiles), tuple(frames), tuple(leaders), tuple(texts))


def _moved(cell: Block, x: int, y: int, column: int) -> Block:
    def to(place: Box) -> Box:
        return replace(place, x=place.x + x, y=place.y + y)

    tiles = tuple(Tile(to(tile.place), tile.part, column) for tile in cell.tiles)
    frames = tuple(Frame(to(frame.place), frame.color) for frame in cell.frames)
    ends = ((one.start, one.end, one.color) for one in cell.leaders)
    leaders = tuple(Leader((a + x, b + y), (c + x, d + y), color) for (a, b), (c, d), color in ends)
    return Block(cell.height, tiles, frames, leaders)


def _draw_leader(strip: Image.Image, leader: Leader, thickness: int) -> None:
    """Draw a smooth line, which Pillow alone does not."""
    (x, y), (far, low) = leader.start, leader.end
    left, top = min(x, far) - thickness, min(y, low) - thickness
    size = (abs(far - x) + 2 * thickness + 1, abs(low - y) + 2 * thickness + 1)
    mask = Image.new("L", (size[0] * _FINE, size[1] * _FINE))
    ends = [((px - left + 0.5) * _FINE, (py - top + 0.5) * _FINE) for px, py in (leader.start, leader.end)]
    ImageDraw.Draw(mask).line(ends, fill=255, width=thickness * _FINE)
    strip.paste(leader.color, (left, top), mask.resize(size, Image.Resampling.BOX))


def _write(draw: ImageDraw.ImageDraw, text: Text) -> None:
    """Write a line in the middle of its place; bold is a stroke, because Pillow brings no bold font along."""
    font = ImageFont.load_default(text.size)
    left = text.place.x + (text.place.width - sum(font.getlength(words) for words, _ in text.note)) / 2
    for words, bold in text.note:
        draw.text((left, text.place.y), words, _INK, font, stroke_width=text.size / 36 if bold else 0)
        left += font.getlength(words)
