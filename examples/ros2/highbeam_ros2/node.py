"""The node: subscribes to a camera's topic and publishes its pictures enhanced."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from highbeam.cli.options import check_denoise, enhancer_of, held
from highbeam.methods.registry import DEFAULT_METHOD
from highbeam_ros2.enhancing import MessageEnhancer, Worker

__all__ = ["HighbeamNode", "main"]

_REPORT_EVERY = 10.0  # seconds


class HighbeamNode(Node):
    """Enhances the latest frame; those that come meanwhile are dropped but for the last."""

    def __init__(self) -> None:
        super().__init__("highbeam")
        method = self._parameter("method", DEFAULT_METHOD, "name of the method; `highbeam methods` lists them")
        options = self._parameter("options", [""], "options of the method, such as ['sigmas=15,80,250']")
        strength = self._parameter("strength", 1.0, "from 0, the picture as it is, to 1")
        protect = self._parameter("protect_highlights", default=True, meaning="keep lamps as they are")
        steady = self._parameter("steady", default=True, meaning="hold the method steady over the frames")
        denoise = self._parameter("denoise", 0.0, "average frames over time along motion, from 0, which is off, to 1")
        source = self._parameter("input_topic", "image_raw", "topic of the camera")
        target = self._parameter("output_topic", "image_enhanced", "topic of the result")
        compressed = self._parameter("compressed", default=False, meaning="the topics hold JPEG or PNG files")
        reliable = self._parameter("reliable", default=False, meaning="ask the camera to be reliable; few offer it")
        words = [word for word in options if word]  # ROS knows no empty list
        check_denoise(denoise, steady=steady)
        enhancer = enhancer_of(method, words, strength=strength, protect_highlights=protect)
        method_held = held(enhancer, steady=steady, denoise=denoise)
        kind = CompressedImage if compressed else Image
        self._publisher = self.create_publisher(kind, target, _quality(reliable=True))  # which everybody may ask for
        warn = self.get_logger().warning
        self._worker = Worker(MessageEnhancer(method_held), self._publisher.publish, warn)
        self._worker.start()
        self._subscription = self.create_subscription(kind, source, self._worker.take, _quality(reliable=reliable))
        self._timer = self.create_timer(_REPORT_EVERY, self._report)
        self.get_logger().info(f"{source} -> {target} by {method}")

    def _parameter(self, name: str, default: object, meaning: str) -> Any:  # noqa: ANN401 - as it is declared
        self.declare_parameter(name, default, ParameterDescriptor(description=meaning, read_only=True))
        return self.get_parameter(name).value

    def _report(self) -> None:
        worker = self._worker
        counts = f"{worker.done} enhanced, {worker.dropped} dropped, {worker.failed} failed"
        self.get_logger().debug(f"{counts}; the last one took {worker.seconds * 1000:.0f} ms")

    def destroy_node(self) -> None:
        """End the work before the publisher goes."""
        self._worker.stop()
        super().destroy_node()


def _quality(*, reliable: bool) -> QoSProfile:
    """Return the quality of service of the latest frame alone, reliable or as sensors offer it."""
    policy = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=policy)


def main() -> None:
    """Run the node until it is stopped."""
    rclpy.init()
    node = HighbeamNode()
    try:
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
