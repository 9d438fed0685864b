"""Validation: the figures of files, every picture once, however the pictures are divided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from highbeam import metrics
from highbeam.nets import Network
from highbeam.training.processes import any_of, mean_over, start
from highbeam.training.validating import Sums, validate
from tests.nets.common import noise, stirred, tiny_can, tiny_unet
from tests.training.common import tiny


def stored(pictures: Tensor) -> list[NDArray[np.uint8]]:
    """What files of 8 bits would hold, ``(H, W, 3)`` each."""
    levels = (pictures.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return [picture.permute(1, 2, 0).contiguous().numpy() for picture in levels]


def figures(kind: str, enhanced: Tensor, reference: Tensor) -> dict[str, float]:
    sums = Sums((kind,))
    sums.add(kind, enhanced, reference)
    return sums.means()


def test_figures_are_those_of_the_metrics_on_files_of_8_bits() -> None:
    reference = (noise(3, 3, 24, 32, seed=1) * 255.0).round() / 255.0
    enhanced = reference + 0.2 * (noise(3, 3, 24, 32, seed=2) - 0.4)  # beyond black and white in places
    pairs = list(zip(stored(enhanced), stored(reference), strict=True))
    found = figures("dusk", enhanced, reference)
    assert found["val/dusk/psnr"] == pytest.approx(np.mean([metrics.psnr(*pair) for pair in pairs]), abs=1e-6)
    assert found["val/dusk/ssim"] == pytest.approx(np.mean([metrics.ssim(*pair) for pair in pairs]), abs=1e-5)
    assert found["val/psnr"] == found["val/dusk/psnr"]
    assert found["val/pictures"] == 3


def test_equal_pictures_do_not_make_the_mean_infinite() -> None:
    same = torch.full((1, 3, 16, 16), 0.4)
    assert figures("a", same, (same * 255.0).round() / 255.0)["val/a/psnr"] == pytest.approx(100.0)


def test_sums_of_parts_are_the_sum_of_the_whole() -> None:
    enhanced, reference = noise(5, 3, 16, 16, seed=3), noise(5, 3, 16, 16, seed=4)
    whole, parts = Sums(("a", "b")), [Sums(("a", "b")), Sums(("a", "b"))]
    whole.add("a", enhanced, reference)
    for at in range(5):
        parts[at % 2].add("a", enhanced[at : at + 1], reference[at : at + 1])
    together = Sums(("a", "b"))
    together.sums = parts[0].sums + parts[1].sums
    assert together.means() == pytest.approx(whole.means())
    assert whole.means()["val/pictures"] == 5


def test_kinds_count_alike_in_the_mean_however_many_pictures_they_have() -> None:
    reference = torch.full((4, 3, 16, 16), 0.5)
    sums = Sums(("near", "far", "none"))
    sums.add("near", reference[:3] + 0.1, reference[:3])
    sums.add("far", reference[:1] + 0.3, reference[:1])
    found = sums.means()
    assert found["val/psnr"] == pytest.approx((found["val/near/psnr"] + found["val/far/psnr"]) / 2)
    assert not any("none" in name for name in found)
    assert Sums(("none",)).means() == {}


@pytest.mark.parametrize("network", [tiny_unet(), stirred(tiny_can())], ids=["unet", "can"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_network_is_asked_as_in_use_and_left_as_it_was(network: Network, mode: str, tmp_path: Path) -> None:
    network.train(mode == "train")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    dark, bright = noise(1, 3, 24, 24, seed=5) * 0.2, noise(1, 3, 24, 24, seed=6)
    found = validate(network, [("a", dark, bright)], ("a",), start(tiny("a", tmp_path)))
    assert network.training is (mode == "train")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with torch.no_grad():
        enhanced = network.eval()(dark)
    assert found["val/a/psnr"] == pytest.approx(figures("a", enhanced, bright)["val/a/psnr"])


def test_sides_are_cut_to_the_stride(tmp_path: Path) -> None:
    network = tiny_unet()
    dark, bright = noise(1, 3, 27, 34, seed=5), noise(1, 3, 27, 34, seed=6)
    fabric = start(tiny("a", tmp_path))
    whole = validate(network, [("a", dark, bright)], ("a",), fabric)
    cut = validate(network, [("a", dark[..., :24, :32], bright[..., :24, :32])], ("a",), fabric)
    assert network.stride == 4
    assert whole == cut


def test_one_process_is_its_own_mean(tmp_path: Path) -> None:
    fabric = start(tiny("a", tmp_path))
    assert mean_over(fabric, {"a": 1.5, "b": 2.0}) == {"a": 1.5, "b": 2.0}
    assert mean_over(fabric, {}) == {}
    assert any_of(fabric, wish=True)
    assert not any_of(fabric, wish=False)
