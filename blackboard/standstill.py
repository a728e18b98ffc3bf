"""Standstills: what a board is doing instead, for who waited in vain."""

from __future__ import annotations

from shlex import quote

from blackboard.activation import ActivationState
from blackboard.limits import Tripped
from blackboard.saga import STUCK
from blackboard.store.board_facts import BoardFacts
from blackboard.store.partition import Partition

SHOWN = 5
"""So many open activations are named."""


async def why_not(partition: Partition, board: str) -> str:
    """What the board is doing instead of what was waited for."""
    facts = await partition.facts(board)
    if facts is None:
        return "the board does not exist: nothing was posted on it"
    dead = len(await partition.dead(board))
    kept = f"; {dead} {'activation is' if dead == 1 else 'activations are'} dead" if dead else ""
    if await partition.saga(board) == STUCK:
        kept += f"; its undoing is stuck: `blackboard show {quote(board)}` says at what, and how it goes on"
    agenda = await partition.agenda(board)
    if not agenda and facts.behind and not facts.settled:
        return f"entries of the board wait to be brought forward: `blackboard show {quote(board)}` says which, and why{kept}"
    if not agenda:
        return f"the board is {facts.status} and quiescent after {facts.seq} events{kept}"
    shown = ", ".join(f"{each.name} ({each.state.value})" for each in agenda[:SHOWN])
    more = f" and {len(agenda) - SHOWN} more" if len(agenda) > SHOWN else ""
    tripped = await partition.tripped(board) if facts.paused else None
    held = _why_held(board, facts, tripped) if any(each.state is ActivationState.HELD for each in agenda) else ""
    return f"the board has {facts.seq} events and these open activations: {shown}{more}{kept}{held}"


def _why_held(board: str, facts: BoardFacts, tripped: Tripped | None) -> str:
    """What held activations wait for."""
    if tripped is not None:
        ways = f"{tripped.remedy}, or `{tripped.on_command_line(board)}`"
        return f"; a guard has paused the board: {tripped}. To let it go on: {ways}"
    if facts.paused:
        return "; the board is paused, and `blackboard tail` says by whom and why"
    if facts.behind and facts.mode != "orchestration":
        return "; what is held waits for entries of another schema version: `blackboard show` says which"
    return "; what is held waits for its controller: `blackboard agenda` says whether one is alive"
