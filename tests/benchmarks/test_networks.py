"""The benchmark of the networks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import networks
from benchmarks.measuring import REFERENCE, ROOT, Bytes, child_picture
from benchmarks.networks import BARS, NETWORKS, SIZE, Row, as_json, measure, table
from highbeam.nets import names

ROWS = [
    Row("unet-s", "onnxruntime", 81.0, 7.9, 100.4),
    Row("unet-s", "torch", 300.0, 30.0, 300.0),
    Row("can24", "onnxruntime", 1200.0, 96.0, 290.0),
]


def test_what_is_measured_are_networks_of_the_table() -> None:
    assert set(NETWORKS) <= set(names())
    assert set(BARS) <= set(NETWORKS)
    assert SIZE == (720, 1280)


def test_the_table_puts_every_row_beside_its_bar() -> None:
    lines = table(10.0, ROWS).splitlines()
    assert lines[0].split() == ["network", "runtime", "ratio", "ms", "MiB", "bar"]
    assert lines[1].split() == ["OpenCV", "CLAHE", "1.0", "10.0", "-"]
    assert lines[2].split() == ["unet-s", "onnxruntime", "7.9", "81.0", "100", "within", "8:", "yes"]
    assert lines[3].endswith("within 8: no")
    assert lines[4].split() == ["can24", "onnxruntime", "96.0", "1200.0", "290"]
    assert not any(line.endswith(" ") for line in lines)


def test_a_bar_is_met_at_the_bar() -> None:
    assert table(10.0, [Row("unet-m", "torch", 600.0, 60.0, 1.0)]).endswith("within 60: yes")
    assert table(10.0, [Row("unet-m", "torch", 600.1, 60.01, 1.0)]).endswith("within 60: no")


def test_json_says_all_that_the_table_says() -> None:
    found = json.loads(as_json(10.0, ROWS, 5))
    assert found["size"] == list(SIZE)
    assert (found["threads"], found["rounds"]) == (2, 5)
    assert (found["reference"], found["reference_ms"]) == (REFERENCE, 10.0)
    assert [Row(**row) for row in found["rows"]] == ROWS


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A benchmark that measures nothing real, and notes what it was asked for."""
    asked: list[str] = []

    def export(path: Path, network: str) -> None:
        path.write_text(network)

    def open_network(network: str, runtime: str, folder: Path) -> Callable[[Bytes], Bytes]:
        assert (folder / f"{network}.onnx").read_text() == network
        asked.append(f"{network} on {runtime}")
        return lambda picture: picture

    def ratios(methods: Mapping[str, object], picture: Bytes, rounds: int) -> dict[str, tuple[float, float]]:
        assert picture.shape == (*SIZE, 3)
        asked.append(f"{rounds} rounds")
        return {REFERENCE: (10.0, 1.0)} | {name: (20.0 + at, 2.0 + at / 10.0) for at, name in enumerate(methods)}

    def peak_memory(module: str, name: str, word: str) -> float:
        assert module == "benchmarks.networks"
        assert Path(word).is_dir()
        return float(len(name))

    fakes: dict[str, Any] = {"export": export, "open_network": open_network, "ratios": ratios}
    fakes |= {"peak_memory": peak_memory, "night_picture": child_picture}
    for name, fake in fakes.items():
        monkeypatch.setattr(networks, name, fake)
    return asked


def test_every_network_meets_every_runtime(quick: list[str]) -> None:
    reference_ms, rows = measure(["unet-s", "can24"], ["torch", "onnxruntime"], 3)
    assert quick == [
        "unet-s on torch",
        "unet-s on onnxruntime",
        "can24 on torch",
        "can24 on onnxruntime",
        "3 rounds",
    ]
    assert reference_ms == 10.0
    assert rows[0] == Row("unet-s", "torch", 20.0, 2.0, 12.0)
    assert rows[3] == Row("can24", "onnxruntime", 23.0, 2.3, 17.0)


@pytest.mark.usefixtures("quick")
def test_the_command_prints_and_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "times.json"
    words = ["networks", "--networks", "unet-s", "--runtimes", "torch", "--rounds", "2", "--json", str(written)]
    monkeypatch.setattr(sys, "argv", words)
    networks.main()
    assert "unet-s    torch                2.0     20.0     12  within 8: yes" in capsys.readouterr().out
    assert json.loads(written.read_text())["rows"][0]["ratio"] == 2.0


def test_all_that_is_installed_is_measured_unless_told(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "installed", lambda: ("onnxruntime", "torch"))
    monkeypatch.setattr(sys, "argv", ["networks"])
    networks.main()
    assert len(quick) == 1 + 2 * len(NETWORKS)


def test_other_runtimes_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["networks", "--runtimes", "tpu"])
    with pytest.raises(SystemExit) as refused:
        networks.main()
    assert refused.value.code == 2
    assert "onnxruntime" in capsys.readouterr().err


def test_a_child_prints_its_memory_and_leaves_torch_alone_unless_it_is_the_runtime(tmp_path: Path) -> None:
    code = (
        "import sys; from benchmarks import networks; sys.argv = ['networks', '--child', 'none', sys.argv[1]];"
        " networks.main(); assert 'torch' not in sys.modules"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 20.0 < float(ran.stdout) < 400.0


def test_a_child_enhances(quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unet-s.onnx").write_text("unet-s")
    networks.child("unet-s/torch", tmp_path)
    assert quick == ["unet-s on torch"]
    assert float(capsys.readouterr().out) > 20.0
