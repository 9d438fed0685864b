"""What runs an ONNX file: onnxruntime on the CPU or an NVIDIA GPU, or OpenVINO. Asked for and absent is an error.

Files are loaded once for each combination of everything that decides what the result or its speed is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from highbeam.errors import OptionError, RuntimeMissingError, WeightsError
from highbeam.machine import usable_cpus
from highbeam.methods.base import Pixels

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Facts", "Runner", "check_available", "runner_of"]

_Scene: TypeAlias = NDArray[np.float32]
_KEPT = 16
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_GPU_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}  # else neither float32 nor the same every time


@dataclass(frozen=True)
class Facts:
    """What a file says of its network.

    Attributes:
        name: the network's.
        pixels: ``uint8`` or ``float32``.
        stride: sides must be multiples of it.
        reach: how far a pixel's result looks around, pixels.
        scene: length of the scene; 0 without one.
    """

    name: str
    pixels: str
    stride: int
    reach: int
    scene: int


class Runner(ABC):
    """A loaded network: a callable on ``(H, W, 3)`` of its dtype; used from several threads at once."""

    facts: Facts

    def __call__(self, pixels: Pixels, scene: _Scene | None = None, keep: float = 0.0) -> tuple[Pixels, _Scene]:
        """Run.

        Args:
            pixels: ``(H, W, 3)``, sides multiples of the stride, C order.
            scene: ``(K,)`` of the whole picture; None lets the picture speak for itself.
            keep: 0 takes what is measured, 1 the given scene.

        Returns:
            The enhanced picture, and the measured scene ``(K,)``, empty for networks without one.
        """
        fed: dict[str, NDArray[Any]] = {"pixels": pixels[None]}
        if self.facts.scene:
            given = np.zeros(self.facts.scene, np.float32) if scene is None else scene
            fed |= {"scene": given[None], "keep": np.array([0.0 if scene is None else keep], np.float32)}
        out = self._run(fed)
        return out["enhanced"][0], out["measured"][0] if self.facts.scene else np.empty(0, np.float32)

    @abstractmethod
    def _run(self, fed: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        """Run on named arrays."""


class _OnnxRuntime(Runner):
    def __init__(self, path: Path, threads: int, *, cuda: bool) -> None:
        self._session = _open_session(path, threads, cuda=cuda)
        self.facts = _facts(self._session, path)
        self._names = [port.name for port in self._session.get_outputs()]

    def _run(self, fed: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        return dict(zip(self._names, self._session.run(self._names, dict(fed)), strict=True))


class _OpenVino(Runner):
    def __init__(self, path: Path, threads: int, *, bfloat16: bool) -> None:
        import openvino

        self.facts = _facts(_open_session(path, 1, cuda=False), path)  # says what the file is, and that it is whole
        core = openvino.Core()
        each = threads or usable_cpus()
        streams = max(1, usable_cpus() // each)  # with one, the pictures of several threads would wait for each other
        self._compiled = core.compile_model(
            core.read_model(path),
            "CPU",
            {
                "NUM_STREAMS": streams,
                "INFERENCE_NUM_THREADS": streams * each,
                "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",
            },
        )
        self._names = [port.get_any_name() for port in self._compiled.outputs]

    def _run(self, fed: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        request = self._compiled.create_infer_request()  # each call its own: one request serves one thread
        found = request.infer(dict(fed), share_inputs=True)  # which copies what comes out
        return {name: np.asarray(found[at]) for at, name in enumerate(self._names)}


def check_available(runtime: str, precision: str) -> None:
    """Refuse what this machine cannot do, before any work.

    Raises:
        RuntimeMissingError: the runtime is not installed.
        OptionError: a precision that the runtime does not have, or not on this CPU.
    """
    if precision != "float32" and runtime != "openvino":
        raise OptionError(f"precision={precision} needs runtime=openvino, got runtime={runtime}")
    if runtime == "openvino":
        try:
            import openvino
        except ModuleNotFoundError as error:
            raise RuntimeMissingError("runtime=openvino needs OpenVINO: pip install 'highbeam[openvino]'") from error
        if precision == "bfloat16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise OptionError("precision=bfloat16: this CPU has no such arithmetic; leave precision out")
    if runtime == "cuda":
        import onnxruntime

        if _CUDA not in onnxruntime.get_available_providers():
            raise RuntimeMissingError(
                "runtime=cuda needs a CUDA build of onnxruntime, and this one has none; in place of onnxruntime,"
                " pip install onnxruntime-gpu, or leave runtime out"
            )


_loaded: dict[tuple[object, ...], Runner] = {}
_lock = Lock()


def runner_of(path: Path, runtime: str, precision: str, threads: int) -> Runner:
    """Return the loaded network of a file, loading it where that was not done with just these options.

    Args:
        path: the file; another one under the same name is loaded anew.
        runtime: ``onnxruntime``, ``openvino`` or ``cuda``.
        precision: ``float32``, or ``bfloat16`` with OpenVINO.
        threads: of the CPU; 0 for as many as this process may use.

    Raises:
        RuntimeMissingError: the GPU that was asked for cannot be used.
        WeightsError: the file cannot be read or is none that Highbeam exported.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    file = (path.resolve(), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    key = (*file, runtime, precision, threads)
    with _lock:
        if key not in _loaded:
            while len(_loaded) >= _KEPT:
                _loaded.pop(next(iter(_loaded)))
            _loaded[key] = _load(path, runtime, precision, threads)
        return _loaded[key]


def _load(path: Path, runtime: str, precision: str, threads: int) -> Runner:
    if runtime == "openvino":
        return _OpenVino(path, threads, bfloat16=precision == "bfloat16")
    return _OnnxRuntime(path, threads, cuda=runtime == "cuda")


def _open_session(path: Path, threads: int, *, cuda: bool) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cpus()
    options.use_deterministic_compute = True
    options.log_severity_level = 3
    gpu = (_CUDA, _GPU_OPTIONS)
    try:
        session = onnxruntime.InferenceSession(path, options, providers=[gpu, _CPU] if cuda else [_CPU])
    except Exception as error:  # the library raises classes of its own for every kind of damage
        raise WeightsError(f"{path}: is no ONNX file that onnxruntime can run ({_line(error)})") from error
    if cuda and _CUDA not in session.get_providers():  # the library falls back to the CPU with no more than a log line
        raise RuntimeMissingError("runtime=cuda: no usable NVIDIA GPU; check the driver, or leave runtime out")
    session.disable_fallback()  # which would go over to the CPU in the middle of the work
    return session


def _facts(session: onnxruntime.InferenceSession, path: Path) -> Facts:
    """Read what a file says of itself, and hold its ports against it."""
    metadata = session.get_modelmeta().custom_metadata_map
    try:
        name, pixels = metadata["highbeam.name"], metadata["highbeam.pixels"]
        facts = Facts(name, pixels, *(int(metadata[f"highbeam.{key}"]) for key in ("stride", "reach", "scene")))
    except KeyError as error:
        raise WeightsError(f"{path}: does not say {error}; export it with `highbeam export`") from None
    except ValueError as error:
        raise WeightsError(f"{path}: says what it cannot mean ({error}); export it again") from None
    ports = [(port.name, port.type) for port in session.get_inputs()]
    kind = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}.get(pixels)
    scene = [("scene", "tensor(float)"), ("keep", "tensor(float)")] if facts.scene else []
    if ports != [("pixels", kind), *scene] or min(facts.stride - 1, facts.reach, facts.scene) < 0:
        raise WeightsError(f"{path}: takes other things than it says; export it again")
    return facts


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
