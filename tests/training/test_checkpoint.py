"""Checkpoints: whole or not at all, and nothing in them that runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from highbeam.errors import TrainingError
from highbeam.training.checkpoint import checkpoints, make_folder, newest, read_checkpoint, restore, write_checkpoint
from tests.nets.common import TINY_CAN, noise, stirred, tiny_can


def state(**more: Any) -> dict[str, Any]:
    network = stirred(tiny_can())
    weights = network.state_dict()
    changes = {"width": TINY_CAN["width"], "dilations": [1, 2, 1]}
    return {
        "network": "can24",
        "changes": changes,
        "model": weights,
        "ema": {name: value * 1.0 for name, value in weights.items()},
        "config": {"steps": 3},
        "step": 3,
    } | more


def test_what_is_written_is_read(tmp_path: Path) -> None:
    make_folder(tmp_path / "new" / "folder")
    path = write_checkpoint(state(), tmp_path / "new" / "folder", 3, keep=2)
    assert path.name == "step-00000003.pt"
    found = read_checkpoint(path)
    assert found["config"] == {"steps": 3}
    assert torch.equal(found["ema"]["last.bias"], state()["ema"]["last.bias"])


def test_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "step-x.pt").touch()
    (tmp_path / "notes.txt").touch()
    for step in (1, 2, 3, 100):
        write_checkpoint(state(), tmp_path, step, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000003.pt", "step-00000100.pt"]
    assert newest(tmp_path) == tmp_path / "step-00000100.pt"
    assert (tmp_path / "notes.txt").exists()
    assert newest(tmp_path / "gone") is None


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_checkpoint(state(), tmp_path, 1, keep=1)
    before = first.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        TrainingError, match=r"step-00000002\.pt: cannot be written \(No space left on device\); make room"
    ):
        write_checkpoint(state(), tmp_path, 2, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    assert first.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk(tmp_path: Path) -> None:
    """The file under its temporary name is a device that takes nothing."""
    write_checkpoint(state(), tmp_path, 1, keep=1)
    (tmp_path / ".step-00000002.pt.part").symlink_to("/dev/full")
    with pytest.raises(TrainingError, match=r"step-00000002\.pt: cannot be written \(No space left on device\)"):
        write_checkpoint(state(), tmp_path, 2, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.pt"]


def test_what_torch_says_of_a_disk_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc] . failed writing\nand a long trace")

    monkeypatch.setattr(torch, "save", failed)
    with pytest.raises(TrainingError, match=r"cannot be written \(\[enforce fail .* failed writing\); make room"):
        write_checkpoint(state(), tmp_path, 2, keep=1)


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".step-00000007.pt.part").write_bytes(b"half")
    (tmp_path / ".else.part").touch()
    write_checkpoint(state(), tmp_path, 8, keep=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".else.part", "step-00000008.pt"]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="file: is no folder"):
        make_folder(tmp_path / "file")
    with pytest.raises(TrainingError, match="cannot be written"):
        write_checkpoint(state(), tmp_path / "file", 1, keep=1)


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("trapped",)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(state(config=Trap()), tmp_path / "trap.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "plain.pt"):
        with pytest.raises(TrainingError, match="is damaged or no checkpoint"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "trapped").exists()


def test_damage_is_told(tmp_path: Path) -> None:
    path = write_checkpoint(state(), tmp_path, 1, keep=1)
    data = path.read_bytes()
    for broken in (b"", b"hello", data[: len(data) // 2], data[:-30]):
        path.write_bytes(broken)
        with pytest.raises(TrainingError, match=r"step-00000001\.pt: is damaged or no checkpoint"):
            read_checkpoint(path)
    with pytest.raises(TrainingError, match=r"gone\.pt: cannot be read \(No such file"):
        read_checkpoint(tmp_path / "gone.pt")
    torch.save({"model": {}}, path)
    with pytest.raises(TrainingError, match="is no checkpoint of a training: without network, changes, ema"):
        read_checkpoint(path)
    for wrong in ([1, 2], state(step="3"), state(config=[]), state(model=torch.zeros(2))):
        torch.save(wrong, path)
        with pytest.raises(TrainingError, match="is no checkpoint"):
            read_checkpoint(path)


def test_the_network_comes_back() -> None:
    plain = state()
    plain["model"] = {name: value + 1 for name, value in plain["model"].items()}
    network, last = restore(plain), restore(plain, averaged=False)
    x = noise(1, 3, 16, 16)
    assert not network.training
    with torch.no_grad():
        assert torch.equal(network(x), stirred(tiny_can()).eval()(x))
        assert not torch.equal(last(x), network(x))


@pytest.mark.parametrize(
    "wrong", [{"network": "can99"}, {"changes": {"breadth": 3}}, {"changes": {}}, {"ema": {}}, {"ema": None}]
)
def test_weights_that_do_not_fit(wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="do not fit its network"):
        restore(state(**wrong))
