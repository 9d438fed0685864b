"""Live runs from end to end: real streams, slow enhancers, servers that die and come back."""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from highbeam.errors import ArrayError, SinkError, SourceError, StreamLostError
from highbeam.methods.base import Pixels
from highbeam.video.live import LiveOptions, run_live
from highbeam.video.live_counts import Counts, Tally
from highbeam.video.live_http import MjpegSink
from highbeam.video.live_reader import Arrival, Backoff
from highbeam.video.live_sinks import FileSink, Sink
from highbeam.video.live_sources import parse_source
from tests.video.live_servers import Picture, RtspServer, camera, number_of, numbered, transport_stream

QUICK = Backoff(first=0.1, most=0.3)


class Kept(Sink):
    """Keeps what it is given."""

    def __init__(self, name: str = "kept") -> None:
        self.name = name
        self.frames: list[Picture] = []
        self.times: list[float] = []
        self.opened = self.closed = 0

    @property
    def numbers(self) -> list[int]:
        return [number_of(frame) for frame in self.frames]

    def open(self) -> None:
        self.opened += 1

    def write(self, pixels: Pixels, at: float) -> None:
        self.frames.append(pixels)
        self.times.append(at)

    def close(self) -> None:
        self.closed += 1


class Pictures:
    """A source of given pictures, one after another, as fast as they are wanted."""

    name = "pictures"
    returns = False

    def __init__(self, *pictures: Picture, then: Exception | None = None) -> None:
        self._pictures, self._then = pictures, then

    def arrivals(self, stop: threading.Event) -> Generator[Arrival, None, None]:
        for picture in self._pictures:
            if stop.is_set():
                return
            yield Arrival(time.monotonic(), lambda picture=picture: picture)  # type: ignore[misc]
        if self._then is not None:
            raise self._then


def same(pixels: Pixels) -> Pixels:
    return pixels


def slowly(seconds: float) -> Callable[[Pixels], Pixels]:
    def enhance(pixels: Pixels) -> Pixels:
        time.sleep(seconds)
        return pixels

    return enhance


EVERY = LiveOptions(every=True)


# --- the newest frame


def test_a_slow_enhancer_sees_the_newest_frame_and_the_delay_does_not_grow() -> None:
    ages = list[int]()
    with camera(rate=40.0) as cam:

        def enhance(pixels: Pixels) -> Pixels:
            ages.append(cam.sent - number_of(pixels))  # in frames, when work on it begins
            time.sleep(0.12)
            return pixels

        kept = Kept()
        tally = run_live(parse_source(cam.url), enhance, [kept], LiveOptions(frames=25, retries=0))
    assert tally.enhanced == len(kept.frames) == 25
    assert kept.numbers == sorted(set(kept.numbers))
    assert tally.received > 2 * tally.enhanced
    assert tally.dropped >= tally.received - tally.enhanced - 1
    assert max(ages[1:]) < 45  # a queue would have held twice as many by now
    assert tally.delay_p95 < 1.5
    assert np.median(ages[-5:]) <= np.median(ages[1:6]) + 25


def test_a_slow_output_drops_frames_too() -> None:
    class Slow(Kept):
        def write(self, pixels: Pixels, at: float) -> None:
            time.sleep(0.1)
            super().write(pixels, at)

    with camera(rate=40.0) as cam:
        tally = run_live(parse_source(cam.url), same, [Slow()], LiveOptions(frames=10))
    assert tally.dropped > 10


def test_frames_lie_where_they_came_in_time() -> None:
    kept = Kept()
    with camera(rate=20.0) as cam:
        tally = run_live(parse_source(cam.url), same, [kept], LiveOptions(frames=20))
    assert kept.numbers == sorted(set(kept.numbers))
    assert kept.times == sorted(set(kept.times))
    assert kept.times[-1] - kept.times[0] == pytest.approx((kept.numbers[-1] - kept.numbers[0]) / 20.0, abs=1.0)
    assert 1.0 < tally.fps < 40.0


def test_an_rtsp_stream_end_to_end(tmp_path: Path) -> None:
    server, counts = RtspServer(transport_stream(50, 25), 2.0), Counts()
    sinks = [FileSink(tmp_path / "a.mp4")]
    with pytest.raises(StreamLostError, match="the stream ended; given up, --retries allows more"):
        run_live(parse_source(server.url), same, sinks, LiveOptions(retries=0), counts=counts)
    server.off()
    with av.open(str(tmp_path / "a.mp4")) as clip:
        found = [number_of(frame.to_ndarray(format="rgb24")) for frame in clip.decode(video=0)]
    assert found == sorted(set(found))
    assert len(found) == counts.tally().enhanced > 3
    assert counts.tally().received > 45


# --- lost and back


def test_a_server_that_is_killed_and_started_again() -> None:
    told, kept, counts = list[str](), Kept(), Counts()
    with camera() as cam:

        def kill_and_start() -> None:
            while counts.tally().enhanced < 10:
                time.sleep(0.01)
            cam.off()
            while not any("connection refused" in line for line in told):
                time.sleep(0.01)
            cam.on()

        killer = threading.Thread(target=kill_and_start)
        killer.start()
        options = LiveOptions(frames=30, backoff=QUICK)
        tally = run_live(parse_source(cam.url), same, [kept], options, counts=counts, tell=told.append)
        killer.join()
    assert tally.reconnects == 1
    assert kept.numbers == sorted(set(kept.numbers))
    assert any("trying again in" in line for line in told)
    assert told[-1] == f"{cam.url}: is back"


def test_a_server_that_stays_away() -> None:
    counts = Counts()
    with camera(frames=5) as cam:
        killer = threading.Timer(1.0, cam.off)
        killer.start()
        options = LiveOptions(retries=2, backoff=QUICK)
        with pytest.raises(StreamLostError, match=r"connection refused; given up after 2 retries"):
            run_live(parse_source(cam.url), same, [Kept()], options, counts=counts)
        killer.join()
    assert counts.tally().enhanced >= 5


def test_while_a_source_is_away_the_run_can_end() -> None:
    began = time.monotonic()
    with camera(frames=3) as cam:
        options = LiveOptions(duration=0.6, backoff=Backoff(first=30.0))
        tally = run_live(parse_source(cam.url), same, [Kept()], options)
    assert tally.enhanced >= 1
    assert time.monotonic() - began < 20.0


def test_the_first_connection_is_refused() -> None:
    with camera() as cam:
        pass
    kept = Kept()
    with pytest.raises(SourceError, match="cannot be opened: connection refused"):
        run_live(parse_source(cam.url), same, [kept])
    assert (kept.opened, kept.closed) == (1, 1)


# --- size


def test_a_size_that_changes_midway_begins_a_new_file_and_mjpeg_goes_on(tmp_path: Path) -> None:
    served = MjpegSink("127.0.0.1", 0)
    seen = list[tuple[int, int]]()

    class Watched(Kept):
        def write(self, pixels: Pixels, at: float) -> None:
            super().write(pixels, at)
            with urllib.request.urlopen(f"{served.address}/frame.jpg", timeout=5) as answer:  # noqa: S310 - our own
                seen.append(Image.open(io.BytesIO(answer.read())).size)

        def idle(self) -> bool:
            return (240, 120) not in seen

    def changing(number: int) -> Picture:
        return numbered(number, (192, 96) if len(seen) < 5 else (240, 120))

    with camera(picture=changing) as cam:
        sinks = [FileSink(tmp_path / "live.mp4"), served, Watched()]
        run_live(parse_source(cam.url), same, sinks, LiveOptions(duration=60.0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["live-2.mp4", "live.mp4"]
    assert set(seen) == {(192, 96), (240, 120)}


def test_an_output_that_cannot_change_its_size_ends_the_run_and_the_others_are_finished(tmp_path: Path) -> None:
    class Fixed(Kept):
        def write(self, pixels: Pixels, at: float) -> None:
            super().write(pixels, at)
            if pixels.shape != self.frames[0].shape:
                raise SinkError("kept", "raw frames have one size")

    fixed = Fixed()
    source = Pictures(*(numbered(k, (192, 96) if k < 3 else (96, 48)) for k in range(5)))
    with pytest.raises(SinkError, match="one size"):
        run_live(source, same, [fixed, FileSink(tmp_path / "a.mkv")], EVERY)
    assert fixed.closed == 1
    with av.open(str(tmp_path / "a.mkv")) as clip:
        assert len(list(clip.decode(video=0))) == 3


# --- the end


@pytest.mark.parametrize("options", [LiveOptions(every=True, frames=4), LiveOptions(every=True)])
def test_every_frame_up_to_the_end_or_the_count(options: LiveOptions) -> None:
    kept = Kept()
    tally = run_live(Pictures(*map(numbered, range(8))), slowly(0.01), [kept], options)
    assert kept.numbers == list(range(options.frames or 8))
    assert tally.enhanced == (options.frames or 8)
    assert options.frames or tally.dropped == 0


def test_the_counts_add_up() -> None:
    tally = run_live(Pictures(*map(numbered, range(200))), slowly(0.002), [Kept()])
    assert tally.received == tally.enhanced + tally.dropped == 200


def test_a_signal_ends_the_run_after_the_frame_in_work() -> None:
    stop, kept = threading.Event(), Kept()

    def enhance(pixels: Pixels) -> Pixels:
        stop.set()
        return pixels

    with camera() as cam:
        run_live(parse_source(cam.url), enhance, [kept], stop=stop)
    assert len(kept.frames) == 1
    assert kept.closed == 1


def test_an_output_that_wants_no_more_ends_the_run() -> None:
    class Sated(Kept):
        def idle(self) -> bool:
            return len(self.frames) < 3

    sated = Sated()
    run_live(Pictures(*map(numbered, range(100))), same, [Kept(), sated], EVERY)
    assert len(sated.frames) == 3


def test_the_last_frame_before_an_error_is_enhanced() -> None:
    kept = Kept()
    source = Pictures(numbered(1), numbered(2), then=SourceError("pictures", "ends within frame 3"))
    with pytest.raises(SourceError, match="within frame 3"):
        run_live(source, same, [kept], EVERY)
    assert kept.numbers == [1, 2]


def test_errors_of_the_enhancer_close_the_outputs() -> None:
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        run_live(Pictures(numbered(1)), lambda p: p // (1 // 0), [kept], EVERY)
    with pytest.raises(ArrayError, match=r"made float32 \(96, 192, 3\) of uint8"):
        run_live(Pictures(numbered(1)), lambda p: p.astype(np.float32), [kept], EVERY)
    with pytest.raises(ArrayError, match="must keep both"):
        run_live(Pictures(numbered(1)), lambda p: p[1:], [kept], EVERY)
    assert (kept.opened, kept.closed) == (3, 3)


def test_an_output_that_cannot_be_opened_leaves_the_source_alone() -> None:
    class Shut(Kept):
        def open(self) -> None:
            raise SinkError("shut", "is taken")

    first, shut, counts = Kept(), Shut(), Counts()
    with pytest.raises(SinkError, match="taken"):
        run_live(Pictures(numbered(1)), same, [first, shut], counts=counts)
    assert (first.closed, shut.closed) == (1, 0)
    assert counts.tally().received == 0


def test_watching() -> None:
    seen: list[Tally] = []
    tally = run_live(Pictures(*map(numbered, range(5))), same, [Kept()], EVERY, watch=seen.append)
    assert [t.enhanced for t in seen][-1] == tally.enhanced == 5
    assert json.loads(json.dumps(tally.as_dict()))["enhanced"] == 5
