"""Boards that are to be forgotten, or closed since nobody uses them."""

from __future__ import annotations

import time
from datetime import timedelta

from blackboard.application import Blackboard
from blackboard.cli.options import Options
from blackboard.cli.session import AUTHOR, connected
from blackboard.closure import close_board
from blackboard.store.partition import Partition

UNUSED = "nobody used it for so long"


async def prune_boards(options: Options, idle: float | None) -> tuple[int, int]:
    """Forget boards that have expired, and close those at rest that were not used for so many days: how many of each."""
    forgotten = closed = 0
    async with connected(options) as bb:
        for partition in bb.store().partitions:
            listed = len(await partition.boards())
            living = await partition.living_boards()
            forgotten += listed - len(living)
            if idle is not None:
                closed += sum([await _close_unused(bb, partition, board, timedelta(days=idle)) for board in living])
    return forgotten, closed


async def _close_unused(bb: Blackboard, partition: Partition, board: str, idle: timedelta) -> bool:
    facts = await partition.facts(board)
    if facts is None or facts.status != "open" or not facts.settled or await partition.agenda(board):
        return False
    last = await partition.events(board, facts.seq - 1, 1)
    if not last or time.time() * 1000 - last[0].milliseconds < idle.total_seconds() * 1000:
        return False
    return await close_board(bb, board, AUTHOR, UNUSED, known=facts.seq) == "ok"
