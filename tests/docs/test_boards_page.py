"""The page on the life of a board runs: its program as a file, its fragments on a new board each."""

from __future__ import annotations

import asyncio
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from blackboard import Board
from blackboard.cli import cli
from tests.docs.page import Block, blocks, run_fragment, write

PAGE = "docs/boards.md"

ALL = blocks(PAGE)
FRAGMENTS = [block for block in ALL if block.language == "python" and block.file is None]
[PROGRAM] = [block for block in ALL if block.file is not None]


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page's program, imported in a folder of its own."""
    write(PROGRAM, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    yield importlib.import_module("shop")
    del sys.modules["shop"]


async def cut_short(board: Board) -> None:
    """An agent acts for ever, and its worker is told to end at once; nobody can be asked what became of it."""
    acting = asyncio.Event()
    shop = sys.modules["shop"]

    async def charge(*_: Any, **__: Any) -> str:
        acting.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def find(_: str) -> None:
        raise ConnectionError("the provider does not answer")

    shop.provider.charge, shop.provider.find = charge, find
    worker = shop.bb.workers()
    await worker.__aenter__()
    await asyncio.wait_for(acting.wait(), 10)
    worker.abort()
    await worker.__aexit__(None, None, None)
    async with shop.bb.workers():
        await board.settled(timeout=10)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=str)
async def test_every_fragment_runs(fragment: Block, shop: Any) -> None:
    names = {name: getattr(shop, name) for name in dir(shop) if not name.startswith("_")} | {"cut_short": cut_short}
    async with shop.bb:
        await run_fragment(fragment, names | {"board": shop.bb.board("order-1")})


def test_every_command_is_understood() -> None:
    commands = [line for block in ALL if not block.language for line in block.text.splitlines()]
    assert commands
    for line in commands:
        verb = re.match(r"blackboard (\w+) ", line)
        assert verb is not None
        assert CliRunner().invoke(cli, [verb[1], "--help"]).exit_code == 0


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python", ""}
