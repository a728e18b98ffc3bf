"""An agent posts a plan; the plan is followed; a new one is asked for when a step fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import from_json

from blackboard.activation import ActivationState, StoredEntry
from blackboard.control.ending import is_whole
from blackboard.control.instruction import Instruction
from blackboard.control.sequence import Sequential
from blackboard.control.setback import Setback, as_data, setback_of
from blackboard.control.step import Step
from blackboard.control.strategy import Grants, Source, State, Strategy
from blackboard.control.view import View
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from blackboard.event import EventType


class PlanStep(Instruction, BaseModel):
    """A step of a plan: the name of a source and, unless all that it has to do is meant, addresses of entries it binds."""

    model_config = ConfigDict(extra="forbid")
    __remedy__ = 'Name a source: PlanStep(source="search", on=["task"])'

    source: str
    on: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, data: Any) -> Any:
        return {"source": data} if isinstance(data, str) else data


class Plan(Instruction, Entry):
    """What a planning agent posts: which sources run, in this order. `Plan(steps=["search", "write"])`."""

    __remedy__ = 'Name at least one step: Plan(steps=["search", "write"])'

    steps: list[PlanStep] = Field(min_length=1)


STEPS: Final = TypeAdapter(list[PlanStep])

BEGINNING: Final[State] = {
    "version": 0,
    "turn": None,
    "finished": False,
    "asked": [],
    "failure": "",
    "failures": 0,
    "setbacks": [],
}
"""The version of the plan that is followed, how far, and whether to its end; the planner's activation that was granted last, by
number; why a new plan is needed; how often one was; and the setbacks of this decision."""


@dataclass(frozen=True)
class PlanExecute(Strategy):
    """Grants a planner, then step by step what its plan says; when a step fails, the planner again: `PlanExecute(plan)`.

    The planner is a source that posts a `Plan`. It must be on the agenda when a plan is needed: let it take
    `setbacks: list[Setback]`, and count them, since an empty list alone triggers nobody. A `Setback` is posted for each step
    that failed.

        @bb.knowledge_source(when=Count(Setback) >= 0)
        async def plan(task: Task, setbacks: list[Setback]) -> Plan:
            return Plan(steps=["search", PlanStep(source="summarise", on=["task"])])

    A step is done as `Step` says. It fails when an activation of it dies, or when nothing of its source is on the agenda
    and nothing is under way that could trigger it. More than ``replans`` failures pause the board, with the last as the
    reason. A plan that is revised, by whomever, is followed from its beginning; steps that were done and have nothing to do
    are passed over. ``plan`` is the kind of the plan, which has ``steps`` like `Plan`.
    """

    planner: Source
    replans: int = 3
    plan: type[Entry] | str = Plan

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_sources(self.planner)
        self._require(
            is_whole(self.replans, 0), f"replans={self.replans!r} is not a whole number from 0", "Give it one"
        )

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({str(self.plan)})

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        state = self._see_deaths(view, (state or BEGINNING) | {"setbacks": []})
        if planning := [each for each in view.open if each.number in state["asked"]]:
            return [each for each in planning if each.state is ActivationState.HELD], state  # a pause takes grants back
        if state["finished"]:
            return (), state
        version, steps = self._plan(view)
        if steps and version != state["version"]:
            if any(each.number in self._granted(state) for each in view.under_way):
                return (), state  # what an earlier plan began ends first
            state = state | {"version": version, "turn": None, "failure": ""}
        if not steps or state["failure"]:
            return self._ask(view, state)
        return self._follow(steps, view, state, now)

    def finished(self, view: View, state: State, now: int) -> bool:
        return bool(state["finished"])

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        return [Setback(**each) for each in state["setbacks"]]

    def describe(self, view: View, state: State, now: int) -> str:
        planning = any(each.number in state["asked"] for each in view.open)
        if planning or state["turn"] is None or state["failure"]:
            reason = f" anew, since {state['failure']}" if state["failure"] else ""
            return f"{self.planner} plans{reason}" if planning else f"waiting for {self.planner} to plan{reason}"
        _, steps = self._plan(view)
        return steps.describe(view, state["turn"], now) if steps else f"waiting for {self.planner} to plan"

    # ------------------------------------------------------------------ the plan

    def _plan(self, view: View) -> tuple[int, Sequential | None]:
        """The plan on the board, by its version, as what it comes to; (0, None) when there is none."""
        for stored in view.entries.get(str(self.plan), ()):
            steps = self._read(stored)
            return stored.version, Sequential(*(Step(step.source, tuple(step.on)) for step in steps))
        return 0, None

    def _read(self, stored: StoredEntry) -> list[PlanStep]:
        data = from_json(stored.payload)
        try:
            steps = STEPS.validate_python(data.get("steps") if isinstance(data, dict) else None)
        except ValidationError as error:
            remedy = 'Post one like Plan(steps=["search", "write"])'
            raise InvalidStrategy("PlanExecute", f"{stored.address} has no steps to follow", remedy) from error
        self._require(bool(steps), f"{stored.address} has no steps", "Post one with at least one step")
        return steps

    def _follow(self, steps: Sequential, view: View, state: State, now: int) -> tuple[Grants, State]:
        grants, turn = steps.decide(view, state["turn"], now)
        state = state | {"turn": turn, "finished": steps.finished(view, turn, now)}
        if grants or view.has_more_to_come or state["finished"]:
            return grants, state
        at: int = turn["at"]
        step = steps.phases[at]
        if not isinstance(step, Step) or step.open(view):
            return grants, state
        problem = f"nothing of {step.source} is on the agenda"
        name = f"plan {state['version']}, step {at + 1}"
        return self._ask(view, self._failed(state, [Setback(name=name, source=step.source, problem=problem)]))

    # ------------------------------------------------------------------ the planner

    def _ask(self, view: View, state: State) -> tuple[Grants, State]:
        mine = [each for each in view.held if each.source == self.planner][:1]
        return mine, state | {"asked": [each.number for each in mine]}

    def _see_deaths(self, view: View, state: State) -> State:
        granted = self._granted(state)
        deaths = [event for event in view.ended() if event.type is EventType.DIED and event.number in granted]
        return self._failed(state, [setback_of(death) for death in deaths]) if deaths else state

    def _failed(self, state: State, setbacks: list[Setback]) -> State:
        failures, last = state["failures"] + 1, f"{setbacks[-1].source}: {setbacks[-1].problem}"
        problem = f"plans failed {failures} times, the last time at {last}"
        self._require(
            failures <= self.replans, problem, "Correct the planner, or allow for more replans, and orchestrate again"
        )
        return state | {"failure": last, "failures": failures, "setbacks": as_data(setbacks)}

    @staticmethod
    def _granted(state: State) -> Sequence[int]:
        memory = state["turn"] and state["turn"]["memory"]
        granted: Sequence[int] = memory["granted"] if memory else ()
        return granted
