"""Processes of their own: killed at any moment, and two at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from highbeam.nets import build
from highbeam.training import TrainConfig, as_toml, newest, read_checkpoint, train
from tests.cli.conftest import environment
from tests.training.common import day_folder, pair_folder, same_weights, tiny

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


_DIES = """
import io, json, os, signal, sys
import torch
from highbeam.training import checkpoint, train
from highbeam.training.config import configure

moment, calls = sys.argv[2], []
save, fsync, settle = torch.save, os.fsync, checkpoint._settle

def die_at(call):
    calls.append(1)
    if len(calls) == call:
        os.kill(os.getpid(), signal.SIGKILL)

def half(state, file):
    whole = io.BytesIO()
    save(state, whole)
    file.write(whole.getvalue()[: whole.tell() // 2])
    file.flush()
    die_at(2)
    file.write(whole.getvalue()[whole.tell() // 2 :])

def synced(descriptor):
    die_at(3)  # the file and the folder of the first checkpoint, then the file of the second
    fsync(descriptor)

def settled(folder):
    die_at(2)
    settle(folder)

if moment == "half written":
    torch.save = half
elif moment == "without its name":
    checkpoint.os.fsync = synced
else:
    checkpoint._settle = settled
train(configure(json.loads(sys.argv[1])))
"""


def test_killed_while_a_checkpoint_is_written_it_goes_on_from_the_one_before(days: Path, tmp_path: Path) -> None:
    """At three moments, one after the other, the last of them beyond the step at which crops grow."""
    folder = tmp_path / "killed"
    config = tiny(days, folder, save_every=2, keep=2)
    left = []
    for moment in ("half written", "without its name", "with its name"):
        command = [sys.executable, "-c", _DIES, json.dumps(config.plain()), moment]
        ended = subprocess.run(command, env=environment(), check=False, timeout=120)
        assert ended.returncode == -signal.SIGKILL
        left.append(sorted(path.name for path in folder.iterdir() if path.name != "logs"))
    assert left == [
        [".step-00000004.pt.part", "step-00000002.pt"],
        [".step-00000006.pt.part", "step-00000002.pt", "step-00000004.pt"],
        ["step-00000004.pt", "step-00000006.pt", "step-00000008.pt"],
    ]
    (folder / "step-00000008.pt").unlink()
    whole, straight = train(config), train(tiny(days, tmp_path / "straight"))
    assert not list(folder.glob(".*"))
    one, other = (read_checkpoint(result.checkpoint or Path()) for result in (whole, straight))
    assert same_weights(one, other)


_RANK = """
import os, sys
from pathlib import Path
import torch
from highbeam import cli
from highbeam.training import feeding, loop

rank, seen = os.environ.get("RANK", "0"), []
central, finish = feeding.central_batches, loop._Run.finish

def watched(*args, **more):
    for batch in central(*args, **more):
        seen.extend(batch.indices.tolist())
        yield batch

def finished(run):
    finish(run)
    state = {"model": run.plain.state_dict(), "ema": run.averaged.state_dict(), "seen": seen}
    torch.save(state, Path(os.environ["HELD"]) / f"{rank}.pt")

feeding.central_batches, loop._Run.finish = watched, finished
sys.exit(cli.main(sys.argv[1:]))
"""


def launched(count: int, *command: str | Path) -> list[str]:
    """The command line that runs a script or a module in so many processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
    return [sys.executable, *launcher, *map(str, command)]


def in_processes(count: int, config: TrainConfig, held: Path) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Train in so many processes, and return the metrics and what each process held in the end."""
    held.mkdir()
    (held / "config.toml").write_text(as_toml(config), encoding="utf-8")
    (held / "script.py").write_text(_RANK, encoding="utf-8")
    done = subprocess.run(
        launched(count, held / "script.py", "train", held / "config.toml", "--json"),
        env=environment() | {"OMP_NUM_THREADS": "1", "HELD": str(held)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    return metrics, [torch.load(held / f"{rank}.pt", weights_only=True) for rank in range(count)]


def flat(state: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in state.values()])


def test_two_processes_train_the_network_that_one_would(tmp_path: Path) -> None:
    """On pairs, since the nights that single pictures are darkened to are drawn for each process."""
    data = f"pairs:{pair_folder(tmp_path / 'pairs', 5)}"
    more: dict[str, Any] = {"eval_pictures": 0, "steps": 6, "late_batch_size": 4}
    one, (alone,) = in_processes(1, tiny(data, tmp_path / "a", **more), tmp_path / "one")
    two, ranks = in_processes(2, tiny(data, tmp_path / "b", **more), tmp_path / "two")
    assert same_weights(ranks[0], ranks[1])
    assert sorted(ranks[0]["seen"] + ranks[1]["seen"]) == sorted(alone["seen"]) == [0, 1, 2, 3, 4]
    assert one["val/pictures"] == two["val/pictures"] == 5
    assert two == pytest.approx(one, abs=0.02)
    begin = flat(start_of(data, tmp_path / "c"))
    apart = flat(ranks[0]["model"]) - flat(alone["model"])
    assert apart.norm() < 0.05 * (flat(alone["model"]) - begin).norm()
    losses = [scalars_of(tmp_path / name, "loss/total") for name in ("a", "b")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)  # of both halves of the batch, not of one


def test_two_processes_agree_on_running_statistics(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path / "run", network="can24", changes={"width": 8, "dilations": [1, 2, 1]}, steps=3)
    metrics, ranks = in_processes(2, config, tmp_path / "held")
    assert metrics["val/pictures"] == 3
    assert same_weights(ranks[0], ranks[1])
    assert any("running_mean" in name for name in ranks[0]["ema"])
    state = read_checkpoint(newest(tmp_path / "run") or Path())
    assert same_weights(state, ranks[1])


def test_processes_that_are_stopped_leave_a_checkpoint(days: Path, tmp_path: Path) -> None:
    config = tiny(days, tmp_path / "run", steps=100_000, late_share=0.0, save_every=5)
    (tmp_path / "config.toml").write_text(as_toml(config), encoding="utf-8")
    command = launched(2, "-m", "highbeam", "train", tmp_path / "config.toml", "--quiet")
    process = subprocess.Popen(command, env=environment() | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while newest(tmp_path / "run") is None and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    told = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert "Traceback" not in told.partition("torch/distributed")[0]
    state = read_checkpoint(newest(tmp_path / "run") or Path())
    assert state["step"] >= 5
    assert not list((tmp_path / "run").glob(".*"))


def start_of(data: str, folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a training begins with."""
    torch.manual_seed(tiny(data, folder).seed)
    return build("unet-s", **tiny(data, folder).changes).state_dict()


def scalars_of(folder: Path, name: str) -> list[float]:
    events = EventAccumulator(str(folder / "logs"))
    events.Reload()
    return [event.value for event in events.Scalars(name)]
