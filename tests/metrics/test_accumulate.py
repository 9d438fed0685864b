"""Measuring by name, and values brought together: exact, picklable, the same for any split."""

from __future__ import annotations

import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.errors import ArrayError, MetricError, UnknownMetricError
from highbeam.methods.base import Pixels
from highbeam.metrics import Accumulator, Summary, measure, psnr, ssim
from tests.metrics.tester import make_pictures

OUTPUT, REFERENCE, SOURCE = make_pictures(0, 48, 64)


def test_each_kind_gets_what_it_compares_with() -> None:
    names = ["psnr", "loe", "highlight-growth"]
    values = measure(names, OUTPUT, reference=REFERENCE, source=SOURCE)
    assert list(values) == names
    assert values["psnr"] == psnr(OUTPUT, REFERENCE)
    assert measure(["psnr"], OUTPUT, reference=REFERENCE) == {"psnr": psnr(OUTPUT, REFERENCE)}
    assert measure(["loe"], OUTPUT, source=SOURCE) == {"loe": values["loe"]}
    assert measure([], OUTPUT) == {}
    clip = measure(["flicker"], [OUTPUT] * 3, source=[SOURCE] * 3)
    assert clip == {"flicker": 0.0}


@pytest.mark.parametrize(("name", "wanted"), [("ssim", "reference"), ("loe", "source"), ("flicker", "source")])
def test_what_is_missing_is_named(name: str, wanted: str) -> None:
    beside: dict[str, Pixels] = {"source": SOURCE} if wanted == "reference" else {"reference": REFERENCE}
    with pytest.raises(MetricError, match=f"{name} .*{wanted}"):
        measure([name], OUTPUT, **beside)


def test_errors_of_the_metrics_come_through() -> None:
    with pytest.raises(UnknownMetricError, match="did you mean 'psnr'"):
        measure(["psrn"], OUTPUT)
    with pytest.raises(ArrayError, match="one shape and dtype"):
        measure(["psnr"], OUTPUT, reference=REFERENCE[1:])


def test_a_summary_counts_what_has_no_value() -> None:
    values = Accumulator()
    for key, value in {"a": 3.0, "b": math.nan, "c": 1.0, "d": 8.0, "e": 4.0}.items():
        values.update(key, {"grey-cast": value})
    assert values.compute() == {"grey-cast": Summary(4.0, 3.5, 1.0, 8.0, 4, 1)}


def test_nothing_but_undefined_values_have_no_mean() -> None:
    values = Accumulator()
    values.update("a", {"grey-cast": math.nan})
    values.update("a", {"grey-cast": math.nan})
    summary = values.compute()["grey-cast"]
    assert all(math.isnan(v) for v in (summary.mean, summary.median, summary.low, summary.high))
    assert (summary.count, summary.undefined) == (0, 1)
    assert Accumulator().compute() == {}


def test_a_perfect_picture_makes_the_mean_infinite() -> None:
    values = Accumulator()
    values.update("a", {"psnr": math.inf})
    values.update("b", {"psnr": 20.0})
    values.update("c", {"psnr": 30.0})
    summary = values.compute()["psnr"]
    assert (summary.mean, summary.median, summary.high) == (math.inf, 30.0, math.inf)


def test_two_pictures_of_one_name_are_refused() -> None:
    values, other = Accumulator(), Accumulator()
    values.update("night/1.png", {"psnr": 20.0})
    values.update("night/1.png", {"psnr": 20.0})
    other.update("night/1.png", {"psnr": 21.0})
    with pytest.raises(MetricError, match=r"psnr of 'night/1\.png' is both 20\.0 and 21\.0"):
        values.update("night/1.png", {"psnr": 21.0})
    with pytest.raises(MetricError, match=r"night/1\.png"):
        values.merge(other)
    with pytest.raises(UnknownMetricError):
        values.update("a", {"sharpness": 1.0})
    assert values.compute()["psnr"].count == 1


def test_merging_leaves_the_parts_alone() -> None:
    parts = []
    for key in "abc":
        parts.append(Accumulator())
        parts[-1].update(key, {"ssim": ord(key) / 100})
    together = parts[0].merge(*parts[1:])
    assert together.values == {"ssim": {"a": 0.97, "b": 0.98, "c": 0.99}}
    assert [len(part.values["ssim"]) for part in parts] == [1, 1, 1]
    assert parts[0].merge().values == parts[0].values


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    processes=st.integers(1, 7),
    repeats=st.integers(0, 3),
    random=st.randoms(use_true_random=False),
)
def test_any_split_has_the_same_mean_to_the_last_bit(
    values: list[float], processes: int, repeats: int, random: st.DataObject
) -> None:
    named = {f"{k}.png": {"loe": value} for k, value in enumerate(values)}
    whole = Accumulator()
    for key, value in named.items():
        whole.update(key, value)
    dealt = [*named.items(), *list(named.items())[:repeats]]  # samplers fill up with the first ones
    random.shuffle(dealt)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    parts = [Accumulator() for _ in range(processes)]
    for k, (key, value) in enumerate(dealt):
        parts[k % processes].update(key, value)
    first, *rest = pickle.loads(pickle.dumps(parts))  # noqa: S301 - our own bytes
    assert first.merge(*rest).compute() == whole.compute()
    assert whole.compute()["loe"].mean == math.fsum(values) / len(values)


def _share(seeds: list[int]) -> Accumulator:
    part = Accumulator()
    for seed in seeds:
        output, reference, _ = make_pictures(seed, 32, 40)
        part.update(f"{seed}.png", measure(["psnr", "ssim"], output, reference=reference))
    return part


def test_real_processes_with_an_odd_count() -> None:
    """Five pictures in two processes, the first one in both."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        first, second = pool.map(_share, [[0, 2, 4], [1, 3, 0]])
    whole = _share(list(range(5)))
    assert first.merge(second).compute() == second.merge(first).compute() == whole.compute()
    assert whole.compute()["ssim"].count == 5
    expected = np.mean([ssim(*make_pictures(seed, 32, 40)[:2]) for seed in range(5)])
    assert whole.compute()["ssim"].mean == pytest.approx(float(expected), rel=1e-14)
