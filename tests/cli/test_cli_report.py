"""What the user is told of each picture, and of all in the end."""

from __future__ import annotations

import json

import pytest

from highbeam.batch import Record, Status
from highbeam.cli.report import Report


def record(status: Status, name: str = "a.png") -> Record:
    failed = status == "failed"
    return Record(
        name, f"out/{name}", status, "gamma",
        error="is empty" if failed else None, error_type="DamagedPictureError" if failed else None,
    )  # fmt: skip


def told(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    out, err = capsys.readouterr()
    return out.splitlines(), err.splitlines()


def test_all_kinds_are_counted_in_one_order(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    kinds: list[Status] = ["failed", "done", "skipped", "done", "planned"]
    for kind in kinds:
        report.add(record(kind))
    assert report.finish() == 1
    out, err = told(capsys)
    assert out == ["a.png -> out/a.png"]
    assert err[0] == "failed: a.png: is empty [DamagedPictureError]"
    assert err[1].startswith("1 planned, 2 done, 1 skipped, 1 failed in ")


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert Report().finish() == 0
    assert told(capsys)[1][0].startswith("0 done in ")
    assert Report(quiet=True).finish() == 0
    assert told(capsys) == ([], [])


def test_json_is_one_line_a_record_whatever_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=True)
    for name in ("line\nbreak.png", "夜.png", "bad\udcff.png"):
        report.add(record("planned", name))
    out, _ = told(capsys)
    assert [json.loads(line)["source"] for line in out] == ["line\nbreak.png", "夜.png", "bad\udcff.png"]


def test_names_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.add(record("planned", "a\x1b[2J\nb.png"))
    report.add(record("failed", "a\x1b[2J\nb.png"))
    report.finish()
    out, err = told(capsys)
    assert out == [r"a\x1b[2J\nb.png -> out/a\x1b[2J\nb.png"]
    assert err[0].startswith(r"failed: a\x1b[2J\nb.png: ")


def test_how_far_a_stopped_run_came(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(quiet=True)
    for kind in ("done", "failed", "done"):
        report.add(record("failed" if kind == "failed" else "done"))
    report.stopped(10)
    _, err = told(capsys)
    assert err[0] == "failed: a.png: is empty [DamagedPictureError]"
    assert err[1].startswith("stopped: 2 of 10 done, every written file is whole")


def test_a_stopped_run_of_clips_names_the_option_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    Report().stopped(3, go_on="--resume")
    assert told(capsys)[1] == ["stopped: 0 of 3 done, every written file is whole; --resume goes on from here"]
