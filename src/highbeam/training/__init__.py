"""Training of the networks, from day pictures or pairs to a checkpoint. Needs torch (extra ``train``).

::

    config = load_config(Path("night.toml"), ["steps=20000"])   # typed; unknown keys are refused
    result = train(config)                                      # goes on from the newest checkpoint there is
    result.checkpoint                                           # the file that `highbeam export` takes
"""

from __future__ import annotations

from highbeam.training.checkpoint import newest, read_checkpoint, restore
from highbeam.training.config import TrainConfig, as_toml, load_config
from highbeam.training.loop import Result, train
from highbeam.training.watching import Watcher

__all__ = [
    "Result",
    "TrainConfig",
    "Watcher",
    "as_toml",
    "load_config",
    "newest",
    "read_checkpoint",
    "restore",
    "train",
]
