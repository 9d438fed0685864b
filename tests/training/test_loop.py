"""The loop: it learns, it stops, it goes on, and what cannot be is told."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from highbeam.errors import ConfigError, NetworkError, TrainingError
from highbeam.nets import find
from highbeam.training import load_config, loop, newest, read_checkpoint, restore, train
from highbeam.training.config import TrainConfig
from highbeam.training.feeding import Feed
from highbeam.training.loop import learning_rate_at
from highbeam.training.losses import losses
from tests.nets.common import stirred, tiny_unet
from tests.training.common import Notes, day_folder, pair_folder, same_weights, tiny


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return day_folder(tmp_path_factory.mktemp("days"))


def test_the_rate_rises_and_falls() -> None:
    config = load_config(None, ["steps=100", "warmup=10", "learning_rate=1.0", "final_rate=0.1"])
    rates = [learning_rate_at(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.55, abs=0.01)
    assert rates[100] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate_at(0, load_config(None, ["warmup=0"])) == TrainConfig().learning_rate


def test_a_short_training_learns_and_tells(days: Path, tmp_path: Path) -> None:
    notes = Notes()
    config = tiny(days, tmp_path, steps=60, learning_rate=5e-3, ema=0.9, log_every=10, save_every=50, eval_every=30)
    result = train(config, notes)
    assert result.step == 60
    assert result.skipped == 0
    assert notes.began == (0, 60)
    series = notes.series("loss/total")
    assert len(series) == 6
    assert min(series[3:]) < series[0]
    assert all(0.0 <= share <= 1.0 for share in notes.series("waiting"))
    assert result.metrics["val/pictures"] == 3
    ratios = notes.series("val/psnr")
    assert len(ratios) == 2
    assert result.metrics["val/psnr"] == ratios[-1]
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    tags = events.Tags()
    assert {"loss/total", "loss/charbonnier", "rate", "waiting", "val/gamma/psnr"} <= set(tags["scalars"])
    assert tags["images"] == ["dark, enhanced, reference"]
    state = read_checkpoint(result.checkpoint or Path())
    assert state["step"] == 60
    assert not same_weights(state, state | {"ema": state["model"]}), "averaged weights are other ones"
    restore(state)


def test_pairs_train_too(tmp_path: Path) -> None:
    config = tiny(f"pairs:{pair_folder(tmp_path / 'pairs')}", tmp_path / "run", steps=2)
    result = train(config)
    assert "val/pairs/psnr" in result.metrics


def test_bfloat16_trains(days: Path, tmp_path: Path) -> None:
    notes = Notes()
    train(tiny(days, tmp_path, precision="bf16-mixed", steps=4), notes)
    assert all(value == value for value in notes.series("loss/total"))  # noqa: PLR0124 - not a number is not itself


def test_the_context_aggregation_network_trains(days: Path, tmp_path: Path) -> None:
    changes = {"width": 8, "dilations": [1, 2, 1]}
    result = train(tiny(days, tmp_path, network="can24", changes=changes, steps=3))
    state = read_checkpoint(result.checkpoint or Path())
    assert state["ema"]["first.norm.batch.num_batches_tracked"] == 3


def test_what_was_stopped_goes_on_to_the_same_end(days: Path, tmp_path: Path) -> None:
    """Across the step at which crops grow, and with a checkpoint at a step where none was due."""
    straight = train(tiny(days, tmp_path / "straight"))
    for stop in (3, 7):
        part = train(tiny(days, tmp_path / "parts"), Notes(stop_at=stop))
        assert part.step == stop
        assert newest(tmp_path / "parts") == part.checkpoint
    notes = Notes()
    whole = train(tiny(days, tmp_path / "parts"), notes)
    assert notes.began == (7, 8)
    one, other = (read_checkpoint(result.checkpoint or Path()) for result in (straight, whole))
    assert same_weights(one, other)
    assert one["data"] == other["data"]


def test_a_finished_training_only_validates(days: Path, tmp_path: Path) -> None:
    first = train(tiny(days, tmp_path, steps=2))
    before = (first.checkpoint or Path()).read_bytes()
    again = train(tiny(days, tmp_path, steps=2))
    assert again.step == 2
    assert again.metrics == first.metrics
    assert (again.checkpoint or Path()).read_bytes() == before


def test_resuming_needs_the_same_training(days: Path, tmp_path: Path) -> None:
    train(tiny(days, tmp_path, steps=2))
    with pytest.raises(TrainingError, match=r"is of another training \(batch_size was 2, crop was 32\)"):
        train(tiny(days, tmp_path, steps=4, batch_size=4, crop=64))
    with pytest.raises(TrainingError, match="exists; pass --resume auto to go on"):
        train(tiny(days, tmp_path, steps=4, resume="never"))
    assert train(tiny(days, tmp_path, steps=4, log_every=1)).step == 4


def test_a_damaged_checkpoint_is_not_passed_over(days: Path, tmp_path: Path) -> None:
    result = train(tiny(days, tmp_path, steps=2))
    path = result.checkpoint or Path()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="is damaged or no checkpoint"):
        train(tiny(days, tmp_path, steps=4))


def test_a_checkpoint_of_other_data_is_refused(days: Path, tmp_path: Path) -> None:
    result = train(tiny(days, tmp_path, steps=2))
    state = read_checkpoint(result.checkpoint or Path())
    state["data"]["data"] = "other"
    torch.save(state, result.checkpoint or Path())
    with pytest.raises(TrainingError, match="does not fit: the saved position is one in other data"):
        train(tiny(days, tmp_path, steps=4))


def test_steps_that_are_not_finite_are_left_out_and_then_stop(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def broken(enhanced: torch.Tensor, *rest: object) -> dict[str, torch.Tensor]:
        calls.append(1)
        factor = float("nan") if len(calls) in bad else 1.0
        return {name: part * factor for name, part in losses(enhanced, *rest).items()}  # type: ignore[arg-type]

    monkeypatch.setattr("highbeam.training.loop.losses", broken)
    bad = {2, 4, 5, 6}
    notes = Notes()
    result = train(tiny(days, tmp_path / "some", patience=4), notes)
    assert result.skipped == 4
    assert notes.series("skipped") == [1, 2, 4, 4]
    told = [(step, values["loss/total"]) for step, values in notes.told if "loss/total" in values]
    assert [step for step, _ in told] == [2, 4, 8], "steps 5 and 6 were both left out"
    assert all(math.isfinite(value) for _, value in told)
    state = read_checkpoint(result.checkpoint or Path())
    assert state["skipped"] == 4
    assert all(value.isfinite().all() for value in state["model"].values())
    calls.clear()
    bad = set(range(3, 100))
    with pytest.raises(TrainingError, match="step 4: the loss or its gradient was not finite 3 times in a row; lower"):
        train(tiny(days, tmp_path / "all", patience=3))


def test_running_statistics_forget_what_was_not_finite(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Feed.pairs

    def poisoned(feed: Feed, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        dark, bright = whole(feed, step)
        return (dark * float("nan") if step == 1 else dark), bright

    monkeypatch.setattr(Feed, "pairs", poisoned)
    result = train(tiny(days, tmp_path, network="can24", changes={"width": 8, "dilations": [1, 2, 1]}, steps=3))
    state = read_checkpoint(result.checkpoint or Path())
    assert result.skipped == 1
    for kind in ("model", "ema"):
        assert all(value.isfinite().all() for value in state[kind].values())
    assert state["model"]["first.norm.batch.num_batches_tracked"] == 2


def test_a_scaled_loss_that_overflows_is_scaled_less(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 16 bits the first steps overflow as a matter of course; what the scale has come to is in the checkpoint."""

    def halved(config: TrainConfig) -> Fabric:
        torch.set_num_threads(config.threads)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**32)
        return Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler=scaler))

    monkeypatch.setattr("highbeam.training.loop.start", halved)
    result = train(tiny(days, tmp_path, precision="16-mixed", steps=24, patience=30))
    assert 2 < result.skipped < 24
    state = read_checkpoint(result.checkpoint or Path())
    assert state["precision"]["scale"] == 2.0 ** (32 - result.skipped)
    assert all(value.isfinite().all() for value in state["model"].values())
    again = train(tiny(days, tmp_path, precision="16-mixed", steps=28, patience=30))
    assert again.skipped == result.skipped, "the scale goes on where it was"


def test_weights_are_averaged_the_faster_the_younger_they_are() -> None:
    averaged, network = tiny_unet(), stirred(tiny_unet())
    before = [value.clone() for value in averaged.parameters()]
    loop._average(averaged, network, 0.9)
    for old, mine, theirs in zip(before, averaged.parameters(), network.parameters(), strict=True):
        assert torch.allclose(mine, 0.9 * old + 0.1 * theirs, atol=1e-6)


def test_only_kernels_decay() -> None:
    network = tiny_unet()
    kernels, others = loop._parameter_groups(network, 0.25)
    assert (kernels["weight_decay"], others["weight_decay"]) == (0.25, 0.0)
    assert min(value.ndim for value in kernels["params"]) == 2
    assert max(value.ndim for value in others["params"]) == 1
    assert len(kernels["params"]) + len(others["params"]) == len(list(network.parameters()))


def test_stopped_at_once_it_does_not_validate_first(days: Path, tmp_path: Path) -> None:
    part = train(tiny(days, tmp_path / "part"), Notes(stop_at=3))
    assert (part.step, part.metrics) == (3, {})
    nothing = train(tiny(days, tmp_path / "nothing"), Notes(stop_at=0))
    assert (nothing.step, nothing.checkpoint) == (0, None)
    assert newest(tmp_path / "nothing") is None


def test_checkpoints_from_before_there_were_more_keys_are_gone_on_from(days: Path, tmp_path: Path) -> None:
    straight = train(tiny(days, tmp_path / "straight"))
    part = train(tiny(days, tmp_path / "part"), Notes(stop_at=4))
    state = read_checkpoint(part.checkpoint or Path())
    for key in ("precision", "cuda_rng"):
        del state[key]
    torch.save(state, part.checkpoint or Path())
    whole = train(tiny(days, tmp_path / "part"))
    one, other = (read_checkpoint(result.checkpoint or Path()) for result in (straight, whole))
    assert same_weights(one, other)


def test_a_network_that_loses_quality_is_trained_in_32_bits_and_that_is_said(
    days: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(find("unet-s"), supports_bfloat16=False)
    monkeypatch.setattr("highbeam.training.processes.find", lambda _: row)
    notes, exact = Notes(), Notes()
    train(tiny(days, tmp_path / "a", steps=2, precision="bf16-mixed"), notes)
    train(tiny(days, tmp_path / "b", steps=2), exact)
    assert notes.texts == ["unet-s loses quality in bf16-mixed; trained in 32-true"]
    assert notes.series("loss/total") == exact.series("loss/total")
    assert exact.texts == []


def test_bad_pictures_are_named_to_whoever_looks_on(tmp_path: Path) -> None:
    root = day_folder(tmp_path / "days", 2)
    (root / "bad.png").write_bytes(b"nothing of the kind")
    notes = Notes()
    train(tiny(root, tmp_path / "run", val_data=[], steps=6), notes)
    (told,) = notes.texts
    assert told.startswith("left out: ")
    assert "bad.png: " in told


def test_weights_of_an_earlier_training_are_trained_further(days: Path, tmp_path: Path) -> None:
    first = train(tiny(days, tmp_path / "first", steps=2)).checkpoint
    assert first is not None
    more = tiny(days, tmp_path / "more", steps=1, learning_rate=1e-12, start_from=str(first), ema=0.0)
    second = train(more).checkpoint
    assert second is not None
    for name, weight in read_checkpoint(first)["ema"].items():
        assert torch.allclose(weight, read_checkpoint(second)["model"][name], atol=1e-6), name
    with pytest.raises(TrainingError, match="step-00000002.pt: holds another network than can24"):
        train(tiny(days, tmp_path / "other", network="can24", changes={}, start_from=str(first)))
    with pytest.raises(TrainingError, match=r"gone.pt: cannot be read"):
        train(tiny(days, tmp_path / "gone", start_from=str(tmp_path / "gone.pt")))


def test_what_cannot_start(days: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="no network 'unet-x'"):
        train(tiny(days, tmp_path, network="unet-x", changes={}))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="cannot start on 1 of cuda"):
            train(tiny(days, tmp_path, accelerator="cuda"))
    with pytest.raises(ConfigError, match="crop must be a multiple of unet-s's stride, 4, got 33"):
        train(tiny(days, tmp_path, crop=33))
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="file: is no folder"):
        train(tiny(days, tmp_path / "file"))
    assert newest(tmp_path) is None


def test_without_validation_pictures_nothing_is_validated(days: Path, tmp_path: Path) -> None:
    result = train(tiny(days, tmp_path, steps=2, val_data=[]))
    assert result.metrics == {}
