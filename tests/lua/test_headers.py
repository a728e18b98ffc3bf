"""Every command says what it takes and gives, and has a stub that says the same."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from blackboard.store import scripts
from blackboard.store.partition import Partition

COMMANDS = scripts.command_names()
STUBS = {"read": "entries", "renew": "renewal"}
"""Commands whose stub has another name."""


def source(name: str) -> str:
    return (scripts.LUA / "commands" / f"{name}.lua").read_text(encoding="utf-8")


def header(name: str) -> str:
    return "\n".join(re.findall(r"^--(?!-) ?(.*)$", source(name).split("--- @include", 1)[0], re.MULTILINE))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_header(name: str) -> None:
    text = header(name)
    assert text.split("\n", 1)[0].strip(), "the header starts with what the command does"
    for word in ("KEYS", "ARGV", "returns", "repeat"):
        assert re.search(rf"^{word}\s+\S", text, re.MULTILINE), f"{name}.lua has no line `{word}`"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_stub(name: str) -> None:
    stub = getattr(Partition, STUBS.get(name, name), None)
    assert stub is not None, f"Partition has no method for {name}.lua"
    if name not in STUBS:
        assert f'"{name}"' in inspect.getsource(stub), f"Partition.{name} does not run {name}.lua"


def test_every_stub_runs_a_command_that_exists() -> None:
    stubs = "".join(inspect.getsource(each) for each in Partition.__mro__ if each is not object)
    named = set(re.findall(r'_run\("(\w+)"', stubs))
    assert named == set(COMMANDS) - {"renew"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_keys_of_the_header_are_those_of_the_stub(name: str) -> None:
    """`partition keys` alone, or the keys of boards behind them, as the stub passes them."""
    (keys,) = re.findall(r"^KEYS\s+(.*)$", header(name), re.MULTILINE)
    code = inspect.getsource(getattr(Partition, STUBS.get(name, name)))
    assert keys.startswith("partition keys")
    found = re.search(r'_run\("\w+", ([^,]*),', code)
    passes_boards = found is not None and found[1] != "[]"
    assert ("board" in keys) == passes_boards


@pytest.mark.parametrize("path", sorted((scripts.LUA / "lib").glob("*.lua")), ids=lambda path: path.stem)
def test_a_part_says_what_it_is_for(path: Path) -> None:
    assert re.match(r"-- \S", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_short(name: str) -> None:
    assert len(source(name).splitlines()) <= 80
