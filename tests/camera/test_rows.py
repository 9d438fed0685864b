"""Amounts per row, rows that skip a stage, and random numbers that belong to a picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from highbeam.camera.rows import apply_where, normal, per_row
from tests.camera.scenes import DEVICES

CPU = torch.device("cpu")


def test_a_number_stands_for_all_rows() -> None:
    assert per_row(0.5, torch.zeros(4, 3, 2, 2)).shape == (1, 1, 1, 1)


def test_a_tensor_stands_for_a_row_each() -> None:
    column = per_row(torch.tensor([1, 2, 3]), torch.zeros(3, 3, 5, 7))
    assert column.shape == (3, 1, 1, 1)
    assert column.dtype == torch.float32
    assert (torch.ones(3, 3, 5, 7) * column)[2].eq(3.0).all()


@pytest.mark.parametrize("device", DEVICES)
def test_amounts_come_to_the_pictures_device(device: str) -> None:
    assert per_row(torch.ones(2), torch.zeros(2, 1, device=device)).device.type == device


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_only_chosen_rows_pass_the_stage(chosen: list[bool]) -> None:
    pictures = torch.arange(len(chosen), dtype=torch.float32)[:, None]
    before = pictures.clone()

    def stage(some: Tensor, rows: Tensor) -> Tensor:
        assert torch.equal(some[:, 0], rows.float())
        return some + 100.0

    after = apply_where(pictures, torch.tensor(chosen), stage)
    assert torch.equal(pictures, before), "the input must be left alone"
    assert torch.equal(after - before, 100.0 * torch.tensor(chosen).float()[:, None])


def test_a_stage_that_no_row_needs_is_not_called() -> None:
    pictures = torch.zeros(2, 1)

    def never(_some: Tensor, _rows: Tensor) -> Tensor:
        raise AssertionError

    assert apply_where(pictures, torch.zeros(2, dtype=torch.bool), never) is pictures


@given(st.integers(0, 2**62 - 1), st.integers(0, 2**62 - 1), st.integers(0, 7))
def test_a_rows_numbers_depend_on_its_own_seed_alone(seed: int, other: int, stream: int) -> None:
    alone = normal((5, 4), torch.tensor([seed]), stream, CPU)
    beside = normal((5, 4), torch.tensor([other, seed]), stream, CPU)
    assert torch.equal(alone[0], beside[1])
    assert torch.equal(beside[0], beside[1]) == (seed == other)


def test_streams_and_neighbouring_seeds_are_unrelated() -> None:
    seeds = torch.arange(4)
    drawn = torch.cat([normal((4000,), seeds, stream, CPU) for stream in range(3)])
    correlation = torch.corrcoef(drawn) - torch.eye(12)
    assert float(correlation.abs().max()) < 0.08


def test_numbers_are_standard_normal() -> None:
    drawn = normal((200, 200), torch.tensor([3]), 1, CPU)
    assert abs(float(drawn.mean())) < 0.02
    assert abs(float(drawn.std()) - 1.0) < 0.02


@pytest.mark.parametrize("device", DEVICES)
def test_numbers_repeat_on_a_device(device: str) -> None:
    where = torch.device(device)
    once, again = (normal((9,), torch.tensor([5, 6]), 2, where) for _ in range(2))
    assert torch.equal(once, again)
    assert once.device.type == device
