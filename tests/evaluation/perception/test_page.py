"""What docs/perception.md says is run, and held against the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from highbeam.evaluation.perception import (
    ADAPTERS,
    GROUP,
    Adapter,
    PerceptionConfig,
    adapters,
    load_perception_config,
    open_perception,
)
from highbeam.evaluation.perception.agreement import FIGURES
from tests.conftest import ROOT
from tests.evaluation.perception.graphs import colours, constant
from tests.test_docs import snippets

PAGE = (ROOT / "docs" / "perception.md").read_text(encoding="utf-8")


def test_the_table_of_adapters_is_the_codes() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\w+) \| (.+?) \| (.+?) \|$", PAGE, flags=re.MULTILINE)
    stated = {name: (task, shapes, summary) for name, task, shapes, summary in rows if name in ADAPTERS}
    assert stated == {name: (row.task, row.shapes, row.summary) for name, row in ADAPTERS.items()}


def test_every_key_is_explained() -> None:
    section = PAGE.split("| key | default | meaning |")[1].split("##")[0]
    named = re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in section.splitlines() if line.count("|") > 2))
    assert named == [field.name for field in fields(PerceptionConfig)]
    defaults = {row.name: row.default for row in fields(PerceptionConfig)}
    for name in ("stride", "floor", "nms_iou", "most"):
        assert f"| `{name}` | {defaults[name]} |" in section
    for name in ("resize", "channels", "box_units"):
        assert f"| `{name}` | `{defaults[name]}` |" in section


def test_every_figure_is_named() -> None:
    for task, figures in FIGURES.items():
        (row,) = re.findall(rf"^\| `{task}`.*$", PAGE.split("## What is measured")[1].split("\n##")[0], re.MULTILINE)
        assert re.findall(r"`(\w+)`", row)[1:] == list(figures)


def test_configurations_load(tmp_path: Path) -> None:
    written = [block for block in snippets(PAGE, "toml") if "task" in tomllib.loads(block)]
    assert len(written) == 3
    for block in written:
        path = tmp_path / "net.toml"
        path.write_text(block)
        assert load_perception_config(path).adapter in {"", *ADAPTERS}


def test_the_first_snippet_runs(tmp_path: Path) -> None:
    colours(tmp_path / "segmenter.onnx")
    (tmp_path / "segmenter.toml").write_text('task = "segmentation"\nadapter = "logits-nchw"\n')
    (code,) = snippets(PAGE, "py")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "segmenter.onnx: segmentation (logits-nchw) on 6 pictures" in done.stdout


def test_the_adapter_of_ones_own_is_found_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package as pip leaves it behind: a module, and a folder of metadata with the page's entry point."""
    (stated,) = [block for block in snippets(PAGE, "toml") if "entry-points" in block]
    ((name, place),) = tomllib.loads(stated)["project"]["entry-points"][GROUP].items()
    (code,) = snippets(PAGE, "python")
    module = tmp_path / Path(*place.partition(":")[0].split(".")).with_suffix(".py")
    module.parent.mkdir()
    module.write_text(code)
    metadata = tmp_path / "my_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {place}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert isinstance(adapters.adapter_named(name), Adapter)
    rows = np.array([[0, 1, 2, 5, 6, 1, 0.9]], np.float32)
    network = open_perception(constant(tmp_path / "net.onnx", rows), task="detection", adapter=name)
    seen = network(np.zeros((8, 8, 3), np.uint8))
    assert not isinstance(seen, np.ndarray)
    assert seen.corners.tolist() == [[1, 2, 5, 6]]
    assert seen.classes.tolist() == [1]


def test_importing_it_loads_no_runtime() -> None:
    code = (
        "import sys, highbeam.evaluation.perception;"
        "print({'onnxruntime', 'torch', 'pycocotools', 'onnx'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "set()", done.stderr
