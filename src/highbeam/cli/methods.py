"""``highbeam methods``: what there is, with options, ranges and sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from highbeam.methods.base import MethodSpec

__all__ = ["describe", "methods"]

_PIPED_WIDTH = 200
"""Columns of a table that no terminal bounds: wide enough that each option keeps to one line."""

_Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Show this one only.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output.")]


def methods(name: _Name = None, as_json: _Json = False) -> None:
    """List the methods with their options, defaults, ranges and sources."""
    from highbeam.cli import terminal
    from highbeam.methods.registry import METHODS, find

    specs = list(METHODS.values()) if name is None else [find(name)]
    described = [describe(spec) for spec in specs]
    if as_json:
        terminal.say(json.dumps(described if name is None else described[0], indent=2))
    else:
        terminal.say(_render(described))


def describe(spec: MethodSpec) -> dict[str, Any]:
    """Return a method as plain data.

    Returns:
        ``name``, ``summary``, ``source``, ``default`` (whether it is the default method) and ``options``, a list of
        ``name``, ``default``, ``range`` (text), ``description`` (which ends with the unit) and ``schema`` (the
        option's JSON Schema).
    """
    from pydantic import TypeAdapter

    from highbeam.methods.registry import DEFAULT_METHOD

    options = TypeAdapter(spec.options).json_schema()["properties"]
    return {
        "name": spec.name,
        "summary": spec.summary,
        "source": spec.source,
        "default": spec.name == DEFAULT_METHOD,
        "options": [_describe_option(name, schema) for name, schema in options.items()],
    }


def _describe_option(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "default": schema.get("default"),
        "range": _range(schema),
        "description": schema.get("description", ""),
        "schema": {key: value for key, value in schema.items() if key not in {"title", "default", "description"}},
    }


def _range(schema: dict[str, Any]) -> str:
    """Say in words what a JSON Schema allows."""
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_range(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        count = "any number" if most is None else f"{least} to {most}"
        return f"{count} of {_range(schema['items'])}"
    if schema.get("type") in {"boolean", "null"}:
        return {"boolean": "true, false", "null": "none"}[schema["type"]]
    low, high = _bound(schema, "minimum", "above"), _bound(schema, "maximum", "below")
    if low and high:
        return f"{low} to {high}"
    return _alone(low, "or more") or _alone(high, "or less") or str(schema.get("type", ""))


def _alone(bound: str, end: str) -> str:
    """Say what a bound without another means."""
    return f"{bound} {end}" if bound and bound[0] not in "ab" else bound


def _bound(schema: dict[str, Any], key: str, word: str) -> str:
    """Return a bound that counts as the number alone, one that does not with a word before it."""
    exclusive = f"exclusive{key.capitalize()}"
    if key in schema:
        return f"{schema[key]:g}"
    return f"{word} {schema[exclusive]:g}" if exclusive in schema else ""


def _render(described: list[dict[str, Any]]) -> str:
    """Lay the methods out for the terminal, or for whatever standard output is."""
    import io
    import sys

    from rich.console import Console

    terminal = sys.stdout.isatty()
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=None if terminal else _PIPED_WIDTH)
    for method in described:
        for part in _section(method):
            console.print(part)
    return "\n".join(line.rstrip() for line in page.getvalue().rstrip().splitlines())


def _section(method: dict[str, Any]) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    mark = " (default)" if method["default"] else ""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("option", "default", "range", "meaning"):
        table.add_column(column)
    for option in method["options"]:
        table.add_row(option["name"], _words(option["default"]), option["range"], Text(option["description"]))
    return [
        Text.assemble((method["name"], "bold"), f"{mark}  {method['summary']}"),
        Padding(Text(method["source"], style="dim"), (0, 0, 0, 2)),
        Padding(table, (0, 0, 1, 2)),
    ]


def _words(default: object) -> str:
    """Write a default as ``--set`` takes it."""
    if default is None:
        return "none"
    if isinstance(default, list | tuple):
        return ",".join(_words(value) for value in default)
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
