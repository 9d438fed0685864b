"""The example of a ROS 2 node: its work, without ROS."""

from __future__ import annotations

import array
import importlib.util
import re
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from highbeam.logs.errors import FrameError
from highbeam.pictures import decode
from tests.conftest import ROOT
from tests.logs import making
from tests.logs.making import Frame, inverted, noise

FOLDER = ROOT / "examples" / "ros2"


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    place = FOLDER / "highbeam_ros2" / "enhancing.py"
    spec = importlib.util.spec_from_file_location("highbeam_ros2_enhancing", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)  # other tests copy the folder meanwhile
        spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_an_image_comes_out_as_an_image(example: ModuleType) -> None:
    before = making.image(Frame(noise(5, 7), "bgr8", padding=2), 3)
    after = example.MessageEnhancer(inverted)(before)
    assert type(after) is type(before)
    assert (after.header, after.encoding, after.step) == (before.header, "bgr8", 23)
    rows, was = after.data.reshape(5, 23), before.data.reshape(5, 23)
    assert np.array_equal(rows[:, :21], 255 - was[:, :21])
    assert np.array_equal(rows[:, 21:], was[:, 21:])
    assert making.packed(after)[: -5 * 23] == making.packed(before)[: -5 * 23]


def test_a_file_comes_out_as_a_file(example: ModuleType) -> None:
    before = making.compressed(making.png(noise(4, 3)), "png")
    after = example.MessageEnhancer(inverted)(before)
    assert (after.header, after.format) == (before.header, "png")
    assert np.array_equal(decode(after.data.tobytes()).pixels, 255 - noise(4, 3))


def test_arrays_of_the_standard_library_stay_such(example: ModuleType) -> None:
    plain = making.image(Frame(noise(2, 2)))
    before = SimpleNamespace(**{**vars(plain), "data": array.array("B", plain.data.tobytes())})
    after = example.MessageEnhancer(inverted)(before)
    assert isinstance(after.data, array.array)
    assert after.data.tobytes() == (255 - plain.data).tobytes()


def test_other_encodings_are_refused(example: ModuleType) -> None:
    with pytest.raises(FrameError, match="32FC1"):
        example.MessageEnhancer(inverted)(making.image(Frame(noise(2, 2), "32FC1")))


def test_only_the_latest_frame_waits(example: ModuleType) -> None:
    begun, go_on, published = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)
    seen: list[int] = []

    def slow(number: int) -> int:
        begun.release()
        assert go_on.acquire(timeout=10)
        return -number

    def publish(number: int) -> None:
        seen.append(number)
        published.release()

    worker = example.Worker(slow, publish, pytest.fail)
    worker.start()
    worker.take(1)
    assert begun.acquire(timeout=10)
    for number in (2, 3, 4):
        worker.take(number)
    go_on.release(2)
    assert published.acquire(timeout=10)
    assert published.acquire(timeout=10)
    worker.stop()
    assert (seen, worker.done, worker.dropped, worker.failed) == ([-1, -4], 2, 2, 0)
    assert worker.seconds >= 0


def test_one_bad_frame_does_not_end_the_work(example: ModuleType) -> None:
    warnings: list[str] = []
    made: list[Any] = []
    done = threading.Event()

    def publish(message: Any) -> None:
        made.append(message)
        done.set()

    def warn(words: str) -> None:
        warnings.append(words)
        done.set()

    worker = example.Worker(example.MessageEnhancer(inverted), publish, warn)
    worker.start()
    for message in (making.image(Frame(noise(2, 2), "32FC1")), making.image(Frame(noise(2, 2)))):
        done.clear()
        worker.take(message)
        assert done.wait(timeout=10)
    worker.stop()
    assert (len(made), worker.failed) == (1, 1)
    assert warnings[0].startswith("a frame is left out: encoding '32FC1'")


def test_what_cannot_be_published_does_not_end_the_work(example: ModuleType) -> None:
    warnings: list[str] = []
    made: list[Any] = []
    done = threading.Semaphore(0)

    def publish(number: int) -> None:
        done.release()
        if number == -1:
            raise RuntimeError("the publisher is gone")
        made.append(number)

    worker = example.Worker(int.__neg__, publish, warnings.append)
    worker.start()
    for number in (1, 2):
        worker.take(number)
        assert done.acquire(timeout=10)
    worker.stop()
    assert (made, worker.done, worker.failed) == ([-2], 1, 1)
    assert warnings == ["a frame is left out: the publisher is gone"]


def test_stopping_what_never_started(example: ModuleType) -> None:
    worker = example.Worker(inverted, print, print)
    worker.stop()
    worker.take(object())  # nobody is there to take it
    assert worker.failed == 0


def test_the_files_of_the_package_agree() -> None:
    """Names, the node's parameters, the launch file's arguments and the table of the README."""
    node, launch, page = (
        (FOLDER / name).read_text() for name in ("highbeam_ros2/node.py", "launch/enhance.launch.py", "README.md")
    )
    for text in (node, launch, (FOLDER / "setup.py").read_text()):
        compile(text, "example", "exec")
    declared = set(re.findall(r'_parameter\(\s*"(\w+)"', node))
    assert declared == set(re.findall(r"^\| `(\w+)`", page, flags=re.MULTILINE))
    assert declared == set(re.findall(r'^    "(\w+)": \(', launch, flags=re.MULTILINE))
    assert "<name>highbeam_ros2</name>" in (FOLDER / "package.xml").read_text()
    assert (FOLDER / "resource" / "highbeam_ros2").is_file()
