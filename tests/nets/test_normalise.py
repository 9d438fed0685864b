"""Group normalisation with its ReLU against torch's own, in values and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from highbeam.nets.normalise import EPSILON, group_moments, normalise_relu, normalise_relu_by
from tests.nets.common import noise, seeded


def case(channels: int, height: int, width: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = seeded(channels + height)
    shapes = ((2, channels, height, width), (2, channels), (2, channels))
    features, scale, shift = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return 3.0 * features + 1.0, scale, shift


def reference(features: Tensor, scale: Tensor, shift: Tensor, groups: int) -> Tensor:
    plain = functional.group_norm(features, groups, eps=EPSILON)
    return functional.relu(plain * scale[:, :, None, None] + shift[:, :, None, None])


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 7), st.integers(1, 7))
def test_both_forms_equal_torchs(groups: int, size: int, height: int, width: int) -> None:
    features, scale, shift = case(groups * size, height, width)
    expected = reference(features, scale, shift, groups)
    torch.testing.assert_close(normalise_relu(features, scale, shift, groups), expected)
    moments = group_moments(features, groups)
    torch.testing.assert_close(normalise_relu_by(moments, features, scale, shift), expected)


def test_the_gradient_is_the_derivative() -> None:
    inputs = tuple(part.requires_grad_() for part in case(6, 3, 5))
    assert torch.autograd.gradcheck(lambda x, scale, shift: normalise_relu(x, scale, shift, 2), inputs)


def test_the_second_half_mixes_in_moments_of_the_first_which_take_no_gradient() -> None:
    keep = torch.tensor([0.3])
    gradients = []
    for fast in (True, False):
        features, scale, shift = (part.requires_grad_() for part in case(6, 3, 5))
        if fast:
            out = normalise_relu(features, scale, shift, 2, keep)
        else:
            first, second = group_moments(features, 2).chunk(2)
            mixed = torch.cat((first, torch.lerp(second, first.detach(), keep.double()[:, None])))
            out = normalise_relu_by(mixed, features, scale, shift)
        gradients.append([out, *torch.autograd.grad(out.square().sum(), (features, scale, shift))])
    for ours, plain in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_equal_torchs_in_either_layout(layout: torch.memory_format) -> None:
    gradients = []
    for function in (normalise_relu, reference):
        features, scale, shift = (part.requires_grad_() for part in case(16, 9, 7))
        out = function(features.to(memory_format=layout), scale, shift, 4)
        out.square().sum().backward()
        gradients.append([part.grad for part in (features, scale, shift)])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_half_precision_keeps_its_dtype_and_stays_near() -> None:
    features, scale, shift = case(16, 32, 32, torch.float32)
    rough = features.to(torch.bfloat16).requires_grad_()
    out = normalise_relu(rough, scale, shift, 2)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert rough.grad is not None
    assert rough.grad.dtype == torch.bfloat16
    assert (out.float() - reference(features, scale, shift, 2)).abs().mean() < 0.01


def test_constant_features_have_no_variance_and_no_trouble() -> None:
    features = torch.full((1, 8, 4, 4), 7.0, requires_grad=True)
    out = normalise_relu(features, torch.ones(1, 8), torch.full((1, 8), 0.5), 2)
    out.sum().backward()
    torch.testing.assert_close(out, torch.full_like(out, 0.5), atol=1e-3, rtol=0.0)
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_moments_are_means_and_mean_squares() -> None:
    features = noise(2, 6, 5, 4)
    grouped = features.unflatten(1, (3, 2))
    expected = torch.cat([grouped.mean((2, 3, 4)), grouped.square().mean((2, 3, 4))], 1)
    torch.testing.assert_close(group_moments(features, 3), expected)


def test_moments_of_halves_average_to_those_of_the_whole() -> None:
    features = noise(1, 8, 6, 10)
    halves = [group_moments(part, 2) for part in features.chunk(2, dim=3)]
    torch.testing.assert_close((halves[0] + halves[1]) / 2, group_moments(features, 2))


def test_impossible_moments_do_not_break_it() -> None:
    moments = torch.tensor([[1.0, 0.5]])  # a mean square below the square of the mean
    out = normalise_relu_by(moments, noise(1, 4, 3, 3), torch.ones(4), torch.zeros(4))
    assert out.isfinite().all()
