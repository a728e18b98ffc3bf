"""The page on control runs: its files as files, its fragments on a new board each, and every strategy decides a claim."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import blackboard
from blackboard import Blackboard, control
from tests.docs.page import Block, blocks, run_commands, run_fragment, write

PAGE = "docs/control.md"

ALL = blocks(PAGE)
FRAGMENTS = [block for block in ALL if block.language == "python" and block.file is None]
FILES = [block for block in ALL if block.file is not None]

[CLAIMS] = [block for block in blocks("README.md") if block.file == "claims.py"]
"""The program that the page builds on."""

STRATEGIES = {"Strategies", "Composing", "Your own"}
"""The sections of which each fragment hands the board to a strategy, and no more."""


BEHIND = {"Strategy", "Step", "Then", "Until"}
"""Strategies that nobody writes by this name: the contract, and what `Sequential`, `then` and `until` are made of."""


@pytest.fixture
def programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files and the README's program, where they can be imported."""
    for block in (CLAIMS, *FILES):
        write(block, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").exists():
            del sys.modules[name]


def public(module: Any) -> dict[str, Any]:
    """The names that a program has after `from module import *`."""
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    return {name: getattr(module, name) for name in names}


def names_for(fragment: Block) -> dict[str, Any]:
    """What a fragment finds: the library, the README's program, and the files under its own heading."""
    own = [f"{Path(block.file or '').stem}" for block in FILES if block.heading == fragment.heading]
    modules = [blackboard, control, *map(importlib.import_module, ["claims", *own])]
    return {name: value for module in modules for name, value in public(module).items()}


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=str)
async def test_every_fragment_runs(fragment: Block, programs: Path) -> None:
    names = names_for(fragment)
    bb: Blackboard = names["bb"]
    async with bb:
        board = names["board"] = bb.board("claim-42")
        await run_fragment(fragment, names)
        if fragment.section in STRATEGIES:
            async with bb.workers(), bb.controller():
                await board.post(names["Claim"](amount=250, text="a broken window"))
                await board.wait_for(names["Decision"], timeout=20)


@pytest.mark.timeout(300)
def test_every_command_runs(folder: Path) -> None:
    write(CLAIMS, folder)
    for block in ALL:
        if block.language == "console":
            run_commands(block, folder)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python", "console"}
    assert {block.section for block in FRAGMENTS} >= STRATEGIES


def test_every_strategy_has_its_example() -> None:
    shown = "".join(block.text for block in FRAGMENTS)
    strategies = [name for name in control.__all__ if isinstance(getattr(control, name), type)]
    missing = [
        name
        for name in strategies
        if issubclass(getattr(control, name), control.Strategy) and f"{name}(" not in shown and name not in BEHIND
    ]
    assert not missing
