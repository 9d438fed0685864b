"""Plots: everything lies where its value is, and nothing that cannot be drawn breaks a drawing."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highbeam.evaluation.plots import (
    COLORS,
    Axis,
    Group,
    Point,
    boxes,
    drawable,
    escape,
    marker,
    scatter,
    short,
    ticks,
)

X, Y = Axis("speed"), Axis("quality")
SVG = "http://www.w3.org/2000/svg"


def parsed(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)  # noqa: S314 - our own drawing


def centres(drawing: str) -> list[tuple[float, float]]:
    """Middles of the round marks of style 1."""
    found = re.findall(r'class="mark c1" d="M(-?[\d.]+) (-?[\d.]+)a([\d.]+)', drawing)
    return [(float(x) + float(radius), float(y)) for x, y, radius in found]


def texts(drawing: str, kind: str | None = None) -> list[str]:
    return [
        e.text or "" for e in parsed(drawing).iter() if e.tag == "text" and (kind is None or e.get("class") == kind)
    ]


def test_marks_lie_where_their_values_are() -> None:
    points = [Point(x, y, "", 1) for x, y in ((0, 0), (5, 20), (10, 10))]
    first, second, third = centres(scatter(points, X, Y, "about"))
    assert first[0] < second[0] < third[0]
    assert second[0] == pytest.approx((first[0] + third[0]) / 2, abs=0.1)
    assert second[1] < third[1] < first[1]  # up is more
    assert third[1] == pytest.approx((first[1] + second[1]) / 2, abs=0.1)


def test_steps_of_ten_are_equally_long_on_a_logarithmic_axis() -> None:
    points = [Point(x, 1, "", 1) for x in (0.001, 0.1, 10.0)]
    a, b, c = (x for x, _ in centres(scatter(points, Axis("time", log=True), Y, "")))
    assert b - a == pytest.approx(c - b, abs=0.2)


def test_marks_lie_on_the_ticks_of_their_values() -> None:
    drawing = scatter([Point(x, x, "", 1) for x in (0.0, 4.0, 8.0)], X, Y, "")
    at = {e.text: float(e.get("x", "nan")) for e in parsed(drawing).iter("text") if e.get("text-anchor") == "middle"}
    assert centres(drawing)[1][0] == pytest.approx(at["4"], abs=0.2)


def test_bars_reach_from_low_to_high() -> None:
    drawing = scatter([Point(1, 5, "", 1, 4, 6), Point(2, 4, "", 1), Point(3, 6, "", 1)], X, Y, "")
    low, high = re.findall(r'class="bar" d="M[\d.]+ ([\d.]+)V([\d.]+)', drawing)[0]
    heights = [y for _, y in centres(drawing)]
    assert (float(low), float(high)) == pytest.approx((heights[1], heights[2]), abs=0.1)
    assert drawing.count('class="bar"') == 1


def test_labels_do_not_lie_on_each_other() -> None:
    points = [Point(1.0, 5.0 + i / 100, "", 1, label=f"method{i}") for i in range(6)]
    drawing = scatter([*points, Point(9, 9, "", 1, label="far to the right")], X, Y, "")
    places = [float(e.get("y", "nan")) for e in parsed(drawing).iter("text") if e.get("class") == "label"]
    near = sorted(places)[1:]
    assert min(b - a for a, b in itertools.pairwise(near)) >= 14.9
    assert all(0 < float(e.get("x", "nan")) < 520 for e in parsed(drawing).iter("text"))


def test_a_rule_is_drawn_where_it_is_in_sight() -> None:
    points = [Point(0.01, 1, "", 1), Point(1.0, 2, "", 1)]
    near, far = (Axis("time", log=True, rule=(at, "here")) for at in (0.1, 100.0))
    assert texts(scatter(points, near, Y, ""), "rule") == ["here"]
    assert texts(scatter(points, far, Y, ""), "rule") == []


def test_boxes_are_quartiles_and_outliers_are_marks() -> None:
    values = [*range(11), 100]
    drawing = boxes([Group("one", 1, [(float(v), f"case{v}") for v in values])], X, "")
    tree = parsed(drawing)
    titles = [e.text for e in tree.iter("title")]
    assert titles == ["one", "case100"]
    box = next(tree.iter("rect"))
    zero, twenty = (next(float(e.get("x", "nan")) for e in tree.iter("text") if e.text == n) for n in ("0", "20"))
    unit = (twenty - zero) / 20
    assert float(box.get("x", "nan")) == pytest.approx(zero + 2.75 * unit, abs=0.2)
    assert float(box.get("width", "nan")) == pytest.approx(5.5 * unit, abs=0.2)


def test_groups_without_values_keep_their_rows() -> None:
    drawing = boxes([Group("none", 1, [(math.nan, "x")]), Group("some", 2, [(3.0, "y")])], X, "")
    assert {"none", "some"} <= set(texts(drawing))
    assert drawing.count("<rect") == 1
    assert boxes([Group("none", 1, [(math.inf, "x")])], X, "") == ""


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_left_out(bad: float) -> None:
    good = Point(1, 2, "good", 1, bad, bad)
    points = [Point(bad, 1, "bad", 1), Point(1, bad, "bad", 1), good]
    assert drawable(points, X, Y) == [good]
    drawing = scatter(points, X, Y, "")
    assert [e.text for e in parsed(drawing).iter("title")] == ["good"]
    assert scatter(points[:2], X, Y, "") == ""
    assert drawable([Point(0, 1, "", 1), Point(-1, 1, "", 1)], Axis("", log=True), Y) == []


@given(
    values=st.lists(st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf, 0.0, 1e-300]), max_size=8),
    log=st.booleans(),
)
def test_any_values_give_sound_drawings(values: list[float], *, log: bool) -> None:
    axis = Axis("a", log=log)
    points = [Point(v, v, "about", i, v, v, f"n{i}") for i, v in enumerate(values)]
    for drawing in (scatter(points, axis, Axis("b"), ""), boxes([Group("g", 1, [(v, "") for v in values])], axis, "")):
        if drawing:
            parsed(drawing)
            assert not re.search(r"[\s\"MLHVhv](?:nan|inf)", drawing)


@given(low=st.floats(-1e9, 1e9), span=st.floats(1e-3, 1e9))
def test_ticks_are_a_few_round_numbers_inside(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-6 * span - 1e-6 <= tick <= low + span + 1e-6 * span + 1e-6 for tick in found)


def test_logarithmic_ticks_are_powers_or_more_where_there_is_room() -> None:
    def shown(values: tuple[float, ...]) -> set[str]:
        return set(texts(scatter([Point(v, 1, "", 1) for v in values], Axis("t", log=True), Axis("q"), "")))

    assert {"0.01", "0.1", "1"} <= shown((0.002, 30.0))
    assert "0.2" not in shown((0.002, 30.0))
    assert {"1", "2", "5"} <= shown((0.9, 6.0))


def test_styles_are_told_apart_by_colour_and_shape() -> None:
    seen = {(re.findall(r"c\d", marker(i, 0, 0))[0], re.sub('class="[^"]*"', "", marker(i, 0, 0))) for i in range(42)}
    assert len(seen) == 42
    assert {re.findall(r"c(\d)", marker(i, 0, 0))[0] for i in range(1, 99)} == {str(i) for i in range(1, COLORS)}


def test_names_are_escaped_and_shortened() -> None:
    nasty = "<script>\"&'\x07\u2028\n</script>"
    drawing = scatter([Point(1, 1, nasty, 1, label=nasty)], Axis(nasty), Axis(nasty), nasty)
    assert {e.tag for e in parsed(drawing).iter()} <= {"svg", "path", "text", "title"}
    assert parsed(boxes([Group(nasty, 1, [(1.0, nasty)])], Axis(nasty), nasty)) is not None
    assert escape("a\x00b\nc\u202ed") == "a\ufffdb c\ufffdd"
    assert [short("abcdefghij", n) for n in (10, 9, 4)] == ["abcdefghij", "abcd\u2026ghij", "ab\u2026j"]
