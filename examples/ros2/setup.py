"""Installs the node as a package of ROS 2."""

from setuptools import setup

setup(
    name="highbeam_ros2",
    version="0.1.0",
    packages=["highbeam_ros2"],
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/highbeam_ros2"]),
        ("share/highbeam_ros2", ["package.xml"]),
        ("share/highbeam_ros2/launch", ["launch/enhance.launch.py"]),
    ],
    install_requires=["setuptools", "highbeam"],
    license="Apache-2.0",
    entry_points={"console_scripts": ["enhance = highbeam_ros2.node:main"]},
)
