"""When a strategy has done enough: a goal, quiescence, a budget, a deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from blackboard.clock import to_seconds
from blackboard.condition import Clause
from blackboard.control.criterion import criteria, exists, kinds_of
from blackboard.control.registry import Registry
from blackboard.control.view import View
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from blackboard.ids import is_kind_name
from blackboard.measure import CENTURY, is_duration


@dataclass(frozen=True, slots=True)
class Tally:
    """What a strategy has done since it began: when that was and what time it is (milliseconds), and how much it granted.

    ``idle`` says that it was asked just now and granted nothing.
    """

    began: int
    now: int
    grants: int
    idle: bool = False


@dataclass(frozen=True)
class Ending:
    """A condition that ends a strategy; pure, and data like the strategy itself.

    A subclass is a frozen dataclass with a `reached`; what its fields may be is said at `blackboard.control.Strategy`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        ENDINGS.add(cls)

    def __post_init__(self) -> None:
        """A subclass may check and tidy its fields here."""

    def __str__(self) -> str:
        return type(self).__name__.lower()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of which it wants to see the entries."""
        return frozenset()

    def reached(self, view: View, tally: Tally) -> bool:
        """Whether it is time to end. Asked before each decision, and after it with the grants counted."""
        raise NotImplementedError

    def allows(self, tally: Tally) -> int | None:
        """How much more may be granted; None when that does not matter."""
        del tally
        return None

    def due(self, tally: Tally) -> int | None:
        """The time in milliseconds at which it is reached even if nothing happens; None when time does not matter."""
        del tally
        return None


ENDINGS: Final[Registry[Ending]] = Registry("ending")


@dataclass(frozen=True, init=False)
class Goal(Ending):
    """Ends when the board has an entry of a kind for which all the conditions hold: `Goal(Decision, Decision.approved)`.

    Raises InvalidStrategy for a condition that is not about the fields of that kind.
    """

    kind: str
    conditions: tuple[Clause, ...] = ()

    def __init__(self, kind: type[Entry] | str, *conditions: object) -> None:
        object.__setattr__(self, "kind", getattr(kind, "__kind__", kind))
        object.__setattr__(self, "conditions", conditions)
        self.__post_init__()

    def __post_init__(self) -> None:
        kind: Any = self.kind
        if not isinstance(kind, str) or not is_kind_name(kind):
            raise InvalidStrategy("Goal", f"{kind!r} is no kind", "Give it a kind of entry, or the name of one")
        object.__setattr__(self, "conditions", criteria(f"Goal({self.kind})", self.conditions))
        if other := kinds_of(self.conditions) - {self.kind}:
            problem = f"a condition is about {', '.join(sorted(other))}, and the goal about {self.kind}"
            raise InvalidStrategy(
                f"Goal({self.kind})", problem, "Make it two endings, of which the first one ends: until(a, b)"
            )

    def __str__(self) -> str:
        conditions = " and ".join(map(str, self.conditions))
        return f"goal: {self.kind} with {conditions}" if conditions else f"goal: {self.kind}"

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset({self.kind})

    def reached(self, view: View, tally: Tally) -> bool:
        del tally
        return exists(self.kind, self.conditions, view)


@dataclass(frozen=True)
class Quiescence(Ending):
    """Ends when nothing more will happen by itself: the strategy grants nothing, nothing runs, is delayed or retried.

    What is held and not for this strategy does not matter. A board on which nothing has ever ended is not quiescent but new.
    """

    def reached(self, view: View, tally: Tally) -> bool:
        return tally.idle and not view.has_more_to_come and (tally.grants > 0 or any(view.history.values()))


@dataclass(frozen=True)
class Budget(Ending):
    """Ends when a number of activations has been granted; it is never exceeded, and what was granted runs to its end.

    Raises InvalidStrategy unless the number is a whole one from 1.
    """

    grants: int

    def __post_init__(self) -> None:
        if not is_whole(self.grants):
            raise InvalidStrategy("Budget", f"grants={self.grants!r} is not a whole number from 1", "Give it one")

    def __str__(self) -> str:
        return f"budget: {self.grants} grants"

    def reached(self, view: View, tally: Tally) -> bool:
        del view
        return tally.grants >= self.grants

    def allows(self, tally: Tally) -> int:
        return self.grants - tally.grants


@dataclass(frozen=True)
class Deadline(Ending):
    """Ends a time after the strategy began, as a timedelta or in seconds; what was granted by then runs to its end.

    Raises InvalidStrategy unless the time is positive.
    """

    after: timedelta | float

    def __post_init__(self) -> None:
        if not is_duration(self.after, longest=CENTURY.total_seconds()):
            problem = f"after={self.after!r} is no duration from 1 ms to 100 years"
            raise InvalidStrategy("Deadline", problem, "Give it a timedelta, or seconds")

    def __str__(self) -> str:
        return f"deadline: after {self._seconds:g} s"

    def reached(self, view: View, tally: Tally) -> bool:
        del view
        return tally.now >= self.due(tally)

    def due(self, tally: Tally) -> int:
        return tally.began + round(self._seconds * 1000)

    @property
    def _seconds(self) -> float:
        return to_seconds(self.after)


def is_whole(number: Any, lowest: int = 1) -> bool:
    """Whether something is a whole number, and not too low."""
    return isinstance(number, int) and not isinstance(number, bool) and number >= lowest
