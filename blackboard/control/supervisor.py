"""An agent sees the board, delegates, and says when all is done."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import model_validator

from blackboard.control.asking import Asking
from blackboard.control.instruction import Instruction
from blackboard.control.strategy import Source
from blackboard.entry import UNIQUE, Entry


class Delegation(Instruction, Entry, key=UNIQUE):
    """What a supervising agent posts: whom to ask next, a source or one activation (``decide#17``); or that all is done.

    The one that is asked can read the note: it takes `delegations: list[Delegation] | None`, which does not trigger it.
    """

    __remedy__ = 'Post Delegation(to="decide", note="…"), or Delegation(finished=True)'

    to: str = ""
    note: str = ""
    finished: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Delegation:
        if bool(self.to) == self.finished:
            raise ValueError("it names who is next (to=…) or says finished=True, one of the two")
        return self


@dataclass(frozen=True)
class Supervisor(Asking):
    """Grants an agent, then what it delegates to, then the agent again, until it is finished: `Supervisor(lead)`.

    The agent is a source that posts a `Delegation`, or several, which are granted together. It is granted first, and again
    when all that it delegated has ended; so it must be on the agenda again by then. Let it take what its delegates write as
    lists: whatever they write triggers it. An empty list triggers nobody, but one that is counted does, so that it can begin.

        @bb.knowledge_source(when=[Count(Finding) >= 0, Count(Setback) >= 0])
        async def lead(claim: Claim, findings: list[Finding], setbacks: list[Setback]) -> list[Delegation]:
            if any(finding.risk > 0.8 for finding in findings):
                return [Delegation(finished=True)]
            return [Delegation(to="check_text", note="look for names"), Delegation(to="check_history")]

    A `Setback` tells it what died. A delegate that ends without writing anything does not trigger it: then it waits, and says so.
    Delegating to what is not held pauses the board, with the reason. Only delegations of this agent count.
    """

    agent: Source

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_sources(self.agent)

    @property
    def agent_name(self) -> str:
        return str(self.agent)

    @property
    def answers(self) -> str:
        return Delegation.__kind__
