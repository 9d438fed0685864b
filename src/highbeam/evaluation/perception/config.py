"""What a user says of a network of their own: the task, what goes in and how, and what comes out."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.dataclasses import dataclass

from highbeam.errors import ConfigError
from highbeam.settings import read_toml, refuse_unknown, told

__all__ = ["TASKS", "PerceptionConfig", "Task", "load_perception_config"]

Task: TypeAlias = Literal["segmentation", "detection", "mask"]
TASKS: tuple[Task, ...] = ("segmentation", "detection", "mask")

_Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
_Side: TypeAlias = Annotated[int, Field(ge=1, le=16384)]
_Three: TypeAlias = tuple[float, float, float]
_CONFIDENCE = {"segmentation": 0.5, "mask": 0.5, "detection": 0.25}
_IGNORED = {"segmentation": 255, "mask": None, "detection": None}


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class PerceptionConfig:
    """How a network is fed and read.

    Attributes:
        task: ``segmentation`` gives each pixel one class, ``mask`` says yes or no, ``detection`` finds boxes.
        adapter: how the outputs are laid out, a name of the table; empty where their shapes leave one possibility.
        outputs: names of the outputs that the adapter reads, in its order; empty for all of them as they come. A
            network with several heads needs it.
        size: height and width that go in; empty for the network's own, where it is fixed, and for the picture's, where
            it is not.
        stride: where the size is the picture's, it is padded to multiples of this.
        resize: ``letterbox`` keeps proportions and pads with grey 114, ``stretch`` does not.
        layout: of the input; empty where its shape tells.
        channels: order of the colours.
        scale: what values from 0 to 255 are multiplied by; None for 1/255, and for 1 with networks that take bytes.
        mean: of R, G, B in the network's order, taken off after scaling.
        std: likewise, what is then divided by.
        classes: names, in the network's order; empty for those that the file states, or else for numbers.
        confidence: a box counts as found, and a pixel as in the mask, from this score on; None for 0.25 for boxes and
            0.5 for masks.
        floor: boxes below this score are not read at all; average precision ranks all others.
        nms_iou: of two boxes of one class that overlap by more, the weaker is dropped, where the adapter asks for it.
        most: boxes kept for each picture.
        box_units: of separate boxes: pixels of the network's input, or fractions of its sides.
        ignore_label: pixels of labels with this number are left out; None for 255 with segmentation, else for none.
    """

    task: Task
    adapter: str = ""
    outputs: tuple[str, ...] = ()
    size: tuple[_Side, _Side] | tuple[()] = ()
    stride: Annotated[int, Field(ge=1, le=1024)] = 32
    resize: Literal["letterbox", "stretch"] = "letterbox"
    layout: Literal["", "nchw", "nhwc"] = ""
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: Annotated[float, Field(gt=0)] | None = None
    mean: _Three = (0.0, 0.0, 0.0)
    std: _Three = (1.0, 1.0, 1.0)
    classes: tuple[str, ...] = ()
    confidence: _Share | None = None
    floor: _Share = 0.001
    nms_iou: _Share = 0.7
    most: Annotated[int, Field(ge=1, le=10_000)] = 300
    box_units: Literal["pixels", "fractions"] = "pixels"
    ignore_label: Annotated[int, Field(ge=0, le=65535)] | None = None

    @field_validator("layout", "channels", "resize", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:  # noqa: ANN401 - whatever was given
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sound(self) -> PerceptionConfig:
        if min(self.std) <= 0:
            raise ValueError("std must be above 0 for every channel")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must have different names")
        if self.task == "mask" and len(self.classes) > 1:
            raise ValueError("a mask has one class; for more, evaluate each head with `outputs`")
        return self

    @property
    def found_from(self) -> float:
        """The score from which on something counts as found."""
        return _CONFIDENCE[self.task] if self.confidence is None else self.confidence

    @property
    def ignored(self) -> int | None:
        """The number in label pictures that is left out."""
        return _IGNORED[self.task] if self.ignore_label is None else self.ignore_label


def load_perception_config(path: Path | None = None, **values: Any) -> PerceptionConfig:
    """Read a configuration.

    Args:
        path: a TOML file with fields of :class:`PerceptionConfig` as its keys; None for none.
        values: fields that come on top.

    Raises:
        ConfigError: no such file or not TOML, an unknown key, a value of the wrong kind or out of range.
    """
    name = "the perception configuration" if path is None else str(path)
    merged = ({} if path is None else read_toml(path)) | values
    refuse_unknown(merged, (field.name for field in fields(PerceptionConfig)), name)
    if "task" not in merged:
        raise ConfigError(f"{name}: says no task; add one of {', '.join(TASKS)}")
    try:
        return PerceptionConfig(**merged)
    except ValidationError as error:
        raise ConfigError(f"{name}: {told(error)}") from None
