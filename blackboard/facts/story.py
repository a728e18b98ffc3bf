"""Events as people tell them: what happened, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blackboard.clock import to_datetime
from blackboard.event import STARTS_AGAIN, Event, EventType
from blackboard.facts.words import iso, shorten, shown

DETAILS = (
    *("version", "schema", "source", "addresses", "number", "cause", "depth", "attempt", "reason"),
    *("mode", "epoch", "strategy", "outcome"),
    "step",
)
"""What a row has besides, where the event has it."""


LONGEST_REASON = 160


VETOED = "vetoed"
"""How the reason of a veto begins."""


def as_row(event: Event, *, data: bool = True) -> dict[str, Any]:
    """An event as a row: for TSV and JSON, and for tables of the latest ones; with the ``data`` of its entry, or without."""
    row = {
        "board": event.board,
        "seq": event.seq,
        "time": event.at,
        "type": event.type.value,
        "by": event.by,
        "subject": event.address or event.activation,
        "what": tell(event),
    }
    found = {name: getattr(event, name) for name in DETAILS}
    row |= {name: value for name, value in found.items() if value is not None and value != ()}
    if data and event.payload is not None:
        row["data"] = event.data
    return row


def tell(event: Event) -> str:
    """What happened, without number and time."""
    return _TALES[event.type](event)


def _bound(event: Event) -> str:
    return f" with {shorten(shown(event.addresses), 80)}" if event.addresses else ""


def _reason(event: Event) -> str:
    """The first line of an error, which sums it up."""
    return _because(event.reason or "")


def _because(reason: str) -> str:
    text = reason.strip().partition("\n")[0]
    return f": {shorten(shown(text), LONGEST_REASON)}" if text else ""


def _fired(event: Event) -> str:
    took = event.milliseconds - event.started if event.started else None
    return f"{event.activation} fired" + (f" after {took} ms" if took is not None and took >= 0 else "")


def _failed(event: Event) -> str:
    wait = (event.due or 0) - event.milliseconds
    how_long = f"{wait} ms" if wait < 1000 else f"{wait / 1000:.1f} s"
    again = f", tries again in {how_long}" if wait > 0 else ""
    return f"{event.activation} failed (attempt {event.attempt}){again}{_reason(event)}"


def _died(event: Event) -> str:
    reason = event.reason or ""
    if reason.partition(":")[0] == VETOED:
        return f"{event.activation} vetoed by {event.by}{_because(reason.removeprefix(VETOED).removeprefix(': '))}"
    return f"{event.activation} died{_reason(event)}"


def _parked(event: Event) -> str:
    wait = f", at the latest for {((event.due or 0) - event.milliseconds) / 1000:.1f} s" if event.due else ""
    return f"{event.activation} is parked{wait}{_reason(event)}"


def _said(event: Event) -> str:
    if (event.reason or "").startswith(STARTS_AGAIN):
        again = shown(event.reason).replace(STARTS_AGAIN, f"{STARTS_AGAIN} on {event.by}", 1)
        return f"{event.activation} {shorten(again, LONGEST_REASON)}"
    return f"{event.activation} says{_reason(event)}"


def _switched(event: Event) -> str:
    strategy = f"{event.strategy}, " if event.strategy else ""
    return f"board switched to {event.mode} ({strategy}epoch {event.epoch}) by {event.by}{_reason(event)}"


def _unsure(event: Event) -> str:
    said = (event.reason or "").partition(":")
    if said[0] in {"resolved", "reconciled"}:
        by = f" by {event.by}" if said[0] == "resolved" else ""
        return f"{event.activation} {said[0]}{by}:{shorten(shown(said[2]), LONGEST_REASON)}"
    return f"{event.activation} is in doubt{_reason(event)}"


def _deadline(event: Event) -> str:
    if event.due is None:
        return f"deadline taken away by {event.by}{_reason(event)}"
    return f"deadline set to {iso(to_datetime(event.due))} by {event.by}, to {event.outcome} the board{_reason(event)}"


def _aborted(event: Event) -> str:
    goal = f"back to savepoint {event.cause}" if event.cause else "as a whole"
    return f"undoing begins {goal}, by {event.by}{_reason(event)}"


_ENDS = {
    "aborted": "board is over: everything was undone",
    "undone": "board is back at its savepoint",
    "stuck": "undoing is stuck",
}


def _undone(event: Event) -> str:
    return f"{_ENDS.get(event.outcome or '', 'undoing came to an end')}{_reason(event)}"


_TALES: dict[EventType, Callable[[Event], str]] = {
    EventType.CREATED: lambda e: f"board created by {e.by}",
    EventType.POSTED: lambda e: f"{e.address} posted by {e.by}",
    EventType.REVISED: lambda e: f"{e.address} revised to version {e.version} by {e.by}",
    EventType.RESHAPED: lambda e: f"{e.address} brought forward by {e.by}",
    EventType.RETRACTED: lambda e: f"{e.address} retracted by {e.by}",
    EventType.TRIGGERED: lambda e: f"{e.activation} triggered by event {e.cause}{_bound(e)}",
    EventType.OBVIATED: lambda e: f"{e.activation} obviated by event {e.cause}",
    EventType.FIRED: _fired,
    EventType.FAILED: _failed,
    EventType.DIED: _died,
    EventType.DECLINED: lambda e: f"{e.activation} waits, its precondition declined{_reason(e)}",
    EventType.REVIVED: lambda e: f"{e.activation} revived by {e.by}",
    EventType.CLOSED: lambda e: f"board closed by {e.by}{_reason(e)}",
    EventType.SWITCHED: _switched,
    EventType.GRANTED: lambda e: f"{e.activation} granted by {e.by} (epoch {e.epoch}){_reason(e)}",
    EventType.PAUSED: lambda e: f"board paused by {e.by} (epoch {e.epoch}){_reason(e)}",
    EventType.RESUMED: lambda e: f"board resumed by {e.by} (epoch {e.epoch}){_reason(e)}",
    EventType.UNSURE: _unsure,
    EventType.DEADLINE: _deadline,
    EventType.ABORTED: _aborted,
    EventType.UNDONE: _undone,
    EventType.SKIPPED: lambda e: f"{e.activation} skipped by {e.by}{_bound(e)}{_reason(e)}",
    EventType.SAVED: lambda e: f"savepoint by {e.by}{_reason(e)}",
    EventType.STEPPED: lambda e: f"{e.activation} recorded step {e.step or 0}{_reason(e)}",
    EventType.PARKED: _parked,
    EventType.SAID: _said,
    EventType.HANDED_OFF: lambda e: f"{e.by} handed over to {e.activation}{_bound(e)}{_reason(e)}",
}
