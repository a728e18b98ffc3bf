"""A worker reads the log of a board that is undone once, and on from there; not that of another board of the same id."""

from __future__ import annotations

from typing import Any, cast

import pytest

from blackboard.board import PAGE
from blackboard.chronicle import chronicle, forget
from blackboard.event import Event, EventType
from blackboard.store.partition import Partition


class Log:
    """A partition of which only the log is asked, and how much of it was read."""

    def __init__(self) -> None:
        self.events_of: list[Event] = []
        self.read = 0

    def post(self, many: int, at: int = 1) -> None:
        for _ in range(many):
            seq = len(self.events_of) + 1
            facts: dict[str, Any] = {"by": "one#1", "address": f"a/{seq}", "version": 1, "schema": 1, "payload": b"{}"}
            self.events_of.append(Event("b", seq, EventType.POSTED, at, **facts))

    def fire(self) -> None:
        seq = len(self.events_of) + 1
        self.events_of.append(Event("b", seq, EventType.FIRED, 1, by="w", source="one", number=1, snapshot=0))

    async def events(self, _board: str, since: int, limit: int) -> list[Event]:
        page = self.events_of[since : since + limit]
        self.read += len(page)
        return page


async def wrote(log: Log) -> int:
    """How many entries the log says the activation wrote."""
    found = await chronicle(cast(Partition, log), "b")
    return len(found.past.recollect("one#1").of_kind("a", written=True))


@pytest.mark.parametrize("more", [1, PAGE, 2 * PAGE + 1])
async def test_it_is_read_once_and_read_on(more: int) -> None:
    log = Log()
    log.fire()
    log.post(3 * PAGE)
    assert await wrote(log) == 3 * PAGE
    log.read = 0
    log.post(more)
    assert [await wrote(log) for _ in range(10)] == [3 * PAGE + more] * 10
    assert log.read <= more + 10


@pytest.mark.parametrize("length", [1, 5, 700])
async def test_a_board_that_was_made_anew_is_read_from_its_beginning(length: int) -> None:
    log = Log()
    log.fire()
    log.post(9)
    assert await wrote(log) == 9
    log.events_of.clear()
    log.fire()
    log.post(length, at=2)
    assert await wrote(log) == length


async def test_what_is_forgotten_is_read_again() -> None:
    log = Log()
    log.fire()
    log.post(9)
    assert await wrote(log) == 9
    forget(cast(Partition, log), "b")
    forget(cast(Partition, log), "b")
    log.read = 0
    assert (await wrote(log), log.read) == (9, 10)
