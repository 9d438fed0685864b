"""The part of the report that says what a perception network sees on every version of the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from highbeam.evaluation.plots import escape
from highbeam.evaluation.report_tables import facts, name_of

__all__ = ["perceived"]


def perceived(found: Mapping[str, Mapping[str, Any]], styles: Mapping[str, int]) -> str:
    """Return a section with a table and the verdicts for each set; empty where no network was asked.

    Args:
        found: by set, as :meth:`highbeam.evaluation.perception.Perception.plain` gives it.
        styles: colour and shape of each subject.
    """
    if not found:
        return ""
    parts = "".join(_set(name, one, styles) for name, one in found.items())
    return f'<section id="perception"><h2>What a network sees</h2>{parts}</section>'


def _set(name: str, one: Mapping[str, Any], styles: Mapping[str, int]) -> str:
    figures = list(next(iter(one["figures"].values())))
    head = "".join(f'<th scope="col" class="n">{escape(figure)}</th>' for figure in figures)
    lines = "".join(
        f'<tr><th scope="row">{name_of(subject, styles)}</th>'
        + "".join(f'<td class="n">{_span(one["figures"][subject][figure])}</td>' for figure in figures)
        + "</tr>"
        for subject in one["subjects"]
    )
    told = (
        f"{escape(one['network'])}: {escape(one['task'])} on {len(one['keys'])} pictures, held against"
        f" {escape(one['truth'])}. Differences are against the dark input, on the same pictures."
    )
    verdicts = "".join(f"<li>{_verdict(row)}</li>" for row in one["verdicts"])
    notes = "".join(f"<li>{escape(note)}</li>" for note in one["notes"])
    return (
        f'<h3>{escape(name)}</h3><p class="note">{told}</p><div class="scroll"><table class="summary"><thead><tr>'
        f'<th scope="col">Subject</th>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
        f"<ul>{verdicts}{notes}</ul>{_protocol(name, one)}"
    )


def _protocol(name: str, one: Mapping[str, Any]) -> str:
    """Return every switch; records of earlier versions have none."""
    switches = one.get("protocol", {})
    return f"<h4>How it was asked</h4>{facts(switches, f'Perception protocol on {name}')}" if switches else ""


def _verdict(row: Mapping[str, Any]) -> str:
    worse = row["worse_classes"]
    told = f"<strong>{escape(row['subject'])} {escape(row['word'])}</strong>: {escape(row['figure'])}"
    told += f" {_span(row['difference'], sign='+')}"
    return told + (f"; worse for {escape(', '.join(worse))}" if worse else "")


def _span(found: Mapping[str, float | None], sign: str = "") -> str:
    mean, low, high = (found[name] for name in ("mean", "low", "high"))
    if mean is None:
        return "-"
    ends = "" if low is None or high is None else f" <small>[{low:{sign}.3f}, {high:{sign}.3f}]</small>"
    return f"{mean:{sign}.3f}{ends}"
