"""Counting and drawing."""

from __future__ import annotations

import re

import pytest

from highbeam.nets.anatomy import anatomy, describe, scene_size
from highbeam.nets.registry import NETWORKS, build
from tests.nets.common import tiny_can, tiny_unet


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_have_all_parameters(name: str) -> None:
    network = build(name)
    assert anatomy(network).parameters == sum(parameter.numel() for parameter in network.parameters())


def test_a_small_can_is_counted_by_hand() -> None:
    found = anatomy(tiny_can(), 10, 20)
    per_pixel = 9 * 3 * 8 + 2 * 9 * 8 * 8 + 8 * 3
    assert found.macs == 10 * 20 * per_pixel
    assert [part.name for part in found.parts] == ["first", "layers.0", "layers.1", "last"]
    assert found.parts[0].shape == (8, 10, 20)


def test_a_small_unet_is_counted_by_hand() -> None:
    found = anatomy(tiny_unet(decoder=(0,), context=0), 16, 32)
    cells = (16 // 2) * (32 // 2)
    stem, heads = cells * 12 * 16, 2 * cells * 16 * 12
    down, up = cells // 4 * 4 * 16 * 24, cells // 4 * 24 * 16
    block = cells // 4 * (24 * 16 + 9 * 16 * 16 + 16 * 24)
    assert found.macs == stem + heads + down + up + block


def test_sizes_are_rounded_up_to_the_stride() -> None:
    network = build("unet-m")
    found = anatomy(network, network.stride + 1, 1)
    assert (found.height, found.width) == (2 * network.stride, network.stride)


@pytest.mark.parametrize("name", NETWORKS)
def test_drawings_name_every_part_and_only_parts(name: str) -> None:
    network = build(name)
    drawing = describe(network)
    assert drawing.startswith("flowchart TD\n")
    nodes = set(re.findall(r"^  (\w+)[\[(]", drawing, re.MULTILINE))
    arrows = re.findall(r"^  (\w+) -->(?:\|[^|]*\|)? (\w+)$", drawing, re.MULTILINE)
    assert nodes == {end for arrow in arrows for end in arrow}
    top = {name for name, module in network.named_children() if any(True for _ in module.parameters())}
    assert {node.split("_")[0] for node in nodes} >= top


def test_skips_and_context_are_drawn() -> None:
    drawing = describe(build("unet-m"))
    assert "encoder_0 -->|skip| decoder_0" in drawing
    assert "context -->|scale, shift| decoder_0" in drawing
    assert "context" not in describe(tiny_unet(context=0)).replace("context -->", "context")


def test_counting_leaves_the_network_alone() -> None:
    network = tiny_unet().train()
    before = {name: parameter.clone() for name, parameter in network.named_parameters()}
    describe(network)
    assert network.training
    assert all(parameter.equal(before[name]) for name, parameter in network.named_parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_scenes_are_as_long_as_they_are() -> None:
    assert scene_size(tiny_can()) == 0
    assert scene_size(tiny_unet(norm="none", context=0)) == 0
    assert scene_size(tiny_unet(norm="none")) == 16  # the context
