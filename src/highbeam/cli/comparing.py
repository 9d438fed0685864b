"""What the verbs that show methods side by side share: crops, methods, sizes, and one picture through all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from highbeam.errors import PictureError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from highbeam.batch import Record
    from highbeam.comparison import Comparison
    from highbeam.crops import Box
    from highbeam.methods.registry import Enhancer
    from highbeam.pictures import Limits
    from highbeam.sources import Source

__all__ = ["box_of", "boxes_in", "compare_one", "enhancers_of", "failed_record", "size_of"]


def box_of(word: str) -> Box:
    """Read x,y,width,height.

    Raises:
        UsageError: it is none.
    """
    from highbeam.crops import Box

    try:
        x, y, width, height = (int(part) for part in word.split(","))
    except ValueError:
        raise UsageError(f"--crop takes x,y,width,height in pixels, got {word!r}") from None
    return Box(x, y, width, height)


def enhancers_of(names: str | None) -> dict[str, Enhancer]:
    """Load the methods of a list with commas, or the default method.

    Raises:
        UsageError: none is named, or one twice.
    """
    from highbeam.methods.registry import DEFAULT_METHOD, load

    wanted = [name.strip() for name in (names or DEFAULT_METHOD).split(",") if name.strip()]
    if not wanted or len(set(wanted)) != len(wanted):
        raise UsageError(f"--methods takes different names with commas between them, got {names!r}")
    return {name: load(name) for name in wanted}


def size_of(path: Path, limits: Limits) -> tuple[int, int] | None:
    """Return width and height of a picture as it will be shown; none where its header cannot be read."""
    from highbeam.pictures import inspect, read_stream

    try:
        with path.open("rb") as file:
            data = read_stream(file, name=str(path), limits=limits)
        return inspect(data, name=str(path), limits=limits).upright
    except (OSError, PictureError):
        return None  # which the work will tell of


def boxes_in(name: str, width: int, height: int, crops: int | list[Box]) -> list[Box]:
    """Return the crops that were given, or some of the size of those that will be chosen."""
    from highbeam.crops import Box, crop_size

    if isinstance(crops, int):
        return [Box(0, 0, *crop_size(width, height, crops))] * crops
    for box in crops:
        box.check_inside(width, height, name)
    return crops


def failed_record(source: Source, sheet: Path, methods: Iterable[str], error: PictureError) -> Record:
    """Return the record of a picture that could not be read."""
    from highbeam.batch import Record

    kind = type(error).__name__
    return Record(str(source.path), str(sheet), "failed", ",".join(methods), error=error.reason, error_type=kind)


def compare_one(
    source: Source, reference: Path | None, enhancers: dict[str, Enhancer], crops: int | list[Box], limits: Limits
) -> Comparison:
    """Read a picture, and its reference where there is one, and put it through all methods.

    Raises:
        PictureError: one of them cannot be read.
        UsageError: they do not fit together.
    """
    from highbeam.comparison import compare_picture
    from highbeam.pictures import read

    wanted = None if reference is None else read(reference, limits=limits).pixels
    pixels = read(source.path, limits=limits).pixels
    return compare_picture(str(source.inner), pixels, enhancers, crops=crops, reference=wanted)
