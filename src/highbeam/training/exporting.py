"""From a checkpoint to the files that run without training: ONNX for each kind of pixels, and safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from highbeam.errors import ExportError, TrainingError
from highbeam.nets import ExportReport, Network, export_onnx
from highbeam.pictures import write_bytes
from highbeam.training.checkpoint import read_checkpoint, restore

__all__ = ["PixelKinds", "Trained", "export", "halved", "load_trained", "save_weights"]

PixelKinds: TypeAlias = Literal["uint8", "float32", "both"]

_BIG = 256
"""Tensors of as many numbers are stored in 16 bits, as :mod:`highbeam.nets.export` stores them."""


@dataclass(frozen=True)
class Trained:
    """A network with its weights.

    Attributes:
        network: on the CPU, for evaluation.
        name: of its row in the table of networks.
        changes: fields of its configuration that differ from the row's.
        step: optimiser steps it was trained for; 0 where the file does not say.
    """

    network: Network
    name: str
    changes: dict[str, Any]
    step: int = 0


def load_trained(path: Path) -> Trained:
    """Read a network from a checkpoint, whose averaged weights are taken, or from a ``.safetensors`` file.

    Raises:
        TrainingError: the file cannot be read, is damaged, or holds no network of ours.
    """
    state = _read_safetensors(path) if path.suffix == ".safetensors" else read_checkpoint(path)
    return Trained(restore(state), str(state["network"]), dict(state["changes"]), int(state["step"]))


def export(trained: Trained, path: Path, *, pixels: PixelKinds = "both", name: str | None = None) -> list[ExportReport]:
    """Write ``path`` for 8-bit pictures, ``NAME.float32.onnx`` beside it for all others, and ``NAME.safetensors``.

    Args:
        trained: the network.
        path: ends in ``.onnx``; with ``pixels="float32"`` it is the file for float32 itself.
        pixels: which of the two ONNX files.
        name: for the files' metadata; the network's own if not given.

    Returns:
        How far each file is from the network.

    Raises:
        ExportError: a file computes something else, or cannot be written; it is not there then.
    """
    network, label = halved(trained.network), name or trained.name
    twin = path if pixels == "float32" else path.with_suffix(".float32.onnx")
    reports = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if pixels in {"uint8", "both"}:
            reports.append(export_onnx(network, path, name=label, pixels="uint8"))
        if pixels in {"float32", "both"}:
            reports.append(export_onnx(network, twin, name=label, pixels="float32"))
    except OSError as error:
        raise ExportError(f"{path}: cannot be written ({error.strerror}); check the folder and its space") from error
    save_weights(trained, path.with_suffix(".safetensors"))
    return reports


@torch.no_grad()
def halved(network: Network) -> Network:
    """Round big tensors to what 16 bits hold, in place, so that every file has the same weights."""
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point() and tensor.numel() >= _BIG:
            tensor.copy_(tensor.half().float())
    return network


def save_weights(trained: Trained, path: Path) -> None:
    """Write a network as safetensors, big tensors in 16 bits; the same network gives the same bytes.

    Raises:
        PictureWriteError: the disk does not take it.
    """
    tensors = {
        key: (value.half() if value.is_floating_point() and value.numel() >= _BIG else value).contiguous()
        for key, value in trained.network.state_dict().items()
    }
    facts = {"network": trained.name, "changes": json.dumps(trained.changes), "step": str(trained.step)}
    write_bytes(_in_one_order(save(tensors, facts)), path, overwrite=True)


def _in_one_order(encoded: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which the library writes in an order that changes from call to call.

    The file starts with the length of its header in 8 bytes, and the header is JSON, filled up with spaces to a
    multiple of 8.
    """
    end = 8 + int.from_bytes(encoded[:8], "little")
    header = json.loads(encoded[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    words = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    words += b" " * (-len(words) % 8)
    return len(words).to_bytes(8, "little") + words + encoded[end:]


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            facts = file.metadata() or {}
            tensors: dict[str, Tensor] = {}
            for key in file.keys():  # noqa: SIM118 - the file is no dict
                value = file.get_tensor(key)
                tensors[key] = value.float() if value.dtype == torch.float16 else value
        changes = json.loads(facts["changes"])
        return {"network": facts["network"], "changes": changes, "ema": tensors, "step": int(facts.get("step", "0"))}
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error}); check the path") from error
    except (SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(f"{path}: holds no network of Highbeam's ({error}); take another file") from error
