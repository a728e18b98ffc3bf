"""People decide."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.control.strategy import Grants, State, Strategy
from blackboard.control.view import View


@dataclass(frozen=True)
class Manual(Strategy):
    """Grants nothing: people do, one activation at a time or as they like, on the command line or in the inspector."""

    @property
    def endless(self) -> bool:
        return True

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return (), state

    def describe(self, view: View, state: State, now: int) -> str:
        return f"{len(view.held)} held, for a person to grant"
