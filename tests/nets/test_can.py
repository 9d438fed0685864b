"""The context aggregation network against its paper."""

from __future__ import annotations

import pytest
import torch

from highbeam.nets.can import CAN, AdaptiveNorm, CANConfig, DilatedLayer, identity_
from highbeam.nets.registry import build
from tests.nets.common import noise, stirred, tiny_can


@pytest.mark.parametrize(("name", "width", "depth", "field"), [("can24", 24, 9, 257), ("can32", 32, 10, 513)])
def test_depth_width_and_receptive_field_are_the_papers(name: str, width: int, depth: int, field: int) -> None:
    network = build(name)
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(layers) == depth
    assert {layer.out_channels for layer in layers[:-1]} == {width}
    assert layers[-1].kernel_size == (1, 1)
    assert [layer.dilation[0] for layer in layers[:-2]] == [2**at for at in range(depth - 2)]
    assert layers[-2].dilation == (1, 1)
    assert 2 * network.reach + 1 == field


def test_reach_is_what_a_pixel_sees() -> None:
    network = stirred(tiny_can()).eval()
    side = 2 * network.reach + 9
    picture = noise(1, 3, side, side).requires_grad_()
    network(picture)[0, :, side // 2, side // 2].sum().backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum((0, 1)).nonzero()
    assert (seen - side // 2).abs().max() == network.reach


def test_fresh_weights_are_near_the_identity() -> None:
    picture = noise(1, 3, 24, 24)
    with torch.no_grad():
        assert (build("can24").eval()(picture) - picture).abs().mean() < 0.05


def test_identity_kernels_pass_channels_through() -> None:
    weight = torch.empty(5, 3, 3, 3)
    identity_(weight)
    features = noise(1, 3, 6, 6)
    out = torch.nn.functional.conv2d(features, weight, padding=1)
    assert torch.equal(out[:, :3], features)
    assert not out[:, 3:].any()


def test_adaptive_norm_is_the_weighted_sum() -> None:
    norm = AdaptiveNorm(4).train()
    with torch.no_grad():
        norm.identity.fill_(0.3)
        norm.normalised.fill_(0.7)
    features = noise(2, 4, 5, 5)
    mean, deviation = features.mean((0, 2, 3), keepdim=True), features.var((0, 2, 3), keepdim=True, correction=0)
    expected = 0.3 * features + 0.7 * (features - mean) / (deviation + norm.batch.eps).sqrt()
    torch.testing.assert_close(norm(features), expected)


def test_a_trained_layer_is_one_convolution() -> None:
    layer = DilatedLayer(3, 6, 2)
    for step in range(5):
        layer.train()(noise(2, 3, 9, 9, seed=step))
    with torch.no_grad():
        layer.norm.normalised.fill_(0.4)
        layer.convolution.weight.add_(noise(6, 3, 3, 3) - 0.5)
        features = noise(1, 3, 9, 9, seed=9)
        expected = torch.nn.functional.leaky_relu(layer.norm.eval()(layer.convolution(features)), 0.2)
        torch.testing.assert_close(layer.eval()(features), expected)


def test_norms_without_statistics_are_refused() -> None:
    norm = AdaptiveNorm(4)
    norm.batch = torch.nn.BatchNorm2d(4, affine=False, track_running_stats=False)
    with pytest.raises(TypeError, match="statistics"):
        norm.affine()


def test_nothing_comes_from_a_scene() -> None:
    network = tiny_can().eval()
    assert isinstance(network, CAN)
    assert network.config == CANConfig(width=8, dilations=(1, 2, 1))
    picture = noise(1, 3, 7, 5)
    with torch.no_grad():
        assert torch.equal(network(picture), network.pack(network.core(picture)).permute(0, 3, 1, 2))
