"""What the page of the networks states of the code is what the code says."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from highbeam.nets import NETWORKS, anatomy, build, describe, find
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
MEASURED: dict[str, Any] = {
    "size": [720, 1280],
    "threads": 2,
    "reference": "OpenCV CLAHE",
    "reference_ms": 12.34,
    "rows": [
        {"network": "unet-s", "runtime": "onnxruntime", "ms": 90.4, "ratio": 7.33, "mib": 100.6},
        {"network": "unet-s", "runtime": "torch", "ms": 300.0, "ratio": 24.31, "mib": 301.0},
        {"network": "can24", "runtime": "onnxruntime", "ms": 1200.0, "ratio": 97.24, "mib": 290.2},
        {"network": "can24", "runtime": "torch", "ms": 1900.0, "ratio": 153.97, "mib": 470.0},
    ],
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that writes the page; it is no part of a package."""
    spec = importlib.util.spec_from_file_location("make_networks", ROOT / "docs" / "make_networks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def counted(script: ModuleType) -> dict[str, str]:
    """The regions that follow from the code."""
    return dict(script.counted())


def region(name: str) -> str:
    found = re.search(rf"<!-- {re.escape(name)} -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def test_the_page_is_up_to_date(script: ModuleType, counted: dict[str, str]) -> None:
    assert script.filled(PAGE, counted) == PAGE, "run python docs/make_networks.py"


def test_every_region_of_the_page_is_written_by_the_script(counted: dict[str, str]) -> None:
    regions = re.findall(r"^<!-- (.*) -->$", PAGE, flags=re.MULTILINE)
    assert regions[1::2] == ["end"] * (len(regions) // 2)
    assert set(regions[::2]) == {*counted, "times"}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_listed_with_what_it_counts(name: str) -> None:
    row = next(line for line in region("sizes").splitlines() if line.startswith(f"| `{name}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    parameters = sum(parameter.numel() for parameter in build(name).parameters())
    assert cells[2] == f"{parameters:,}"
    assert float(cells[3].removesuffix(" G")) == pytest.approx(anatomy(build(name)).macs / 1e9, abs=0.005)
    assert [int(cell) for cell in cells[4:]] == [find(name).stride, find(name).reach]


def test_drawings_are_mermaid_of_the_networks() -> None:
    for name in ("unet-m", "can24"):
        assert region(f"drawing {name}") == f"```mermaid\n{describe(build(name))}```\n"


def test_what_the_text_says_of_the_arithmetic_is_so() -> None:
    said = re.search(r"takes ([\d.]+) G multiply-adds at 1280x720, more than the whole of `(.*?)`", PAGE)
    assert said
    one_layer = 720 * 1280 * 9 * 32 * 32
    assert float(said[1]) == pytest.approx(one_layer / 1e9, abs=0.05)
    assert one_layer > anatomy(build(said[2])).macs


def test_times_are_ratios_with_milliseconds_behind(script: ModuleType) -> None:
    lines = script.times(MEASURED).splitlines()
    assert lines[0] == "1280x720, 2 threads; OpenCV CLAHE: 12.3 ms."
    assert lines[2] == "| network | onnxruntime | torch | peak MiB with onnxruntime |"
    assert lines[4] == "| `unet-s` | 7.3 (90 ms) | 24.3 (300 ms) | 101 |"
    assert lines[5] == "| `can24` | 97.2 (1200 ms) | 154.0 (1900 ms) | 290 |"
    assert len({line.count("|") for line in lines[2:]}) == 1


def test_the_times_on_the_page_are_of_its_networks() -> None:
    listed = re.findall(r"^\| `(.*?)` \|", region("times"), flags=re.MULTILINE)
    assert {"unet-s", "unet-m", "can24"} <= set(listed) <= set(NETWORKS)


def test_regions_are_replaced_and_nothing_else(script: ModuleType) -> None:
    page = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc\n"
    once = script.filled(page, {"one": "new \\1"})
    assert once == "a\n<!-- one -->\nnew \\1\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc\n"
    assert script.filled(once, {"one": "new \\1"}) == once
    assert script.filled(page, {"two": "x\ny"}).endswith("<!-- two -->\nx\ny\n<!-- end -->\nc\n")


def test_a_page_without_the_region_is_refused(script: ModuleType) -> None:
    with pytest.raises(ValueError, match="no region 'three'"):
        script.filled("nothing here", {"three": "x"})


def test_the_script_rewrites_its_page(script: ModuleType, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page, measured = tmp_path / "networks.md", tmp_path / "times.json"
    page.write_text("<!-- sizes -->\n<!-- end -->\n<!-- times -->\nold\n<!-- end -->\n")
    measured.write_text(script.json.dumps(MEASURED))
    monkeypatch.setattr(script, "PAGE", page)
    monkeypatch.setattr(script, "counted", lambda: {"sizes": "counted"})
    monkeypatch.setattr(sys, "argv", ["make_networks.py"])
    script.main()
    assert page.read_text() == "<!-- sizes -->\ncounted\n<!-- end -->\n<!-- times -->\nold\n<!-- end -->\n"
    monkeypatch.setattr(sys, "argv", ["make_networks.py", "--times", str(measured)])
    script.main()
    assert "| `can24` | 97.2 (1200 ms)" in page.read_text()
