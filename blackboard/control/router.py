"""A function, or an agent, says who is next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType

from blackboard.activation import Activation
from blackboard.control.asking import SILENCE, Asking
from blackboard.control.ending import is_whole
from blackboard.control.instruction import Instruction
from blackboard.control.reference import reference_of
from blackboard.control.strategy import Grants, Source, State
from blackboard.control.view import View
from blackboard.entry import UNIQUE, Entry

Choice = str | Activation | None
"""A source, of which the first that is held is meant; an activation, or its name (``decide#17``); None for nobody."""


class Route(Instruction, Entry, key=UNIQUE):
    """What a routing agent posts: who is asked next, a source or one activation (``decide#17``), and why."""

    __remedy__ = 'Name who is next, and why: Route(to="decide", reason="all is there")'

    to: str
    reason: str = ""


@dataclass(frozen=True)
class Router(Asking):
    """Grants what a function chooses: `Router(choose)`.

        def choose(view: View) -> str | Activation | None:
            [claim] = view.read(Claim)
            return "ask_lawyer" if claim.amount > 1000 else "decide"

        board.orchestrate(Router(choose, reads=[Claim]))

    The function is pure, stands at the top of a module, and is asked while less than ``limit`` is under way; None waits.
    ``reads`` names the kinds whose entries it wants to see.

    Or it asks an agent, a source that posts a `Route` each time: `Router(route)`. The agent is granted whenever something else is
    held and nothing that it chose is under way, so it must be on the agenda again by then: let it take what the others
    write as a list, and count it, which an empty list needs.

        @bb.knowledge_source(when=[Count(Finding) >= 0, Count(Setback) >= 0])
        async def route(claim: Claim, findings: list[Finding], setbacks: list[Setback]) -> Route: ...

    Choosing what is not held pauses the board, with the reason. Raises InvalidStrategy for a function that cannot be found from
    elsewhere, such as a lambda.
    """

    choose: Source | Callable[[View], Choice]
    reads: Sequence[type[Entry] | str] = ()
    limit: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kinds(self.reads)
        if isinstance(self.choose, FunctionType):
            reference_of(self.choose)
        else:
            self._require_sources(self.choose)
        self._require(is_whole(self.limit), f"limit={self.limit!r} is not a whole number from 1", "Give it one")

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(map(str, self.reads))

    @property
    def agent_name(self) -> str:
        return getattr(self.choose, "__name__", str(self.choose))

    @property
    def answers(self) -> str:
        return Route.__kind__

    def worth_asking(self, view: View) -> bool:
        return any(each.source != self.agent_name for each in view.held)

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        if isinstance(self.choose, FunctionType):
            return self._chosen(self.choose, view), SILENCE
        return super().decide(view, state, now)

    def describe(self, view: View, state: State, now: int) -> str:
        if isinstance(self.choose, FunctionType):
            return f"{self.choose.__name__} chooses from {len(view.held)} held, {len(view.under_way)} under way"
        return super().describe(view, state, now)

    def _chosen(self, choose: FunctionType, view: View) -> list[Activation]:
        grants: list[Activation] = []
        while len(view.under_way) < self.limit:
            choice = choose(view)
            if choice is None:
                break
            grants.append(self._held(choice, view))
            view = view.granting(grants)
        return grants

    def _held(self, choice: str | Activation, view: View) -> Activation:
        """What was chosen, if it is held."""
        wanted = choice.name if isinstance(choice, Activation) else choice
        return next(self._asked_for(view, [wanted]))
