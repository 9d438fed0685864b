"""Robot logs in ``highbeam enhance``: records, flags and exit codes are those of pictures."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from highbeam.batch import Job, Record, Status
from highbeam.cli import terminal
from highbeam.cli.clips import method_identity
from highbeam.cli.options import held, steadiness
from highbeam.cli.report import Report
from highbeam.errors import LogError, UsageError
from highbeam.logs import LogReport, LogSummary, check_output, choose_topics, enhance_log, is_log, summarise
from highbeam.methods.base import Pixels
from highbeam.methods.registry import Enhancer
from highbeam.pictures import Limits
from highbeam.planning import Existing, Item, Plan, check_items
from highbeam.sources import looking

__all__ = ["LogRecord", "Wish", "concerns_logs", "enhance_logs"]

_NAMED = 3
"""How many damaged messages a line names before it only counts."""


@dataclass(frozen=True)
class Wish:
    """What is asked of logs alone.

    Attributes:
        topics: whose pictures to enhance; the only one that has some where there are none.
        suffix: of new topics for the results; None puts them in the place of the originals.
        steady: hold the method steady over the pictures of each topic; not for logs alone.
        denoise: average them over time along motion, from 0 to 1; likewise.
        resume: go on from what an earlier run left; likewise.
    """

    topics: tuple[str, ...] = ()
    suffix: str | None = None
    steady: bool = True
    denoise: float = 0.0
    resume: bool = False


@dataclass(frozen=True)
class LogRecord(Record):
    """What became of one log.

    Attributes:
        topics: where the enhanced pictures of each topic are, by its name; empty where the log was not read.
        enhanced: pictures of all topics; of logs that were written.
        copied: other messages, which are as they were; of logs that were written.
        resumed: of the enhanced pictures, those that an earlier run made; of logs that were written.
        damages: what could not be enhanced and is as it was.
    """

    topics: dict[str, str] = field(default_factory=dict)
    enhanced: int | None = None
    copied: int | None = None
    resumed: int | None = None
    damages: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Task:
    """One log, looked at before any work: what it holds and what is chosen of it, or why it cannot be read."""

    item: Item
    summary: LogSummary | None = None
    topics: tuple[str, ...] = ()
    error: LogError | None = None

    @property
    def pictures(self) -> int:
        rows = self.summary.topics if self.summary else ()
        return sum(row.count for row in rows if row.topic in self.topics)


def concerns_logs(words: Sequence[str], wish: Wish) -> bool:
    """Whether a command is one on logs: by a source, or by an option that is for logs alone.

    Raises:
        UsageError: a source cannot be looked at.
    """
    with looking():
        return bool(wish.topics) or wish.suffix is not None or any(is_log(word) for word in words)


def enhance_logs(
    words: Sequence[str],
    output: str,
    job: Job,
    existing: Existing,
    report: Report,
    *,
    wish: Wish,
    workers: int | None,
    dry_run: bool,
) -> int:
    """Enhance the pictures of logs, one log after another; returns the exit code.

    Args:
        words: logs, or globs that find some.
        output: of one log, its result or, for a file, also a folder; of several, the folder of the results.
        job: how to enhance, and whether to replace what exists.
        existing: what to do where a result exists.
        report: told of each log.
        wish: which topics, and where their results go.
        workers: refused, as all that is for pictures in files alone.
        dry_run: look at the logs and their topics, and write nothing.

    Raises:
        UsageError: a source is no log, or an option is for pictures alone.
        TopicError: a topic is not there or has no pictures, or there are several and none was chosen.
        OutputError: a result has no place to go.
        RuntimeMissingError: the extra ``robotics`` is not installed.
    """
    _refuse_options(job, workers)
    plan = _planned(words, output, existing)
    tasks = [_looked_at(item, wish) for item in plan.items]
    for item in plan.skipped:
        report.add(_record(_Task(item), job, wish, "skipped"))
    if dry_run:
        for task in tasks:
            report.add(_failed(task, job, wish, task.error) if task.error else _record(task, job, wish, "planned"))
        return report.finish()
    return _run(tasks, job, report, wish)


def _run(tasks: Sequence[_Task], job: Job, report: Report, wish: Wish) -> int:
    records: list[LogRecord] = []
    with (
        terminal.stop_on_signals() as stop,
        terminal.progress(sum(task.pictures for task in tasks), hidden=report.quiet) as step,
    ):
        for task in tasks:
            record = _enhanced(task, job, wish, step, stop.event.is_set)
            if record is None:
                break
            report.add(record)
            records.append(record)
    for record in records if not report.quiet else ():
        if record.enhanced is not None:
            earlier = f" ({record.resumed} of them by an earlier run)" if record.resumed else ""
            terminal.note(
                f"{record.output}: {record.enhanced} pictures enhanced{earlier}, {record.copied} other messages copied"
            )
    if stop.signal:
        report.stopped(len(tasks), go_on="--resume")
        return stop.exit_code
    return report.finish()


def _refuse_options(job: Job, workers: int | None) -> None:
    given = {
        "--format": job.to_format is not None,
        "--quality": job.quality is not None,
        "--max-pixels": job.limits != Limits(),
        "--workers": workers is not None,
    }
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise UsageError(f"{', '.join(wrong)}: not for logs, whose pictures keep their form and order; leave it out")


def _planned(words: Sequence[str], output: str, existing: Existing) -> Plan:
    """Decide where each result goes, and refuse what could cost somebody something."""
    if output == "-":
        raise UsageError("-o -: a log cannot be written to standard output; give a file")
    with looking():
        logs = [log for word in words for log in _logs_of(word)]
        names_result = len(logs) == 1 and _names_result(logs[0], output)
    places = [Path(output) if names_result else Path(output, Path(os.path.abspath(log)).name) for log in logs]  # noqa: PTH100 - links keep their names
    plan = check_items([Item(log, place) for log, place in zip(logs, places, strict=True)], existing)
    for item in plan.items:
        check_output(item.source, item.output, overwrite=True)  # what exists was looked at
    return plan


def _logs_of(word: str) -> list[Path]:
    path = Path(word)
    if word and path.exists():
        if not is_log(path):
            raise UsageError(f"{word}: no robot log; give logs, and what is for them alone, in a command of their own")
        return [path]
    if not glob.has_magic(word):
        raise UsageError(f"{word or repr(word)}: no such file or folder")
    found = [Path(name) for name in sorted(glob.glob(word, recursive=True)) if is_log(name)]  # noqa: PTH207 - Path.glob takes no absolute one
    if not found:
        raise UsageError(f"{word}: no robot log found there")
    return found


def _names_result(log: Path, output: str) -> bool:
    """Whether the output of one log is its result, and not the folder for it."""
    if log.is_dir():
        return True
    return bool(Path(output).suffix) and not output.endswith(os.sep) and not Path(output).is_dir()


def _looked_at(item: Item, wish: Wish) -> _Task:
    try:
        summary = summarise(item.source)
    except LogError as error:
        return _Task(item, error=error)
    return _Task(item, summary, choose_topics(summary, wish.topics, suffix=wish.suffix))


def _enhanced(
    task: _Task, job: Job, wish: Wish, step: Callable[[], None], stopped: Callable[[], bool]
) -> LogRecord | None:
    """Enhance one log; None if the work was stopped."""
    start = time.perf_counter()
    try:
        report = _copied(task, job, wish, step, stopped)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one log must not stop the rest
        record = _failed(task, job, wish, error)
    else:
        if report.stopped:
            return None
        record = _told(_record(task, job, wish, "done"), report)
    return replace(record, seconds=round(time.perf_counter() - start, 4))


def _copied(task: _Task, job: Job, wish: Wish, step: Callable[[], None], stopped: Callable[[], bool]) -> LogReport:
    if task.error is not None:
        raise task.error
    return enhance_log(
        task.item.source,
        task.item.output,
        task.topics,
        lambda: _held(job, wish),
        suffix=wish.suffix,
        overwrite=job.overwrite,
        progress=step,
        stopped=stopped,
        summary=task.summary,
        identity=_identity(job, wish),
        resume=wish.resume,
    )


def _identity(job: Job, wish: Wish) -> str:
    if not isinstance(job.enhancer, Enhancer):
        return job.method
    return method_identity(job.enhancer, steadiness(steady=wish.steady, denoise=wish.denoise))


def _held(job: Job, wish: Wish) -> Callable[[Pixels], Pixels]:
    if isinstance(job.enhancer, Enhancer):
        return held(job.enhancer, steady=wish.steady, denoise=wish.denoise)
    return job.enhancer


def _record(task: _Task, job: Job, wish: Wish, status: Status) -> LogRecord:
    topics = {topic: topic + (wish.suffix or "") for topic in task.topics}
    return LogRecord(str(task.item.source), str(task.item.output), status, job.method, topics=topics)


def _failed(task: _Task, job: Job, wish: Wish, error: Exception) -> LogRecord:
    reason = error.reason if isinstance(error, LogError) else str(error) or "no reason given"
    return replace(_record(task, job, wish, "failed"), error=reason, error_type=type(error).__name__)


def _told(record: LogRecord, report: LogReport) -> LogRecord:
    """Say what was done; a log of which something could not be enhanced counts as failed, though it was written."""
    damages = tuple(map(str, report.damages))
    record = replace(record, enhanced=report.enhanced, copied=report.copied, resumed=report.resumed, damages=damages)
    wrong = [f"{report.broken}; {report.output} has what comes before"] if report.broken else []
    if damages:
        named = "; ".join(damages[:_NAMED]) + ("; ..." if len(damages) > _NAMED else "")
        wrong.append(f"{len(damages)} damaged, copied to {report.output} as they are: {named}")
    return replace(record, status="failed", error="; ".join(wrong), error_type="DamagedLogError") if wrong else record
