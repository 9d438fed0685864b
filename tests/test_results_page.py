"""What docs/results.md shows: every method, the losing ones too, with dates and commands that can be given."""

from __future__ import annotations

import importlib.util
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from highbeam.cli import app
from highbeam.evaluation import Interval, Results, Subject, SubjectInfo, write_results
from highbeam.evaluation.subjects import input_subject, outputs_subject
from highbeam.methods import METHODS
from highbeam.weights import catalog
from tests.conftest import ROOT
from tests.datasets.makers import draw
from tests.evaluation.common import dark_drive, evaluation, results

PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
PARTS = {"dark_drive": 2, "lol": 1, "night": 1}


def part(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("name", "sets"), PARTS.items())
def test_every_table_has_every_method_and_the_input(name: str, sets: int) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", part(name), re.MULTILINE)
    assert len(tables) >= sets
    for table in tables:
        assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == {"input", *METHODS}


@pytest.mark.parametrize("name", PARTS)
def test_it_is_dated_and_the_commands_are_ones(name: str) -> None:
    assert re.search(r"^20\d\d-\d\d-\d\d, highbeam \d", part(name), re.MULTILINE)
    (command,) = re.findall(r"^highbeam (eval .*)$", part(name), re.MULTILINE)
    options = CliRunner().invoke(app, ["eval", "--help"]).output
    for word in shlex.split(command):
        assert not word.startswith("--") or word in options


def test_no_table_is_there_twice() -> None:
    tables = [table for name in PARTS for table in re.findall(r"(?:^\|.*\n)+", part(name), re.MULTILINE)]
    assert len(set(tables)) == len(tables)
    assert "strict subset**: the same 15 pictures" in part("lol")


FIGURES = [(network, figure, value) for network, row in catalog().items() for figure, value in row.figures.items()]


def test_every_network_of_the_catalogue_has_figures_of_the_page() -> None:
    for network in catalog():
        laws = {figure.partition(",")[0] for name, figure, _ in FIGURES if name == network}
        assert {"dark_drive/gamma", "dark_drive/sensor"} <= laws


@pytest.mark.parametrize(("network", "figure", "value"), FIGURES)
def test_the_catalogues_figures_are_the_pages(network: str, figure: str, value: float) -> None:
    found = re.fullmatch(r"(dark_drive/\w+|lol-v1/eval15|validation/\w+), (PSNR \(dB\)|SSIM)", figure)
    assert found is not None, f"{network}: no page shows a figure called {figure!r}"
    if found[1].startswith("validation/"):
        return  # of the training's own part, which no page shows
    section = PAGE.split(f"**{found[1]}**")[1]
    line = re.search(rf"^\| `{network}` \|(.*)$", section, re.MULTILINE)
    assert line is not None
    cells = [cell.strip().lstrip("*") for cell in line[1].split("|")]
    shown = cells[0] if found[2].startswith("PSNR") else cells[2]
    assert float(shown.split()[0].rstrip("*")) == pytest.approx(value, abs=0.006)


@pytest.fixture(scope="module")
def script() -> Any:
    """The module that writes the page."""
    spec = importlib.util.spec_from_file_location("make_results", ROOT / "docs" / "make_results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drive(root: Path, *subjects: Subject, **switches: bool) -> Results:
    found = results(evaluation([f"dark_drive:{dark_drive(root, ('gamma',))}"], None, subjects, **switches))
    return replace(found, machine={"date": "2026-11-25T00:00:00", "highbeam": "0.1.0"})


def trained(name: str, *data: str) -> Subject:
    return Subject(SubjectInfo(name, "network", trained_on=data), lambda pixels: pixels)


def test_a_strict_subset_that_leaves_nothing_out_is_one_line(script: Any, tmp_path: Path) -> None:
    text = script.section("highbeam eval", drive(tmp_path / "a", input_subject(), strict=True))
    assert "**dark_drive/gamma, strict subset**: the same 4 pictures, since nothing" in text
    assert text.count("| `input` |") == 1
    text = script.section("highbeam eval", drive(tmp_path / "b", input_subject(), trained("net", "nuscenes")))
    assert "**dark_drive/gamma, strict subset**: 3 pictures, SHA-256" in text
    assert text.count("| `input` |") == 2


def test_the_script_crowns_nobody_across_other_pictures(script: Any, tmp_path: Path) -> None:
    for case in ("cityscapes_0", "tusimple_3"):
        draw(tmp_path / "theirs" / f"{case}.png", 7)
    theirs = outputs_subject("theirs", tmp_path / "theirs")
    text = script.section("highbeam eval", drive(tmp_path / "data", input_subject(), theirs, allow_missing=True))
    every, common = text.split("**dark_drive/gamma, common subset**: 2 pictures")
    assert re.search(r"^\| `theirs` \| [\d.]+ \[[\d., ]+\] of 2 \|", every, re.MULTILINE)
    assert "| **" not in every
    assert "| **" in common


def test_an_infinite_mean_has_its_median_on_the_page(script: Any) -> None:
    assert script.cell(Interval(math.inf, 30.0, math.inf, 5, 0, 35.2), math.inf, 2, 5).startswith(
        "**inf** (median 35.20) [30.00, inf]"
    )
    assert script.cell(Interval(math.nan, math.nan, math.nan, 0), math.nan, 2, 5) == "-"


def test_stored_results_are_taken_as_they_are(script: Any, tmp_path: Path) -> None:
    found = drive(tmp_path / "data", input_subject())
    (tmp_path / "work" / "drive").mkdir(parents=True)
    write_results(found, tmp_path / "work" / "drive")
    words = [f"dark_drive:{tmp_path / 'data'}", "--strict"]
    command, again = script.measure("drive", words, tmp_path / "work", stored=True)
    assert command.startswith("highbeam eval dark_drive:ROOT --strict --methods")
    assert again == found
