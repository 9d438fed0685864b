"""OpenCV decodes in silence, and speaks again afterwards, whatever the threads do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from highbeam.pictures import opencv
from tests.pictures.makers import Array, by_opencv, gradient

WHOLE = by_opencv(".avif", gradient(30, 44, dtype=np.uint16) >> 4, cv2.IMWRITE_AVIF_DEPTH, 12)
BROKEN = WHOLE[:-20].ljust(len(WHOLE), b"\0")
LOG = cv2.utils.logging


@pytest.fixture(params=[LOG.LOG_LEVEL_ERROR, LOG.LOG_LEVEL_WARNING])
def level(request: pytest.FixtureRequest) -> Iterator[int]:
    before = LOG.setLogLevel(request.param)
    yield request.param
    LOG.setLogLevel(before)


def plain(data: bytes) -> Array | None:
    found: Array | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return found


def test_samples_are_those_of_opencv() -> None:
    found, wanted = opencv.decoded(WHOLE), plain(WHOLE)
    assert found is not None
    assert wanted is not None
    assert found.dtype == np.uint16
    assert np.array_equal(found, wanted)


def test_silence_lasts_as_long_as_the_call(level: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert opencv.decoded(BROKEN) is None
    assert capfd.readouterr() == ("", "")
    assert LOG.getLogLevel() == level
    assert plain(BROKEN) is None
    assert "ERROR" in capfd.readouterr().err


def test_an_error_ends_the_silence_too(level: int) -> None:
    with pytest.raises(cv2.error):
        opencv.decoded(b"")
    assert LOG.getLogLevel() == level


def test_the_last_of_many_threads_ends_the_silence(level: int, capfd: pytest.CaptureFixture[str]) -> None:
    gate = threading.Barrier(4)

    def work(number: int) -> None:
        gate.wait()
        for turn in range(30):
            assert (opencv.decoded(WHOLE if (number + turn) % 2 else BROKEN) is None) == ((number + turn) % 2 == 0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert capfd.readouterr() == ("", "")
    assert LOG.getLogLevel() == level
