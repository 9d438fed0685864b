"""The command that fits a model of NIQE."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from highbeam.errors import MetricError
from highbeam.metrics.naturalness import load_model
from highbeam.metrics.niqe_fit import choose, main
from highbeam.pictures import Picture, write
from highbeam.scenes import make_scene, render


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("days")
    for name, seeds in (("a", range(6)), ("b", range(6, 9))):
        (root / name).mkdir()
        for seed in seeds:
            write(Picture(render(make_scene(seed), 288, 480, time="day").image), root / name / f"{seed}.png")
        (root / name / "notes.txt").write_text("no picture")
    write(Picture(render(make_scene(1), 96, 96, time="day").image), root / "b" / "tiny.png")
    return [root / "a", root / "b"]


def test_pictures_are_spread_evenly(folders: list[Path]) -> None:
    assert [path.name for path in choose(folders, 3)] == ["0.png", "2.png", "5.png", "6.png", "8.png", "tiny.png"]
    assert len(choose(folders, 100)) == 10


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match=str(tmp_path)):
        choose([tmp_path], 3)


def test_fits_and_writes_a_model(folders: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "model.npz"
    command = [sys.executable, "-m", "highbeam.metrics.niqe_fit", *map(str, folders), "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    model = load_model(output)
    assert model.pictures == 9  # the tiny one holds no two patches
    assert f"{output}: {model.patches} sharp patches of 9 pictures" in done.stdout + done.stderr


def test_does_not_overwrite_unless_asked(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "model.npz"
    output.write_bytes(b"mine")
    arguments = [*map(str, folders), "-o", str(output)]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    assert "exists already" in capsys.readouterr().err
    assert output.read_bytes() == b"mine"
    main([*arguments, "--overwrite"])
    assert load_model(output).pictures == 9


def test_too_little_is_said_in_one_line(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(folders[0]), "-o", str(tmp_path / "model.npz"), "--per-folder", "1"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())
