"""Group normalisation with its ReLU: the form that trains, and the form that runs on one scene for a whole picture.

Both compute, for features x of group g with mean m and variance v over positions and the group's channels,

    y = relu(scale * (x - m) / sqrt(v + eps) + shift)

(Wu and He 2018, eq. 1, 2, 7). On a CPU the library's own gradient of it costs several times a 1x1 convolution; the one
below needs six passes over the memory, in the features' own precision, with sums in ``float32``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

__all__ = ["EPSILON", "group_moments", "normalise_relu", "normalise_relu_by"]

EPSILON = 1e-5


def group_moments(features: Tensor, groups: int) -> Tensor:
    """Return the mean and the mean square of each group of channels over all positions.

    Args:
        features: ``(N, C, H, W)``.
        groups: a divisor of C.

    Returns:
        ``(N, 2 * groups)``: the means, then the mean squares. Pooled per channel first, since runtimes keep global
        average pooling in their own memory layout.
    """
    pooled = [functional.adaptive_avg_pool2d(part, 1).flatten(1) for part in (features, features * features)]
    return torch.cat(pooled, dim=1).view(len(features), 2 * groups, -1).mean(2)


def normalise_relu_by(moments: Tensor, features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Normalise with moments from elsewhere: one multiplication and one addition per value.

    Args:
        moments: ``(N, 2 * groups)`` as :func:`group_moments` returns them.
        features: ``(N, C, H, W)``.
        scale: ``(C,)`` or ``(N, C)``.
        shift: likewise.

    Returns:
        ``(N, C, H, W)``.
    """
    size = 2 * features.shape[1] // moments.shape[1]
    mean, square = moments[:, :, None].expand(-1, -1, size).flatten(1).chunk(2, dim=1)
    factor = torch.rsqrt((square - mean * mean).clamp_min(0.0) + EPSILON) * scale
    return functional.relu(features * factor[:, :, None, None] + (shift - mean * factor)[:, :, None, None])


def normalise_relu(features: Tensor, scale: Tensor, shift: Tensor, groups: int, keep: Tensor | None = None) -> Tensor:
    """Normalise each picture by its own moments; differentiable once, fastest in channels-last memory.

    Args:
        features: ``(N, C, H, W)`` of any float dtype, which the result shares.
        scale: ``(N, C)``, ``float32`` or wider.
        shift: likewise.
        groups: a divisor of C.
        keep: ``(N / 2,)`` in [0, 1]: the second half of the pictures mixes so much of the moments of the first half,
            which take no gradient, into its own; none where nothing is said.

    Returns:
        ``(N, C, H, W)``.
    """
    return _NormaliseRelu.apply(features, scale, shift, groups, keep)  # type: ignore[no-any-return, no-untyped-call]


class _Kept(FunctionCtx):
    """What the forward pass leaves for the gradient."""

    groups: int
    own: Tensor | None
    saved_tensors: tuple[Tensor, ...]


class _NormaliseRelu(torch.autograd.Function):
    """The pair of :func:`normalise_relu` and its gradient, on rows ``(N, H * W, C)``."""

    @staticmethod
    def forward(  # noqa: PLR0917 - as torch hands them over
        ctx: _Kept, features: Tensor, scale: Tensor, shift: Tensor, groups: int, keep: Tensor | None
    ) -> Tensor:
        rows = _rows(features)
        mean, square = (_mixed(_spread(_mean(part, scale.dtype), groups), keep) for part in (rows, rows * rows))
        slope = torch.rsqrt((square - mean * mean).clamp_min(0.0) + EPSILON)
        factor = slope * scale
        out = torch.addcmul(_as_row(shift - mean * factor, rows), rows, _as_row(factor, rows)).relu_()
        ctx.save_for_backward(rows, out, mean, slope, scale)
        ctx.groups = groups
        ctx.own = None if keep is None else 1.0 - torch.cat((torch.zeros_like(keep), keep)).to(scale.dtype)[:, None]
        return _picture(out, features)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: _Kept, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Return dx = slope (scale d - <scale d> - x' <scale d x'>), and the gradients of scale and shift.

        Here x' = (x - m) slope, d is the gradient behind the ReLU, and angle brackets are means over a group. Of them
        only the share of a picture's own moments counts.
        """
        rows, out, mean, slope, scale = ctx.saved_tensors
        behind = _rows(gradient) * out.sign()  # a selection by mask takes twenty times as long
        plain = _mean(behind, scale.dtype)
        along = (_mean(behind * rows, scale.dtype) - mean * plain) * slope  # mean of d x'
        pull, twist = (_spread(scale * part, ctx.groups) for part in (plain, along))
        if ctx.own is not None:
            pull, twist = pull * ctx.own, twist * ctx.own
        inner = torch.addcmul(
            _as_row(slope * (slope * twist * mean - pull), rows), rows, _as_row(-slope * slope * twist, rows)
        )
        inner.addcmul_(behind, _as_row(slope * scale, rows))
        return _picture(inner, gradient), along * rows.shape[1], plain * rows.shape[1], None, None


def _mixed(moments: Tensor, keep: Tensor | None) -> Tensor:
    """Mix the moments of the first half of the pictures into those of the second."""
    if keep is None:
        return moments
    first, second = moments.chunk(2)
    return torch.cat((first, torch.lerp(second, first, keep.to(moments)[:, None])))


def _rows(features: Tensor) -> Tensor:
    """See ``(N, C, H, W)`` as ``(N, H * W, C)``; free where the memory is channels-last."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def _picture(rows: Tensor, like: Tensor) -> Tensor:
    """Undo :func:`_rows`."""
    count, _, height, width = like.shape
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)


def _mean(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Average ``(N, L, C)`` over L in a dtype; converted first, since a sum that converts on its way is slower."""
    return rows.to(dtype).mean(1)


def _spread(values: Tensor, groups: int) -> Tensor:
    """Replace each of ``(N, C)`` by the mean of its group."""
    means = values.view(len(values), groups, -1).mean(2, keepdim=True)
    return means.expand(-1, -1, values.shape[1] // groups).flatten(1)


def _as_row(values: Tensor, like: Tensor) -> Tensor:
    """Shape ``(N, C)`` so that it broadcasts over rows, in their dtype."""
    return values.to(like.dtype)[:, None]
