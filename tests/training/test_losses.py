"""The losses, each against a version written from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from highbeam import metrics
from highbeam.training import losses as own
from highbeam.training.config import LossWeights
from tests.nets.common import noise

X, Y = noise(2, 3, 24, 28, seed=1), noise(2, 3, 24, 28, seed=2)


def test_charbonnier() -> None:
    expected = np.mean(np.sqrt((X.numpy() - Y.numpy()) ** 2 + 1e-6))
    assert own.charbonnier(X, Y).item() == pytest.approx(expected, rel=1e-5)
    assert own.charbonnier(X, X).item() == pytest.approx(1e-3, rel=1e-4)


def test_gradient() -> None:
    a, b = X.numpy(), Y.numpy()
    expected = sum(np.abs(np.diff(a, axis=axis) - np.diff(b, axis=axis)).mean() for axis in (2, 3))
    assert own.gradient(X, Y).item() == pytest.approx(float(expected), rel=1e-5)
    assert own.gradient(X, X + 0.3).item() == pytest.approx(0.0, abs=1e-6)


def test_colour() -> None:
    expected = 0.0
    for n in range(2):
        for y in range(24):
            for x in range(28):
                p, q = X[n, :, y, x].tolist(), Y[n, :, y, x].tolist()
                off = abs((p[0] - p[1]) - (q[0] - q[1])) + abs((p[2] - p[1]) - (q[2] - q[1]))
                expected += 0.5 * off * (1.0 + 3.0 * (max(q) - min(q)))
    assert own.colour(X, Y).item() == pytest.approx(expected / (2 * 24 * 28), rel=1e-4)


def test_grey_errors_have_no_colour() -> None:
    assert own.colour(Y + 0.2, Y).item() == pytest.approx(0.0, abs=1e-6)


def test_saturated_places_count_more() -> None:
    red, grey = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    red[:, 0] = 1.0
    shift = torch.tensor([0.1, 0.0, 0.0])[:, None, None]
    assert own.colour(red - shift, red).item() == pytest.approx(4.0 * own.colour(grey - shift, grey).item())


@pytest.mark.parametrize("size", [(11, 11), (24, 37)])
def test_ssim_is_that_of_the_metrics(size: tuple[int, int]) -> None:
    a, b = (np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8) for seed in (0, 1))
    x, y = (torch.from_numpy(part).permute(2, 0, 1)[None].double() / 255.0 for part in (a, b))
    assert own.ssim(x, y).item() == pytest.approx(metrics.ssim(a, b), abs=1e-12)
    assert own.ssim(x, x).item() == pytest.approx(1.0)


def test_ssim_at_fewer_places_is_near() -> None:
    smooth = torch.nn.functional.avg_pool2d(noise(3, 3, 128, 128), 5, 1)
    noisy = smooth + 0.05 * noise(*smooth.shape, seed=5)
    assert torch.allclose(own.ssim(smooth, noisy), own.ssim(smooth, noisy, stride=2), atol=0.01)


def test_ssim_of_each_picture_stands_alone() -> None:
    both = own.ssim(X, Y)
    assert both.shape == (2,)
    assert torch.allclose(both[1:], own.ssim(X[1:], Y[1:]))


def test_luma() -> None:
    weights = (0.299, 0.587, 0.114)
    expected = sum(weight * X[:, channel] for channel, weight in enumerate(weights))
    assert torch.allclose(own.luma(X)[:, 0], torch.as_tensor(expected))


def test_log_error() -> None:
    errors = np.mean((X.numpy() - Y.numpy()) ** 2, axis=(1, 2, 3))
    assert own.log_error(X, Y).item() == pytest.approx(float(np.mean(np.log10(1.0 + errors / 1e-4))), rel=1e-5)
    assert own.log_error(X, X).item() == 0.0


def test_a_hopeless_picture_does_not_rule_the_log_error() -> None:
    x, y = X[:2].clone(), X[:2] + torch.tensor([0.01, 0.5])[:, None, None, None]
    x.requires_grad_()
    own.log_error(x, y).backward()
    assert x.grad is not None
    nearly, hopeless = x.grad.abs().mean((1, 2, 3)).tolist()
    assert nearly > hopeless


@pytest.mark.parametrize("part", [own.charbonnier, own.gradient, own.colour, own.dissimilarity, own.log_error])
def test_gradients_are_right(part: object) -> None:
    x = noise(1, 3, 12, 13, seed=3).double().requires_grad_()
    y = noise(1, 3, 12, 13, seed=4).double()
    assert torch.autograd.gradcheck(lambda z: part(z, y), (x,), eps=1e-7, atol=1e-4)  # type: ignore[operator]


def test_only_parts_with_a_weight_are_computed_and_all_add_up() -> None:
    weights = LossWeights(charbonnier=2.0, ssim=0.0, gradient=0.5, colour=0.0)
    parts = own.losses(X, Y, weights)
    assert set(parts) == {"charbonnier", "gradient"}
    expected = 2.0 * own.charbonnier(X, Y) + 0.5 * own.gradient(X, Y)
    assert own.total(parts, weights).item() == pytest.approx(expected.item())
    assert math.isfinite(own.total(own.losses(X, X, LossWeights()), LossWeights()).item())


def test_values_past_white_are_pulled_back() -> None:
    white = torch.ones(1, 3, 16, 16)
    over = (white * 1.5).requires_grad_()
    own.total(own.losses(over, white, LossWeights()), LossWeights()).backward()
    assert over.grad is not None
    assert over.grad.mean() > 0
