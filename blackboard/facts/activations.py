"""Activations as rows: what is open on a board, and what died there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from blackboard.activation import Activation
from blackboard.clock import to_datetime
from blackboard.control.view import in_rank_order
from blackboard.facts.waiting import Surroundings, surroundings, waits_for

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # for checkers
    from blackboard.store.board_facts import BoardFacts


async def open_rows(
    bb: Blackboard, facts: BoardFacts, agenda: Sequence[Activation] | None = None
) -> list[dict[str, Any]]:
    """What is open on a board, in the order of its agenda, as rows; or so much of its ``agenda`` as the caller has read."""
    found = await bb.store().partition(facts.board).agenda(facts.board) if agenda is None else agenda
    around = await surroundings(bb, facts, found)
    return [_row(each, around) | {"rank": rank} for rank, each in enumerate(in_rank_order(found), 1)]


async def dead_rows(
    bb: Blackboard, facts: BoardFacts, dead: Sequence[Activation] | None = None
) -> list[dict[str, Any]]:
    """What died on a board, as rows; or so much of it as the caller has read."""
    found = await bb.store().partition(facts.board).dead(facts.board) if dead is None else dead
    around = await surroundings(bb, facts, ())
    return [_row(each, around) for each in found]


def _row(found: Activation, around: Surroundings) -> dict[str, Any]:
    """An activation as a row."""
    row = {
        "rank": None,
        "activation": found.name,
        "state": found.state.value,
        "waits_for": waits_for(found, around),
        "priority": found.priority,
        "rating": found.rating,
        "age": max(0.0, (around.now - found.since) / 1000),
        "addresses": list(found.addresses),
        "attempts": found.attempts,
        "crashes": found.crashes,
        "since": to_datetime(found.since) if found.since else None,
        "due": found.due_at,
        "owner": found.owner,
        "problem": found.problem,
    }
    if found.died_at is not None:
        row["died"] = found.died_at
    if found.kept:
        row["steps"] = found.kept
    if progress := around.progress.get(found.name):
        row |= {"progress": str(progress), "fraction": progress.fraction}
    return row | ({"handed_over_by_event": found.handed, "note": found.note} if found.handed else {})
