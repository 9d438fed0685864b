"""The context aggregation network against its paper."""

from __future__ import annotations

import subprocess
import sys

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


STEP = """
import torch
from highbeam.nets import build

torch.set_num_threads({threads})
torch.manual_seed(0)
network = build({name!r}).to(memory_format=torch.channels_last).train()
optimizer = torch.optim.AdamW(network.parameters())
dark = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
with torch.autocast("cpu", torch.bfloat16):
    loss = (network(dark) - 2.0 * dark).abs().mean()
loss.backward()
optimizer.step()
assert all(part.isfinite().all() for part in network.parameters())
print("done")
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["can24", "can32"])
def test_a_step_in_bfloat16_and_channels_last_memory_does_not_end_the_process(name: str, threads: int) -> None:
    step = STEP.format(name=name, threads=threads)
    ran = subprocess.run([sys.executable, "-c", step], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr


def gradient(layer: DilatedLayer, features: torch.Tensor, *, narrow: bool) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        enhanced = layer(features)
    enhanced.float().square().mean().backward()
    found = layer.convolution.weight.grad
    assert found is not None
    layer.convolution.weight.grad = None
    return found


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("channels", "dilation"), [(24, 1), (24, 4), (32, 4), (8, 2)])
def test_gradients_in_bfloat16_and_channels_last_memory_are_those_of_float32(
    channels: int, dilation: int, *, training: bool
) -> None:
    layer = DilatedLayer(channels, channels, dilation).train(training)
    with torch.no_grad():
        layer.convolution.weight.add_(0.1 * noise(channels, channels, 3, 3))
    features = noise(2, channels, 32, 32) - 0.5
    exact = gradient(layer, features, narrow=False)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    near = gradient(layer, features.contiguous(memory_format=torch.channels_last), narrow=True)
    assert (near - exact).norm() < 0.02 * exact.norm()


def test_only_where_it_crashes_a_layer_leaves_channels_last_memory() -> None:
    features = noise(1, 24, 8, 8).bfloat16()
    ragged, even, dense = DilatedLayer(24, 24, 2), DilatedLayer(32, 32, 2), DilatedLayer(24, 24, 1)
    assert ragged._crashes_in_channels_last(features)
    assert not ragged._crashes_in_channels_last(features.float())
    assert not ragged._crashes_in_channels_last(features.to("meta"))
    assert not even._crashes_in_channels_last(features)
    assert not dense._crashes_in_channels_last(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert ragged._crashes_in_channels_last(features.float())
    with torch.no_grad():
        assert not ragged._crashes_in_channels_last(features)


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
