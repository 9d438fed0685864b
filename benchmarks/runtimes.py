"""A network as a callable on one picture, by each runtime that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

import highbeam
from benchmarks.measuring import THREADS, Bytes

__all__ = ["RUNTIMES", "Enhance", "export", "framed", "installed", "open_network", "open_onnx"]

Enhance: TypeAlias = Callable[[Bytes], Bytes]

RUNTIMES = ("onnxruntime", "openvino-f32", "openvino-bf16", "torch")


def installed() -> tuple[str, ...]:
    """Return the runtimes that this machine has, OpenVINO's bfloat16 where the processor has it too."""
    found = {name for name in ("onnxruntime", "torch") if importlib.util.find_spec(name)}
    if importlib.util.find_spec("openvino"):
        able = import_module("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        found |= {f"openvino-{kind}" for kind, word in (("f32", "FP32"), ("bf16", "BF16")) if word in able}
    return tuple(name for name in RUNTIMES if name in found)


def export(path: Path, network: str, **changes: object) -> None:
    """Write a network, some fields changed, with fresh weights, which take as long as trained ones."""
    from highbeam.nets import build, export_onnx  # noqa: PLC0415 - a child process does without torch

    export_onnx(build(network, **changes), path, name=network, sizes=())


def open_network(network: str, runtime: str, folder: Path) -> Enhance:
    """Make a network callable on ``(H, W, 3)`` ``uint8``.

    Args:
        network: a name of :data:`highbeam.nets.NETWORKS`.
        runtime: one of :data:`RUNTIMES`; with bundled weights, ``onnxruntime`` is the method of the network's name.
        folder: of exported files.
    """
    if runtime == "torch":
        return _by_torch(network)
    if runtime == "onnxruntime":
        bundled = network in highbeam.methods()
        return highbeam.load(network) if bundled else open_onnx(folder / f"{network}.onnx")
    return _by_openvino(folder / f"{network}.onnx", runtime.removeprefix("openvino-"))


def framed(run: Enhance, stride: int, picture: Bytes) -> Bytes:
    """Pad a picture by reflection to multiples of ``stride``, run, and crop."""
    height, width = picture.shape[:2]
    padding = (0, -height % stride, 0, -width % stride)
    padded = np.asarray(cv2.copyMakeBorder(picture, *padding, cv2.BORDER_REFLECT_101), np.uint8)
    return run(padded)[:height, :width]


def _by_torch(network: str) -> Enhance:
    import torch

    from highbeam.nets import build  # noqa: PLC0415

    torch.set_num_threads(THREADS)
    net = build(network).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def run(padded: Bytes) -> Bytes:
        unit = torch.from_numpy(padded)[None].permute(0, 3, 1, 2).float().div_(255.0)
        levels = net(unit).clamp(0.0, 1.0).mul_(255.0).round_().to(torch.uint8)
        return np.asarray(levels.permute(0, 2, 3, 1)[0].contiguous().numpy())

    return partial(framed, run, net.stride)


def open_onnx(path: Path) -> Enhance:
    """Make an exported file callable on ``(H, W, 3)`` ``uint8`` by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.force_spinning_stop", "1")  # or it slows whoever has the next turn
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    scene = _scene((port.name, port.shape) for port in session.get_inputs())

    def run(padded: Bytes) -> Bytes:
        return np.asarray(session.run(["enhanced"], {"pixels": padded[None], **scene})[0][0])

    return partial(framed, run, int(session.get_modelmeta().custom_metadata_map["highbeam.stride"]))


def _by_openvino(path: Path, precision: str) -> Enhance:
    core = import_module("openvino").Core()
    model = core.read_model(str(path))
    hints = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(model, "CPU", hints)
    request, enhanced = compiled.create_infer_request(), compiled.output("enhanced")
    ports = ((port.any_name, port.partial_shape) for port in compiled.inputs)
    scene = _scene((name, [side.get_min_length() for side in shape]) for name, shape in ports)

    def run(padded: Bytes) -> Bytes:
        return np.asarray(request.infer({"pixels": padded[None], **scene})[enhanced][0])

    return partial(framed, run, int(model.get_rt_info(["framework", "highbeam.stride"]).value))


def _scene(ports: Iterable[tuple[str, Sequence[int]]]) -> dict[str, NDArray[np.float32]]:
    """Return zeros for the inputs besides the picture, which leave it to itself."""
    return {name: np.zeros(shape, np.float32) for name, shape in ports if name != "pixels"}
