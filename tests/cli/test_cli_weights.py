"""``highbeam weights`` and ``highbeam export``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from highbeam import weights as room
from highbeam.methods.runtimes import runner_of
from highbeam.training.exporting import load_trained, save_weights
from highbeam.training.release import release
from highbeam.weights import catalog, read_catalog
from tests.cli.conftest import Command, in_process_of_its_own
from tests.test_weights import CARD, trained


def test_the_list(command: Command) -> None:
    ended = command("weights", "--verify")
    assert ended.code == 0
    for name, row in catalog().items():
        assert f"{name}  {row.summary}" in ended.out
        assert row.licence in ended.out
    assert "every file is the released one" in ended.out


def test_the_list_as_json(command: Command) -> None:
    rows = json.loads(command("weights", "--json").out)
    assert set(rows) == set(catalog())
    assert rows["unet-m"]["files"]["uint8"]["sha256"] == catalog()["unet-m"].files["uint8"].sha256


def test_a_damaged_file_is_found(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(trained(), "mine", CARD, tmp_path)
    monkeypatch.setattr(room, "FOLDER", tmp_path)
    monkeypatch.setattr(room, "catalog", lambda: read_catalog(tmp_path / "catalog.toml"))
    assert command("weights", "--verify").code == 0
    assert "1 networks, every file is the released one" in command("weights", "--verify").out
    (tmp_path / "mine.onnx").write_bytes(b"other")
    (tmp_path / "mine.safetensors").unlink()
    ended = command("weights", "--verify")
    assert ended.code == 1
    assert "mine  for a test" in ended.out, "the list is shown all the same"
    assert "every file" not in ended.out
    assert "mine.onnx: is not the file that was released" in ended.err
    assert "mine.safetensors: cannot be read" in ended.err, "each of them is named"
    assert set(json.loads(command("weights", "--verify", "--json").out)) == {"mine"}


def test_a_catalogue_without_rows(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "catalog", dict)
    for words in ((), ("--verify",)):
        ended = command("weights", *words)
        assert ended.code == 0
        assert ended.out.startswith("0 networks")
    assert json.loads(command("weights", "--json").out) == {}


def test_weights_are_listed_without_torch_or_a_runtime() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom highbeam.cli import main\nassert main(['weights']) == 0\n"
        "assert not {'torch', 'onnxruntime', 'cv2'} & set(sys.modules), set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_network_is_exported_and_used(command: Command, tmp_path: Path, nights: Path) -> None:
    save_weights(trained(), tmp_path / "net.safetensors")
    out = tmp_path / "out" / "net.onnx"
    ended = command("export", tmp_path / "net.safetensors", "-o", out)
    assert ended.code == 0, ended.err
    assert ended.out.count("worst") == 10, "five sizes of two files"
    assert sorted(path.name for path in out.parent.iterdir()) == ["net.float32.onnx", "net.onnx", "net.safetensors"]
    assert command("export", tmp_path / "net.safetensors", "-o", out).code == 2
    assert command("export", tmp_path / "net.safetensors", "-o", out, "--overwrite").code == 0
    ended = command("enhance", nights, "-o", tmp_path / "bright", "--method", out)
    assert ended.code == 0, ended.err
    assert (tmp_path / "bright" / "sub" / "c.webp").stat().st_size > 0


def test_exporting_what_is_no_checkpoint(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"nothing")
    ended = command("export", tmp_path / "a.pt", "-o", tmp_path / "a.onnx")
    assert ended.code == 1
    assert "a.pt: is damaged or no checkpoint" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    ended = command("export", tmp_path / "a.pt", "-o", tmp_path / "a.bin")
    assert ended.code == 2
    assert "an exported network ends in .onnx" in ended.err


@pytest.mark.parametrize(
    ("pixels", "made"),
    [("uint8", ["net.onnx", "net.safetensors"]), ("float32", ["net.onnx", "net.safetensors"])],
)
def test_the_kind_that_was_asked_for_is_written(command: Command, tmp_path: Path, pixels: str, made: list[str]) -> None:
    save_weights(trained(), tmp_path / "a.safetensors")
    out = tmp_path / "out"
    out.mkdir()
    (out / "net.float32.onnx").write_bytes(b"of another time")
    ended = command("export", tmp_path / "a.safetensors", "-o", out / "net.onnx", "--pixels", pixels)
    assert ended.code == 0, ended.err
    assert (out / "net.float32.onnx").read_bytes() == b"of another time", "what is not written is not in the way"
    assert sorted(path.name for path in out.iterdir()) == sorted([*made, "net.float32.onnx"])
    assert runner_of(out / "net.onnx", "onnxruntime", "float32", 1).facts.pixels == pixels


def test_a_checkpoint_is_exported_with_its_averaged_weights(command: Command, tmp_path: Path) -> None:
    mine = trained()
    last = {key: torch.zeros_like(value) for key, value in mine.network.state_dict().items()}
    state = {"network": "unet-s", "changes": mine.changes, "config": {}, "step": 9}
    torch.save(state | {"model": last, "ema": mine.network.state_dict()}, tmp_path / "a.pt")
    save_weights(mine, tmp_path / "b.safetensors")
    for name in ("a.pt", "b.safetensors"):
        assert command("export", tmp_path / name, "-o", tmp_path / name[0] / "net.onnx").code == 0
    for kind in ("net.onnx", "net.float32.onnx"):
        assert (tmp_path / "a" / kind).read_bytes() == (tmp_path / "b" / kind).read_bytes()
    assert load_trained(tmp_path / "a" / "net.safetensors").step == 9


def test_a_checkpoint_is_never_written_over(command: Command, tmp_path: Path) -> None:
    net = tmp_path / "net.safetensors"
    save_weights(trained(), net)
    before = net.read_bytes()
    for words in ((), ("--overwrite",)):
        ended = command("export", net, "-o", tmp_path / "net.onnx", *words)
        assert ended.code == 2
        assert "net.safetensors: is the checkpoint itself; choose another name" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
    assert net.read_bytes() == before


def test_a_folder_that_cannot_be(command: Command, tmp_path: Path) -> None:
    save_weights(trained(), tmp_path / "a.safetensors")
    ended = command("export", tmp_path / "a.safetensors", "-o", tmp_path / "a.safetensors" / "net.onnx")
    assert ended.code == 1
    assert "net.onnx: cannot be written (" in ended.err
    assert "Traceback" not in ended.err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nsys.modules['torch'] = None\nfrom highbeam.cli import main\n"
        f"sys.exit(main(['export', 'a.pt', '-o', {str(tmp_path / 'a.onnx')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'highbeam[train]'" in done.stderr


def test_a_gpu_that_is_not_there_is_refused_before_any_work(nights: Path, tmp_path: Path) -> None:
    done = in_process_of_its_own("enhance", nights, "-o", tmp_path / "o", "-m", "unet-s", "--set", "runtime=cuda")
    assert done.returncode == 2
    assert b"onnxruntime-gpu" in done.stderr
    assert not (tmp_path / "o").exists()
