"""Rendered roads: truth, light, noise, motion."""

from __future__ import annotations

import runpy
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highbeam.errors import OptionError
from highbeam.scenes import (
    KINDS,
    LABELS,
    TIMES,
    Camera,
    Light,
    Scene,
    Solid,
    Time,
    drive,
    encode,
    expose,
    flow,
    geometry,
    make_scene,
    render,
)
from highbeam.scenes.world import blackbody

if TYPE_CHECKING:
    from pathlib import Path

STREET, CAR, GREY = make_scene(4), LABELS.index("car"), (0.5, 0.5, 0.5)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 1), (3, 5), (31, 47)])
def test_any_size_gives_a_whole_frame(size: tuple[int, int], time: Time) -> None:
    frame = render(STREET, *size, time=time)
    assert frame.image.shape == frame.linear.shape == (*size, 3)
    assert frame.labels.shape == frame.depth.shape == size
    kinds = [a.dtype.name for a in (frame.image, frame.linear, frame.labels, frame.depth)]
    assert kinds == ["uint8", "float32", "uint8", "float32"]
    assert np.isfinite(frame.linear).all()
    assert (frame.linear >= 0).all()
    assert (frame.depth > 0).all()
    assert np.array_equal(np.isinf(frame.depth), frame.labels == LABELS.index("sky"))


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_bytes(kind: str, time: Time) -> None:
    a, b = (render(make_scene(8, kind), 36, 64, time=time, noise_seed=3) for _ in range(2))
    assert all(p.tobytes() == q.tobytes() for p, q in zip(a[:4], b[:4], strict=True))
    assert not np.array_equal(a.labels, render(make_scene(9, kind), 36, 64).labels)


def test_a_night_is_as_dark_as_a_dashcam_and_has_lights_in_it() -> None:
    large = render(STREET, 720, 1280).image
    assert 15 < large.mean() < 70
    assert np.median(large) < 50
    assert (large.min(axis=2) > 250).sum() > 100
    small = encode(render(STREET, 180, 320, noise_seed=None).linear)  # the large one seen from afar
    shrunk = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA)
    assert np.abs(cv2.blur(small, (9, 9)).astype(float) - cv2.blur(shrunk, (9, 9))).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_day_and_night_show_the_same_things(kind: str) -> None:
    scene = make_scene(11, kind)
    night, day = (render(scene, 72, 128, time=time, noise_seed=None) for time in TIMES)
    assert np.array_equal(night.labels, day.labels)
    assert np.array_equal(night.depth, day.depth)
    assert np.median(day.linear) > 6 * np.median(night.linear)
    sky = cv2.erode((night.labels == 0).astype(np.uint8), np.ones((3, 3))) > 0
    assert day.linear[sky].min() > 0.1
    assert np.median(night.linear[sky]) < 0.05


def test_every_class_is_met() -> None:
    scenes = [make_scene(seed, kind) for seed in (3, 4) for kind in KINDS]
    seen = {int(k) for scene in scenes for k in np.unique(geometry(scene, scene.camera(), 180, 320)[0])}
    assert {LABELS[k] for k in seen} == set(LABELS)


def test_the_depth_of_the_road_is_that_of_a_plane() -> None:
    camera = STREET.camera()
    labels, depth = geometry(STREET, camera, 90, 160)
    row = np.arange(90)[:, None] + 0.5 - 45
    road = (labels == LABELS.index("road")) & (row > 0)
    plane = camera.height * camera.focal(160) / np.maximum(row, 0.5)
    assert road.sum() > 2000
    assert np.allclose(depth[road], np.broadcast_to(plane, depth.shape)[road], rtol=2e-3)


def test_a_block_is_met_where_its_faces_are() -> None:
    block = Solid((0, 0.75, 32), (0.9, 0.65, 2), CAR, GREY)
    for d in (0, 10, 20):
        labels, depth = geometry(Scene((block,)), Camera(z=d), 180, 320)
        on = labels == CAR
        assert on.sum() == pytest.approx(1.8 * 1.3 * (Camera().focal(320) / (30 - d)) ** 2, rel=0.25)
        assert depth[on] == pytest.approx(30 - d, rel=1e-4)


def test_a_ball_is_round_and_leaning_sides_narrow_a_block() -> None:
    ball = Solid((0, 1.4, 10), (1, 1, 1), CAR, GREY, lean=None)
    labels, depth = geometry(Scene((ball,)), Camera(), 200, 200)
    assert (labels == CAR).sum() == pytest.approx(np.pi * (Camera().focal(200) / np.sqrt(99)) ** 2, rel=0.03)
    assert depth[100, 100] == pytest.approx(9, abs=1e-2)
    block = Solid((0, 1.4, 10), (1, 1, 0.1), CAR, GREY, lean=(0.4, 0.0))
    widths = (geometry(Scene((block,)), Camera(), 200, 200)[0] == CAR).sum(axis=1)
    widths = widths[widths > 0]
    assert widths[0] == pytest.approx(0.2 * widths[-1], abs=3)


@settings(max_examples=10, deadline=None)
@given(st.floats(2, 14), st.floats(0.5, 100))
def test_light_falls_with_the_square_of_the_distance(high: float, power: float) -> None:
    camera = Camera(z=-5, height=1.0, fov=40)

    def lit(y: float) -> float:
        scene = Scene(lights=(Light((0, y, 0), (power * 50,) * 3, "lamp"),), half_width=0.1)
        dark = render(Scene(half_width=0.1), 101, 101, camera=camera, noise_seed=None).linear
        frame = render(scene, 101, 101, camera=camera, noise_seed=None)
        below = np.abs(frame.depth[:, 50] - 5) < 0.2
        return float((frame.linear - dark)[below, 50, 1].mean())

    assert lit(high) / lit(2 * high) == pytest.approx(4, rel=0.05)


def test_lamps_have_a_colour_temperature() -> None:
    warm, cold = blackbody(2000, 3.0), blackbody(9000)
    assert blackbody(4500) == pytest.approx((1, 1, 1))
    assert warm[0] == max(warm) == pytest.approx(3)
    assert warm[0] > warm[1] > warm[2]
    assert cold[0] < cold[1] < cold[2]


def test_our_headlights_shine_ahead_and_low() -> None:
    wall = Solid((0, 5, 15), (20, 5, 0.1), CAR, GREY)
    frame = render(Scene((wall,)), 90, 160, noise_seed=None).linear[..., 1]
    low, high, aside = frame[52:56, 75:85].mean(), frame[10:20, 75:85].mean(), frame[52:56, :5].mean()
    assert low > 5 * high
    assert low > 2 * aside


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 0.9), st.floats(2e-4, 5e-3), st.floats(1e-4, 1e-2), st.integers(0, 2**31))
def test_the_variance_of_noise_grows_in_a_line_with_the_mean(level: float, shot: float, read: float, seed: int) -> None:
    reading = expose(np.full((200, 200, 3), level, np.float32), shot, read, seed)
    assert reading.dtype == np.float32
    assert float(reading.mean()) == pytest.approx(level, abs=5 * np.sqrt((shot * level + read**2) / 120_000))
    assert float(reading.var()) == pytest.approx(shot * level + read**2, rel=0.03)


def test_the_gain_is_recovered_from_exposures_of_one_scene() -> None:
    clean = render(STREET, 60, 80, time="day", noise_seed=None, exposure=0.8).linear
    reads = np.stack([expose(clean, 1 / 500, 0.004, k) for k in range(60)])
    slope, offset = np.polyfit(clean.ravel(), reads.var(axis=0, ddof=1).ravel(), 1)
    assert slope == pytest.approx(1 / 500, rel=0.03)
    assert offset == pytest.approx(0.004**2, rel=0.5)


def test_noise_is_drawn_by_its_seed_and_leaves_the_truth_alone() -> None:
    a, b, clean = (render(STREET, 40, 60, noise_seed=seed) for seed in (1, 2, None))
    assert not np.array_equal(a.image, b.image)
    assert np.array_equal(a.linear, b.linear)
    assert np.array_equal(clean.image, encode(a.linear))
    assert 0.5 < (a.image.astype(float) - clean.image).std() < 20


@given(st.floats(-1, 2))
def test_encoding_is_srgb(x: float) -> None:
    y = min(max(x, 0), 1)
    expected = 255 * (12.92 * y if y <= 0.0031308 else 1.055 * y ** (1 / 2.4) - 0.055)
    assert abs(float(encode(np.array([x]))[0]) - expected) <= 0.51


@settings(max_examples=5, deadline=None)
@given(st.floats(0.05, 8))
def test_exposure_scales_light_and_nothing_else(exposure: float) -> None:
    one, other = render(STREET, 18, 32, noise_seed=None), render(STREET, 18, 32, noise_seed=None, exposure=exposure)
    assert np.allclose(other.linear, exposure * one.linear, rtol=1e-4)
    assert np.array_equal(one.labels, other.labels)


def test_flow_of_driving_ahead_flees_from_the_vanishing_point() -> None:
    a, b = Camera(z=0.0), Camera(z=1.5)
    moved, shown = flow(STREET, a, b, 60, 90)
    _, depth = geometry(STREET, a, 60, 90)
    x, y = np.meshgrid(np.arange(90) + 0.5 - 45, np.arange(60) + 0.5 - 30)
    stretch = np.where(np.isinf(depth), 0, 1.5 / (depth - 1.5))
    near = np.isfinite(moved).all(axis=2)
    assert near.mean() > 0.95
    assert np.allclose(moved[near], np.stack([x * stretch, y * stretch], axis=2)[near], atol=0.02, rtol=1e-3)
    assert shown.mean() > 0.6
    moved, shown = flow(STREET, Camera(), Camera(z=6.0), 60, 90)
    gone = np.isnan(moved).any(axis=2)  # what is passed
    assert gone.any()
    assert not (gone & shown).any()


def test_flow_follows_the_traffic_by_its_clock() -> None:
    car = Solid((3, 1, 22), (1, 1, 2), CAR, GREY, speed=-8.0)
    scene, a, b = Scene((car,)), Camera(clock=1.0), Camera(clock=1.25)
    moved, _ = flow(scene, a, b, 90, 160)
    labels, depth = geometry(scene, a, 90, 160)
    back = (labels == CAR) & (np.abs(depth - 12) < 0.01)
    x = np.broadcast_to(np.arange(160) + 0.5 - 80, depth.shape)
    assert back.sum() > 50
    assert np.allclose(moved[..., 0][back], (x * 12 / 10 - x)[back], atol=0.02)
    assert np.abs(moved[labels == LABELS.index("road")]).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_warping_by_the_flow_gives_the_picture_before(kind: str) -> None:
    scene = make_scene(3, kind)
    a, b = scene.camera(4.0, 0.0), scene.camera(5.0, 0.1)
    before, after = (
        render(scene, 180, 320, time="day", camera=c, noise_seed=None).image.astype(np.float32) for c in (a, b)
    )
    moved, shown = flow(scene, a, b, 180, 320)
    x, y = np.meshgrid(np.arange(320, dtype=np.float32), np.arange(180, dtype=np.float32))
    warped = cv2.remap(after, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR)
    error, unmoved = (np.abs(p - before).mean(axis=2)[shown] for p in (warped, after))
    assert shown.mean() > 0.6
    assert np.median(error) < 2.5
    assert error.mean() < 0.7 * unmoved.mean()


def test_a_drive_goes_forward_among_traffic_with_fresh_noise() -> None:
    frames = list(drive(STREET, 3, 20, 36))
    assert [f.camera.z for f in frames] == pytest.approx([0, 1.2, 2.4])
    assert [f.camera.clock for f in frames] == pytest.approx([0, 0.1, 0.2])
    noise = [f.image.astype(float) - encode(f.linear) for f in frames]
    for a, b in pairwise(noise):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1
    again = list(drive(STREET, 3, 20, 36))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again, strict=True))


def test_an_unsteady_exposure_only_changes_the_brightness() -> None:
    steady, jittery = (list(drive(STREET, 5, 18, 32, jitter=j, noise_seed=None)) for j in (0.0, 0.2))
    ratios = []
    for a, b in zip(steady, jittery, strict=True):
        ratio = b.linear / np.maximum(a.linear, 1e-9)
        assert np.allclose(ratio, np.median(ratio), rtol=1e-3)
        assert np.array_equal(a.labels, b.labels)
        ratios.append(float(np.median(ratio)))
    assert 0.03 < np.std(np.log(ratios)) < 0.6


def test_what_cannot_be_rendered_is_refused() -> None:
    dusk: Time = "dusk"  # type: ignore[assignment]
    for size, time in (((0, 5), "night"), ((5, -1), "night"), ((4, 4), dusk)):
        with pytest.raises(OptionError, match="at least 1 by 1"):
            render(STREET, *size, time=time)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="did you mean 'street'"):
        make_scene(0, "strete")
    with pytest.raises(OptionError, match="seeds start at 0"):
        make_scene(-1)


def test_the_module_writes_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["scenes", "-o", str(tmp_path / "new"), "--seed", "5", "--size", "32", "18"])
    runpy.run_module("highbeam.scenes", run_name="__main__")
    assert {p.name for p in (tmp_path / "new").iterdir()} == {f"{t}_{k}.png" for t in TIMES for k in KINDS}
    picture = cv2.imread(str(tmp_path / "new" / "night_street.png"))
    assert picture is not None
    assert picture.shape == (18, 32, 3)
