"""From a network to a file that computes the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from highbeam.errors import ExportError, HighbeamError
from highbeam.nets.anatomy import scene_size
from highbeam.nets.blocks import Network, SceneTape
from highbeam.nets.export import ODD_SIZES, ExportReport, compare, export_onnx, halve_weights, strip
from tests.nets.common import noise, stirred, tiny_can, tiny_unet

MAKERS: dict[str, Callable[[], Network]] = {"unet": tiny_unet, "can": tiny_can}
DTYPES = ("uint8", "float32")


def gentle(make: Callable[[], Network]) -> Network:
    return stirred(make(), size=0.03)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Network, ExportReport]]:
    """Both small networks in both dtypes, exported once."""
    folder = tmp_path_factory.mktemp("onnx")
    made = {}
    for kind, make in MAKERS.items():
        for dtype in DTYPES:
            network = gentle(make)
            path = folder / f"{kind}-{dtype}.onnx"
            made[kind, dtype] = network, export_onnx(network, path, name=kind, pixels=dtype)  # type: ignore[arg-type]
    return made


def session(path: Path) -> Any:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_files_agree_at_five_odd_sizes(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    assert len(ODD_SIZES) == 5
    assert all(height % 2 == 1 and width % 2 == 1 for height, width in ODD_SIZES)
    for (_, dtype), (_, report) in exported.items():
        assert [(row.height, row.width) for row in report.parity] == list(ODD_SIZES)
        assert max(row.worst for row in report.parity) <= (1.0 if dtype == "uint8" else 0.25)
        assert "worst" in str(report)
        assert str(report).count("\n") == 5


def test_files_are_sound_and_say_what_they_are(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    for (kind, dtype), (network, report) in exported.items():
        model = onnx.load(report.path)
        onnx.checker.check_model(model, full_check=True)
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
        facts = {entry.key: entry.value for entry in model.metadata_props}
        assert facts == {
            "highbeam.name": kind,
            "highbeam.pixels": dtype,
            "highbeam.stride": str(network.stride),
            "highbeam.reach": str(network.reach),
            "highbeam.scene": str(scene_size(network)),
        }


def test_files_hold_nothing_of_the_machine(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    for _, report in exported.values():
        encoded = report.path.read_bytes()
        assert b".py" not in encoded
        assert str(Path(__file__).parents[2]).encode() not in encoded


def test_pooling_stays_in_the_runtimes_layout(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    network, report = exported["unet", "uint8"]
    kinds = [node.op_type for node in onnx.load(report.path).graph.node]
    norms = sum(type(module).__name__ == "NormRelu" for module in network.modules())
    assert kinds.count("GlobalAveragePool") == 2 * norms + 1


def test_only_networks_with_a_scene_have_its_ports(
    exported: dict[tuple[str, str], tuple[Network, ExportReport]],
) -> None:
    unet, can = (session(exported[kind, "uint8"][1].path) for kind in ("unet", "can"))
    assert [port.name for port in unet.get_inputs()] == ["pixels", "scene", "keep"]
    assert [port.name for port in unet.get_outputs()] == ["enhanced", "measured"]
    assert [port.name for port in can.get_inputs()] == ["pixels"]
    assert [port.name for port in can.get_outputs()] == ["enhanced"]


def test_a_scene_means_the_same_in_the_file(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    network, report = exported["unet", "float32"]
    network.eval()
    first, second = noise(1, 3, 24, 40), 0.3 * noise(1, 3, 16, 32, seed=1)
    run = session(report.path)
    tape = SceneTape()
    size = scene_size(network)
    with torch.no_grad():
        network(first, tape)
        expected = network(second, SceneTape(tape.scene(), torch.tensor([0.75]))).clamp(0.0, 1.0)
    nothing = {"scene": np.zeros((1, size), np.float32), "keep": np.zeros(1, np.float32)}
    measured = run.run(["measured"], {"pixels": nhwc(first), **nothing})[0]
    np.testing.assert_allclose(measured, tape.scene().numpy(), atol=2e-3, rtol=2e-2)
    given = {"scene": measured, "keep": np.full(1, 0.75, np.float32)}
    got = run.run(["enhanced"], {"pixels": nhwc(second), **given})[0]
    np.testing.assert_allclose(got, nhwc(expected), atol=2e-3)


def nhwc(picture: torch.Tensor) -> Any:
    return picture.permute(0, 2, 3, 1).contiguous().numpy()


@pytest.mark.parametrize(("bias", "level"), [(2.0, 255), (-2.0, 0), (100.25 / 255.0, 100), (100.75 / 255.0, 101)])
def test_levels_are_clipped_and_rounded(tmp_path: Path, bias: float, level: int) -> None:
    network = tiny_can(dilations=(1,))
    with torch.no_grad():
        network.get_parameter("last.weight").zero_()
        network.get_parameter("last.bias").fill_(bias)
    report = export_onnx(network, tmp_path / "a.onnx", name="can", sizes=((3, 5),))
    got = session(report.path).run(None, {"pixels": np.zeros((1, 3, 5, 3), np.uint8)})[0]
    assert got.dtype == np.uint8
    assert np.unique(got).tolist() == [level]


def test_the_network_is_left_as_it_was(tmp_path: Path) -> None:
    network = gentle(tiny_can).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export_onnx(network, tmp_path / "a.onnx", name="can", sizes=((5, 5),))
    assert network.training
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())


def test_whole_weights_agree_more_closely(tmp_path: Path) -> None:
    worst = {}
    for half in (True, False):
        path = tmp_path / f"{half}.onnx"
        network = gentle(lambda: tiny_can(width=24))
        report = export_onnx(network, path, name="can", pixels="float32", half_weights=half, sizes=((31, 33),))
        worst[half] = report.parity[0].worst, path.stat().st_size
    assert worst[False][0] < 0.01
    assert worst[True][1] < 0.7 * worst[False][1]


def test_a_file_that_differs_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(ExportError, match=r"a\.onnx: not written, can differs from torch by more than -1 levels"):
        export_onnx(gentle(tiny_can), path, name="can", sizes=((5, 5),), bound=-1.0)
    assert list(tmp_path.iterdir()) == []
    assert issubclass(ExportError, HighbeamError)


def test_a_network_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    network = gentle(tiny_can)
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(ExportError, match="worst nan"):
        export_onnx(network, tmp_path / "a.onnx", name="can", pixels="float32", sizes=((5, 5),))


def test_a_file_replaces_an_older_one_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")
    export_onnx(gentle(tiny_can), path, name="can", sizes=((5, 5),))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.onnx"]
    assert path.stat().st_size > 1000


def test_comparing_finds_another_network(exported: dict[tuple[str, str], tuple[Network, ExportReport]]) -> None:
    _, report = exported["can", "uint8"]
    other = stirred(tiny_can(), seed=9).eval()
    assert compare(other, report.path.read_bytes(), 9, 9).worst > 1.0


def test_halving_and_stripping_keep_small_and_used_tensors() -> None:
    big, small = np.ones((16, 32), np.float32), np.ones(3, np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "big"], ["y"], doc_string="from here")],
        "graph",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 16])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 32])],
        [onnx.numpy_helper.from_array(big, "big"), onnx.numpy_helper.from_array(small, "small")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    strip(model)
    assert [tensor.name for tensor in model.graph.initializer] == ["big"]
    assert not model.graph.node[0].doc_string
    halve_weights(model)
    assert [tensor.data_type for tensor in model.graph.initializer] == [onnx.TensorProto.FLOAT16]
    assert [node.op_type for node in model.graph.node] == ["Cast", "MatMul"]
    onnx.checker.check_model(model, full_check=True)
