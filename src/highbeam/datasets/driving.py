"""Data sets of driving whose pictures lie in folders that tell everything: Cityscapes, KITTI, ACDC, Dark Zurich."""

from __future__ import annotations

from pathlib import Path

from highbeam.datasets.entries import Entry, Light, Missing, Place, Split, Survey
from highbeam.datasets.folders import is_picture

__all__ = ["official_split", "scan_acdc", "scan_cityscapes", "scan_dark_zurich", "scan_kitti"]

_SPLITS: dict[str, Split] = {
    "train": "train",
    "train_extra": "train",
    "training": "train",
    "val": "val",
    "test": "test",
    "testing": "test",
}


def official_split(folder: str) -> Split | None:
    """Return the split that the name of a folder stands for; ``_ref`` at its end does not matter."""
    return _SPLITS.get(folder.removesuffix("_ref"))


def scan_cityscapes(root: Path) -> Survey:
    """Survey ``leftImg8bit/{train,val,test,train_extra}/CITY/*.png``; all by day, each city a source."""
    entries = [
        Entry(_name(root, path), path.parent.name, Place(path), split=official_split(path.parents[1].name))
        for path in _pictures(root, "leftImg8bit/*/*/*")
        if official_split(path.parents[1].name)
    ]
    return _survey(root, entries, "leftImg8bit/{train,val,test}/CITY/*_leftImg8bit.png")


def scan_kitti(root: Path) -> Survey:
    """Survey the left colour camera: raw drives (each a source), and the benchmarks' training and testing folders.

    The benchmarks do not say from which drive a picture is: all their training pictures are one source.
    """
    drives = [path for pattern in _KITTI_DRIVES for path in _pictures(root, pattern)]
    entries = [Entry(_name(root, path), path.parents[2].name, Place(path)) for path in drives]
    entries += [
        Entry(_name(root, path), "benchmark", Place(path), split="test" if folder == "testing" else None)
        for folder in ("training", "testing")
        for path in _pictures(root, f"{folder}/image_2/*")
    ]
    return _survey(root, entries, "DATE/DATE_drive_NNNN_sync/image_02/data/*.png, or training/image_2/*.png")


def scan_acdc(root: Path) -> Survey:
    """Survey ``rgb_anon/{fog,night,rain,snow}/{train,val,test}[_ref]/SEQUENCE/*``; ``_ref`` is by day, in fair weather.

    A sequence and its reference drive are one source. The reference pictures are of the same places, not the same
    views: they are no pairs.
    """
    entries = []
    for path in _pictures(root, "rgb_anon/*/*/*/*"):
        condition, part, sequence = path.parts[-4:-1]
        if condition in _CONDITIONS and official_split(part):
            light: Light = "night" if condition == "night" and not part.endswith("_ref") else "day"
            source = f"{condition}/{sequence}"
            entries.append(Entry(_name(root, path), source, Place(path), light=light, split=official_split(part)))
    return _survey(root, entries, "rgb_anon/{fog,night,rain,snow}/{train,val,test}[_ref]/SEQUENCE/*.png")


def scan_dark_zurich(root: Path) -> Survey:
    """Survey ``rgb_anon/{train,val,test}[_ref]/{day,twilight,night}/SEQUENCE/*``.

    A sequence ``GOPR0356`` and its day-time counterpart ``GOPR0356_ref`` are one source; they are no pairs.
    """
    entries = []
    for path in _pictures(root, "rgb_anon/*/*/*/*"):
        part, time, sequence = path.parts[-4:-1]
        if time in _TIMES and official_split(part):
            source = sequence.removesuffix("_ref")
            split = official_split(part)
            entries.append(Entry(_name(root, path), source, Place(path), light=_TIMES[time], split=split))
    return _survey(root, entries, "rgb_anon/{train,val,test}[_ref]/{day,twilight,night}/SEQUENCE/*.png")


_KITTI_DRIVES = ("*_drive_*/image_02/data/*", "*/*_drive_*/image_02/data/*")
_CONDITIONS = frozenset({"fog", "night", "rain", "snow"})
_TIMES: dict[str, Light] = {"day": "day", "twilight": "dusk", "night": "night"}


def _pictures(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if is_picture(path) and not path.name.startswith("."))


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _survey(root: Path, entries: list[Entry], expected: str) -> Survey:
    return Survey(tuple(entries), () if entries else (Missing(f"{root}: no pictures; expected {expected}"),))
