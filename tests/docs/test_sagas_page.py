"""The page on sagas runs: its program as a file, its fragments on a new board each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import blackboard
from blackboard import Blackboard
from tests.docs.page import Block, blocks, run_fragment, write

PAGE = "docs/sagas.md"

ALL = blocks(PAGE)
FRAGMENTS = [block for block in ALL if block.file is None]
[PROGRAM] = [block for block in ALL if block.file is not None]


@pytest.fixture
def program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page's program, imported."""
    write(PROGRAM, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    yield importlib.import_module("orders")
    del sys.modules["orders"]


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=str)
async def test_every_fragment_runs(fragment: Block, program: Any) -> None:
    names = {name: getattr(blackboard, name) for name in blackboard.__all__} | vars(program)
    bb: Blackboard = names["bb"]
    async with bb:
        names["board"] = bb.board("order-1")
        await run_fragment(fragment, names)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python"}
    assert len(FRAGMENTS) == 3
