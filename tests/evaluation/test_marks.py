"""What tells rows of one code from those of another."""

from __future__ import annotations

from pathlib import Path

import pytest

from highbeam.evaluation import runner
from highbeam.evaluation.marks import code_mark, mark_of
from highbeam.evaluation.subjects import method_subject
from highbeam.methods.network import NetworkOptions
from highbeam.weights import path_of
from tests.evaluation.common import evaluation, pair_folders


def test_the_mark_is_of_names_and_bytes(tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "inner").mkdir(parents=True)
    marks = [mark_of([room])]
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("inner/b.py", "x = 2"), ("model.npz", "36 means")):
        (room / name).write_text(text)
        marks.append(mark_of([room]))
    (room / "a.py").rename(room / "c.py")
    marks.append(mark_of([room]))
    assert len(set(marks)) == len(marks)
    (room / "a.pyc").write_text("compiled")
    assert mark_of([room]) == marks[-1]
    assert mark_of([room / "c.py"]) != mark_of([room / "inner" / "b.py"])  # of the same bytes


def test_the_mark_is_of_code_that_is_there() -> None:
    assert code_mark() != mark_of([])
    assert code_mark() == code_mark()


def test_rows_of_other_code_are_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dark, bright = pair_folders(tmp_path, 2)
    journal = tmp_path / "out" / "rows.jsonl"

    def lines(*, resume: bool = False) -> int:
        evaluation([str(dark)], bright, folder=tmp_path / "out", resume=resume).rows()
        return len(journal.read_text().split())

    first = lines()
    assert lines(resume=True) == first
    monkeypatch.setattr(runner, "code_mark", lambda: "another")
    assert lines(resume=True) == 2 * first


def test_every_file_of_a_network_tells_it_from_others(tmp_path: Path) -> None:
    assert len(method_subject("unet-s").weights) == 2
    assert method_subject("gamma").weights == ()
    own, twin = tmp_path / "own.onnx", tmp_path / "own.float32.onnx"
    own.write_bytes(path_of("can24", "uint8").read_bytes())
    alone = method_subject(str(own))
    twin.write_bytes(path_of("can24", "float32").read_bytes())
    both = method_subject(str(own))
    assert alone.info == both.info
    assert alone.fingerprint != both.fingerprint
    assert isinstance(getattr(both.enhance, "options", None), NetworkOptions)
