"""Two frames of one scene: the same day and night, other noise, and what differs between two outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from highbeam.camera import sample
from highbeam.errors import ConfigError
from highbeam.training import train
from highbeam.training.feeding import find_data
from highbeam.training.twins import MARGIN, film, unsteadiness
from tests.training.common import Notes, day_folder, pair_folder, tiny

SIDE = 48
STEADY = {"steady": 0.5}


def days(count: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIDE + MARGIN, SIDE + MARGIN, generator=Generator().manual_seed(seed))


def filmed(preset: str = "sensor", day: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    day = days() if day is None else day
    return film(day, sample(preset, len(day), Generator().manual_seed(1)), Generator().manual_seed(2))


@pytest.mark.parametrize("preset", ["gamma", "sensor", "street"])
def test_frames_show_their_part_of_the_day_with_fresh_noise(preset: str) -> None:
    flat = torch.full((2, 3, SIDE + MARGIN, SIDE + MARGIN), 0.6)
    dark, reference, corners = filmed(preset, flat)
    assert dark.shape == reference.shape == (4, 3, SIDE, SIDE)
    assert corners.shape == (4, 2)
    assert 0 <= corners.min() <= corners.max() <= MARGIN
    first, second = dark.chunk(2)
    assert not torch.equal(first, second), "noise is drawn anew"
    assert unsteadiness(dark, corners) < 0.15 * dark.mean() + 1 / 255, "but the light is the same"


def test_the_references_of_a_twin_agree_where_they_overlap() -> None:
    dark, reference, corners = filmed("gamma")
    assert unsteadiness(reference, corners) == 0.0
    assert unsteadiness(dark, corners) > 0.0


def test_lamps_and_light_stand_where_they_stood() -> None:
    """The light of the frame moves with what it shows, as far as it is sampled at other places."""
    reference, corners = filmed("street", torch.full((2, 3, SIDE + MARGIN, SIDE + MARGIN), 0.5))[1:]
    assert unsteadiness(reference, corners) < 1e-3


def test_unsteadiness_is_the_difference_of_places_and_of_means() -> None:
    corners = torch.tensor([[0, 0], [0, 0]])
    still = torch.full((1, 3, 32, 32), 0.5)
    assert unsteadiness(torch.cat((still, still)), corners) == 0.0
    assert unsteadiness(torch.cat((still, still + 0.1)), corners).item() == pytest.approx(0.2, rel=1e-4)
    half = still.clone()
    half[..., :16] += 0.1
    half[..., 16:] -= 0.1
    assert unsteadiness(torch.cat((still, half)), corners).item() == pytest.approx(0.1, rel=1e-4)


def test_detail_that_shifts_within_a_place_is_no_flicker() -> None:
    checks = torch.zeros(1, 3, 32, 32)
    checks[..., ::2] = 1.0
    assert unsteadiness(torch.cat((checks, 1.0 - checks)), torch.tensor([[0, 0], [0, 0]])) == 0.0


def test_a_training_with_twins_runs_and_goes_on(tmp_path: Path) -> None:
    config = tiny(day_folder(tmp_path / "days"), tmp_path, loss=STEADY, crop=64, late_share=0.0, steps=4, log_every=1)
    notes = Notes()
    assert train(config, notes).step == 4
    assert len(notes.series("loss/steady")) == 4
    assert all(value > 0.0 for value in notes.series("loss/steady"))


def test_what_twins_cannot_be_made_of_is_refused(tmp_path: Path) -> None:
    pairs = tiny(f"pairs:{pair_folder(tmp_path / 'pairs')}", tmp_path, loss=STEADY)
    with pytest.raises(ConfigError, match="steady needs single pictures"):
        find_data(pairs)
    odd = tiny(day_folder(tmp_path / "days"), tmp_path / "odd", loss=STEADY, batch_size=3)
    with pytest.raises(ConfigError, match="in twos"):
        train(odd)
    with pytest.raises(ConfigError, match="at least 64"):
        train(tiny(tmp_path / "days", tmp_path / "small", loss=STEADY))
    with pytest.raises(ConfigError, match="other than steady"):
        tiny(tmp_path, tmp_path, loss={"charbonnier": 0, "ssim": 0, "colour": 0, "steady": 1})
