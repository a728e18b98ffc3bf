"""What a compensation is bound to: what an activation wrote, and what it was bound to itself, as the log tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from blackboard.activation import StoredEntry
from blackboard.event import Event, EventType

_WRITES = frozenset({EventType.POSTED, EventType.REVISED, EventType.RESHAPED})


@dataclass(frozen=True, slots=True)
class Recollection:
    """An activation's past: what it wrote last at each address, what was on its board when it began, and its own addresses."""

    written: dict[str, StoredEntry] = field(default_factory=dict)
    before: dict[str, StoredEntry] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    def of_kind(self, kind: str, *, written: bool, own: bool = False) -> tuple[StoredEntry, ...]:
        """What it wrote of a kind, or else what there was of it, in address order; ``own``: at its own addresses only."""
        found = self.written if written else self.before
        return tuple(
            found[address]
            for address in sorted(found)
            if found[address].kind == kind and (not own or address in self.addresses)
        )


def recollect(events: Iterable[Event], name: str) -> Recollection:
    """The past of an activation (``source#number``) that has fired; nothing of one that has not."""
    log = list(events)
    fired = next((event for event in log if event.type is EventType.FIRED and event.activation == name), None)
    if fired is None:
        return Recollection()
    before = (event for event in log if event.seq <= (fired.snapshot or 0))
    written = (event for event in log if event.by == name)
    return Recollection(_left(written), _left(before), fired.addresses)


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
