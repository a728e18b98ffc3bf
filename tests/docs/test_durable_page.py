"""The page on work that lasts runs from its first block to its last, as one program."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

import blackboard
from blackboard import Blackboard
from blackboard.cli.overview import VERBS
from tests.docs.page import ROOT, blocks, run_fragment

PAGE = "docs/durable.md"


async def test_every_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLACKBOARD_URL", f"memory://{uuid4().hex}")
    names: dict[str, Any] = {"__name__": "page"}
    beginning, *others = blocks(PAGE)
    await run_fragment(beginning, names)
    bb: Blackboard = names["bb"]
    async with bb:
        for block in others:
            await run_fragment(block, names)


def test_every_block_is_one_that_runs() -> None:
    assert {block.language for block in blocks(PAGE)} == {"python"}


def test_every_verb_and_error_that_it_names_is_there() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert set(re.findall(r"`blackboard ([a-z]+)", text)) <= set(VERBS)
    assert {"StepMismatch", "ApprovalExpired", "AlreadyAnswered", "VersionConflict"} <= set(blackboard.__all__)
