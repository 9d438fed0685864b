"""Start the node: ``ros2 launch highbeam_ros2 enhance.launch.py input_topic:=/camera/image_raw``."""

from typing import List  # noqa: UP035 - launch knows lists by this name alone

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

_ARGUMENTS = {
    "input_topic": ("image_raw", str, "topic of the camera"),
    "output_topic": ("image_enhanced", str, "topic of the result"),
    "method": ("unet-m", str, "name of the method; `highbeam methods` lists them"),
    "options": ("['']", List[str], "options of the method, such as ['sigmas=15,80,250']"),  # noqa: UP006
    "strength": ("1.0", float, "from 0, the picture as it is, to 1"),
    "protect_highlights": ("true", bool, "keep lamps as they are"),
    "steady": ("true", bool, "hold the method steady over the frames"),
    "denoise": ("0.0", float, "average frames over time along motion, from 0, which is off, to 1"),
    "compressed": ("false", bool, "the topics hold JPEG or PNG files"),
    "reliable": ("false", bool, "ask the camera to be reliable; few offer it"),
}


def generate_launch_description() -> LaunchDescription:
    """Describe what is started."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=meaning)
        for name, (default, _, meaning) in _ARGUMENTS.items()
    ]
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind) for name, (_, kind, _) in _ARGUMENTS.items()
    }
    node = Node(
        package="highbeam_ros2", executable="enhance", name="highbeam", parameters=[parameters], output="screen"
    )
    return LaunchDescription([*arguments, node])
