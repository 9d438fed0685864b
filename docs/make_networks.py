"""Write what can be counted or measured into docs/networks.md, between its markers.

``python docs/make_networks.py`` writes the drawings and the table of sizes, which follow from the code, and with
``--times times.json`` the table of times, as ``python -m benchmarks.networks --json times.json`` measured them.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from highbeam.nets import DEFAULT_NETWORK, NETWORKS, anatomy, build, describe

PAGE = Path(__file__).resolve().parent / "networks.md"
DRAWN = (DEFAULT_NETWORK, "can24")


def counted() -> dict[str, str]:
    """Return the regions that follow from the code: the drawings and the table of sizes."""
    drawings = {f"drawing {name}": f"```mermaid\n{describe(build(name))}```" for name in DRAWN}
    return drawings | {"sizes": sizes()}


def sizes() -> str:
    """Return a table of all networks: parameters, multiply-adds at 1280x720, stride and reach."""
    lines = [
        "| network | what it is for | parameters | multiply-adds at 1280x720 | stride, pixels | reach, pixels |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in NETWORKS.items():
        found = anatomy(build(name), 720, 1280)
        default = " (default)" if name == DEFAULT_NETWORK else ""
        lines.append(
            f"| `{name}`{default} | {row.summary} | {found.parameters:,} | {found.macs / 1e9:.2f} G |"
            f" {row.stride} | {row.reach} |"
        )
    return "\n".join(lines)


def times(measured: Mapping[str, Any]) -> str:
    """Return a table of times, each a ratio to the reference's in the same run."""
    rows = measured["rows"]
    runtimes = list(dict.fromkeys(row["runtime"] for row in rows))
    lines = [
        f"| network | {' | '.join(runtimes)} | peak MiB with {runtimes[0]} |",
        "|---" * (len(runtimes) + 2) + "|",
    ]
    for network in dict.fromkeys(row["network"] for row in rows):
        mine = {row["runtime"]: row for row in rows if row["network"] == network}
        cells = [f"{mine[runtime]['ratio']:.1f} ({mine[runtime]['ms']:.0f} ms)" for runtime in runtimes]
        lines.append(f"| `{network}` | {' | '.join(cells)} | {mine[runtimes[0]]['mib']:.0f} |")
    height, width = measured["size"]
    reference = f"{measured['reference']}: {measured['reference_ms']:.1f} ms."
    return "\n".join((f"{width}x{height}, {measured['threads']} threads; {reference}", "", *lines))


def filled(page: str, regions: Mapping[str, str]) -> str:
    """Return a page with regions replaced, each between ``<!-- NAME -->`` and ``<!-- end -->``.

    Raises:
        ValueError: the page has no such region.
    """
    for name, text in regions.items():
        pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no region {name!r}")
        page = pattern.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page, count=1)
    return page


def main() -> None:
    """Read the command line and rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=Path, metavar="FILE")
    options = parser.parse_args()
    regions = counted()
    if options.times:
        regions["times"] = times(json.loads(options.times.read_text(encoding="utf-8")))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), regions), encoding="utf-8")


if __name__ == "__main__":
    main()
