"""What a strategy tells the agents of control when what they asked for did not work."""

from __future__ import annotations

from collections.abc import Iterable

from blackboard.entry import Entry
from blackboard.event import Event

LONGEST_PROBLEM = 500
"""Characters kept of what went wrong."""


class Setback(Entry, key="name"):
    """Something that a planner, a supervisor or a router asked for died, or could not be run.

    The strategy posts it, so that an agent which takes `setbacks: list[Setback]` is triggered and can decide anew.
    """

    name: str
    source: str
    problem: str


def setback_of(death: Event) -> Setback:
    """The setback for an activation that died, named by the activation and the event."""
    problem = (death.reason or "it died")[:LONGEST_PROBLEM]
    return Setback(name=f"{death.activation}@{death.seq}", source=death.source or "", problem=problem)


def as_data(setbacks: Iterable[Setback]) -> list[dict[str, str]]:
    """Setbacks as they are remembered until they are posted."""
    return [each.model_dump() for each in setbacks]
