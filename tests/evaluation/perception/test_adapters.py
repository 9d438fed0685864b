"""Every layout in a file of its own, read by onnxruntime, against figures worked out by hand."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from highbeam.errors import EvaluationError, UsageError
from highbeam.evaluation.perception import ADAPTERS, GROUP, Adapter, Boxes, Port, adapters, open_perception
from highbeam.evaluation.perception.adapters import adapter_named, infer_adapter
from tests.evaluation.perception.graphs import constant

PICTURE = np.zeros((8, 8, 3), np.uint8)
RNG = np.random.default_rng(3)
CLASSES = RNG.integers(0, 4, (8, 8))
SCORES = np.eye(4, dtype=np.float32)[CLASSES].transpose(2, 0, 1)


def see(path: Path, *arrays: NDArray[Any], task: str, **config: Any) -> Any:
    return open_perception(constant(path / "net.onnx", *arrays), task=task, threads=1, **config)(PICTURE)


@pytest.mark.parametrize(
    ("adapter", "array"),
    [
        ("logits-nchw", SCORES[None]),
        ("logits-nchw", SCORES[None].astype(np.float16)),
        ("logits-nhwc", SCORES.transpose(1, 2, 0)[None].copy()),
        ("class-map", CLASSES[None]),
        ("class-map", CLASSES[None, None].astype(np.int32)),
        ("class-map", CLASSES[None].astype(np.uint8)),
    ],
)
def test_segmentation(adapter: str, array: NDArray[Any], tmp_path: Path) -> None:
    assert (see(tmp_path, array, task="segmentation", adapter=adapter) == CLASSES).all()
    assert (see(tmp_path, array, task="segmentation", classes=tuple("abcd")) == CLASSES).all()  # found out


def test_scores_of_a_quarter_of_the_size(tmp_path: Path) -> None:
    coarse = np.zeros((1, 2, 2, 2), np.float32)
    coarse[0, 1, :, 1], coarse[0, 0, :, 0] = 1, 1
    seen = see(tmp_path, coarse, task="segmentation", adapter="logits-nchw")
    assert (seen == (np.arange(8) >= 4) * np.ones((8, 1))).all()


@pytest.mark.parametrize(
    ("adapter", "array", "config"),
    [
        ("mask-logits", np.where(CLASSES > 1, 3.0, -3.0)[None, None], {}),
        ("mask-logits", np.where(CLASSES > 1, 3.0, 1.0)[None], {"confidence": 0.9}),
        ("mask-probabilities", np.where(CLASSES > 1, 0.6, 0.4)[None, None], {}),
        ("mask-probabilities", np.where(CLASSES > 1, 0.3, 0.2)[None, None], {"confidence": 0.25}),
        ("mask-two-channel", np.stack([np.full((8, 8), 5.0), np.where(CLASSES > 1, 6.0, 4.0)])[None], {}),
    ],
)
def test_masks(adapter: str, array: NDArray[Any], config: dict[str, Any], tmp_path: Path) -> None:
    assert (see(tmp_path, array.astype(np.float32), task="mask", adapter=adapter, **config) == (CLASSES > 1)).all()


def boxes_of(seen: Any) -> list[tuple[float, ...]]:
    assert isinstance(seen, Boxes)
    rows = zip(seen.corners.tolist(), seen.scores.tolist(), seen.classes.tolist(), strict=True)
    return [(*corners, round(score, 5), index) for corners, score, index in rows]


YOLO = [  # middle x, middle y, width, height, and scores of two classes
    [2, 2, 4, 4, 0.9, 0.1],
    [2, 2, 4, 3.8, 0.8, 0.2],  # overlaps the first by 0.95 and goes
    [2, 2, 4, 4, 0.3, 0.7],  # the same place, but another class
    [6, 6, 6, 2, 0.2, 0.4],  # reaches beyond the picture
    [4, 4, 2, 2, 0.0005, 0.0004],  # below the floor
]
FOUND = [(0, 0, 4, 4, 0.9, 0), (0, 0, 4, 4, 0.7, 1), (3, 5, 8, 7, 0.4, 1)]


def test_yolov8(tmp_path: Path) -> None:
    array = np.array(YOLO, np.float32).T[None].copy()
    assert boxes_of(see(tmp_path, array, task="detection", adapter="yolov8")) == FOUND
    crowded = np.concatenate([array, np.zeros((1, 6, 60), np.float32)], axis=2)
    assert boxes_of(see(tmp_path, crowded, task="detection")) == FOUND  # found out
    assert len(see(tmp_path, array, task="detection", adapter="yolov8", most=1)) == 1
    assert len(see(tmp_path, array, task="detection", adapter="yolov8", nms_iou=0.96)) == 4


def test_yolov5_multiplies_objectness(tmp_path: Path) -> None:
    rows = np.array(YOLO, np.float32)
    array = np.insert(rows, 4, 0.5, axis=1)[None].copy()
    expected = [(*corners, round(score / 2, 5), index) for *corners, score, index in FOUND]
    assert boxes_of(see(tmp_path, array, task="detection", adapter="yolov5")) == expected
    crowded = np.concatenate([array, np.zeros((1, 60, 7), np.float32)], axis=1)
    assert boxes_of(see(tmp_path, crowded, task="detection", classes=("car", "person"))) == expected


END = np.array([[1, 2, 3, 4, 0.5, 1], [0, 0, 8, 8, 0.9, 0], [1, 2, 3, 4, 0.6, 1], [0, 0, 0, 0, 0, 0]], np.float32)
KEPT = [(0, 0, 8, 8, 0.9, 0), (1, 2, 3, 4, 0.6, 1), (1, 2, 3, 4, 0.5, 1)]  # nothing is suppressed once more


def test_end_to_end(tmp_path: Path) -> None:
    assert boxes_of(see(tmp_path, END[None], task="detection", classes=("car", "person"))) == KEPT


@pytest.mark.parametrize("batch", [(), (1,)])
def test_boxes_scores_labels(batch: tuple[int, ...], tmp_path: Path) -> None:
    parts: list[NDArray[Any]] = [END[:, :4].copy(), END[:, 4].copy(), END[:, 5].astype(np.int64)]
    parts = [part.reshape(batch + part.shape) for part in parts]
    assert boxes_of(see(tmp_path, *parts, task="detection")) == KEPT
    parts[0] = parts[0] / 8
    assert boxes_of(see(tmp_path, *parts, task="detection", box_units="fractions")) == KEPT


def test_outputs_are_chosen_by_name(tmp_path: Path) -> None:
    parts = END[:, 5].astype(np.int64), END[:, :4].copy(), END[:, 4].copy(), np.zeros((1, 2), np.float32)
    path = constant(tmp_path / "net.onnx", *parts, names=("labels", "boxes", "scores", "more"))
    network = open_perception(path, task="detection", outputs=("boxes", "scores", "labels"))
    assert boxes_of(network(PICTURE)) == KEPT


def test_detr(tmp_path: Path) -> None:
    chances = np.array([[0.7, 0.1, 0.2], [0.05, 0.9, 0.05], [0.0005, 0.0004, 0.9991]])
    boxes = np.array([[0.5, 0.5, 1, 1], [0.25, 0.5, 0.25, 0.5], [0.5, 0.5, 1, 1]], np.float32)
    logits = np.log(chances).astype(np.float32)
    found = boxes_of(see(tmp_path, logits[None], boxes[None], task="detection"))
    assert found == [(1, 2, 3, 6, 0.9, 1), (0, 0, 8, 8, 0.7, 0)]


def test_a_picture_without_boxes(tmp_path: Path) -> None:
    assert boxes_of(see(tmp_path, np.zeros((1, 0, 6), np.float32), task="detection", adapter="end-to-end")) == []
    assert boxes_of(see(tmp_path, np.zeros((1, 0, 7), np.float32), task="detection", adapter="yolov5")) == []


@pytest.mark.parametrize(
    ("adapter", "arrays"),
    [
        ("logits-nchw", [np.zeros((1, 8, 8), np.float32)]),
        ("logits-nchw", [np.zeros((2, 3, 8, 8), np.float32)]),
        ("class-map", [np.zeros((1, 8, 8), np.float32)]),
        ("mask-two-channel", [np.zeros((1, 3, 8, 8), np.float32)]),
        ("yolov5", [np.zeros((1, 9, 5), np.float32)]),
        ("yolov8", [np.zeros((1, 4, 9), np.float32)]),
        ("end-to-end", [np.zeros((1, 9, 5), np.float32)]),
        ("boxes-scores-labels", [np.zeros((1, 9, 4), np.float32)]),
        ("detr", [np.zeros((1, 9, 4), np.float32)]),
    ],
)
def test_other_shapes_are_refused_with_what_was_expected(
    adapter: str, arrays: list[NDArray[Any]], tmp_path: Path
) -> None:
    told = r"net.onnx: adapter .*: expected .*, the network gave .*; choose another adapter"
    with pytest.raises(EvaluationError, match=told):
        see(tmp_path, *arrays, task=ADAPTERS[adapter].task, adapter=adapter)


@pytest.mark.parametrize(
    ("task", "shapes", "classes", "expected"),
    [
        ("segmentation", [(1, 19, None, None)], 0, "logits-nchw"),
        ("segmentation", [(1, 19, None, None)], 19, "logits-nchw"),
        ("segmentation", [(1, 19, 128, 256)], 0, "logits-nchw"),
        ("segmentation", [(1, None, None, 19)], 19, "logits-nhwc"),
        ("segmentation", [(1, 128, 256, 19)], 0, "logits-nhwc"),
        ("detection", [(1, 84, 8400)], 0, "yolov8"),
        ("detection", [(1, 84, None)], 80, "yolov8"),
        ("detection", [(1, 25200, 85)], 0, "yolov5"),
        ("detection", [(1, None, 85)], 80, "yolov5"),
        ("detection", [(1, 300, 6)], 80, "end-to-end"),
        ("detection", [(None, 4), (None,), (None,)], 91, "boxes-scores-labels"),
        ("detection", [(1, 100, 92), (1, 100, 4)], 91, "detr"),
        ("mask", [(1, 2, 640, 640)], 0, "mask-two-channel"),
    ],
)
def test_what_shapes_tell(task: Any, shapes: list[tuple[int | None, ...]], classes: int, expected: str) -> None:
    assert infer_adapter([Port("out", shape) for shape in shapes], task, classes) == expected


@pytest.mark.parametrize(
    ("task", "shapes", "told"),
    [
        ("segmentation", [(None, None, None, None)], "may be any of logits-nchw, logits-nhwc"),
        ("detection", [(1, 300, 6)], "may be any of yolov5, end-to-end"),
        ("mask", [(1, 1, 8, 8)], r"out \(1, 1, 8, 8\) may be any of mask-logits, mask-probabilities; say which"),
        ("mask", [(1, 5, 8, 8)], r"fit no adapter for mask \(mask-logits, .*\); choose `outputs`"),
        ("segmentation", [(1, 3, 8, 8), (1, 3, 8, 8)], "fit no adapter"),
    ],
)
def test_what_shapes_do_not_tell(task: Any, shapes: list[tuple[int | None, ...]], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        infer_adapter([Port("out", shape) for shape in shapes], task, 0)


MINE = Adapter("mask", "(N, H, W, 1)", "alpha from 0 to 1", lambda outputs, _config, _size: outputs[0][0, :, :, 0])


def test_an_adapter_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought = [EntryPoint("mine", f"{__name__}:MINE", GROUP), EntryPoint("none", f"{__name__}:PICTURE", GROUP)]
    brought.append(EntryPoint("gone", "no_such_package_of_anybody:MINE", GROUP))
    monkeypatch.setattr(adapters, "entry_points", lambda group: brought if group == GROUP else [])
    array = (CLASSES > 1).astype(np.float32)[None, :, :, None]
    assert (see(tmp_path, array, task="mask", adapter="mine") == (CLASSES > 1)).all()
    with pytest.raises(UsageError, match=r"none'.*is a ndarray; make it an Adapter"):
        adapter_named("none")
    with pytest.raises(UsageError, match=r"gone'.*cannot be loaded"):
        adapter_named("gone")
    with pytest.raises(UsageError, match=r"no adapter 'yolo8'; did you mean 'yolov8'\?"):
        adapter_named("yolo8")
    with pytest.raises(UsageError, match="is for mask, and the task is segmentation"):
        see(tmp_path, array, task="segmentation", adapter="mine")


NONE = Boxes(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


@pytest.mark.parametrize(
    ("task", "returned", "told"),
    [
        ("mask", NONE, "gives boxes .*, which is nothing for mask"),
        ("mask", np.zeros((1, 8, 8), np.float32), r"gives float32 \(1, 8, 8\), which is nothing for mask"),
        ("segmentation", np.zeros((8, 8), np.float32), "which is nothing for segmentation"),
        ("segmentation", np.zeros((2, 8, 8), np.int64), "which is nothing for segmentation"),
        ("detection", np.zeros((8, 8), np.float32), "which is nothing for detection"),
        ("detection", Boxes(np.zeros((1, 3)), np.zeros(1), np.zeros(1, np.int64)), r"gives boxes \(1, 3\), \(1,\)"),
        ("mask", None, "fails on what the network gives"),
    ],
)
def test_what_adapters_may_not_return(
    task: Any, returned: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = Adapter(task, "", "", lambda *_: returned)
    monkeypatch.setattr("highbeam.evaluation.perception.network.adapter_named", lambda _: brought)
    with pytest.raises(EvaluationError, match=f"net.onnx: adapter theirs: .*{told}"):
        see(tmp_path, np.zeros((1, 1), np.float32), task=task, adapter="theirs")
