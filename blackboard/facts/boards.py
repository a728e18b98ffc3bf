"""Boards as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blackboard.activation import ActivationState
from blackboard.clock import to_datetime

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # for checkers
    from blackboard.store.board_facts import BoardFacts
    from blackboard.store.survey import BoardSummary


def board_row(found: BoardSummary) -> dict[str, Any]:
    """A board in numbers, as a row."""
    return {
        "board": found.board,
        "status": found.facts.status,
        "events": found.facts.seq,
        "entries": found.facts.entries,
        "open": found.open,
        "running": found.running,
        "dead": found.dead,
        "mode": found.facts.mode,
        "paused": found.facts.paused,
        "created": to_datetime(found.created),
    }


async def held(bb: Blackboard, facts: BoardFacts) -> int:
    """How many activations are held: none unless the board is orchestrated, paused or behind, which is not looked at further."""
    if facts.mode == "choreography" and not facts.paused and not facts.behind:
        return 0
    agenda = await bb.store().partition(facts.board).agenda(facts.board)
    return sum(each.state is ActivationState.HELD for each in agenda)
