"""Blur widths are recovered from how sharp edges and points come out."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from highbeam.camera.optics import gaussian_blur, motion_blur, veil, zoom_blur
from tests.camera.scenes import DEVICES, random_levels, road


def spread(line: Tensor) -> float:
    """Standard deviation of the step response's derivative, in pixels: the width of the blur that made it."""
    weight = line.diff().double()
    place = torch.arange(len(weight), dtype=torch.float64)
    mean = (weight * place).sum() / weight.sum()
    return math.sqrt(float((weight * (place - mean) ** 2).sum() / weight.sum()))


def edge(axis: int, size: int = 64) -> Tensor:
    picture = torch.zeros(1, 3, size, size)
    picture.movedim(2 + axis, 0)[size // 2 :] = 1.0
    return picture


def through(picture: Tensor, axis: int) -> Tensor:
    middle = picture.shape[2] // 2
    return picture[0, 0, :, middle] if axis == 0 else picture[0, 0, middle]


@pytest.mark.parametrize("axis", [0, 1])
@given(sigma=st.floats(0.7, 4.0))
def test_the_width_of_defocus_is_recovered(axis: int, sigma: float) -> None:
    assert spread(through(gaussian_blur(edge(axis), sigma), axis)) == pytest.approx(sigma, rel=0.04)


def test_blur_agrees_with_opencv() -> None:
    picture = road()
    mine = gaussian_blur(picture, 1.5)[0].permute(1, 2, 0).numpy()
    pixels = np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
    theirs = cv2.GaussianBlur(pixels, (11, 11), 1.5, borderType=cv2.BORDER_REPLICATE)
    assert np.abs(mine - theirs).max() < 1e-5


def test_no_blur_is_exact_even_beside_a_blurred_neighbour() -> None:
    pictures = random_levels(2, 20, 30)
    blurred = gaussian_blur(pictures, torch.tensor([0.0, 2.5]))
    assert torch.equal(blurred[0], pictures[0])
    assert not torch.equal(blurred[1], pictures[1])
    assert gaussian_blur(pictures, 0.0) is pictures


@given(st.floats(0.3, 3.0), st.floats(0.0, 3.0))
def test_a_neighbours_blur_changes_nothing(own: float, other: float) -> None:
    pictures = random_levels(2, 24, 24)
    alone = gaussian_blur(pictures[:1], own)
    assert torch.allclose(gaussian_blur(pictures, torch.tensor([own, other]))[:1], alone, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 1, 2, 9), (1, 2, 40, 3)])
def test_blur_takes_any_size_and_keeps_flat_pictures(shape: tuple[int, ...]) -> None:
    pictures = torch.full(shape, 0.4)
    for blurred in (gaussian_blur(pictures, 2.0), motion_blur(pictures, 7.0, -3.0), zoom_blur(pictures, 0.05)):
        assert blurred.shape == shape
        assert torch.allclose(blurred, pictures, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@given(length=st.floats(3.0, 14.0), backwards=st.booleans())
def test_the_length_of_motion_is_recovered(axis: int, length: float, backwards: bool) -> None:  # noqa: FBT001
    way = -length if backwards else length
    moved = motion_blur(edge(axis), 0.0, way) if axis == 0 else motion_blur(edge(axis), way, 0.0)
    # a box of that length has a variance of its square over twelve; placing moments between pixels adds a sixth
    found = math.sqrt(12.0 * (spread(through(moved, axis)) ** 2 - 1.0 / 6.0))
    assert found == pytest.approx(length, rel=0.06)


@given(st.floats(-9.0, 9.0), st.floats(-9.0, 9.0))
def test_motion_leaves_the_picture_in_place(shift_x: float, shift_y: float) -> None:
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1.0
    moved = motion_blur(point, shift_x, shift_y)[0, 0].double()
    assert float(moved.sum()) == pytest.approx(1.0, abs=1e-5)
    place = torch.arange(41, dtype=torch.float64)
    assert float((moved.sum(dim=0) * place).sum()) == pytest.approx(20.0, abs=1e-3)
    assert float((moved.sum(dim=1) * place).sum()) == pytest.approx(20.0, abs=1e-3)


def test_motion_lies_along_its_line() -> None:
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1.0
    moved = motion_blur(point, 12.0, 6.0)[0, 0]
    rows, columns = (moved > 0.0).nonzero(as_tuple=True)
    off_line = (rows - 20).float() - 0.5 * (columns - 20).float()
    assert float(off_line.abs().max()) <= 1.0
    assert int(columns.max() - columns.min()) in {11, 12}


def test_motion_differs_by_row() -> None:
    pictures = random_levels(2, 16, 16)
    moved = motion_blur(pictures, torch.tensor([0.0, 5.0]), torch.tensor([0.0, 0.0]))
    assert torch.allclose(moved[0], pictures[0], atol=1e-6)
    assert torch.equal(moved[1:], motion_blur(pictures[1:], 5.0, 0.0))


def points(places: list[int], size: int = 257) -> Tensor:
    picture = torch.zeros(1, 1, size, size)
    for x in places:
        picture[..., size // 2, x] = 1.0
    return picture


@pytest.mark.parametrize("zoom", [0.04, 0.1])
def test_zoom_blurs_in_proportion_to_the_distance_from_its_centre(zoom: float) -> None:
    for distance in (60, 110):
        grown = zoom_blur(points([128 + distance]), zoom)[0, 0].sum(dim=0).double()
        place = torch.arange(257, dtype=torch.float64)
        mean = float((grown * place).sum() / grown.sum())
        variance = float((grown * (place - mean) ** 2).sum() / grown.sum())
        assert mean - 128.0 == pytest.approx(distance, abs=0.5)
        # four bilinear steps soften the box by at most a quarter of a pixel squared each
        assert math.sqrt(12.0 * variance) == pytest.approx(distance * zoom, rel=0.12, abs=3.0)


def test_zoom_leaves_its_centre_in_place() -> None:
    at = 60
    grown = zoom_blur(points([at]), 0.1, ((at + 0.5) / 257, 0.5))[0, 0]
    assert int(grown.argmax()) == 128 * 257 + at
    assert float(grown.max()) > 0.9


def test_no_zoom_is_no_change() -> None:
    picture = road()
    assert torch.allclose(zoom_blur(picture, 0.0), picture, atol=1e-5)


def test_veil_keeps_the_mean_and_lifts_the_blacks() -> None:
    light = road() ** 2.2
    veiled = veil(light, 0.1)
    assert torch.allclose(veiled.mean(dim=(2, 3)), light.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(veiled, 0.9 * light + 0.1 * light.mean(dim=(2, 3), keepdim=True), atol=1e-6)
    assert torch.equal(veil(light, 0.0), light)


@pytest.mark.parametrize("device", DEVICES)
def test_stages_work_on_the_pictures_device(device: str) -> None:
    pictures = random_levels(2, 16, 16).to(device)
    amount = torch.tensor([0.5, 1.5])
    for blurred in (gaussian_blur(pictures, amount), motion_blur(pictures, amount, amount), veil(pictures, amount)):
        assert blurred.device.type == device
    assert zoom_blur(pictures, amount / 20.0, (amount / 2.0, 0.5)).device.type == device
