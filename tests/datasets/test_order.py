"""The order is a function of seed and number, and every epoch has every picture once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets import Order, Share
from highbeam.errors import OptionError


@given(st.integers(1, 200), st.integers(0, 2**40), st.integers(0, 5))
def test_every_epoch_has_every_picture_once(count: int, seed: int, epoch: int) -> None:
    order = Order(count, seed)
    seen = [order.picture(number) for number in range(epoch * count, (epoch + 1) * count)]
    assert sorted(seen) == list(range(count))


def test_epochs_and_seeds_differ() -> None:
    orders = [tuple(Order(50, seed).picture(number) for number in range(100)) for seed in range(5)]
    assert len(set(orders)) == 5
    assert all(order[:50] != order[50:] for order in orders)


@given(st.integers(0, 1000), st.integers(1, 16), st.integers(1, 5))
def test_shares_are_apart_and_together_all(start: int, batch: int, world: int) -> None:
    order = Order(7)
    parts = [order.numbers(start, batch, Share(rank, world)) for rank in range(world)]
    assert [number for part in parts for number in part] == list(range(start, start + batch * world))


def test_what_is_random_is_each_pictures_own() -> None:
    order = Order(10, 3)
    draws = [order.generator(number).random() for number in range(100)]
    assert len(set(draws)) == 100
    assert draws[42] == Order(99, 3).generator(42).random()
    assert draws[42] != Order(10, 4).generator(42).random()


def test_positions_do_not_depend_on_what_was_asked_before() -> None:
    asked = [Order(30, 1).picture(number) for number in (29, 500, 0, 29)]
    assert asked[0] == asked[3]
    assert asked == [Order(30, 1).picture(number) for number in (29, 500, 0, 29)]


@pytest.mark.parametrize(("rank", "world"), [(1, 1), (-1, 2), (0, 0), (3, 2)])
def test_shares_out_of_range(rank: int, world: int) -> None:
    with pytest.raises(OptionError, match="rank must be"):
        Share(rank, world)
