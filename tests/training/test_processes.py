"""Processes of their own: killed at any moment, and two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from highbeam.training import newest, read_checkpoint, train
from tests.cli.conftest import environment
from tests.training.common import day_folder, same_weights, tiny

_RUN = (
    "import json, sys\n"
    "from highbeam.training import train\n"
    "from highbeam.training.config import configure\n"
    "result = train(configure(json.loads(sys.argv[1])))\n"
    "print(json.dumps(result.metrics))\n"
)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_folder(tmp_path_factory.mktemp("days"))


def start(days: Path, folder: Path) -> subprocess.Popen[bytes]:
    config = tiny(days, folder, steps=24, save_every=1, keep=2)
    return subprocess.Popen([sys.executable, "-c", _RUN, json.dumps(config.plain())], env=environment())


def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(days: Path, tmp_path: Path) -> None:
    """Checkpoints are written at every step, so that kills fall into the writing of them too."""
    folder = tmp_path / "killed"
    kills = 0
    for wait in (0.05, 0.33, 0.11, 0.2):
        process, before = start(days, folder), newest(folder)
        deadline = time.monotonic() + 120
        while newest(folder) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(wait)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 1
    last = start(days, folder)
    assert last.wait(timeout=120) == 0
    straight = train(tiny(days, tmp_path / "straight", steps=24, save_every=24))
    one, other = (read_checkpoint(newest(at) or Path()) for at in (folder, tmp_path / "straight"))
    assert straight.step == one["step"] == other["step"] == 24
    assert same_weights(one, other)


def test_two_processes_train_one_network_and_validate_every_picture_once(days: Path, tmp_path: Path) -> None:
    """Five pictures on two processes, each darkened in one night: five counted, and nearly the figures of one."""
    folders = {1: tmp_path / "one", 2: tmp_path / "two"}
    words = ["--set", "threads=1", "--set", "eval_pictures=0", "--set", "flip=false", "--json"]
    ended = {}
    for count, folder in folders.items():
        config = tmp_path / f"{count}.toml"
        plain = {**tiny(days, folder, steps=3, late_share=0.0).plain()}
        tables = {key: plain.pop(key) for key in ("loss", "changes")}
        lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
        for name, table in tables.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        config.write_text("\n".join(lines))
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
        command = [sys.executable, *launcher, "-m", "highbeam", "train", str(config), *words]
        done = subprocess.run(
            command,
            env=environment() | {"OMP_NUM_THREADS": "1"},
            cwd=os.fspath(tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        ended[count] = json.loads(done.stdout)
    one, two = (ended[count]["metrics"] for count in (1, 2))
    assert one["val/pictures"] == two["val/pictures"] == 5
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=0.5)
    assert not list(folders[2].glob(".*.part"))
