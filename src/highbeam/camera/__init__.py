"""The low-light camera model: how a day picture becomes a night one. Needs torch (extra ``train``).

::

    nights = sample("training", len(day), generator)   # physical parameters, drawn from presets
    dark, reference = darken(day, nights)              # (B, 3, H, W) float32 in [0, 1], any device
    nights.records()                                   # for a manifest; Nights.from_records reads them back

The stages are plain functions in :mod:`~highbeam.camera.display`, :mod:`~highbeam.camera.light`,
:mod:`~highbeam.camera.optics`, :mod:`~highbeam.camera.sensor`, :mod:`~highbeam.camera.processing` and
:mod:`~highbeam.camera.storage`; :mod:`~highbeam.camera.laws` chains them.
"""

from __future__ import annotations

from highbeam.camera.arrays import DarkPicture, darken_array, darken_array_as
from highbeam.camera.batch import Nights, darken, sample
from highbeam.camera.laws import Pair
from highbeam.camera.nights import GammaNight, SensorNight
from highbeam.camera.presets import PRESETS, TRAINING, Preset

__all__ = [
    "PRESETS",
    "TRAINING",
    "DarkPicture",
    "GammaNight",
    "Nights",
    "Pair",
    "Preset",
    "SensorNight",
    "darken",
    "darken_array",
    "darken_array_as",
    "sample",
]
