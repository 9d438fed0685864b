"""The words of the command line, read or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.cli.options import (
    check_format,
    check_output,
    enhancer_of,
    limits_of,
    method_options,
    pixel_count,
)
from highbeam.errors import OptionError, OutputError, UsageError
from highbeam.methods import DEFAULT_METHOD, METHODS, find
from highbeam.pictures import FORMATS, Limits


def test_values_stay_text_and_lists_are_split() -> None:
    words = ["sigmas=15, 80,250,", "clip-low = 3 ", "clip_high=1"]
    assert method_options(find("msrcp"), words) == {"sigmas": ["15", "80", "250"], "clip_low": "3", "clip_high": "1"}


def test_one_value_of_a_list() -> None:
    assert enhancer_of("msr", ["sigmas=80"], strength=1.0, protect_highlights=True).options.sigmas == (80.0,)


def test_none_where_an_option_may_be_left_open() -> None:
    assert method_options(find("exposure-fusion"), ["ratio=None", "mu=none"]) == {"ratio": None, "mu": "none"}


def test_a_value_may_hold_what_separates() -> None:
    assert method_options(find("gamma"), ["gamma=a=b,c"]) == {"gamma": "a=b,c"}


@pytest.mark.parametrize("word", ["", "gamma", "=2", " = "])
def test_words_that_are_no_pair(word: str) -> None:
    with pytest.raises(OptionError, match="--set takes key=value"):
        method_options(find("gamma"), [word])


def test_keys_that_come_twice_or_elsewhere() -> None:
    with pytest.raises(OptionError, match="--set clip_low is given twice"):
        method_options(find("msrcp"), ["clip-low=1", "clip_low=2"])
    with pytest.raises(OptionError, match="use --protect-highlights"):
        method_options(find("gamma"), ["protect_highlights=false"])


def test_the_default_method() -> None:
    enhancer = enhancer_of(None, [], strength=0.25, protect_highlights=False)
    assert (enhancer.spec.name, enhancer.strength, enhancer.protect_highlights) == (DEFAULT_METHOD, 0.25, False)


@given(name=st.sampled_from(sorted(METHODS)), words=st.lists(st.text(max_size=12), max_size=3))
def test_whatever_is_set_is_understood_or_refused(name: str, words: list[str]) -> None:
    try:
        enhancer_of(name, words, strength=1.0, protect_highlights=True)
    except UsageError:
        return


def test_formats() -> None:
    assert check_format(None) is None
    assert [check_format(name.upper()) for name in FORMATS] == list(FORMATS)
    assert (check_format("jpg"), check_format("TIF")) == ("jpeg", "tiff")
    with pytest.raises(UsageError, match=r"no format 'webpp'; did you mean 'webp'\? \(formats: jpeg, png"):
        check_format("webpp")


@pytest.mark.parametrize(
    ("text", "count"),
    [("50000000", 50_000_000), ("50M", 50_000_000), ("0.5m", 500_000), ("2MP", 2_000_000), (" 1_000 ", 1000), ("1", 1)],
)
def test_counts_of_pixels(text: str, count: int) -> None:
    assert pixel_count(text) == count
    assert limits_of(text) == Limits(max_pixels=count)


@pytest.mark.parametrize("text", ["", "M", "0", "-1", "1.5", "1e6", "50K", "0.0000001M", "ten", "1 2", "nan", "٣"])
def test_counts_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--max-pixels takes a count"):
        pixel_count(text)


@given(count=st.integers(1, 10**12))
def test_every_count_is_read_as_written(count: int) -> None:
    assert pixel_count(str(count)) == count
    assert pixel_count(f"{count}M") == count * 1_000_000


def test_without_a_count_the_limits_are_those_of_the_package() -> None:
    assert limits_of(None) == Limits()


def test_an_output_has_a_name() -> None:
    assert [check_output(word) for word in (".", "-", " ", "out")] == [".", "-", " ", "out"]
    with pytest.raises(OutputError, match="an empty word names no place"):
        check_output("")
