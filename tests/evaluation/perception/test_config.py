from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from highbeam.errors import ConfigError
from highbeam.evaluation.perception import PerceptionConfig, load_perception_config


def test_a_file_and_values_on_top(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('task = "detection"\nsize = [640, 320]\nclasses = ["car", "person"]\nconfidence = 0.4\n')
    config = load_perception_config(path, confidence=0.5, channels="BGR")
    assert config == PerceptionConfig(
        "detection", size=(640, 320), classes=("car", "person"), confidence=0.5, channels="bgr"
    )


def test_thresholds_by_task() -> None:
    found = {task: PerceptionConfig(task).found_from for task in ("segmentation", "mask", "detection")}
    assert found == {"segmentation": 0.5, "mask": 0.5, "detection": 0.25}
    assert PerceptionConfig("segmentation").ignored == 255
    assert PerceptionConfig("mask").ignored is None
    assert PerceptionConfig("mask", ignore_label=7).ignored == 7


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "says no task; add one of segmentation, detection, mask"),
        ({"task": "segmentation", "clases": ()}, "no key 'clases'; did you mean 'classes'?"),
        ({"task": "depth"}, "task: Input should be 'segmentation', 'detection' or 'mask', got 'depth'"),
        ({"task": "mask", "std": (1, 0, 1)}, "std must be above 0"),
        ({"task": "mask", "classes": ("lane", "road")}, "a mask has one class"),
        ({"task": "segmentation", "classes": ("a", "a")}, "different names"),
        ({"task": "detection", "confidence": 1.5}, "confidence: Input should be less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_perception_config(**values)
    assert told in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent.toml: cannot be read"):
        load_perception_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("task =")
    with pytest.raises(ConfigError, match=r"bad.toml: is not TOML"):
        load_perception_config(tmp_path / "bad.toml")
