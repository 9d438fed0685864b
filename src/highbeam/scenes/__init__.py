"""Road scenes with a known truth: rendered by day and by night, with labels, depth and motion."""

from highbeam.scenes.frames import TIMES, Frame, Time, drive, encode, expose, flow, geometry, render
from highbeam.scenes.world import KINDS, LABELS, Camera, Light, Scene, Solid, make_scene

__all__ = ["KINDS", "LABELS", "TIMES", "Camera", "Frame", "Light", "Scene", "Solid", "Time", "drive", "encode"]
__all__ += ["expose", "flow", "geometry", "make_scene", "render"]
