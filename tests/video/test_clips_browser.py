"""What comes out by default plays in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from highbeam.video.clips import ClipJob, enhance_clip
from tests.video.making import Video, make

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

PLAY = """source => new Promise(done => {
  const video = document.createElement("video");
  video.muted = true;
  video.onerror = () => done(video.error.message);
  video.onended = () => done([video.videoWidth, video.videoHeight, video.duration, video.currentTime]);
  video.src = source;
  document.body.append(video);
  video.play().catch(error => done(String(error)));
})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    sync = pytest.importorskip("playwright.sync_api", reason="no playwright: clips are not tried in a browser")
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}: clips are not tried in a browser")
    with sync.sync_playwright() as started:
        running = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield running.new_page()
        running.close()


CLIPS = {
    "an ordinary one.mp4": (Video(rate=Fraction(25)), "mp4"),
    "full range and turned.mov": (Video(rate=Fraction(25), colour=(1, 1, 1, 2), rotation=(90, False, False)), "mp4"),
    "of another codec.avi": (Video(rate=Fraction(25), codec="mpeg4"), "mp4"),
    "of the web.webm": (Video(rate=Fraction(25), codec="libvpx-vp9"), "webm"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_the_result_plays_to_its_end(page: Page, tmp_path: Path, name: str) -> None:
    video, suffix = CLIPS[name]
    source = make(tmp_path / name, video)
    output = tmp_path / f"out.{suffix}"
    assert enhance_clip(source, output, ClipJob(lambda: lambda pixels: pixels, "as it was", warm_up=0))
    page.goto(tmp_path.as_uri())  # a page of the same origin
    told = page.evaluate(PLAY, output.as_uri())
    assert isinstance(told, list), told
    width, height, duration, shown = told
    assert (width, height) == ((96, 160) if video.rotation else (160, 96))
    assert duration == pytest.approx(0.8, abs=0.05)
    assert shown == pytest.approx(duration, abs=0.05)
