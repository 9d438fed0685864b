"""Measure everything of ours on the paired benchmark, on LOL-v1 and on real nights, and write it into docs/results.md.

    python docs/make_results.py --dark-drive ROOT --lol ROOT --night FOLDER --work FOLDER [--stored]

What is measured is kept in ``--work`` and not measured again as long as the code is the same; ``--stored`` measures
nothing and takes what is kept there. The page is written between its markers, with the date, the commands, and every
row, the losing ones included.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from highbeam.evaluation import Interval, Results, SetInfo, read_results
from highbeam.evaluation.likeness import alike, cases_of
from highbeam.evaluation.report_words import Figure, figure_of
from highbeam.methods import METHODS

PAGE = Path(__file__).resolve().parent / "results.md"
DIGITS = {"dB": 2, "places": 0, "degrees": 1}
"""Decimals by unit; 3 for all others."""


def measure(name: str, words: Sequence[str], work: Path, *, stored: bool) -> tuple[str, Results]:
    """Run one evaluation, go on with it, or take it as it is stored.

    Returns:
        The command as a reader would type it, and the results.
    """
    folder = work / name
    if not stored:
        run(name, words, folder)
    shown = [re.sub(r"^([a-z0-9_-]+:).*", r"\1ROOT", word) if ":" in word else word for word in words]
    told = ["highbeam", "eval", *(word if not word.startswith(("/", ".")) else "NIGHT" for word in shown)]
    return " ".join([*map(shlex.quote, told), "--methods", ",".join(METHODS)]), read_results(folder / "results.json")


def run(name: str, words: Sequence[str], folder: Path) -> None:
    """Run one evaluation, or go on with it."""
    command = ["eval", *words, "--methods", ",".join(METHODS), "-o", str(folder), "--resume"]
    done = subprocess.run([sys.executable, "-m", "highbeam", *command, "-q"], check=False, stdout=subprocess.DEVNULL)  # noqa: S603 - what this file says
    if done.returncode:
        raise SystemExit(f"{name}: ended with {done.returncode}")


def section(command: str, results: Results) -> str:
    """Lay out a table per set and subset, the best of each column in bold where it is of the same pictures."""
    parts = [f"```sh\n{command}\n```", f"{results.machine['date'][:10]}, highbeam {results.machine['highbeam']}."]
    for found in results.sets:
        subsets = list(dict.fromkeys(name for rows in results.means[found.name].values() for name in rows))
        parts.extend(subset_part(results, found, subset) for subset in subsets)
    if results.warnings:
        parts.append("\n".join(f"- {warning}" for warning in results.warnings))
    return "\n\n".join(parts)


def subset_part(results: Results, found: SetInfo, subset: str) -> str:
    """Return the table of a subset; of a strict one that leaves nothing out, one line."""
    kept = cases_of(results, found, subset)
    title = f"**{found.name}{'' if subset == 'all' else f', {subset} subset'}**"
    if subset == "strict" and kept == cases_of(results, found, "all"):
        return f"{title}: the same {len(kept)} pictures, since nothing measured here was trained on their scenes."
    return f"{title}: {len(kept)} pictures, SHA-256 `{found.sha256[:16]}`.\n\n{table(results, found, subset)}"


def table(results: Results, found: SetInfo, subset: str) -> str:
    """Return one table; the means, their 95 % intervals in brackets, and of how many pictures where not of all."""
    rows = {name: kept[subset] for name, kept in results.means[found.name].items()}
    total = len(cases_of(results, found, subset))
    figures = [figure_of(name) for name in dict.fromkeys(name for kept in rows.values() for name in kept)]
    ratios = {subject.name: subject.ratio for subject in results.subjects}
    head = ["", *(f"{figure.name} {figure.arrow}".rstrip() for figure in figures), "time, times CLAHE"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    best = {
        figure.name: best_of(figure, [kept[figure.name].mean for kept in rows.values()])
        if alike(results, found, subset, figure.name)
        else math.nan
        for figure in figures
    }
    for subject, kept in rows.items():
        cells = [cell(kept[figure.name], best[figure.name], DIGITS.get(figure.unit, 3), total) for figure in figures]
        ratio = ratios.get(subject)
        lines.append(f"| `{subject}` | {' | '.join(cells)} | {'-' if ratio is None else f'{ratio:.1f}'} |")
    return "\n".join(lines)


def best_of(figure: Figure, means: Sequence[float]) -> float:
    """Return the best of a column; NaN where none is better."""
    defined = [mean for mean in means if not math.isnan(mean)]
    return max(defined, key=figure.merit) if defined and figure.better is not None else math.nan


def cell(mean: Interval, best: float, digits: int, total: int) -> str:
    """Return a mean with its interval, its median where it is infinite, and of how many pictures where not of all."""
    if math.isnan(mean.mean):
        return "-"
    told = f"{mean.mean:.{digits}f}"
    told = f"**{told}**" if told == f"{best:.{digits}f}" else told
    told += f" (median {mean.median:.{digits}f})" if math.isinf(mean.mean) else ""
    told += "" if math.isnan(mean.low) else f" [{mean.low:.{digits}f}, {mean.high:.{digits}f}]"
    return told if mean.count == total else f"{told} of {mean.count}"


def write(page: str, name: str, text: str) -> str:
    """Put text between the markers of a name."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
    if not re.search(pattern, page, re.DOTALL):
        raise SystemExit(f"{PAGE}: no markers of {name!r}")
    return re.sub(pattern, lambda match: f"{match[1]}{text}\n{match[2]}", page, flags=re.DOTALL)


def main() -> None:
    """Measure what was named, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dark-drive", type=Path)
    parser.add_argument("--lol", type=Path)
    parser.add_argument("--night", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--stored", action="store_true", help="measure nothing, and take what is kept in --work")
    words = parser.parse_args()
    wanted = {
        "dark_drive": [f"dark_drive:{words.dark_drive}", "--rescaled", "--strict"] if words.dark_drive else None,
        "lol": [f"lol-v1:{words.lol}", "--rescaled", "--strict"] if words.lol else None,
        "night": [str(words.night)] if words.night else None,
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, asked in wanted.items():
        if asked is not None:
            page = write(page, name, section(*measure(name, asked, words.work, stored=words.stored)))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
