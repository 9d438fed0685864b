"""What holds for every network of the table: one tester, all rows."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch

from highbeam.nets.anatomy import scene_size
from highbeam.nets.blocks import Network, SceneTape, crop_to, reflect_to
from highbeam.nets.registry import NETWORKS, build
from tests.nets.common import noise, stirred, tiny_can, tiny_unet

TINY: dict[str, Callable[[], Network]] = {
    "unet": tiny_unet,
    "unet-depthwise": lambda: tiny_unet(block="depthwise"),
    "unet-plain": lambda: tiny_unet(block="plain"),
    "unet-batch": lambda: tiny_unet(norm="batch"),
    "unet-none": lambda: tiny_unet(norm="none"),
    "unet-blind": lambda: tiny_unet(context=0),
    "unet-one-level": lambda: tiny_unet(widths=(16,), encoder=(1,), decoder=()),
    "unet-deep-cells": lambda: tiny_unet(cell=4, widths=(16, 24, 24), encoder=(0, 0, 2), decoder=(0, 0)),
    "can": tiny_can,
}

tiny = pytest.mark.parametrize("make", TINY.values(), ids=TINY.keys())


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Network:
    """Each network of the table, as users build it."""
    torch.manual_seed(0)
    return build(request.param)


def test_real_networks_keep_the_shape_and_start_as_a_sensible_picture(network: Network) -> None:
    side = max(network.stride, 16)
    dark = 0.25 * noise(1, 3, side, 2 * side)
    with torch.no_grad():
        enhanced = network.eval()(dark)
    assert enhanced.shape == dark.shape
    gain = (enhanced.mean() / dark.mean()).item()
    assert 0.8 < gain < 3.0
    flat = torch.corrcoef(torch.stack([enhanced.flatten(), dark.flatten()]))
    assert flat[0, 1] > 0.8


def test_real_networks_learn_with_every_parameter(network: Network) -> None:
    side = max(network.stride, 16) * 2
    stirred(network, size=0.02).train()
    loss = (network(noise(2, 3, side, side)) - noise(2, 3, side, side, seed=1)).square().mean()
    loss.backward()
    silent = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all() or not parameter.grad.any()
    ]
    assert silent == []


@tiny
def test_fresh_weights_learn_from_the_first_step(make: Callable[[], Network]) -> None:
    network = make().train()
    before = copy.deepcopy(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(2):
        side = 2 * network.stride
        (network(noise(2, 3, 4 * side, 4 * side, seed=step)) - 0.5).abs().mean().backward()
        optimiser.step()
    still = [name for name, _ in network.named_parameters() if torch.equal(before[name], network.state_dict()[name])]
    assert still == []


@tiny
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 3), (33, 41)])
def test_any_size_goes_through_padding_and_back(make: Callable[[], Network], size: tuple[int, int]) -> None:
    network = make().eval()
    picture = noise(1, 3, *size)
    with torch.no_grad():
        enhanced = crop_to(network(reflect_to(picture, network.stride)), *size)
    assert enhanced.shape == picture.shape
    assert enhanced.isfinite().all()


@tiny
def test_the_same_input_gives_the_same_output(make: Callable[[], Network]) -> None:
    network = stirred(make()).eval()
    picture = noise(1, 3, 4 * network.stride, 4 * network.stride)
    with torch.no_grad():
        assert torch.equal(network(picture), network(picture.clone()))


@tiny
def test_pictures_of_a_batch_do_not_meet(make: Callable[[], Network]) -> None:
    network = stirred(make()).eval()
    side = 4 * network.stride
    batch = torch.cat([noise(1, 3, side, side), 0.1 * noise(1, 3, side, side, seed=1)])
    with torch.no_grad():
        together = network(batch)
        alone = torch.cat([network(batch[:1]), network(batch[1:])])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


@tiny
@pytest.mark.parametrize("level", [0.0, 1.0, 1.0 / 255.0])
def test_flat_pictures_stay_finite(make: Callable[[], Network], level: float) -> None:
    network = stirred(make())
    picture = torch.full((2, 3, 4 * network.stride, 4 * network.stride), level, requires_grad=True)
    for mode in (True, False):
        enhanced = network.train(mode)(picture)
        enhanced.sum().backward()
        assert enhanced.isfinite().all()
        assert picture.grad is not None
        assert picture.grad.isfinite().all()


@tiny
def test_bfloat16_trains_finite_and_near_float32(make: Callable[[], Network]) -> None:
    network = stirred(make(), size=0.02).train()
    picture = noise(2, 3, 8 * network.stride, 8 * network.stride)
    exact = network(picture)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network(picture)
    rough.float().square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    assert (rough.float() - exact).abs().mean() < 0.03 * exact.abs().mean()


@tiny
def test_memory_format_does_not_matter(make: Callable[[], Network]) -> None:
    network = stirred(make()).eval()
    picture = noise(2, 3, 4 * network.stride, 6 * network.stride)
    with torch.no_grad():
        plain = network(picture)
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        rows_last = network(picture.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(rows_last, plain, atol=1e-5, rtol=1e-4)


@tiny
def test_units_fold_into_the_weights(make: Callable[[], Network]) -> None:
    network = stirred(make()).eval()
    picture = noise(1, 3, 4 * network.stride, 4 * network.stride)
    scaled = copy.deepcopy(network)
    scaled.rescale(255.0, offset=0.5)
    with torch.no_grad():
        torch.testing.assert_close(scaled(picture * 255.0), network(picture) * 255.0 + 0.5, atol=1e-2, rtol=1e-4)


@tiny
def test_a_scene_handed_back_changes_nothing(make: Callable[[], Network]) -> None:
    network = stirred(make()).eval()
    picture = noise(1, 3, 4 * network.stride, 4 * network.stride)
    tape = SceneTape()
    with torch.no_grad():
        measured = network(picture, tape)
        if not tape.measured:
            assert scene_size(network) == 0
            return
        again = network(picture, SceneTape(tape.scene()))
        free = network(picture)
    assert tape.scene().shape == (1, scene_size(network))
    torch.testing.assert_close(again, measured, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(measured, free, atol=1e-4, rtol=1e-4)


@tiny
def test_a_tile_with_the_pictures_scene_agrees_beyond_its_reach(make: Callable[[], Network]) -> None:
    network = stirred(make(), size=0.03).eval()
    step = network.stride
    margin = -(-network.reach // step) * step
    picture = noise(1, 3, 4 * step, 2 * margin + 4 * step)
    tape = SceneTape()
    with torch.no_grad():
        whole = network(picture, tape)
        given = tape.scene() if tape.measured else None
        left = network(picture[..., : margin + 4 * step], SceneTape(given))
        own = network(picture[..., : margin + 4 * step])
    width = 4 * step
    torch.testing.assert_close(left[..., :width], whole[..., :width], atol=1e-4, rtol=1e-3)
    if given is not None and given.shape[1]:
        assert (own - left).abs().max() > 1e-4  # the scene is what makes them agree
