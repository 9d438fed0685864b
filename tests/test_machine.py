"""What a process may use of the machine."""

from __future__ import annotations

import os

import pytest

from highbeam.machine import usable_cpus


def test_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cpus() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cpus() == os.cpu_count()
