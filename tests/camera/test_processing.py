"""Noise reduction takes noise away and leaves what is larger than its threshold."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from highbeam.camera.processing import core_luma, reduce_noise, smooth_chroma
from highbeam.camera.storage import rgb_to_ycc
from tests.camera.scenes import flat, random_levels, road


def noisy_grey(spread: float, seed: int = 0) -> torch.Tensor:
    noise = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(seed))
    return 0.3 + spread * noise


def test_a_threshold_of_zero_changes_nothing() -> None:
    lightness = noisy_grey(0.05)
    assert torch.allclose(core_luma(lightness, 0.0), lightness, atol=1e-6)


@given(st.floats(0.005, 0.05))
def test_noise_below_the_threshold_goes(spread: float) -> None:
    smoothed = core_luma(noisy_grey(spread), 3.0 * spread)
    assert float(smoothed.std()) < 0.45 * spread
    assert float(smoothed.mean()) == pytest.approx(0.3, abs=0.01)


def test_more_threshold_smooths_more() -> None:
    left = [float(core_luma(noisy_grey(0.03), cut).std()) for cut in (0.0, 0.01, 0.03, 0.09)]
    assert left == sorted(left, reverse=True)


def test_strong_edges_stay() -> None:
    step = torch.zeros(1, 1, 40, 40)
    step[..., 20:] = 0.8
    smoothed = core_luma(step, 0.02)
    assert float((smoothed - step).abs().max()) < 0.04


def test_sharpening_overshoots_edges_and_leaves_flats() -> None:
    step = torch.full((1, 1, 40, 40), 0.2)
    step[..., 20:] = 0.6
    sharp = core_luma(step, 0.0, 0.8)
    assert float(sharp.max()) > 0.65
    assert float(sharp.min()) < 0.15
    assert torch.allclose(sharp[..., :12], step[..., :12], atol=1e-4)


def test_chroma_is_smoothed_by_row_and_keeps_its_mean() -> None:
    chroma = random_levels(2, 64, 64)[:, :2] - 0.5
    smoothed = smooth_chroma(chroma, torch.tensor([0.0, 4.0]))
    assert torch.equal(smoothed[0], chroma[0])
    assert float(smoothed[1].std()) < 0.15 * float(chroma[1].std())
    assert float(smoothed[1].mean()) == pytest.approx(float(chroma[1].mean()), abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 4), (17, 30)])
def test_any_size_is_taken(shape: tuple[int, int]) -> None:
    picture = flat(0.4, *shape)
    assert torch.allclose(reduce_noise(picture, 0.02, 3.0, 0.5), picture, atol=1e-5)


def test_colour_noise_goes_before_lightness() -> None:
    noise = 0.05 * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    before = rgb_to_ycc(0.4 + noise)
    after = rgb_to_ycc(reduce_noise(0.4 + noise, 0.0, 4.0))
    assert float(after[:, 1:].std()) < 0.2 * float(before[:, 1:].std())
    assert torch.allclose(after[:, :1], before[:, :1], atol=0.01)


def test_pictures_stay_in_range() -> None:
    smoothed = reduce_noise(road(), 0.01, 2.0, 1.0)
    assert float(smoothed.min()) >= 0.0
    assert float(smoothed.max()) <= 1.0


def test_rows_do_not_meet() -> None:
    pictures = random_levels(2, 24, 24)
    luma, chroma, sharpen = torch.tensor([0.02, 0.1]), torch.tensor([1.0, 5.0]), torch.tensor([0.0, 0.6])
    both = reduce_noise(pictures, luma, chroma, sharpen)
    for row in range(2):
        alone = reduce_noise(pictures[row : row + 1], luma[row], chroma[row], sharpen[row])
        assert torch.allclose(both[row : row + 1], alone, atol=1e-6)
