"""What a strategy sees of a board when it decides: a value, taken at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from blackboard.activation import Activation, ActivationState, StoredEntry
from blackboard.entry import Entry
from blackboard.event import Event
from blackboard.legible import legible
from blackboard.news import NO_NEWS, News

E = TypeVar("E", bound=Entry)

PARKED = frozenset({ActivationState.SLEEPING, ActivationState.ASKING})

UNDER_WAY = PARKED | {
    ActivationState.READY,
    ActivationState.LIMITED,
    ActivationState.RUNNING,
    ActivationState.RETRYING,
}

TO_COME = frozenset(
    {ActivationState.BIDDING, ActivationState.DELAYED, ActivationState.RETRYING, ActivationState.SLEEPING}
)

AT_REST = frozenset({ActivationState.WAITING, ActivationState.UNKNOWN})
"""What does not go on by itself: its precondition declined, or its outcome is unknown."""


@dataclass(frozen=True, slots=True)
class View:
    """A board as a strategy sees it.

    ``seq`` is the board's last event, ``epoch`` the epoch of control, ``agenda`` every open activation in the order in which
    a choreographed board would run them (priority, rating, age). ``news`` are the events since the strategy last decided,
    oldest first (since the switch, the first time; at most 1,000, the latest); a view may be made with any events.
    ``entries`` holds the entries of the kinds that the strategy asked for (`Strategy.kinds`), by kind, in address order;
    ``written`` says, for strategies that ask (`Strategy.recency`), which event wrote the entry at each address on the agenda.
    ``history`` counts, by source, the activations that ever ended on this board, as far as its controller knows: so a
    strategy that takes over a board in the middle knows what was done before.
    """

    board: str
    seq: int
    epoch: int
    agenda: tuple[Activation, ...] = ()
    news: News = NO_NEWS
    entries: Mapping[str, tuple[StoredEntry, ...]] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)
    history: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        news: Any = self.news
        if not isinstance(news, News):  # as tests of strategies give them
            object.__setattr__(self, "news", News.of(news))

    @property
    def held(self) -> tuple[Activation, ...]:
        """What can be granted, the first first."""
        return tuple(each for each in self.agenda if each.state is ActivationState.HELD)

    @property
    def under_way(self) -> tuple[Activation, ...]:
        """What was granted and has not ended, and what still runs from before the switch."""
        return tuple(each for each in self.agenda if each.state in UNDER_WAY and self._counts(each))

    @property
    def open(self) -> tuple[Activation, ...]:
        """What is still to be done: all but what waits for the board to change, or for a person to say what became of it."""
        return tuple(each for each in self.agenda if each.state not in AT_REST)

    @property
    def at_rest(self) -> bool:
        """Nothing is open: only input from outside can go on."""
        return not self.open

    @property
    def stands_still(self) -> bool:
        """Something is held and nothing under way: unless more is granted, only input from outside can go on."""
        bidding = any(each.state is ActivationState.BIDDING for each in self.agenda)
        return bool(self.held) and not self.under_way and not bidding

    @property
    def has_more_to_come(self) -> bool:
        """Something is under way or will come to be ready by itself."""
        return bool(self.under_way) or any(each.state in TO_COME for each in self.agenda)

    def of(self, *sources: str) -> tuple[Activation, ...]:
        """What is on the agenda of these sources."""
        return tuple(each for each in self.agenda if each.source in sources)

    def ended(self, source: str | None = None) -> tuple[Event, ...]:
        """How activations (of a source) ended since the strategy last decided: fired, died or obviated."""
        return tuple(each for each in self.news.ended() if source in {None, each.source})

    def read(self, kind: type[E]) -> list[E]:
        """The entries of a kind that the strategy asked for, in address order; of a keyed one, those that this release can read.

        Raises InvalidEntry for one that does not fit.
        """
        stored = self.entries.get(kind.__kind__, ())
        return legible(kind, stored)

    # ------------------------------------------------------------------ the same board, seen otherwise

    def afresh(self) -> View:
        """As a strategy sees it that begins now: nothing is news to it."""
        return replace(self, news=NO_NEWS)

    def granting(self, grants: Sequence[Activation]) -> View:
        """As it will be once these are granted."""
        if not grants:
            return self
        numbers = {each.number for each in grants}
        return replace(
            self, agenda=tuple(self._granted(each) if each.number in numbers else each for each in self.agenda)
        )

    def _granted(self, activation: Activation) -> Activation:
        return replace(activation, state=ActivationState.READY, granted=self.epoch)

    def _counts(self, activation: Activation) -> bool:
        return activation.state is ActivationState.RUNNING or activation.granted == self.epoch


def in_rank_order(activations: Sequence[Activation]) -> tuple[Activation, ...]:
    """Activations by priority, rating and age: the order of the agenda."""
    return tuple(sorted(activations, key=lambda each: each.rank))
