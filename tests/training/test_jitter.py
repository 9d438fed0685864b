"""Regrading: what it changes, what stays, and against the equation of its docstring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from highbeam.training.config import Jitter
from highbeam.training.jitter import regrade


def pictures(count: int = 4) -> Tensor:
    return (torch.rand(count, 3, 8, 10, generator=Generator().manual_seed(1)) * 255).round() / 255


def test_nothing_asked_for_changes_nothing() -> None:
    assert not Jitter()
    assert torch.equal(regrade(pictures(), Jitter(), Generator().manual_seed(0)), pictures())


def test_it_is_the_equation() -> None:
    jitter = Jitter(power=0.3, cast=0.1, saturation=0.2)
    draws = torch.randn(4, 5, generator=Generator().manual_seed(7)).double().numpy()
    x = np.maximum(pictures().double().numpy(), 1e-4)
    for at, (p, *c, s) in enumerate(draws):
        y = np.stack([x[at, k] ** np.exp(0.3 * p + 0.1 * c[k]) for k in range(3)])
        m = y.mean(0)
        expected = np.clip(m + np.exp(0.2 * s) * (y - m), 0.0, 1.0)
        got = regrade(pictures(), jitter, Generator().manual_seed(7))[at].numpy()
        assert np.abs(got - expected).max() <= 0.5 / 255 + 1e-5


def test_black_and_white_stay() -> None:
    ends = torch.zeros(2, 3, 4, 4)
    ends[1] = 1.0
    assert torch.equal(regrade(ends, Jitter(power=0.5, cast=0.2, saturation=0.3), Generator().manual_seed(3)), ends)


@pytest.mark.parametrize("part", ["power", "cast", "saturation"])
def test_each_part_on_its_own(part: str) -> None:
    grey = pictures().mean(1, keepdim=True).mul(255).round().div(255).expand(-1, 3, -1, -1)
    changed = regrade(grey, Jitter(**{part: 0.4}), Generator().manual_seed(5))
    still_grey = bool((changed.amax(1) - changed.amin(1)).max() < 1e-6)
    assert still_grey == (part != "cast")
    assert torch.allclose(changed, grey, atol=1e-6) == (part == "saturation")


def test_every_picture_has_its_own() -> None:
    same = pictures(1).expand(3, -1, -1, -1)
    changed = regrade(same, Jitter(power=0.4), Generator().manual_seed(5))
    assert len({round(float(picture.mean()), 4) for picture in changed}) == 3
