"""Boards that a guard has paused, among those that are open."""

from __future__ import annotations

import asyncio
from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # loaded when a verb runs
    from blackboard.limits import Tripped
    from blackboard.store.board_facts import BoardFacts

BOARDS_LOOKED_AT = 1000
"""Per partition, the latest ones."""

MOST_NAMED = 3


async def open_boards(bb: Blackboard) -> list[BoardFacts]:
    """The latest boards, as far as they are open."""
    boards = [board for each in bb.store().partitions for board in (await each.boards())[-BOARDS_LOOKED_AT:]]
    facts = await asyncio.gather(*(bb.store().partition(board).facts(board) for board in boards))
    return [each for each in facts if each and each.status == "open"]


async def tripped_boards(bb: Blackboard) -> list[tuple[str, Tripped]]:
    """The boards that a guard holds, each with that guard; the oldest board first."""
    paused = [each.board for each in await open_boards(bb) if each.paused]
    found = await asyncio.gather(*(bb.store().partition(board).tripped(board) for board in paused))
    return [(board, each) for board, each in zip(paused, found, strict=True) if each]


async def left_over(bb: Blackboard) -> str:
    """What somebody is told who has done all that could be done, while guards hold boards; empty when none does."""
    boards = [board for board, _ in await tripped_boards(bb)][::-1]
    if not boards:
        return ""
    more = f" and {len(boards) - MOST_NAMED} more" if len(boards) > MOST_NAMED else ""
    held = f"{', '.join(boards[:MOST_NAMED])}{more}"
    return (
        f"not all is done: a guard has paused {held}. To look why, and how to go on: "
        f"blackboard -n {bb.name} show {quote(boards[0])}"
    )
