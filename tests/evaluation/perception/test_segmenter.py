"""A network that was trained on rendered roads by day, and knows no night."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import highbeam
from benchmarks import train_segmenter
from highbeam.evaluation.perception import MaskLabels, Perception, open_perception, perceive
from highbeam.scenes import KINDS, LABELS, make_scene, render

HEIGHT, WIDTH = 48, 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("segmenter")
    threads = torch.get_num_threads()
    words = f"--steps 60 --scenes 12 --size {HEIGHT} {WIDTH}".split()
    train_segmenter.main([str(made / "net.onnx"), *words])
    torch.set_num_threads(threads)
    return made


@pytest.fixture(scope="module")
def drives(folder: Path) -> list[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]:
    found = []
    for at in range(6):
        scene = make_scene(train_segmenter.FIRST_UNSEEN + 50 + at, KINDS[at % 2])
        night, day = (render(scene, HEIGHT, WIDTH, time=time) for time in ("night", "day"))
        Image.fromarray(day.labels).save(folder / f"{at}.png")
        found.append((f"{at}.png", night.image, day.image))
    return found


@pytest.fixture(scope="module", params=["labels", "reference"])
def found(
    request: pytest.FixtureRequest, folder: Path, drives: list[tuple[str, NDArray[np.uint8], NDArray[np.uint8]]]
) -> Perception:
    network = open_perception(folder / "net.onnx", folder / "net.toml", threads=1)
    assert network.adapter == "logits-nchw"
    assert network.classes == LABELS
    labels = MaskLabels(folder, classes=len(LABELS)) if request.param == "labels" else None
    subjects = {"exposure-fusion": highbeam.load("exposure-fusion")}
    return perceive(drives, subjects, network, labels)


def test_it_sees_by_day_and_less_in_the_dark(found: Perception) -> None:
    chance = 1 / len(LABELS)
    day, dark = found.figures["reference"], found.figures["input"]
    assert day["accuracy"].mean > 7 * chance
    assert day["miou"].mean > 3 * chance
    assert dark["accuracy"].high < day["accuracy"].low
    assert dark["miou"].high < day["miou"].low


def test_enhancement_is_reported_as_the_interval_has_it(found: Perception) -> None:
    (verdict,) = found.verdicts
    difference = found.figures["exposure-fusion"]["miou"].mean - found.figures["input"]["miou"].mean
    assert verdict.difference.mean == pytest.approx(difference)
    low, high = verdict.difference.low, verdict.difference.high
    assert low <= verdict.difference.mean <= high
    expected = "helps" if low > 0 else "makes it worse" if high < 0 else "makes no difference that can be told"
    assert verdict.word == expected
    assert str(verdict) in found.table()
    assert {row.name for row in found.classes} <= set(LABELS)
    for row in found.classes:
        assert (row.name in verdict.worse_classes) == (row.differences["exposure-fusion"].high < 0)
