"""What is read for each question: the rows that the command line shows, a bounded part of them at a time."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException

from blackboard.activation import ActivationState, StoredEntry
from blackboard.application import Blackboard
from blackboard.approval import Approval
from blackboard.board import Board
from blackboard.clock import to_datetime
from blackboard.errors import EntryNotFound
from blackboard.event import EventType
from blackboard.facts.activations import dead_rows, open_rows
from blackboard.facts.boards import board_row
from blackboard.facts.control import mode_row
from blackboard.facts.entries import approval_row
from blackboard.facts.story import as_row
from blackboard.store.board_facts import BoardFacts
from blackboard.store.survey import BoardSummary, Place, entries_after, find_boards, part_of, summaries
from blackboard.web.answers import brief

Question = Mapping[str, str]
"""The parameters of a request."""

PAGE, LONGEST_PAGE = 50, 200

MOST_ACTIVATIONS = 200
"""Activations that one answer has, of the open and of the dead ones."""

MOST_APPROVALS = 50

LOOKED_BACK = 200
"""Events among which the last lines of activations are looked for."""

LINES = 3

LONGEST_PAYLOAD = 16_384
"""Characters of an entry's JSON in a list; asked for by its address, it is whole."""


async def boards(bb: Blackboard, asked: Question) -> dict[str, Any]:
    """A page of the boards, the newest first."""
    partitions = bb.store().partitions
    text = asked.get("text", "")[:200]
    found = await find_boards(partitions, _limit(asked, PAGE), text, _place(asked))
    rows = await asyncio.gather(*(_board(bb, each) for each in await summaries(partitions, found.places)))
    more = None if found.behind is None else f"{found.behind[0]}:{found.behind[1]}"
    return {"namespace": bb.name, "now": datetime.now(UTC), "boards": rows, "more": more}


async def _board(bb: Blackboard, found: BoardSummary) -> dict[str, Any]:
    facts = found.facts
    last = await bb.store().partition(found.board).events(found.board, max(0, facts.seq - 1), 1)
    changed = last[0].at if last else None
    return board_row(found) | {"busy": facts.busy, "settled": facts.settled, "changed": changed}


async def board(bb: Blackboard, asked: Question) -> dict[str, Any]:
    """A board: its status and mode, what is open and dead on it, and what it asks of people."""
    on = _on(bb, asked)
    facts = await on.status()
    part = await part_of(bb.store().partition(on.id), on.id, MOST_ACTIVATIONS)
    lines = await _lines(bb, facts) if part.agenda else {}
    activations = [
        brief(row) | {"said": lines.get(row["activation"], [])} for row in await open_rows(bb, facts, part.agenda)
    ]
    control = await mode_row(bb, on)
    del control["notation"]  # it is for programs that hand the board over, and as long as the strategy
    asking = part.open > len(part.agenda) or any(each.state is ActivationState.ASKING for each in part.agenda)
    approvals = await on.approvals() if asking else []
    return {
        "board": on.id,
        "namespace": bb.name,
        "now": datetime.now(UTC),
        "status": facts.status,
        "settled": facts.settled,
        "events": facts.seq,
        "entries": facts.entries,
        "busy": facts.busy,
        "deadline": to_datetime(facts.deadline) if facts.deadline else None,
        "control": brief(control),
        "open": part.open,
        "activations": activations,
        "died": part.died,
        "dead": [brief(row) for row in await dead_rows(bb, facts, part.dead)],
        "asked": len(approvals),
        "approvals": [_approval(bb, on, each) for each in approvals[:MOST_APPROVALS]],
    }


async def _lines(bb: Blackboard, facts: BoardFacts) -> dict[str, list[dict[str, Any]]]:
    """What activations have said last, by name."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    since = max(0, facts.seq - LOOKED_BACK)
    for event in await bb.store().partition(facts.board).events(facts.board, since, LOOKED_BACK):
        if event.type is EventType.SAID and event.activation:
            found[event.activation].append({"time": event.at, "text": brief(event.reason or "")})
    return {name: said[-LINES:] for name, said in found.items()}


def _approval(bb: Blackboard, on: Board, found: Approval) -> dict[str, Any]:
    """An approval with the commands that answer it, as a shell takes them whatever the board is called."""
    words = f"-n {bb.name} -- {shlex.quote(on.id)} {shlex.quote(found.id)}"
    commands = [f"blackboard answer {words} {shlex.quote(choice)}" for choice in found.choices[:10]]
    row: dict[str, Any] = brief(approval_row(on.id, found) | {"value": None})
    value = None if found.value is None else brief(json.dumps(found.value, ensure_ascii=False, default=str))
    return row | {"value": value, "commands": commands}


# ---------------------------------------------------------------------------- entries


async def entries(bb: Blackboard, asked: Question) -> dict[str, Any]:
    """A page of the entries of a board, in the order of their addresses."""
    on = _on(bb, asked)
    await on.status()
    limit = _limit(asked, PAGE)
    found, more = await entries_after(bb.store().partition(on.id), on.id, asked.get("after", ""), limit)
    rows = [_entry(each, LONGEST_PAYLOAD) for each in found]
    return {"board": on.id, "entries": rows, "more": found[-1].address if more and found else None}


async def entry(bb: Blackboard, asked: Question) -> dict[str, Any]:
    """One entry, whole."""
    on, address = _on(bb, asked), asked.get("address", "")
    await on.status()
    found = await on.get(address)
    if found is None:
        raise EntryNotFound(on.id, address)
    return _entry(found, None)


def _entry(found: StoredEntry, longest: int | None) -> dict[str, Any]:
    """An entry as a row. Its JSON stays a text: a browser would round its great numbers."""
    text = found.payload.decode(errors="replace")
    is_cut = longest is not None and len(text) > longest
    return {
        "address": found.address,
        "version": found.version,
        "schema": found.schema,
        "event": found.seq,
        "bytes": len(found.payload),
        "json": text[:longest] if is_cut else _indented(text),
        "cut": is_cut,
    }


def _indented(text: str) -> str:
    """JSON over several lines, if it can be read."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


# ---------------------------------------------------------------------------- events


async def events(bb: Blackboard, asked: Question) -> dict[str, Any]:
    """The events of a board before a number, or its latest, the oldest first."""
    on = _on(bb, asked)
    facts = await on.status()
    limit = _limit(asked, 2 * PAGE)
    end = max(0, min(facts.seq, number(asked, "before", facts.seq + 1) - 1))
    start = max(0, end - limit)
    found = await bb.store().partition(on.id).events(on.id, start, end - start) if end > start else []
    rows = [event_row(each) for each in found]
    return {"board": on.id, "events": rows, "last": end, "more": start + 1 if start else None}


def event_row(event: Any) -> dict[str, Any]:
    """An event as a row, without the data: entries have it."""
    row: dict[str, Any] = brief(as_row(event, data=False))
    return row


# ---------------------------------------------------------------------------- parameters


def _on(bb: Blackboard, asked: Question) -> Board:
    return bb.board(asked.get("board", ""))


def number(asked: Question, name: str, default: int, most: int = 2**53) -> int:
    """A whole number among the parameters, at most so high. Raises HTTPException."""
    text = asked.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise HTTPException(400, f"{name}={text[:50]} is no whole number. Give one from 0 up, or leave it out.")
    return min(int(text), most)


def _limit(asked: Question, default: int) -> int:
    """How many are asked for: at least one. Raises HTTPException."""
    return max(1, number(asked, "limit", default, LONGEST_PAGE))


def _place(asked: Question) -> Place | None:
    """Behind which board the page begins. Raises HTTPException."""
    created, colon, name = asked.get("before", "").partition(":")
    if not colon:
        return None
    return number({"before": created}, "before", 0), name
