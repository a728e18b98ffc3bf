"""Several at once."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.activation import Activation
from blackboard.control.limited import Limited
from blackboard.control.strategy import Grants, Sources, State
from blackboard.control.view import View


@dataclass(frozen=True)
class Parallel(Limited):
    """Keeps as many under way as it may, in rank order: a choreographed board with a limit.

    ``limit`` counts activations, ``sources`` says of which sources; without it, of all.
    """

    limit: int
    sources: Sources = None

    def choose(self, held: tuple[Activation, ...], free: int, view: View, state: State) -> tuple[Grants, State]:
        return held[:free], state
