"""Agents hand over to each other."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.activation import Activation
from blackboard.control.strategy import Grants, Source, State, Strategy
from blackboard.control.view import View


@dataclass(frozen=True)
class Swarm(Strategy):
    """One agent begins, and each says who is next, by a handoff: `Swarm(triage)`.

    Only activations of ``start``, and those to which an agent has handed control, are ever granted; one at a time, handoffs
    first, in the order in which they were made. So control comes back to ``start`` when nobody hands it on.
    """

    start: Source

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_sources(self.start)

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return () if view.under_way else self._next(view)[:1], state

    def describe(self, view: View, state: State, now: int) -> str:
        if view.under_way:
            return f"{view.under_way[0].name} has control"
        waiting = self._next(view)
        return f"{waiting[0].name} is next" if waiting else f"waiting for a handoff, or for {self.start}"

    def _next(self, view: View) -> list[Activation]:
        handed = sorted((each for each in view.held if each.handed), key=lambda each: each.handed)
        return handed + [each for each in view.held if each.source == self.start and not each.handed]
