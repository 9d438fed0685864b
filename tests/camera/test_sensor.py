"""The sensor is what was asked for: its noise is measured back, its colours are put together again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from highbeam.camera.sensor import add_noise, add_row_noise, demosaic, digitise, mosaic
from tests.camera.scenes import flat, random_levels, road

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75)
SHOT = st.floats(1e-4, 1.2e-2)


def photon_transfer(planes: Tensor) -> tuple[float, float]:
    """Fit variance against mean over flat fields, one per row: the slope and the root of the intercept.

    The photon-transfer method (Janesick, "Photon Transfer", SPIE Press 2007): slope is the gain, intercept the read
    noise squared. Each level is weighted by how well its variance is known.
    """
    pixels = planes.flatten(1).double().numpy()
    mean, variance = pixels.mean(axis=1), pixels.var(axis=1)
    slope, intercept = np.polyfit(mean, variance, 1, w=1.0 / variance)
    return float(slope), float(max(intercept, 0.0) ** 0.5)


def fields(height: int = 256, width: int = 256) -> Tensor:
    return torch.cat([mosaic(flat(level, height, width)) for level in LEVELS])


@given(SHOT, st.floats(0.5, 3.0), st.integers(0, 2**40))
def test_photon_transfer_recovers_shot_and_read_noise(shot: float, ratio: float, seed: int) -> None:
    read = ratio * (shot * LEVELS[0]) ** 0.5
    noisy = add_noise(fields(), shot, read, seed + torch.arange(len(LEVELS)))
    found_shot, found_read = photon_transfer(digitise(noisy, 14, 0.2))
    assert found_shot == pytest.approx(shot, rel=0.05)
    assert found_read == pytest.approx(read, rel=0.1)


def test_noise_is_unbiased_and_white() -> None:
    noisy = add_noise(mosaic(flat(0.1, 400, 400)), 0.002, 0.003, torch.tensor([4]))[0] - 0.1
    assert abs(float(noisy.mean())) < 2e-4
    for neighbour in (noisy[:, 1:], noisy[:, :, 1:]):
        base = noisy[:, : neighbour.shape[1], : neighbour.shape[2]]
        assert abs(float((base * neighbour).mean() / noisy.var())) < 0.02
    assert abs(float((noisy[0] * noisy[1]).mean() / noisy.var())) < 0.02


def test_no_noise_is_exact_beside_a_noisy_neighbour() -> None:
    planes = mosaic(random_levels(2, 8, 8))
    noisy = add_noise(planes, torch.tensor([0.0, 0.01]), torch.tensor([0.0, 0.01]), torch.tensor([1, 2]))
    assert torch.equal(noisy[0], planes[0])
    assert not torch.equal(noisy[1], planes[1])


@given(st.floats(1e-4, 1e-2))
def test_row_noise_is_recovered_and_shared_along_rows(spread: float) -> None:
    planes = mosaic(flat(0.2, 4000, 8))
    offset = add_row_noise(planes, spread, torch.tensor([7]))[0] - planes[0]
    assert float(offset.std(dim=2).max()) < 1e-6, "constant along a row"
    assert torch.allclose(offset[0], offset[1]), "red and green of one row share it"
    assert torch.allclose(offset[2], offset[3])
    assert not torch.allclose(offset[0], offset[2])
    rows = torch.stack((offset[0, :, 0], offset[2, :, 0]))
    assert float(rows.std()) == pytest.approx(spread, rel=0.06)


def test_row_noise_of_full_planes_is_one_per_row() -> None:
    planes = flat(0.2, 50, 6)
    offset = add_row_noise(planes, 0.01, torch.tensor([7])) - planes
    assert torch.allclose(offset[:, :1].expand_as(offset), offset)
    assert float(offset.std(dim=3).max()) < 1e-6


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_the_converter_has_its_number_of_levels(bits: int) -> None:
    signal = torch.linspace(0.0, 1.0, 200_001).reshape(1, 1, 1, -1)
    numbers = digitise(signal, bits, 0.0)
    assert len(np.unique(numbers.numpy())) == 2**bits
    assert float((numbers - signal).abs().max()) <= 0.5 / (2**bits - 1) + 1e-6


def test_the_black_level_keeps_the_noise_below_black() -> None:
    dark = 0.01 * torch.randn(1, 4, 100, 100, generator=torch.Generator().manual_seed(0))
    with_pedestal, without = digitise(dark, 12, 64 / 1023), digitise(dark, 12, 0.0)
    assert abs(float(with_pedestal.mean())) < 3e-4
    assert float(without.min()) == 0.0
    assert float(without.mean()) > 0.003


@given(st.floats(0.0, 0.2), st.floats(-0.01, 0.01))
def test_black_errors_shift_the_signal(black: float, error: float) -> None:
    signal = torch.full((1, 4, 2, 2), 0.5)
    assert torch.allclose(digitise(signal, 16, black, error), signal - error, atol=1e-4)


def test_the_converter_saturates() -> None:
    assert float(digitise(torch.full((1, 1, 1, 1), 1.7), 12, 0.06)) == pytest.approx(1.0, abs=1e-6)


def test_the_mosaic_keeps_one_colour_per_pixel() -> None:
    light = torch.arange(3 * 4 * 6).float().reshape(1, 3, 4, 6)
    red, beside_red, beside_blue, blue = mosaic(light)[0]
    assert torch.equal(red, light[0, 0, ::2, ::2])
    assert torch.equal(beside_red, light[0, 1, ::2, 1::2])
    assert torch.equal(beside_blue, light[0, 1, 1::2, ::2])
    assert torch.equal(blue, light[0, 2, 1::2, 1::2])


def literal_demosaic(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Malvar, He and Cutler 2004, figure 2, pixel by pixel over the inside of an RGGB mosaic."""
    cross = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
    along = np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]])
    corner = np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]])
    out = np.zeros((*raw.shape, 3))
    for y in range(2, raw.shape[0] - 2):
        for x in range(2, raw.shape[1] - 2):
            patch = raw[y - 2 : y + 3, x - 2 : x + 3]
            here = raw[y, x]
            crossed, rowed, columned, cornered = (
                float((k * patch).sum() / 8.0) for k in (cross, along, along.T, corner)
            )
            out[y, x] = {
                (0, 0): (here, crossed, cornered),
                (0, 1): (rowed, here, columned),
                (1, 0): (columned, here, rowed),
                (1, 1): (cornered, crossed, here),
            }[y % 2, x % 2]
    return out


def test_demosaicing_agrees_with_the_papers_filters() -> None:
    light = random_levels(1, 20, 26)
    raw = torch.zeros(20, 26)
    for colour, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        raw[row::2, column::2] = light[0, colour, row::2, column::2]
    mine = demosaic(mosaic(light))[0].permute(1, 2, 0).double().numpy()
    assert np.allclose(mine[2:-2, 2:-2], literal_demosaic(raw.double().numpy())[2:-2, 2:-2], atol=1e-5)


@given(st.tuples(*[st.floats(0.0, 1.0)] * 3))
def test_flat_colours_survive_to_the_border(color: tuple[float, float, float]) -> None:
    light = torch.tensor(color)[None, :, None, None].expand(1, 3, 12, 14)
    assert torch.allclose(demosaic(mosaic(light)), light, atol=1e-5)


def test_grey_ramps_survive_inside() -> None:
    ramp = torch.linspace(0.1, 0.9, 32).expand(1, 3, 24, 32)
    assert torch.allclose(demosaic(mosaic(ramp))[..., 3:-3, 3:-3], ramp[..., 3:-3, 3:-3], atol=1e-5)


def test_pictures_survive_the_mosaic_well() -> None:
    picture = road(192, 256)
    error = (demosaic(mosaic(picture)).clamp(0.0, 1.0) - picture).square().mean()
    assert float(-10.0 * torch.log10(error)) > 27.0, "PSNR in dB; independent noise in the texture costs most of it"
