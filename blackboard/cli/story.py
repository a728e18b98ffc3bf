"""Events as people tell them: what happened, in a line."""

from __future__ import annotations

import click

from blackboard.cli.output import iso, shorten, shown
from blackboard.event import Event, EventType
from blackboard.facts.story import tell

STYLES = {
    EventType.POSTED: "green",
    EventType.REVISED: "green",
    EventType.RETRACTED: "yellow",
    EventType.FAILED: "red",
    EventType.DIED: "bright_red",
    EventType.CLOSED: "magenta",
    EventType.CREATED: "magenta",
    EventType.SWITCHED: "cyan",
    EventType.GRANTED: "cyan",
    EventType.PAUSED: "cyan",
    EventType.RESUMED: "cyan",
    EventType.HANDED_OFF: "blue",
    EventType.UNSURE: "bright_red",
    EventType.DEADLINE: "cyan",
    EventType.ABORTED: "bright_red",
    EventType.UNDONE: "magenta",
    EventType.SKIPPED: "yellow",
    EventType.SAVED: "magenta",
    EventType.PARKED: "blue",
}
"""Colours on a terminal; what is not listed has none."""


def as_line(event: Event, width: int | None = None, *, board: bool = False) -> str:
    """An event as a line: number, time, what happened, and the data as far as there is room."""
    time = iso(event.at.astimezone())[11:23]
    head = f"{event.seq:>6}  {time}  {f'{event.board}  ' if board else ''}"
    told = tell(event)
    room = (width or 160) - len(head) - len(told) - 2
    data = ""
    if event.payload is not None and room > 12:
        data = click.style(f"  {shorten(shown(event.payload.decode()), room)}", dim=True)
    return f"{click.style(head, dim=True)}{click.style(told, fg=STYLES.get(event.type))}{data}"
