"""Questions that a worker asks a source's own Python functions beside its action: its precondition, its bid, its outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from blackboard.entry import Entry
from blackboard.errors import InvalidSource
from blackboard.signature import Mode, Parameter, Pattern, read_signature


@dataclass(frozen=True, slots=True)
class Question:
    """A Python function about the state of the board, which a worker calls.

    Its parameters mean what the source's of those names mean, or look at what else there is.
    """

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        """How it shows: as `custom: name`."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def kinds(self) -> tuple[type[Entry], ...]:
        """The kinds that it looks at."""
        return tuple(parameter.kind for parameter in self.parameters if isinstance(parameter, Pattern))


@dataclass(frozen=True, slots=True)
class Precondition(Question):
    """Whether the action shall run now: a Python check of the state."""


@dataclass(frozen=True, slots=True)
class Reconciliation(Question):
    """What became of an action outside the board that was cut short."""


Q = TypeVar("Q", bound=Question)


def read_question(
    of: type[Q], function: Callable[..., Any] | None, parameters: tuple[Parameter, ...], subject: str
) -> Q | None:
    """The question that a function asks about what a source with these parameters binds; None without a function.

    Its parameters mean what the source's of those names mean, or are annotated like a source's. Raises InvalidSource.
    """
    if function is None:
        return None
    subject = f"{of.__name__.lower()} of {subject}"
    known = {parameter.name: parameter for parameter in parameters}
    asked = read_signature(function, subject, known).parameters
    for parameter in asked:
        if isinstance(parameter, Pattern) and parameter.mode is Mode.EACH and known.get(parameter.name) != parameter:
            declared = f"{parameter.name}: {parameter.kind.__name__}"
            problem = f"the source has no parameter {declared}, so it is bound to none"
            remedy = f"Name it like the source's parameter, or take what there is: {declared} | None"
            raise InvalidSource(f"{subject}, parameter {parameter.name}", problem, remedy)
    return of(function, asked)
