"""CIELAB and CIEDE2000: the published test data, scikit-image, and what must hold of any colour difference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from highbeam.metrics import ciede2000, ciede2000_p95
from highbeam.metrics.colour import difference, lab
from tests.metrics import literal

_DATA = """
50.0000   2.6772 -79.7751  50.0000   0.0000 -82.7485  2.0425
50.0000   3.1571 -77.2803  50.0000   0.0000 -82.7485  2.8615
50.0000   2.8361 -74.0200  50.0000   0.0000 -82.7485  3.4412
50.0000  -1.3802 -84.2814  50.0000   0.0000 -82.7485  1.0000
50.0000  -1.1848 -84.8006  50.0000   0.0000 -82.7485  1.0000
50.0000  -0.9009 -85.5211  50.0000   0.0000 -82.7485  1.0000
50.0000   0.0000   0.0000  50.0000  -1.0000   2.0000  2.3669
50.0000  -1.0000   2.0000  50.0000   0.0000   0.0000  2.3669
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0009  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0010  7.1792
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0011  7.2195
50.0000   2.4900  -0.0010  50.0000  -2.4900   0.0012  7.2195
50.0000  -0.0010   2.4900  50.0000   0.0009  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0010  -2.4900  4.8045
50.0000  -0.0010   2.4900  50.0000   0.0011  -2.4900  4.7461
50.0000   2.5000   0.0000  50.0000   0.0000  -2.5000  4.3065
50.0000   2.5000   0.0000  73.0000  25.0000 -18.0000 27.1492
50.0000   2.5000   0.0000  61.0000  -5.0000  29.0000 22.8977
50.0000   2.5000   0.0000  56.0000 -27.0000  -3.0000 31.9030
50.0000   2.5000   0.0000  58.0000  24.0000  15.0000 19.4535
50.0000   2.5000   0.0000  50.0000   3.1736   0.5854  1.0000
50.0000   2.5000   0.0000  50.0000   3.2972   0.0000  1.0000
50.0000   2.5000   0.0000  50.0000   1.8634   0.5757  1.0000
50.0000   2.5000   0.0000  50.0000   3.2592   0.3350  1.0000
60.2574 -34.0099  36.2677  60.4626 -34.1751  39.4387  1.2644
63.0109 -31.0961  -5.8663  62.8187 -29.7946  -4.0864  1.2630
61.2901   3.7196  -5.3901  61.4292   2.2480  -4.9620  1.8731
35.0831 -44.1164   3.7933  35.0232 -40.0716   1.5901  1.8645
22.7233  20.0904 -46.6940  23.0331  14.9730 -42.5619  2.0373
36.4612  47.8580  18.3852  36.2715  50.5065  21.2231  1.4146
90.8027  -2.0831   1.4410  91.1528  -1.6435   0.0447  1.4441
90.9257  -0.5406  -0.9208  88.6381  -0.8985  -0.7239  1.5381
 6.7747  -0.2908  -2.4247   5.8714  -0.0985  -2.2286  0.6377
 2.0776   0.0795  -1.1350   0.9033  -0.0636  -0.5514  0.9082
"""  # Sharma, Wu, Dalal 2005, table 1

PAIRS = np.array([line.split() for line in _DATA.split("\n") if line], np.float64)


def test_the_published_pairs() -> None:
    assert PAIRS.shape == (34, 7)
    assert difference(PAIRS[:, :3], PAIRS[:, 3:6]).round(4).tolist() == PAIRS[:, 6].tolist()


def test_the_published_pairs_turned_round() -> None:
    """Only where hues are half a turn apart could the order matter, and there the data says that it does not."""
    assert difference(PAIRS[:, 3:6], PAIRS[:, :3]).round(4).tolist() == PAIRS[:, 6].tolist()


def test_agrees_with_scikit_image_on_any_colours() -> None:
    low, high = [0, -110, -110], [100, 110, 110]
    first, second = (np.random.default_rng(k).uniform(low, high, (20_000, 3)) for k in (1, 2))
    near = first + np.random.default_rng(3).normal(0, 0.5, first.shape)
    for other in (second, near):
        assert np.abs(difference(first, other) - deltaE_ciede2000(first, other)).max() < 1e-10


def test_lab_agrees_with_scikit_image() -> None:
    """Whose matrix has six digits and whose white is D65 as tabulated; ours is what the primaries sum to."""
    pixels = np.random.default_rng(4).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.abs(lab(pixels) - rgb2lab(pixels)).max() < 0.02
    assert np.abs(lab(pixels) - literal.lab(literal.linear(pixels))).max() < 1e-4


def test_greys_have_no_colour_and_white_is_a_hundred() -> None:
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    colours = lab(greys)
    assert np.abs(colours[..., 1:]).max() < 1e-12
    assert colours[0, 0, 0] == 0.0
    assert colours[-1, 0, 0] == pytest.approx(100.0, abs=1e-12)
    assert (np.diff(colours[:, 0, 0]) > 0).all()


_COLOUR = st.tuples(st.floats(0, 100), st.floats(-110, 110), st.floats(-110, 110))


@given(first=_COLOUR, second=_COLOUR)
def test_is_a_symmetric_difference(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    a, b = np.array([first]), np.array([second])
    assert difference(a, a)[0] == 0.0
    assert difference(a, b)[0] >= 0.0
    if abs(abs(_hue(a) - _hue(b)) - 180) > 1e-6:
        assert difference(a, b)[0] == pytest.approx(difference(b, a)[0], rel=1e-9, abs=1e-9)


def _hue(colour: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arctan2(colour[0, 2], colour[0, 1])))


def test_the_percentile_is_that_of_the_pixels() -> None:
    reference = np.full((10, 10, 3), 100, np.uint8)
    pixels = reference.copy()
    pixels[0, :5] = 200  # five of a hundred, so that linear interpolation reaches a twentieth into the gap
    high = float(difference(lab(pixels)[0, 0], lab(reference)[0, 0]))
    assert ciede2000(pixels, reference) == pytest.approx(high / 20)
    assert ciede2000_p95(pixels, reference) == pytest.approx(high * 0.05)
    pixels[0, 5:] = 200
    assert ciede2000_p95(pixels, reference) == pytest.approx(high)


def test_large_pictures_are_taken_in_bands() -> None:
    first, second = (np.random.default_rng(k).integers(0, 256, (300, 400, 3), np.uint8) for k in (5, 6))
    assert ciede2000(first, second) == pytest.approx(float(difference(lab(first), lab(second)).mean()), rel=1e-12)
