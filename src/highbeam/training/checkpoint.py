"""Checkpoints: one file with everything that a training needs to go on as if nothing had happened.

A file is a plain ``torch.save`` of tensors, numbers, words, lists and dicts, read with ``weights_only=True`` and
nothing else, so that a checkpoint from elsewhere cannot run code. It appears whole or not at all.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from highbeam.errors import NetworkError, TrainingError
from highbeam.nets import Network, build

__all__ = ["checkpoints", "make_folder", "newest", "read_checkpoint", "restore", "write_checkpoint"]

_NAME = re.compile(r"step-(\d{8})\.pt")
_DAMAGED: tuple[type[Exception], ...] = (pickle.UnpicklingError, zipfile.BadZipFile, OSError, EOFError, RuntimeError)
_DAMAGED += (ValueError, LookupError, TypeError, AttributeError, AssertionError)  # what bytes that mean else end in
_NEEDED = {"network": str, "changes": dict, "model": dict, "ema": dict, "config": dict, "step": int}


def make_folder(folder: Path) -> None:
    """Make the folder of checkpoints and logs.

    Raises:
        TrainingError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: is no folder ({error.strerror}); choose another checkpoint_dir") from error


def write_checkpoint(state: Mapping[str, Any], folder: Path, step: int, keep: int) -> Path:
    """Write ``step-00001000.pt``, and delete the oldest until ``keep`` are left.

    Args:
        state: what to write.
        folder: there already.
        step: for the name.
        keep: how many stay, at least 1.

    Raises:
        TrainingError: the disk does not take it; older checkpoints are as they were.
    """
    path = folder / f"step-{step:08d}.pt"
    part = folder / f".{path.name}.part"
    try:
        with part.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())  # a name must never stand for what is not on the disk yet
        part.replace(path)
        _settle(folder)
    except (OSError, RuntimeError) as error:  # torch wraps some of what the disk says
        told = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TrainingError(f"{path}: cannot be written ({told}); make room or choose another folder") from error
    finally:
        with suppress(OSError):
            part.unlink()
    for old in (*checkpoints(folder)[:-keep], *folder.glob(".step-*.pt.part")):  # parts are of processes that died
        old.unlink(missing_ok=True)
    return path


def _settle(folder: Path) -> None:
    """Have a new name on the disk before the older ones go; systems that cannot are left to do it in their time."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, the oldest first."""
    return sorted(path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name))


def newest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a folder, where there is one."""
    return next(reversed(checkpoints(folder)), None)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU.

    Raises:
        TrainingError: it cannot be read, is damaged, or is no checkpoint of a training.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        with file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles that are not its own before it refuses them
            state = torch.load(file, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path}: is damaged or no checkpoint ({told}); take another one, or delete it") from error
    held = state if isinstance(state, dict) else {}
    missing = [key for key, kind in _NEEDED.items() if not isinstance(held.get(key), kind)]
    if missing:
        raise TrainingError(f"{path}: is no checkpoint of a training: without {', '.join(missing)}")
    return held


def restore(state: Mapping[str, Any], *, averaged: bool = True) -> Network:
    """Build the network of a checkpoint.

    Args:
        state: as :func:`read_checkpoint` returns it.
        averaged: take the averaged weights, which are the better ones, and not those of the last step.

    Raises:
        TrainingError: its weights do not fit its network.
    """
    try:
        network = build(str(state["network"]), **state["changes"])
        weights: dict[str, Tensor] = state["ema" if averaged else "model"]
        network.load_state_dict(weights)
    except (NetworkError, RuntimeError, TypeError, AttributeError) as error:
        raise TrainingError(f"the checkpoint's weights do not fit its network: {error}") from error
    return network.eval()
