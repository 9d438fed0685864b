"""1x1 against 3x3 blocks, and group, batch and no normalisation: one small network, one field changed at a time.

    python -m benchmarks.ablation --data shards:ROOT --folder FOLDER --steps 4000
    python -m benchmarks.ablation --data shards:ROOT --folder FOLDER --minutes 30    as many steps as fit, each its own

Every variant sees the same crops of the same nights in the same order. Finished variants are not trained again, a
stopped one goes on from its last checkpoint. Writes ``FOLDER/ablation.md`` and ``FOLDER/ablation.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2

from benchmarks.measuring import REFERENCE, THREADS, night_picture, ratios
from benchmarks.runtimes import export, open_onnx
from highbeam.nets import anatomy, build
from highbeam.training import TrainConfig, Watcher, load_config, train

NETWORK = "unet-s"
SIZE = (720, 1280)
PROBE_STEPS = 30


@dataclass(frozen=True)
class Variant:
    """One row of the comparison.

    Attributes:
        summary: what it is, for the table.
        changes: fields of the network's configuration that differ.
    """

    summary: str
    changes: Mapping[str, Any]


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "mixed-group": Variant("1x1, 3x3, 1x1 blocks; group norm (as built)", {}),
        "plain-group": Variant("two 3x3 a block, widths as built", {"block": "plain"}),
        "plain-narrow-group": Variant(
            "two 3x3 a block, widths for as many parameters", {"block": "plain", "widths": (24, 40, 64, 96)}
        ),
        "mixed-batch": Variant("batch norm", {"norm": "batch"}),
        "mixed-none": Variant("no normalisation", {"norm": "none"}),
    }
)


@dataclass(frozen=True)
class Outcome:
    """How one training ended.

    Attributes:
        variant: its name.
        config: of the training, as plain values.
        steps: of the optimiser.
        seconds: per step, validations left out.
        skipped: steps whose loss or gradient was not finite.
        metrics: of the last validation.
    """

    variant: str
    config: dict[str, Any]
    steps: int
    seconds: float
    skipped: int
    metrics: dict[str, float]

    @property
    def minutes(self) -> float:
        """All steps together."""
        return self.steps * self.seconds / 60.0

    @property
    def psnr(self) -> float:
        """Mean over the kinds of night, dB."""
        return self.metrics["val/psnr"]

    @property
    def ssim(self) -> float:
        """Mean over the kinds of night."""
        return statistics.fmean(value for name, value in self.metrics.items() if name.endswith("/ssim"))


class Stopwatch(Watcher):
    """Times steps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._taken: list[float] = []

    def begin(self, step: int, steps: int) -> None:  # noqa: ARG002 - what matters is when
        """Start."""
        self._last = time.perf_counter()

    def advance(self, step: int) -> None:  # noqa: ARG002
        """Note how long the step took."""
        now = time.perf_counter()
        self._taken.append(now - self._last)
        self._last = now

    def seconds(self) -> float:
        """Return the mean seconds per step; a step counts for at most twice the median.

        So validations and checkpoints, which fall into the step behind them, hardly count, larger crops do.
        """
        if not self._taken:
            return 0.0
        most = 2.0 * statistics.median(self._taken)
        return statistics.fmean(min(taken, most) for taken in self._taken)


def plan(name: str, folder: Path, base: TrainConfig, minutes: float | None) -> TrainConfig:
    """Return the configuration of a variant's training, with as many steps as fit into ``minutes`` if given."""
    config = replace(
        base,
        network=NETWORK,
        changes=dict(VARIANTS[name].changes),
        checkpoint_dir=str(folder / f"{name}-{base.seed}"),
    )
    if minutes is None:
        return config
    return replace(config, steps=max(1, round(60.0 * minutes / _probe(folder / f"{name}.probe.json", config))))


def _probe(path: Path, config: TrainConfig) -> float:
    """Return the seconds per step of a short training, measured once: a stopped run goes on with the same steps."""
    if not path.exists():
        short = replace(config, steps=PROBE_STEPS, checkpoint_dir=f"{config.checkpoint_dir}.probe", val_data=())
        shutil.rmtree(short.checkpoint_dir, ignore_errors=True)  # of a probe that was stopped
        watch = Stopwatch()
        train(replace(short, eval_pictures=1), watch)
        shutil.rmtree(short.checkpoint_dir, ignore_errors=True)
        _write(path, json.dumps(watch.seconds()))
    return float(json.loads(path.read_text(encoding="utf-8")))


def run(name: str, config: TrainConfig) -> Outcome:
    """Train a variant, or read how it ended if it has been trained just so.

    Raises:
        SystemExit: there is nothing to compare by.
    """
    path = Path(config.checkpoint_dir) / "outcome.json"
    plain = json.loads(json.dumps(config.plain()))
    if path.exists():
        found = Outcome(**json.loads(path.read_text(encoding="utf-8")))
        if found.config == plain:
            return found
    watch = Stopwatch()
    result = train(config, watch)
    if "val/psnr" not in result.metrics:
        raise SystemExit(
            f"{config.checkpoint_dir}: nothing was validated; name --set val_data=..., or if the training had ended"
            " already, remove the folder"
        )
    outcome = Outcome(name, plain, result.step, watch.seconds(), result.skipped, dict(result.metrics))
    _write(path, json.dumps(asdict(outcome), indent=2))
    return outcome


def inference(names: Sequence[str], folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Return for each variant the milliseconds and the ratio to the reference's at 1280x720, by onnxruntime."""
    methods = {}
    for name in names:
        path = folder / f"{name}.onnx"
        export(path, NETWORK, **VARIANTS[name].changes)
        methods[name] = open_onnx(path)
    return ratios(methods, night_picture(*SIZE), rounds)


def table(outcomes: Sequence[Outcome], times: Mapping[str, tuple[float, float]]) -> str:
    """Lay the variants out as Markdown, the means over seeds; behind ± is half the range."""
    columns = ("variant", "what it is", "parameters", "multiply-adds", "steps", "training, minutes", "PSNR, dB", "SSIM")
    lines = [f"| {' | '.join((*columns, f'CPU time, times {REFERENCE}'))} |", "|---" * (len(columns) + 1) + "|"]
    for name in dict.fromkeys(outcome.variant for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.variant == name]
        size = anatomy(build(NETWORK, **VARIANTS[name].changes), *SIZE)
        steps = statistics.fmean(outcome.steps for outcome in mine)
        minutes = statistics.fmean(outcome.minutes for outcome in mine)
        ms, ratio = times[name]
        lines.append(
            f"| `{name}` | {VARIANTS[name].summary} | {size.parameters:,} | {size.macs / 1e9:.2f} G | {steps:,.0f} |"
            f" {minutes:.1f} | {_spread([o.psnr for o in mine], 2)} | {_spread([o.ssim for o in mine], 4)} |"
            f" {ratio:.1f} ({ms:.0f} ms) |"
        )
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float], digits: int) -> str:
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {(max(values) - min(values)) / 2:.{digits}f}"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, metavar="WHAT", help="as `highbeam train --data` takes it")
    parser.add_argument("--folder", type=Path, required=True, help="for checkpoints and what comes out")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--steps", type=int, default=4000, help="of every variant")
    budget.add_argument("--minutes", type=float, help="of training for every variant, instead of equal steps")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each variant")
    parser.add_argument("--rounds", type=int, default=7, help="of timing")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the training")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Train what is not trained yet, and write the table."""
    options = parse(words)
    cv2.setNumThreads(THREADS)
    options.folder.mkdir(parents=True, exist_ok=True)
    base = load_config(None, options.set, {"data": tuple(options.data), "steps": options.steps})
    outcomes = []
    for name in options.variants:
        for seed in range(base.seed, base.seed + options.seeds):
            outcomes.append(run(name, plan(name, options.folder, replace(base, seed=seed), options.minutes)))
            print(f"{name}, seed {seed}: {outcomes[-1].psnr:.2f} dB in {outcomes[-1].minutes:.1f} minutes", flush=True)
    times = inference(options.variants, options.folder, options.rounds)
    text = table(outcomes, times)
    _write(options.folder / "ablation.md", text)
    facts = {"minutes": options.minutes, "outcomes": [asdict(outcome) for outcome in outcomes], "times": times}
    _write(options.folder / "ablation.json", json.dumps(facts, indent=2) + "\n")
    print(text)


if __name__ == "__main__":
    main()
