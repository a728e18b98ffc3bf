"""Questions that wait for people, on all boards of a namespace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from blackboard.cli.checks.finding import Finding
from blackboard.clock import SystemClock
from blackboard.facts.words import lasting

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs

BOARDS_ASKED = 1000
"""Per partition, those that have waited longest; the oldest question is among theirs."""


async def questions(bb: Blackboard) -> Finding:
    """How many questions wait for an answer, and for how long the oldest has."""
    found = [await partition.asked() for partition in bb.store().partitions]
    boards = [board for each in found for board in each[:BOARDS_ASKED]]
    asked = [each for on in await asyncio.gather(*(bb.board(board).approvals() for board in boards)) for each in on]
    if not asked:
        return Finding("approvals", "ok", f"{bb.name}: nobody is asked anything")
    least = "at least " if any(len(each) > BOARDS_ASKED for each in found) else ""
    oldest = (SystemClock().now() - min(each.asked for each in asked)) / 1000
    finding = f"{bb.name}: questions that wait for an answer: {least}{len(asked)}, the oldest for {lasting(oldest)}"
    return Finding("approvals", "warn", finding, f"They are listed by: blackboard -n {bb.name} approvals")
