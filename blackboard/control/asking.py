"""What strategies have in common that ask an agent who is next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from blackboard.activation import Activation, ActivationState
from blackboard.control.setback import Setback, as_data, setback_of
from blackboard.control.strategy import Grants, State, Strategy
from blackboard.control.view import View
from blackboard.entry import Entry
from blackboard.event import EventType

SILENCE: Final[State] = {"granted": [], "asked": [], "finished": False, "setbacks": []}
"""Before the first question: the numbers of what was granted and has not ended, whom the agent asked for, whether it said that it
is done, and the setbacks of this decision."""


class Asking(Strategy, abstract=True):
    """An agent, a source like any other, is granted; what it posts says whom to grant next; then it is granted again.

    It is one conversation: nothing is granted while the agent, or one that it asked for, is under way. What it asked for and
    what died is posted as a `Setback`; the agent's own death is not, since it would go on dying.
    """

    # ------------------------------------------------------------------ what a subclass says

    @property
    def agent_name(self) -> str:
        """The source to ask."""
        raise NotImplementedError

    @property
    def answers(self) -> str:
        """The kind of entry with which it answers: its field ``to`` names who is next, ``finished`` says that all is done."""
        raise NotImplementedError

    def worth_asking(self, view: View) -> bool:
        """Whether there is something to ask about."""
        del view
        return True

    # ------------------------------------------------------------------ what they have in common

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        heard = self._listen(view, state or SILENCE)
        going_on = [each for each in view.open if each.number in heard["granted"]]
        if heard["finished"]:
            return (), heard | {"granted": []}
        if going_on:  # a pause takes grants back
            grants = [each for each in going_on if each.state is ActivationState.HELD]
            return grants, heard | {"granted": [each.number for each in going_on]}
        grants = list(self._asked_for(view, heard["asked"])) or self._question(view)
        return grants, heard | {"asked": [], "granted": [each.number for each in grants]}

    def finished(self, view: View, state: State, now: int) -> bool:
        return bool(state["finished"])

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        return [Setback(**each) for each in state["setbacks"]]

    def describe(self, view: View, state: State, now: int) -> str:
        if state["finished"]:
            return f"finished, {self.agent_name} says"
        names = [each.name for each in view.agenda if each.number in state["granted"]]
        if names:
            return f"{', '.join(names)} on request of {self.agent_name}"
        return f"waiting for {self.agent_name}, which is not on the agenda"

    # ------------------------------------------------------------------ question and answer

    def _question(self, view: View) -> list[Activation]:
        mine = [each for each in view.held if each.source == self.agent_name]
        return mine[:1] if self.worth_asking(view) else []

    def _listen(self, view: View, state: State) -> State:
        answers = list(self._answered(view))
        deaths = (event for event in view.ended() if event.type is EventType.DIED and event.number in state["granted"])
        return state | {
            "asked": [*state["asked"], *(answer["to"] for answer in answers if answer.get("to"))],
            "finished": state["finished"] or any(answer.get("finished") for answer in answers),
            "setbacks": as_data(setback_of(death) for death in deaths if death.source != self.agent_name),
        }

    def _answered(self, view: View) -> Iterator[dict[str, Any]]:
        for event in view.news:
            by_agent = (event.by or "").startswith(f"{self.agent_name}#")
            if by_agent and event.kind == self.answers and isinstance(event.data, dict):
                yield event.data

    def _asked_for(self, view: View, asked: Sequence[str]) -> Iterator[Activation]:
        """What it asked for, each a source, of which the first that is held is meant, or one activation."""
        left = list(view.held)
        for wanted in asked:
            fitting = [each for each in left if wanted in {each.source, each.name}]
            held = ", ".join(each.name for each in left) or "nothing"
            problem = f"{self.agent_name} asked for {wanted}, of which nothing is held; held now: {held}"
            self._require(
                bool(fitting), problem, "Post what triggers it and resume, or hand the board to another strategy"
            )
            left.remove(fitting[0])
            yield fitting[0]
