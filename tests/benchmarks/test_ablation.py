"""The ablation drives trainings; here they are nearly all pretended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import ablation
from benchmarks.ablation import (
    NETWORK,
    PROBE_STEPS,
    VARIANTS,
    Outcome,
    Stopwatch,
    inference,
    main,
    parse,
    plan,
    run,
    table,
)
from benchmarks.measuring import REFERENCE, child_picture
from highbeam.nets import anatomy, build
from highbeam.training import Result, TrainConfig, Watcher

METRICS = {"val/gamma/psnr": 20.0, "val/gamma/ssim": 0.8, "val/street/psnr": 18.0, "val/street/ssim": 0.6}
METRICS |= {"val/psnr": 19.0, "val/pictures": 8.0}


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ablation, "time", SimpleNamespace(perf_counter=made))
    return made


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[TrainConfig]:
    """Configurations that were trained; a step with 3x3 blocks takes 2 seconds, any other 1."""
    seen: list[TrainConfig] = []

    def train(config: TrainConfig, watcher: Watcher) -> Result:
        seen.append(config)
        Path(config.checkpoint_dir).mkdir(parents=True, exist_ok=True)
        watcher.begin(0, config.steps)
        for step in range(config.steps):
            clock.now += 2.0 if config.changes.get("block") == "plain" else 1.0
            watcher.advance(step + 1)
        return Result(None, config.steps, dict(METRICS))

    monkeypatch.setattr(ablation, "train", train)
    return seen


def base(**changes: Any) -> TrainConfig:
    return replace(TrainConfig(data=("shards:here",), steps=50), **changes)


def outcome(variant: str = "mixed-group", psnr: float = 19.0, **changes: Any) -> Outcome:
    made = Outcome(variant, {}, steps=60, seconds=2.0, skipped=0, metrics=METRICS | {"val/psnr": psnr})
    return replace(made, **changes)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_networks_and_differ_from_the_first(name: str) -> None:
    network = build(NETWORK, **VARIANTS[name].changes)
    assert network.stride == build(NETWORK).stride
    assert (not VARIANTS[name].changes) == (name == next(iter(VARIANTS)))
    assert VARIANTS[name].summary


def test_both_questions_are_asked() -> None:
    changed = {tuple(sorted(variant.changes)) for variant in VARIANTS.values()}
    assert changed == {(), ("block",), ("block", "widths"), ("norm",)}
    assert {variant.changes.get("norm", "group") for variant in VARIANTS.values()} == {"group", "batch", "none"}


def test_the_narrow_variant_has_as_many_parameters() -> None:
    narrow = anatomy(build(NETWORK, **VARIANTS["plain-narrow-group"].changes))
    assert narrow.parameters == pytest.approx(anatomy(build(NETWORK)).parameters, rel=0.05)


def test_steps_are_timed_from_one_to_the_next(clock: Clock) -> None:
    watch = Stopwatch()
    clock.now += 50.0  # data are opened
    watch.begin(0, 10)
    for step in range(10):
        clock.now += 0.5
        watch.advance(step + 1)
    assert watch.seconds() == pytest.approx(0.5)


def test_validations_hardly_count_and_larger_crops_do(clock: Clock) -> None:
    watch = Stopwatch()
    watch.begin(0, 10)
    for step in range(10):
        clock.now += 1.5 if step >= 8 else 1.0
        clock.now += 100.0 if step == 5 else 0.0
        watch.advance(step + 1)
    assert watch.seconds() == pytest.approx((7 * 1.0 + 2.0 + 2 * 1.5) / 10)


def test_nothing_timed_is_no_time() -> None:
    assert Stopwatch().seconds() == 0.0


def test_all_variants_get_the_same_training_but_for_the_network(tmp_path: Path) -> None:
    plans = [plan(name, tmp_path, base(), None).plain() for name in VARIANTS]
    differing = {key for key in plans[0] if any(other[key] != plans[0][key] for other in plans)}
    assert differing == {"changes", "checkpoint_dir"}
    assert {made["network"] for made in plans} == {NETWORK}
    assert {made["steps"] for made in plans} == {50}


def test_seeds_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {plan("mixed-group", tmp_path, base(seed=seed), None).checkpoint_dir for seed in range(3)}
    assert len(folders) == 3


def test_equal_minutes_give_each_variant_the_steps_that_fit(tmp_path: Path, trained: list[TrainConfig]) -> None:
    assert plan("mixed-group", tmp_path, base(), 10.0).steps == 600
    assert plan("plain-group", tmp_path, base(), 10.0).steps == 300
    assert {config.steps for config in trained} == {PROBE_STEPS}
    assert not any(Path(config.checkpoint_dir).name == "mixed-group-0" for config in trained)


def test_a_stopped_probe_starts_anew_and_leaves_nothing(tmp_path: Path, trained: list[TrainConfig]) -> None:
    left = tmp_path / "mixed-group-0.probe"
    left.mkdir()
    (left / "old").touch()
    plan("mixed-group", tmp_path, base(), 10.0)
    assert [path.name for path in tmp_path.iterdir()] == ["mixed-group.probe.json"]
    assert len(trained) == 1


def test_a_stopped_run_goes_on_with_the_steps_it_began_with(tmp_path: Path, trained: list[TrainConfig]) -> None:
    first = plan("mixed-batch", tmp_path, base(), 10.0)
    assert plan("mixed-batch", tmp_path, base(), 10.0) == first
    assert len(trained) == 1


def test_at_least_one_step_is_trained(tmp_path: Path, trained: list[TrainConfig]) -> None:
    assert plan("mixed-none", tmp_path, base(), 0.001).steps == 1
    assert len(trained) == 1


def test_a_finished_variant_is_not_trained_again(tmp_path: Path, trained: list[TrainConfig]) -> None:
    config = plan("plain-group", tmp_path, base(), None)
    first = run("plain-group", config)
    assert run("plain-group", config) == first
    assert len(trained) == 1
    assert (first.steps, first.seconds, first.psnr) == (50, 2.0, 19.0)
    assert first.minutes == pytest.approx(50 * 2.0 / 60.0)
    assert first.ssim == pytest.approx(0.7)


@pytest.mark.parametrize("change", [{"steps": 60}, {"seed": 4}, {"learning_rate": 1e-4}])
def test_another_training_is_another_outcome(
    change: dict[str, Any], tmp_path: Path, trained: list[TrainConfig]
) -> None:
    config = plan("mixed-group", tmp_path, base(), None)
    run("mixed-group", config)
    run("mixed-group", replace(config, **change))
    assert len(trained) == 2


def test_without_validation_there_is_nothing_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "train", lambda *_: Result(None, 50))
    with pytest.raises(SystemExit, match=r"nothing was validated; name --set val_data="):
        run("mixed-group", plan("mixed-group", tmp_path, base(), None))
    assert not list(tmp_path.iterdir())


def test_the_table_has_a_row_a_variant() -> None:
    times = {"mixed-group": (80.0, 8.0), "mixed-none": (60.0, 6.0)}
    lines = table([outcome(), outcome("mixed-none", 18.256)], times).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| `mixed-group` | 1x1, 3x3, 1x1 blocks")
    assert "| 604,384 | 1.89 G | 60 | 2.0 | 19.00 | 0.7000 | 8.0 (80 ms) |" in lines[2]
    assert "| 18.26 |" in lines[3]
    assert REFERENCE in lines[0]


def test_seeds_are_averaged_and_their_range_is_told() -> None:
    lines = table([outcome(psnr=19.0), outcome(psnr=19.5)], {"mixed-group": (80.0, 8.0)}).splitlines()
    assert len(lines) == 3
    assert "| 19.25 ± 0.25 |" in lines[2]
    assert "| 0.7000 ± 0.0000 |" in lines[2]


def test_inference_is_timed_for_every_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported: dict[str, dict[str, object]] = {}

    def export(path: Path, network: str, **changes: object) -> None:
        assert network == NETWORK
        exported[path.stem] = changes

    monkeypatch.setattr(ablation, "export", export)
    monkeypatch.setattr(ablation, "open_onnx", lambda path: lambda picture: (path, picture))
    monkeypatch.setattr(ablation, "night_picture", child_picture)
    times = inference(["mixed-group", "mixed-none"], tmp_path, 1)
    assert set(times) == {REFERENCE, "mixed-group", "mixed-none"}
    assert exported == {"mixed-group": {}, "mixed-none": {"norm": "none"}}


def test_steps_and_minutes_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "x", "--folder", "y"]
    assert parse(words).minutes is None
    assert parse([*words, "--minutes", "2.5"]).minutes == 2.5
    for wrong in (["--minutes", "2", "--steps", "3"], ["--variants", "mixed-layer"]):
        with pytest.raises(SystemExit):
            parse([*words, *wrong])
    assert "not allowed with" in capsys.readouterr().err


def test_the_command_trains_every_variant_and_writes_both_tables(
    tmp_path: Path, trained: list[TrainConfig], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ablation, "inference", lambda names, *_: dict.fromkeys(names, (80.0, 8.0)))
    words = ["--data", "shards:here", "--folder", str(tmp_path / "new"), "--steps", "5", "--seeds", "2"]
    main([*words, "--set", "crop=64", "--set", "loss.ssim=0.2"])
    assert len(trained) == 2 * len(VARIANTS)
    assert {config.seed for config in trained} == {0, 1}
    assert {(config.crop, config.loss.ssim, config.data) for config in trained} == {(64, 0.2, ("shards:here",))}
    written = (tmp_path / "new" / "ablation.md").read_text()
    assert all(f"`{name}`" in written for name in VARIANTS)
    facts = json.loads((tmp_path / "new" / "ablation.json").read_text())
    assert facts["minutes"] is None
    assert [row["variant"] for row in facts["outcomes"][::2]] == list(VARIANTS)
    told = capsys.readouterr().out
    assert "mixed-batch, seed 1: 19.00 dB in 0.1 minutes" in told
    assert written in told

    main([*words, "--set", "crop=64", "--set", "loss.ssim=0.2"])
    assert len(trained) == 2 * len(VARIANTS)


def test_a_real_training_is_driven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day_pictures: Callable[[Path, int], Path]
) -> None:
    monkeypatch.setattr(ablation, "inference", lambda names, *_: dict.fromkeys(names, (80.0, 8.0)))
    data, val = day_pictures(tmp_path / "train", 2), day_pictures(tmp_path / "val", 1)
    small = [f"val_data={val}", "crop=64", "late_crop=64", "batch_size=1", "late_batch_size=1", "eval_crop=64"]
    words = [word for pair in small for word in ("--set", pair)]
    main(["--data", str(data), "--folder", str(tmp_path / "out"), "--steps", "2", "--variants", "mixed-none", *words])
    found = json.loads((tmp_path / "out" / "mixed-none-0" / "outcome.json").read_text())
    assert found["steps"] == 2
    assert found["seconds"] > 0.0
    assert 0.0 < found["metrics"]["val/psnr"] < 60.0
