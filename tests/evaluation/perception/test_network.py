from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from highbeam.errors import EvaluationError, UsageError
from highbeam.evaluation.perception import PerceptionConfig, open_perception
from tests.evaluation.perception.graphs import brightness, colours, constant, save

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [(32, 64), (33, 47), (1, 1)])
def test_a_network_of_any_size_sees_the_picture_itself(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (*size, 3)).astype(np.uint8)
    network = open_perception(colours(tmp_path / "net.onnx"), task="segmentation", adapter="logits-nchw", threads=1)
    assert (network(pixels) == pixels.argmax(axis=2)).all()


def test_order_of_colours_and_facts(tmp_path: Path) -> None:
    path = colours(tmp_path / "net.onnx", metadata={"names": "{0: 'blue', 1: 'green', 2: 'red'}"})
    network = open_perception(path, PerceptionConfig("segmentation", channels="bgr", adapter="logits-nchw"))
    pixels = RNG.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert (network(pixels) == pixels[..., ::-1].argmax(axis=2)).all()
    assert network.classes == ("blue", "green", "red")
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.UINT8])
def test_other_dtypes(dtype: int, tmp_path: Path) -> None:
    values = np.zeros((1, 2, 8, 8), np.float32)
    path = constant(tmp_path / "net.onnx", values, shape=(1, 8, 8, 3), dtype=dtype)
    network = open_perception(path, task="segmentation", adapter="logits-nchw")
    seen = network(np.zeros((16, 16, 3), np.uint8))
    assert isinstance(seen, np.ndarray)
    assert not seen.any()


def test_a_mask_follows_brightness(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (40, 56, 3)).astype(np.uint8)
    network = open_perception(brightness(tmp_path / "net.onnx"), task="mask", adapter="mask-logits")
    assert np.all(network(pixels) == (pixels[..., 0] > 127))


@pytest.mark.parametrize(
    ("options", "config", "told"),
    [
        ({"shape": (1, 3, 8, 3)}, {}, r"input \(1, 3, 8, 3\) does not tell where the 3 colours are; set layout"),
        ({"shape": (1, "c", "h", "w")}, {}, r"input \(1, \?, \?, \?\) does not tell"),
        ({"shape": (1, 3, 8, 8)}, {"layout": "nhwc"}, "has not 3 colours where nhwc has them"),
        ({"shape": (1, 3, 8, 8)}, {"size": (16, 8)}, r"takes height and width \(8, 8\), and size says \(16, 8\)"),
        ({"shape": (1, 3, 8, "w")}, {}, r"height and width \(8, \?\); set size"),
        ({"shape": (4, 3, 8, 8)}, {}, "takes 4 pictures at a time"),
        ({"shape": (1, 3, 8)}, {}, "only one picture of floats or bytes with four axes can be fed"),
        ({"shape": (1, 3, 8, 8), "dtype": TensorProto.INT64}, {}, "takes pixels tensor"),
        ({"dtype": TensorProto.UINT8}, {"mean": (1, 1, 1)}, "takes bytes, which are fed as they are"),
        ({}, {"outputs": ("seg",)}, r"no output 'seg' \(outputs: out0 \(1, 2, 8, 8\)\)"),
    ],
)
def test_what_a_file_leaves_open_is_asked_for(
    options: dict[str, Any], config: dict[str, Any], told: str, tmp_path: Path
) -> None:
    path = constant(tmp_path / "net.onnx", np.zeros((1, 2, 8, 8), np.float32), **options)
    with pytest.raises(UsageError, match=told):
        open_perception(path, task="segmentation", **config)


def test_a_layout_that_is_said_settles_it(tmp_path: Path) -> None:
    path = constant(tmp_path / "net.onnx", np.zeros((1, 2, 8, 3), np.float32), shape=(1, 3, 8, 3))
    seen = open_perception(path, task="segmentation", layout="nchw")(np.zeros((9, 9, 3), np.uint8))
    assert isinstance(seen, np.ndarray)
    assert seen.shape == (9, 9)


def test_files_that_are_no_networks(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"absent.onnx: no such file"):
        open_perception(tmp_path / "absent.onnx", task="mask")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(EvaluationError, match=r"bad.onnx: is no ONNX file"):
        open_perception(tmp_path / "bad.onnx", task="mask")
    with pytest.raises(UsageError, match="a configuration and size were given"):
        open_perception(tmp_path / "absent.onnx", PerceptionConfig("mask"), size=(1, 1))


def test_classes_without_a_name(tmp_path: Path) -> None:
    path = constant(tmp_path / "net.onnx", np.full((1, 8, 8), 7))
    network = open_perception(path, task="segmentation", classes=("road", "sky"))
    with pytest.raises(EvaluationError, match=r"gives a class 7, and 2 are named; set `classes`"):
        network(np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("names", ["not a dictionary", "{0: 'a', 2: 'b'}", "{0: 'a', 1: 'a'}", "3"])
def test_names_that_are_none_are_passed_over(names: str, tmp_path: Path) -> None:
    path = colours(tmp_path / "net.onnx", metadata={"names": names})
    assert open_perception(path, task="segmentation", adapter="logits-nchw").classes == ()


def test_a_network_that_fails_names_the_size(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Add", ["pixels", "same"], ["scores"])]
    path = save(
        tmp_path / "net.onnx",
        nodes,
        {"scores": (TensorProto.FLOAT, (1, 3, "h", "w"))},
        shape=(1, 3, "h", "w"),
        constants={"same": np.zeros((1, 3, 8, 8), np.float32)},
    )
    network = open_perception(path, task="segmentation", adapter="logits-nchw")
    with pytest.raises(EvaluationError, match=r"fails on an input of \(1, 3, 32, 32\)"):
        network(np.zeros((20, 20, 3), np.uint8))
