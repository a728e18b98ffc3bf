"""Recollection: what an activation wrote and what it was bound to, from any log."""

from __future__ import annotations

from typing import Any

from blackboard.event import Event, EventType
from blackboard.recollection import Recollection, recollect


def log(*events: tuple[EventType, dict[str, Any]]) -> list[Event]:
    """These events, numbered from 1."""
    return [Event("b", seq, kind, seq, **facts) for seq, (kind, facts) in enumerate(events, 1)]


def written(kind: EventType, address: str, by: str, version: int) -> tuple[EventType, dict[str, Any]]:
    """An entry's event, whose data is its version."""
    return kind, {"address": address, "by": by, "version": version, "schema": 1, "payload": b"%d" % version}


FIRED = (EventType.FIRED, {"source": "make", "number": 3, "snapshot": 4, "addresses": ("task/a",)})

LOG = log(
    written(EventType.POSTED, "task/a", "@api", 1),
    written(EventType.POSTED, "note/1", "@api", 1),
    written(EventType.POSTED, "part/x", "make#3", 1),  # a part, before its worker died
    written(EventType.REVISED, "task/a", "@api", 2),
    written(EventType.REVISED, "task/a", "@api", 3),
    FIRED,
    written(EventType.REVISED, "part/x", "make#3", 2),
    written(EventType.POSTED, "part/y", "make#3", 1),
    written(EventType.POSTED, "part/z", "make#4", 1),
    written(EventType.REVISED, "part/y", "@api", 2),
)


def test_what_it_wrote_last_and_what_there_was_when_it_began() -> None:
    past = recollect(LOG, "make#3")
    assert [(each.address, each.version) for each in past.of_kind("part", written=True)] == [
        ("part/x", 2),
        ("part/y", 1),
    ]
    assert [(each.address, each.version) for each in past.of_kind("task", written=False)] == [("task/a", 2)]
    assert past.of_kind("note", written=False, own=True) == ()
    assert len(past.of_kind("note", written=False)) == 1


def test_what_it_took_back_itself_is_not_there() -> None:
    gone = log(
        written(EventType.POSTED, "part/x", "make#3", 1),
        (EventType.RETRACTED, {"address": "part/x", "by": "make#3", "version": 1}),
        FIRED,
    )
    assert recollect(gone, "make#3").of_kind("part", written=True) == ()


def test_an_entry_that_was_brought_forward_is_recalled_in_its_new_shape() -> None:
    reshaped = log(
        written(EventType.POSTED, "task/a", "@api", 1),
        written(EventType.RESHAPED, "task/a", "w", 2),
        FIRED,
    )
    assert [each.version for each in recollect(reshaped, "make#3").of_kind("task", written=False)] == [2]


def test_what_has_not_fired_has_no_past() -> None:
    assert recollect(LOG, "make#9") == Recollection()


def test_of_what_never_fired_there_is_what_it_wrote_and_what_there_was_before_its_first_part() -> None:
    parts = log(
        written(EventType.POSTED, "task/a", "@api", 1),
        (EventType.TRIGGERED, {"source": "make", "number": 2, "addresses": ("task/a",)}),
        written(EventType.POSTED, "part/x", "make#2", 1),
        written(EventType.REVISED, "task/a", "@api", 2),
        written(EventType.REVISED, "part/x", "make#2", 2),
        (EventType.TRIGGERED, {"source": "make", "number": 6, "addresses": ("task/b",)}),
    )
    past = recollect(parts, "make#2")
    assert [(each.address, each.version) for each in past.of_kind("part", written=True)] == [("part/x", 2)]
    assert [(each.address, each.version) for each in past.of_kind("task", written=False, own=True)] == [("task/a", 1)]
    assert recollect(parts, "make#6").of_kind("task", written=False) == ()
