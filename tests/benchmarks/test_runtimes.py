"""One network by several runtimes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import runtimes
from benchmarks.measuring import Bytes, child_picture
from benchmarks.runtimes import RUNTIMES, export, framed, installed, open_network, open_onnx
from highbeam import nets
from highbeam.nets import Network
from tests.nets.common import TINY_CAN, TINY_UNET

CHANGES: dict[str, dict[str, object]] = {"unet-s": TINY_UNET, "can24": TINY_CAN}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of the table's names, but small and with the same weights each time."""
    build = nets.build

    def small(name: str, **changes: object) -> Network:
        torch.manual_seed(0)
        return build(name, **(CHANGES[name] | changes))

    monkeypatch.setattr(nets, "build", small)
    monkeypatch.setattr(runtimes, "highbeam", SimpleNamespace(methods=tuple))  # no bundled weights in the way
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the exported networks of this module are, by name."""
    return {"folder": tmp_path_factory.mktemp("networks")}


@pytest.fixture
def folder(shelf: dict[str, Path]) -> Path:
    """A folder with both networks, exported once."""
    for name in CHANGES:
        path = shelf["folder"] / f"{name}.onnx"
        if not path.exists():
            export(path, name)
    return shelf["folder"]


def direct(name: str, picture: Bytes) -> Bytes:
    """The network itself, on a picture whose sides are multiples of its stride."""
    with torch.no_grad():
        unit = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0
        levels = (255.0 * nets.build(name).eval()(unit).clamp(0.0, 1.0)).round()
    return np.asarray(levels[0].permute(1, 2, 0).to(torch.uint8).numpy())


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", CHANGES)
def test_all_runtimes_give_what_the_network_gives(name: str, runtime: str, folder: Path) -> None:
    if runtime not in installed():
        pytest.skip("not installed")
    picture = child_picture(96, 160)
    enhanced = open_network(name, runtime, folder)(picture)
    assert enhanced.shape == picture.shape
    assert enhanced.dtype == np.uint8
    off = np.abs(enhanced.astype(int) - direct(name, picture))
    assert off.max() <= (12 if runtime.endswith("bf16") else 1)
    assert off.mean() < (2.0 if runtime.endswith("bf16") else 0.05)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_odd_sizes_are_padded_and_cropped(runtime: str, folder: Path) -> None:
    if runtime not in installed():
        pytest.skip("not installed")
    enhance = open_network("unet-s", runtime, folder)
    for size in ((37, 53), (5, 3), (64, 64)):
        assert enhance(child_picture(*size)).shape == (*size, 3)


def test_fields_can_be_changed_when_exporting(tmp_path: Path) -> None:
    sizes = {}
    for norm in ("group", "none"):
        export(tmp_path / f"{norm}.onnx", "unet-s", norm=norm)
        sizes[norm] = (tmp_path / f"{norm}.onnx").stat().st_size
        assert open_onnx(tmp_path / f"{norm}.onnx")(child_picture(16, 16)).shape == (16, 16, 3)
    assert sizes["none"] < sizes["group"]


def test_padding_mirrors_and_cropping_undoes_it() -> None:
    seen = []

    def run(padded: Bytes) -> Bytes:
        seen.append(padded)
        return padded

    picture = child_picture(10, 13)
    np.testing.assert_array_equal(framed(run, 8, picture), picture)
    expected = np.pad(picture, ((0, 6), (0, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(seen[0], expected)


def test_what_fits_is_not_padded() -> None:
    picture = child_picture(16, 24)
    assert framed(lambda padded: padded + 1, 8, picture).shape == picture.shape


def test_a_method_of_the_networks_name_is_preferred(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Callable[[Bytes], Bytes]:
        return lambda picture: picture + np.uint8(len(name))

    fake = SimpleNamespace(methods=lambda: ("clahe", "unet-s"), load=load)
    monkeypatch.setattr(runtimes, "highbeam", fake)
    picture = child_picture(8, 8)
    np.testing.assert_array_equal(open_network("unet-s", "onnxruntime", folder)(picture), picture + 6)
    assert np.abs(open_network("can24", "onnxruntime", folder)(picture).astype(int) - picture).max() > 0


def test_only_runtimes_that_are_there_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = installed()
    assert set(found) <= set(RUNTIMES)
    assert {"onnxruntime", "torch"} <= set(found)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else object())
    assert installed() == ("onnxruntime", "torch")


@pytest.mark.parametrize(
    ("able", "expected"),
    [(["FP32", "BF16", "INT8"], {"openvino-f32", "openvino-bf16"}), (["FP32"], {"openvino-f32"}), ([], set())],
)
def test_openvino_counts_for_what_the_processor_can(
    able: list[str], expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    core = SimpleNamespace(get_property=lambda device, key: able if key == "OPTIMIZATION_CAPABILITIES" else device)
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core, __spec__=object()))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    assert {name for name in installed() if name.startswith("openvino")} == expected
