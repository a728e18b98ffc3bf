"""One step after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from blackboard.control.step import Step
from blackboard.control.strategy import InTurn, Source, State, Strategy


@dataclass(frozen=True, init=False)
class Sequential(InTurn):
    """Grants step by step: `Sequential(check_text, check_history, decide)`.

    A step is a source, done as `Step` says, or a strategy, done when it is finished and all that it granted has ended. Nothing
    of a step is granted before the step before it is done. What belongs to no step stays held.

    Raises InvalidStrategy without steps.
    """

    steps: tuple[str | Strategy, ...]

    def __init__(self, *steps: Source | Strategy) -> None:
        object.__setattr__(self, "steps", steps)
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            bool(self.steps), "it has no steps", "Name the sources, in their order: Sequential(first, second)"
        )
        self._require_ends(*(step for step in self.steps[:-1] if isinstance(step, Strategy)))
        self._require_sources(*(step for step in self.steps if not isinstance(step, Strategy)))

    def foreseen(self, state: State) -> Sequence[str]:
        steps = takewhile(lambda phase: isinstance(phase, Step), self.phases[state["at"] :])
        return [step.source for step in steps if isinstance(step, Step)][1:]

    @cached_property
    def phases(self) -> tuple[Strategy, ...]:
        return tuple(step if isinstance(step, Strategy) else Step(step) for step in self.steps)
