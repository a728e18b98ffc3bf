"""What a compensation is bound to: what an activation wrote, and what it was bound to itself, as the log tells it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from blackboard.activation import StoredEntry
from blackboard.event import Event, EventType

_WRITES = frozenset({EventType.POSTED, EventType.REVISED, EventType.RESHAPED})


@dataclass(slots=True)
class Past:
    """What the events of a board say of each activation and of each address; they are noted one by one, in order.

    A board that is undone has a compensation for each of its activations: what one of them asks must not cost as much as the
    whole log is long.
    """

    _fired: dict[str, Event] = field(default_factory=dict)
    _bound: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Activation → its addresses, until it has fired."""
    _written: dict[str, list[Event]] = field(default_factory=dict)
    """Author → what it wrote."""
    _changes: dict[str, tuple[list[int], list[Event]]] = field(default_factory=dict)
    """Address → the numbers of the events that changed it, and those."""
    _addresses: dict[str, set[str]] = field(default_factory=dict)
    """Kind → its addresses."""

    def note(self, event: Event) -> None:
        """Note the next event."""
        if event.address is not None:
            self._note_change(event, event.address)
        elif event.type is EventType.FIRED and event.activation is not None:
            self._fired.setdefault(event.activation, event)
            self._bound.pop(event.activation, None)
        elif event.type is EventType.TRIGGERED and event.activation is not None:
            self._bound[event.activation] = event.addresses

    def _note_change(self, event: Event, address: str) -> None:
        numbers, changes = self._changes.setdefault(address, ([], []))
        numbers.append(event.seq)
        changes.append(event)
        self._addresses.setdefault(event.kind or "", set()).add(address)
        if event.by is not None:
            self._written.setdefault(event.by, []).append(event)

    def recollect(self, name: str) -> Recollection:
        """The past of an activation (``source#number``) that has fired, or committed parts; nothing of one that has not.

        As of when it was bound, the log says where it fired. Of one that never did, what there was before its first part is the
        nearest that is known.
        """
        fired, written = self._fired.get(name), self._written.get(name, [])
        if fired is not None:
            return Recollection(_left(written), fired.addresses, fired.snapshot or 0, self)
        if not written:
            return Recollection()
        return Recollection(_left(written), self._bound.get(name, ()), written[0].seq - 1, self)

    def before(self, kind: str, addresses: Iterable[str] | None, snapshot: int) -> dict[str, StoredEntry]:
        """What there was of a kind as of an event, everywhere or at some addresses."""
        known = self._addresses.get(kind, set())
        found: dict[str, StoredEntry] = {}
        for address in known if addresses is None else known.intersection(addresses):
            numbers, changes = self._changes[address]
            found |= _left(changes[: bisect_right(numbers, snapshot)][-1:])
        return found


@dataclass(frozen=True, slots=True)
class Recollection:
    """An activation's past: what it wrote last at each address, its own addresses, and what was on its board when it began."""

    written: dict[str, StoredEntry] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    snapshot: int = 0
    past: Past | None = None

    def of_kind(self, kind: str, *, written: bool, own: bool = False) -> tuple[StoredEntry, ...]:
        """What it wrote of a kind, or else what there was of it, in address order; ``own``: at its own addresses only."""
        found = self.written
        if not written:
            found = self.past.before(kind, self.addresses if own else None, self.snapshot) if self.past else {}
        return tuple(
            found[address]
            for address in sorted(found)
            if found[address].kind == kind and (not own or address in self.addresses)
        )


def recollect(events: Iterable[Event], name: str) -> Recollection:
    """The past of an activation (``source#number``), as these events tell it."""
    past = Past()
    for event in events:
        past.note(event)
    return past.recollect(name)


def _left(events: Iterable[Event]) -> dict[str, StoredEntry]:
    """What is at each address after these events."""
    found: dict[str, StoredEntry] = {}
    for event in events:
        if event.address is None:
            continue
        if event.type in _WRITES and event.payload is not None:
            found[event.address] = StoredEntry(
                event.address, event.version or 0, event.schema or 0, event.payload, event.seq
            )
        elif event.type is EventType.RETRACTED:
            found.pop(event.address, None)
    return found
