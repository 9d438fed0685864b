"""The configuration: TOML, words, original flags, and refusals."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from highbeam.errors import ConfigError, UsageError
from highbeam.nets import NETWORKS, build
from highbeam.training.config import FREE, Jitter, LossWeights, TrainConfig, as_toml, configure, load_config, parse_word
from tests.conftest import ROOT

CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


def test_the_defaults_are_a_configuration() -> None:
    config = load_config(None)
    assert config == TrainConfig()
    assert config.network in NETWORKS
    assert config.late_crop >= config.crop
    with pytest.raises(FrozenInstanceError):
        config.steps = 3  # type: ignore[misc]


def test_a_file_then_words_then_flags(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text('network = "can24"\nsteps = 10\ncrop = 64\n[loss]\nssim = 0.5\n[changes]\nwidth = 12\n')
    config = load_config(path, ["steps=20", "loss.colour=0.1", "zoom=1.5"], {"steps": 30, "crop": None})
    assert (config.network, config.steps, config.crop, config.zoom) == ("can24", 30, 64, 1.5)
    assert (config.loss.ssim, config.loss.colour, config.loss.charbonnier) == (0.5, 0.1, 1.0)
    assert config.changes == {"width": 12}


def test_the_original_flags() -> None:
    flags = {"batch_size": 3, "learning_rate": 0.1, "f_log_step": 4, "f_summary_step": 5, "f_save_step": 6}
    config = load_config(None, (), flags | {"checkpoint_dir": "there"})
    assert (config.batch_size, config.learning_rate, config.checkpoint_dir) == (3, 0.1, "there")
    assert (config.log_every, config.summary_every, config.save_every) == (4, 5, 6)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("steps=5", ("steps", 5)),
        ("flip = false", ("flip", False)),
        ("network=unet-s", ("network", "unet-s")),
        ('data=["a", "b"]', ("data", ["a", "b"])),
        ("data=shards:/somewhere", ("data", "shards:/somewhere")),
        ("late-crop=64", ("late_crop", 64)),
        ("loss.ssim=1e-2", ("loss.ssim", 0.01)),
        ("checkpoint_dir=a=b", ("checkpoint_dir", "a=b")),
    ],
)
def test_words(word: str, expected: tuple[str, object]) -> None:
    assert parse_word(word) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stepz=4"], r"no key 'stepz'; did you mean 'steps'\? \(keys: network, changes, start_from"),
        (["loss.sim=4"], r"no key 'loss\.sim'; did you mean 'ssim'\? \(keys: charbonnier, ssim"),
        (["learning_rate=inf"], "learning_rate: Input should be a finite number, got inf"),
        (["seed=9223372036854775808"], "seed: Input should be less than"),
        (["steps=0"], "steps: Input should be greater than or equal to 1, got 0"),
        (["steps=many"], "steps: Input should be a valid integer.*got 'many'"),
        (["precision=bf17"], "precision: Input should be 'bf16-mixed'"),
        (["loss.charbonnier=0", "loss.ssim=0", "loss.colour=0"], "at least one part of the loss, other than steady"),
        (["loss.ssim=-1"], "loss.ssim: Input should be greater than or equal to 0"),
        (["ema=1"], "ema: Input should be less than 1"),
        (["steps"], "--set takes key=value, got 'steps'"),
        (["=4"], "--set takes key=value, got '=4'"),
        (["steps.more=1"], "steps"),
        (["crop=8"], "crop: Input should be greater than or equal to 32"),
        (["resume=perhaps"], "resume: Input should be 'auto' or 'never'"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(None, words)
    assert isinstance(caught.value, UsageError)


def test_a_word_cannot_reach_into_what_is_no_table() -> None:
    with pytest.raises(ConfigError, match=r"--set steps\.more: steps is no table"):
        load_config(None, ["steps=3", "steps.more=1"])


@pytest.mark.parametrize(("text", "message"), [("steps = ", "is not TOML"), ("step = 3", "no key 'step'")])
def test_files_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"wrong\.toml.*{message}"):
        load_config(path)
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read \(No such file"):
        load_config(tmp_path / "gone.toml")


def test_plain_values_make_the_same_configuration() -> None:
    config = configure({"data": ["a", "b"], "loss": {"ssim": 0.3}, "changes": {"widths": [32, 64]}})
    assert configure(config.plain()) == config
    assert config.loss == LossWeights(ssim=0.3)


def test_lists_and_tuples_are_the_same() -> None:
    one = configure({"data": "a", "changes": {"widths": (16, 24)}})
    other = configure({"data": ["a"], "changes": {"widths": [16, 24]}})
    assert one.differences(other.plain()) == other.differences(one.plain()) == []
    build("unet-s", **other.changes | {"encoder": [0, 1], "decoder": [1]})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"data": ["a b", 'quo"ted', "sla\\sh", "日本"], "learning_rate": 1e-7, "flip": False},
        {"loss": {"gradient": 0.5}, "changes": {"widths": [32, 64], "norm": "batch", "hidden": 0.25}},
    ],
)
def test_a_configuration_is_written_as_it_is_read(tmp_path: Path, values: dict[str, object]) -> None:
    config = configure(values)
    (tmp_path / "a.toml").write_text(as_toml(config), encoding="utf-8")
    assert load_config(tmp_path / "a.toml") == config


def test_differences_leave_out_what_may_change() -> None:
    one = configure({"data": "a"})
    other = configure({"data": "b", "steps": 3, "crop": 64, "checkpoint_dir": "there", "threads": 2})
    assert one.differences(other.plain()) == ["data", "crop"]
    assert one.differences({key: object() for key in one.plain()}) == [key for key in one.plain() if key not in FREE]
    assert {field.name for field in fields(TrainConfig)} >= FREE


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_configurations_name_networks(path: Path) -> None:
    config = load_config(path)
    assert path.stem in {config.network, *(f"{config.network}-{part}" for part in ("fine", "steady", "lol"))}
    assert (path.stem == config.network) == (not config.start_from)
    build(config.network, **config.changes)


def test_there_is_one_for_every_released_network() -> None:
    assert {path.stem for path in CONFIGS} >= {"unet-s", "unet-m", "can24"}


def test_tables_are_checked_and_written_back(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("balance = 0.5\n[jitter]\npower = 0.2\n")
    config = load_config(path, ["jitter.cast=0.1"])
    assert config.jitter == Jitter(power=0.2, cast=0.1)
    path.write_text(as_toml(config))
    assert load_config(path) == config
    with pytest.raises(ConfigError, match=r"jitter\.powr.*power"):
        load_config(None, ["jitter.powr=0.1"])
    with pytest.raises(ConfigError, match="jitter"):
        load_config(None, ["jitter.power=-1"])


def test_a_key_that_an_older_file_lacks_had_its_default() -> None:
    older = {key: value for key, value in TrainConfig().plain().items() if key not in {"jitter", "balance"}}
    assert TrainConfig().differences(older) == []
    assert configure({"balance": 0.5, "jitter": {"cast": 0.1}}).differences(older) == ["jitter", "balance"]
