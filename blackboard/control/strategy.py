"""The contract of a strategy: a pure function from what a board shows to what may run.

A strategy is a frozen dataclass. What it is made of is data (see `blackboard.control.notation`), so that `board.orchestrate`
can put it on the board and any controller can take it from there; what it remembers between decisions is its *state*, a JSON
value that lives on the board too. It never waits, reads or writes: the same view, state and time give the same decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from blackboard.activation import Activation
from blackboard.control.ending import Ending, Tally
from blackboard.control.registry import Registry
from blackboard.control.view import View
from blackboard.edge import Linked
from blackboard.entry import Entry
from blackboard.errors import InvalidStrategy
from blackboard.ids import is_kind_name, is_source_name
from blackboard.knowledge_source import KnowledgeSource

State = Any
"""What a strategy remembers between two decisions: a JSON value, None before the first."""

Grants = Sequence[Activation]
"""What may run: held activations of the view, in the order in which they are granted."""

Source = KnowledgeSource[..., Any] | str
"""A source, or its name, which is what a strategy keeps of it."""

Sources = Source | Sequence[Source] | None
"""One source, or several; None for all that there are."""


@dataclass(frozen=True)
class Strategy(Linked):
    """Who may run next. A subclass is a frozen dataclass with a `decide`, of about ten lines.

        @dataclass(frozen=True)
        class Patient(Strategy):
            '''One at a time, the oldest first, and none while the queue is short.'''

            enough: int = 3

            def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
                if view.under_way or len(view.held) < self.enough:
                    return [], state
                return [min(view.held, key=lambda each: each.since)], state

    Its fields are strategies, endings, sources and kinds (kept as their names), functions at the top of a module, conditions,
    durations, and JSON values, alone or in lists, tuples and dictionaries. A class is known by its name, which must be unique
    in a program; its module must be imported where the controller runs. What `decide` raises pauses the board, with the reason.
    """

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        super().__init_subclass__()
        if not abstract:
            STRATEGIES.add(cls)

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, named(getattr(self, each.name)))

    # ------------------------------------------------------------------ what a strategy wants to see

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of which it wants to see the entries; by itself those that the parts it is made of want to see."""
        return frozenset[str]().union(*(part.kinds for part in self._parts()))

    @property
    def recency(self) -> bool:
        """Whether it wants to know how recent the entries on the agenda are."""
        return any(part.recency for part in self._parts() if isinstance(part, Strategy))

    # ------------------------------------------------------------------ what a strategy says

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        """What may run now, of ``view.held``, and what to remember. ``now`` is the store's time in milliseconds.

        It is asked again whenever something happens on the board. Granting nothing waits for that.
        """
        raise NotImplementedError

    # All that follows is asked after `decide`, with the same view and the state that it returned.

    def finished(self, view: View, state: State, now: int) -> bool:
        """Whether it will grant nothing any more, whatever happens."""
        del view, state, now
        return False

    def wake(self, view: View, state: State, now: int) -> int | None:
        """The time in milliseconds at which it wants to be asked again even if nothing happens; None for never."""
        del view, state, now
        return None

    def exhausted(self, view: View, state: State, ended: Sequence[str]) -> bool:
        """Whether what follows it may begin, though it might go on: of the sources ``ended`` something has ended under it."""
        del view, state, ended
        return False

    @property
    def endless(self) -> bool:
        """Whether nothing can come after it, since it never ends by itself."""
        return False

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        """What to write on the board with this decision: what agents of control must know, such as `Setback`.

        Whatever is posted twice is posted under the same address with the same data.
        """
        del view, state, now
        return ()

    def foreseen(self, state: State) -> Sequence[str]:
        """The sources it would grant next, in order, if each of them is all that is open when the one before has fired.

        Then the store grants them without asking, and keeps what `decide` would have. Only a strategy may name any that looks
        at nothing but which sources are on the agenda and have ended: neither at entries nor at addresses or the time. Of a
        subclass that has another `decide`, what it inherits here says nothing.
        """
        del state
        return ()

    def describe(self, view: View, state: State, now: int) -> str:
        """Where it stands, in a few words: `step 2 of 3: check_history`."""
        del state, now
        return f"{type(self).__name__}: {len(view.under_way)} under way, {len(view.held)} held"

    @property
    def label(self) -> str:
        """What it is called in events."""
        return type(self).__name__

    # ------------------------------------------------------------------ combinations

    def then(self, following: Strategy) -> Then:
        """This strategy until it is finished and all that it granted has ended, then another."""
        return Then(self, following)

    def until(self, *endings: Ending) -> Until:
        """This strategy until it is finished or one of the endings is reached."""
        return Until(self, endings)

    # ------------------------------------------------------------------ for subclasses

    def _require(self, sound: bool, problem: str, remedy: str) -> None:
        """Raises InvalidStrategy, in the name of this strategy, unless all is sound."""
        if not sound:
            raise InvalidStrategy(type(self).__name__, problem, remedy)

    def _require_sources(self, *names: Any) -> None:
        """Raises InvalidStrategy unless these can be names of sources."""
        for name in names:
            self._require(
                is_source_name(name), f"{name!r} is no source", "Give it a knowledge source, or the name of one"
            )

    def _require_kinds(self, names: Any) -> None:
        """Raises InvalidStrategy unless these can be names of kinds."""
        sound = isinstance(names, tuple) and all(isinstance(each, str) and is_kind_name(each) for each in names)
        self._require(sound, f"{names!r} are no kinds", "Give it a list of kinds, or of their names")

    def _require_ends(self, *phases: Strategy) -> None:
        """Raises InvalidStrategy for one after which nothing would ever come."""
        for phase in phases:
            name = type(phase).__name__
            remedy = f"Name the sources that it is to wait for, sources=[…], or end it: {name}(…).until(Quiescence())"
            self._require(not phase.endless, f"{name} never ends, so that what follows would never begin", remedy)

    def _parts(self) -> Iterator[Strategy | Ending]:
        for each in fields(self):
            yield from _parts(getattr(self, each.name))


STRATEGIES: Final[Registry[Strategy]] = Registry("strategy")


def named(value: Any) -> Any:
    """A field's value with names in the place of sources and kinds, and tuples in the place of lists."""
    if isinstance(value, KnowledgeSource):
        return value.name
    if isinstance(value, type) and issubclass(value, Entry):
        return value.__kind__
    if isinstance(value, list | tuple):
        return tuple(named(each) for each in value)
    if isinstance(value, Mapping):
        return {key: named(each) for key, each in value.items()}
    return value


def _parts(value: Any) -> Iterator[Strategy | Ending]:
    if isinstance(value, Strategy | Ending):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, Mapping):
        yield from _parts(tuple(value.values()))


# ---------------------------------------------------------------------------- one strategy inside another


def follow(strategy: Strategy, view: View, memory: State, now: int) -> tuple[Grants, State]:
    """Asks a strategy inside another. Its memory is None when it begins, then its state, the numbers of what it granted, and the
    sources of which something has ended since.
    """
    if memory is None:
        view, memory = view.afresh(), {"state": None, "granted": [], "ended": []}
    grants, state = strategy.decide(view, memory["state"], now)
    going_on = {each.number for each in view.under_way}.intersection(memory["granted"])
    ended = {str(event.source) for event in view.ended()}.union(memory["ended"])
    granted = sorted(going_on.union(each.number for each in grants))
    return grants, {"state": state, "granted": granted, "ended": sorted(ended)}


def is_over(strategy: Strategy, view: View, memory: State, now: int, *, last: bool = False) -> bool:
    """Whether a strategy inside another is finished and all that it granted has ended; unless it is the last, it is also over
    when it is exhausted.
    """
    if any(each.number in memory["granted"] for each in view.agenda):
        return False
    if strategy.finished(view, memory["state"], now):
        return True
    return not last and strategy.exhausted(view, memory["state"], memory["ended"])


def in_turn(phases: Sequence[Strategy], view: View, state: State, now: int) -> tuple[Grants, State]:
    """Asks the strategy whose turn it is: each begins when the one before is over. After the last there is no way back."""
    at, memory = (state["at"], state["memory"]) if state else (0, None)
    while at < len(phases):
        grants, memory = follow(phases[at], view, memory, now)
        if grants or not is_over(phases[at], view, memory, now, last=at + 1 == len(phases)):
            return grants, {"at": at, "memory": memory}
        at, memory = at + 1, None
    return (), {"at": at, "memory": None}


class InTurn(Strategy, abstract=True):
    """What strategies have in common that follow others one after the other."""

    @property
    def phases(self) -> tuple[Strategy, ...]:
        """What is followed, the first first."""
        raise NotImplementedError

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return in_turn(self.phases, view, state, now)

    def finished(self, view: View, state: State, now: int) -> bool:
        return bool(state["at"] == len(self.phases))

    @property
    def endless(self) -> bool:
        return self.phases[-1].endless

    def exhausted(self, view: View, state: State, ended: Sequence[str]) -> bool:
        if state["at"] < len(self.phases) - 1 or not state["memory"]:
            return bool(state["at"] == len(self.phases))
        memory = state["memory"]
        return self.phases[-1].exhausted(view, memory["state"], memory["ended"])

    def wake(self, view: View, state: State, now: int) -> int | None:
        return min(filter(None, (phase.wake(view, inner, now) for phase, inner in self._current(state))), default=None)

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        return [post for phase, inner in self._current(state) for post in phase.posts(view, inner, now)]

    def describe(self, view: View, state: State, now: int) -> str:
        for phase, inner in self._current(state):
            return f"step {state['at'] + 1} of {len(self.phases)}: {phase.describe(view, inner, now)}"
        return f"finished, {len(self.phases)} of {len(self.phases)} steps"

    def _current(self, state: State) -> list[tuple[Strategy, State]]:
        """Whose turn it is, with its state; nobody's in the end."""
        return [(phase, state["memory"]["state"]) for phase in self.phases[state["at"] : state["at"] + 1]]


@dataclass(frozen=True)
class Then(InTurn):
    """One strategy until it is finished and all that it granted has ended, then another."""

    first: Strategy
    second: Strategy

    @property
    def label(self) -> str:
        return f"{self.first.label}, then {self.second.label}"

    def __post_init__(self) -> None:
        super().__post_init__()
        for phase in self.phases:
            self._require(isinstance(phase, Strategy), f"{phase!r} is no strategy", "Write a_strategy.then(another)")
        self._require_ends(self.first)

    @property
    def phases(self) -> tuple[Strategy, ...]:
        return (self.first, self.second)


@dataclass(frozen=True)
class Until(Strategy):
    """A strategy that ends early when one of the endings is reached; once it has, it grants nothing any more."""

    strategy: Strategy
    endings: tuple[Ending, ...]

    @property
    def label(self) -> str:
        return f"{self.strategy.label} until {' or '.join(map(str, self.endings))}"

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.endings
        self._require(
            isinstance(given, tuple) and bool(given),
            "without an ending it goes on as before",
            "Name one: until(Quiescence())",
        )
        for ending in self.endings:
            self._require(
                isinstance(ending, Ending), f"{ending!r} is no ending", "Use Goal, Quiescence, Budget or Deadline"
            )

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        state = state or {"began": now, "grants": 0, "inner": None, "reached": None}
        if reached := state["reached"] or self._reached(view, self._tally(state, now)):
            return (), state | {"reached": reached}
        grants, inner = self.strategy.decide(view, state["inner"], now)
        grants = grants[: self._allowance(self._tally(state, now))]
        state = state | {"inner": inner, "grants": state["grants"] + len(grants)}
        tally = self._tally(state, now, idle=not grants)
        return grants, state | {"reached": self._reached(view.granting(grants), tally)}

    def finished(self, view: View, state: State, now: int) -> bool:
        return bool(state["reached"]) or self.strategy.finished(view, state["inner"], now)

    def wake(self, view: View, state: State, now: int) -> int | None:
        if state["reached"]:
            return None
        tally = self._tally(state, now)
        times = [self.strategy.wake(view, state["inner"], now), *(ending.due(tally) for ending in self.endings)]
        return min((time for time in times if time is not None), default=None)

    def exhausted(self, view: View, state: State, ended: Sequence[str]) -> bool:
        return self.strategy.exhausted(view, state["inner"], ended)

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        return () if state["reached"] else self.strategy.posts(view, state["inner"], now)

    def describe(self, view: View, state: State, now: int) -> str:
        if state["reached"]:
            return f"ended, {state['reached']}"
        return self.strategy.describe(view, state["inner"], now)

    def _reached(self, view: View, tally: Tally) -> str | None:
        return next((str(ending) for ending in self.endings if ending.reached(view, tally)), None)

    def _allowance(self, tally: Tally) -> int | None:
        allowances = (ending.allows(tally) for ending in self.endings)
        return min((each for each in allowances if each is not None), default=None)

    @staticmethod
    def _tally(state: State, now: int, *, idle: bool = False) -> Tally:
        return Tally(state["began"], now, state["grants"], idle)
