"""What TensorBoard is given."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from highbeam.errors import TrainingError
from highbeam.training.boards import Board, sheet


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    return events


def test_scalars_and_pictures_are_there(tmp_path: Path) -> None:
    board = Board(tmp_path, 0)
    board.scalars(3, {"loss/total": 0.25, "val/psnr": 20.0})
    dark, bright = torch.zeros(2, 3, 8, 10), torch.ones(2, 3, 8, 10)
    board.pictures(3, dark, 0.5 * bright, bright)
    board.close()
    events = read(tmp_path)
    assert [(event.step, event.value) for event in events.Scalars("loss/total")] == [(3, 0.25)]
    shown = events.Images("dark, enhanced, reference")[0]
    pixels = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    assert pixels.shape == (16, 30, 3)
    assert pixels[:, :10].max() == 0
    assert set(np.unique(pixels[:, 10:20])) <= {127, 128}
    assert pixels[:, 20:].min() == 255


def test_what_a_stopped_run_wrote_further_on_is_hidden(tmp_path: Path) -> None:
    for start, value in ((0, 1.0), (4, 2.0)):
        board = Board(tmp_path, start)
        for step in range(start + 1, 9):
            board.scalars(step, {"x": value})
        board.close()
    values = {event.step: event.value for event in read(tmp_path).Scalars("x")}
    assert [values[step] for step in range(1, 9)] == [1.0] * 4 + [2.0] * 4
    assert len(values) == len(read(tmp_path).Scalars("x"))


def test_what_is_flushed_is_there_before_the_end(tmp_path: Path) -> None:
    board = Board(tmp_path, 0)
    board.scalars(1, {"x": 1.0})
    board.flush()
    assert len(read(tmp_path).Scalars("x")) == 1
    board.close()


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(TrainingError, match=r"logs: cannot be written to \(.+\); make room"):
        Board(tmp_path / "logs", 0)
    board = Board(tmp_path / "other", 0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for method in ("add_scalar", "flush"):
        monkeypatch.setattr(board._writer, method, full)
    with pytest.raises(TrainingError, match="other: cannot be written to .No space left on device.; make room"):
        board.scalars(1, {"x": 1.0})
    with pytest.raises(TrainingError, match="make room"):
        board.flush()
    monkeypatch.undo()
    board.close()


def test_sheets_show_four_at_most_and_stay_in_range() -> None:
    wild = torch.linspace(-2.0, 3.0, 6 * 3 * 4 * 5).reshape(6, 3, 4, 5).to(torch.bfloat16)
    laid = sheet(wild, wild, wild)
    assert laid.shape == (3, 16, 15)
    assert laid.dtype == torch.float32
    assert laid.min() >= 0.0
    assert laid.max() <= 1.0
