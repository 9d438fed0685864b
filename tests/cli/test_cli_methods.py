"""``highbeam methods``: every method with its options, for people and for machines."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from highbeam.cli.methods import _words, describe
from highbeam.methods import DEFAULT_METHOD, METHODS, MethodSpec, find
from highbeam.methods.base import Pixels
from tests.cli.conftest import Command


def test_every_method_is_listed_with_its_options(command: Command) -> None:
    ended = command("methods")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    for name, spec in METHODS.items():
        mark = " (default)" if name == DEFAULT_METHOD else ""
        assert f"{name}{mark}  {spec.summary}" in lines
        assert f"  {spec.source}" in lines
        for option in fields(spec.options):
            assert any(line.startswith(f"  {option.name} ") for line in lines)


def test_a_listing_reads_well_when_piped(command: Command) -> None:
    out = command("methods").out
    assert out.isascii() or all(character.isprintable() or character == "\n" for character in out)
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert not out.endswith("\n\n")


def test_one_method(command: Command) -> None:
    out = command("methods", "clahe").out.splitlines()
    assert out[0].startswith("clahe")
    assert out[2].split() == ["option", "default", "range", "meaning"]
    assert out[3].split()[:5] == ["clip_limit", "2", "1", "to", "100"]
    assert out[3].endswith("multiples of the mean bin")
    assert out[5].split()[:2] == ["space", "lab"]
    assert len(out) == 6


def test_an_unknown_method(command: Command) -> None:
    ended = command("methods", "retinex")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: no method 'retinex'")


def test_json(command: Command) -> None:
    every = json.loads(command("methods", "--json").out)
    assert [method["name"] for method in every] == list(METHODS)
    assert [method["name"] for method in every if method["default"]] == [DEFAULT_METHOD]
    one = json.loads(command("methods", "clahe", "--json").out)
    assert one in every
    assert one["options"][1] == {
        "name": "tiles",
        "default": 8,
        "range": "1 to 64",
        "description": "tiles along each side",
        "schema": {"type": "integer", "minimum": 1, "maximum": 64},
    }


@pytest.mark.parametrize("name", METHODS)
def test_the_defaults_can_be_given_back(name: str, command: Command) -> None:
    """What the list shows as a default is what ``--set`` takes."""
    from highbeam.cli.options import enhancer_of

    spec = find(name)
    shown = {line.split()[0]: line.split()[1] for line in command("methods", name).out.splitlines()[3:]}
    words = [f"{option.name}={shown[option.name]}" for option in fields(spec.options)]
    assert enhancer_of(name, words, strength=1.0, protect_highlights=True).options == spec.options()


@dataclass(frozen=True)
class Odd:
    """Options of kinds that no method has yet."""

    on: Annotated[bool, Field(description="whether")] = True
    low: Annotated[float, Field(ge=2)] = 3.0
    high: Annotated[float, Field(lt=9)] = 3.0
    free: Annotated[str, Field(description="any text")] = "x"
    maybe: Annotated[int, Field(ge=1, le=4)] | None = None
    kind: Literal["a", "b"] = "a"
    many: tuple[Annotated[int, Field(ge=0, le=9)], ...] = (1, 2)


def same(pixels: Pixels, _options: Odd) -> Pixels:
    return pixels


def test_options_of_every_kind() -> None:
    described = describe(MethodSpec("odd", "odd", "none", Odd, same))
    ranges = {option["name"]: option["range"] for option in described["options"]}
    assert ranges == {
        "on": "true, false",
        "low": "2 or more",
        "high": "below 9",
        "free": "string",
        "maybe": "1 to 4 or none",
        "kind": "a, b",
        "many": "any number of 0 to 9",
    }
    assert described["options"][-1]["default"] in ([1, 2], (1, 2))


def test_defaults_are_written_as_they_are_read() -> None:
    values = (None, True, 2.0, 0.125, 3, "lab", (15.0, 80.5))
    assert [_words(value) for value in values] == ["none", "true", "2", "0.125", "3", "lab", "15,80.5"]
