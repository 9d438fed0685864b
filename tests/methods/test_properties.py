"""What holds for every method: shapes, dtypes, determinism, strength, highlights, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from highbeam.errors import ArrayError, OptionError, UnknownMethodError, UsageError
from highbeam.methods import DEFAULT_METHOD, METHODS, finish, load, names
from highbeam.methods.base import check_pixels, from_unit, full_scale, largest_channel, to_unit
from highbeam.weights import catalog
from tests.conftest import load_rgb

DTYPES = ("uint8", "uint16", "float32")
every_method = pytest.mark.parametrize("name", METHODS)
every_classical_method = pytest.mark.parametrize("name", [name for name in METHODS if name not in catalog()])
"""Networks promise no such thing: they are learned, and see the border of a picture."""
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


def filled(shape: tuple[int, ...], dtype: str, share: float) -> NDArray[Any]:
    """An array of one value, given as a share of white."""
    white = full_scale(np.empty(0, dtype))
    return np.full(shape, share * white).astype(dtype)


def noise(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray[Any]:
    unit = np.random.default_rng(seed).random(shape)
    return unit.astype(np.float32) if dtype == "float32" else (unit * full_scale(np.empty(0, dtype))).astype(dtype)


@st.composite
def pictures(draw: st.DrawFn) -> NDArray[Any]:
    """Any small picture of any accepted dtype."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)), 3)
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    values = st.floats(0, 1, width=32) if dtype == np.float32 else None
    return draw(arrays(dtype, shape, elements=values))


@every_method
@given(picture=pictures())
def test_any_picture_keeps_shape_and_dtype_and_is_deterministic(name: str, picture: NDArray[Any]) -> None:
    before = picture.copy()
    out = load(name)(picture)
    assert out.shape == picture.shape
    assert out.dtype == picture.dtype
    np.testing.assert_array_equal(out, load(name)(picture))
    np.testing.assert_array_equal(picture, before)
    assert out is not picture
    check_pixels(out)


@every_method
@every_dtype
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (5, 1, 3), (2, 2, 3), (37, 53, 3), (3, 2000, 3)])
def test_odd_sizes(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    out = load(name)(noise(shape, dtype))
    assert out.shape == shape
    assert out.dtype == np.dtype(dtype)


@every_classical_method
@every_dtype
def test_black_stays_near_black_or_grey_and_white_stays_white(name: str, dtype: str) -> None:
    black, white = filled((24, 32, 3), dtype, 0.0), filled((24, 32, 3), dtype, 1.0)
    dark = load(name)(black).astype(float) / full_scale(black)
    assert np.isfinite(dark).all()
    assert dark.std() < 1e-3
    np.testing.assert_array_equal(load(name)(white), white)


@pytest.mark.parametrize("name", ["gamma", "msrcr", "msrcp", "exposure-fusion"])
@every_dtype
def test_black_that_holds_nothing_stays_black(name: str, dtype: str) -> None:
    black = filled((24, 32, 3), dtype, 0.0)
    np.testing.assert_array_equal(load(name)(black), black)


@every_classical_method
@every_dtype
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_flat_picture_stays_flat(name: str, dtype: str, share: float) -> None:
    flat = filled((40, 56, 3), dtype, share)
    out = load(name)(flat).astype(float) / full_scale(flat)
    assert np.ptp(out.reshape(-1, 3), axis=0).max() < 5e-3


@every_classical_method
def test_grey_stays_grey(name: str, night: NDArray[np.uint8]) -> None:
    grey = np.repeat(night[..., :1], 3, axis=2)
    out = load(name)(grey).astype(int)
    assert np.ptp(out, axis=2).max() <= 2  # Lab rounds to 8 bit


@every_method
def test_a_dark_sixteen_bit_frame_is_judged_by_its_dtype(name: str, night: NDArray[np.uint8]) -> None:
    """Values below 256 in uint16 are nearly black, not an 8-bit picture."""
    out = load(name, protect_highlights=False)(night.astype(np.uint16))
    assert out.dtype == np.uint16
    assert out.max() > 255


@every_method
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_deeper_dtypes_agree_with_eight_bit(name: str, dtype: str, night: NDArray[np.uint8]) -> None:
    unit = to_unit(night)
    deep = unit if dtype == "float32" else (night.astype(np.uint16) * 257)
    error = load(name)(deep) / full_scale(deep) - load(name)(night) / 255.0
    assert np.sqrt(np.mean(error**2)) < 0.01


@every_method
def test_brightens_the_dark(name: str, night: NDArray[np.uint8]) -> None:
    dark = night.max(axis=2) < 60
    assert load(name)(night)[dark].mean() > night[dark].mean()


@every_method
@every_dtype
def test_strength_zero_is_the_input_and_half_lies_between(name: str, dtype: str) -> None:
    picture = noise((31, 45, 3), dtype, seed=2)
    np.testing.assert_array_equal(load(name, strength=0.0)(picture), picture)
    white = full_scale(picture)
    full, half = load(name)(picture).astype(float), load(name, strength=0.5)(picture).astype(float)
    step = 0.0 if dtype == "float32" else 1.0
    np.testing.assert_allclose(half, (full + picture) / 2, atol=step + 1e-6 * white)


def test_strength_functions_directly() -> None:
    a, b = filled((2, 2, 3), "uint8", 0.2), filled((2, 2, 3), "uint8", 0.8)
    assert finish.apply_strength(a, b, 1.0) is b
    copy = finish.apply_strength(a, b, 0.0)
    assert copy is not a
    np.testing.assert_array_equal(copy, a)


@every_method
@every_dtype
def test_what_was_nearly_white_stays_as_it_was(name: str, dtype: str) -> None:
    picture = noise((48, 64, 3), dtype, seed=5)
    white = full_scale(picture)
    kept = picture.max(axis=2) >= finish.CEILING * white
    assert kept.any()
    out = load(name)(picture)
    np.testing.assert_array_equal(out[kept], picture[kept])
    assert out[~kept].max() < np.ceil(finish.CEILING * white) + (dtype == "float32") * 1e-6


@given(
    lamp=st.floats(0.96, 1.0),
    ambient=st.floats(0.0, 0.2),
    gain=st.floats(1.0, 20.0),
    radius=st.floats(3.0, 40.0),
)
def test_no_halo_around_a_lamp(lamp: float, ambient: float, gain: float, radius: float) -> None:
    """Along a glow that falls off monotonically, what any rising curve gives falls off monotonically too."""
    distance = np.arange(200.0)
    glow = ambient + (lamp - ambient) / (1.0 + (distance / radius) ** 2)
    picture = np.repeat(np.repeat(glow[None, :, None], 4, axis=0), 3, axis=2).astype(np.float32)
    enhanced = np.clip(1.0 - (1.0 - picture) ** np.float32(gain), 0.0, 1.0).astype(np.float32)
    out = finish.protect_highlights(picture, enhanced)
    assert (np.diff(out[0, :, 0].astype(np.float64)) <= 1e-5).all()
    assert out.max() == picture.max()


def test_protection_keeps_the_hue_of_a_tail_light() -> None:
    red = np.array([[[250, 40, 30], [210, 35, 25], [120, 20, 15]]], np.uint8)
    enhanced = np.array([[[255, 160, 150], [255, 150, 140], [230, 110, 100]]], np.uint8)
    out = finish.protect_highlights(red, enhanced)
    assert tuple(out[0, 0]) == (250, 40, 30)
    saturation = 1.0 - out[0].min(axis=1) / out[0].max(axis=1)
    assert saturation[0] > saturation[1] > 1.0 - enhanced[0, 1].min() / enhanced[0, 1].max()


def test_protection_restores_highlights_that_a_method_darkens() -> None:
    picture = filled((4, 4, 3), "uint8", 0.99)
    np.testing.assert_array_equal(finish.protect_highlights(picture, picture // 2), picture)


def test_where_there_is_no_lamp_white_stays_white() -> None:
    dark, enhanced = np.full((20, 20, 3), 100, np.uint8), np.full((20, 20, 3), 255, np.uint8)
    out = finish.protect_highlights(dark, enhanced)
    np.testing.assert_array_equal(out, enhanced)
    assert out is not enhanced


def test_the_first_lamp_bends_the_rest_without_a_jump() -> None:
    enhanced = np.full((200, 200, 3), 1.0, np.float32)
    levels = []
    for v in np.linspace(0.8, 0.95, 31):
        picture = np.full((200, 200, 3), 0.4, np.float32)
        picture[0, :4] = v
        levels.append(float(finish.protect_highlights(picture, enhanced)[100, 100, 0]))
    assert levels[0] == 1.0
    assert levels[-1] < finish.BELOW
    assert np.all(np.diff(levels) <= 0.0)
    assert np.abs(np.diff(levels)).max() < 0.015


def test_protection_can_be_switched_off(night: NDArray[np.uint8]) -> None:
    on, off = load("gamma")(night), load("gamma", protect_highlights=False)(night)
    assert off.max() >= on.max()
    assert (off.astype(int) >= on.astype(int) - 1)[night.max(axis=2) < 100].all()


def test_a_view_that_is_not_contiguous_is_accepted(night: NDArray[np.uint8]) -> None:
    view = night[::-1, ::2]
    for name in METHODS:
        np.testing.assert_array_equal(load(name)(view), load(name)(np.ascontiguousarray(view)))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([[1, 2, 3]], "numpy array"),
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 4), np.uint8), "shape"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
        (np.zeros((4, 4, 3), np.float64), "float64"),
        (np.zeros((4, 4, 3), np.int16), "int16"),
        (np.zeros((4, 4, 3), ">u2"), "byte order"),
        (np.zeros((4, 4, 3), ">f4"), "byte order"),
        (np.full((4, 4, 3), 1.5, np.float32), r"\[0, 1\]"),
        (np.full((4, 4, 3), -0.1, np.float32), r"\[0, 1\]"),
        (np.full((4, 4, 3), np.nan, np.float32), r"\[0, 1\]"),
        (np.full((4, 4, 3), np.inf, np.float32), r"\[0, 1\]"),
    ],
)
def test_wrong_arrays_are_refused(wrong: NDArray[Any], says: str) -> None:
    for strength in (0.0, 1.0):
        with pytest.raises(ArrayError, match=says):
            load("gamma", strength=strength)(wrong)


def test_a_wrong_name_says_what_is_right_and_nearest() -> None:
    with pytest.raises(UnknownMethodError, match=r"no method 'msrcx'; did you mean 'msrc[rp]'\? \(methods: .*gamma, "):
        load("msrcx")
    with pytest.raises(UnknownMethodError, match="no method 'zzzz' "):
        load("zzzz")
    with pytest.raises(UnknownMethodError, match="did you mean 'clahe'"):
        load("CLAHE")
    nothing: Any = None
    with pytest.raises(UnknownMethodError, match="no method None"):
        load(nothing)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("clahe", {"clip_limt": 3}, r"no option 'clip_limt'; did you mean 'clip_limit'\? \(options: .*strength"),
        ("clahe", {"clip_limit": 0.5}, "clip_limit: .*greater than or equal to 1"),
        ("clahe", {"space": "xyz"}, "space: .*'lab', 'hsv', 'hls' or 'ycrcb'"),
        ("gamma", {"gamma": "bright"}, "gamma: .*valid number"),
        ("gamma", {"gamma": float("nan")}, "gamma: "),
        ("msr", {"sigmas": []}, "sigmas: .*at least 1"),
        ("msr", {"sigmas": [0.1]}, "sigmas.0: "),
        ("msrcr", {"clip_low": 50}, "clip_low: .*less than 50"),
        ("exposure-fusion", {"ratio": 0.5}, "ratio: "),
        ("gamma", {"strength": 1.5}, "strength: .*less than or equal to 1"),
        ("gamma", {"strength": float("nan")}, "strength: "),
        ("gamma", {"strength": None}, "strength: .*valid number"),
        ("gamma", {"protect_highlights": "maybe"}, "protect_highlights: .*valid boolean"),
        ("gamma", {"strenght": 1}, "did you mean 'strength'"),
        ("msr", {"sigmas": ["a", "b"]}, r"msr: sigmas.0: [^;]*; sigmas.1: [^;]*$"),
    ],
)
def test_wrong_options_say_what_is_right(name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says) as caught:
        load(name, **options)
    assert isinstance(caught.value, UsageError)


def test_words_from_a_command_line_are_converted() -> None:
    method = load("msr", sigmas=["15", "80"], gain="0.6")
    assert method.options.sigmas == (15.0, 80.0)
    assert method.options.gain == 0.6
    words: dict[str, Any] = {"strength": "0.5", "protect_highlights": "no"}
    method = load("gamma", **words)
    assert (method.strength, method.protect_highlights) == (0.5, False)


def test_options_are_frozen() -> None:
    method = load("gamma")
    with pytest.raises(Exception, match=r"frozen|cannot assign"):
        method.options.gamma = 3.0
    with pytest.raises(AttributeError):
        method.strength = 0.5  # type: ignore[misc]


def test_the_table_is_complete() -> None:
    assert DEFAULT_METHOD in METHODS
    assert names() == tuple(METHODS)
    for name, spec in METHODS.items():
        assert spec.name == name
        assert spec.summary
        assert any(year in spec.source for year in ("1997", "2004", "2012", "2014", "2015", "2017"))
        spec.options()  # defaults lie inside their ranges


@every_method
def test_real_night_pictures(name: str, real_nights: list[Path]) -> None:
    method = load(name)
    for path in real_nights[:: 8 if name in catalog() else 2]:  # a network takes up to two seconds for each
        picture = load_rgb(path)
        out = method(picture)
        assert out.shape == picture.shape, path.name
        near_white = picture.max(axis=2) >= finish.CEILING * 255
        np.testing.assert_array_equal(out[near_white], picture[near_white], err_msg=path.name)
        dark = picture.max(axis=2) < 40
        if dark.mean() > 0.1:
            assert out[dark].mean() >= picture[dark].mean(), path.name


@pytest.mark.parametrize("convert", [to_unit, lambda p: p], ids=["to_unit", "identity"])
@every_dtype
def test_conversion_round_trip(dtype: str, convert: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    picture = noise((13, 17, 3), dtype)
    assert convert(picture).shape == picture.shape
    np.testing.assert_array_equal(from_unit(to_unit(picture), picture), picture)


@every_dtype
def test_from_unit_clips_and_applies_gain_and_offset(dtype: str) -> None:
    like = filled((1, 3, 3), dtype, 0.5)
    unit = np.array([[[-1.0] * 3, [0.5] * 3, [2.0] * 3]], np.float32)
    white = full_scale(like)
    np.testing.assert_allclose(from_unit(unit, like)[0, :, 0], [0, 0.5 * white, white], atol=0.5)
    np.testing.assert_allclose(from_unit(unit, like, gain=0.5, offset=0.25)[0, 1, 0], 0.5 * white, atol=0.5)


@every_dtype
def test_largest_channel(dtype: str) -> None:
    picture = noise((9, 11, 3), dtype)
    np.testing.assert_array_equal(largest_channel(picture), picture.max(axis=2))
