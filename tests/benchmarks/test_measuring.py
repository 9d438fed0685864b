"""What every benchmark measures with."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from benchmarks.measuring import (
    REFERENCE,
    ROOT,
    Bytes,
    child_picture,
    night_picture,
    opencv_clahe,
    peak_memory,
    peak_resident,
    ratios,
)
from highbeam import turns


def test_the_reference_is_opencvs_on_lightness_alone() -> None:
    picture = night_picture(180, 320)
    enhanced = opencv_clahe(picture)
    assert enhanced.shape == picture.shape
    assert enhanced.dtype == np.uint8
    before, after = (cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(int) for pixels in (picture, enhanced))
    assert after[..., 0].mean() > before[..., 0].mean()
    assert np.median(np.abs(after - before)[..., 1:]) <= 1


def test_the_reference_leaves_its_input_alone() -> None:
    picture = child_picture(64, 96)
    kept = picture.copy()
    opencv_clahe(picture)
    np.testing.assert_array_equal(picture, kept)


class Clock:
    """Time that passes only while somebody works or sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock instead of the machine's; the reference takes 10 ms."""
    made = Clock()
    monkeypatch.setattr(turns, "time", made)
    monkeypatch.setattr(turns, "opencv_clahe", lambda _: made.sleep(0.01))
    return made


def test_ratios_are_to_the_reference_in_the_same_run(clock: Clock) -> None:
    found = ratios({"slow": lambda _: clock.sleep(0.05), "same": lambda _: clock.sleep(0.01)}, child_picture(8, 8), 3)
    assert list(found) == [REFERENCE, "slow", "same"]
    assert found[REFERENCE] == pytest.approx((10.0, 1.0))
    assert found["slow"] == pytest.approx((50.0, 5.0))
    assert found["same"] == pytest.approx((10.0, 1.0))


def test_a_slow_turn_does_not_move_the_median(clock: Clock) -> None:
    waits = iter([0.02, 0.02, 0.02, 0.9, 0.02, 0.02])
    found = ratios({"hiccup": lambda _: clock.sleep(next(waits))}, child_picture(8, 8), 3)
    assert found["hiccup"] == pytest.approx((20.0, 2.0))


def test_everyone_takes_turns_and_warms_up() -> None:
    calls: list[str] = []
    picture = child_picture(16, 16)

    def note(name: str, given: Bytes) -> None:
        assert given is picture
        calls.append(name)

    ratios({"a": lambda given: note("a", given), "b": lambda given: note("b", given)}, picture, 2)
    assert calls == ["a", "a", "b", "b"] * 2


def test_the_first_call_does_not_count(clock: Clock) -> None:
    waits = iter([9.0, 0.03])
    found = ratios({"lazy": lambda _: clock.sleep(next(waits))}, child_picture(8, 8), 1)
    assert found["lazy"] == pytest.approx((30.0, 3.0))


def test_the_picture_is_a_night_of_any_size() -> None:
    picture = night_picture(101, 97)
    assert picture.shape == (101, 97, 3)
    assert picture.dtype == np.uint8
    assert np.median(picture) < 64
    assert picture.max() > 200


def test_the_childs_picture_is_dark_with_lamps_and_always_the_same() -> None:
    picture = child_picture(200, 300)
    assert np.median(picture) < 60
    assert (picture == 255).all(axis=2).sum() == 3 * 4
    np.testing.assert_array_equal(picture, child_picture(200, 300))


def test_peak_memory_is_what_the_process_had_at_most() -> None:
    code = (
        "from benchmarks.measuring import peak_resident; before = peak_resident();"
        " held = bytearray(b'x') * (200 << 20); del held; print(peak_resident() - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert 150.0 < float(ran.stdout) < 250.0
    assert peak_resident() > 10.0


def test_what_the_picture_itself_takes_is_left_out() -> None:
    used = peak_memory("benchmarks.methods", "gamma", "1920x1080")
    assert 1.0 < used < 100.0


def test_memory_is_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "somewhere", "--child"]
        return subprocess.CompletedProcess(command, 0, "20.0" if command[4] == "none" else "19.5")

    monkeypatch.setattr(subprocess, "run", ran)
    assert peak_memory("somewhere", "thrifty", "word") == 0.0


def test_a_child_that_fails_is_told() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        peak_memory("benchmarks.methods", "no-such-method", "1280x720")


def test_the_root_is_the_repositorys() -> None:
    assert (ROOT / "pyproject.toml").exists()
    assert (ROOT / "benchmarks" / "measuring.py").exists()
