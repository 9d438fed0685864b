"""Fixtures for the whole suite: rendered night pictures, and the shared real ones where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

settings.register_profile("suite", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("suite"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "suite")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_nights() -> list[Path]:
    """Every real night picture, or a skip."""
    found = sorted((SHARED / "driving" / "night").glob("*/*.*"))
    if not found:
        pytest.skip(f"no real night pictures: {SHARED / 'driving' / 'night'} is not there")
    return found


def load_rgb(path: Path) -> NDArray[np.uint8]:
    """Read an 8-bit picture as RGB, by OpenCV and not by the package under test."""
    encoded = np.frombuffer(path.read_bytes(), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


@pytest.fixture(scope="session")
def night() -> NDArray[np.uint8]:
    """A synthetic night picture of 144 by 256 with lamps, gradients, edges and noise; no renderer involved."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:144, 0:256].astype(np.float64)
    light = 6.0 + 30.0 * (y > 80) * (x / 256.0) + 25.0 * (x > 150) * (y < 70)
    for cx, cy, power in ((60.0, 40.0, 900.0), (200.0, 90.0, 2500.0)):
        light += power / (1.0 + ((x - cx) ** 2 + (y - cy) ** 2) / 6.0)
    color = light[..., None] * np.array([1.0, 0.85, 0.6]) + rng.normal(0.0, 2.0, (144, 256, 3))
    return np.asarray(np.clip(np.rint(color), 0, 255), np.uint8)
