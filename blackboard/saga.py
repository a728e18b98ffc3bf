"""Sagas: undoing what was committed on a board, effects before causes, as a function of its log.

What an activation depends on follows from what it was bound to: it is an effect of whoever wrote that, and of whoever wrote what
triggered it (Garcia-Molina and Salem, "Sagas", SIGMOD 1987, undo in the reverse of one order; here only what depends on each
other is ordered). Nothing here knows the store: the events of a board go in, and who is to be undone next comes out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any, Literal, Self

from blackboard.activation import UNDOES, Activation, ActivationState
from blackboard.event import Event, EventType

MOST_OPENED = 500
"""Compensations that one look opens; when one of them ends, there is another look."""

STUCK = "stuck"
"""The outcome of a saga that waits for a person."""

GOES_ON = frozenset({"undoing", STUCK})
"""The states of a saga that has not ended."""

_ENTRY_EVENTS = frozenset({EventType.POSTED, EventType.REVISED, EventType.RETRACTED})
_TARGET = "@undo/"


class Abort(BaseException):
    """An agent gives up for its whole board (`ctx.abort`). No `except Exception` of the agent's own keeps it from that."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @classmethod
    def within(cls, error: BaseException) -> Abort | None:
        """The one that an error is, or that is in its group: an agent may have tasks of its own."""
        if isinstance(error, BaseExceptionGroup):
            return next(filter(None, map(cls.within, error.exceptions)), None)
        return error if isinstance(error, Abort) else None


class Undoing(StrEnum):
    """Where the undoing of one activation is."""

    PENDING = "pending"
    """It has not begun: what depends on it is undone first."""
    OPEN = "open"
    DEAD = "dead"
    UNDONE = "undone"
    SKIPPED = "skipped"

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits for it any more."""
        return self in {Undoing.UNDONE, Undoing.SKIPPED}


@dataclass(frozen=True, slots=True)
class Saga:
    """How far a board is undone, or was the last time.

    ``state`` is ``undoing``, ``stuck`` (what is left waits for what is dead, and a person for word of it), ``aborted`` (all is
    undone, and the board is over), ``undone`` (it is back at its savepoint, and goes on), ``abandoned`` (it was closed
    meanwhile), or ``none`` when nothing was ever undone. ``began`` is the number of the event that began it, ``savepoint``
    that of the mark it goes back to (0: everything). The others name activations, such as ``take_payment#17``, in the order
    in which they are undone.

    While anything is left that ran when it began, nothing is undone: ``awaited`` names that, and ``unknown`` those of it whose
    outcome only a person can say (`board.resolve`).
    """

    state: str
    reason: str = ""
    by: str | None = None
    began: int = 0
    savepoint: int = 0
    undone: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def awaited(agenda: Iterable[Activation]) -> tuple[Activation, ...]:
    """What undoing waits for, of what is open: it runs, or may have acted outside the board, and is itself no undoing."""
    states = {ActivationState.RUNNING, ActivationState.UNKNOWN}
    return tuple(each for each in agenda if (each.state in states or each.unsure) and each.source == each.agent)


def unknown(agenda: Iterable[Activation]) -> tuple[str, ...]:
    """The names of those that wait for a person's word."""
    return tuple(each.name for each in awaited(agenda) if each.state is ActivationState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Agent:
    """What planning must know of a source: whether it can be undone, which kinds it is bound to beyond its addresses, and which
    it writes.
    """

    compensated: bool
    gathers: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> Self:
        """What the card of a registered source says."""
        trigger = card.get("trigger", {})
        once = trigger.get("rf") == "o"  # its identity has no addresses
        gathers = [pattern["k"] for pattern in trigger.get("p", ()) if once or pattern["m"] != "e"]
        writes = tuple(kind["kind"] for kind in card.get("writes", ()))
        return cls(card.get("compensation") is not None, tuple(dict.fromkeys(gathers)), writes)


Verdict = Literal["go", "wait", "done", "stuck"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done next: the activations (source, number) whose compensations may be opened now, and how far all is.

    ``states`` has everything that the saga undoes, in the order in which it does.
    """

    verdict: Verdict
    opening: tuple[tuple[str, int], ...]
    states: Mapping[str, Undoing]

    def named(self, state: Undoing) -> tuple[str, ...]:
        """The activations in this state, in order."""
        return tuple(name for name, each in self.states.items() if each is state)


@dataclass(slots=True)
class _Deed:
    """An activation as the log tells it. ``events`` are those that made it come about, ``undone`` how far its undoing is.

    ``parts`` is what it had written before it fired: kind → the last event of it. ``obviated``: it left without having fired.
    """

    source: str
    number: int
    addresses: tuple[str, ...]
    events: list[int]
    fired: int = 0
    snapshot: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    obviated: bool = False
    undone: Undoing = Undoing.PENDING
    settled: int = 0

    @property
    def last(self) -> int:
        """The event of its commit, or else of the last of its parts."""
        return self.fired or max(self.parts.values(), default=0)

    def committed(self, agent: Agent, savepoint: int) -> int:
        """The event by which it has committed what can be undone; 0 when it has not, or may yet go on.

        On a board that is undone as a whole nobody goes on. After a savepoint the dead can be tried again, and so does whoever
        sleeps or asks: only what left the agenda for good is over, with whatever parts it had committed.
        """
        if self.fired or not (savepoint == 0 or self.obviated):
            return self.fired
        return max((self.parts.get(kind, 0) for kind in agent.writes), default=0)

    @property
    def name(self) -> str:
        return f"{self.source}#{self.number}"


@dataclass(slots=True)
class Ledger:
    """What a board's events say of who did what, and what of that was undone; they are noted one by one, in order."""

    began: Event | None = None
    """The event that began the latest saga."""
    ended: Event | None = None
    """The event that ended it, once it has."""
    _deeds: dict[int, _Deed] = field(default_factory=dict)
    _open: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    _authors: dict[int, int] = field(default_factory=dict)
    """Event → the activation that brought it about."""
    _writes: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)
    """Address → the events that changed it, and their authors: 0 for somebody outside, and for nobody once it was retracted."""
    _kinds: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """The ledger of all these events."""
        ledger = cls()
        for event in events:
            ledger.note(event)
        return ledger

    # ------------------------------------------------------------------ reading

    def note(self, event: Event) -> None:
        """Note the next event."""
        if event.type in _ENTRY_EVENTS:
            self._note_write(event)
        elif event.type is EventType.ABORTED:
            self.began, self.ended = event, None
        elif event.type is EventType.UNDONE and event.outcome != STUCK:
            self.ended = event
        elif event.type is EventType.TRIGGERED:
            self._note_trigger(event)
        elif event.type is EventType.HANDED_OFF:
            self._authors[event.seq] = self._author(event.by)
            if deed := self._deeds.get(self._open.get((event.source or "", event.addresses), 0)):
                deed.events.append(event.seq)
        elif event.type is EventType.FIRED and (deed := self._deeds.get(event.number or 0)):
            deed.fired, deed.snapshot = event.seq, event.snapshot or 0
            self._authors[event.seq] = deed.number
        elif event.type is EventType.OBVIATED and (deed := self._deeds.get(event.number or 0)):
            deed.obviated = True
        self._note_undoing(event)

    def _note_write(self, event: Event) -> None:
        address, author = event.address or "", self._author(event.by)
        seqs, authors = self._writes.setdefault(address, ([], []))
        seqs.append(event.seq)
        authors.append(0 if event.type is EventType.RETRACTED else author)
        self._kinds.setdefault(event.kind or "", set()).add(address)
        self._authors[event.seq] = author
        if author and not (deed := self._deeds[author]).fired:
            deed.snapshot = event.seq - 1  # a part; the log says only at its end as of when it was bound
            deed.parts[event.kind or ""] = event.seq

    def _note_trigger(self, event: Event) -> None:
        deed = _Deed(event.source or "", event.number or 0, event.addresses, [event.cause or 0])
        self._deeds[deed.number] = deed
        self._open[deed.source, deed.addresses] = deed.number

    def _note_undoing(self, event: Event) -> None:
        """What became of a compensation, where the event is about one."""
        state = _OUTCOMES.get(event.type)
        if state is None or not (event.source or "").startswith(UNDOES) or not event.addresses:
            return
        target = self._deeds.get(int(event.addresses[0].removeprefix(_TARGET)))
        if target is not None:
            target.undone, target.settled = state, event.seq

    def _author(self, by: str | None) -> int:
        """The number of the activation that an event names as its author, 0 for a program or a person."""
        source, _, number = (by or "").rpartition("#")
        deed = self._deeds.get(int(number)) if number.isascii() and number.isdigit() else None
        return deed.number if deed is not None and deed.source == source else 0

    # ------------------------------------------------------------------ planning

    def plan(self, agents: Mapping[str, Agent], *, one_by_one: bool = False, busy: bool = False) -> Plan:
        """What the latest saga does next.

        ``one_by_one`` is how a board under control is undone: strictly in the reverse order of commits. ``busy``: something
        still runs that is no compensation, whose effects are to be undone as well, so that nothing is until it has ended.
        """
        order = self.order(agents)
        deeds = [self._deeds[number] for number in order]
        states = {deed.name: deed.undone for deed in deeds}
        opening = () if busy else tuple(self._may_go(deeds, order, one_by_one))[:MOST_OPENED]
        return Plan(_verdict(states, opening, busy), opening, states)

    def _may_go(
        self, deeds: Sequence[_Deed], order: Mapping[int, AbstractSet[int]], one_by_one: bool
    ) -> Iterator[tuple[str, int]]:
        for deed in deeds:
            if one_by_one and not deed.undone.is_settled:
                if deed.undone is Undoing.PENDING:
                    yield deed.source, deed.number
                return
            waits = any(not self._deeds[effect].undone.is_settled for effect in order[deed.number])
            if deed.undone is Undoing.PENDING and not waits:
                yield deed.source, deed.number

    def order(self, agents: Mapping[str, Agent]) -> dict[int, set[int]]:
        """Everything that the latest saga undoes, in one order in which it could; each with its effects, which come before it.

        The order is that of the commits reversed, as far as effects allow. What an activation committed in parts, before a crash,
        can make two the effects of each other: of those, the last to be committed comes first.
        """
        targets = self._targets(agents)
        causes = {number: self._nearest(number, targets, agents) for number in targets}
        effects: dict[int, set[int]] = {number: set() for number in targets}
        for number in targets:
            for cause in causes[number]:
                effects[cause].add(number)
        waits = {number: set(found) for number, found in effects.items()}
        ready = [self._rank(number) for number in targets if not waits[number]]
        heapify(ready)
        placed: dict[int, set[int]] = {}
        while waits:
            number = heappop(ready)[1] if ready else self._break(waits)
            del waits[number]
            placed[number] = effects[number] & placed.keys()
            for cause in causes[number] & waits.keys():
                waits[cause].discard(number)
                if not waits[cause]:
                    heappush(ready, self._rank(cause))
        return placed

    def _rank(self, number: int) -> tuple[int, int]:
        """What is undone first, of what could be: what was committed last."""
        return -self._deeds[number].last, number

    def _break(self, waits: Mapping[int, AbstractSet[int]]) -> int:
        """Where all wait for each other, who does not: the last of those that wait for nobody outside of their circle."""
        return min(waits, key=lambda number: (len(_reached(number, waits)), self._rank(number)))

    def _targets(self, agents: Mapping[str, Agent]) -> set[int]:
        """What was committed after the savepoint and can be undone, but for what an earlier saga has undone.

        Of what is over without having ended, this is what it had committed in parts.
        """
        if self.began is None:
            return set()
        savepoint, began = self.began.cause or 0, self.began.seq
        until = self.ended.seq if self.ended else inf
        return {
            deed.number
            for deed in self._deeds.values()
            if (agent := agents.get(deed.source)) is not None
            and agent.compensated
            and savepoint < deed.committed(agent, savepoint) < until
            and not (deed.undone.is_settled and deed.settled < began)
        }

    def _nearest(self, number: int, targets: AbstractSet[int], agents: Mapping[str, Agent]) -> set[int]:
        """The nearest of the targets that an activation is an effect of, directly or by way of others."""
        found: set[int] = set()
        seen, ahead = {number}, [number]
        while ahead:
            for cause in self._causes(ahead.pop(), agents) - seen:
                seen.add(cause)
                if cause in targets:
                    found.add(cause)
                else:
                    ahead.append(cause)
        return found

    def _causes(self, number: int, agents: Mapping[str, Agent]) -> set[int]:
        """The activations that wrote what this one was bound to, and what triggered it; of a compensation, what it undid."""
        deed = self._deeds[number]
        if deed.source.startswith(UNDOES):
            return {int(address.removeprefix(_TARGET)) for address in deed.addresses} & self._deeds.keys()
        found = {self._authors.get(event, 0) for event in deed.events}
        agent = agents.get(deed.source)
        gathered = (address for kind in (agent.gathers if agent else ()) for address in self._kinds.get(kind, ()))
        for address in (*deed.addresses, *gathered):
            found.add(self._author_at(address, deed.snapshot))
        return found - {0}

    def _author_at(self, address: str, snapshot: int) -> int:
        """Who wrote what was at an address as of an event; 0 when it was nobody's on this board."""
        seqs, authors = self._writes.get(address, ([], []))
        place = bisect_right(seqs, snapshot)
        return authors[place - 1] if place else 0


_OUTCOMES: Mapping[EventType, Undoing] = {
    EventType.TRIGGERED: Undoing.OPEN,
    EventType.REVIVED: Undoing.OPEN,
    EventType.FIRED: Undoing.UNDONE,
    EventType.DIED: Undoing.DEAD,
    EventType.SKIPPED: Undoing.SKIPPED,
}


def _reached(number: int, ways: Mapping[int, AbstractSet[int]]) -> set[int]:
    """A number, and everything that can be reached from it."""
    seen = {number}
    ahead = [number]
    while ahead:
        new = ways.get(ahead.pop(), set()) - seen
        seen |= new
        ahead += new
    return seen


def _verdict(states: Mapping[str, Undoing], opening: Sequence[Any], busy: bool) -> Verdict:
    found = set(states.values())
    if busy:
        return "wait"
    if opening:
        return "go"
    if Undoing.OPEN in found:
        return "wait"
    return "stuck" if Undoing.DEAD in found else "done"
