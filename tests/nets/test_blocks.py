"""The parts that networks are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from highbeam.nets.blocks import (
    REACH,
    Block,
    BlockKind,
    NormRelu,
    SceneTape,
    cells_from_pixels,
    crop_to,
    pixels_from_cells,
    reflect_to,
    rescale_output_,
    zero_,
)
from tests.nets.common import noise

KINDS: tuple[BlockKind, ...] = ("mixed", "depthwise", "plain")


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_cells_and_pixels_undo_each_other(side: int, rows: int, columns: int, count: int) -> None:
    pixels = torch.randint(0, 256, (count, rows * side, columns * side, 3), dtype=torch.uint8)
    cells = cells_from_pixels(pixels, side)
    assert cells.shape == (count, rows, columns, 3 * side * side)
    assert torch.equal(pixels_from_cells(cells, side), pixels)


def test_a_cell_lists_its_pixels_row_by_row() -> None:
    pixels = torch.arange(4 * 4 * 3).reshape(1, 4, 4, 3)
    cells = cells_from_pixels(pixels, 2)
    assert cells[0, 1, 0].tolist() == [*range(24, 30), *range(36, 42)]


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 8, 32]))
def test_reflection_is_numpys(height: int, width: int, stride: int) -> None:
    picture = noise(1, 3, height, width)
    down, right = -height % stride, -width % stride
    expected = np.pad(picture.numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="reflect")
    padded = reflect_to(picture, stride)
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop_to(padded, height, width), picture)


def test_gradients_go_through_reflection() -> None:
    picture = noise(1, 1, 3, 3).requires_grad_()
    reflect_to(picture, 4).sum().backward()
    assert picture.grad is not None
    assert picture.grad.sum() == 16.0


def test_a_tape_records_in_order() -> None:
    tape = SceneTape()
    first, second = noise(2, 3), noise(2, 5, seed=1)
    assert tape.settle(first) is first
    assert tape.settle(second) is second
    assert torch.equal(tape.scene(), torch.cat([first, second], 1))


def test_a_tape_hands_out_what_was_given() -> None:
    given_scene = torch.arange(5.0)[None]
    tape = SceneTape(given_scene)
    assert tape.settle(noise(2, 2)).tolist() == [[0.0, 1.0]] * 2
    assert tape.settle(noise(2, 3)).tolist() == [[2.0, 3.0, 4.0]] * 2


@pytest.mark.parametrize("keep", [0.0, 0.25, 1.0])
def test_a_tape_mixes(keep: float) -> None:
    measured, given_scene = noise(2, 4), noise(1, 4, seed=1)
    mixed = SceneTape(given_scene, torch.tensor([keep])).settle(measured)
    torch.testing.assert_close(mixed, (1.0 - keep) * measured + keep * given_scene.expand(2, 4))


def test_pictures_of_a_batch_may_keep_different_shares() -> None:
    measured, given_scene = torch.zeros(2, 3), torch.ones(1, 3)
    mixed = SceneTape(given_scene, torch.tensor([[0.0], [1.0]])).settle(measured)
    assert mixed.tolist() == [[0.0] * 3, [1.0] * 3]


@pytest.mark.parametrize("kind", ["group", "batch", "none"])
def test_the_context_starts_silent_and_then_counts(kind: str) -> None:
    norm = NormRelu(16, kind, 8, context=4).eval()  # type: ignore[arg-type]
    features, context = noise(2, 16, 5, 5) - 0.5, noise(2, 4)
    torch.testing.assert_close(norm(features, context), norm(features))
    assert norm.film is not None
    torch.nn.init.ones_(norm.film.weight)
    assert not torch.allclose(norm(features, context), norm(features))


def test_group_statistics_ignore_gain_and_level_of_a_group() -> None:
    norm = NormRelu(16, "group", 8, context=0)
    features = noise(1, 16, 9, 9)
    torch.testing.assert_close(norm(3.0 * features + 1.0), norm(features), atol=1e-3, rtol=1e-3)


def test_narrow_layers_form_one_group() -> None:
    assert NormRelu(4, "group", 8, context=0).groups == 1


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_look_as_far_as_they_say(kind: BlockKind) -> None:
    block = Block(16, kind, "none", hidden=8).eval()
    picture = noise(1, 16, 11, 11).requires_grad_()
    block(picture)[0, :, 5, 5].sum().backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum((0, 1)).nonzero()
    assert (seen - 5).abs().max() == REACH[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_normalise_before_every_activation(kind: BlockKind) -> None:
    block = Block(16, kind, "group", hidden=8)
    tape = SceneTape()
    block(noise(1, 16, 6, 6), None, tape)
    assert len(tape.measured) == len(block.convolutions) - 1 == len(block.norms)


def test_mixed_blocks_have_two_small_kernels_for_a_large_one() -> None:
    block = Block(16, "mixed", "group", hidden=8)
    kernels = [block.get_parameter(f"convolutions.{at}.weight").shape[-1] for at in range(3)]
    assert kernels == [1, 3, 1]


def test_output_layers_change_their_unit() -> None:
    layer = torch.nn.Linear(3, 2, bias=False)
    before = layer.weight.clone()
    rescale_output_(layer, 10.0, 0.5)
    torch.testing.assert_close(layer.weight, 10.0 * before)


def test_zeroing_skips_what_is_not_there() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    zero_(weight, None)
    assert not weight.any()
