"""``highbeam train``: words to a configuration, a bar or lines, JSON, signals, and going on."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from highbeam.training import as_toml, newest, read_checkpoint
from tests.cli.conftest import Command, environment, program
from tests.training.common import day_folder, same_weights, tiny


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_folder(tmp_path_factory.mktemp("days"))


def config_file(days: Path, folder: Path, **more: Any) -> Path:
    """A tiny training, as a file; its checkpoints are for ``folder / "run"``."""
    path = folder / "tiny.toml"
    path.write_text(as_toml(tiny(days, folder / "run", **more)), encoding="utf-8")
    return path


def shown(command: Command, *words: str | Path) -> dict[str, Any]:
    ended = command("train", *words, "--show-config")
    assert ended.code == 0, ended.err
    return tomllib.loads(ended.out)


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        ("batch_size", "batch_size"),
        ("learning_rate", "learning_rate"),
        ("f_log_step", "log_every"),
        ("f_summary_step", "summary_every"),
        ("f_save_step", "save_every"),
        ("checkpoint_dir", "checkpoint_dir"),
    ],
)
def test_the_original_flags_in_both_spellings(command: Command, flag: str, key: str) -> None:
    for spelling in (flag, flag.replace("_", "-")):
        value = shown(command, f"--{spelling}", "7")[key]
        assert value in {7, "7"}


def test_a_file_then_words_then_flags(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('steps = 10\nbatch_size = 6\ncrop = 64\ndata = "x"\n[loss]\nssim = 0.5\n')
    words = ("--set", "steps=20", "--set", "loss.colour=0.5", "--set", "batch-size=7", "--batch-size", "8")
    found = shown(command, path, *words, "--data", "one", "--data", "shards:two", "--network", "can24")
    assert (found["steps"], found["batch_size"], found["crop"], found["network"]) == (20, 8, 64, "can24")
    assert (found["loss"]["ssim"], found["loss"]["colour"]) == (0.5, 0.5)
    assert found["data"] == ["one", "shards:two"]
    assert shown(command, path)["data"] == ["x"]
    assert shown(command, "--resume", "never", "--steps", "3")["resume"] == "never"


def test_what_is_shown_can_be_given(command: Command, tmp_path: Path) -> None:
    first = command("train", "--set", "changes.widths=[16, 24]", "--data", "a b", "--show-config").out
    (tmp_path / "shown.toml").write_text(first, encoding="utf-8")
    assert command("train", tmp_path / "shown.toml", "--show-config").out == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no data to train with; name folders, clips or LAYOUT:ROOT"),
        (["--set", "stepz=3"], "no key 'stepz'; did you mean 'steps'?"),
        (["--set", "loss.sim=3"], "no key 'loss.sim'; did you mean 'ssim'?"),
        (["--steps", "0"], "steps: Input should be greater than or equal to 1"),
        (["gone.toml"], "gone.toml: cannot be read (No such file or directory)"),
        (["--data", "gone"], "gone: no such file or folder"),
        (["--data", ".", "--set", "preset=strete"], "did you mean 'street'?"),
    ],
)
def test_bad_usage_is_told_and_nothing_is_touched(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = command("train", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert message in ended.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_network_is_bad_usage(command: Command, days: Path, tmp_path: Path) -> None:
    ended = command("train", config_file(days, tmp_path, changes={}), "--network", "unet-x")
    assert ended.code == 2
    assert "no network 'unet-x'; did you mean" in ended.err


def test_it_trains_and_tells_in_lines_and_as_json(command: Command, days: Path, tmp_path: Path) -> None:
    path = config_file(days, tmp_path)
    ended = command("train", path, "--json")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert result["checkpoint"] == str(tmp_path / "run" / "step-00000008.pt")
    assert (result["step"], result["skipped"], result["metrics"]["val/pictures"]) == (8, 0, 3)
    lines = ended.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["step 2", "step 4", "step 6", "step 8", "step 8"]
    assert re.search(r"loss/total \d\.\d+.*waiting \d", lines[0])
    assert "val/psnr" in lines[-1]
    again = command("train", path)
    assert (again.code, again.out) == (0, "")
    assert f"highbeam export {result['checkpoint']} -o NAME.onnx" in again.err


def test_quiet_is_quiet(command: Command, days: Path, tmp_path: Path) -> None:
    ended = command("train", config_file(days, tmp_path), "--quiet", "--steps", "2")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_bad_pictures_are_named_all_the_same(command: Command, tmp_path: Path) -> None:
    root = day_folder(tmp_path / "days", 2)
    (root / "bad.png").write_bytes(b"nothing of the kind")
    ended = command("train", config_file(root, tmp_path, val_data=[], steps=6), "--quiet")
    assert ended.code == 0
    assert re.fullmatch(r"left out: \S*bad\.png: .+\n", ended.err)


def test_what_cannot_be_gone_on_from(command: Command, days: Path, tmp_path: Path) -> None:
    path = config_file(days, tmp_path, steps=2)
    assert command("train", path, "--quiet").code == 0
    other = command("train", path, "--batch-size", "4", "--learning_rate", "0.5")
    assert other.code == 1
    assert "is of another training (batch_size was 2, learning_rate was 0.0015)" in other.err
    never = command("train", path, "--resume", "never")
    assert never.code == 1
    assert "exists; pass --resume auto" in never.err
    checkpoint = tmp_path / "run" / "step-00000002.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    damaged = command("train", path, "--steps", "4")
    assert damaged.code == 1
    assert f"{checkpoint}: is damaged or no checkpoint" in damaged.err
    assert "or delete it" in damaged.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_leaves_a_checkpoint_of_the_last_step(
    command: Command, days: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A length that it never reaches, stopped; then shortened to where it came, against one that ran through."""
    path = config_file(days, tmp_path, late_share=0.0, save_every=100_000, learning_rate=1e-3, warmup=0, final_rate=1.0)
    command_line = program("train", path, "--steps", "100000", "--json")
    process = subprocess.Popen(
        command_line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step 2: ")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    ended = json.loads(out)
    assert 2 <= ended["step"] < 100_000
    assert ended["metrics"] == {}
    state = read_checkpoint(newest(tmp_path / "run") or Path())
    assert state["step"] == ended["step"]
    straight = tmp_path / "straight"
    steps = str(ended["step"])
    assert command("train", path, "--steps", steps, "--checkpoint-dir", straight, "--quiet").code == 0
    assert same_weights(state, read_checkpoint(newest(straight) or Path()))


def test_stopped_it_says_how_to_go_on(command: Command, days: Path, tmp_path: Path) -> None:
    path = config_file(days, tmp_path)
    process = subprocess.Popen(
        program("train", path, "--steps", "100000"), env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.terminate()
    last = process.communicate(timeout=60)[1].splitlines()[-1]
    assert re.fullmatch(r"stopped at step \d+ of 100000; the same command goes on from .*step-\d{8}\.pt", last)
    assert command("train", path, "--steps", "2", "--quiet").code == 0


def test_a_terminal_gets_a_bar_with_loss_and_speed(days: Path, tmp_path: Path) -> None:
    main, side = pty.openpty()
    line = program("train", config_file(days, tmp_path, steps=30, late_share=0.0))
    process = subprocess.Popen(line, env=environment() | {"TERM": "xterm", "COLUMNS": "120"}, stderr=side)
    os.close(side)
    seen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            part = os.read(main, 65536)
        except OSError:  # how a terminal says that nobody writes to it any more
            break
        if not part:
            break
        seen += part
    assert process.wait(timeout=60) == 0
    os.close(main)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    assert "30/30" in text
    assert re.search(r"loss \d\.\d{4}, \d+\.\d steps/s \d:\d\d:\d\d", text)
    assert "step 30: val/gamma/psnr" in text
    assert "trained: " in text


@pytest.mark.parametrize("missing", ["torch", "lightning_fabric", "tensorboard"])
def test_a_missing_extra_is_named(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from highbeam.cli import main; sys.exit(main(['train']))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: train needs {missing}")
    assert ended.stderr.endswith("install the extra: pip install 'highbeam[train]'\n")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; from highbeam.cli import main; print(main(['train', '--help']), *sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    loaded = {name.partition(".")[0] for name in ended.stdout.splitlines()[-1].split()}
    assert not loaded & {"numpy", "torch", "rich", "lightning_fabric", "tensorboard"}
