"""How a board is steered, as a row."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from blackboard.activation import ActivationState
from blackboard.control.notation import to_data
from blackboard.event import Event, EventType
from blackboard.facts.workers import controllers, known_workers

if TYPE_CHECKING:
    from blackboard.application import Blackboard  # for checkers
    from blackboard.board import Board
    from blackboard.control.strategy import Strategy
    from blackboard.mode import Mode
    from blackboard.store.board_facts import BoardFacts

NAME_THE_APP = "Here, name the application that defines it with --app."

PAGE, PAGES = 500, 10
"""How far back the latest act of control is looked for."""


async def mode_row(bb: Blackboard, board: Board) -> dict[str, Any]:
    """How a board is steered, as a row, without what only its log knows."""
    found = await board.mode()
    return {
        "board": board.id,
        "mode": found.mode,
        "epoch": found.epoch,
        "strategy": as_text(found.strategy) if found.strategy else None,
        "says": _says(found),
        "paused": found.paused,
        "guard": found.tripped.guard if found.tripped else None,
        "go_on": found.tripped.on_command_line(board.id) if found.tripped else None,
        "controllers": controllers(await known_workers(bb)),
        "unattended": found.unattended,
        "notation": to_data(found.strategy) if found.strategy else None,
    }


async def control_row(bb: Blackboard, board: Board) -> dict[str, Any]:
    """How a board is steered, as a row: by what, since when, by whose will, and how much it holds."""
    facts, row = await board.status(), await mode_row(bb, board)
    agenda = await board.agenda()
    switched = await _latest(bb, facts, EventType.SWITCHED)
    paused = await _latest(bb, facts, EventType.PAUSED) if facts.paused else None
    return {
        "board": board.id,
        "mode": row["mode"],
        "epoch": row["epoch"],
        "strategy": row["strategy"] or _unknown(row["mode"], switched),
        "says": row["says"],
        "since": switched.at if switched else None,
        "by": switched.by if switched else None,
        "why": switched.reason if switched else None,
        "paused": row["paused"],
        "paused_since": paused.at if paused else None,
        "paused_by": paused.by if paused else None,
        "paused_why": paused.reason if paused else None,
        "guard": row["guard"],
        "go_on": row["go_on"],
        "held": sum(each.state is ActivationState.HELD for each in agenda),
        "running": [each.name for each in agenda if each.state is ActivationState.RUNNING],
        "controllers": row["controllers"],
        "unattended": row["unattended"],
        "notation": row["notation"],
    }


def _says(found: Mode) -> str | None:
    """What the strategy says of itself, or why it cannot be asked, with what to do about that."""
    return f"{found.said} {NAME_THE_APP}" if found.said and found.strategy is None else found.said or None


def _unknown(mode: str, switched: Event | None) -> str | None:
    """The name of a strategy whose class is not known here."""
    return switched.strategy if switched and mode == "orchestration" else None


async def _latest(bb: Blackboard, facts: BoardFacts, kind: EventType) -> Event | None:
    """The latest event of a type, unless it is long ago."""
    partition, end = bb.store().partition(facts.board), facts.seq
    for _ in range(PAGES):
        start = max(0, end - PAGE)
        for event in reversed(await partition.events(facts.board, start, end - start)):
            if event.type is kind:
                return event
        if start == 0:
            break
        end = start
    return None


def as_text(strategy: Strategy) -> str:
    """A strategy as a person writes it in a program, without what it leaves as it is by default."""
    told = {each.name: getattr(strategy, each.name) for each in fields(strategy) if not _is_default(strategy, each)}
    return f"{type(strategy).__name__}({', '.join(f'{name}={value!r}' for name, value in told.items())})"


def _is_default(strategy: Strategy, field: Any) -> bool:
    return bool(getattr(strategy, field.name) == field.default)
