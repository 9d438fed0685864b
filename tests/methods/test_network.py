"""Exported networks as methods: sizes, depths, tiles, runtimes, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import highbeam
from highbeam.errors import ArrayError, OptionError, RuntimeMissingError, UnknownMethodError, WeightsError
from highbeam.machine import usable_cpus
from highbeam.methods import runtimes
from highbeam.methods.network import NetworkOptions, enhance_with_file, run, tiles
from highbeam.methods.runtimes import Facts, Runner, runner_of
from highbeam.nets import Network, export_onnx, reflect_to
from tests.nets.common import stirred, tiny_can, tiny_unet

SIZES = ((1, 1), (1, 40), (33, 2), (37, 53), (64, 96))


@pytest.fixture(scope="module")
def unet() -> Network:
    return stirred(tiny_unet(), size=0.03).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, unet: Network) -> Path:
    """Two small networks, each for both depths."""
    made = tmp_path_factory.mktemp("networks")
    for name, network in (("unet", unet), ("can", stirred(tiny_can(), size=0.03))):
        export_onnx(network, made / f"{name}.onnx", name=name, pixels="uint8")
        export_onnx(network, made / f"{name}.float32.onnx", name=name, pixels="float32")
    return made


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def expected(network: Network, pixels: NDArray[Any], white: float) -> NDArray[Any]:
    """What torch computes, padded and cropped, in [0, 1]."""
    unit = torch.from_numpy(pixels.astype(np.float32) / np.float32(white)).permute(2, 0, 1)[None]
    with torch.no_grad():
        out = network(reflect_to(unit, network.stride))[0].permute(1, 2, 0).numpy()
    return np.asarray(np.clip(out[: pixels.shape[0], : pixels.shape[1]], 0.0, 1.0))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_gives_what_its_network_gives(folder: Path, unet: Network, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    got = highbeam.load(str(folder / "unet.onnx"), protect_highlights=False)(pixels)
    assert got.shape == pixels.shape
    assert got.dtype == np.uint8
    assert np.abs(got - 255.0 * expected(unet, pixels, 255.0)).max() <= 1.01


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_deep_pictures_go_through_the_deep_file(folder: Path, unet: Network, dtype: str) -> None:
    unit = np.random.default_rng(1).random((37, 53, 3)).astype(np.float32)
    pixels = unit if dtype == "float32" else np.rint(unit * 65535).astype(np.uint16)
    got = enhance_with_file(folder / "unet.onnx", pixels, NetworkOptions())
    assert got.dtype == pixels.dtype
    white = 1.0 if dtype == "float32" else 65535.0
    assert np.abs(got / white - expected(unet, pixels, white)).max() < 2e-3
    assert len(np.unique(got)) > 2000, "more steps than 8 bits have"


def test_a_deep_picture_without_a_deep_file_is_refused(folder: Path, tmp_path: Path) -> None:
    lone = tmp_path / "lone.onnx"
    lone.write_bytes((folder / "unet.onnx").read_bytes())
    with pytest.raises(ArrayError, match="takes uint8, got uint16; export the float32 file too"):
        enhance_with_file(lone, np.zeros((8, 8, 3), np.uint16), NetworkOptions())


def test_a_deep_file_takes_8_bits_as_well(folder: Path) -> None:
    pixels = picture(24, 40)
    deep, plain = (
        enhance_with_file(folder / name, pixels, NetworkOptions()) for name in ("unet.float32.onnx", "unet.onnx")
    )
    assert deep.dtype == np.uint8
    assert np.abs(deep.astype(int) - plain.astype(int)).max() <= 1


def test_the_same_input_gives_the_same_bytes_from_any_thread(folder: Path) -> None:
    method, pixels = highbeam.load(str(folder / "unet.onnx")), picture(70, 90)
    first = method(pixels)
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(method, [pixels] * 8):
            np.testing.assert_array_equal(again, first)


def test_inputs_are_left_alone_and_results_are_new(folder: Path) -> None:
    pixels = picture(32, 32)
    before = pixels.copy()
    out = run(runner_of(folder / "unet.onnx", "onnxruntime", "float32", 1), pixels, 4.0)
    np.testing.assert_array_equal(pixels, before)
    assert not np.shares_memory(out, pixels)
    assert out.flags.c_contiguous
    assert out.flags.writeable


class Echo(Runner):
    """Gives back what it is given, and keeps it."""

    def __init__(self, pixels: str, stride: int, reach: int) -> None:
        self.facts = Facts("echo", pixels, stride, reach, 0)
        self.seen: list[NDArray[Any]] = []

    def _run(self, fed: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        self.seen.append(fed["pixels"][0])
        return {"enhanced": fed["pixels"]}


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    stride=st.sampled_from([1, 4, 32]),
    dtype=st.sampled_from(["uint8", "float32"]),
)
def test_padding_is_the_networks_own(height: int, width: int, stride: int, dtype: str) -> None:
    pixels = picture(height, width).astype(dtype)
    echo = Echo(dtype, stride, 0)
    np.testing.assert_array_equal(run(echo, pixels, 4.0), pixels)
    padded = reflect_to(torch.from_numpy(pixels).permute(2, 0, 1), stride).permute(1, 2, 0)
    np.testing.assert_array_equal(echo.seen[0], padded.numpy())


@given(height=st.integers(1, 90), width=st.integers(1, 90), reach=st.integers(0, 20))
def test_tiles_are_put_back_where_they_were(height: int, width: int, reach: int) -> None:
    pixels = picture(height, width)
    echo = Echo("uint8", 8, reach)
    np.testing.assert_array_equal(run(echo, pixels, 0.0015), pixels)
    assert all(side % 8 == 0 for part in echo.seen for side in part.shape[:2])


def test_a_picture_that_fits_is_not_copied() -> None:
    pixels, echo = picture(64, 96), Echo("uint8", 32, 40)
    out = run(echo, pixels, 4.0)
    assert np.shares_memory(echo.seen[0], pixels), "on the way in"
    assert np.shares_memory(out, echo.seen[0]), "on the way out"


def test_slices_and_mirrored_views_are_taken_as_they_look(folder: Path) -> None:
    method, pixels = highbeam.load(str(folder / "unet.onnx")), picture(128, 192)
    for view in (pixels[::2, ::2], pixels[:, ::-1], pixels[..., ::-1], pixels.transpose(1, 0, 2)):
        np.testing.assert_array_equal(method(view), method(view.copy()))


@given(height=st.integers(1, 40), width=st.integers(1, 40), overlap=st.integers(0, 3), megapixels=st.floats(1e-4, 3e-3))
def test_tiles_cover_everything_once(height: int, width: int, overlap: int, megapixels: float) -> None:
    stride = 4
    seen = np.zeros((height * stride, width * stride), int)
    for tile in tiles(*seen.shape, stride, overlap * stride, megapixels):
        seen[tile.inner_rows, tile.inner_columns] += 1
        for outer, inner, side in zip(
            (tile.rows, tile.columns), (tile.inner_rows, tile.inner_columns), seen.shape, strict=True
        ):
            assert outer.start == max(0, inner.start - overlap * stride)
            assert outer.stop == min(side, inner.stop + overlap * stride)
            assert outer.start % stride == outer.stop % stride == 0
    assert (seen == 1).all()


def test_tiles_keep_to_the_budget() -> None:
    for tile in tiles(4096, 6144, 32, 64, 2.0):
        area = (tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start)
        assert area <= 2.05e6


def test_tiles_of_a_network_without_a_scene_agree_exactly(folder: Path) -> None:
    runner = runner_of(folder / "can.onnx", "onnxruntime", "float32", 1)
    pixels = picture(150, 220)
    whole, tiled = run(runner, pixels, 4.0), run(runner, pixels, 0.005)
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


def test_runners_are_kept_by_all_that_decides_the_result(folder: Path, tmp_path: Path) -> None:
    path = folder / "unet.onnx"
    first = runner_of(path, "onnxruntime", "float32", 1)
    assert runner_of(path, "onnxruntime", "float32", 1) is first
    assert runner_of(path, "onnxruntime", "float32", 2) is not first
    assert runner_of(folder / "can.onnx", "onnxruntime", "float32", 1) is not first
    moved = tmp_path / "net.onnx"
    moved.write_bytes(path.read_bytes())
    before = runner_of(moved, "onnxruntime", "float32", 1)
    times = moved.stat().st_atime_ns, moved.stat().st_mtime_ns
    moved.write_bytes((folder / "can.onnx").read_bytes())
    os.utime(moved, ns=times)
    assert runner_of(moved, "onnxruntime", "float32", 1).facts.name == "can"
    assert before.facts.name == "unet"


def test_few_runners_are_kept(folder: Path) -> None:
    for threads in range(1, 2 * runtimes._KEPT):
        runner_of(folder / "can.onnx", "onnxruntime", "float32", 1 + threads % 20)
    assert len(runtimes._loaded) <= runtimes._KEPT


def test_one_is_loaded_where_several_threads_ask(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "fresh.onnx"
    path.write_bytes((folder / "unet.onnx").read_bytes())
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: runner_of(path, "onnxruntime", "float32", 1), range(12)))
    assert len({id(runner) for runner in found}) == 1


def test_a_gpu_that_is_not_there_is_never_replaced_in_silence(folder: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has a CUDA build of onnxruntime")
    with pytest.raises(RuntimeMissingError, match="runtime=cuda needs a CUDA build of onnxruntime.*onnxruntime-gpu"):
        highbeam.load(str(folder / "unet.onnx"), runtime="cuda")


def test_a_session_that_fell_back_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CUDA build on a machine without a GPU gives a CPU session and a line in a log."""
    whole = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda path, options, providers: whole(path, options, providers=providers[-1:])
    )
    with pytest.raises(RuntimeMissingError, match="no usable NVIDIA GPU; check the driver"):
        runner_of(folder / "can.onnx", "cuda", "float32", 1)


def test_openvino_agrees_with_onnxruntime(folder: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed (extra openvino)")
    pixels = picture(37, 53)
    for name in ("unet", "can"):
        path = folder / f"{name}.onnx"
        one, other = (
            enhance_with_file(path, pixels, NetworkOptions(runtime=kind)) for kind in ("onnxruntime", "openvino")
        )
        assert np.abs(one.astype(int) - other.astype(int)).max() <= 1
    deep = pixels.astype(np.float32) / 255
    found = enhance_with_file(folder / "unet.onnx", deep, NetworkOptions(runtime="openvino"))
    assert np.abs(found - enhance_with_file(folder / "unet.onnx", deep, NetworkOptions())).max() < 1e-3


def test_openvino_works_on_as_many_pictures_as_threads_leave_cpus_for(folder: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed (extra openvino)")
    for threads, streams in ((0, 1), (1, usable_cpus()), (usable_cpus(), 1), (1 + usable_cpus(), 1)):
        runner = runner_of(folder / "can.onnx", "openvino", "float32", threads)
        assert isinstance(runner, runtimes._OpenVino)
        assert runner._compiled.get_property("NUM_STREAMS") == streams


def test_openvino_gives_the_same_bytes_from_any_thread(folder: Path) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed (extra openvino)")
    pixels = picture(64, 96)
    runner = runner_of(folder / "unet.onnx", "openvino", "float32", 1)
    first, again = runner(pixels)[0], runner(255 - pixels)[0]
    assert not np.shares_memory(first, again), "a result stays as it is when the next one is made"
    with ThreadPoolExecutor(4) as pool:
        for out, _ in pool.map(runner, [pixels, 255 - pixels] * 4):
            assert np.array_equal(out, first) or np.array_equal(out, again)


def test_bfloat16_is_near_and_refused_where_the_cpu_has_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino", reason="OpenVINO is not installed (extra openvino)")
    pixels, path = picture(64, 96), str(folder / "unet.onnx")
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        near = highbeam.load(path, runtime="openvino", precision="bfloat16")(pixels)
        assert np.abs(near.astype(int) - highbeam.load(path)(pixels)).mean() < 3.0
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32"])
    with pytest.raises(OptionError, match="this CPU has no such arithmetic; leave precision out"):
        highbeam.load(path, runtime="openvino", precision="bfloat16")


def test_openvino_that_is_not_there_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'highbeam\[openvino\]'"):
        highbeam.load(str(folder / "can.onnx"), runtime="openvino")


def test_a_precision_that_a_runtime_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="precision=bfloat16 needs runtime=openvino"):
        highbeam.load(str(folder / "unet.onnx"), precision="bfloat16")


@pytest.mark.parametrize(
    ("option", "value"), [("runtime", "tpu"), ("precision", "int3"), ("threads", -1), ("tile", 0.0), ("tiles", 1)]
)
def test_wrong_options_are_refused(folder: Path, option: str, value: Any) -> None:
    with pytest.raises(OptionError, match=option):
        highbeam.load(str(folder / "unet.onnx"), **{option: value})


def test_files_that_are_no_networks(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownMethodError, match=r"gone\.onnx: no such file; `highbeam export` makes one"):
        highbeam.load(str(tmp_path / "gone.onnx"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes((folder / "unet.onnx").read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"broken\.onnx: is no ONNX file that onnxruntime can run"):
        highbeam.load(str(broken))(picture(8, 8))
    foreign = onnx.load(folder / "can.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(WeightsError, match="does not say 'highbeam.name'; export it with `highbeam export`"):
        highbeam.load(str(tmp_path / "foreign.onnx"))(picture(8, 8))
    with pytest.raises(WeightsError, match=r"gone\.onnx: cannot be read"):
        runner_of(tmp_path / "gone.onnx", "onnxruntime", "float32", 1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("stride", "four", "says what it cannot mean .*'four'.*; export it again"),
        ("stride", "0", "takes other things than it says"),
        ("reach", "-1", "takes other things than it says"),
        ("scene", "7", "takes other things than it says"),
        ("pixels", "float32", "takes other things than it says"),
        ("pixels", "bits", "takes other things than it says"),
    ],
)
def test_files_that_say_other_than_they_are(folder: Path, tmp_path: Path, key: str, value: str, message: str) -> None:
    model = onnx.load(folder / "can.onnx")
    for entry in model.metadata_props:
        if entry.key == f"highbeam.{key}":
            entry.value = value
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(WeightsError, match=rf"odd\.onnx: {message}"):
        highbeam.load(str(tmp_path / "odd.onnx"))(picture(8, 8))


def test_a_failing_gpu_is_not_replaced_in_the_middle_of_the_work(folder: Path) -> None:
    """onnxruntime would go over to the CPU by itself."""
    runner = runner_of(folder / "can.onnx", "onnxruntime", "float32", 1)
    assert isinstance(runner, runtimes._OnnxRuntime)
    assert not runner._session._enable_fallback


def test_threads_are_divided_among_workers(folder: Path) -> None:
    method = highbeam.load(str(folder / "unet.onnx"))
    assert method.among(1) is method
    assert method.among(1000).options.threads == 1
    fixed = replace(method, options=NetworkOptions(threads=3))
    assert fixed.among(4) is fixed
    classical = highbeam.load("gamma")
    assert classical.among(4) is classical


def test_enhancing_needs_no_torch(folder: Path) -> None:
    code = (
        "import sys, numpy as np, highbeam\n"
        f"out = highbeam.load({str(folder / 'unet.onnx')!r})(np.zeros((40, 40, 3), np.uint8))\n"
        "assert out.shape == (40, 40, 3)\n"
        "assert not {'torch', 'onnx', 'openvino'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_scene_of_a_tiled_picture_has_no_seams(folder: Path) -> None:
    """Across a border between tiles, the result changes no more than it does elsewhere."""
    y, x = np.mgrid[0:256, 0:384]
    smooth = np.repeat((60 + 50 * np.sin(x / 90.0) + 40 * np.cos(y / 70.0))[..., None], 3, axis=2).astype(np.uint8)
    runner = runner_of(folder / "unet.onnx", "onnxruntime", "float32", 1)
    tiled = run(runner, smooth, 0.02).astype(int)
    borders = sorted({tile.inner_columns.start for tile in tiles(256, 384, runner.facts.stride, 8, 0.02)} - {0})
    assert borders
    steps = np.abs(np.diff(tiled, axis=1)).mean((0, 2))
    for before, after in pairwise((0, *borders)):
        inside = steps[before + 1 : after - 1]
        assert steps[after - 1] <= inside.max() + 1.0


def test_tiles_come_near_to_one_pass_over_the_whole(folder: Path, night: NDArray[np.uint8]) -> None:
    """A dark sky over a lit road, whose tiles have little in common."""
    pixels = np.asarray(cv2.resize(night, (1280, 768), interpolation=cv2.INTER_CUBIC), np.uint8)
    for name in ("unet", "can"):
        runner = runner_of(folder / f"{name}.onnx", "onnxruntime", "float32", 1)
        whole, tiled = run(runner, pixels, 4.0), run(runner, pixels, 0.3)
        assert cv2.PSNR(whole, tiled) >= 45.0, name
        np.testing.assert_array_equal(run(runner, pixels, 0.3), tiled)


def test_deep_pictures_are_tiled_too(folder: Path, night: NDArray[np.uint8]) -> None:
    pixels = np.asarray(cv2.resize(night, (640, 384)), np.uint16) * np.uint16(257)
    options = NetworkOptions(tile=4.0)
    whole = enhance_with_file(folder / "can.onnx", pixels[:380, :630], options)
    tiled = enhance_with_file(folder / "can.float32.onnx", np.tile(pixels, (5, 4, 1)), options)
    assert whole.dtype == tiled.dtype == np.uint16
    assert np.abs(whole[:360, :600].astype(int) - tiled[:360, :600]).max() <= 66, "a 1000th of white"
