"""The page on change of shape runs: two releases as files, its fragments on a store of their own, its commands in a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.docs.page import Block, blocks, run_commands, run_fragment, write

ALL = blocks("docs/schema.md")
FILES = [block for block in ALL if block.file is not None]
FRAGMENTS = [block for block in ALL if block.language == "python" and block.file is None]


@pytest.fixture
def releases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files, where they can be imported."""
    for block in FILES:
        write(block, folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    yield folder
    for block in FILES:
        sys.modules.pop(Path(block.file or "").stem, None)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=str)
@pytest.mark.usefixtures("releases")
async def test_every_fragment_runs(fragment: Block) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    await run_fragment(fragment, names)


@pytest.mark.timeout(120)
def test_every_command_runs(folder: Path) -> None:
    for block in FILES:
        write(block, folder)
    for block in ALL:
        if block.language == "console":
            run_commands(block, folder)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in ALL} == {"python", "console"}
    assert (len(FILES), len(FRAGMENTS)) == (2, 2)
