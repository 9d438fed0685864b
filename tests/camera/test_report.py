"""The report measures folders, draws its figure, and finds the presets to cover real nights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from highbeam.camera.report import Comparison, compare, coverage, figure, main, measure
from highbeam.camera.statistics import STATISTICS
from highbeam.errors import DamagedPictureError, OptionError, UsageError
from tests.camera.scenes import as_pixels, road

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SCENES = ("dusk", "street", "rural", "extreme")


@pytest.fixture
def day(tmp_path: Path) -> Path:
    folder = tmp_path / "day"
    (folder / "deeper").mkdir(parents=True)
    for row in range(3):
        Image.fromarray(as_pixels(road(64, 96, seed=row))).save(folder / ("deeper" if row else ".") / f"{row}.png")
    return folder


@pytest.fixture
def night(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    folder.mkdir()
    for row in range(4):
        Image.fromarray(as_pixels(road(64, 96, seed=row)) // (4 + row)).save(folder / f"{row}.jpg")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_every_folder_and_preset_is_measured(day: Path, night: Path) -> None:
    found = compare([night], [day], ("street", "extreme"), limit=2)
    assert {name: table.shape for name, table in found.real.items()} == {"night": (2, len(STATISTICS))}
    assert {name: table.shape for name, table in found.presets.items()} == {
        name: (2, len(STATISTICS)) for name in ("street", "extreme")
    }
    for table in (*found.real.values(), *found.presets.values()):
        assert np.isfinite(table).all()


def test_the_seed_decides(day: Path, night: Path) -> None:
    one, again, other = (compare([night], [day], ("dusk",), seed=seed).presets["dusk"] for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_measuring_applies_every_statistic() -> None:
    pixels = as_pixels(road())
    assert measure([pixels])[0].tolist() == [statistic(pixels) for statistic in STATISTICS.values()]


def test_coverage_is_the_share_within_reach() -> None:
    presets = [np.full((100, len(STATISTICS)), 1.0), np.full((100, len(STATISTICS)), 3.0)]
    real = np.full((4, len(STATISTICS)), 2.0)
    real[0, 0] = 9.0
    real[:2, 1] = -1.0
    shares = coverage(real, presets)
    assert list(shares) == list(STATISTICS)
    assert list(shares.values())[:3] == [0.75, 0.5, 1.0]


def test_the_figure_has_a_panel_for_each_statistic() -> None:
    rng = np.random.default_rng(0)
    tables = {name: np.abs(rng.normal(1.0, 0.3, (6, len(STATISTICS)))) for name in ("a", "b")}
    small = figure(Comparison({"real": tables["a"]}, {"street": tables["b"]}))
    large = figure(Comparison(tables, {"street": tables["b"], "dusk": tables["a"]}))
    assert small.mode == "RGB"
    assert large.height > small.height


def test_the_command_writes_the_figure_and_prints_the_shares(
    day: Path, night: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures" / "report.png"
    assert main(["--real", str(night), "--day", str(day), "-o", str(out), "--preset", "street", "--limit", "2"]) == 0
    with Image.open(out) as drawn:
        assert drawn.width > 1000
    assert set(json.loads(capsys.readouterr().out)["night"]) == set(STATISTICS)


def test_the_module_runs(day: Path, night: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.png"
    words = ["--real", str(night), "--day", str(day), "-o", str(out), "--preset", "gamma", "--limit", "1"]
    done = subprocess.run([sys.executable, "-m", "highbeam.camera.report", *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert out.exists()


def test_a_folder_without_pictures_is_refused(day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match="no picture found"):
        compare([empty], [day])
    assert main(["--real", str(empty), "--day", str(day), "-o", str(tmp_path / "x.png")]) == 2
    assert "empty: no picture found" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_two_folders_of_one_name_are_refused(day: Path, night: Path) -> None:
    with pytest.raises(UsageError, match="same name: night, night"):
        compare([night, night], [day])


def test_an_unknown_preset_is_refused_before_any_work(day: Path, night: Path) -> None:
    with pytest.raises(OptionError, match="no preset 'noon'"):
        compare([night], [day], ("noon",))


def test_a_damaged_picture_is_named(day: Path, night: Path) -> None:
    (night / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DamagedPictureError, match=r"broken\.png.*take it out"):
        compare([night], [day])


def shared(*folders: str) -> list[Path]:
    """Folders of real pictures, or a skip."""
    found = [SHARED / folder for folder in folders]
    if not all(folder.is_dir() for folder in found):
        pytest.skip(f"no real pictures: {SHARED} is not there")
    return found


def test_the_presets_cover_real_nights() -> None:
    nights, days = shared("driving/night/bdd", "driving/night/msrs"), shared("driving/day/camvid", "generic/sice")
    found = compare(nights, days, SCENES, limit=14)
    for folder, table in found.real.items():
        for name, share in coverage(table, found.presets.values()).items():
            assert share >= 0.7, f"{name}: the presets reach {share:.0%} of {folder}"


def test_the_presets_cover_lols_lows() -> None:
    lows, days = shared("lol/eval15/low", "generic/sice")
    found = compare([lows], [days], ("extreme", "sensor"), limit=16)
    shares = coverage(found.real["low"], found.presets.values())
    for name in set(STATISTICS) - {"blockiness"}:  # a hair around 1 where nothing is stored in blocks
        assert shares[name] >= 0.6, f"{name}: the presets reach {shares[name]:.0%} of the low pictures"
