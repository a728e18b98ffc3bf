"""Boards whose undoing is stuck: a compensation has died, and what must come after it waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from blackboard.saga import STUCK

if TYPE_CHECKING:
    from blackboard.activation import Activation
    from blackboard.application import Blackboard  # loaded when a verb runs


async def stuck_boards(bb: Blackboard, dead: Sequence[Activation]) -> dict[str, Activation]:
    """The boards that are stuck, each with the first compensation that died there, found among all that is ``dead``."""
    found: dict[str, Activation] = {}
    for each in dead:
        if each.source != each.agent and each.board not in found:
            found[each.board] = each
    states = [await bb.store().partition(board).saga(board) for board in found]
    return {board: each for (board, each), state in zip(found.items(), states, strict=True) if state == STUCK}
