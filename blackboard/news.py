"""News: the events of a board since somebody looked last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Self, overload

from blackboard.event import Event, EventType

ENDINGS = frozenset({EventType.FIRED, EventType.DIED, EventType.OBVIATED})
"""How an activation leaves the agenda."""


class News(Sequence[Event]):
    """The events since somebody looked last, oldest first: a sequence, of which each is read when it is asked for.

    Most who are told how a board has changed look at a few of its events, and to make all of them takes longer than to decide.
    """

    __slots__ = ("_known", "_read", "_types")

    def __init__(self, types: Sequence[EventType], read: Callable[[int], Event]) -> None:
        """``types`` are those of the events, in order; ``read`` makes the event at an index."""
        self._types = types
        self._read = read
        self._known: dict[int, Event] = {}

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """The news that these events are."""
        made = tuple(events)
        return cls([event.type for event in made], made.__getitem__)

    def ended(self) -> list[Event]:
        """How activations have ended: fired, died or obviated."""
        return [self[index] for index, kind in enumerate(self._types) if kind in ENDINGS]

    def __len__(self) -> int:
        return len(self._types)

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        if isinstance(index, slice):
            return tuple(self[each] for each in range(*index.indices(len(self))))
        place = range(len(self._types))[index]
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = self._read(place)
        return known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"News({', '.join(f'{event.seq} {event.type}' for event in self)})"


NO_NEWS = News.of(())
"""Nothing has happened."""
