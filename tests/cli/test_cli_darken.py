"""``highbeam darken``: pairs, a manifest that makes them again, and nothing lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from highbeam.camera import darken_array_as
from tests.camera.scenes import as_pixels, road
from tests.cli.conftest import Command, environment, program


@pytest.fixture
def days(tmp_path: Path) -> Path:
    folder = tmp_path / "days"
    (folder / "town").mkdir(parents=True)
    Image.fromarray(as_pixels(road(40, 56))).save(folder / "a.png")
    Image.fromarray(as_pixels(road(33, 47, seed=1))).save(folder / "town" / "b.jpg")
    return folder


def manifest(out: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    return {row["dark"]: row for row in rows}


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)


def test_pairs_keep_their_folders_and_the_manifest_names_them(command: Command, days: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = command("darken", days, "-o", out)
    assert ended.code == 0
    assert "2 done" in ended.err
    rows = manifest(out)
    assert set(rows) == {"dark/a.png", "dark/town/b.png"}
    for row in rows.values():
        assert row["preset"] == "street"
        assert row["law"] == "sensor"
        dark, reference = pixels(out / row["dark"]), pixels(out / row["reference"])
        assert dark.shape == reference.shape == (row["height"], row["width"], 3)
        assert dark.mean() < pixels(Path(row["source"])).mean()


def test_the_manifest_makes_the_pairs_again(command: Command, days: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command("darken", days, "-o", out, "--preset", "training", "--seed", "5").code == 0
    for row in manifest(out).values():
        source = pixels(Path(row["source"]))
        record = {name: row[name] for name in row if name not in {"source", "dark", "reference", "width", "height"}}
        made = darken_array_as(source, record)
        assert np.array_equal(made.dark, pixels(out / row["dark"]))
        assert np.array_equal(made.reference, pixels(out / row["reference"]))


def test_a_picture_does_not_depend_on_the_others(command: Command, days: Path, tmp_path: Path) -> None:
    command("darken", days, "-o", tmp_path / "all", "--preset", "dusk")
    (days / "a.png").unlink()
    command("darken", days, "-o", tmp_path / "one", "--preset", "dusk")
    command("darken", days, "-o", tmp_path / "other", "--preset", "dusk", "--seed", "1")
    together, alone, other = (pixels(tmp_path / name / "dark/town/b.png") for name in ("all", "one", "other"))
    assert np.array_equal(together, alone)
    assert not np.array_equal(together, other)


def test_16_bits_stay_16(command: Command, tmp_path: Path) -> None:
    import cv2

    deep = as_pixels(road(20, 24)).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert command("darken", tmp_path / "deep.png", "-o", tmp_path / "out").code == 0
    back = cv2.imread(str(tmp_path / "out/dark/deep.png"), cv2.IMREAD_UNCHANGED)
    assert back is not None
    assert back.dtype == np.uint16


def test_a_damaged_picture_is_counted_and_the_rest_is_done(command: Command, days: Path, tmp_path: Path) -> None:
    (days / "c.png").write_bytes(b"nothing of the kind")
    ended = command("darken", days, "-o", tmp_path / "out", "--json")
    assert ended.code == 1
    assert "c.png" in ended.err
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert sorted(record["status"] for record in records) == ["done", "done", "failed"]
    assert len(manifest(tmp_path / "out")) == 2


def test_results_are_replaced_only_if_asked_for(command: Command, days: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command("darken", days, "-o", out).code == 0
    before = (out / "dark/a.png").read_bytes()
    ended = command("darken", days, "-o", out, "--seed", "3")
    assert ended.code == 2
    assert "--overwrite" in ended.err
    assert "--skip-existing" not in ended.err
    assert (out / "dark/a.png").read_bytes() == before
    assert command("darken", days, "-o", out, "--seed", "3", "--overwrite").code == 0
    assert (out / "dark/a.png").read_bytes() != before


def test_results_inside_the_sources_are_no_sources(command: Command, days: Path) -> None:
    assert command("darken", days, "-o", days / "out").code == 0
    assert command("darken", days, "-o", days / "out", "--overwrite").code == 0
    assert len(manifest(days / "out")) == 2


def test_two_sources_of_one_result_are_refused(command: Command, days: Path, tmp_path: Path) -> None:
    Image.fromarray(as_pixels(road(8, 8))).save(days / "a.jpg")
    ended = command("darken", days, "-o", tmp_path / "out")
    assert ended.code == 2
    assert "would both become" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_place_for_pairs(command: Command, days: Path, tmp_path: Path) -> None:
    ended = command("darken", days / "a.png", "-o", tmp_path / "out.png")
    assert ended.code == 2
    assert "needs a folder" in ended.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--preset", "strete"), "did you mean 'street'"),
        (("--max-pixels", "9"), "pixels"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_bad_options_are_told(
    command: Command, days: Path, tmp_path: Path, words: tuple[str, str], reason: str
) -> None:
    ended = command("darken", days, "-o", tmp_path / "out", *words)
    assert ended.code == (1 if words[0] == "--max-pixels" else 2)
    assert reason in ended.err
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_without_torch_the_extra_is_named(
    command: Command, days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("highbeam.camera")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = command("darken", days, "-o", tmp_path / "out")
    assert ended.code == 2
    assert "highbeam[train]" in ended.err


def test_an_interrupted_run_leaves_whole_pairs_and_their_manifest(days: Path, tmp_path: Path) -> None:
    for row in range(200):
        (days / f"{row}.png").write_bytes((days / "a.png").read_bytes())
    out = tmp_path / "out"
    with subprocess.Popen(
        program("darken", days, "-o", out), env=environment(), stderr=subprocess.PIPE, text=True
    ) as running:
        while not list(out.glob("reference/*")) and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130, told
    assert "stopped" in told
    rows = manifest(out)
    assert 0 < len(rows) < 202
    assert {row["reference"] for row in rows.values()} == {
        path.relative_to(out).as_posix() for path in (out / "reference").rglob("*.png")
    }
