"""What the README and the docs say is run, and what they state of the code is compared with the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import fields
from pathlib import Path

import pytest

from highbeam.methods import METHODS
from tests.conftest import ROOT
from tests.video.making import make

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def snippets(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """An empty folder with the bundled examples, as a reader who follows the page has it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / "enhanced").mkdir()
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_snippets_run(page: Path, workplace: Path) -> None:
    for code in snippets(page.read_text(encoding="utf-8"), "python"):
        done = subprocess.run([sys.executable, "-c", code], cwd=workplace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{code}\n{done.stderr}"


@pytest.mark.parametrize(("page", "least"), [("README.md", 5), ("docs/video.md", 3)])
def test_command_line_snippets_run(workplace: Path, page: str, least: int) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = [line for block in snippets(text, "sh") for line in block.splitlines() if line.startswith("highbeam ")]
    assert len(commands) >= least
    (workplace / "recordings").mkdir()
    for name in ("drive.mp4", "recordings/lamps.mov"):  # the reader's own
        make(workplace / name, sound="aac")
    (workplace / "bin").mkdir()
    launcher = workplace / "bin" / "highbeam"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m highbeam "$@"\n')
    launcher.chmod(0o755)
    environment = os.environ | {"PATH": f"{workplace / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=workplace, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    for made in re.findall(r"(?:-o|>) (\S+\.\w+)", "\n".join(commands)):
        assert (workplace / made).stat().st_size > 1000


def test_the_first_command_on_a_fresh_machine(tmp_path: Path) -> None:
    """A new environment, the working tree as it is, and the README's line to the letter."""
    line = snippets(README, "sh")[0].strip()
    assert line == "pip install . && highbeam enhance examples -o enhanced"
    tree = tmp_path / "highbeam"
    ignored = shutil.ignore_patterns(
        *(".git", ".venv", "venv", "build", "dist", "__pycache__", ".*_cache", ".hypothesis"),
        "enhanced",  # where the reader of the page has run the line already
        ".coverage*",  # other processes of a run that is measured make and take these away meanwhile
    )
    shutil.copytree(ROOT, tree, ignore=ignored)
    venv.create(tmp_path / "fresh", with_pip=True)
    script = f'. "{tmp_path / "fresh" / "bin" / "activate"}" && {line}'
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTHON"))}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name for path in (tree / "enhanced").iterdir()}
    assert made == {path.name for path in (ROOT / "examples").iterdir() if path.is_file()}


def test_continuous_integration_runs_the_second_command() -> None:
    line = snippets(README, "sh")[1].strip()
    assert line == "pip install -e '.[dev]' && pytest"
    pattern = re.search(r'grep -m1 -oE "(.*)" README', (ROOT / ".ci" / "run").read_text())
    assert pattern
    assert re.search(pattern[1], README)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_nothing_was_left_to_fill_in(page: Path) -> None:
    assert not re.findall(r"^[A-Z]+_[A-Z_]+$|TODO|TBD|FIXME", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", METHODS)
def test_method_pages_state_every_option_and_its_default(name: str) -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "methods").glob("*.md"))
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", pages, flags=re.MULTILINE)
    defaults = METHODS[name].options()
    for option in fields(METHODS[name].options):
        value = getattr(defaults, option.name)
        shown = ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else value
        expected = "none" if shown is None else f"{shown:g}" if isinstance(shown, float) else str(shown)
        assert any(key == option.name and f"| {expected} |" in f"|{row}|" for key, row in rows), (option.name, expected)


def test_the_pages_list_every_method() -> None:
    overview = (ROOT / "docs" / "methods" / "README.md").read_text(encoding="utf-8")
    for name in METHODS:
        assert f"`{name}`" in README
        assert f"`{name}`" in overview
