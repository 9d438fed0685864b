"""Whether enhancement helps a machine: a network of the user's own on day, dark and enhanced pictures.

Rooms, each on those before it: ``config``; ``boxes`` and ``fitting``, from a picture to a network's input and back;
``fits``, ``parsing`` and ``adapters``, what outputs mean; ``network``; ``agreement`` and ``detections``, the figures;
``labels``; ``findings``; ``run``.
"""

from highbeam.evaluation.perception.adapters import ADAPTERS, GROUP, Adapter
from highbeam.evaluation.perception.boxes import Boxes
from highbeam.evaluation.perception.config import TASKS, PerceptionConfig, Task, load_perception_config
from highbeam.evaluation.perception.findings import ClassRow, Perception, Verdict
from highbeam.evaluation.perception.fits import Port
from highbeam.evaluation.perception.labels import CocoLabels, Labels, MaskLabels, YoloLabels, open_labels
from highbeam.evaluation.perception.network import PerceptionNetwork, Seen, open_perception
from highbeam.evaluation.perception.run import Pair, Subject, perceive

__all__ = [
    "ADAPTERS",
    "GROUP",
    "TASKS",
    "Adapter",
    "Boxes",
    "ClassRow",
    "CocoLabels",
    "Labels",
    "MaskLabels",
    "Pair",
    "Perception",
    "PerceptionConfig",
    "PerceptionNetwork",
    "Port",
    "Seen",
    "Subject",
    "Task",
    "Verdict",
    "YoloLabels",
    "load_perception_config",
    "open_labels",
    "open_perception",
    "perceive",
]
