"""The catalogue of trained networks, and releasing into it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open

import highbeam
from highbeam import weights as room
from highbeam.errors import TrainingError, WeightsError
from highbeam.methods import DEFAULT_METHOD, METHODS
from highbeam.nets import build
from highbeam.training import release as releasing
from highbeam.training.exporting import Trained, export, halved, load_trained, save_weights
from highbeam.training.release import as_toml, release
from highbeam.weights import FOLDER, WeightFile, Weights, catalog, path_of, read_catalog, verify
from tests.nets.common import noise, stirred, tiny_unet

CARD = {
    "summary": "for a test",
    "licence": "none",
    "data": 'noise with "quotes" and ümlauts',
    "terms": "none",
    "training": "none",
    "config": "none",
    "commit": "none",
    "figures": {"dark_drive/gamma, PSNR (dB)": 12.5},
}
PLAIN = [key for key in CARD if key != "figures"]
CHANGES: dict[str, Any] = {"cell": 2, "widths": [16, 24], "encoder": [0, 1], "decoder": [1], "context": 16}


def trained() -> Trained:
    return Trained(stirred(tiny_unet(), size=0.03).eval(), "unet-s", CHANGES, 7)


def test_every_shipped_file_is_the_released_one() -> None:
    rows = catalog()
    assert {"unet-s", "unet-m"} <= set(rows)
    for row in rows.values():
        assert set(row.files) == {"uint8", "float32", "safetensors"}
        for file in row.files.values():
            verify(FOLDER / file.file, file.sha256)
            assert (FOLDER / file.file).stat().st_size == file.size


def test_all_that_is_shipped_is_in_the_catalogue_and_small() -> None:
    listed = {file.file for row in catalog().values() for file in row.files.values()}
    there = {path.name for path in FOLDER.iterdir() if path.suffix in {".onnx", ".safetensors"}}
    assert there == listed
    assert sum((FOLDER / name).stat().st_size for name in there) < 12 * 2**20


def test_the_catalogue_says_where_networks_come_from() -> None:
    for row in catalog().values():
        for text in (row.summary, row.source, row.licence, row.data, row.terms, row.training, row.commit):
            assert len(text) > 5
        assert (Path(__file__).parents[1] / row.config).is_file()
        assert row.figures


def test_every_network_is_a_method_and_one_is_the_default() -> None:
    assert set(catalog()) <= set(METHODS)
    assert DEFAULT_METHOD == "unet-m"


@pytest.mark.parametrize("name", sorted(catalog()))
def test_shipped_weights_are_those_of_the_onnx_files(name: str) -> None:
    network = load_trained(path_of(name, "safetensors")).network
    assert sum(parameter.numel() for parameter in network.parameters()) == catalog()[name].parameters
    unit = np.random.default_rng(0).random((64, 96, 3)).astype(np.float32) * np.float32(0.2)
    with torch.no_grad():
        expected = network(torch.from_numpy(unit).permute(2, 0, 1)[None])[0].clamp(0, 1).permute(1, 2, 0).numpy()
    got = highbeam.load(name, protect_highlights=False)(unit)
    assert np.abs(got - expected).max() < 5e-3


def test_a_network_is_released_into_a_folder(tmp_path: Path) -> None:
    row = release(trained(), "mine", CARD, tmp_path)
    found = read_catalog(tmp_path / "catalog.toml")
    assert found == {"mine": row}
    assert row.figures == CARD["figures"]
    assert row.data == CARD["data"]
    assert row.changes == CHANGES
    for file in row.files.values():
        assert hashlib.sha256((tmp_path / file.file).read_bytes()).hexdigest() == file.sha256
    again = release(trained(), "other", CARD, tmp_path)
    assert set(read_catalog(tmp_path / "catalog.toml")) == {"mine", "other"}
    assert again.files["safetensors"].sha256 == row.files["safetensors"].sha256


def test_a_release_that_cannot_be_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="licence"):
        release(trained(), "bare", {"summary": "x"}, tmp_path)
    with pytest.raises(ValidationError, match="colour"):
        release(trained(), "bare", CARD | {"colour": "red"}, tmp_path)
    for name in ("", "Bare", "a/b", "../a", "a.onnx", "-a"):
        with pytest.raises(WeightsError, match="is no name for a network"):
            release(trained(), name, CARD, tmp_path)
    with pytest.raises(WeightsError, match="'gamma' is a method already"):
        release(trained(), "gamma", CARD, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_releasing_again_replaces_the_row(tmp_path: Path) -> None:
    before = release(trained(), "mine", CARD, tmp_path)
    row = release(trained(), "mine", CARD | {"summary": "another"}, tmp_path)
    assert read_catalog(tmp_path / "catalog.toml") == {"mine": row}
    assert row.summary == "another"
    assert row.files == before.files, "the same network gives the same bytes"


def test_releasing_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    save_weights(trained(), tmp_path / "net.safetensors")
    (tmp_path / "card.toml").write_text(as_toml({}) + "\n".join(f"{key} = {json.dumps(CARD[key])}" for key in PLAIN))
    monkeypatch.setattr(releasing, "release", lambda mine, name, card: release(mine, name, card, tmp_path / "room"))
    monkeypatch.setattr("sys.argv", ["release", str(tmp_path / "net.safetensors"), "mine", str(tmp_path / "card.toml")])
    releasing.main()
    assert "mine.float32.onnx" in capsys.readouterr().out
    assert read_catalog(tmp_path / "room" / "catalog.toml")["mine"].summary == CARD["summary"]
    (tmp_path / "card.toml").write_text("[")
    with pytest.raises(SystemExit, match="1"):
        releasing.main()
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../mine.onnx", "a/b.onnx", "/a.onnx", ".onnx", ""])
def test_rows_name_files_of_their_folder_only(name: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        WeightFile(name, "0" * 64, 1)


def test_catalogues_are_written_as_they_are_read() -> None:
    assert tomllib.loads(as_toml(catalog()))
    assert read_from(as_toml(catalog())) == dict(catalog())


def read_from(text: str) -> dict[str, Weights]:
    from pydantic import TypeAdapter

    return TypeAdapter(dict[str, Weights]).validate_python(tomllib.loads(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "is not TOML"),
        ('[a]\nsummary = "x"\n', r"a\.source: "),
        ("a = 3\n", "a: "),
    ],
)
def test_damaged_catalogues(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(text)
    with pytest.raises(WeightsError, match=message):
        read_catalog(path)


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    release(trained(), "mine", CARD, tmp_path)
    path = tmp_path / "catalog.toml"
    path.write_text(path.read_text().replace('"summary"', '"sumary"', 1))
    with pytest.raises(WeightsError, match="sumary"):
        read_catalog(path)


def test_files_that_are_not_the_released_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(trained(), "mine", CARD, tmp_path)
    monkeypatch.setattr(room, "FOLDER", tmp_path)
    monkeypatch.setattr(room, "catalog", lambda: read_catalog(tmp_path / "catalog.toml"))
    path = path_of("mine", "uint8")
    assert path == tmp_path / "mine.onnx"
    deep = tmp_path / "mine.float32.onnx"
    deep.write_bytes(deep.read_bytes()[:-1] + b"x")
    for _ in range(2):  # a failure is not remembered as done
        with pytest.raises(WeightsError, match=r"mine\.float32\.onnx: is not the file that was released \(SHA-256 "):
            path_of("mine", "float32")
    deep.unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        path_of("mine", "float32")
    with pytest.raises(WeightsError, match="no uint8 file of a network 'yours'"):
        path_of("yours", "uint8")


def test_no_catalogue_has_no_rows(tmp_path: Path) -> None:
    assert read_catalog(tmp_path / "catalog.toml") == {}


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    """The library that writes safetensors shuffles their metadata."""
    mine = trained()
    for number in range(12):
        save_weights(mine, tmp_path / f"{number}.safetensors")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    with safe_open(tmp_path / "0.safetensors", framework="pt") as file:
        assert file.metadata() == {"network": "unet-s", "changes": json.dumps(CHANGES), "step": "7"}


def test_weights_travel_as_safetensors(tmp_path: Path) -> None:
    mine = trained()
    halved(mine.network)
    save_weights(mine, tmp_path / "a.safetensors")
    found = load_trained(tmp_path / "a.safetensors")
    assert (found.name, found.changes, found.step) == ("unet-s", CHANGES, 7)
    x = noise(1, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(found.network(x), mine.network(x))


@pytest.mark.parametrize("data", [b"", b"nothing", b"\xff" * 64])
def test_damaged_safetensors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(TrainingError, match=r"a\.safetensors"):
        load_trained(path)
    with pytest.raises(TrainingError, match=r"b\.safetensors: cannot be read"):
        load_trained(tmp_path / "b.safetensors")


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(TrainingError, match="holds no network of Highbeam's"):
        load_trained(tmp_path / "a.safetensors")
    save_file({"x": torch.zeros(3)}, tmp_path / "a.safetensors", {"network": "unet-s", "changes": "{}"})
    with pytest.raises(TrainingError, match="do not fit its network"):
        load_trained(tmp_path / "a.safetensors")


def test_the_kinds_that_are_asked_for(tmp_path: Path) -> None:
    (report,) = export(trained(), tmp_path / "new" / "a.onnx", pixels="float32")
    assert report.path == tmp_path / "new" / "a.onnx"
    assert sorted(path.name for path in report.path.parent.iterdir()) == ["a.onnx", "a.safetensors"]


def test_big_tensors_are_rounded_and_small_ones_kept() -> None:
    network = build("unet-s")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = halved(network).state_dict()
    for name, value in after.items():
        assert torch.equal(value, value.half().float() if value.numel() >= 256 else before[name])
    assert json.dumps(CHANGES)
