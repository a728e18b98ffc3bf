"""Everybody in turn."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.activation import Activation
from blackboard.control.limited import Limited
from blackboard.control.strategy import Grants, Sources, State
from blackboard.control.view import View


@dataclass(frozen=True)
class RoundRobin(Limited):
    """Grants to the source that has waited longest for its turn: between two grants of one, every other that has something held
    gets one. Each source grants in rank order.

    At first the turn goes by the order of ``sources`` or, without them, by that of the agenda. ``limit`` activations are under
    way at most, ``sources`` are those it concerns. Its state is the order in which sources had their last turn, the last last.
    """

    sources: Sources = None
    limit: int = 1

    def choose(self, held: tuple[Activation, ...], free: int, view: View, state: State) -> tuple[Grants, State]:
        waiting, turns = list(held), list(state or ())
        grants: list[Activation] = []
        while waiting and len(grants) < free:
            chosen = min(waiting, key=lambda each: self._turn(each.source, turns))
            waiting.remove(chosen)
            grants.append(chosen)
            turns = [*(source for source in turns if source != chosen.source), chosen.source]
        return grants, turns

    def describe(self, view: View, state: State, now: int) -> str:
        last = f", the last turn was that of {state[-1]}" if state else ""
        return super().describe(view, state, now) + last

    def _turn(self, source: str, turns: list[str]) -> tuple[int, int]:
        """Who never had a turn comes before all others."""
        if source in turns:
            return (1, turns.index(source))
        return (0, self.names.index(source) if self.names else 0)
