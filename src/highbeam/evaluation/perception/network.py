"""A network of the user's own: opened once, then a callable from a picture to what it sees there."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import EvaluationError, UsageError
from highbeam.evaluation.perception.adapters import Adapter, adapter_named, infer_adapter
from highbeam.evaluation.perception.boxes import Boxes, suppress
from highbeam.evaluation.perception.config import PerceptionConfig, Task, load_perception_config
from highbeam.evaluation.perception.fits import Port
from highbeam.evaluation.perception.fitting import (
    ClassMap,
    Placement,
    best_class,
    map_to_picture,
    place,
    prepare,
    spread,
)
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels, check_pixels

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["PerceptionNetwork", "Seen", "open_perception"]

Seen: TypeAlias = ClassMap | Boxes
"""Classes ``(H, W)`` of segmentation, 0 and 1 ``(H, W)`` of a mask, or boxes; in the picture's own pixels."""

_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8"}
_RANK = 4
_COLOURS = 3


@dataclass(frozen=True)
class _Input:
    name: str
    dtype: str
    layout: str
    size: tuple[int, int] | None


class PerceptionNetwork:
    """An opened network; see :func:`open_perception`.

    Attributes:
        path: its file.
        sha256: of the file's bytes.
        config: how it is fed and read.
        adapter: name of the adapter, whether given or found out.
        classes: names of the classes; empty where neither the configuration nor the file says them.
    """

    def __init__(self, path: Path, session: onnxruntime.InferenceSession, config: PerceptionConfig) -> None:
        self.path, self.config, self._session = path, config, session
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.classes = config.classes or _stated_classes(session)
        self._input = _input(session, config, path)
        ports = _outputs(session, config.outputs, path)
        self._names = [port.name for port in ports]
        self.adapter = config.adapter or _inferred(ports, config, len(self.classes), path)
        self._adapter = _checked(self.adapter, config, path)

    def __call__(self, pixels: Pixels) -> Seen:
        """See what is in a picture.

        Args:
            pixels: ``(H, W, 3)`` RGB, ``uint8``, ``uint16`` or ``float32`` in [0, 1].

        Returns:
            In the picture's own pixels: classes ``(H, W)``, a mask of 0 and 1 ``(H, W)``, or boxes, of which all from
            the floor on are there.

        Raises:
            EvaluationError: the network fails on it, or gives what its adapter cannot read.
        """
        check_pixels(pixels)
        placement = place((pixels.shape[0], pixels.shape[1]), self._input.size, self.config)
        fed = prepare(pixels, placement, self.config, self._input.layout, self._input.dtype)
        try:
            parsed = self._adapter.parse(self._run(fed), self.config, placement.net)
            return self._seen(parsed, placement)
        except EvaluationError as error:
            raise EvaluationError(f"{self.path}: adapter {self.adapter}: {error}") from error
        except Exception as error:  # an adapter may be anybody's, and outputs anything
            told = f"fails on what the network gives ({type(error).__name__}: {_line(error)}); choose another adapter"
            raise EvaluationError(f"{self.path}: adapter {self.adapter}: {told}") from error

    def settings(self) -> dict[str, Any]:
        """Say how it is fed and read, every switch, with what stands for those that were left open."""
        config, fixed = self.config, self._input.size
        scale = config.scale if config.scale is not None else "1" if self._input.dtype == "uint8" else "1/255"
        said = {
            "input (height x width)": f"{fixed[0]} x {fixed[1]}" if fixed else "the picture's",
            "stride": "of no account: the size is fixed" if fixed else config.stride,
            "resize": config.resize,
            "input": f"{self._input.layout}, {config.channels}, {self._input.dtype}",
            "scale": scale,
            "mean": config.mean,
            "std": config.std,
            "outputs": self._names,
            "classes": self.classes or "numbers",
            "label left out": "none" if config.ignored is None else config.ignored,
        }
        return said | self._scores()

    def _scores(self) -> dict[str, Any]:
        config = self.config
        if config.task == "segmentation":
            return {"confidence": "none: the best class wins"}
        if config.task == "mask":
            return {"confidence": config.found_from}
        said = {"confidence": config.found_from, "least score read": config.floor, "boxes kept": config.most}
        suppressed = f"overlaps above {config.nms_iou}, class by class" if self._adapter.nms else "none"
        return said | {"non-maximum suppression": suppressed, "box units": config.box_units}

    def _run(self, fed: NDArray[Any]) -> list[NDArray[Any]]:
        try:
            out = self._session.run(self._names, {self._input.name: fed})
        except Exception as error:  # the library raises classes of its own for everything that goes wrong inside
            raise EvaluationError(f"fails on an input of {fed.shape} ({_line(error)}); set another `size`") from error
        return [np.asarray(array) for array in out]

    def _seen(self, parsed: NDArray[Any] | Boxes, placement: Placement) -> Seen:
        _check_parsed(parsed, self.config.task)
        if isinstance(parsed, Boxes):
            self._check_numbers(parsed.classes)
            kept = suppress(parsed, self.config, nms=self._adapter.nms)
            inside = Boxes(placement.boxes_to_picture(kept.corners), kept.scores, kept.classes)
            return inside.only(np.all(inside.corners[:, 2:] > inside.corners[:, :2], axis=1))
        if self.config.task == "mask":
            return np.asarray(spread(parsed, placement) >= self.config.found_from, np.int32)
        if parsed.ndim == 3:  # noqa: PLR2004 - classes, rows, columns
            self._check_numbers(np.array([len(parsed) - 1]))
            return best_class(parsed, placement)
        self._check_numbers(parsed)
        return map_to_picture(parsed, placement)

    def _check_numbers(self, classes: NDArray[Any]) -> None:
        """Refuse classes that have no name, where names are known."""
        if classes.size and (classes.min() < 0 or (self.classes and classes.max() >= len(self.classes))):
            wrong = int(classes.min() if classes.min() < 0 else classes.max())
            raise EvaluationError(
                f"gives a class {wrong}, and {len(self.classes)} are named; set `classes` to the network's own"
            )


def _check_parsed(parsed: NDArray[Any] | Boxes, task: Task) -> None:
    """Refuse what an adapter of somebody's own should not have returned."""
    if isinstance(parsed, Boxes):
        count = len(parsed)
        shapes = (parsed.corners.shape, parsed.scores.shape, parsed.classes.shape)
        right = task == "detection" and shapes == ((count, 4), (count,), (count,))
        got = f"boxes {', '.join(map(str, shapes))}"
    else:
        whole, got = parsed.dtype.kind in "iu", f"{parsed.dtype} {parsed.shape}"
        ranks = {"segmentation": (2,) if whole else (3,), "mask": (2,), "detection": ()}
        right = parsed.ndim in ranks[task]
    if not right:
        raise EvaluationError(f"gives {got}, which is nothing for {task}; see docs/perception.md for what it should")


def open_perception(
    path: str | Path, config: PerceptionConfig | Path | None = None, *, threads: int = 0, **values: Any
) -> PerceptionNetwork:
    """Open an ONNX file on the CPU.

    Args:
        path: the file.
        config: how it is fed and read, or a TOML file that says so.
        threads: of the arithmetic; 0 for as many as this process may use.
        values: fields of the configuration, in place of one or on top of the TOML file.

    Raises:
        ConfigError: the configuration is wrong.
        UsageError: the file does not tell what the configuration leaves out, or the two do not go together.
        EvaluationError: the file cannot be read, or is no network that onnxruntime runs.
    """
    if isinstance(config, PerceptionConfig):
        if values:
            raise UsageError(f"a configuration and {', '.join(values)} were given; give one or the other")
    else:
        config = load_perception_config(config, **values)
    path = Path(path)
    return PerceptionNetwork(path, _open_session(path, threads), config)


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cpus()
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file; check the path")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library raises classes of its own for every kind of damage
        raise EvaluationError(f"{path}: is no ONNX file that onnxruntime can run ({_line(error)})") from error


def _input(session: onnxruntime.InferenceSession, config: PerceptionConfig, path: Path) -> _Input:
    ports = session.get_inputs()
    if len(ports) != 1 or len(ports[0].shape) != _RANK or ports[0].type not in _DTYPES:
        told = ", ".join(f"{port.name} {port.type} {port.shape}" for port in ports)
        raise UsageError(f"{path}: takes {told}; only one picture of floats or bytes with four axes can be fed")
    name, dtype, shape = ports[0].name, _DTYPES[ports[0].type], _fixed(ports[0].shape)
    if shape[0] not in (None, 1):
        raise UsageError(f"{path}: takes {shape[0]} pictures at a time; export it with a batch of 1")
    if dtype == "uint8" and (config.scale not in (None, 1.0) or any(config.mean) or config.std != (1.0, 1.0, 1.0)):
        raise UsageError(f"{path}: takes bytes, which are fed as they are; leave out scale, mean and std")
    layout = _layout(shape, config.layout, path)
    sides = shape[2:] if layout == "nchw" else shape[1:3]
    return _Input(name, dtype, layout, _size(sides, config.size, path))


def _fixed(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape)


def _layout(shape: tuple[int | None, ...], said: str, path: Path) -> str:
    """Return which axis the colours lie on: what was said, or what the shape leaves open no doubt about."""
    told = [name for name, at in (("nchw", 1), ("nhwc", 3)) if shape[at] == _COLOURS]
    if said:
        at = 1 if said == "nchw" else 3
        if shape[at] not in (None, _COLOURS):
            raise UsageError(
                f"{path}: input {_words(shape)} has not 3 colours where {said} has them; set another layout"
            )
        return said
    if len(told) != 1:
        raise UsageError(
            f"{path}: input {_words(shape)} does not tell where the 3 colours are; set layout to nchw or nhwc"
        )
    return told[0]


def _size(sides: Sequence[int | None], said: Sequence[int], path: Path) -> tuple[int, int] | None:
    """Return the input's height and width; None where the picture decides."""
    wanted: Sequence[int | None] = said or (None, None)
    for side, want in zip(sides, wanted, strict=True):
        if side is not None and want is not None and side != want:
            raise UsageError(
                f"{path}: takes height and width {_words(sides)}, and size says {tuple(said)}; leave it out"
            )
    height, width = (side or want for side, want in zip(sides, wanted, strict=True))
    if (height is None) != (width is None):
        raise UsageError(f"{path}: takes height and width {_words(sides)}; set size")
    return None if height is None or width is None else (height, width)


def _words(shape: Sequence[int | None]) -> str:
    return f"({', '.join('?' if side is None else str(side) for side in shape)})"


def _outputs(session: onnxruntime.InferenceSession, wanted: Sequence[str], path: Path) -> list[Port]:
    ports = {
        port.name: Port(port.name, _fixed(port.shape), "int" in port.type or "bool" in port.type)
        for port in session.get_outputs()
    }
    for name in wanted:
        if name not in ports:
            raise UsageError(f"{path}: no output {name!r} (outputs: {', '.join(map(str, ports.values()))})")
    return [ports[name] for name in wanted or ports]


def _inferred(ports: Sequence[Port], config: PerceptionConfig, classes: int, path: Path) -> str:
    try:
        return infer_adapter(ports, config.task, classes)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _checked(name: str, config: PerceptionConfig, path: Path) -> Adapter:
    adapter = adapter_named(name)
    if adapter.task != config.task:
        raise UsageError(f"{path}: adapter {name} is for {adapter.task}, and the task is {config.task}; change one")
    return adapter


def _stated_classes(session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    """Return what Ultralytics writes into its files: ``names``, a dictionary from numbers to words."""
    try:
        names = ast.literal_eval(session.get_modelmeta().custom_metadata_map.get("names", ""))
        found = tuple(str(names[index]) for index in range(len(names)))
    except (ValueError, SyntaxError, KeyError, TypeError):
        return ()
    return found if len(set(found)) == len(found) else ()


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
