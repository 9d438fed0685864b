from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from highbeam.errors import EvaluationError, UsageError
from highbeam.evaluation.perception import (
    CocoLabels,
    MaskLabels,
    PerceptionNetwork,
    YoloLabels,
    open_perception,
    perceive,
)
from highbeam.evaluation.perception.agreement import word_for
from tests.evaluation.perception.graphs import brightness, colours, save

Pair = tuple[str, NDArray[np.uint8], NDArray[np.uint8] | None]
SUBJECTS: dict[str, Callable[[Any], Any]] = {
    "brighten": lambda dark: dark * np.uint8(4),
    "nothing": lambda dark: dark.copy(),
    "blacken": lambda dark: dark // np.uint8(4),
}


def pairs(count: int = 8, *, reference: bool = True) -> Iterator[Pair]:
    """Day pictures of blocks, and a quarter of their light, which brightening brings back to the last bit."""
    for at in range(count):
        day = np.random.default_rng(at).integers(0, 64, (4, 6, 3)).repeat(8, axis=0).repeat(8, axis=1) * 4
        yield f"p/{at}.png", (day // 4).astype(np.uint8), day.astype(np.uint8) if reference else None


@pytest.fixture
def masker(tmp_path: Path) -> PerceptionNetwork:
    return open_perception(brightness(tmp_path / "mask.onnx"), task="mask", adapter="mask-logits", classes=("lane",))


@pytest.fixture
def segmenter(tmp_path: Path) -> PerceptionNetwork:
    """Takes a pixel for the colour that is strongest: brightness does not matter to it."""
    path = colours(tmp_path / "colours.onnx")
    return open_perception(path, task="segmentation", adapter="logits-nchw", classes=("red", "green", "blue"))


@pytest.fixture
def detector(tmp_path: Path) -> PerceptionNetwork:
    """Finds two boxes by the mean of the picture, and a third, which is wrong, with a score of 0.2 always."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "slope"], ["part"]),
        helper.make_node("Add", ["part", "offset"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["found"], axis=1),
    ]
    constants = {
        "slope": np.array([[[1, 1, 0]]], np.float32),
        "offset": np.array([[[0, 0, 0.2]]], np.float32),
        "boxes": np.array([[[8, 24, 40], [8, 24, 8], [16, 8, 8], [16, 8, 8]]], np.float32),
    }
    outputs = {"found": (TensorProto.FLOAT, (1, 5, 3))}
    path = save(tmp_path / "boxes.onnx", nodes, outputs, shape=(1, 3, "h", "w"), constants=constants)
    return open_perception(path, task="detection", adapter="yolov8", classes=("car",), stride=8)


def test_masks_against_the_reference(masker: PerceptionNetwork) -> None:
    told: list[str] = []
    found = perceive(pairs(), SUBJECTS, masker, resamples=200, progress=told.append)
    assert told == list(found.keys)
    assert found.subjects == ("reference", "input", "brighten", "nothing", "blacken")
    assert found.figures["reference"]["iou"].mean == 1.0
    assert found.figures["input"]["iou"].mean == 0.0
    assert found.figures["brighten"]["iou"].mean == 1.0
    assert [verdict.word for verdict in found.verdicts] == [
        "helps",
        "makes no difference that can be told",
        "makes no difference that can be told",
    ]
    assert [row.name for row in found.classes] == ["lane"]
    assert found.pictures["brighten"] == (1.0,) * 8
    assert any("is not truth" in note for note in found.notes)


def test_worse_is_said_plainly(masker: PerceptionNetwork) -> None:
    bright = ((key, day, day) for key, _, day in pairs() if day is not None)
    found = perceive(bright, {"dim": lambda day: day // np.uint8(4)}, masker, resamples=200)
    assert found.verdicts[0].word == "makes it worse"
    assert "dim: makes it worse (IoU -1.000 [-1.000, -1.000] against the input)" in found.table()


def test_segmentation_that_brightness_does_not_matter_to(segmenter: PerceptionNetwork) -> None:
    swap = {"swap red and green": lambda dark: np.ascontiguousarray(dark[..., [1, 0, 2]])}
    found = perceive(pairs(), {**SUBJECTS, **swap}, segmenter, resamples=200)
    assert found.figures["input"]["miou"].mean == 1.0
    assert found.figures["brighten"]["accuracy"].mean == 1.0
    swapped = found.verdicts[3]
    assert (swapped.word, swapped.worse_classes) == ("makes it worse", ("red", "green"))
    assert "; worse for red, green" in str(swapped)
    for verdict in found.verdicts:
        assert verdict.word == word_for(verdict.difference)


@pytest.mark.parametrize(
    ("count", "word", "worse"), [(5, "cannot be told", ()), (6, "makes it worse", ("red", "green"))]
)
def test_few_pictures_are_no_verdict(
    segmenter: PerceptionNetwork, count: int, word: str, worse: tuple[str, ...]
) -> None:
    swap = {"swap": lambda dark: np.ascontiguousarray(dark[..., [1, 0, 2]])}
    found = perceive(list(pairs())[:count], swap, segmenter, resamples=200)
    assert (found.verdicts[0].word, found.verdicts[0].worse_classes) == (word, worse)
    assert any("a verdict takes 6 pictures" in note for note in found.notes) == (count < 6)


def test_a_class_that_few_pictures_have_is_not_called_worse(segmenter: PerceptionNetwork) -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    both = red.copy()
    both[:16] = (0, 200, 0)
    kept = [(f"{number}", day, day) for number, day in enumerate([both] * 2 + [red] * 6)]
    blue = {"blue": lambda dark: np.where(dark == 200, np.uint8(0), dark) + np.array([0, 0, 200], np.uint8)}
    (verdict,) = perceive(kept, blue, segmenter, resamples=200).verdicts
    assert (verdict.word, verdict.worse_classes) == ("makes it worse", ("red",))


def test_every_switch_of_a_network_is_said(masker: PerceptionNetwork, detector: PerceptionNetwork) -> None:
    found = perceive(list(pairs())[:2], {}, masker, resamples=200, seed=3)
    told = found.protocol()
    assert told["SHA-256 of the network"] == masker.sha256
    assert told["interval"] == "percentile bootstrap over pictures, 95%, 200 resamples, seed 3"
    assert {"stride", "resize", "scale", "mean", "std", "confidence", "adapter", "outputs"} <= told.keys()
    for name, value in told.items():
        assert f"  {name} " in found.table()
        assert str(value) in found.table() or isinstance(value, list | tuple)
    assert found.plain()["protocol"]["mean"] == [0.0, 0.0, 0.0]
    boxes = detector.settings()
    assert boxes["non-maximum suppression"] == "overlaps above 0.7, class by class"
    assert (boxes["confidence"], boxes["stride"], boxes["scale"]) == (0.25, 8, "1/255")


def test_figures_are_of_the_set_and_pictures_of_each(segmenter: PerceptionNetwork) -> None:
    """Two pictures of different make-up: the set's IoU is not the mean of theirs."""
    one = np.zeros((32, 32, 3), np.uint8)
    one[..., 0], other = 200, one.copy()
    one[:16] = (0, 200, 0)
    blue = {"blue": lambda dark: np.where(np.arange(32)[:, None, None] < 8, np.array([0, 0, 200], np.uint8), dark)}
    found = perceive([("a", one, one), ("b", other, other)], blue, segmenter, resamples=50)
    assert found.figures["blue"]["miou"].mean == pytest.approx((0.5 + (512 + 768) / (512 + 1024)) / 2)
    assert list(found.pictures["blue"]) == pytest.approx([0.75, 0.75])
    assert [(row.name, row.amount) for row in found.classes] == [("red", 1536), ("green", 512)]
    assert found.classes[1].values["blue"].count == 1
    assert found.classes[1].values["blue"].undefined == 1


def test_detection_against_the_reference(detector: PerceptionNetwork) -> None:
    found = perceive(pairs(), SUBJECTS, detector, resamples=100)
    assert found.figures["reference"]["ap"].mean == 1.0
    assert found.figures["reference"]["f1"].mean == 1.0
    dark, bright = found.figures["input"], found.figures["brighten"]
    assert 0 < dark["ap"].mean < 1  # the wrong box comes before the right ones
    assert dark["f1"].mean == 0.0
    assert bright["ap"].mean == bright["f1"].mean == 1.0
    assert found.verdicts[0].word == "helps"
    assert found.classes[0].amount == 16


def test_detection_against_labels(detector: PerceptionNetwork, tmp_path: Path) -> None:
    for key, *_ in pairs():
        (tmp_path / Path(key).with_suffix(".txt").name).write_text(f"0 {8 / 48} {8 / 32} {16 / 48} {16 / 32}\n")
    found = perceive(pairs(), {}, detector, YoloLabels(tmp_path, 1), resamples=50)
    assert found.truth == "labels"
    assert found.classes[0].amount == 8
    assert 0 < found.figures["reference"]["ap50"].mean <= 1


def test_labels_need_no_reference(segmenter: PerceptionNetwork, tmp_path: Path) -> None:
    for key, dark, _ in pairs():
        Image.fromarray(dark.argmax(axis=2).astype(np.uint8)).save(tmp_path / Path(key).name)
    labels = MaskLabels(tmp_path)
    found = perceive(pairs(reference=False), SUBJECTS, segmenter, labels, resamples=50)
    assert found.subjects == ("input", *SUBJECTS)
    assert found.figures["input"]["miou"].mean == 1.0
    assert not found.notes
    mixed = [*pairs(3), *list(pairs(5, reference=False))[3:]]
    again = perceive(mixed, {}, segmenter, labels, resamples=50)
    assert again.subjects == ("input",)
    assert any("only some pictures have a reference" in note for note in again.notes)


def test_the_seed_decides_the_intervals(segmenter: PerceptionNetwork) -> None:
    noisy = {"noisy": lambda dark: dark ^ np.random.default_rng(int(dark.sum())).integers(0, 4, dark.shape, np.uint8)}
    one, same, other = (perceive(pairs(), noisy, segmenter, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.figures["noisy"] != other.figures["noisy"]
    assert one.figures["noisy"]["miou"].mean == other.figures["noisy"]["miou"].mean


def test_one_picture_has_no_interval(masker: PerceptionNetwork) -> None:
    found = perceive(pairs(1), SUBJECTS, masker)
    assert {verdict.word for verdict in found.verdicts} == {"cannot be told"}
    assert "one picture has no interval" in found.table()
    assert found.plain()["figures"]["input"]["iou"]["low"] is None


def test_nothing_to_find(masker: PerceptionNetwork, detector: PerceptionNetwork) -> None:
    black = np.zeros((32, 48, 3), np.uint8)
    for network in (masker, detector):
        found = perceive([("a", black, black), ("b", black, black)], SUBJECTS, network, resamples=20)
        assert {verdict.word for verdict in found.verdicts} == {"cannot be told"}
        assert math.isnan(found.figures["brighten"]["iou" if network is masker else "ap"].mean)
        assert found.figures["input"]["iou" if network is masker else "ap"].undefined == 2
        assert "nothing to be found" in found.table()


def test_the_table_and_json(segmenter: PerceptionNetwork) -> None:
    found = perceive(pairs(), SUBJECTS, segmenter, resamples=50)
    lines = found.table().splitlines()
    assert lines[0] == (
        "colours.onnx: segmentation (logits-nchw) on 8 pictures, against the network's predictions on the reference"
    )
    assert lines[1].split() == ["mIoU", "pixel", "accuracy"]
    assert lines[2].split() == ["reference", "1.000", "[1.000,", "1.000]", "1.000", "[1.000,", "1.000]"]
    assert any(line.split()[:2] == ["IoU", "by"] for line in lines)
    assert all(line == line.rstrip() for line in lines)
    plain = json.loads(json.dumps(found.plain(), allow_nan=False))
    assert plain["verdicts"][0]["subject"] == "brighten"
    assert plain["classes"][0]["values"]["input"]["mean"] == 1.0


def test_classes_without_names_are_numbers(tmp_path: Path) -> None:
    network = open_perception(colours(tmp_path / "net.onnx"), task="segmentation", adapter="logits-nchw")
    assert [row.name for row in perceive(pairs(2), {}, network, resamples=10).classes] == ["0", "1", "2"]


BLACK = np.zeros((32, 48, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "subjects", "told"),
    [
        ([], {}, "no pictures to evaluate"),
        ([("a", BLACK, None)], {}, "a: has no reference; give one, or labels"),
        ([("a", BLACK, BLACK[:-1])], {}, r"a: is \(32, 48\), and its reference \(31, 48\)"),
        ([("a", BLACK, BLACK)] * 2, {}, "a: comes twice"),
        ([("a", BLACK, BLACK)], {"crop": lambda dark: dark[1:]}, r"a: crop makes \(31, 48, 3\) of \(32, 48, 3\)"),
    ],
)
def test_what_does_not_fit_is_named(given: Any, subjects: Any, told: str, masker: PerceptionNetwork) -> None:
    with pytest.raises(EvaluationError, match=told):
        perceive(given, subjects, masker, resamples=10)


def test_usage(masker: PerceptionNetwork, tmp_path: Path) -> None:
    for name in ("input", "reference"):
        with pytest.raises(UsageError, match=f"may not be called '{name}'"):
            perceive(pairs(), {name: lambda dark: dark}, masker)
    with pytest.raises(UsageError, match="resamples must be at least 1"):
        perceive(pairs(), {}, masker, resamples=0)
    (tmp_path / "0.txt").write_text("")
    with pytest.raises(EvaluationError, match="p/0.png: labels and the network's task, mask, do not go together"):
        perceive(pairs(), {}, masker, YoloLabels(tmp_path))


def test_failures_name_picture_and_subject(tmp_path: Path) -> None:
    path = colours(tmp_path / "net.onnx")
    network = open_perception(path, task="segmentation", adapter="logits-nchw", classes=("one",))
    with pytest.raises(EvaluationError, match=r"p/0.png, reference: .*net.onnx: adapter logits-nchw: gives a class 2"):
        perceive(pairs(), {}, network)


def test_a_subject_whose_pictures_no_method_takes_is_named(masker: PerceptionNetwork) -> None:
    with pytest.raises(EvaluationError, match="p/0.png, wide: "):
        perceive(pairs(), {"wide": lambda dark: dark.astype(np.float64)}, masker)


def test_notes_of_labels_are_passed_on(detector: PerceptionNetwork, tmp_path: Path) -> None:
    document = {
        "images": [{"id": at, "file_name": f"{at}.png"} for at in range(8)],
        "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "cow"}],
        "annotations": [{"id": 1, "image_id": 0, "category_id": 1, "bbox": [0, 0, 16, 16]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    found = perceive(pairs(), {}, detector, CocoLabels(tmp_path / "coco.json", ("car",)), resamples=10)
    assert "left out: cow" in found.notes[0]
    assert found.figures["input"]["ap"].undefined == 7
