"""How the picture is stored: eight bits, a video codec's coarse blocks, JPEG. All of it after darkening.

Real night frames are full of blocks in the blacks, because every step of loss was taken on the dark picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from highbeam.camera.rows import Amount

__all__ = ["jpeg", "jpeg_tables", "rgb_to_ycc", "to_8bit", "video", "ycc_to_rgb"]

_SIDE = 8
_MIDDLE = 128.0
_UNIT = 16  # pixels: a block of halved chroma
_DEAD_ZONE = 1.0 / 6.0  # rounding offset of inter blocks in the H.264 reference encoder
_CHROMA_COARSENESS = 1.5

# ITU-T T.81 (JPEG), Annex K, tables K.1 and K.2
_LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
_CHROMA_REST = 99

# JFIF 1.02 (ITU-R BT.601 over the full range); chroma is around zero here
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))


def to_8bit(pictures: Tensor) -> Tensor:
    """Round display values to the nearest of 256 levels; still ``float32`` in [0, 1]."""
    return pictures.clamp(0.0, 1.0).mul_(255.0).round_().div_(255.0)


def rgb_to_ycc(pictures: Tensor) -> Tensor:
    """JFIF luma and colour differences, ``(B, 3, H, W)``: luma in the units of the input, chroma around zero."""
    return _mix(pictures, _TO_YCC)


def ycc_to_rgb(ycc: Tensor) -> Tensor:
    """Undo :func:`rgb_to_ycc`; not clipped."""
    return _mix(ycc, _TO_RGB)


def jpeg(pictures: Tensor, quality: Amount) -> Tensor:
    """Store as JPEG and read again: 4:2:0, the standard's tables, the 8-bit rounding at both ends.

    Args:
        pictures: display values in [0, 1], ``(B, 3, H, W)`` of any size.
        quality: 1 to 100, as the Independent JPEG Group scales the tables.

    Returns:
        Display values on the 8-bit grid.
    """
    luma_table, chroma_table = jpeg_tables(quality)
    return _through_blocks(
        pictures,
        lambda luma: _rounded(luma, _beside(luma_table, luma)),
        lambda chroma: _rounded(chroma, _beside(chroma_table, chroma)),
    )


def jpeg_tables(quality: Amount) -> tuple[Tensor, Tensor]:
    """Quantisation steps for luma and chroma, each ``(B, 64)`` row by row, as libjpeg's ``jpeg_quality_scaling``."""
    own = torch.as_tensor(quality, dtype=torch.float32).reshape(-1, 1).clamp(1.0, 100.0)
    percent = torch.where(own < 50.0, torch.floor(5000.0 / own), 200.0 - 2.0 * own)  # noqa: PLR2004 - libjpeg's middle
    luma = own.new_tensor(_LUMA_TABLE).flatten()
    chroma = own.new_full((_SIDE, _SIDE), _CHROMA_REST)
    chroma[:4, :4] = own.new_tensor(_CHROMA_CORNER)
    scaled = [torch.floor((table * percent + 50.0) / 100.0).clamp_(1.0, 255.0) for table in (luma, chroma.flatten())]
    return scaled[0], scaled[1]


def video(pictures: Tensor, step: Amount, skip: Amount = 0.0) -> Tensor:
    """Lose what a video codec of low rate loses: a picture of the codec's kind, not of one codec's bits.

    Coefficients of 8x8 blocks are cut to multiples of one flat step with a dead zone, as between frames in ITU-T H.264
    (flat scaling matrices), coarser in chroma. A block with nothing above the skip threshold keeps its mean alone, on
    a grid twice as coarse, as blocks do that the encoder skips: in the dark these are most.

    Args:
        pictures: display values in [0, 1], ``(B, 3, H, W)`` of any size.
        step: of quantisation in 8-bit levels of the orthonormal transform; H.264's is about ``0.625 * 2^(QP/6)``, so
            28 at QP 33.
        skip: threshold in the same unit.

    Returns:
        Display values on the 8-bit grid.
    """
    own = torch.as_tensor(step, dtype=torch.float32).reshape(-1, 1)
    still = torch.as_tensor(skip, dtype=torch.float32).reshape(-1, 1)
    return _through_blocks(
        pictures,
        lambda luma: _dead_zoned(luma, _beside(own, luma), _beside(still, luma)),
        lambda chroma: _dead_zoned(chroma, _beside(own * _CHROMA_COARSENESS, chroma), _beside(still, chroma)),
    )


def _beside(table: Tensor, coefficients: Tensor) -> Tensor:
    """Bring ``(B, n)`` to ``(B, 1, 1, n)`` beside coefficients ``(B, C, blocks, 64)``."""
    return table.to(coefficients)[:, None, None]


def _rounded(coefficients: Tensor, table: Tensor) -> Tensor:
    return (coefficients / table).round_().mul_(table)


def _dead_zoned(coefficients: Tensor, step: Tensor, skip: Tensor) -> Tensor:
    levels = (coefficients.abs() / step).add_(_DEAD_ZONE).floor_()
    kept = levels.mul_(step).copysign_(coefficients)
    means = coefficients[..., :1]
    kept[..., :1] = _rounded(means, step)
    busy = coefficients[..., 1:].abs().amax(dim=-1, keepdim=True) >= skip
    still = torch.zeros_like(kept)
    still[..., :1] = _rounded(means, 2.0 * step)
    return torch.where(busy, kept, still)


def _mix(pictures: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    weights = pictures.new_tensor(matrix).expand(len(pictures), 3, 3)
    return torch.bmm(weights, pictures.flatten(2)).reshape(pictures.shape)


def _through_blocks(
    pictures: Tensor, lose_luma: Callable[[Tensor], Tensor], lose_chroma: Callable[[Tensor], Tensor]
) -> Tensor:
    """Take 8-bit YCbCr 4:2:0 through a loss of its block coefficients, and come back to RGB."""
    height, width = pictures.shape[2:]
    padded = functional.pad(pictures, (0, -width % _UNIT, 0, -height % _UNIT), mode="replicate")
    ycc = rgb_to_ycc(padded.clamp(0.0, 1.0).mul_(255.0).round_())
    luma = _lossy(ycc[:, :1].round().sub_(_MIDDLE), lose_luma).add_(_MIDDLE)
    chroma = _lossy(_halve(ycc[:, 1:]).round_(), lose_chroma)
    wide = functional.interpolate(chroma, scale_factor=2, mode="bilinear")  # libjpeg's "fancy" upsampling
    rgb = ycc_to_rgb(torch.cat((luma, wide), dim=1)).clamp_(0.0, 255.0).round_().div_(255.0)
    return rgb[:, :, :height, :width]


def _halve(planes: Tensor) -> Tensor:
    """Mean of every two by two pixels; sums of slices are faster than pooling on a CPU."""
    top = planes[:, :, 0::2, 0::2] + planes[:, :, 0::2, 1::2]
    return top.add_(planes[:, :, 1::2, 0::2]).add_(planes[:, :, 1::2, 1::2]).mul_(0.25)


def _lossy(plane: Tensor, lose: Callable[[Tensor], Tensor]) -> Tensor:
    """Send a plane around zero through the loss of its coefficients; back in whole levels of -128 to 127."""
    transform = _DCT.to(plane)
    restored = lose(_to_blocks(plane) @ transform.T) @ transform
    return _from_blocks(restored, plane.shape).round_().clamp_(-_MIDDLE, _MIDDLE - 1.0)


def _to_blocks(plane: Tensor) -> Tensor:
    """``(B, C, H, W)`` to ``(B, C, blocks, 64)``."""
    batch, channels, height, width = plane.shape
    split = plane.reshape(batch, channels, height // _SIDE, _SIDE, width // _SIDE, _SIDE)
    return split.transpose(3, 4).reshape(batch, channels, -1, _SIDE * _SIDE)


def _from_blocks(blocks: Tensor, shape: torch.Size) -> Tensor:
    batch, channels, height, width = shape
    split = blocks.reshape(batch, channels, height // _SIDE, width // _SIDE, _SIDE, _SIDE)
    return split.transpose(3, 4).reshape(shape)


def _dct_matrix() -> Tensor:
    """Return the orthonormal two-dimensional DCT-II of a block as one ``(64, 64)`` matrix over its pixels."""
    k, x = torch.meshgrid(torch.arange(_SIDE), torch.arange(_SIDE), indexing="ij")
    basis = torch.cos(math.pi * k * (2 * x + 1) / (2 * _SIDE)) * math.sqrt(2.0 / _SIDE)
    basis[0] /= math.sqrt(2.0)
    return torch.kron(basis, basis)


_DCT = _dct_matrix()
