"""``highbeam train``: a network from day pictures or pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from highbeam.errors import UsageError

if TYPE_CHECKING:
    from highbeam.training import Result, TrainConfig

__all__ = ["train"]

_Config = Annotated[
    Path | None, typer.Argument(metavar="CONFIG.toml", help="Without one, the defaults.", show_default=False)
]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any key of the configuration, such as loss.ssim=0.2; repeatable."),
]
_Data = Annotated[
    list[str] | None,
    typer.Option(help="Folders, clips, or LAYOUT:ROOT such as shards:shards; repeatable.", show_default=False),
]
_Network = Annotated[str | None, typer.Option(help="unet-s, unet-m, unet-l, can24 or can32.", show_default=False)]
_Steps = Annotated[int | None, typer.Option(help="Optimiser steps, in all.", show_default=False)]
_Batch = Annotated[
    int | None, typer.Option("--batch_size", "--batch-size", help="Crops in a step.", show_default=False)
]
_Rate = Annotated[
    float | None, typer.Option("--learning_rate", "--learning-rate", help="At its highest.", show_default=False)
]
_Log = Annotated[
    int | None, typer.Option("--f_log_step", "--f-log-step", help="Steps between scalars.", show_default=False)
]
_Summary = Annotated[
    int | None, typer.Option("--f_summary_step", "--f-summary-step", help="Steps between pictures.", show_default=False)
]
_Save = Annotated[
    int | None, typer.Option("--f_save_step", "--f-save-step", help="Steps between checkpoints.", show_default=False)
]
_Folder = Annotated[
    str | None,
    typer.Option("--checkpoint_dir", "--checkpoint-dir", help="Folder of checkpoints and logs.", show_default=False),
]
_Resume = Annotated[
    Literal["auto", "never"] | None,
    typer.Option(help="Go on from the newest checkpoint, or refuse a folder that has one.", show_default=False),
]
_Show = Annotated[bool, typer.Option("--show-config", help="Write the resolved configuration as TOML, and end.")]
_Json = Annotated[bool, typer.Option("--json", help="Write how it ended as JSON to standard output.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no figures.")]


def train(
    config: _Config = None,
    *,
    words: _Set = None,
    data: _Data = None,
    network: _Network = None,
    steps: _Steps = None,
    batch_size: _Batch = None,
    learning_rate: _Rate = None,
    f_log_step: _Log = None,
    f_summary_step: _Summary = None,
    f_save_step: _Save = None,
    checkpoint_dir: _Folder = None,
    resume: _Resume = None,
    show_config: _Show = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Train a network; a stopped training goes on where it was when the same command is given again.

    Exit code 0: trained; 1: it could not go on; 2: bad usage; 130 or 143: stopped by Ctrl-C or SIGTERM, with a
    checkpoint of the last step. Needs the extra "train". Several processes: torchrun -m highbeam train ...
    """
    from highbeam.cli import terminal

    training = _import()
    flags: dict[str, object] = {"data": data or None, "network": network, "steps": steps, "batch_size": batch_size}
    flags |= {"learning_rate": learning_rate, "f_log_step": f_log_step, "f_summary_step": f_summary_step}
    flags |= {"f_save_step": f_save_step, "checkpoint_dir": checkpoint_dir, "resume": resume}
    found: TrainConfig = training.load_config(config, words or [], flags)
    if show_config:
        terminal.say(training.as_toml(found))
        return
    from highbeam.cli.watching import watching

    with terminal.stop_on_signals() as stop, watching(stop, quiet=quiet) as watcher:
        result = training.train(found, watcher)
    if result.checkpoint is not None:  # of several processes, the first alone has one
        _tell(result, found.steps, as_json=as_json, quiet=quiet)
    if stop.signal:
        raise typer.Exit(stop.exit_code)


def _tell(result: Result, steps: int, *, as_json: bool, quiet: bool) -> None:
    from highbeam.cli import terminal

    if as_json:
        ended = {"checkpoint": str(result.checkpoint), "step": result.step, "skipped": result.skipped}
        terminal.say(json.dumps(ended | {"metrics": result.metrics}))
    elif result.step < steps:
        terminal.note(f"stopped at step {result.step} of {steps}; the same command goes on from {result.checkpoint}")
    elif not quiet:
        terminal.note(f"trained: `highbeam export {result.checkpoint} -o NAME.onnx` makes a method of it")


def _import() -> Any:  # noqa: ANN401 - the room, which must not be imported before it is wanted
    try:
        from highbeam import training
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("highbeam"):
            raise
        raise UsageError(f"train needs {error.name}; install the extra: pip install 'highbeam[train]'") from error
    return training
