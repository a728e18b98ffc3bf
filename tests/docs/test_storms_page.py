"""The page on storms runs: its program, its fragments on one board, its commands."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import blackboard
from tests.docs.page import blocks, run_commands, run_fragment, write

ALL = blocks("docs/storms.md")
[TENNIS] = [block for block in ALL if block.file is not None]
FRAGMENTS = [block for block in ALL if block.language == "python" and block.file is None]


@pytest.fixture
def tennis(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page's program."""
    write(TENNIS, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    yield importlib.import_module("tennis")
    del sys.modules["tennis"]


async def test_the_fragments_run_one_after_another(tennis: Any) -> None:
    names = {name: getattr(blackboard, name) for name in blackboard.__all__}
    names |= {"asyncio": asyncio} | vars(tennis)
    async with tennis.bb:
        for fragment in FRAGMENTS:
            await run_fragment(fragment, names)
    assert len(FRAGMENTS) == 3


def test_the_commands_run(folder: Path) -> None:
    write(TENNIS, folder)
    for block in ALL:
        if block.language == "console":
            run_commands(block, folder)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python", "console"}
