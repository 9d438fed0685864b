"""The report: what it says, that names are never obeyed, and that it works in a browser without any network."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from highbeam.evaluation.report import choose_cases, render
from highbeam.evaluation.report_pictures import (
    RAMP,
    WIDEST,
    Store,
    amplification,
    difference,
    error_colors,
)
from highbeam.evaluation.report_words import decimals, figure_of, main_figure, number, probability, seconds
from highbeam.evaluation.results import Comparison, Interval, Results, Row, SetInfo, SubjectInfo
from highbeam.metrics import ciede2000, psnr, ssim
from highbeam.scenes import make_scene
from highbeam.scenes import render as render_scene
from highbeam.sheets import Bytes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
HOSTILE = "</title><img src=x onerror=alert(1)>\"'&\x00\u202e\udcff.png"

SUBJECTS = (
    SubjectInfo("input", "input", "the dark picture as it is"),
    SubjectInfo("gamma", "method", "gamma 2.2", seconds=0.002, ratio=0.4),
    SubjectInfo("unet-s", "network", "a network", sha256="ab" * 32, trained_on=("lol-v1",), seconds=0.08, ratio=16.0),
)
METHODS: Mapping[str, Callable[[Bytes], Bytes]] = {
    "input": lambda dark: dark,
    "gamma": lambda dark: np.rint(255 * (dark / 255) ** (1 / 2.2)).astype(np.uint8),
    "unet-s": lambda dark: cv2.convertScaleAbs(dark, alpha=2.5).astype(np.uint8),
}


@cache
def scene(seed: int) -> tuple[Bytes, Bytes]:
    """A dark picture and its reference."""
    day = render_scene(make_scene(seed=seed), 120, 160, time="day").image
    return np.rint(day * 0.22).astype(np.uint8), day


def tiles(_set: str, case: str, subject: str) -> dict[str, Bytes]:
    dark, reference = scene(int(re.findall(r"\d+", case)[0]))
    return {"dark": dark, "output": METHODS[subject](dark), "reference": reference}


def without_reference(set_name: str, case: str, subject: str) -> dict[str, Bytes]:
    return {kind: held for kind, held in tiles(set_name, case, subject).items() if kind != "reference"}


def a_row(case: str, subject: str, set_name: str = "lol/eval") -> Row:
    pictures = tiles(set_name, case, subject)
    output, reference = pictures["output"], pictures["reference"]
    values = {name: f(output, reference) for name, f in (("psnr", psnr), ("ssim", ssim), ("ciede2000", ciede2000))}
    return Row(set_name, subject, case, output.shape[1], output.shape[0], values)


def means_of(rows: tuple[Row, ...]) -> dict[str, dict[str, dict[str, dict[str, Interval]]]]:
    out: dict[str, dict[str, dict[str, dict[str, Interval]]]] = {}
    for row in rows:
        out.setdefault(row.set, {}).setdefault(row.subject, {})["all"] = {
            name: an_interval(
                [other.values[name] for other in rows if (other.set, other.subject) == (row.set, row.subject)]
            )
            for name in row.values
        }
    return out


def an_interval(values: list[float]) -> Interval:
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return Interval(math.nan, math.nan, math.nan, 0, len(values))
    mean, spread = sum(known) / len(known), max(known) - min(known)
    spread = 0.0 if math.isnan(spread) else spread
    return Interval(mean, mean - spread / 4, mean + spread / 4, len(known), len(values) - len(known))


def results_of(rows: tuple[Row, ...], **changed: Any) -> Results:
    names = list(dict.fromkeys(row.set for row in rows))
    sets = tuple(SetInfo(name, "pairs", len({row.case for row in rows if row.set == name}), "c0ffee") for name in names)
    subjects = tuple(subject for subject in SUBJECTS if any(row.subject == subject.name for row in rows))
    plain: dict[str, Any] = {
        "protocol": {"border cut (pixels)": 0, "metrics": {"pairs": ["psnr", "ssim"]}, "rescale": False},
        "machine": {"date": "2025-11-30", "threads": 4, "device": "a processor"},
        "sets": sets,
        "subjects": subjects,
        "rows": rows,
        "means": means_of(rows),
    }
    return Results(**(plain | changed))


@cache
def typical() -> Results:
    rows = tuple(a_row(f"scene{i}", subject.name) for subject in SUBJECTS for i in range(6))
    found = results_of(rows)
    means = {name: {s: dict(part) for s, part in subjects.items()} for name, subjects in found.means.items()}
    for part in means["lol/eval"].values():
        part["strict"] = part["all"]
    compared = tuple(
        Comparison("lol/eval", figure, "gamma", "unet-s", Interval(value, value - 0.1, value + 0.1, 6), p, 4, 2)
        for figure, value, p in (("psnr", 1.5, 0.03), ("ciede2000", 1.5, 0.03), ("ssim", 0.01, 0.4))
    )
    shared = {"unet-s": ["scene1"]}
    sets = (SetInfo("lol/eval", "pairs", 6, "c0ffee", missing={"scene9": "cannot be read"}, shared=shared),)
    return results_of(rows, means=means, comparisons=compared, sets=sets, warnings=("unet-s has seen scene1",))


@pytest.fixture(scope="module")
def page_text() -> str:
    return render(typical(), tiles, "Nights & days")


class Elements(HTMLParser):
    """Collects every start tag, and complains about tags that are not closed."""

    VOID = frozenset({"meta", "link", "input", "br", "path", "rect", "stop", "use", "image"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words_of(text: str) -> str:
    return "".join(Elements(text).words)


def test_the_same_input_gives_the_same_bytes(page_text: str) -> None:
    assert render(typical(), tiles, "Nights & days") == page_text


def test_says_everything(page_text: str) -> None:
    words = words_of(page_text)
    wanted = ["Nights & days", "2025-11-30", "unet-s has seen scene1", "scene9: cannot be read", "border cut (pixels)"]
    wanted += [
        "threads",
        "a processor",
        "lol-v1",
        "ab" * 32,
        "c0ffee",
        "16.00\N{MULTIPLICATION SIGN}",
        "80 ms",
        "6 cases; pairs",
    ]
    wanted += ["Strict: without", "peak signal-to-noise ratio of RGB", "Delta E_00", "show the scenes of 1 of these"]
    assert [word for word in wanted if word not in words] == []


def test_summary_sets_the_best_in_bold_by_its_direction(page_text: str) -> None:
    means = {name: part["all"] for name, part in typical().means["lol/eval"].items()}
    table = page_text.split('<table class="summary">')[1].split("</tbody>", maxsplit=1)[0]
    bold = re.findall(r"<strong>([^<]*)</strong>", table)
    best = [max(row["psnr"].mean for row in means.values()), max(row["ssim"].mean for row in means.values())]
    best.append(min(row["ciede2000"].mean for row in means.values()))
    line = next(line for line in table.split("<tr>") if f"<strong>{best[0]:.2f}" in line)
    assert len(bold) == 3
    assert {f"{best[0]:.2f}", f"{best[1]:.4f}"} <= set(bold)
    assert number(best[2], decimals(row["ciede2000"].mean for row in means.values())) in bold
    assert "[" in line


def test_comparisons_are_said_in_words(page_text: str) -> None:
    section = page_text.split("Paired comparisons")[1].split("Distributions", maxsplit=1)[0]
    verdicts = re.findall(r"<td>((?:<strong>|<span class=\"faint\">)[^<]*<[^>]*>[^<]*)</td>", section)
    assert [re.sub("<[^>]*>", "", verdict) for verdict in verdicts] == [
        "gamma is significantly better",
        "unet-s is significantly better",  # of a colour difference, less is better
        "no significant difference",
    ]


def test_every_picture_is_a_point_with_case_and_subject(page_text: str) -> None:
    scatter = page_text.split('<div class="plots">')[1].split("</svg>", maxsplit=1)[0]
    titles = re.findall("<title>([^<]*)</title>", scatter)
    assert len(titles) == 18
    assert any(title.startswith("scene3 · gamma · ssim") for title in titles)


def test_draws_boxes_for_every_figure_and_time_for_who_has_it(page_text: str) -> None:
    assert page_text.count("Box plot of") == 3
    assert sorted(re.findall('class="label">([^<]*)<', page_text)) == ["gamma", "unet-s"]
    assert "30 frames/s" in page_text
    untimed = results_of(tuple(row for row in typical().rows if row.subject == "input"))
    assert "against time" not in render(untimed, tiles, cases=0)


def test_chooses_the_best_and_worst_by_the_network() -> None:
    values = {row.case: row.values["psnr"] for row in typical().of("lol/eval", "unet-s")}
    ranked = sorted(values, key=lambda case: -values[case])
    chosen = choose_cases(typical(), "psnr", 2)["lol/eval"]
    assert chosen.best == tuple(ranked[:2])
    assert chosen.worst == (ranked[-1], ranked[-2])
    lower = choose_cases(typical(), "ciede2000", 1)["lol/eval"]
    errors = {row.case: row.values["ciede2000"] for row in typical().of("lol/eval", "unet-s")}
    assert lower.best == (min(errors, key=lambda case: errors[case]),)


@pytest.mark.parametrize(("count", "best", "worst"), [(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3), (9, 3, 3)])
def test_no_case_is_both_best_and_worst(count: int, best: int, worst: int) -> None:
    chosen = choose_cases(typical(), count=count)["lol/eval"]
    assert (len(chosen.best), len(chosen.worst)) == (best, worst)
    assert not set(chosen.best) & set(chosen.worst)


def test_undefined_figures_choose_nothing_and_infinite_ones_come_first() -> None:
    values = {"scene0": math.nan, "scene1": 20.0, "scene2": math.inf}
    rows = tuple(Row("s", "gamma", case, 8, 8, {"psnr": value}) for case, value in values.items())
    assert choose_cases(results_of(rows))["s"] == (("scene2",), ("scene1",))
    assert choose_cases(results_of(rows), "never heard of")["s"] == (("scene2",), ("scene1",))


def test_shows_chosen_cases_alone_and_each_picture_once() -> None:
    asked = []

    def noting(set_name: str, case: str, subject: str) -> dict[str, Bytes]:
        asked.append((set_name, case, subject))
        return tiles(set_name, case, subject)

    text = render(typical(), noting, cases=1)
    chosen = choose_cases(typical(), count=1)["lol/eval"]
    assert asked == [("lol/eval", case, one.name) for case in (*chosen.best, *chosen.worst) for one in SUBJECTS]
    # of each case: dark (which is the input's output), reference, two outputs and three maps
    assert len(re.findall(r'<image id="picture\d+"', text)) == 2 * 7
    assert text.count('type="range"') == 6


def test_zero_cases_show_no_picture() -> None:
    text = render(typical(), lambda *_: pytest.fail("no picture is needed"), cases=0)
    assert "Best and worst" not in text
    assert "<image" not in text


def test_names_are_never_obeyed() -> None:
    def nasty(row: Row) -> Row:
        return Row(HOSTILE, HOSTILE, HOSTILE + row.case, 8, 8, {HOSTILE: 1.0, **row.values})

    rows = tuple(nasty(row) for row in typical().of("lol/eval", "gamma"))
    subject = SubjectInfo(HOSTILE, "outputs", HOSTILE, HOSTILE, (HOSTILE,), 0.1, 2.0)
    compared = Comparison(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Interval(1, 0, 2, 3), 0.01, 3, 0)
    one = SetInfo(HOSTILE, "pairs", 6, HOSTILE, {HOSTILE: HOSTILE}, {HOSTILE: [HOSTILE]})
    facts = {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}], "date": HOSTILE}
    found = Results(facts, facts, (one,), (subject,), rows, means_of(rows), (compared,), (HOSTILE,))
    text = render(found, lambda s, c, _: tiles(s, c.removeprefix(HOSTILE), "gamma"), HOSTILE)
    elements = Elements(text).found
    assert "img" not in {tag for tag, _ in elements}
    assert not [name for _, held in elements for name in held if name.startswith("on") or name == "style"]
    assert "\u202e" not in text
    assert "\x00" not in text
    assert text.encode()  # lone surrogates of undecodable names are gone


def test_the_policy_allows_the_page_itself_and_nothing_else(page_text: str) -> None:
    policy = re.findall('Content-Security-Policy" content="([^"]*)"', page_text)[0]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for kind in ("style", "script"):
        inside = page_text.split(f"<{kind}>")[1].split(f"</{kind}>", maxsplit=1)[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    links = [v for _, held in Elements(page_text).found for k, v in held.items() if k in ("href", "src", "srcset")]
    assert {link[:5] for link in links if link and not link.startswith("#")} == {"data:"}


def test_every_use_has_what_it_uses_and_ids_are_unique(page_text: str) -> None:
    found = Elements(page_text).found
    ids = [held["id"] for _, held in found if "id" in held and not str(held["id"]).startswith("ramp")]
    targets = {str(held["href"])[1:] for tag, held in found if tag in ("use", "a")}
    assert len(set(ids)) == len(ids)
    assert targets <= set(ids)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 0.0, 1e300, -5.0])
def test_takes_any_number(bad: float) -> None:
    rows = [a_row("scene1", "gamma"), a_row("scene2", "gamma")]
    rows[0] = Row("lol/eval", "gamma", "scene1", 8, 8, dict.fromkeys(rows[0].values, bad))
    text = render(results_of(tuple(rows)), tiles)
    Elements(text)
    assert not re.search(r'(?:[\s"MLHVhv])(?:nan|inf)\b', re.sub("<title>[^<]*|<script.*", "", text.split("<body>")[1]))
    if not math.isfinite(bad):
        assert "1 not drawn" in text


def test_takes_one_picture_of_one_subject() -> None:
    row = a_row("scene1", "input")
    text = render(results_of((row,), means={}), tiles)
    words = words_of(text)
    assert "1 case" in words
    assert "Best 1" in words
    assert "Worst" not in text.split("Best 1")[1].split("Every picture")[0]


def test_takes_nothing_at_all() -> None:
    assert "undated" in words_of(render(Results({}, {}, (), (), (), {}), tiles))
    empty = Results({}, {}, (SetInfo("s", "clips", 0, ""),), SUBJECTS, (), {"s": {"gamma": {"all": {}}}})
    Elements(render(empty, tiles))


def test_sets_without_references_have_other_figures() -> None:
    rows = tuple(
        Row("nights", one.name, f"scene{i}", 160, 120, {"niqe": 4.0 + i, "loe": 300.0 * i, "odd": 1.0})
        for one in SUBJECTS
        for i in range(3)
    )
    text = render(results_of(rows), without_reference)
    assert "Chosen by niqe of unet-s" in text
    assert "loe against niqe" in text
    assert "Colour bar" not in text
    assert 'data-pair="reference"' not in text.split("<body>")[1].split("<script>")[0]
    assert text.count('type="range"') == 3 * 2  # the input beside itself has none


def test_takes_a_thousand_rows() -> None:
    values = np.random.default_rng(3).normal(20, 4, 1000)
    rows = tuple(
        Row("s", SUBJECTS[i % 2].name, f"a/long/folder/of/pictures/{i:06}.png", 8, 8, {"psnr": v, "ssim": v / 40})
        for i, v in enumerate(values)
    )
    text = render(results_of(rows), tiles, cases=0)
    assert len(text) < 1_500_000
    assert text.split('id="pictures"')[1].split("</table>")[0].count("<tr>") == 1001


def test_rescaled_figures_keep_their_direction() -> None:
    figure = figure_of("psnr (rescaled)")
    assert (figure.unit, figure.better, figure.title) == ("dB", True, "psnr (rescaled), dB ↑")
    assert figure_of("of mine").better is None
    assert main_figure(("of mine", "gmsd")) == "gmsd"
    assert main_figure(("of mine",)) is None


def test_numbers_as_printed() -> None:
    assert [number(v, 2) for v in (1.0, -1.0, math.nan, math.inf, -math.inf)] == [
        "1.00",
        f"{MINUS}1.00",
        DASH,
        "∞",
        f"{MINUS}∞",
    ]
    assert number(0.5, 1, sign=True) == "+0.5"
    assert [decimals([v]) for v in (0.0, 0.8, 3.0, 25.0, 300.0, 1e5, 1e-9, math.nan)] == [2, 4, 3, 2, 1, 0, 4, 2]
    assert [probability(p) for p in (0.0001, 0.0312, math.nan)] == ["< 0.001", "0.031", DASH]
    assert [seconds(s) for s in (None, 2.0, 0.0123, 4e-5, 240.0)] == [DASH, "2 s", "12.3 ms", "40 µs", "240 s"]


def test_colours_of_errors_rise_evenly_in_lightness() -> None:
    colors = np.array([[[int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for color in RAMP]], np.float32)
    lightness = cv2.cvtColor(colors, cv2.COLOR_RGB2Lab)[0, :, 0]
    steps = np.diff(lightness)
    assert steps.min() > 0.8 * steps.mean()
    assert steps.max() < 1.2 * steps.mean()


def test_errors_are_amplified_by_the_factor_that_is_said() -> None:
    reference = np.full((20, 30, 3), 100, np.uint8)
    output = reference + np.uint8(51)
    errors = difference(output, reference)
    assert errors is not None
    assert np.allclose(errors, 0.2)
    assert amplification([errors]) == 4
    assert amplification([errors * 0]) == 16
    assert amplification([np.ones((2, 2), np.float32)]) == 1
    assert (error_colors(errors, 5) == [255, 246, 171]).all()
    assert (error_colors(errors * 0, 5) == [17, 17, 41]).all()
    assert difference(output, reference[:10]) is None
    assert difference(output, None) is None


def test_pictures_are_shown_at_most_so_large_and_held_once() -> None:
    store, large = Store(), np.zeros((700, 2 * WIDEST, 3), np.uint8)
    shown = [store.use(large, "layer", "dark"), store.use(large.copy(), "layer", "again")]
    assert f'viewBox="0 0 {WIDEST} 350"' in shown[0]
    assert len(store.definitions) == 1
    held = re.findall(r"base64,([^\"]*)", store.definitions[0])[0]
    with Image.open(io.BytesIO(base64.b64decode(held))) as picture:
        assert picture.size == (WIDEST, 350)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright: the page is not tried in a browser")
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}: the page is not tried in a browser")
    with sync.sync_playwright() as started:
        running = started.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS, "--disable-sync"])
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, page_text: str, tmp_path: Path) -> Iterator[Page]:
    """The report opened from a file, offline; fails at the end if anything was fetched or complained of."""
    file = tmp_path / "report.html"
    file.write_text(page_text, encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    opened, asked, said = context.new_page(), list[str](), list[str]()
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def pixels_of(page: Page, selector: str) -> Bytes:
    shot = page.locator(selector).first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def share_of(shown: Bytes, left: Bytes, right: Bytes) -> float:
    """Return which share of the columns looks like the left picture rather than the right one."""
    size = (shown.shape[1], shown.shape[0])
    scaled = [cv2.resize(part, size).astype(float) for part in (left, right)]
    top = slice(0, int(size[1] * 0.4))  # above the handle and the tags
    errors = [np.abs(shown[top] - part[top]).mean(axis=(0, 2)) for part in scaled]
    return float((errors[0] < errors[1]).mean())


def drag(page: Page, selector: str, share: float) -> None:
    target = page.locator(selector).first
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + share * box["width"], y, steps=4)
    page.mouse.up()


STAGE = ".case .shot:has-text('gamma') .stage"


def test_dragging_uncovers_the_picture(page: Page) -> None:
    pictures = tiles("", choose_cases(typical())["lol/eval"].best[0], "gamma")
    for share in (0.2, 0.8):
        drag(page, STAGE, share)
        assert share_of(pixels_of(page, STAGE), pictures["dark"], pictures["output"]) == pytest.approx(share, abs=0.03)
    page.locator(".case .shot:has-text('gamma') .switch button").nth(1).click()
    drag(page, STAGE, 0.3)
    shown = pixels_of(page, STAGE)
    assert share_of(shown, pictures["output"], pictures["reference"]) == pytest.approx(0.3, abs=0.03)
    assert page.locator(STAGE).first.locator(".tag").all_inner_texts() == ["output", "reference"]


def test_sliders_work_by_keyboard_and_together_or_alone(page: Page) -> None:
    values = "Array.from(document.querySelectorAll('.case')[0].querySelectorAll('.stage input'), e => Number(e.value))"
    slider = page.get_by_role("slider").nth(1)
    slider.focus()
    page.keyboard.press("Home")
    assert page.evaluate(values) == [0, 0, 0]
    page.locator(".together input").first.uncheck()
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(values) == [0, 99, 0]
    assert slider.get_attribute("aria-valuetext") == "99 % dark, the rest output"
    pictures = tiles("", choose_cases(typical())["lol/eval"].best[0], "gamma")
    assert share_of(pixels_of(page, STAGE), pictures["dark"], pictures["output"]) > 0.95


def column(page: Page, index: int) -> list[str]:
    script = (
        "i => Array.from(document.querySelectorAll('#pictures tbody tr:not([hidden])'), r => r.cells[i].textContent)"
    )
    return [str(words) for words in page.evaluate(script, index)]


def test_the_table_sorts_and_filters(page: Page) -> None:
    head = page.locator("#pictures th button").nth(4)
    head.click()
    up = [float(words) for words in column(page, 4)]
    assert up == sorted(up)
    assert page.locator("#pictures th").nth(4).get_attribute("aria-sort") == "ascending"
    head.press("Enter")
    assert [float(words) for words in column(page, 4)] == sorted(up, reverse=True)
    page.get_by_label("Name holds").fill("SCENE3")
    assert set(column(page, 1)) == {"scene3"}
    page.locator("select[data-column='2']").select_option("gamma")
    assert column(page, 2) == ["gamma"]
    assert page.locator("#count").inner_text() == "1 of 18 rows"


def test_pointing_at_a_mark_says_what_it_is(page: Page) -> None:
    mark = page.locator(".plots path[data-about^='scene2 · unet-s']").first
    mark.scroll_into_view_if_needed()
    mark.hover(force=True)
    assert "·" in page.locator("#tip").inner_text()


@pytest.mark.parametrize("width", [320, 390, 1400])
def test_the_page_never_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_pictures_stay_where_the_style_is_dark_and_on_paper(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 17, 21)"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".stage").first.is_visible()
