"""What goes wrong with clips, and what is left when it does."""

from __future__ import annotations

import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highbeam.errors import (
    ClipError,
    ClipWriteError,
    DamagedClipError,
    EncoderError,
    HighbeamError,
    OptionError,
    OutputError,
    ResumeError,
    UnsupportedClipError,
)
from highbeam.video.clips import ClipJob, ClipResult, Step, enhance_clip
from highbeam.video.containers import CONTAINERS
from highbeam.video.encoding import CODECS, Encoding, choose
from highbeam.video.inspecting import inspect
from tests.video.making import Video, make, planes, positions, times

PART = Encoding(part=8)


def same(pixels: Any) -> Any:
    return pixels


def job(**asked: Any) -> ClipJob:
    return ClipJob(**{"make": lambda: same, "identity": "as it was", "encoding": PART, **asked})


class Remembering:
    """Adds how often it was called so far, and can be taken apart and put together again."""

    def __init__(self, *, until: int | None = None) -> None:
        self.count, self.until = 0, until
        self.level = np.zeros(3)

    def __call__(self, pixels: Any) -> Any:
        if self.count == self.until:
            raise RuntimeError("the enhancer broke")
        self.count += 1
        self.level += 1.0
        return np.minimum(pixels.astype(np.uint16) + int(self.level[0]) * 3, 255).astype(np.uint8)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "level": self.level, "name": "remembering"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["name"] == "remembering"
        self.count, self.level = state["count"], state["level"].copy()


class Forgetful:
    """The same without a way to save it."""

    def __init__(self, *, until: int | None = None) -> None:
        self.inner = Remembering(until=until)

    def __call__(self, pixels: Any) -> Any:
        return self.inner(pixels)


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("highbeam-clip")]


def work_folder(output: Path) -> Path:
    return output.with_name(f".{output.name}.highbeam")


def failing(source: Path, output: Path, asked: ClipJob, kind: type[BaseException], match: str) -> None:
    with no_thread_left(), pytest.raises(kind, match=match):
        enhance_clip(source, output, asked)
    assert not output.exists()


@pytest.mark.parametrize("kind", [Remembering, Forgetful])
@pytest.mark.parametrize("until", [3, 8, 13, 19])
def test_goes_on_where_it_broke_off(tmp_path: Path, kind: Callable[..., Any], until: int) -> None:
    source = make(tmp_path / "in.mp4", sound="aac")
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance_clip(source, whole, job(make=kind))
    failing(source, output, job(make=lambda: kind(until=until)), RuntimeError, "the enhancer broke")
    assert len(list(work_folder(output).glob("*.part"))) == until // 8
    steps: list[Step] = []
    result = enhance_clip(source, output, job(make=kind, resume=True), progress=steps.append)
    assert result is not None
    assert (result.frames, result.resumed) == (20, until // 8 * 8)
    assert steps[0] == Step(until // 8 * 8 + 1, 20, until // 8 * 8)
    assert steps[-1] == Step(20, 20, until // 8 * 8)
    assert output.read_bytes() == whole.read_bytes()
    assert not work_folder(output).exists()


def test_shows_as_many_frames_again_as_asked(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"
    failing(source, output, job(make=lambda: Forgetful(until=17)), RuntimeError, "broke")
    seen: list[Any] = []

    def look(pixels: Any) -> Any:
        seen.append(pixels)
        return pixels

    assert enhance_clip(source, output, job(make=lambda: look, resume=True, warm_up=3))
    assert len(seen) == 3 + 4


def test_a_damaged_part_or_state_is_made_again(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance_clip(source, whole, job(make=Remembering))
    failing(source, output, job(make=lambda: Remembering(until=17)), RuntimeError, "broke")
    part = work_folder(output) / "000001.part"
    part.write_bytes(part.read_bytes()[:-40])
    result = enhance_clip(source, output, job(make=Remembering, resume=True))
    assert result is not None
    assert result.resumed == 8
    assert output.read_bytes() == whole.read_bytes()


def test_without_resume_it_starts_afresh(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"
    failing(source, output, job(make=lambda: Remembering(until=17)), RuntimeError, "broke")
    result = enhance_clip(source, output, job())
    assert result == ClipResult(20, 0, 160, 96)


def test_another_source_method_or_encoding_is_not_resumed(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"
    failing(source, output, job(make=lambda: Remembering(until=17)), RuntimeError, "broke")
    failing(source, output, job(identity="other", resume=True), ResumeError, "another method;")
    coarse = job(encoding=Encoding(part=8, quality=40), resume=True)
    failing(source, output, coarse, ResumeError, "another encoder;")
    other = make(tmp_path / "other.mp4", Video(frames=21))
    failing(other, output, job(resume=True), ResumeError, "another source;")
    (work_folder(output) / "manifest.json").write_text("[")
    failing(source, output, job(resume=True), ResumeError, "another manifest;")
    assert enhance_clip(source, output, job())


def test_stops_when_asked_and_goes_on(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance_clip(source, whole, job(make=Remembering))
    stop = threading.Event()

    def count(step: Step) -> None:
        if step.done == 12:
            stop.set()

    with no_thread_left():
        assert enhance_clip(source, output, job(make=Remembering), progress=count, stop=stop) is None
    assert not output.exists()
    assert enhance_clip(source, output, job(make=Remembering, resume=True)) is not None
    assert output.read_bytes() == whole.read_bytes()


KILLED = """
import sys, time
from pathlib import Path
from highbeam.video.clips import ClipJob, enhance_clip
from highbeam.video.containers import CONTAINERS
from highbeam.video.encoding import CODECS, Encoding, choose
from highbeam.video.inspecting import inspect
from tests.video.test_clips_faults import Remembering

class Slow(Remembering):
    def __call__(self, pixels):
        time.sleep(0.02)
        return super().__call__(pixels)

print("ready", flush=True)
job = ClipJob(Slow, "as it was", Encoding(part=8), resume=True)
enhance_clip(Path(sys.argv[1]), Path(sys.argv[2]), job, progress=lambda step: print(step.done, flush=True))
"""


def test_survives_kill_nine(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Video(frames=60))
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance_clip(source, whole, job(make=Remembering))
    for frame in (3, 21, 45):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(source), str(output)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            assert process.stdout is not None
            while process.stdout.readline().strip() != str(frame):
                assert process.poll() is None
            process.send_signal(signal.SIGKILL)
        assert not output.exists()
    result = enhance_clip(source, output, job(make=Remembering, resume=True))
    assert result is not None
    assert result.resumed >= 32
    assert planes(output) == planes(whole)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "whole.mp4"]


def test_two_processes_do_not_make_one_result(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"

    def again(pixels: Any) -> Any:
        with pytest.raises(OutputError, match="being made by another process"):
            enhance_clip(source, output, job())
        return pixels

    assert enhance_clip(source, output, job(make=lambda: again))


def test_an_existing_result_is_replaced_only_on_request(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"
    output.write_bytes(b"before")
    with pytest.raises(OutputError, match="exists already"):
        enhance_clip(source, output, job())
    assert output.read_bytes() == b"before"

    def late(pixels: Any) -> Any:
        (tmp_path / "late.mp4").write_bytes(b"meanwhile")
        return pixels

    with pytest.raises(OutputError, match="exists already"):
        enhance_clip(source, tmp_path / "late.mp4", job(make=lambda: late))
    assert (tmp_path / "late.mp4").read_bytes() == b"meanwhile"
    assert enhance_clip(source, output, job(overwrite=True))
    assert len(times(output)) == 20


def test_a_truncated_clip_is_enhanced_up_to_there(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", options={"movflags": "faststart"})
    cut = positions(whole)[12]
    source = tmp_path / "in.mp4"
    source.write_bytes(whole.read_bytes()[: cut[0] + 3])
    result = enhance_clip(source, tmp_path / "out.mp4", job())
    assert result is not None
    assert 10 <= result.frames <= 13
    assert result.damage is not None
    assert "of 20 frames are missing" in result.damage
    assert set(times(tmp_path / "out.mp4")) < set(times(whole))


@pytest.mark.parametrize("damage", ["cut", "whole"])
def test_sound_that_ends_too_early_is_told(tmp_path: Path, damage: str) -> None:
    from highbeam.cli.info import describe

    quick = Video(frames=40, rate=Fraction(25), times=range(0, 160, 4), base=Fraction(1, 1000))
    source = make(tmp_path / "in.mp4", quick, sound="aac", options={"movflags": "faststart"})
    with av.open(str(source)) as container:
        sound = [packet for packet in container.demux(audio=0) if packet.size]
    stated, kept = len(sound), len(sound) // 2
    ends = ((sound[kept - 1].pts or 0) + (sound[kept - 1].duration or 0)) / 48000
    place = (sound[kept].pos or 0) + 1
    assert max(at + size for at, size, _ in positions(source)) < place, "the frames are all there"
    if damage == "cut":
        source.write_bytes(source.read_bytes()[:place])
    result = enhance_clip(source, tmp_path / "out.mp4", job())
    assert result is not None
    assert result.frames == 40
    expected = f"stream 1 (audio) ends at {ends:.3f} s, {stated - kept} of its {stated} packets are missing"
    assert result.damage == (expected if damage == "cut" else None)
    assert describe(source)["broken"] == result.damage


def test_a_clip_without_its_index_is_refused(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4")
    source = tmp_path / "in.mp4"
    source.write_bytes(whole.read_bytes()[:-600])
    failing(source, tmp_path / "out.mp4", job(), DamagedClipError, "cannot be read as a clip")


def damaged(tmp_path: Path, number: int, *, zeros: bool) -> tuple[Path, float]:
    """A clip in which one packet is overwritten; and when it is shown."""
    source = make(tmp_path / "in.mp4", Video(frames=40, options={"g": "10", "bf": "2"}))
    place, size, pts = positions(source)[number]
    data = bytearray(source.read_bytes())
    data[place + 8 : place + size] = bytes(size - 8) if zeros else np.random.default_rng(1).bytes(size - 8)
    source.write_bytes(data)
    return source, pts / 30000


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("number", [10, 15])
def test_damage_in_the_middle_is_told_with_its_time(tmp_path: Path, number: int, *, zeros: bool) -> None:
    source, when = damaged(tmp_path, number, zeros=zeros)
    result = enhance_clip(source, tmp_path / "out.mp4", job())
    assert result is not None
    assert result.damage is not None
    assert f"{when:.3f}" in result.damage
    shown = times(tmp_path / "out.mp4")
    assert len(shown) == result.frames >= 25
    assert set(shown) <= {Fraction(1001 * n, 30000) for n in range(40)}
    assert shown[-1] == Fraction(1001 * 39, 30000)


def test_damage_of_an_interlaced_clip_is_told(tmp_path: Path) -> None:
    video = Video(frames=40, rate=Fraction(25), options={"g": "10", "bf": "2", "flags": "+ildct+ilme"})
    source = make(tmp_path / "in.mp4", video)
    whole = enhance_clip(source, tmp_path / "whole.mp4", job())
    assert whole is not None
    assert (whole.frames, whole.damage) == (40, None)
    place, size, pts = positions(source)[24]
    data = bytearray(source.read_bytes())
    data[place + 4 : place + size] = bytes(size - 4)
    source.write_bytes(data)
    result = enhance_clip(source, tmp_path / "out.mp4", job())
    assert result is not None
    assert result.frames < 40
    assert result.damage is not None
    assert f"damaged at {pts / 12800:.3f}" in result.damage
    assert f"({40 - result.frames} frames lost" in result.damage


def fields(frames: int) -> list[list[int]]:
    """When the two fields of each frame are shown; their packets come in this order."""
    return [[2 * number, 2 * number + 1] for number in range(frames)]


@pytest.mark.parametrize("lost", [[], [0], [2], [30], [99], [7, 8, 60]])
def test_two_fields_are_one_frame(lost: list[int]) -> None:
    from highbeam.video.ledger import Ledger

    ledger, missed = Ledger(fields=True), list[int]()
    for number, pair in enumerate(fields(100)):
        for shown in pair:
            ledger.expect(shown, None)
        if number not in lost:
            missed += ledger.came(pair[0])
    missed += ledger.close()
    assert missed == [2 * number for number in lost]


@pytest.mark.parametrize("lost", [None, 4, 30])
def test_frames_get_times_as_they_come_out(lost: int | None) -> None:
    from highbeam.video.ledger import DecodingLedger

    ledger, missed, shown = DecodingLedger(), list[int](), list[tuple[int, int]]()
    order = [number + move for number in range(0, 60, 3) for move in (0, 2, 1)]  # the second is shown after the third
    for number in range(60):
        ledger.expect(number + 1, number)
        if number >= 2 and order[number - 2] != lost:
            missed += ledger.came(order[number - 2] + 1)
            shown.append((order[number - 2], ledger.time(0)))
    assert missed == ([] if lost is None else [lost + 1])
    assert ledger.close() == [59, 60]
    place = {packet: number for number, packet in enumerate(order)}
    late = [packet for packet, time in shown if time != place[packet]]
    assert len(late) <= (0 if lost is None else 20)
    assert all(place[packet] - time == 1 for packet, time in shown if packet in late)


def test_a_clip_that_changes_its_size_is_enhanced_up_to_there(tmp_path: Path) -> None:
    source, output = tmp_path / "in.ts", tmp_path / "out.mp4"
    later = Video(size=(192, 96), times=[90_000 + 3003 * n for n in range(20)], base=Fraction(1, 90_000))
    source.write_bytes(make(tmp_path / "one.ts").read_bytes() + make(tmp_path / "two.ts", later).read_bytes())
    result = enhance_clip(source, output, job())
    assert result is not None
    assert (result.frames, len(planes(output))) == (20, 20)
    assert re.match(r"changes from 160 by 96 to 192 by 96 at \d+\.\d+ s, and is left out from", str(result.damage))
    assert not work_folder(output).exists()


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    nothing, noise, sound = tmp_path / "nothing.mp4", tmp_path / "noise.mp4", tmp_path / "sound.mp4"
    nothing.touch()
    noise.write_bytes(np.random.default_rng(0).bytes(5000))
    with av.open(str(sound), "w") as container:
        stream: Any = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    output = tmp_path / "out.mp4"
    failing(nothing, output, job(), DamagedClipError, "cannot be read as a clip")
    failing(noise, output, job(), DamagedClipError, "cannot be read as a clip")
    failing(sound, output, job(), UnsupportedClipError, "has no video")
    failing(tmp_path / "absent.mp4", output, job(), ClipError, "cannot be read .*; check the path")
    failing(make(tmp_path / "in.mp4"), tmp_path / "out.gif", job(), UnsupportedClipError, "names no container")


def test_a_clip_of_no_frame_is_refused(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", sound="aac")
    source = tmp_path / "in.mkv"
    with av.open(str(whole)) as before, av.open(str(source), "w") as after:
        after.add_stream_from_template(before.streams.video[0], opaque=True)
        sound = after.add_stream_from_template(before.streams.audio[0])
        for packet in before.demux(audio=0):
            if packet.size:
                packet.stream = sound
                after.mux(packet)
    failing(source, tmp_path / "out.mp4", job(), DamagedClipError, "has no frame")


def test_codecs_formats_and_ranges_that_are_not_there(tmp_path: Path) -> None:
    source, output = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    failing(source, output, job(encoding=Encoding(pixel_format="mauve")), EncoderError, "mauve")
    failing(source, output, job(encoding=Encoding(pixel_format="gbrp")), EncoderError, "does not take gbrp")
    failing(source, tmp_path / "out.webm", job(encoding=Encoding("h264")), EncoderError, "webm does not take libx264")
    wrong = job(encoding=Encoding(preset="fats"))
    failing(source, output, wrong, EncoderError, "mp4 takes h264 .* no preset 'fats'; did you mean 'fast'.*, placebo")
    wrong = job(encoding=Encoding(preset="veryfast"))
    failing(source, tmp_path / "out.webm", wrong, EncoderError, "webm takes vp9 .*'veryfast' .presets: 0, 1, .*, 8")
    failing(source, output, job(encoding=Encoding(quality=60)), EncoderError, "h264 takes a CRF .* 0 to 51, not 60")
    out_of_range: tuple[dict[str, Any], ...] = ({"codec": "h265"}, {"quality": 64}, {"threads": 0}, {"part": 0})
    for asked in out_of_range:
        with pytest.raises(OptionError):
            Encoding(**asked)
    of_the_codec: tuple[tuple[dict[str, Any], str], ...] = (
        ({"codec": "av1", "preset": "veryfast"}, "av1 takes no preset 'veryfast' .presets: 0, .*, 13"),
        ({"codec": "hevc", "quality": 52}, "hevc takes a CRF .* 0 to 51, not 52"),
    )
    for asked, match in of_the_codec:
        with pytest.raises(OptionError, match=match):
            Encoding(**asked)


@pytest.mark.parametrize("name", CODECS)
def test_encoders_take_what_is_said_to_be_accepted(tmp_path: Path, name: str) -> None:
    clip = inspect(make(tmp_path / "in.mp4"))
    codec = CODECS[name]
    for asked in (
        Encoding(name, quality=0, preset=codec.presets[0]),
        Encoding(name, quality=codec.worst, preset=codec.presets[-1]),
    ):
        assert choose(asked, clip, CONTAINERS[".mkv"]).name == codec.encoder


def test_a_codec_that_is_not_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from highbeam.video import encoding

    monkeypatch.setitem(encoding.CODECS, "h264", encoding._Codec("libabsent", 20, "medium"))
    source = make(tmp_path / "in.mp4")
    failing(source, tmp_path / "out.mp4", job(), EncoderError, "libabsent.*choose another codec")


def test_an_enhancer_that_changes_the_size_or_depth(tmp_path: Path) -> None:
    source, output = make(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    failing(source, output, job(make=lambda: lambda pixels: pixels[::2]), ClipError, "must keep both")
    failing(source, output, job(make=lambda: np.float32), ClipError, "must keep both")


@pytest.mark.parametrize("limit", [2_000, 40_000])
def test_a_full_disk_leaves_no_result(tmp_path: Path, limit: int) -> None:
    """Where files cannot grow, neither the parts nor the whole can be written."""
    source = make(tmp_path / "in.mp4", Video(frames=60), sound="aac")
    output = tmp_path / "out.mp4"
    asked = job(encoding=Encoding(part=20, quality=1 if limit > 10_000 else 20))
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        failing(source, output, asked, ClipWriteError, "cannot be written .*--resume")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list(tmp_path.glob("**/*.tmp"))
    resumed = enhance_clip(source, output, job(encoding=asked.encoding, resume=True))
    assert resumed is not None
    assert resumed.frames == 60


def test_a_full_file_system_leaves_no_result(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("no file system can be mounted here")
    try:
        source = make(tmp_path / "in.mp4", Video(frames=60))
        asked = job(encoding=Encoding(part=20, quality=1))
        failing(source, small / "out.mp4", asked, ClipWriteError, "No space left on device")
        assert [path.name for path in small.iterdir()] == [".out.mp4.highbeam"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4")
    (tmp_path / "file").touch()
    failing(source, tmp_path / "file" / "out.mp4", job(), ClipWriteError, "cannot be written")


def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    script = (
        "import sys, resource\n"
        "from pathlib import Path\n"
        "from highbeam.video.clips import ClipJob, enhance_clip\n"
        "from highbeam.video.encoding import Encoding\n"
        "same = lambda pixels: pixels\n"
        "warm = ClipJob(lambda: same, 'x', Encoding(part=24))\n"
        "for name in sys.argv[1:]:\n"
        "    enhance_clip(Path(name), Path(name).with_suffix('.out.mp4'), warm)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    short = make(tmp_path / "short.mp4", Video(frames=100))
    long = make(tmp_path / "long.mp4", Video(frames=800))
    done = subprocess.run(
        [sys.executable, "-c", script, str(short), str(long)], check=True, capture_output=True, text=True
    )
    after_short, after_long = (int(line) / 1024 for line in done.stdout.split())
    frame = 160 * 96 * 3 / 2**20
    assert after_long - after_short < 100 * frame < 700 * frame  # a hundredth of the frames' own size would do


def test_errors_are_of_one_family() -> None:
    import pickle

    for kind in (ClipError, ClipWriteError, DamagedClipError, EncoderError, ResumeError, UnsupportedClipError):
        error = kind("a.mp4", "is wrong")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
        assert isinstance(error, HighbeamError)
        assert (str(again), again.name, again.reason) == ("a.mp4: is wrong", "a.mp4", "is wrong")


def test_breaks_off_at_once_when_a_step_fails() -> None:
    from highbeam.video.overlap import overlap

    def endless() -> Any:
        number = 0
        while True:
            yield number
            number += 1

    def refuse(items: Iterator[int]) -> None:
        next(items)
        raise ValueError("full")

    start = time.perf_counter()
    with no_thread_left(), pytest.raises(ValueError, match="full"):
        overlap(endless, lambda number: number, refuse)
    assert time.perf_counter() - start < 2.0


def test_ctrl_c_ends_the_threads() -> None:
    from highbeam.video.overlap import overlap

    def work(number: int) -> int:
        if number == 5:
            raise KeyboardInterrupt
        return number

    with no_thread_left(), pytest.raises(KeyboardInterrupt):
        overlap(lambda: (number for number in range(100)), work, lambda items: deque(items, 0).clear())


class Broken:
    """A container that cannot be read in places."""

    def __init__(self, *reads: Any) -> None:
        self.reads = list(reads)

    def demux(self, *_: Any) -> Iterator[Any]:
        while self.reads:
            read = self.reads.pop(0)
            if isinstance(read, BaseException):
                raise read
            yield read


def test_reading_goes_on_past_places_that_cannot_be_read(tmp_path: Path) -> None:
    from highbeam.video.inspecting import packets

    wrong = av.InvalidDataError(1, "torn")
    errors: list[str] = []
    container: Any = Broken("one", wrong, wrong, "two")
    read: list[Any] = list(packets(container, (), errors))
    assert read == ["one", "two"]
    assert errors == ["torn", "torn"]
    with av.open(str(make(tmp_path / "in.mp4"))) as whole:
        stream = whole.streams.video[0]
        container = Broken(*[wrong] * 200)
        (last,) = packets(container, (stream,), errors)
        assert (last.size, last.stream) == (0, stream)
        assert len(errors) == 100


def test_a_clip_whose_frames_are_all_damaged_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Video(frames=6))
    data = bytearray(source.read_bytes())
    for place, size, _ in positions(source):
        data[place : place + size] = bytes(size)
    source.write_bytes(data)
    failing(source, tmp_path / "out.mp4", job(), DamagedClipError, "no frame that can be decoded")


def test_what_a_kill_while_joining_leaves_is_no_hindrance(tmp_path: Path) -> None:
    source, whole, output = make(tmp_path / "in.mp4"), tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance_clip(source, whole, job(make=Remembering))
    failing(source, output, job(make=lambda: Remembering(until=17)), RuntimeError, "broke")
    (work_folder(output) / "whole.tmp").write_bytes(b"half")
    (work_folder(output) / "000002.part.tmp").write_bytes(b"half")
    assert enhance_clip(source, output, job(make=Remembering, resume=True))
    assert output.read_bytes() == whole.read_bytes()


def test_states_hold_arrays_numbers_and_texts_only() -> None:
    from highbeam.resuming import pack_state, unpack_state

    state = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "n": 3, "x": 0.1, "word": "über", "on": True}
    again = unpack_state(pack_state(state))
    assert again["a.b"].dtype == np.float32
    np.testing.assert_array_equal(again.pop("a.b"), state.pop("a.b"))
    assert again == state
    assert [type(value) for value in again.values()] == [int, float, str, bool]
    with pytest.raises(TypeError, match="'bad' is neither"):
        pack_state({"bad": {"nested": 1}})
