"""How the outputs of a network are read: one table of the common layouts, and a door for one's own.

What an adapter returns, by task; ``h`` and ``w`` cover the whole input of the network, at any resolution:

* ``segmentation``: scores ``(C, h, w)`` of floats, or classes ``(h, w)`` of integers;
* ``mask``: the probability of being in the mask, ``(h, w)`` floats from 0 to 1;
* ``detection``: :class:`Boxes`, in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TypeAlias

from highbeam.errors import UsageError, nearest
from highbeam.evaluation.perception import fits as fits_as
from highbeam.evaluation.perception import parsing
from highbeam.evaluation.perception.boxes import Boxes
from highbeam.evaluation.perception.config import PerceptionConfig, Task
from highbeam.evaluation.perception.fits import Port

__all__ = ["ADAPTERS", "GROUP", "Adapter", "adapter_named", "infer_adapter"]

GROUP = "highbeam.perception_adapters"
"""Entry points of this group are :class:`Adapter` objects; their names are what a configuration calls them by."""

Parse: TypeAlias = Callable[[Sequence[parsing.Array], PerceptionConfig, tuple[int, int]], parsing.Array | Boxes]
Fits: TypeAlias = Callable[[Sequence[Port], int], bool]


@dataclass(frozen=True)
class Adapter:
    """One way to lay outputs out.

    Attributes:
        task: what it is for.
        shapes: of the outputs, for people.
        summary: what the numbers mean.
        parse: from the outputs, the configuration, and height and width of the input to what the task asks for.
        fits: whether stated outputs, and a number of classes, 0 for unknown, may be so laid out; decides where no
            adapter is named. The default never applies by itself.
        nms: whether overlapping boxes are still to be dropped.
    """

    task: Task
    shapes: str
    summary: str
    parse: Parse
    fits: Fits = fits_as.never
    nms: bool = False


ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        "logits-nchw": Adapter(
            "segmentation",
            "(N, C, H, W) floats",
            "scores of classes, the highest wins",
            parsing.logits_nchw,
            fits_as.logits_nchw,
        ),
        "logits-nhwc": Adapter(
            "segmentation",
            "(N, H, W, C) floats",
            "scores of classes, the highest wins",
            parsing.logits_nhwc,
            fits_as.logits_nhwc,
        ),
        "class-map": Adapter(
            "segmentation",
            "(N, H, W) or (N, 1, H, W) integers",
            "the class of each pixel",
            parsing.class_map,
            fits_as.class_map,
        ),
        "mask-logits": Adapter(
            "mask", "(N, 1, H, W) or (N, H, W) floats", "before a sigmoid", parsing.mask_logits, fits_as.mask
        ),
        "mask-probabilities": Adapter(
            "mask", "(N, 1, H, W) or (N, H, W) floats", "from 0 to 1", parsing.mask_probabilities, fits_as.mask
        ),
        "mask-two-channel": Adapter(
            "mask",
            "(N, 2, H, W) floats",
            "scores of no and of yes, the higher wins; YOLOP's heads",
            parsing.mask_two,
            fits_as.mask_two,
        ),
        "yolov5": Adapter(
            "detection",
            "(N, M, 5 + C) floats",
            "middle x, y, width, height, objectness, classes; score = objectness x class",
            parsing.yolov5,
            fits_as.yolov5,
            nms=True,
        ),
        "yolov8": Adapter(
            "detection",
            "(N, 4 + C, M) floats",
            "middle x, y, width, height, classes; YOLOv8, 9, 11, 12",
            parsing.yolov8,
            fits_as.yolov8,
            nms=True,
        ),
        "end-to-end": Adapter(
            "detection",
            "(N, M, 6) floats",
            "x0, y0, x1, y1, score, class, after NMS",
            parsing.end_to_end,
            fits_as.end_to_end,
        ),
        "boxes-scores-labels": Adapter(
            "detection",
            "boxes (N, M, 4), scores (N, M), labels (N, M); or each without N",
            "x0, y0, x1, y1, score, class, after NMS, as torchvision's",
            parsing.separate,
            fits_as.boxes_scores_labels,
        ),
        "detr": Adapter(
            "detection",
            "logits (N, M, C + 1), boxes (N, M, 4)",
            "softmax with no object as the last class; middle x, y, width, height as fractions",
            parsing.detr,
            fits_as.detr,
        ),
    }
)
"""Every layout that is known, by name."""


def adapter_named(name: str) -> Adapter:
    """Return an adapter of the table, or one that an installed package brings.

    Raises:
        UsageError: there is none of that name, or a package brings something else or does not load.
    """
    if name in ADAPTERS:
        return ADAPTERS[name]
    brought = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in brought:
        known = [*ADAPTERS, *brought]
        raise UsageError(f"no adapter {name!r}{nearest(name, known)} (adapters: {', '.join(known)})")
    try:
        adapter = brought[name].load()
    except Exception as error:  # whatever somebody's package does when it is imported
        raise UsageError(f"adapter {name!r}: {brought[name].value} cannot be loaded ({error}); mend it") from error
    if not isinstance(adapter, Adapter):
        raise UsageError(f"adapter {name!r}: {brought[name].value} is a {type(adapter).__name__}; make it an Adapter")
    return adapter


def infer_adapter(ports: Sequence[Port], task: Task, classes: int) -> str:
    """Return the only adapter of the table that stated outputs can be read by.

    Args:
        ports: the outputs.
        task: what they are for.
        classes: how many are named; 0 for unknown.

    Raises:
        UsageError: none or several of them; the message says which.
    """
    fitting = [name for name, row in ADAPTERS.items() if row.task == task and ports and row.fits(ports, classes)]
    if len(fitting) == 1:
        return fitting[0]
    told = ", ".join(map(str, ports))
    if fitting:
        raise UsageError(f"outputs {told} may be any of {', '.join(fitting)}; say which as `adapter`")
    known = ", ".join(name for name, row in ADAPTERS.items() if row.task == task)
    raise UsageError(f"outputs {told} fit no adapter for {task} ({known}); choose `outputs`, or write an adapter")
