"""One numpy picture in, one out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from highbeam.camera import darken_array, darken_array_as
from highbeam.camera.presets import names
from highbeam.errors import ArrayError, OptionError, UsageError
from tests.camera.scenes import as_pixels, road

DAY = as_pixels(road(40, 50))


@pytest.mark.parametrize("preset", names())
def test_every_preset_darkens_a_picture(preset: str) -> None:
    dark, reference, record = darken_array(DAY, preset, seed=3)
    assert dark.shape == reference.shape == DAY.shape
    assert dark.dtype == reference.dtype == np.uint8
    assert record["preset"] in {*names(), preset}
    assert dark.mean() < DAY.mean()


def test_the_seed_decides() -> None:
    one, again, other = (darken_array(DAY, "street", seed=seed).dark for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@given(st.sampled_from(names()), st.integers(0, 2**40))
def test_a_record_gives_the_same_picture(preset: str, seed: int) -> None:
    made = darken_array(DAY, preset, seed=seed)
    again = darken_array_as(DAY, made.record)
    assert np.array_equal(made.dark, again.dark)
    assert np.array_equal(made.reference, again.reference)
    assert made.record == again.record


def test_depth_is_decided_by_dtype_and_the_picture_is_the_same() -> None:
    deep = DAY.astype(np.uint16) * 257
    unit = DAY.astype(np.float32) / np.float32(255.0)
    base = darken_array(DAY, "sensor", seed=5).dark
    from_deep, from_unit = (darken_array(day, "sensor", seed=5).dark for day in (deep, unit))
    assert from_deep.dtype == np.uint16
    assert from_unit.dtype == np.float32
    assert np.array_equal(from_deep // 257, base)
    assert np.array_equal(np.rint(from_unit * 255.0).astype(np.uint8), base)


def test_a_plain_record_is_enough() -> None:
    dark = darken_array_as(DAY, {"law": "sensor", "exposure_ratio": 1.0}).dark
    assert np.array_equal(dark, DAY)


def test_the_result_is_contiguous_and_writable() -> None:
    for pixels in darken_array(DAY, "dusk")[:2]:
        assert isinstance(pixels, np.ndarray)
        assert pixels.flags.c_contiguous
        assert pixels.flags.writeable


def test_read_only_and_strided_pictures_are_taken() -> None:
    wide = np.repeat(DAY, 2, axis=1)
    view = wide[:, ::2]
    view.flags.writeable = False
    assert np.array_equal(darken_array(view, "gamma").dark, darken_array(DAY, "gamma").dark)


@pytest.mark.parametrize(
    "day",
    [DAY[..., 0], DAY[..., :2], DAY.astype(np.float64), np.zeros((4, 4, 4), np.uint8)],
    ids=lambda day: f"{day.dtype}",
)
def test_other_arrays_are_refused(day: NDArray[Any]) -> None:
    with pytest.raises(ArrayError, match="expected"):
        darken_array(day)


def test_bad_names_are_refused() -> None:
    with pytest.raises(OptionError, match="no preset"):
        darken_array(DAY, "midnight")
    with pytest.raises(UsageError, match="law"):
        darken_array_as(DAY, {"preset": "street"})
