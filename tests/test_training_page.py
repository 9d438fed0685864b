"""What the page of the training states of the configuration, the checkpoints and the curves is what the code says."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from highbeam.cli import app
from highbeam.training import TrainConfig, load_config, read_checkpoint, train
from highbeam.training.config import FREE, Jitter, LossWeights
from tests.conftest import ROOT
from tests.training.common import Notes, day_folder, tiny

PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def meanings(kind: type) -> dict[str, str]:
    """What the docstring of a dataclass says of each field, on one line."""
    text = inspect.getdoc(kind)
    assert text is not None
    rows = r"^    (\w+): (.*?)(?=^    \w+: |^\S|\Z)"
    found = re.findall(rows, text.partition("Attributes:\n")[2], re.MULTILINE | re.DOTALL)
    return {name: re.sub(r":\w+:`[\w.]*?(\w+)`", r"`\1`", " ".join(said.split())) for name, said in found}


def row(kind: type[TrainConfig | LossWeights | Jitter], name: str) -> str:
    defaults = kind()
    value = getattr(defaults, name)
    if isinstance(value, LossWeights | Jitter):
        return f"| `{name}` | below | no | {meanings(kind)[name]} |"
    free = ["yes" if name in FREE else "no"] if kind is TrainConfig else []
    return " | ".join([f"| `{name}`", f"`{json.dumps(value)}`", *free, f"{meanings(kind)[name]} |"]).replace("``", "`")


def section(title: str) -> str:
    text = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert text is not None
    return text[1]


@pytest.mark.parametrize("kind", [TrainConfig, LossWeights, Jitter])
def test_every_key_with_its_default_and_meaning(kind: type[TrainConfig | LossWeights | Jitter]) -> None:
    rows = [row(kind, field.name) for field in fields(kind)]
    assert "\n".join(rows) in PAGE, "\n".join(rows)


def test_the_page_names_what_a_checkpoint_holds_and_the_curves(tmp_path: Path) -> None:
    notes = Notes()
    result = train(tiny(day_folder(tmp_path / "days", 2), tmp_path / "run", steps=2, loss={"gradient": 0.1}), notes)
    state = read_checkpoint(result.checkpoint or Path())
    told = re.findall(r"^\| `(\w+)` \|", section("What a checkpoint holds"), re.MULTILINE)
    assert told == list(state)
    curves = {name for _, values in notes.told for name in values}
    named = set(re.findall(r"`([\w/]+)`", section("Watching")))
    assert {name.replace("/gamma/", "/NIGHT/") for name in curves} <= named


def test_the_commands_of_the_page_are_ones() -> None:
    options = CliRunner().invoke(app, ["train", "--help"]).output
    commands = re.findall(r"^.*highbeam train (.*)$", PAGE, re.MULTILINE)
    assert len(commands) >= 3
    for words in commands:
        for flag in re.findall(r"--[\w-]+", words):
            assert flag in options, flag
        for word in re.findall(r"--set (\S+)", words):
            load_config(None, [word])
        for path in re.findall(r"configs/[\w-]+\.toml", words):
            assert (ROOT / path).exists()
