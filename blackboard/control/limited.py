"""What strategies have in common that keep at most so many activations under way: they differ in who is next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from blackboard.activation import Activation
from blackboard.control.ending import is_whole
from blackboard.control.strategy import Grants, Sources, State, Strategy
from blackboard.control.view import View
from blackboard.knowledge_source import KnowledgeSource


class Limited(Strategy, abstract=True):
    """Whenever less than ``limit`` is under way, it grants more, as `choose` says; it never finishes by itself.
    As one step among others, it is over when each of its sources has ended at least once and none has more to do.

    Only activations of its sources count, and are granted; without ``sources`` all do. What else there is stays held.
    Raises InvalidStrategy unless the limit is a whole number from 1 and the sources are sources.
    """

    limit: int
    sources: Sources

    def __post_init__(self) -> None:
        if isinstance(self.sources, KnowledgeSource | str):
            object.__setattr__(self, "sources", (self.sources,))
        super().__post_init__()
        self._require(is_whole(self.limit), f"limit={self.limit!r} is not a whole number from 1", "Give it one")
        sound = self.sources is None or isinstance(self.sources, tuple)
        self._require(sound, f"sources={self.sources!r} are no sources", "Name some, or leave sources= out for all")
        self._require_sources(*(self.names or ()))
        self._require(
            self.sources != (), "of no sources nothing is ever granted", "Name some, or leave sources= out for all"
        )

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of its sources; None when all are."""
        return None if self.sources is None else cast("tuple[str, ...]", self.sources)

    def choose(self, held: tuple[Activation, ...], free: int, view: View, state: State) -> tuple[Grants, State]:
        """Up to ``free`` of what is held, which comes in rank order, and what to remember."""
        raise NotImplementedError

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        free = self.limit - len(self._mine(view.under_way))
        return self.choose(self._mine(view.held), max(0, free), view, state)

    @property
    def endless(self) -> bool:
        return self.names is None

    def exhausted(self, view: View, state: State, ended: Sequence[str]) -> bool:
        """Each of its sources has ended at least once, and none has more to do (see `Step` for boards that are taken over)."""
        passed = [name for name in self.names or () if view.stands_still and view.history.get(name, 0) > 0]
        return not self.endless and not self._mine(view.open) and {*ended, *passed}.issuperset(self.names or ())

    def describe(self, view: View, state: State, now: int) -> str:
        under_way, held = len(self._mine(view.under_way)), len(self._mine(view.held))
        return f"{type(self).__name__}: {under_way} of at most {self.limit} under way, {held} held"

    def _mine(self, activations: tuple[Activation, ...]) -> tuple[Activation, ...]:
        names = self.names
        return tuple(each for each in activations if names is None or each.source in names)
