"""Labels of the user's own: masks as single-channel PNG files, boxes as COCO JSON or YOLO text files."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from highbeam.errors import EvaluationError, nearest
from highbeam.evaluation.perception.boxes import Boxes
from highbeam.evaluation.perception.fitting import ClassMap
from highbeam.evaluation.perception.network import PerceptionNetwork, Seen

__all__ = ["CocoLabels", "Labels", "MaskLabels", "YoloLabels", "open_labels"]

_MODES = ("1", "L", "P", "I", "I;16")
_FIELDS = 5


class Labels(ABC):
    """What pictures should be seen as.

    Attributes:
        notes: what a reader has to know of them.
    """

    notes: tuple[str, ...] = ()

    @abstractmethod
    def of(self, key: str, size: tuple[int, int]) -> Seen:
        """Return the truth of a picture.

        Args:
            key: the picture's; the part behind the last slash, without ending, is its stem.
            size: height and width of the picture.

        Raises:
            EvaluationError: there are no labels of it, they cannot be read, or they are of another size.
        """


class MaskLabels(Labels):
    """``STEM.png`` for each picture, under the key's folders where they are there, or else in the folder itself.

    Args:
        folder: of the files.
        ids: from numbers in the files to the network's; what is not in it is left out. None takes them as they are.
        ignored: this number in the files is left out.
        classes: the network's; 0 for unknown. Numbers from here on are errors.
        binary: everything but 0 is 1.
    """

    def __init__(
        self,
        folder: Path,
        ids: Mapping[int, int] | None = None,
        *,
        ignored: int | None = 255,
        classes: int = 0,
        binary: bool = False,
    ) -> None:
        if not folder.is_dir():
            raise EvaluationError(f"{folder}: no such folder of labels; check the path")
        self._folder, self._ids, self._ignored, self._classes, self._binary = folder, ids, ignored, classes, binary

    def of(self, key: str, size: tuple[int, int]) -> ClassMap:
        """Return classes ``(H, W)``; -1 is left out."""
        path = _file(self._folder, key, ".png")
        numbers = _read_png(path)
        if numbers.shape != size:
            raise EvaluationError(f"{path}: is {numbers.shape}, and the picture {size}; give labels of its size")
        truth = self._mapped(numbers)
        if self._ignored is not None:
            truth[numbers == self._ignored] = -1
        if self._classes and truth.max(initial=-1) >= self._classes:
            raise EvaluationError(
                f"{path}: has a class {truth.max()}, and the network has {self._classes} from 0; map the numbers"
            )
        return truth

    def _mapped(self, numbers: NDArray[np.int32]) -> ClassMap:
        if self._ids is None:
            return np.asarray(numbers > 0, np.int32) if self._binary else numbers.copy()
        truth = np.full(numbers.shape, -1, np.int32)
        for number, index in self._ids.items():
            truth[numbers == number] = index
        return truth


class CocoLabels(Labels):
    """One JSON file; pictures are found by the stem of ``file_name``, classes by name.

    Args:
        path: the file.
        classes: the network's names; boxes of other categories are left out, which ``notes`` says.
    """

    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        self._path = path
        document = _read_json(path)
        try:
            self._images = _by_stem(document["images"], path)
            numbers = self._numbers(document["categories"], classes)
            self._rows: dict[Any, list[tuple[list[float], int, bool]]] = {}
            for row in document["annotations"]:
                if row["category_id"] in numbers:
                    kept = _box(row["bbox"], f"{path}: annotation {row.get('id')}")
                    found = (kept, numbers[row["category_id"]], bool(row.get("iscrowd", 0)))
                    self._rows.setdefault(row["image_id"], []).append(found)
        except (KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f"{path}: is not laid out as COCO boxes ({error!r}); export it again") from None

    def _numbers(self, categories: list[dict[str, Any]], classes: tuple[str, ...]) -> dict[Any, int]:
        left_out = [row["name"] for row in categories if row["name"] not in classes]
        if len(left_out) == len(categories):
            raise EvaluationError(
                f"{self._path}: none of its categories ({', '.join(left_out)}) is a class of the network"
                f"{nearest(left_out[0], classes) if left_out else ''}; set `classes` to the names of the labels"
            )
        if left_out:
            self.notes = (f"{self._path.name}: not classes of the network, left out: {', '.join(left_out)}",)
        return {row["id"]: classes.index(row["name"]) for row in categories if row["name"] in classes}

    def of(self, key: str, size: tuple[int, int]) -> Boxes:
        """Return the boxes of a picture."""
        image = self._images.get(_stem(key))
        if image is None:
            raise EvaluationError(f"{self._path}: no picture {_stem(key)!r} in it; label it, or leave it out")
        stated = (image.get("height", size[0]), image.get("width", size[1]))
        if stated != size:
            raise EvaluationError(
                f"{self._path}: {image['file_name']} is {stated}, and the picture {size}; label it again"
            )
        return _boxes(self._rows.get(image["id"], []))


class YoloLabels(Labels):
    """``STEM.txt`` for each picture, lines of class, middle x and y, width and height in fractions; empty for none.

    Args:
        folder: of the files.
        classes: how many the network has; 0 for unknown.
    """

    def __init__(self, folder: Path, classes: int = 0) -> None:
        if not folder.is_dir():
            raise EvaluationError(f"{folder}: no such folder of labels; check the path")
        self._folder, self._classes = folder, classes

    def of(self, key: str, size: tuple[int, int]) -> Boxes:
        """Return the boxes of a picture."""
        path = _file(self._folder, key, ".txt")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluationError(f"{path}: cannot be read ({error}); write it again") from error
        return _boxes([self._row(line, size, f"{path}, line {at}") for at, line in enumerate(lines, 1) if line.strip()])

    def _row(self, line: str, size: tuple[int, int], where: str) -> tuple[list[float], int, bool]:
        try:
            index, (x, y, wide, high) = int(line.split(maxsplit=1)[0]), map(float, line.split()[1:_FIELDS])
        except ValueError:
            raise EvaluationError(f"{where}: is not class, x, y, width, height: {line[:80]!r}; mend it") from None
        if len(line.split()) != _FIELDS or not all(0 <= value <= 1 for value in (x, y, wide, high)):
            raise EvaluationError(f"{where}: is not class and four fractions of the picture: {line[:80]!r}; mend it")
        if index < 0 or (self._classes and index >= self._classes):
            raise EvaluationError(f"{where}: has a class {index}, and the network has {self._classes} from 0; mend it")
        height, width = size
        corner = [(x - wide / 2) * width, (y - high / 2) * height, wide * width, high * height]
        return _box(corner, where), index, False


def open_labels(path: Path, network: PerceptionNetwork, ids: Mapping[int, int] | None = None) -> Labels:
    """Open labels for a network.

    Args:
        path: for segmentation and masks a folder of PNG files; for detection a COCO JSON file, or a folder of YOLO
            text files.
        network: whose classes they are for.
        ids: from numbers in PNG files to the network's.

    Raises:
        EvaluationError: they are not there, or are not laid out so.
    """
    task, classes = network.config.task, network.classes
    if task != "detection":
        mask = task == "mask"
        count = 2 if mask else len(classes)
        return MaskLabels(path, ids, ignored=network.config.ignored, classes=count, binary=mask)
    return YoloLabels(path, len(classes)) if path.is_dir() else CocoLabels(path, classes)


def _stem(key: str) -> str:
    return PurePosixPath(key).stem


def _file(folder: Path, key: str, ending: str) -> Path:
    """Return the file of a key; the one under the key's own folders comes first."""
    at = PurePosixPath(key)
    for path in (folder / at.parent / (at.stem + ending), folder / (at.stem + ending)):
        if path.is_file():
            return path
    raise EvaluationError(f"{folder / (at.stem + ending)}: no such file, the labels of {key}; add it")


def _read_png(path: Path) -> NDArray[np.int32]:
    """Read the numbers of a single-channel PNG; of one with a palette, those that the palette explains."""
    try:
        with PngImagePlugin.PngImageFile(path) as picture:
            if picture.mode not in _MODES:
                raise EvaluationError(f"{path}: has several channels ({picture.mode}); save one channel of numbers")
            return np.asarray(picture).astype(np.int32)
    except (OSError, SyntaxError, ValueError) as error:
        raise EvaluationError(f"{path}: is no PNG that can be read ({error}); save it again") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: is not JSON ({error}); export it again") from error
    if not isinstance(document, dict):
        raise EvaluationError(f"{path}: is not laid out as COCO boxes (a list); export it again")
    return document


def _by_stem(images: list[dict[str, Any]], path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for image in images:
        stem = _stem(image["file_name"].replace("\\", "/"))
        if stem in found:
            raise EvaluationError(f"{path}: two pictures with the stem {stem!r}; give them different names")
        found[stem] = image
    return found


def _box(sides: list[float], where: str) -> list[float]:
    """Return corners of x, y, width, height."""
    x, y, wide, high = map(float, sides)
    if not (wide > 0 and high > 0 and np.isfinite([x, y, wide, high]).all()):
        raise EvaluationError(f"{where}: a box of {wide:g} by {high:g}; mend it")
    return [x, y, x + wide, y + high]


def _boxes(rows: list[tuple[list[float], int, bool]]) -> Boxes:
    corners = np.array([row[0] for row in rows], np.float64).reshape(-1, 4)
    classes, crowd = np.array([row[1] for row in rows], np.int64), np.array([row[2] for row in rows], np.bool_)
    return Boxes(corners, np.ones(len(rows)), classes, crowd)
