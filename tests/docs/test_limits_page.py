"""The page on limits runs: its program as a file, its fragments in order in it, its commands beside it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

import blackboard
from tests.docs.page import blocks, run_commands, run_fragment, write

ALL = blocks("docs/limits.md")
FRAGMENTS = [block for block in ALL if block.language == "python" and block.file is None]
[SHOP] = [block for block in ALL if block.file is not None]


POSTS = """
import asyncio
from shop import Order, bb

async def main():
    async with bb:
        await bb.board("order-17").post(Order(id="a"))

asyncio.run(main())
"""
"""What the commands of the page find in the store."""


@pytest.fixture
def shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's program, where it can be imported."""
    write(SHOP, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    yield folder
    sys.modules.pop("shop", None)


@pytest.mark.usefixtures("shop")
async def test_every_fragment_runs() -> None:
    program = importlib.import_module("shop")
    names = {name: getattr(blackboard, name) for name in blackboard.__all__} | {"bb": program.bb}
    async with program.bb:
        for fragment in FRAGMENTS:
            await run_fragment(fragment, names)


@pytest.mark.timeout(300)
def test_every_command_runs(folder: Path) -> None:
    write(SHOP, folder)
    (folder / "main.py").write_text(POSTS, encoding="utf-8")
    subprocess.run([sys.executable, "main.py"], cwd=folder, check=True, timeout=60)
    for block in ALL:
        if block.language == "console":
            run_commands(block, folder)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python", "console"}
