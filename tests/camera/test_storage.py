"""JPEG against libjpeg, the video loss against its own description."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from highbeam.camera.statistics import blockiness
from highbeam.camera.storage import jpeg, jpeg_tables, rgb_to_ycc, to_8bit, video, ycc_to_rgb
from tests.camera.scenes import DEVICES, as_pixels, flat, levels_apart, random_levels, road


def through_libjpeg(pictures: Tensor, quality: int) -> tuple[Tensor, Image.Image]:
    memory = io.BytesIO()
    Image.fromarray(as_pixels(pictures)).save(memory, "JPEG", quality=quality, subsampling="4:2:0")
    opened = Image.open(memory)
    pixels = np.array(opened.convert("RGB"), np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None], opened


def psnr(one: Tensor, other: Tensor) -> float:
    return float(-10.0 * torch.log10((one - other).square().mean()))


def test_rounding_to_8_bits() -> None:
    assert (to_8bit(torch.tensor([-0.2, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.3])) * 255).tolist() == [0, 0, 0, 1, 255, 255]
    levels = random_levels(1, 8, 8)
    assert levels_apart(to_8bit(levels), levels) < 1e-4


def test_ycc_is_jfifs() -> None:
    colors = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]).T.reshape(1, 3, 1, 3)
    luma, blue, red = rgb_to_ycc(colors)[0, :, 0]
    assert luma.tolist() == pytest.approx([1.0, 0.299, 0.114], abs=1e-6)
    assert blue.tolist() == pytest.approx([0.0, -0.168736, 0.5], abs=1e-5)
    assert red.tolist() == pytest.approx([0.0, 0.5, -0.081312], abs=1e-5)
    assert torch.allclose(ycc_to_rgb(rgb_to_ycc(colors)), colors, atol=1e-5)


@pytest.mark.parametrize("quality", [1, 10, 35, 49, 50, 51, 75, 90, 100])
def test_tables_are_libjpegs(quality: int) -> None:
    _, opened = through_libjpeg(flat(0.5, 16, 16), quality)
    luma, chroma = jpeg_tables(quality)
    tables = opened.quantization  # type: ignore[attr-defined]  # of JPEG files alone
    assert luma[0].tolist() == list(tables[0])
    assert chroma[0].tolist() == list(tables[1])


@pytest.mark.parametrize("quality", [30, 60, 75, 90, 97])
@pytest.mark.parametrize("brightness", [1.0, 0.2])
def test_the_result_is_near_libjpegs(quality: int, brightness: float) -> None:
    picture = to_8bit(road(128, 160) * brightness)
    theirs, _ = through_libjpeg(picture, quality)
    mine = jpeg(picture, quality)
    assert psnr(mine, theirs) > psnr(theirs, picture) + 4.0, "nearer to libjpeg's result than that is to the input"
    assert float((mine - theirs).abs().mean()) * 255.0 < 0.7


@given(st.integers(1, 60), st.integers(1, 60), st.integers(5, 100))
def test_any_size_comes_back_on_the_8_bit_grid(height: int, width: int, quality: int) -> None:
    picture = random_levels(1, height, width)
    for stored in (jpeg(picture, quality), video(picture, 12.0, 5.0)):
        assert stored.shape == picture.shape
        assert levels_apart(stored, to_8bit(stored)) < 1e-4


def test_flat_grey_survives_high_quality() -> None:
    for level in (0, 3, 17, 128, 255):
        assert levels_apart(jpeg(flat(level / 255.0, 20, 20), 98), flat(level / 255.0, 20, 20)) <= 1.0


def test_better_quality_is_nearer() -> None:
    picture = road()
    found = [psnr(jpeg(picture, quality), picture) for quality in (10, 30, 60, 90, 100)]
    assert found == sorted(found)


def test_qualities_differ_by_row() -> None:
    pictures = road().repeat(2, 1, 1, 1)
    stored = jpeg(pictures, torch.tensor([20, 95]))
    assert torch.equal(stored[:1], jpeg(pictures[:1], 20))
    assert torch.equal(stored[1:], jpeg(pictures[:1], 95))


def test_the_input_is_left_alone() -> None:
    picture = road()
    before = picture.clone()
    jpeg(picture, 40)
    video(picture, 20.0, 10.0)
    assert torch.equal(picture, before)


def test_coarser_video_loses_more_and_blocks_more() -> None:
    dark = to_8bit(
        road(128, 160) * 0.15 + 0.02 * torch.rand(1, 3, 128, 160, generator=torch.Generator().manual_seed(1))
    )
    stored = [video(dark, step, step) for step in (2.0, 8.0, 24.0)]
    losses = [psnr(one, dark) for one in stored]
    assert losses == sorted(losses, reverse=True)
    blocks = [blockiness(as_pixels(one)) for one in (dark, *stored)]
    assert blocks[0] < 1.3
    assert blocks[-1] > 2.0 * blocks[0]


def test_skipped_blocks_are_flat() -> None:
    faint = to_8bit(flat(0.08, 64, 64) + 0.01 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)))
    luma = rgb_to_ycc(video(faint, 6.0, 60.0))[:, 0]
    blocks = luma.reshape(1, 8, 8, 8, 8).permute(0, 1, 3, 2, 4).flatten(3)
    assert float(blocks.std(dim=-1).max()) < 1e-3


def test_busy_blocks_are_not_skipped() -> None:
    edge = flat(0.05, 32, 32)
    edge[..., 11:] = 0.9
    stored = video(edge, 4.0, 40.0)
    assert levels_apart(stored, edge) < 16.0


def test_a_tiny_step_keeps_the_luma() -> None:
    grey = to_8bit(flat(0.3, 32, 32) + 0.1 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(3)))
    assert levels_apart(video(grey, 0.01), grey) <= 1.0


def test_steps_differ_by_row() -> None:
    pictures = road().repeat(2, 1, 1, 1)
    stored = video(pictures, torch.tensor([3.0, 30.0]), torch.tensor([0.0, 20.0]))
    assert torch.equal(stored[:1], video(pictures[:1], 3.0))
    assert torch.equal(stored[1:], video(pictures[:1], 30.0, 20.0))


@pytest.mark.parametrize("device", DEVICES)
def test_storage_works_on_the_pictures_device(device: str) -> None:
    picture = road(32, 32).to(device)
    assert jpeg(picture, torch.tensor([70])).device.type == device
    assert video(picture, torch.tensor([9.0])).device.type == device
