"""The U-Net's own promises."""

from __future__ import annotations

import pytest
import torch

from highbeam.nets.blocks import Block, SceneTape, reflect_to
from highbeam.nets.registry import NETWORKS, build
from highbeam.nets.unet import UNet, UNetConfig
from tests.nets.common import TINY_UNET, noise, stirred, tiny_unet

SIZES = ("unet-s", "unet-m", "unet-l")


def config(name: str) -> UNetConfig:
    found = NETWORKS[name].config
    assert isinstance(found, UNetConfig)
    return found


def test_sizes_grow() -> None:
    counts = [sum(part.numel() for part in build(name).parameters()) for name in SIZES]
    assert counts == sorted(set(counts))


@pytest.mark.parametrize("name", SIZES)
def test_every_size_normalises_by_groups_before_every_activation(name: str) -> None:
    assert config(name).norm == "group"
    assert config(name).block == "mixed"


@pytest.mark.parametrize("name", SIZES)
def test_most_kernels_are_1x1(name: str) -> None:
    kernels = [layer.kernel_size for layer in build(name).modules() if isinstance(layer, torch.nn.Conv2d)]
    assert kernels.count((1, 1)) > 2 * kernels.count((3, 3))


def test_stride_and_reach_follow_from_the_configuration() -> None:
    small = UNetConfig(cell=2, widths=(8, 8, 8), encoder=(1, 2, 3), decoder=(4, 5))
    assert small.stride == 8
    assert small.reach == 8 + 2 * (1 + 2 * 2 + 4 * 3 + 4 + 2 * 5)
    plain = UNetConfig(cell=2, widths=(8, 8, 8), encoder=(1, 2, 3), decoder=(4, 5), block="plain")
    assert plain.reach == 8 + 2 * (small.reach - 8)


def test_reach_bounds_what_a_pixel_sees() -> None:
    network = stirred(tiny_unet(context=0, norm="none"), size=0.03).eval()
    side = -(-(2 * network.reach + 3 * network.stride) // network.stride) * network.stride
    picture = noise(1, 3, side, side).requires_grad_()
    middle = side // 2
    network(picture)[0, :, middle, middle].sum().backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum((0, 1)).nonzero()
    farthest = int((seen - middle).abs().max())
    assert network.reach // 3 < farthest <= network.reach


def test_fresh_weights_double_the_picture() -> None:
    network = tiny_unet().eval()
    picture = noise(1, 3, 32, 32)
    with torch.no_grad():
        assert (network(picture) - 2.0 * picture).abs().mean() < 0.1


def test_the_context_carries_across_the_whole_picture() -> None:
    far = {}
    for context in (0, 16):
        network = stirred(tiny_unet(context=context, norm="none")).eval()
        side = 4 * network.reach // network.stride * network.stride
        picture = noise(1, 3, 16, side)
        changed = picture.clone()
        changed[..., -16:] = 1.0
        with torch.no_grad():
            far[context] = float((network(changed) - network(picture))[..., :16].abs().max())
    assert far[0] == 0.0
    assert far[16] > 1e-4


def test_group_statistics_carry_across_the_whole_picture_unless_given() -> None:
    network = stirred(tiny_unet()).eval()
    picture = noise(1, 3, 32, 256)
    changed = picture.clone()
    changed[..., 192:] = 1.0
    tape = SceneTape()
    with torch.no_grad():
        plain = network(picture, tape)
        free = network(changed)
        held = network(changed, SceneTape(tape.scene()))
    assert (free - plain)[..., :32].abs().max() > 1e-4
    torch.testing.assert_close(held[..., :32], plain[..., :32], atol=1e-5, rtol=1e-4)


def test_a_slow_scene_moves_the_picture_slowly() -> None:
    network = stirred(tiny_unet()).eval()
    before, after = SceneTape(), SceneTape()
    frames = noise(1, 3, 32, 32), 0.5 * noise(1, 3, 32, 32, seed=1)
    with torch.no_grad():
        network(frames[0], before)
        sudden = network(frames[1], after)
        steps = [network(frames[1], SceneTape(before.scene(), torch.tensor([keep]))) for keep in (1.0, 0.5, 0.0)]
    torch.testing.assert_close(steps[2], sudden)
    apart = [float((step - sudden).abs().mean()) for step in steps]
    assert apart[0] > apart[1] > apart[2]


def test_gain_and_offset_make_the_picture() -> None:
    network = tiny_unet().eval()
    assert isinstance(network, UNet)
    with torch.no_grad():
        for head, value in ((network.gain, 3.0), (network.offset, 0.25)):
            head.weight.zero_()
            head.bias.fill_(value)
        picture = noise(1, 3, 16, 16)
        torch.testing.assert_close(network(picture), 3.0 * picture + 0.25)


def test_scenes_of_tiles_average_to_a_scene_near_the_wholes() -> None:
    network = stirred(tiny_unet(), size=0.03).eval()
    picture = reflect_to(noise(1, 3, 64, 128), network.stride)
    whole, scenes = SceneTape(), []
    with torch.no_grad():
        network(picture, whole)
        for tile in picture.chunk(2, dim=3):
            tape = SceneTape()
            network(tile, tape)
            scenes.append(tape.scene())
    mean = torch.stack(scenes).mean(0)
    assert (mean - whole.scene()).abs().mean() < 0.1 * whole.scene().abs().mean()


def test_level_counts_have_to_fit() -> None:
    with pytest.raises(ValueError, match="decoder"):
        UNetConfig(widths=(8, 8), encoder=(1, 1), decoder=(1, 1))


def test_hidden_widths_are_whole_groups() -> None:
    network = tiny_unet(hidden=0.3)
    blocks = [module for module in network.modules() if isinstance(module, Block)]
    hidden = [block.get_parameter("convolutions.0.weight").shape[0] for block in blocks]
    assert hidden == [8, 8]


def test_the_tiny_configuration_is_tiny() -> None:
    assert sum(part.numel() for part in build("unet-m", **TINY_UNET).parameters()) < 50_000
