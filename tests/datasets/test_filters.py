"""Brightness, sharpness, likeness, and the sieve."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft, ndimage

from highbeam.datasets.filters import Sieve, Traits, fingerprint, sharpness, shrunk, traits_of
from highbeam.errors import OptionError
from tests.conftest import SHARED, load_rgb
from tests.datasets.makers import Rgb, scene

NEEDS_REAL = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real pictures: {SHARED} is not there")


def grey(pixels: Rgb) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def bits_apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def test_brightness_is_the_mean_luma() -> None:
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[...] = (200, 100, 50)
    assert traits_of(pixels).brightness == pytest.approx((0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255, abs=0.003)


def blur_effect(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """Crete et al. 2007, eqs. 1-8, written from the paper with loops over nothing but the two directions."""
    blurs = []
    for axis in (0, 1):
        again = ndimage.uniform_filter1d(picture.astype(np.float64), 9, axis=axis, mode="mirror")
        before = np.abs(np.diff(picture.astype(np.float64), axis=axis))
        after = np.abs(np.diff(again, axis=axis))
        gone = np.maximum(0.0, before - after)
        blurs.append((before.sum() - gone.sum()) / before.sum())
    return float(max(blurs))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
def test_sharpness_is_one_minus_the_blur_of_the_paper(sigma: float) -> None:
    picture = grey(scene(5, (160, 120)))
    if sigma:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    assert sharpness(picture) == pytest.approx(1.0 - blur_effect(picture), abs=1e-4)


def test_blur_lowers_sharpness_in_either_direction() -> None:
    picture = grey(scene(6, (200, 150)))
    for size in ((0, 9), (9, 0)):
        motion = cv2.blur(picture, (max(1, size[0]), max(1, size[1])))
        assert sharpness(np.asarray(motion, np.float32)) < sharpness(picture) - 0.2
    steps = [sharpness(np.asarray(cv2.GaussianBlur(picture, (0, 0), s), np.float32)) for s in (0.5, 1.0, 2.0, 4.0)]
    assert steps == sorted(steps, reverse=True)


def test_a_flat_picture_is_not_sharp() -> None:
    assert sharpness(np.full((40, 40), 7.0, np.float32)) == 0.0
    assert sharpness(np.full((1, 1), 7.0, np.float32)) == 0.0


@given(st.integers(0, 50), st.floats(0.1, 3.0), st.floats(0.0, 100.0))
def test_sharpness_does_not_depend_on_exposure(seed: int, gain: float, offset: float) -> None:
    picture = grey(scene(seed))
    assert sharpness(np.asarray(picture * gain + offset, np.float32)) == pytest.approx(sharpness(picture), abs=1e-3)


def test_the_fingerprint_is_the_signs_of_low_cosines() -> None:
    picture = grey(scene(8, (96, 64)))
    small = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = np.asarray(fft.dctn(small, norm="ortho"))[1:9, 1:9]
    expected = int("".join("1" if value > np.median(low) else "0" for value in low.ravel()), 2)
    assert fingerprint(picture) == expected


@pytest.mark.parametrize("seed", range(4))
def test_what_looks_alike_has_like_fingerprints(seed: int) -> None:
    pixels = scene(seed, (256, 192))
    own = traits_of(pixels).fingerprint
    noisy = np.clip(pixels + np.random.default_rng(seed).normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)
    squeezed = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    smaller = np.asarray(cv2.resize(pixels, (128, 96), interpolation=cv2.INTER_AREA), np.uint8)
    darker = (pixels // 2).astype(np.uint8)
    for other in (noisy, np.asarray(squeezed, np.uint8), smaller, darker):
        assert bits_apart(own, traits_of(other).fingerprint) <= 4
    others = [traits_of(scene(100 + number, (256, 192))).fingerprint for number in range(20)]
    assert min(bits_apart(own, other) for other in others) > 10


@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 500))
def test_shrinking_keeps_the_shape(width: int, height: int, side: int) -> None:
    pixels = np.zeros((height, width, 3), np.uint8)
    small = shrunk(pixels, side)
    if max(width, height) <= side:
        assert small is pixels
        return
    assert max(small.shape[:2]) == side
    assert small.shape[0] == max(1, round(height * side / max(width, height)))


def test_shrinking_averages() -> None:
    checks = np.zeros((8, 8, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 200
    assert np.unique(shrunk(checks, 4)).tolist() == [100]


def traits(bits: int = 0, brightness: float = 0.5, blur: float = 0.7) -> Traits:
    return Traits(brightness, blur, bits)


def test_the_sieve_names_its_reasons() -> None:
    sieve = Sieve()
    assert sieve.judge(traits(0b1111)) == "kept"
    assert sieve.judge(traits(1 << 40, brightness=0.19)) == "dark"
    assert sieve.judge(traits(1 << 40, blur=0.49)) == "blurred"
    assert sieve.judge(traits(0b1100)) == "duplicate"
    assert sieve.judge(traits(0b1000)) == "kept"


def test_what_was_dropped_is_not_remembered() -> None:
    sieve = Sieve()
    assert sieve.judge(traits(7, brightness=0.0)) == "dark"
    assert sieve.judge(traits(7)) == "kept"


def test_duplicates_may_stay() -> None:
    sieve = Sieve(max_likeness=-1)
    assert [sieve.judge(traits(7)) for _ in range(3)] == ["kept"] * 3


@given(st.lists(st.integers(0, 2**64 - 1), max_size=150), st.integers(0, 40))
def test_kept_ones_are_all_apart(bits: list[int], likeness: int) -> None:
    sieve = Sieve(max_likeness=likeness)
    kept: list[int] = []
    for one in bits:
        near = any(bits_apart(one, other) <= likeness for other in kept)
        assert sieve.judge(traits(one)) == ("duplicate" if near else "kept")
        if not near:
            kept.append(one)


@pytest.mark.parametrize(
    "wrong", [{"min_brightness": -0.1}, {"min_sharpness": 1.1}, {"max_likeness": 65}, {"max_likeness": -2}]
)
def test_values_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=next(iter(wrong))):
        Sieve(**wrong)  # type: ignore[arg-type]


@NEEDS_REAL
def test_real_days_pass_and_real_nights_and_blurred_days_do_not() -> None:
    days = sorted((SHARED / "driving" / "day" / "camvid").glob("*"))[::40]
    nights = sorted((SHARED / "driving" / "night" / "bdd").glob("*"))[::10]
    assert [Sieve().judge(traits_of(load_rgb(path))) for path in days] == ["kept"] * len(days)
    assert all(traits_of(load_rgb(path)).brightness < 0.4 for path in nights)
    for path in days:
        blurred = np.asarray(cv2.GaussianBlur(load_rgb(path), (0, 0), 2.5), np.uint8)
        assert Sieve().judge(traits_of(blurred)) == "blurred"
