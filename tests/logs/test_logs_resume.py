"""Work on a log that was interrupted goes on: nothing is made twice, and the result is as without the interruption."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highbeam.errors import LogResumeError, LogWriteError
from highbeam.logs import LogReport, enhance_log, journal
from highbeam.resuming import folder_of
from tests.logs import making
from tests.logs.making import CAMERA, FRONT, Pixels, Said, drive

FORMS: dict[str, tuple[str, Callable[[Path, list[Said]], Path]]] = {
    "ros1": (".bag", lambda path, said: making.bag1(path, said, "lz4")),
    "sqlite": ("", making.bag2),
    "sqlite packed by file": ("", lambda path, said: making.bag2(path, said, "sqlite3", "file")),
    "mcap": (".mcap", making.mcap_file),
}


class Counting:
    """Darkens by the number of pictures it has seen, all its instances together in ``calls``."""

    calls = 0

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, pixels: Pixels) -> Pixels:
        self.count += 1
        Counting.calls += 1
        return np.asarray(pixels - np.minimum(pixels, self.count))

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]


def enhanced(source: Path, output: Path, **options: Any) -> LogReport:
    Counting.calls = 0
    options = {"identity": "counting", **options}
    return enhance_log(source, output, options.pop("topics", (CAMERA, FRONT)), Counting, **options)


def interrupted(source: Path, output: Path, after: int, **options: Any) -> LogReport:
    asked = itertools.count()
    report = enhanced(source, output, stopped=lambda: next(asked) >= after, **options)
    assert report.stopped
    assert not output.exists()
    return report


def content(place: Path) -> dict[str, bytes]:
    if place.is_file():
        return {"": place.read_bytes()}
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return making.mcap_file(tmp_path / "in.mcap", drive(frames=6))


@pytest.mark.parametrize("suffix", [None, "_bright"])
@pytest.mark.parametrize("form", FORMS)
def test_the_result_is_as_without_interruptions(tmp_path: Path, form: str, suffix: str | None) -> None:
    ending, write = FORMS[form]
    source, output, whole = (tmp_path / f"{name}{ending}" for name in ("in", "out", "whole"))
    write(source, drive(ros1=form == "ros1", frames=6))
    enhanced(source, whole, suffix=suffix)
    assert Counting.calls == 12
    interrupted(source, output, 7, suffix=suffix)
    first = Counting.calls
    interrupted(source, output, 3, suffix=suffix, resume=True)  # before it came to anything new
    assert Counting.calls == 0
    interrupted(source, output, 15, suffix=suffix, resume=True)
    second = Counting.calls
    report = enhanced(source, output, suffix=suffix, resume=True)
    assert min(first, second, Counting.calls) > 0
    assert (report.enhanced, report.resumed) == (12, first + second)
    assert first + second + Counting.calls == 12
    assert content(output) == content(whole)
    assert not folder_of(output).exists()


def test_damaged_pictures_are_remembered(tmp_path: Path) -> None:
    said = drive(frames=6)
    said[0] = said[0]._replace(data=said[0].data[:-40])
    source, output = making.mcap_file(tmp_path / "in.mcap", said), tmp_path / "out.mcap"
    before = interrupted(source, output, 7)
    report = enhanced(source, output, resume=True)
    assert len(before.damages) == 1
    assert report.damages == before.damages
    assert (report.enhanced, report.resumed) == (11, before.enhanced)


def test_without_resume_it_starts_afresh(tmp_path: Path, source: Path) -> None:
    output = tmp_path / "out.mcap"
    interrupted(source, output, 7)
    assert enhanced(source, output).resumed == 0
    assert Counting.calls == 12
    assert not folder_of(output).exists()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"identity": "other"}, "another method;"),
        ({"suffix": "_x"}, "another suffix;"),
        ({"topics": (CAMERA,)}, "another topics;"),
    ],
)
def test_what_was_begun_otherwise_is_refused(tmp_path: Path, source: Path, options: dict[str, Any], match: str) -> None:
    output = tmp_path / "out.mcap"
    interrupted(source, output, 7)
    with pytest.raises(LogResumeError, match=match):
        enhanced(source, output, resume=True, **options)
    assert enhanced(source, output, resume=True).resumed > 0, "it is still there"


def test_another_log_is_refused(tmp_path: Path, source: Path) -> None:
    output = tmp_path / "out.mcap"
    interrupted(source, output, 7)
    other = making.mcap_file(tmp_path / "other.mcap", drive(frames=7))
    with pytest.raises(LogResumeError, match="another source;"):
        enhanced(other, output, resume=True)


def test_a_message_that_changed_is_noticed(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "identity_of_log", lambda _: "of samples, which do not show it")
    output = tmp_path / "out.mcap"
    interrupted(source, output, 7)
    said = drive(frames=6)
    turned = making.mcap_file(tmp_path / "in.mcap", [said[0]._replace(data=said[0].data[:-1] + b"x"), *said[1:]])
    with pytest.raises(LogResumeError, match="does not fit the log"):
        enhanced(turned, output, resume=True)


@pytest.mark.parametrize("damaged", ["journal", "kept"])
@pytest.mark.parametrize("how", ["gone", "cut", "turned"])
def test_a_damaged_journal_is_made_again(tmp_path: Path, source: Path, damaged: str, how: str) -> None:
    output, whole = tmp_path / "out.mcap", tmp_path / "whole.mcap"
    enhanced(source, whole)
    interrupted(source, output, 7)
    place = folder_of(output) / damaged
    was = place.read_bytes()
    place.write_bytes(was[:-3] if how == "cut" else was[:-3] + bytes([was[-3] ^ 1]) + was[-2:])
    if how == "gone":
        place.unlink()
    assert enhanced(source, output, resume=True).resumed == 0
    assert content(output) == content(whole)


def test_what_lies_behind_the_kept_is_made_again(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PICTURES", 4)
    output, whole = tmp_path / "out.mcap", tmp_path / "whole.mcap"
    enhanced(source, whole)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    steps = itertools.count()
    with pytest.raises(LogWriteError, match=r"No space left.*--resume goes on"):
        enhanced(source, output, progress=lambda: full() if next(steps) == 6 else None)
    with (folder_of(output) / "journal").open("ab") as file:
        file.write(b"half an entry")
    report = enhanced(source, output, resume=True)
    assert (report.resumed, Counting.calls) == (4, 8)
    assert content(output) == content(whole)


def test_a_method_without_memory_takes_pictures_by_themselves(tmp_path: Path, source: Path) -> None:
    output, asked = tmp_path / "out.mcap", itertools.count()
    words: dict[str, Any] = {"identity": "inverted"}
    enhance_log(source, output, (CAMERA,), lambda: making.inverted, stopped=lambda: next(asked) >= 7, **words)
    report = enhance_log(source, output, (CAMERA,), lambda: making.inverted, resume=True, **words)
    assert (report.enhanced, report.resumed > 0) == (6, True)
