"""The mean of several ends of a training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from highbeam.errors import TrainingError
from highbeam.nets import build
from highbeam.training.averaging import average, main
from highbeam.training.exporting import Trained, load_trained, save_weights
from tests.nets.common import TINY_UNET


def end(seed: int, name: str = "unet-s") -> Trained:
    torch.manual_seed(seed)
    changes = dict(TINY_UNET) if name == "unet-s" else {"width": 8}
    return Trained(build(name, **changes).eval(), name, changes, 10 * seed)


def test_each_weight_is_the_mean() -> None:
    wanted = {
        name: (one + other) / 2
        for (name, one), other in zip(
            end(1).network.state_dict().items(), end(2).network.state_dict().values(), strict=True
        )
    }
    got = average([end(1), end(2)])
    assert got.step == 20
    for name, value in got.network.state_dict().items():
        torch.testing.assert_close(value, wanted[name])


def test_one_end_is_itself_and_other_networks_are_refused() -> None:
    alone = average([end(1)])
    assert all(
        torch.equal(one, other)
        for one, other in zip(alone.network.state_dict().values(), end(1).network.state_dict().values(), strict=True)
    )
    with pytest.raises(TrainingError, match="different networks"):
        average([end(1), end(2, "can24")])


def test_the_command_writes_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / f"{seed}.safetensors" for seed in (1, 2)]
    for seed, file in enumerate(files, 1):
        save_weights(end(seed), file)
    out = tmp_path / "mean.safetensors"
    monkeypatch.setattr(sys, "argv", ["averaging", *map(str, files), "-o", str(out)])
    main()
    assert load_trained(out).name == "unet-s"
    monkeypatch.setattr(sys, "argv", ["averaging", str(tmp_path / "none.pt"), "-o", str(out)])
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 1
