"""``highbeam data``: guides, checks, packing, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import highbeam
from highbeam import cli
from highbeam.cli import data, terminal
from highbeam.cli.data import byte_count
from highbeam.datasets import LAYOUTS, open_dataset, read_index
from highbeam.errors import UsageError
from tests.cli.conftest import Command
from tests.cli.conftest import command as command  # noqa: PLC0414 - a fixture
from tests.conftest import ROOT
from tests.datasets import makers
from tests.datasets.makers import draw, film, pair

LAUNCH = (
    "import sys; from highbeam import cli; from highbeam.cli import data;"
    "any(g.name == 'data' for g in cli.app.registered_groups) or cli.app.add_typer(data.app, name='data');"
    "sys.exit(cli.main())"
)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Have the verb among the others, whether or not the command line registers it itself."""
    before = list(cli.app.registered_groups)
    if not any(group.name == "data" for group in before):
        cli.app.add_typer(data.app, name="data")
    yield
    cli.app.registered_groups[:] = before


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for number in range(6):
        draw(tmp_path / "days" / ("a" if number < 4 else "b") / f"{number}.png", number, (128, 96))
    return tmp_path / "days"


def test_guides_are_listed(command: Command) -> None:
    ended = command("data", "guide")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split("  ")[0] for line in ended.out.splitlines()] == list(LAYOUTS)


def test_a_guide(command: Command) -> None:
    ended = command("data", "guide", "nuscenes")
    assert ended.code == 0
    assert ended.out.startswith("nuscenes: nuScenes")
    for part in ("From:   https://www.nuscenes.org/", "Terms:  CC BY-NC-SA 4.0", "ROOT/samples/CAM_FRONT/"):
        assert part in ended.out


@pytest.mark.parametrize("arguments", [("guide", "nuscene"), ("check", "nuscene", ".")])
def test_an_unknown_name(command: Command, arguments: tuple[str, ...]) -> None:
    ended = command("data", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no data set 'nuscene'; did you mean 'nuscenes'?")


def test_a_whole_data_set(command: Command, tmp_path: Path) -> None:
    ended = command("data", "check", "lol-v1", makers.lol_v1(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "lol-v1: 6 pairs from 2 sources",
        "  split: 4 train, 2 test",
        "  light: 6 day",
        "  size: 6 64x48",
        "whole",
    ]
    assert command("data", "check", "lol-v1", tmp_path, "--quiet").out == ""


def test_what_is_missing_and_bad_is_said(command: Command, tmp_path: Path) -> None:
    makers.lol_v1(tmp_path, test=0)
    (tmp_path / "our485" / "high" / "3.png").unlink()
    (tmp_path / "our485" / "low" / "2.png").write_bytes(b"bad")
    ended = command("data", "check", "lol-v1", tmp_path)
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert lines[0] == f"missing: {tmp_path / 'eval15' / 'low'}: no such folder"
    assert lines[2] == f"missing the other half: {tmp_path / 'our485' / 'low' / '3.png'}"
    assert lines[3].startswith("bad: our485/2: does not begin like the PNG")
    assert ended.out.splitlines()[-1] == "2 missing, 1 half pairs, 1 bad"
    assert command("data", "check", "lol-v1", tmp_path, "--depth", "names").err.count("bad: ") == 0


def test_a_check_as_json(command: Command, tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    ended = command("data", "check", "folder", tmp_path, "--json", "--workers", "2")
    assert ended.code == 1
    told = json.loads(ended.out)
    assert (told["pictures"], told["complete"]) == (2, False)
    assert told["bad"][0]["name"] == f"{tmp_path.name}/b.png"


def test_many_bad_files_are_counted(command: Command, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / f"{number:02d}.png").touch()
    lines = command("data", "check", "folder", tmp_path).err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "bad: 5 more; --json names them all"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "kitti", "nowhere"], "nowhere: no such folder"),
        (["check", "kitti", ".", "--workers", "0"], "--workers must be at least 1"),
        (["check", "kitti", ".", "--depth", "soul"], "soul"),
        (["check", "kitti"], "ROOT"),
        (["pack", "nowhere", "-o", "out"], "nowhere: no such file or folder"),
        (["pack", "."], "output"),
        (["pack", ".", "-o", "out", "--limit", "60 apples"], "a size is such as 60000000, 60M or 57Mi"),
        (["pack", ".", "-o", "out", "--light", "noon"], "no light 'noon'"),
        (["pack", ".", "-o", "out", "--format", "gif"], "no format 'gif'"),
        (["pack", ".", "-o", "out", "--sequence", "("], "no regular expression"),
    ],
)
def test_bad_usage(
    command: Command, days: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(days)
    ended = command("data", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not (days / "out").exists()


def test_packing(command: Command, days: Path, tmp_path: Path) -> None:
    ended = command("data", "pack", days, "-o", tmp_path / "out", "--max-side", "64", "--val-source", "days/b")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert re.fullmatch(r"6 packed at quality 90 into 2 shards, 0\.0 MB; dropped: none", lines[0])
    assert lines[1:] == ["  train  days/a  4", "  val    days/b  2"]
    assert len(open_dataset("shards", tmp_path / "out", split="train").entries) == 4
    assert command("data", "check", "shards", tmp_path / "out").code == 0


def test_every_option_arrives(command: Command, days: Path, tmp_path: Path) -> None:
    words = ["--every", "0.5", "--limit", "1M", "--shard-size", "50k", "--format", "jpeg", "--quality", "80"]
    words += ["--val", "0.2", "--sequence", "x", "--seed", "3", "--official", "--light", "day,dusk", "--workers", "2"]
    words += ["--min-brightness", "0.1", "--min-sharpness", "0.2", "--max-likeness", "1", "--quiet"]
    ended = command("data", "pack", days, "-o", tmp_path / "out", *words)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert read_index(tmp_path / "out").settings == {
        "every": 0.5,
        "format": "jpeg",
        "lights": ["day", "dusk"],
        "limit": 1_000_000,
        "max_likeness": 1,
        "max_side": None,
        "min_brightness": 0.1,
        "min_sharpness": 0.2,
        "official": True,
        "quality": 80,
        "seed": 3,
        "sequence": "x",
        "shard_size": 50_000,
        "val": 0.2,
        "val_sources": [],
    }


def test_bad_files_are_left_out_and_said(command: Command, days: Path, tmp_path: Path) -> None:
    (days / "a" / "1.png").write_bytes(b"bad")
    draw(days / "a" / "9.png", 9, (128, 96), level=-60.0)
    ended = command("data", "pack", days, "-o", tmp_path / "out", "--json")
    assert ended.code == 1
    assert ended.err.startswith("bad: days/a/1.png: does not begin like the PNG")
    told = json.loads(ended.out)
    assert told["packed"] == 5
    assert told["dropped"] == {"dark": 1, "blurred": 0, "duplicate": 0, "shared": 0, "bad": 1}
    assert "pictures" not in told


def test_a_missing_half_ends_the_packing(command: Command, tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    gone = draw(tmp_path / "low" / "b.png")
    ended = command("data", "pack", f"pairs:{tmp_path}", "-o", tmp_path / "out")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"error: 1 without the other half of the pair: {gone}; add the missing files\n"
    assert not (tmp_path / "out").exists()


def test_shards_are_replaced_only_if_asked(command: Command, days: Path, tmp_path: Path) -> None:
    assert command("data", "pack", days, "-o", tmp_path / "out").code == 0
    ended = command("data", "pack", days, "-o", tmp_path / "out")
    assert ended.code == 2
    assert "exists already" in ended.err
    assert command("data", "pack", days, "-o", tmp_path / "out", "--overwrite").code == 0


def test_a_bar_is_shown_on_a_terminal(
    command: Command, days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, bool]] = []
    progress = terminal.progress

    def recorded(total: int, *, hidden: bool) -> object:
        shown.append((total, hidden))
        return progress(total, hidden=hidden)

    monkeypatch.setattr(terminal, "progress", recorded)
    command("data", "pack", days, "-o", tmp_path / "out")
    command("data", "check", "shards", tmp_path / "out", "--quiet")
    assert shown == [(6, False), (6, False), (6, True)]


def test_a_killed_pack_leaves_nothing(tmp_path: Path) -> None:
    film(tmp_path / "clips" / "a.mp4", 120, size=(320, 240))
    environment = os.environ | {"PYTHONPATH": str(Path(highbeam.__file__).parents[1])}
    words = ["data", "pack", "clips", "-o", "out", "--every", "0", "--min-sharpness", "0", "--quality", "100"]
    running = subprocess.Popen([sys.executable, "-c", LAUNCH, *words], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 30.0
    while running.poll() is None and not list(tmp_path.glob(".out-*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["clips"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("60000000", 60_000_000),
        ("60M", 60_000_000),
        ("57Mi", 57 * 2**20),
        ("1.5 kB", 1500),
        ("2g", 2 * 10**9),
        ("1", 1),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "0", "1.2.3", "5 T", "0.2"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="a size is such as"):
        byte_count(text)


def test_the_help_says_what_exit_codes_mean(command: Command) -> None:
    out = command("data", "--help").out
    assert all(verb in out for verb in ("guide", "check", "pack"))
    for verb in ("check", "pack"):
        assert "Exit code 0" in " ".join(command("data", verb, "--help").out.split())


def test_the_commands_of_the_page_run(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a street of that name with a few pictures, as a reader who has some."""
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines() if line]
    assert len(lines) >= 6
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        draw(tmp_path / "day" / f"{number}.jpg", number, (128, 96))
    film(tmp_path / "clips" / "rain.mp4", 12, size=(128, 96))
    makers.bdd100k(tmp_path / "bdd100k")
    makers.lol_v1(tmp_path / "LOL")
    for line in lines:
        words = [word.strip("'") for word in line.split()]
        assert words[:2] == ["highbeam", "data"]
        ended = command(*words[1:])
        assert ended.code == 0, (line, ended.err)


def test_the_page_has_every_layout_and_its_terms() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for row in LAYOUTS.values():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{row.name}` |")]
        assert row.terms in line
        for address in re.findall(r"https?://[^ ;,]+", row.where):
            assert address in line
