"""The example's node and launch file, with stand-ins for what ROS would bring."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, List  # noqa: UP035 - as ROS knows it

import numpy as np
import pytest

from highbeam.errors import UsageError
from highbeam.methods import DEFAULT_METHOD, load
from highbeam.video.steady import Steady, SteadyOptions
from tests.conftest import ROOT
from tests.logs import making
from tests.logs.making import Frame, noise
from tests.video.making import Frames, hunting

FOLDER = ROOT / "examples" / "ros2"


class Told:
    """A logger."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, words: str) -> None:
        self.lines.append(words)

    warning = debug = info


class Node:
    """What the node asks of ``rclpy.node.Node``."""

    set_from_outside: dict[str, Any] = {}  # noqa: RUF012 - the tests set it

    def __init__(self, name: str) -> None:
        self.name, self.told, self.parameters = name, Told(), dict[str, Any]()
        self.published: list[Any] = []
        self.came = threading.Event()
        self.destroyed = False

    def declare_parameter(self, name: str, default: object, descriptor: SimpleNamespace) -> None:
        assert descriptor.description
        assert descriptor.read_only
        self.parameters[name] = self.set_from_outside.get(name, default)

    def get_parameter(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(value=self.parameters[name])

    def get_logger(self) -> Told:
        return self.told

    def create_publisher(self, kind: type, topic: str, quality: SimpleNamespace) -> SimpleNamespace:
        self.output = (kind, topic, quality)
        return SimpleNamespace(publish=self.publish)

    def publish(self, message: Any) -> None:
        self.published.append(message)
        self.came.set()

    def create_subscription(self, kind: type, topic: str, take: Callable[[Any], None], quality: SimpleNamespace) -> str:
        self.input, self.take = (kind, topic, quality), take
        return topic

    def create_timer(self, seconds: float, report: Callable[[], None]) -> float:
        self.report = report
        return seconds

    def destroy_node(self) -> None:
        self.destroyed = True


class Stopped(Exception):  # noqa: N818 - it has the name of the one of ROS
    """Stands for ``ExternalShutdownException``."""


def stand_ins() -> dict[str, ModuleType]:
    """The modules of ROS that the example imports, by their names."""
    described: dict[str, dict[str, Any]] = {
        "rclpy": {"calls": []},
        "rclpy.executors": {"ExternalShutdownException": Stopped},
        "rclpy.node": {"Node": Node},
        "rclpy.qos": {
            "HistoryPolicy": SimpleNamespace(KEEP_LAST="last"),
            "ReliabilityPolicy": SimpleNamespace(RELIABLE="reliable", BEST_EFFORT="best effort"),
            "QoSProfile": SimpleNamespace,
        },
        "rcl_interfaces": {},
        "rcl_interfaces.msg": {"ParameterDescriptor": SimpleNamespace},
        "sensor_msgs": {},
        "sensor_msgs.msg": {
            "Image": making.ROS2.types[making.IMAGE],
            "CompressedImage": making.ROS2.types[making.COMPRESSED],
        },
        "launch": {"LaunchDescription": list},
        "launch.actions": {"DeclareLaunchArgument": lambda name, **words: SimpleNamespace(name=name, **words)},
        "launch.substitutions": {"LaunchConfiguration": str},
        "launch_ros": {},
        "launch_ros.actions": {"Node": SimpleNamespace},
        "launch_ros.parameter_descriptions": {"ParameterValue": lambda value, value_type: (value, value_type)},
    }
    modules = {}
    for name, contents in described.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(contents)
    calls = modules["rclpy"]
    for name in ("init", "spin", "try_shutdown"):
        setattr(calls, name, lambda *_, name=name: vars(calls)["calls"].append(name))
    return modules


@pytest.fixture
def ros(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The node's module, imported as ROS does it."""
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # other tests copy the folder meanwhile
    monkeypatch.setattr(Node, "set_from_outside", {})
    yield importlib.import_module("highbeam_ros2.node")
    for name in [name for name in sys.modules if name.startswith("highbeam_ros2")]:
        del sys.modules[name]


def started(ros: ModuleType, **parameters: Any) -> Any:
    Node.set_from_outside.update(parameters)
    return ros.HighbeamNode()


def test_the_defaults(ros: ModuleType) -> None:
    node = started(ros)
    kind, topic, quality = node.input
    assert (kind.__msgtype__, topic, node.output[:2]) == (making.IMAGE, "image_raw", (kind, "image_enhanced"))
    assert vars(quality) == {"history": "last", "depth": 1, "reliability": "best effort"}
    assert vars(node.output[2]) == {"history": "last", "depth": 1, "reliability": "reliable"}
    assert node.told.lines == [f"image_raw -> image_enhanced by {DEFAULT_METHOD}"]
    node.destroy_node()
    assert node.destroyed


def test_a_frame_goes_through(ros: ModuleType) -> None:
    options = ["sigmas=5,20", "clip-low=2"]
    node = started(ros, method="msrcp", options=options, strength=0.5, protect_highlights=False, reliable=True)
    before = making.image(Frame(noise(8, 9), "rgb8"))
    node.take(before)
    assert node.came.wait(timeout=30)
    node.destroy_node()
    (after,) = node.published
    expected = load("msrcp", sigmas=(5, 20), clip_low=2, strength=0.5, protect_highlights=False)
    np.testing.assert_array_equal(after.data.reshape(8, 9, 3), Steady(expected)(noise(8, 9)))
    assert after.header == before.header
    assert (node.input[2].reliability, node.output[2].reliability) == ("reliable", "reliable")
    node.report()
    assert node.told.lines[-1].startswith("1 enhanced, 0 dropped, 0 failed; the last one took ")


def enhanced(ros: ModuleType, frames: Frames, **parameters: Any) -> Frames:
    """Let frames go through a node, one after another."""
    node = started(ros, **parameters)
    for frame in frames:
        node.came.clear()
        node.take(making.image(Frame(frame, "rgb8")))
        assert node.came.wait(timeout=30)
    node.destroy_node()
    return [message.data.reshape(frame.shape) for message, frame in zip(node.published, frames, strict=True)]


def test_an_exposure_that_hunts_is_held(ros: ModuleType) -> None:
    frames = hunting(16)
    by_itself = enhanced(ros, frames, method="clahe", steady=False)
    held = enhanced(ros, frames, method="clahe", steady=True)
    for made, method in ((by_itself, load("clahe")), (held, Steady(load("clahe")))):
        assert all(np.array_equal(one, method(frame)) for one, frame in zip(made, frames, strict=True))
    assert flicker(held) < 0.5 * flicker(by_itself)


def flicker(frames: Frames) -> float:
    """Mean change of brightness from frame to frame, levels."""
    return float(np.abs(np.diff([frame.mean() for frame in frames])).mean())


def test_noise_is_averaged_where_it_is_asked_for(ros: ModuleType) -> None:
    frames = hunting(4)
    made = enhanced(ros, frames, method="gamma", denoise=1.0)
    method = Steady(load("gamma"), SteadyOptions(denoise=1.0))
    assert all(np.array_equal(one, method(frame)) for one, frame in zip(made, frames, strict=True))
    with pytest.raises(UsageError, match="denoise"):
        started(ros, method="gamma", denoise=0.5, steady=False)


def test_files_go_through(ros: ModuleType) -> None:
    node = started(ros, method="gamma", compressed=True, input_topic="/in", output_topic="/out")
    node.take(making.compressed(making.png(noise(4, 4)), "png"))
    assert node.came.wait(timeout=30)
    node.destroy_node()
    assert node.output[0].__msgtype__ == making.COMPRESSED
    assert (node.input[1], node.output[1]) == ("/in", "/out")
    assert node.published[0].format == "png"


@pytest.mark.parametrize("end", [KeyboardInterrupt, Stopped])
def test_the_node_ends_in_good_order(
    ros: ModuleType, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    seen: list[Any] = []

    def spin(node: Any) -> None:
        seen.append(node)
        raise end

    monkeypatch.setattr(ros.rclpy, "spin", spin)
    Node.set_from_outside["method"] = "gamma"
    ros.main()
    assert seen[0].destroyed
    assert ros.rclpy.calls == ["init", "try_shutdown"]


def test_the_launch_file_starts_it(ros: ModuleType) -> None:
    place = FOLDER / "launch" / "enhance.launch.py"
    spec = importlib.util.spec_from_file_location("enhance_launch", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    *arguments, node = module.generate_launch_description()
    node_itself = started(ros, method="gamma")
    node_itself.destroy_node()
    assert (node.package, node.executable) == ("highbeam_ros2", "enhance")
    assert {argument.name for argument in arguments} == set(node.parameters[0]) == set(node_itself.parameters)
    assert node.parameters[0]["options"] == ("options", List[str])  # noqa: UP006
    defaults = {argument.name: argument.default_value for argument in arguments}
    assert defaults["method"] == DEFAULT_METHOD
    assert '"enhance = highbeam_ros2.node:main"' in (FOLDER / "setup.py").read_text()
