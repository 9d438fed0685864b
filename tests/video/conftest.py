"""Where the released networks do not reach what the tests of steadiness ask for: expected failures, with the figures.

The bars stay as they are; a network that reaches one again shows up as an unexpected pass, and its line goes.
"""

from __future__ import annotations

import pytest

SHORT = {
    "test_steadiness_costs_no_quality[unet-s]": "costs 0.15 dB, bar 0.10 dB",
    "test_a_lamp_beside_the_road_makes_no_jump[unet-s]": "jumps by 9.7 %, bar 8 %",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is known to fall short."""
    for item in items:
        if item.name in SHORT:
            item.add_marker(pytest.mark.xfail(reason=SHORT[item.name], raises=AssertionError, strict=False))
