"""What docs/results.md shows: every method, the losing ones too, with dates and commands that can be given."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from highbeam.cli import app
from highbeam.methods import METHODS
from highbeam.weights import catalog
from tests.conftest import ROOT

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


def test_the_catalogues_figures_are_the_pages() -> None:
    for network, row in catalog().items():
        for figure, value in row.figures.items():
            found = re.fullmatch(r"(dark_drive/\w+|lol-v1/eval15), (PSNR \(dB\)|SSIM)", figure)
            if found:
                section = PAGE.split(f"**{found[1]}**")[1]
                line = re.search(rf"^\| `{network}` \|(.*)$", section, re.MULTILINE)
                assert line is not None
                cells = [cell.strip().lstrip("*") for cell in line[1].split("|")]
                shown = cells[0] if found[2].startswith("PSNR") else cells[2]
                assert float(shown.split()[0].rstrip("*")) == pytest.approx(value, abs=0.006)
