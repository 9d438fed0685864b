"""What is counted adds up, and the delays are right within their bins."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.video.live_counts import Counts, Delays


@given(st.lists(st.floats(1e-5, 100.0), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 1.0]))
def test_quantiles_are_those_of_the_sorted_list_within_two_percent(seconds: list[float], share: float) -> None:
    delays = Delays()
    for value in seconds:
        delays.add(value)
    expected = float(np.quantile(seconds, share, method="inverted_cdf"))
    assert delays.quantile(share) == pytest.approx(expected, rel=0.021)


def test_no_delay_is_none() -> None:
    assert Delays().quantile(0.5) == 0.0
    delays = Delays()
    delays.add(0.0)
    delays.add(-1.0)  # no clock goes backwards, but nothing may break of it
    assert delays.quantile(1.0) < 1e-5


def test_before_the_first_frame_all_is_zero() -> None:
    tally = Counts().tally()
    assert set(tally.as_dict().values()) == {0}
    assert "0 received, 0 enhanced, 0 dropped; 0.0 fps" in str(tally)


def test_counts() -> None:
    counts = Counts()
    assert [counts.received() for _ in range(5)] == [0, 1, 2, 3, 4]
    counts.dropped(2)
    counts.dropped()
    now = time.monotonic()
    assert counts.enhanced(now - 0.5) == 1
    time.sleep(0.02)
    assert counts.enhanced(now - 0.5) == 2
    counts.reconnected()
    tally = counts.tally()
    assert (tally.received, tally.enhanced, tally.dropped, tally.reconnects) == (5, 2, 3, 1)
    assert 0.45 < tally.delay < 5.0
    assert 0.0 < tally.fps <= 50.0
    assert tally.seconds >= 0.02
    assert "5 received, 2 enhanced, 3 dropped, reconnected 1 times; " in str(tally)
    assert json.loads(json.dumps(tally.as_dict()))["received"] == 5
