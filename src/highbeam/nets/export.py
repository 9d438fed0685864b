"""From a network to an ONNX file that runs without torch, and the proof that both compute the same.

The file's graph takes one picture as it lies in memory, ``pixels`` ``(1, H, W, 3)`` with H and W any multiples of the
network's stride, and gives ``enhanced`` of the same shape and dtype; conversion, rounding and clipping are inside.
Networks with a scene have two more inputs and one more output: ``scene`` ``(1, K)``, ``keep`` ``(1,)`` and
``measured`` ``(1, K)``, all ``float32``, with the meaning of :class:`~highbeam.nets.blocks.SceneTape`; zeros for the
inputs leave the picture to itself. The file's metadata names stride, reach and K.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from highbeam.errors import ExportError
from highbeam.nets.anatomy import scene_size
from highbeam.nets.blocks import Network, SceneTape, crop_to, reflect_to

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

__all__ = [
    "ODD_SIZES",
    "OPSET",
    "ExportReport",
    "Parity",
    "compare",
    "export_onnx",
    "halve_weights",
    "strip",
]

OPSET = 18
ODD_SIZES = ((1, 1), (37, 53), (67, 129), (101, 97), (135, 241))
"""Heights and widths at which a file is held against its network."""

_WHITE = {"uint8": 255.0, "float32": 1.0}
_LEVELS = 255.0
_BELOW_256 = 255.49
_BIG = 256
_SAMPLE = (3, 4)
"""Height and width of the traced picture in strides; neither is 1, which the tracer would take for a constant."""


@dataclass(frozen=True)
class Parity:
    """How far the file is from the network on one picture of noise.

    Attributes:
        height: of the picture, pixels.
        width: likewise.
        worst: largest difference, in 8-bit levels.
        mean: mean difference, in 8-bit levels.
    """

    height: int
    width: int
    worst: float
    mean: float

    def __str__(self) -> str:
        return f"{self.height:>5} x {self.width:<5} worst {self.worst:.3f}, mean {self.mean:.5f} levels of 255"


@dataclass(frozen=True)
class ExportReport:
    """A written file and its proof.

    Attributes:
        path: of the file.
        parity: at each of the sizes.
    """

    path: Path
    parity: tuple[Parity, ...]

    def __str__(self) -> str:
        lines = (f"  {row}" for row in self.parity)
        return "\n".join((f"{self.path} ({self.path.stat().st_size:,} bytes), against torch:", *lines))


def export_onnx(
    network: Network,
    path: Path,
    *,
    name: str,
    pixels: Literal["uint8", "float32"] = "uint8",
    half_weights: bool = True,
    sizes: tuple[tuple[int, int], ...] = ODD_SIZES,
    bound: float = 1.0,
) -> ExportReport:
    """Write a network as ONNX and hold the file against it.

    Args:
        network: any device and mode; left as it is.
        path: the file to write; it appears only once it has been proven.
        name: the network's name, for the metadata.
        pixels: dtype of pictures; ``float32`` runs over [0, 1].
        half_weights: store weights in 16 bits, half the bytes; arithmetic stays in ``float32``.
        sizes: heights and widths at which to compare.
        bound: largest difference allowed, in 8-bit levels.

    Returns:
        The differences at each size.

    Raises:
        ExportError: the difference is above the bound, or not finite.
        OSError: the file cannot be written.
    """
    plain = copy.deepcopy(network).cpu().float().eval()
    model = _trace(plain, pixels)
    _pooling_as_global(model)
    strip(model)
    _note(model, name, plain, pixels)
    if half_weights:
        halve_weights(model)
    encoded = model.SerializeToString()
    parity = tuple(compare(plain, encoded, height, width) for height, width in sizes)
    wrong = [row for row in parity if not row.worst <= bound]
    if wrong:
        rows = "\n".join(f"  {row}" for row in wrong)
        raise ExportError(f"{path}: not written, {name} differs from torch by more than {bound:g} levels:\n{rows}")
    _write(path, encoded)
    return ExportReport(path, parity)


def compare(network: Network, encoded: bytes, height: int, width: int) -> Parity:
    """Run a file and its network on one picture of seeded noise, padded by reflection and cropped, and compare."""
    session = _session(encoded)
    dtype = "uint8" if session.get_inputs()[0].type == "tensor(uint8)" else "float32"
    rng = np.random.default_rng(height * 10_000 + width)
    levels = rng.integers(0, 256, (1, 3, height, width), dtype=np.uint8)
    unit = torch.from_numpy(levels.astype(np.float32) / _LEVELS)
    padded = reflect_to(unit, network.stride)
    fed = (padded * _WHITE[dtype]).permute(0, 2, 3, 1).contiguous().numpy().astype(dtype)
    ports = {
        port.name: np.zeros([1 if side is None else side for side in port.shape], np.float32)
        for port in session.get_inputs()[1:]
    }
    got = session.run(["enhanced"], {"pixels": fed, **ports})[0]
    with torch.no_grad():
        expected = network(padded).clamp(0.0, 1.0) * _WHITE[dtype]
    expected = expected.round() if dtype == "uint8" else expected
    off = torch.from_numpy(got.astype(np.float32)).permute(0, 3, 1, 2) - expected
    gap = crop_to(off, height, width).abs() * (_LEVELS / _WHITE[dtype])
    return Parity(height, width, float(gap.max()), float(gap.mean()))


class _Graph(nn.Module):
    """What is exported: memory to memory, with the units folded into the weights."""

    def __init__(self, network: Network, dtype: str) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.dtype = getattr(torch, dtype)
        self.top = _BELOW_256 if dtype == "uint8" else 1.0
        if dtype == "uint8":
            self.network.rescale(_WHITE[dtype], offset=0.5)  # a cast cuts off, so that half a level more rounds

    def forward(self, pixels: Tensor, scene: Tensor | None = None, keep: Tensor | None = None) -> tuple[Tensor, ...]:
        tape = SceneTape(scene, keep)
        native = self.network.unpack(pixels).to(torch.float32)
        enhanced = self.network.core(native, tape).clamp(0.0, self.top).to(self.dtype)
        packed = self.network.pack(enhanced)
        return (packed,) if scene is None else (packed, tape.scene())


def _trace(network: Network, dtype: str) -> ModelProto:
    """Trace a network into ONNX with free height and width."""
    size = scene_size(network)
    height, width = (strides * network.stride for strides in _SAMPLE)
    sample = torch.zeros((1, height, width, 3), dtype=getattr(torch, dtype))
    ports = (torch.zeros(1, size), torch.zeros(1)) if size else ()
    sides = {
        at: torch.export.Dim(name) * network.stride if network.stride > 1 else torch.export.Dim(name)
        for at, name in ((1, "rows"), (2, "columns"))
    }
    with _quiet():
        program = torch.onnx.export(
            _Graph(network, dtype).eval(),
            (sample, *ports),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            input_names=["pixels", "scene", "keep"][: 1 + len(ports)],
            output_names=["enhanced", "measured"][: 1 + bool(ports)],
            dynamic_shapes=(sides, None, None)[: 1 + len(ports)],
        )
    if program is None:
        raise ExportError("the exporter returned nothing")
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the exporter says of its own deprecations and of packages that nobody asked for."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        log.setLevel(level)


def strip(model: ModelProto) -> None:
    """Take out what no runtime reads: traces of the source code, intermediate shapes, unused tensors."""
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:], model.graph.value_info[:]
    model.graph.initializer.extend(kept)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def _pooling_as_global(model: ModelProto) -> None:
    """Write means over height and width as global average pooling, which runtimes keep in their own memory layout."""
    from onnx import numpy_helper  # noqa: PLC0415 - only exporting needs it

    axes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "ReduceMean" or node.input[-1] not in axes:
            continue
        kept = all(attribute.i for attribute in node.attribute if attribute.name == "keepdims")
        if kept and sorted(axis % 4 for axis in axes[node.input[-1]].tolist()) == [2, 3]:
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]


def halve_weights(model: ModelProto) -> None:
    """Store big ``float32`` tensors in 16 bits behind a cast, which runtimes undo once, when they load."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 - only exporting needs it

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= _BIG:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _note(model: ModelProto, name: str, network: Network, dtype: str) -> None:
    """Write what a runtime has to know into the metadata."""
    facts = {"name": name, "pixels": dtype, "stride": network.stride, "reach": network.reach}
    for key, value in (facts | {"scene": scene_size(network)}).items():
        model.metadata_props.add(key=f"highbeam.{key}", value=str(value))


def _session(encoded: bytes) -> InferenceSession:
    import onnxruntime  # noqa: PLC0415 - only comparing needs it

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(encoded, options, providers=["CPUExecutionProvider"])


def _write(path: Path, encoded: bytes) -> None:
    """Write a file under a temporary name and move it into place."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(encoded)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
