"""``highbeam eval``: measure methods, networks and other people's outputs, with every switch of the protocol said."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from highbeam.cli.options import limits_of
from highbeam.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from highbeam.cli.terminal import Stop
    from highbeam.evaluation import Evaluation, Results, Subject, TestSet
    from highbeam.evaluation.perceiving import Seer
    from highbeam.pictures import Limits

__all__ = ["evaluate"]

_Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WHAT",
        help="LAYOUT:ROOT such as lol-v1:ROOT or dark_drive:ROOT, or dark pictures and clips: files and folders.",
        show_default=False,
    ),
]
_Reference = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="What the pictures should be, matched by path without suffix.")
]
_Methods = Annotated[
    str | None,
    typer.Option("--methods", metavar="A,B,C", help="Methods, and networks as NAME.onnx; the default if not given."),
]
_Outputs = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FOLDER", help="Somebody's outputs, matched by path without suffix; repeatable."),
]
_Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint_dir",
        "--checkpoint-dir",
        metavar="FOLDER",
        help='The newest checkpoint of a training; needs the extra "train".',
    ),
]
_Metrics = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Of `--list-metrics`; those that fit what is measured if not given.")
]
_ListMetrics = Annotated[bool, typer.Option("--list-metrics", help="List the metrics, and end.")]
_Rescaled = Annotated[
    bool, typer.Option("--rescaled", help="Show, beside, figures of outputs brought to the reference's mean.")
]
_Border = Annotated[int, typer.Option(min=0, help="Pixels cut from every side before comparing with a reference.")]
_Strict = Annotated[bool, typer.Option("--strict", help="Report the strict subset in any case.")]
_TrainedOn = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=DATA", help="Data that something was trained on: lol-v1, or other:WORDS; repeatable."),
]
_AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Leave out and count what is missing, unreadable or does not fit.")
]
_Frames = Annotated[int, typer.Option(min=3, help="Of a clip, the first so many.")]
_Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="For results.json, results.csv and report.html."),
]
_Input = Annotated[bool, typer.Option("--no-input", help="Leave out the dark input as it is.")]
_NoTiming = Annotated[bool, typer.Option("--no-timing", help="Do not time a frame of each method.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Take over what an earlier run into FOLDER has measured.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier evaluation in FOLDER.")]
_MaxPixels = Annotated[str | None, typer.Option(metavar="COUNT", help="Refuse larger pictures, as for enhance.")]
_Perception = Annotated[
    Path | None, typer.Option(metavar="NET.onnx", help="Also tell what this network sees in every version.")
]
_PerceptionConfig = Annotated[
    Path | None,
    typer.Option(
        metavar="NET.toml", help="How it is fed and read (docs/perception.md); NET.toml beside it if not given."
    ),
]
_Labels = Annotated[
    Path | None,
    typer.Option(metavar="LABELS", help="Masks, COCO JSON or YOLO text; else its predictions by day are the truth."),
]
_Json = Annotated[bool, typer.Option("--json", help="Write results.json to standard output instead of tables.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def evaluate(
    words: _Words = None,
    *,
    reference: _Reference = None,
    methods: _Methods = None,
    outputs: _Outputs = None,
    checkpoint_dir: _Checkpoint = None,
    metrics: _Metrics = None,
    list_metrics: _ListMetrics = False,
    rescaled: _Rescaled = False,
    border: _Border = 0,
    strict: _Strict = False,
    trained_on: _TrainedOn = None,
    allow_missing: _AllowMissing = False,
    frames: _Frames = 48,
    output: _Output = None,
    no_input: _Input = False,
    no_timing: _NoTiming = False,
    resume: _Resume = False,
    overwrite: _Overwrite = False,
    max_pixels: _MaxPixels = None,
    perception: _Perception = None,
    perception_config: _PerceptionConfig = None,
    labels: _Labels = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Measure methods, networks, checkpoints and folders of outputs on pairs, pictures and clips.

    Nothing is rescaled, cropped or dropped unless a switch says so, and every switch is printed and recorded.

    Exit code 0: all measured; 1: something cannot be measured, or was left out; 2: bad usage, nothing was touched.
    """
    from highbeam.cli import terminal
    from highbeam.evaluation import Evaluation, make_protocol, with_training

    if list_metrics:
        terminal.say(_metrics_list())
        return
    switches = {"rescale": rescaled, "border": border, "strict": strict, "allow_missing": allow_missing}
    protocol = make_protocol(metrics=_names(metrics), frames=frames, **switches)
    limits, folders = limits_of(max_pixels), _folders(outputs or [])
    _check_output(output, resume=resume, overwrite=overwrite)
    sets = _sets(words or [], reference, folders, allow_missing=allow_missing)
    with _checkpointed(checkpoint_dir) as network, terminal.stop_on_signals() as stop:
        subjects = _subjects(sets, _method_names(methods), folders, network, no_input=no_input)
        subjects = with_training(subjects, _trained_on(trained_on or []), sets)
        seer = _seer(sets, perception, perception_config, labels)
        sealed = _sealed(sets, limits, seer, allow_missing=allow_missing, quiet=quiet)
        job = Evaluation(sealed, subjects, protocol, limits, output, resume, stopped=lambda: bool(stop.signal))
        results = _measured(job, stop, quiet=quiet, timed=not no_timing)
        results, seen = _perceived(results, job, seer, stop, quiet=quiet)
        if output is not None:
            _write(results, job, output)
    _tell(results, seen, output, as_json=as_json)
    if any(found.missing for found in results.sets):
        raise typer.Exit(1)


def _metrics_list() -> str:
    from highbeam.evaluation import aligned
    from highbeam.metrics import METRICS

    ways = {True: "higher", False: "lower", None: "-"}
    lines = [["metric", "needs", "unit", "better", "what it is"]]
    lines += [
        [name, row.kind, row.unit or "-", ways[row.higher_is_better], row.summary] for name, row in METRICS.items()
    ]
    return aligned(lines, left=True)


def _names(words: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (words or "").split(",") if name.strip())
    if len(set(names)) != len(names):
        raise UsageError(f"{words!r} names something twice")
    return names


def _method_names(words: str | None) -> tuple[str, ...] | None:
    """Return the names that were given; None where the option was not."""
    names = _names(words)
    if words is not None and not names:
        raise UsageError(f"--methods takes names with commas between them, got {words!r}")
    return names or None


def _folders(words: Sequence[str]) -> dict[str, Path]:
    """Read NAME=FOLDER; a bare folder is called by its name."""
    found: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        path = Path(folder if equals else word)
        name = name if equals else path.name
        if not name or not path.is_dir():
            raise UsageError(f"--outputs takes NAME=FOLDER, and {word!r} names no folder")
        if name in found:
            raise UsageError(f"--outputs: two are called {name!r}; say NAME=FOLDER")
        found[name] = path
    return found


def _trained_on(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, data = word.partition("=")
        if not name or not equals or not data:
            raise UsageError(f"--trained-on takes NAME=DATA, got {word!r}")
        found.setdefault(name, []).extend(part.strip() for part in data.split(",") if part.strip())
    return found


def _sets(
    words: Sequence[str], reference: Path | None, folders: Mapping[str, Path], *, allow_missing: bool
) -> tuple[TestSet, ...]:
    from highbeam.evaluation import find_sets, outputs_set

    if not words and folders and reference is not None:
        return (outputs_set(folders, reference),)
    return find_sets(words, reference, allow_missing=allow_missing)


def _checkpointed(folder: Path | None) -> AbstractContextManager[Subject | None]:
    if folder is None:
        return nullcontext()
    from highbeam.evaluation.checkpoints import checkpoint_subject

    return checkpoint_subject(folder)


def _subjects(
    sets: Sequence[TestSet],
    methods: Sequence[str] | None,
    folders: Mapping[str, Path],
    network: Subject | None,
    *,
    no_input: bool,
) -> tuple[Subject, ...]:
    """Collect what is measured: the default method where nothing was named."""
    from highbeam.evaluation.subjects import input_subject, method_subject, outputs_subject
    from highbeam.methods.registry import DEFAULT_METHOD

    without_dark = any(found.kind == "outputs" for found in sets)
    if without_dark and (methods or network):
        raise UsageError("there are outputs and references alone; methods need dark pictures to enhance")
    names = methods or (() if folders or network else (DEFAULT_METHOD,))
    found = [] if no_input or without_dark else [input_subject()]
    found += [network] if network else []
    found += [method_subject(name) for name in names]
    return (*found, *(outputs_subject(name, folder) for name, folder in folders.items()))


def _check_output(folder: Path | None, *, resume: bool, overwrite: bool) -> None:
    """Refuse what would lose an earlier evaluation, or cannot be written; what is to be replaced goes now."""
    if resume and overwrite:
        raise UsageError("--resume goes on with what --overwrite would replace; use one of the two")
    if folder is None:
        if resume:
            raise UsageError("--resume needs the FOLDER of an earlier run: -o FOLDER")
        return
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    there = [folder / name for name in _WRITTEN if (folder / name).exists()]
    if there and not resume and not overwrite:
        raise OutputError(f"{folder}: has an evaluation; pass --resume to go on with it, or --overwrite to replace it")


_WRITTEN = ("rows.jsonl", "results.json", "results.csv", "report.html")


def _seer(sets: Sequence[TestSet], network: Path | None, config: Path | None, labels: Path | None) -> Seer | None:
    """Open the perception network before any work; none where none is asked for."""
    if network is None:
        if config is not None or labels is not None:
            raise UsageError("--perception-config and --labels go with --perception NET.onnx")
        return None
    from highbeam.evaluation.perceiving import fitting_sets, open_seer

    fitting_sets(sets, labelled=labels is not None)
    return open_seer(network, config, labels)


def _sealed(
    sets: Sequence[TestSet], limits: Limits, seer: Seer | None, *, allow_missing: bool, quiet: bool
) -> tuple[TestSet, ...]:
    from highbeam.cli import terminal
    from highbeam.evaluation import seal
    from highbeam.evaluation.perceiving import check_labels

    if not quiet:
        terminal.note(f"reading {sum(len(found.cases) for found in sets)} cases of {', '.join(f.name for f in sets)}")
    sealed = tuple(seal(found, limits=limits, allow_missing=allow_missing) for found in sets)
    if seer is not None:
        check_labels(seer, sealed)
    return sealed


def _measured(job: Evaluation, stop: Stop, *, quiet: bool, timed: bool) -> Results:
    from highbeam.cli import terminal
    from highbeam.evaluation import describe_machine, summarise, time_subjects

    if job.folder is not None and not job.resume:
        for name in _WRITTEN:  # an earlier evaluation, which --overwrite was said of
            (job.folder / name).unlink(missing_ok=True)
    with terminal.progress(job.total, hidden=quiet) as step:
        rows = job.rows(step)
    _end_if_stopped(job, stop)
    seconds = time_subjects(job) if timed else {}
    _end_if_stopped(job, stop)
    return summarise(job, rows, machine=describe_machine(), seconds=seconds)


def _end_if_stopped(job: Evaluation, stop: Stop) -> None:
    from highbeam.cli import terminal

    if stop.signal:
        kept = f"; what was measured is kept: --resume goes on with it in {job.folder}" if job.folder else ""
        terminal.note(f"stopped{kept}")
        raise typer.Exit(stop.exit_code)


def _perceived(
    results: Results, job: Evaluation, seer: Seer | None, stop: Stop, *, quiet: bool
) -> tuple[Results, list[str]]:
    """Add what the network sees; returns its tables too."""
    if seer is None:
        return results, []
    from dataclasses import replace

    from highbeam.cli import terminal
    from highbeam.evaluation.perceiving import fitting_sets, perceive_sets, record

    total = sum(len(found.cases) for found in fitting_sets(job.sets, labelled=seer.labels is not None))
    with terminal.progress(total, hidden=quiet) as advance:

        def step(_key: str) -> None:
            advance()
            _end_if_stopped(job, stop)

        found = perceive_sets(job, results.rows, seer, step)
    seen = {name: record(one, seer) for name, one in found.items()}
    return replace(results, perception=seen), [one.table() for one in found.values()]


def _write(results: Results, job: Evaluation, folder: Path) -> None:
    from highbeam.evaluation import write_results
    from highbeam.evaluation.pages import write_report

    write_results(results, folder)
    write_report(results, job, folder / "report.html")


def _tell(results: Results, seen: Sequence[str], folder: Path | None, *, as_json: bool) -> None:
    from highbeam.cli import terminal
    from highbeam.evaluation import document, tables

    terminal.say(document(results) if as_json else "\n\n".join([*seen, tables(results)]))
    if folder is not None:
        terminal.note(f"written: {folder}/results.json, results.csv and report.html")
