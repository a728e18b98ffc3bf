"""One step of a plan: what one source has on the agenda."""

from __future__ import annotations

from dataclasses import dataclass

from blackboard.activation import Activation, ActivationState
from blackboard.control.strategy import Grants, State, Strategy
from blackboard.control.view import View


@dataclass(frozen=True)
class Step(Strategy):
    """Grants what one source has on the agenda, one at a time, in rank order; finished when that is done.

    It is done when an activation of the source has ended since the step began (fired, died or was obviated) and none is open
    any more; one that a precondition declined does not count as open. A source of which nothing is on the agenda is waited for.
    But a strategy may take over a board on which the source has ended before: then the step is passed over as soon as the
    board would otherwise stand still, with something held and nothing under way.

    With ``addresses``, only activations whose entries include all of these count.
    """

    source: str
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_sources(self.source)

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        state = state or {"ended": False, "done": False}
        mine = () if state["done"] else self.open(view)
        ended = state["ended"] or any(self._concerns(event.addresses) for event in view.ended(self.source))
        done = state["done"] or (not mine and (ended or self._is_passed_over(view)))
        held = [each for each in mine if each.state is ActivationState.HELD]
        busy = any(each in view.under_way for each in mine)
        return () if busy else held[:1], {"ended": ended, "done": done}

    def finished(self, view: View, state: State, now: int) -> bool:
        return bool(state["done"])

    def describe(self, view: View, state: State, now: int) -> str:
        mine = self.open(view)
        if state["done"]:
            return f"{self.source}, done"
        return f"{self.source}, {len(mine)} to do" if mine else f"{self.source}, which is not on the agenda yet"

    def open(self, view: View) -> tuple[Activation, ...]:
        """What it has to do, in rank order."""
        return tuple(each for each in view.open if each.source == self.source and self._concerns(each.addresses))

    def _is_passed_over(self, view: View) -> bool:
        return view.stands_still and view.history.get(self.source, 0) > 0

    def _concerns(self, addresses: tuple[str, ...]) -> bool:
        return set(self.addresses) <= set(addresses)
