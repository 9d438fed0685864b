"""Entries and surveys: joining, choosing, thinning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.datasets.entries import (
    Bad,
    Entry,
    Light,
    Missing,
    Place,
    Survey,
    checked_lights,
    every_seconds,
    merged,
    selected,
)
from highbeam.errors import OptionError
from tests.datasets.makers import entry, names


def frames(path: str, seconds: list[float]) -> list[Entry]:
    return [
        Entry(f"{path}#{number}", path, Place(Path(path), number), seconds=time) for number, time in enumerate(seconds)
    ]


def test_places_of_a_picture_and_of_a_pair() -> None:
    single = entry("a.png")
    assert single.places == (Place(Path("a.png")),)
    both = replace(single, low=Place(Path("b.png")))
    assert both.places == (Place(Path("a.png")), Place(Path("b.png")))


def test_surveys_are_joined_and_the_first_of_a_name_stays() -> None:
    one = Survey((entry("a", "x"), entry("b", "x")), (Missing("m"),), ("h",), (Bad("c", "why"),))
    other = Survey((entry("b", "y"), entry("d", "y")), (Missing("n"),))
    both = merged([one, other])
    assert [(item.name, item.source) for item in both.entries] == [("a", "x"), ("b", "x"), ("d", "y")]
    assert both.missing == (Missing("m"), Missing("n"))
    assert both.halves == ("h",)
    assert both.bad == (Bad("c", "why"),)
    assert merged([]) == Survey(())


def test_light_and_split_choose() -> None:
    entries = (
        entry("a", light="day", split="train"),
        entry("b", light="night", split="train"),
        entry("c", light="day", split="test"),
        entry("d", light="dusk"),
    )
    missing = (Missing("all"), Missing("of train", "train"), Missing("of test", "test"))
    survey = Survey(entries, missing)
    assert names(selected(survey, ["day"]).entries) == ["a", "c"]
    assert names(selected(survey, ["night", "dusk"]).entries) == ["b", "d"]
    assert selected(survey, ["day"]).missing == missing
    chosen = selected(survey, ["day"], "test")
    assert names(chosen.entries) == ["c"]
    assert [line.what for line in chosen.missing] == ["all", "of test"]


def test_frames_are_thinned_by_time() -> None:
    clip = frames("clip", [number / 10 for number in range(25)])
    assert [item.seconds for item in every_seconds(clip, 1.0)] == [0.0, 1.0, 2.0]
    assert [item.seconds for item in every_seconds(clip, 0.5)] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert every_seconds(clip, 0.0) == tuple(clip)


def test_uneven_times_do_not_drift() -> None:
    rounded = frames("clip", [round(number / 29.97, 4) for number in range(1000)])
    assert len(every_seconds(rounded, 1.0)) == 34
    gap = frames("clip", [0.0, 0.9, 2.5, 2.9, 3.1])
    assert [item.seconds for item in every_seconds(gap, 1.0)] == [0.0, 2.5, 3.1]


def test_each_clip_is_thinned_alone_and_pictures_stay() -> None:
    mixed = [entry("p"), *frames("one", [0.0, 0.2]), entry("q"), *frames("two", [0.0, 0.2])]
    assert names(every_seconds(mixed, 1.0)) == ["p", "one#0", "q", "two#0"]


@given(st.lists(st.floats(0.0, 50.0), max_size=60), st.floats(0.05, 5.0))
def test_thinning_keeps_one_frame_in_each_stretch(times: list[float], seconds: float) -> None:
    clip = frames("clip", sorted(times))
    kept = every_seconds(clip, seconds)
    assert set(kept) <= set(clip)
    stretches = {int((time + 5e-4) / seconds) for time in times}
    assert len(kept) == len(stretches)
    assert every_seconds(kept, seconds) == kept


def test_lights_are_read() -> None:
    wanted: tuple[Light, ...] = ("day", "dusk")
    assert checked_lights([" Day", "dusk "]) == wanted
    with pytest.raises(OptionError, match=r"no light 'nigth'; did you mean 'night'\?"):
        checked_lights(["nigth"])
