"""NIQE: its statistics, its model, and how it ranks what was spoilt more and more."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from highbeam.errors import ArrayError, MetricError
from highbeam.metrics import naturalness, niqe
from highbeam.metrics.naturalness import FEATURES, Model, features, fit, load_model
from highbeam.scenes import KINDS, make_scene, render
from tests.conftest import SHARED, load_rgb

SHIPPED = Path(naturalness.__file__).with_name("niqe.npz")
SOURCES = ("camvid", "kitti", "msrs", "nuscenes", "udacity")
Picture = NDArray[np.uint8]


def _camera(kind: str) -> Picture:
    """A rendered day as a camera's lens would have it: rendering alone is sharper than any picture."""
    frame = render(make_scene(4, kind), 288, 384, time="day")
    return np.asarray(cv2.GaussianBlur(frame.image, (0, 0), 0.8), np.uint8)


def _blurred(picture: Picture) -> list[Picture]:
    return [picture, *(np.asarray(cv2.GaussianBlur(picture, (0, 0), s), np.uint8) for s in (1.5, 2.0, 2.5))]


def _noisy(picture: Picture) -> list[Picture]:
    noise = np.random.default_rng(1).normal(size=picture.shape)
    return [picture, *(np.clip(picture + s * noise, 0, 255).astype(np.uint8) for s in (5, 10, 20, 40))]


def _compressed(picture: Picture) -> list[Picture]:
    coded = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, q])[1] for q in (30, 15, 7)]
    return [picture, *(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8) for code in coded)]


@pytest.mark.parametrize("spoil", [_blurred, _noisy, _compressed])
@pytest.mark.parametrize("kind", KINDS)
def test_rendered_pictures_rank_as_they_are_spoilt(kind: str, spoil: object) -> None:
    assert callable(spoil)
    values = [niqe(picture) for picture in spoil(_camera(kind))]
    assert sorted(values) == values


@pytest.mark.parametrize("spoil", [_blurred, _noisy, _compressed])
@pytest.mark.parametrize("source", SOURCES)
def test_real_pictures_rank_as_they_are_spoilt(source: str, spoil: object) -> None:
    found = sorted((SHARED / "driving" / "day" / source).glob("*.*"))
    if not found:
        pytest.skip(f"no real day pictures: {SHARED / 'driving' / 'day' / source} is not there")
    assert callable(spoil)
    for path in (found[1], found[len(found) // 2]):
        values = [niqe(picture) for picture in spoil(load_rgb(path))]
        assert sorted(values) == values, (path.name, values)


def test_real_nights_are_further_away_than_real_days(real_nights: list[Path]) -> None:
    days = sorted((SHARED / "driving" / "day" / "nuscenes").glob("*.*"))[1::40]
    if not days:
        pytest.skip(f"no real day pictures: {SHARED / 'driving' / 'day' / 'nuscenes'} is not there")
    nights = [path for path in real_nights if path.parent.name == "bdd"][:5]
    far, near = (np.median([niqe(load_rgb(path)) for path in paths]) for paths in (nights, days))
    assert far > near + 1.0


def test_the_shipped_model_is_whole() -> None:
    model = load_model(SHIPPED)
    assert model.mean.shape == (FEATURES,)
    assert np.array_equal(model.covariance, model.covariance.T)
    assert np.linalg.eigvalsh(model.covariance).min() > 0.0
    assert model.patches > 20 * FEATURES
    assert model.pictures > 100
    assert SHIPPED.stat().st_size < 20_000  # statistics, no pictures


def test_the_shape_of_a_generalised_gaussian_is_found() -> None:
    for shape in (0.6, 1.0, 2.0, 4.0):
        drawn = stats.gennorm(shape, scale=1.7).rvs((3, 200_000), random_state=2)
        found, scale = naturalness._symmetric(drawn)
        assert found == pytest.approx([shape] * 3, rel=0.03)
        assert scale == pytest.approx([1.7] * 3, rel=0.03)


def test_both_sides_of_an_asymmetric_one_are_found() -> None:
    drawn = np.abs(stats.gennorm(1.5).rvs((1, 300_000), random_state=3))
    left = np.random.default_rng(4).random(drawn.shape) < 0.25  # in the ratio of the scales, so that it is continuous
    shape, mean, low, high = naturalness._asymmetric(np.where(left, -drawn, 3 * drawn))
    assert shape[0] == pytest.approx(1.5, rel=0.05)
    assert (low[0], high[0]) == (pytest.approx(1.0, rel=0.05), pytest.approx(3.0, rel=0.05))
    assert mean[0] == pytest.approx(float(np.where(left, -drawn, 3 * drawn).mean()), rel=0.05)


def test_patches_are_whole_and_the_rest_is_not_looked_at() -> None:
    picture = _camera("street")
    assert features(picture).shape == (12, FEATURES)
    assert niqe(picture[:250, :350]) == niqe(picture[:192, :288])


def test_flat_patches_are_left_out() -> None:
    picture = _camera("street")
    half = picture.copy()
    half[:, 192:] = 80
    assert len(features(half)) < 12
    assert math.isfinite(niqe(half))
    assert math.isnan(niqe(np.full((200, 200, 3), 80, np.uint8)))


def test_only_sharp_patches_are_fitted() -> None:
    picture = _camera("street")
    picture[:192] = cv2.GaussianBlur(picture, (0, 0), 6.0)[:192]
    sharp = features(picture, least_sharpness=0.75)
    assert 0 < len(sharp) < len(features(picture)) - 6


def test_two_patches_at_least() -> None:
    assert math.isfinite(niqe(_camera("street")[:96, :192]))
    with pytest.raises(ArrayError, match="two patches of 96 by 96"):
        niqe(np.zeros((191, 191, 3), np.uint8))


def test_a_model_of_other_pictures(tmp_path: Path) -> None:
    pictures = [render(make_scene(seed), 288, 480, time="day").image for seed in range(8)]
    model = fit(pictures)
    assert model.pictures == 8
    assert FEATURES < model.patches < 8 * 15
    path = tmp_path / "own.npz"
    path.write_bytes(model.to_bytes())
    again = load_model(path)
    assert np.array_equal(again.mean, model.mean)
    assert np.array_equal(again.covariance, model.covariance)
    assert again[2:] == model[2:]
    assert niqe(pictures[0], model) < niqe(pictures[0])
    assert model.to_bytes() == fit(pictures).to_bytes()


def test_too_few_patches_make_no_model() -> None:
    with pytest.raises(MetricError, match="too few for a NIQE model"):
        fit([_camera("street")])
    with pytest.raises(MetricError, match="0 sharp patches"):
        fit([])


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    missing, damaged, other, small = (tmp_path / f"{name}.npz" for name in ("missing", "damaged", "other", "small"))
    damaged.write_bytes(SHIPPED.read_bytes()[:500])
    np.savez(other, mean=np.zeros(3))
    small.write_bytes(Model(np.zeros(3), np.zeros((3, 3)), 1, 1).to_bytes())
    for path in (missing, damaged, other, small):
        with pytest.raises(MetricError, match=path.name):
            load_model(path)
