"""What docs/metrics.md states of the metrics is what the table of them says."""

from __future__ import annotations

import re

import pytest

from highbeam.metrics import METRICS
from highbeam.metrics.naturalness import load_model
from tests.conftest import ROOT
from tests.metrics.tester import MODEL

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = {
    cells[0].strip(" `"): [cell.strip() for cell in cells[1:]]
    for line in PAGE.splitlines()
    if line.startswith("| `") and len(cells := line.strip("|").split("|")) == 7
}


def test_the_page_lists_every_metric_in_the_order_of_the_table() -> None:
    assert list(ROWS) == list(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_kind_unit_range_and_direction_are_those_of_the_table(name: str) -> None:
    spec, (kind, _, unit, reach, better, _) = METRICS[name], ROWS[name]
    assert (kind, unit) == (spec.kind, spec.unit)
    assert reach == f"{spec.range[0]:g} to {spec.range[1]:g}"
    assert better == {True: "higher", False: "lower", None: "neither"}[spec.higher_is_better]


@pytest.mark.parametrize("name", METRICS)
def test_the_page_says_what_a_metric_does_not_tell(name: str) -> None:
    section = PAGE.split("## What they do not tell")[1].split("\n## ")[0]
    assert f"`{name.removesuffix('-p95').removesuffix('-ratio')}`" in section or f"`{name}`" in section


def test_the_model_is_the_one_that_the_page_describes() -> None:
    model = load_model(MODEL)
    found = re.search(r"fitted to (\d+) sharp patches of\s+(\d+) day pictures", PAGE)
    assert found
    assert (int(found[1]), int(found[2])) == (model.patches, model.pictures)
    assert f"{MODEL.stat().st_size / 1000:.0f} kB" in PAGE
