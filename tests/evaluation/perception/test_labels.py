from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from highbeam.errors import EvaluationError
from highbeam.evaluation.perception import CocoLabels, MaskLabels, YoloLabels, open_labels, open_perception
from tests.evaluation.perception.graphs import constant

NUMBERS = np.array([[0, 1, 2, 255], [7, 7, 0, 1]], np.uint8)
SIZE = (2, 4)


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_numbers_of_any_single_channel(mode: str, tmp_path: Path) -> None:
    picture = Image.fromarray(NUMBERS.astype(np.uint16) if mode == "I;16" else NUMBERS)
    if mode == "P":
        picture.putpalette(list(range(256)) * 3)
    picture.save(tmp_path / "a.png")
    found = MaskLabels(tmp_path).of("night/a.jpg", SIZE)
    assert found.tolist() == [[0, 1, 2, -1], [7, 7, 0, 1]]


def test_the_file_under_the_keys_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "rain").mkdir()
    Image.fromarray(NUMBERS).save(tmp_path / "a.png")
    Image.fromarray(NUMBERS * 0).save(tmp_path / "rain" / "a.png")
    labels = MaskLabels(tmp_path)
    assert not labels.of("rain/a.png", SIZE).any()
    assert labels.of("snow/a.png", SIZE).any()


def test_numbers_are_mapped_and_the_rest_is_left_out(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).save(tmp_path / "a.png")
    found = MaskLabels(tmp_path, {7: 1, 0: 0}, classes=2).of("a", SIZE)
    assert found.tolist() == [[0, -1, -1, -1], [1, 1, 0, -1]]
    assert MaskLabels(tmp_path, ignored=None, binary=True).of("a", SIZE).tolist() == [[0, 1, 1, 1], [1, 1, 0, 1]]


def test_masks_that_do_not_fit_are_named(tmp_path: Path) -> None:
    Image.fromarray(NUMBERS).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((2, 4, 3), np.uint8)).save(tmp_path / "rgb.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    cases = {
        "b": r"b.png: no such file, the labels of b; add it",
        "rgb": r"rgb.png: has several channels \(RGB\)",
        "bad": r"bad.png: is no PNG",
    }
    for key, told in cases.items():
        with pytest.raises(EvaluationError, match=told):
            MaskLabels(tmp_path).of(key, SIZE)
    with pytest.raises(EvaluationError, match=r"a.png: is \(2, 4\), and the picture \(4, 4\)"):
        MaskLabels(tmp_path).of("a", (4, 4))
    with pytest.raises(EvaluationError, match=r"a.png: has a class 7, and the network has 3 from 0"):
        MaskLabels(tmp_path, classes=3).of("a", SIZE)
    with pytest.raises(EvaluationError, match=r"none: no such folder"):
        MaskLabels(tmp_path / "none")


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 5, "file_name": "night/a.jpg", "height": 20, "width": 40}, {"id": 6, "file_name": "b.jpg"}],
        "categories": [{"id": 3, "name": "person"}, {"id": 4, "name": "cow"}],
        "annotations": [
            {"id": 1, "image_id": 5, "category_id": 3, "bbox": [1, 2, 3, 4]},
            {"id": 2, "image_id": 5, "category_id": 4, "bbox": [1, 2, 3, 4]},
            {"id": 3, "image_id": 5, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
    } | changes


def write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_coco(tmp_path: Path) -> None:
    labels = CocoLabels(write(tmp_path / "coco.json", coco()), ("car", "person"))
    found = labels.of("other/a.png", (20, 40))
    assert found.corners.tolist() == [[1, 2, 4, 6], [0, 0, 9, 9]]
    assert found.classes.tolist() == [1, 1]
    assert found.crowd is not None
    assert found.crowd.tolist() == [False, True]
    assert len(labels.of("b", (7, 7))) == 0
    assert labels.notes == ("coco.json: not classes of the network, left out: cow",)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], r"is not laid out as COCO boxes \(a list\)"),
        ({"images": []}, "is not laid out as COCO boxes"),
        (coco(categories=[{"id": 3, "name": "Persons"}]), r"none of its categories \(Persons\).*did you mean 'person'"),
        (coco(images=[{"id": 1, "file_name": "x/a.jpg"}, {"id": 2, "file_name": "y/a.png"}]), "two pictures with"),
        (
            coco(annotations=[{"id": 9, "image_id": 5, "category_id": 3, "bbox": [1, 2, 0, 4]}]),
            "annotation 9: a box of",
        ),
    ],
)
def test_coco_that_is_none(document: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=rf"coco.json: .*{told}|coco.json: {told}"):
        CocoLabels(write(tmp_path / "coco.json", document), ("car", "person"))


def test_coco_of_other_pictures(tmp_path: Path) -> None:
    labels = CocoLabels(write(tmp_path / "coco.json", coco()), ("person",))
    with pytest.raises(EvaluationError, match=r"coco.json: no picture 'c' in it"):
        labels.of("c.png", (20, 40))
    with pytest.raises(EvaluationError, match=r"night/a.jpg is \(20, 40\), and the picture \(10, 20\)"):
        labels.of("a.png", (10, 20))
    with pytest.raises(EvaluationError, match=r"absent.json: cannot be read"):
        CocoLabels(tmp_path / "absent.json", ("person",))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(EvaluationError, match=r"bad.json: is not JSON"):
        CocoLabels(tmp_path / "bad.json", ("person",))


def test_yolo(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.5 1.0\n\n0 0.25 0.25 0.1 0.1\n")
    (tmp_path / "b.txt").write_text("")
    labels = YoloLabels(tmp_path, 2)
    found = labels.of("a.jpg", (20, 40))
    np.testing.assert_allclose(found.corners, [[10, 0, 30, 20], [8, 4, 12, 6]])
    assert found.classes.tolist() == [1, 0]
    assert len(labels.of("b.jpg", (20, 40))) == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("car 0.5 0.5 0.1 0.1", "is not class, x, y, width, height"),
        ("0 0.5 0.5 0.1", "is not class, x, y"),
        ("0 0.5 0.5 0.1 0.1 0.9", "is not class and four fractions"),
        ("0 20 20 5 5", "is not class and four fractions"),
        ("2 0.5 0.5 0.1 0.1", "has a class 2, and the network has 2 from 0"),
        ("0 0.5 0.5 0 0.1", "a box of 0 by"),
    ],
)
def test_yolo_lines_that_are_wrong(line: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n")
    with pytest.raises(EvaluationError, match=rf"a.txt, line 2: {told}"):
        YoloLabels(tmp_path, 2).of("a", (20, 40))


def test_labels_are_chosen_by_the_task(tmp_path: Path) -> None:
    nothing = np.zeros((1, 1, 8, 8), np.float32)
    mask = open_perception(constant(tmp_path / "m.onnx", nothing), task="mask", adapter="mask-logits")
    boxes = open_perception(
        constant(tmp_path / "d.onnx", nothing[0]), task="detection", adapter="yolov8", classes=("person",)
    )
    Image.fromarray(NUMBERS).save(tmp_path / "a.png")
    masks = open_labels(tmp_path, mask)
    assert isinstance(masks, MaskLabels)
    assert masks.of("a", SIZE).tolist() == [[0, 1, 1, 1], [1, 1, 0, 1]]
    assert isinstance(open_labels(tmp_path, boxes), YoloLabels)
    assert isinstance(open_labels(write(tmp_path / "coco.json", coco()), boxes), CocoLabels)
    with pytest.raises(EvaluationError, match="no such folder of labels"):
        YoloLabels(tmp_path / "none")
    with pytest.raises(EvaluationError, match=r"c.txt: no such file"):
        YoloLabels(tmp_path).of("c", SIZE)
