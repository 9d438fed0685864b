"""Tiny ONNX files: networks that give constants, or a simple function of what they are fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    outputs: Mapping[str, tuple[int, Shape]],
    *,
    shape: Shape = (1, 3, 8, 8),
    dtype: int = TensorProto.FLOAT,
    constants: Mapping[str, NDArray[Any]] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a graph with one input, ``pixels``."""
    ports = [helper.make_tensor_value_info(name, kind, list(sides)) for name, (kind, sides) in outputs.items()]
    graph = helper.make_graph(
        list(nodes),
        "tiny",
        [helper.make_tensor_value_info("pixels", dtype, list(shape))],
        ports,
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def constant(path: Path, *arrays: NDArray[Any], names: Sequence[str] = (), **options: Any) -> Path:
    """Write a network that gives the same arrays for every picture."""
    called = list(names) or [f"out{at}" for at in range(len(arrays))]
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in zip(called, arrays, strict=True)
    ]
    kinds = [helper.np_dtype_to_tensor_dtype(array.dtype) for array in arrays]
    stated = {name: (kind, array.shape) for name, kind, array in zip(called, kinds, arrays, strict=True)}
    return save(path, nodes, stated, **options)


def colours(path: Path, *, shape: Shape = (1, 3, "rows", "columns"), **options: Any) -> Path:
    """Write a segmenter whose scores are red, green and blue as they are fed."""
    nodes = [helper.make_node("Identity", ["pixels"], ["scores"])]
    return save(path, nodes, {"scores": (TensorProto.FLOAT, shape)}, shape=shape, **options)


def brightness(path: Path, threshold: float = 0.5, **options: Any) -> Path:
    """Write a mask network: the logit is red minus a threshold, times 100."""
    nodes = [
        helper.make_node("Slice", ["pixels", "zero", "one", "one"], ["red"]),
        helper.make_node("Sub", ["red", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "steep"], ["logits"]),
    ]
    constants = {
        "zero": np.array([0]), "one": np.array([1]), "threshold": np.array(threshold, np.float32),
        "steep": np.array(100, np.float32),
    }  # fmt: skip
    # Slice takes axes in fourth place, which here is 1 as well
    return save(
        path, nodes, {"logits": (TensorProto.FLOAT, (1, 1, "h", "w"))}, shape=(1, 3, "h", "w"),
        constants=constants, **options,
    )  # fmt: skip
