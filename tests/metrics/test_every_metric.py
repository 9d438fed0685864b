"""Every metric through the one tester, and what the table of them says."""

from __future__ import annotations

import math
import re

import pytest

from highbeam.errors import UnknownMetricError
from highbeam.metrics import METRICS, find
from tests.metrics.tester import CASES, MetricTester

DTYPES = ("uint8", "uint16", "float32")


def test_every_metric_has_a_case() -> None:
    assert list(CASES) == list(METRICS) or set(CASES) == set(METRICS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", METRICS)
def test_agrees_with_an_independent_version(name: str, dtype: str) -> None:
    MetricTester(name).check_against_the_reference(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", METRICS)
def test_equal_pictures_give_the_ideal(name: str, dtype: str) -> None:
    MetricTester(name).check_ideal(dtype)


@pytest.mark.parametrize("name", METRICS)
def test_stays_in_its_range(name: str) -> None:
    MetricTester(name).check_range()


@pytest.mark.parametrize("name", METRICS)
def test_repeats(name: str) -> None:
    MetricTester(name).check_the_input_is_left_alone_and_the_value_repeats()


@pytest.mark.parametrize("name", METRICS)
def test_is_the_same_in_every_dtype(name: str) -> None:
    MetricTester(name).check_dtypes_agree()


@pytest.mark.parametrize("name", METRICS)
def test_does_not_mind_the_order_in_memory(name: str) -> None:
    MetricTester(name).check_strides_do_not_matter()


@pytest.mark.parametrize("name", METRICS)
def test_merges_exactly_over_processes(name: str) -> None:
    MetricTester(name).check_accumulator()


@pytest.mark.parametrize("name", METRICS)
def test_refuses_what_cannot_be_measured(name: str) -> None:
    MetricTester(name).check_refusals()


@pytest.mark.parametrize("name", METRICS)
def test_takes_the_smallest_picture_it_says(name: str) -> None:
    MetricTester(name).check_the_smallest()


@pytest.mark.parametrize("name", METRICS)
def test_rows_are_whole(name: str) -> None:
    spec = METRICS[name]
    assert spec.name == name == name.lower()
    assert spec.range[0] < spec.range[1]
    assert not math.isnan(sum(spec.range))
    assert spec.summary
    assert not spec.summary.endswith(".")
    assert spec.source
    assert spec.kind in {"full-reference", "no-reference", "input-output", "clip"}
    assert spec.function.__doc__
    assert spec.function.__name__ == name.replace("-", "_")


@pytest.mark.parametrize("name", METRICS)
def test_docstrings_say_unit_range_direction_and_source_as_the_table_does(name: str) -> None:
    spec = METRICS[name]
    doc = " ".join((spec.function.__doc__ or "").split())
    (returns,) = re.findall(r"Returns: (.*?)(?: Raises:|$)", doc)
    low, high = (f"{end:g}" for end in spec.range)
    better = {True: "higher is better", False: "lower is better", None: "neither is better"}[spec.higher_is_better]
    assert f"from {low} to {high.replace('inf', 'infinity')}, {better}" in returns
    assert returns.lower().startswith((spec.unit or "a pure number").lower())
    assert [word for word in sorted(source_words(spec.source)) if not re.search(rf"\b{re.escape(word)}\b", doc)] == []


def source_words(source: str) -> set[str]:
    """The first author, the year and the standard of a source, or whose own it is."""
    words = {"own"} if "this project" in source else set()
    words |= set(re.findall(r"log10|BT\.601-7|11664-4", source))
    if author := re.match(r"(?:after )?([A-Z][a-z]+), ", source):
        words |= {author[1], *re.findall(r"\b(?:19|20)\d\d\b", source)}
    return words


def test_every_source_has_words_to_look_for() -> None:
    assert all(source_words(spec.source) for spec in METRICS.values())


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        METRICS["own"] = METRICS["psnr"]  # type: ignore[index]


def test_a_wrong_name_lists_the_right_ones() -> None:
    assert find("ssim") is METRICS["ssim"]
    with pytest.raises(UnknownMetricError, match=r"no metric 'ms_ssim'; did you mean 'ms-ssim'\?.*psnr, psnr-y"):
        find("ms_ssim")
