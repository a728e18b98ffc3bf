"""Whoever is drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from blackboard.activation import Activation
from blackboard.control.limited import Limited
from blackboard.control.strategy import Grants, Sources, State
from blackboard.control.view import View


@dataclass(frozen=True)
class Random(Limited):
    """Draws from what is held, each with the same chance: the baseline that other strategies are measured by.

    The same ``seed`` draws the same from the same boards, on any machine. Its state is the number of draws.
    ``limit`` activations are under way at most, ``sources`` are those it concerns.
    """

    seed: int | str
    limit: int = 1
    sources: Sources = None

    def __post_init__(self) -> None:
        super().__post_init__()
        sound = type(self.seed) in {int, str}
        self._require(sound, f"seed={self.seed!r} is neither a whole number nor text", "Give it one, such as 7")

    def choose(self, held: tuple[Activation, ...], free: int, view: View, state: State) -> tuple[Grants, State]:
        urn, draws = list(held), int(state or 0)
        grants: list[Activation] = []
        while urn and len(grants) < free:
            grants.append(urn.pop(self._number(draws) % len(urn)))
            draws += 1
        return grants, draws

    def _number(self, draw: int) -> int:
        # Not the random module: what it makes of a seed may differ between releases of Python.
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{draw}".encode()).digest()[:8])
