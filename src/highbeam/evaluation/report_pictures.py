"""The pictures of the report: before and after under one slider, and a map of where an output is wrong."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from highbeam.evaluation.plots import escape
from highbeam.evaluation.report_tables import name_of
from highbeam.evaluation.report_words import decimals, figure_of, number
from highbeam.evaluation.results import Results, Row
from highbeam.sheets import Bytes

__all__ = ["RAMP", "WIDEST", "Store", "Tiles", "amplification", "case_pictures", "difference", "error_colors", "legend"]

WIDEST = 960
"""Pixels along the longer side of a picture in the page."""

_WIDEST_MAP = 640

RAMP = ("#111129", "#391d53", "#771570", "#af1c71", "#df375f", "#f76b4e", "#ff9c4e", "#ffcc71", "#fff6ab")
"""Colours of the map of errors, from none to most: even steps of lightness (CIELAB L* from 6 to 96)."""

_FACTORS = (16, 8, 4, 2, 1)
_QUALITY = 88
_COVERED = 97.0
"""Per cent of a picture's pixels that the colours have to be enough for."""

Errors: TypeAlias = NDArray[np.float32]
"""``(H, W)``: mean over R, G and B of the absolute difference, share of white."""


class Tiles(Protocol):
    """Makes the pictures of a case again: called with the names of set, case and subject."""

    def __call__(self, set_name: str, case: str, subject: str, /) -> Mapping[str, Bytes]:
        """Return ``output``, and ``dark`` and ``reference`` where there are such: ``(H, W, 3)`` RGB ``uint8``."""
        ...


@dataclass
class Store:
    """Pictures in a page, each held once however often it is shown.

    Attributes:
        definitions: SVG that has to stand in the page for the uses to show anything.
    """

    definitions: list[str] = field(default_factory=list)
    _known: dict[bytes, tuple[str, int, int]] = field(default_factory=dict)

    def use(self, pixels: Bytes, kind: str, about: str) -> str:
        """Return a picture as SVG of a class, with words for those who do not see it."""
        key = hashlib.sha256(np.ascontiguousarray(pixels).tobytes() + repr(pixels.shape).encode()).digest()
        if key not in self._known:
            self._known[key] = self._add(_shrunk(pixels))
        name, width, height = self._known[key]
        return (
            f'<svg class="{kind}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img"'
            f' aria-label="{escape(about)}"><use href="#{name}"/></svg>'
        )

    def _add(self, pixels: Bytes) -> tuple[str, int, int]:
        name, (height, width) = f"picture{len(self.definitions)}", pixels.shape[:2]
        self.definitions.append(f'<image id="{name}" width="{width}" height="{height}" href="{_data_uri(pixels)}"/>')
        return name, width, height


@dataclass(frozen=True)
class _Shot:
    row: Row
    pictures: Mapping[str, Bytes]
    errors: Errors | None


def difference(output: Bytes, reference: Bytes | None) -> Errors | None:
    """Return the error of each pixel at the size of a map; None without a reference of the same size."""
    if reference is None or reference.shape != output.shape:
        return None
    error = cv2.absdiff(output, reference).mean(axis=2, dtype=np.float32) / np.float32(255)
    return np.asarray(cv2.resize(error, _fitting(error, _WIDEST_MAP), interpolation=cv2.INTER_AREA), dtype=np.float32)


def amplification(errors: Sequence[Errors]) -> int:
    """Return the factor that shows most: the largest one that leaves nearly all pixels within the colours."""
    worst = max((float(np.percentile(error, _COVERED)) for error in errors), default=1.0)
    return next((factor for factor in _FACTORS if worst * factor <= 1), _FACTORS[-1])


def error_colors(errors: Errors, factor: int) -> Bytes:
    """Draw a map of errors, ``(H, W, 3)``: the last colour is 1/factor of white, and what is beyond."""
    stops = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in RAMP], dtype=np.float32)
    places = np.linspace(0, 255, len(RAMP))
    table = np.stack([np.interp(np.arange(256), places, stops[:, i]) for i in range(3)], axis=1)
    steps = np.clip(np.rint(errors * np.float32(255 * factor)), 0, 255).astype(np.uint8)
    return np.asarray(np.rint(table).astype(np.uint8)[steps])


def legend(factor: int) -> str:
    """Return the colour bar of a map of errors."""
    width, height = 300.0, 12.0
    bands = len(RAMP) - 1
    stops = "".join(f'<stop offset="{i / bands:.4g}" stop-color="{color}"/>' for i, color in enumerate(RAMP))
    words = "".join(
        f'<text x="{share * width:g}" y="28" text-anchor="{anchor}">{share * 100 / factor:.3g} %{more}</text>'
        for share, anchor, more in ((0.0, "start", ""), (0.5, "middle", ""), (1.0, "end", " and more"))
    )
    return (
        f'<svg class="legend" viewBox="0 0 {width:g} 32" role="img" aria-label="Colour bar: errors from 0 to'
        f' {100 / factor:.3g} % of white"><defs><linearGradient id="ramp{factor}">{stops}</linearGradient></defs>'
        f'<rect width="{width:g}" height="{height:g}" fill="url(#ramp{factor})"/>{words}</svg>'
    )


def case_pictures(
    results: Results, where: tuple[str, str], tiles: Tiles, styles: Mapping[str, int], store: Store
) -> str:
    """Return a case in the versions of all subjects that have it.

    Args:
        results: of the evaluation.
        where: names of the set and the case.
        tiles: makes the pictures again.
        styles: colour and shape of each subject.
        store: takes the pictures.
    """
    rows = [row for row in results.rows if (row.set, row.case) == where]
    shots = [_shot(row, tiles) for row in rows]
    factor = amplification(_compared(results, shots))
    drawn = "".join(_draw(shot, factor, styles, store) for shot in shots)
    if all(shot.errors is None for shot in shots):
        return f'<div class="shots">{drawn}</div>'
    told = (
        "Maps: absolute difference between output and reference, mean of R, G and B in % of white, "
        f"amplified {factor}\N{MULTIPLICATION SIGN}."
    )
    return f'<div class="shots">{drawn}</div><div class="bar"><p>{told}</p>{legend(factor)}</div>'


def _compared(results: Results, shots: Sequence[_Shot]) -> list[Errors]:
    """Return the errors that have to be told apart: those of the input, far larger, only where there are no others."""
    inputs = {subject.name for subject in results.subjects if subject.kind == "input"}
    every = [(shot.row.subject, shot.errors) for shot in shots if shot.errors is not None]
    return [errors for name, errors in every if name not in inputs] or [errors for _, errors in every]


def _shot(row: Row, tiles: Tiles) -> _Shot:
    pictures = dict(tiles(row.set, row.case, row.subject))
    dark, output = pictures.get("dark"), pictures["output"]
    if dark is not None and np.array_equal(dark, output):  # the input beside itself shows nothing
        del pictures["dark"]
    return _Shot(row, pictures, difference(output, pictures.get("reference")))


def _draw(shot: _Shot, factor: int, styles: Mapping[str, int], store: Store) -> str:
    row = shot.row
    wrong = ""
    if shot.errors is not None:
        about = f"Map of the errors of {row.subject} on {row.case}"
        wrong = store.use(error_colors(shot.errors, factor), "errors", about)
    return (
        f'<figure class="shot"><figcaption>{name_of(row.subject, styles)}</figcaption>'
        f"{_stage(shot, store)}{wrong}{_values(row)}</figure>"
    )


def _stage(shot: _Shot, store: Store) -> str:
    """Return the pictures on top of each other: the reference, the output over it, the dark picture over both."""
    row, have = shot.row, [kind for kind in ("dark", "reference") if kind in shot.pictures]
    layers = "".join(
        store.use(shot.pictures[kind], f"layer {kind}", f"{row.case}, {row.subject}: {kind}")
        for kind in ("reference", "output", "dark")
        if kind in shot.pictures
    )
    if not have:
        return f'<div class="stage">{layers}</div>'
    label = escape(f"Slider over {row.case}, {row.subject}: share of the left picture")
    return (
        f'<div class="stage" data-pair="{have[0]}">{layers}<span class="edge" aria-hidden="true"></span>'
        '<span class="tag left" aria-hidden="true"></span><span class="tag right" aria-hidden="true"></span>'
        f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{label}"></div>{_switch(have)}'
    )


def _switch(have: Sequence[str]) -> str:
    words = {"dark": "dark and output", "reference": "output and reference"}
    if len(have) == 1:
        return f'<div class="switch"><span>{words[have[0]]}</span></div>'
    buttons = "".join(
        f'<button type="button" data-pair="{kind}" aria-pressed="{"true" if kind == have[0] else "false"}">'
        f"{words[kind]}</button>"
        for kind in have
    )
    return f'<div class="switch" role="group" aria-label="What the slider compares">{buttons}</div>'


def _values(row: Row) -> str:
    shown = "".join(
        f"<div><dt>{escape(name)} {figure_of(name).arrow}</dt><dd>{number(value, decimals([value]))}</dd></div>"
        for name, value in row.values.items()
    )
    return f'<dl class="values">{shown}</dl>'


def _fitting(pixels: NDArray[np.uint8] | Errors, most: int) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    scale = min(1.0, most / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrunk(pixels: Bytes) -> Bytes:
    size = _fitting(pixels, WIDEST)
    if size == pixels.shape[1::-1]:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _data_uri(pixels: Bytes) -> str:
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(held, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
