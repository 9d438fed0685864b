"""What the tests of the benchmarks share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def day_pictures() -> Callable[[Path, int], Path]:
    """Make a folder of small bright pictures."""

    def make(folder: Path, count: int) -> Path:
        folder.mkdir(parents=True)
        for number in range(count):
            rng = np.random.default_rng([len(folder.name), number])
            coarse = Image.fromarray(rng.integers(40, 256, (12, 16, 3), dtype=np.uint8))
            coarse.resize((160, 120), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
        return folder

    return make
