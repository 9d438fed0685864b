"""Data sets of driving whose tables tell which pictures are by day: BDD100K and nuScenes."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from highbeam.datasets.driving import official_split
from highbeam.datasets.entries import Bad, Entry, Light, Missing, Place, Survey, merged
from highbeam.datasets.folders import is_picture

__all__ = ["scan_bdd100k", "scan_nuscenes", "stream_list"]

_CHUNK = 1 << 20
_TIMES: dict[str, Light] = {"daytime": "day", "dawn/dusk": "dusk", "night": "night"}


def stream_list(path: Path) -> Iterator[dict[str, Any]]:
    """Read the objects of a JSON list one by one: label files of a gigabyte do not fit into memory when parsed.

    Raises:
        ValueError: the file is not a JSON list of objects.
        OSError: it cannot be read.
    """
    decoder, at = json.JSONDecoder(), 1
    with path.open(encoding="utf-8") as file:
        text = file.read(_CHUNK).lstrip()
        if text[:1] != "[":
            raise ValueError("is not a JSON list")
        while True:
            at = _past(text, at, " \t\r\n,")
            if text[at : at + 1] == "]":
                return
            try:
                value, at = decoder.raw_decode(text, at)
            except json.JSONDecodeError:
                more = file.read(max(_CHUNK, len(text) - at))
                if not more:
                    raise
                text, at = text[at:] + more, 0
                continue
            if not isinstance(value, dict):
                raise ValueError("is not a list of objects")  # noqa: TRY004 - what a reader does with bad data
            yield value


def _past(text: str, at: int, skipped: str) -> int:
    while text[at : at + 1] and text[at] in skipped:
        at += 1
    return at


def scan_bdd100k(root: Path) -> Survey:
    """Survey ``images/100k/{train,val,test}`` with the labels' ``attributes.timeofday``.

    A picture without label is of unknown light. Pictures whose names agree up to the dash were recorded by one driver
    and are one source.
    """
    folders = sorted(path for path in (root / "images" / "100k").glob("*") if path.is_dir())
    if not folders:
        return Survey((), (Missing(f"{root / 'images' / '100k'}: no such folder, or empty"),))
    return merged(_bdd_part(root, folder) for folder in folders if official_split(folder.name))


def _bdd_part(root: Path, folder: Path) -> Survey:
    split, bad = official_split(folder.name), list[Bad]()
    lights = _bdd_lights(root, folder.name, bad)
    missing = []
    if not lights and split != "test":
        missing.append(Missing(f"{_bdd_labels(root, folder.name)[0]}: no such file, or no labels", split))
    entries = []
    for path in sorted(folder.iterdir()):
        if is_picture(path):
            light = lights.pop(path.stem, "unknown")
            name, source = path.relative_to(root).as_posix(), path.stem.partition("-")[0]
            entries.append(Entry(name, source, Place(path), light=light, split=split))
    absent = sorted(stem for stem, light in lights.items() if light == "day")
    if absent:
        text = f"{folder}: {len(absent)} labelled daytime pictures are not there, such as {absent[0]}.jpg"
        missing.append(Missing(text, split))
    return Survey(tuple(entries), tuple(missing), bad=tuple(bad))


def _bdd_labels(root: Path, split: str) -> list[Path]:
    """The places of the labels, by release: one list for a split, or one file for a picture."""
    labels = root / "labels"
    lists = [labels / f"bdd100k_labels_images_{split}.json", labels / "det_20" / f"det_{split}.json"]
    return [*lists, labels / "100k" / split]


def _bdd_lights(root: Path, split: str, bad: list[Bad]) -> dict[str, Light]:
    """Return the light of every labelled picture by its stem."""
    lights: dict[str, Light] = {}
    for path in _bdd_labels(root, split):
        files = sorted(path.glob("*.json")) if path.is_dir() else [path] if path.is_file() else []
        for file in files:
            try:
                frames = [json.loads(file.read_bytes())] if path.is_dir() else stream_list(file)
                lights.update(_bdd_light(frame) for frame in frames)
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                bad.append(Bad(str(file), f"cannot be read as labels of BDD100K ({error})"))
        if lights:
            return lights
    return lights


def _bdd_light(frame: dict[str, Any]) -> tuple[str, Light]:
    stem = str(frame["name"]).removesuffix(".jpg")
    return stem, _TIMES.get(frame["attributes"]["timeofday"], "unknown")


def scan_nuscenes(root: Path) -> Survey:
    """Survey ``samples/CAM_FRONT`` with the tables ``scene``, ``sample`` and ``log`` of ``v1.0-*``.

    A scene whose description says so is by night. A picture's name tells its log and its time, which give the scene;
    each log is a source.
    """
    folder = root / "samples" / "CAM_FRONT"
    missing = [] if folder.is_dir() else [Missing(f"{folder}: no such folder")]
    versions = [path for path in sorted(root.glob("v1.0-*")) if path.is_dir()]
    if not versions:
        missing.append(Missing(f"{root / 'v1.0-*'}: no folder of tables"))
    scenes: dict[str, list[tuple[int, int, Light]]] = {}
    bad: list[Bad] = []
    for version in versions:
        try:
            _add_scenes(version, scenes)
        except (OSError, ValueError, KeyError, TypeError) as error:
            bad.append(Bad(str(version), f"its tables scene, sample and log cannot be read ({error!r})"))
    pictures = sorted(path for path in folder.glob("*") if is_picture(path))
    if folder.is_dir() and not pictures:
        missing.append(Missing(f"{folder}: no pictures"))
    entries = (_nuscenes_entry(root, path, scenes) for path in pictures)
    return Survey(tuple(entries), tuple(missing), bad=tuple(bad))


def _add_scenes(version: Path, scenes: dict[str, list[tuple[int, int, Light]]]) -> None:
    """Add first and last time (microseconds) and light of every scene under the name of its log."""
    tables = {name: json.loads((version / f"{name}.json").read_bytes()) for name in ("scene", "sample", "log")}
    times = {row["token"]: int(row["timestamp"]) for row in tables["sample"]}
    logs = {row["token"]: str(row["logfile"]) for row in tables["log"]}
    for row in tables["scene"]:
        light: Light = "night" if "night" in row["description"].lower() else "day"
        span = times[row["first_sample_token"]], times[row["last_sample_token"]], light
        scenes.setdefault(logs[row["log_token"]], []).append(span)
    for spans in scenes.values():
        spans.sort()


def _nuscenes_entry(root: Path, path: Path, scenes: dict[str, list[tuple[int, int, Light]]]) -> Entry:
    log, _, time = path.stem.split("__") if path.stem.count("__") == 2 else (path.stem, "", "")  # noqa: PLR2004
    light = _light_at(scenes.get(log, []), int(time)) if time.isdecimal() else "unknown"
    return Entry(path.relative_to(root).as_posix(), log, Place(path), light=light)


def _light_at(spans: list[tuple[int, int, Light]], time: int) -> Light:
    """Return the light of the scene at a time; cameras and samples differ by less than the slack."""
    at = bisect_right(spans, time + _SLACK, key=lambda span: span[0]) - 1
    return spans[at][2] if at >= 0 and time <= spans[at][1] + _SLACK else "unknown"


_SLACK = 250_000
"""Microseconds, half the time between two samples."""
