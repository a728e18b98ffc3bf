"""Chronicles: what a worker knows of the logs of boards that are being undone.

A log only grows. Each is read once, and read on when more is asked of it: undoing asks for every activation, and would
otherwise read all of it as often as there are activations.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from blackboard.board import PAGE
from blackboard.event import Event
from blackboard.recollection import Past
from blackboard.saga import Ledger
from blackboard.store.partition import Partition

MOST_KEPT = 16
"""Boards of a partition whose logs a worker remembers; those asked for last."""


class Chronicle:
    """The log of one board, as undoing sees it."""

    def __init__(self) -> None:
        self._reading = asyncio.Lock()
        self._begin()

    def _begin(self) -> None:
        self.ledger, self.past = Ledger(), Past()
        self._last: Event | None = None

    async def read_on(self, partition: Partition, board: str) -> None:
        """Read what has been added. A board that was forgotten and made anew is read from its beginning."""
        async with self._reading:
            if self._last is not None and not await self._goes_on(partition, board, self._last):
                return
            while page := await partition.events(board, self._last.seq if self._last else 0, PAGE):
                self._note(page)
                if len(page) < PAGE:
                    return

    async def _goes_on(self, partition: Partition, board: str, last: Event) -> bool:
        """Read the next page behind the last event, which must still be where it was; whether there is more to read."""
        page = await partition.events(board, last.seq - 1, PAGE)
        if not page or page[0] != last:
            self._begin()
            return True
        self._note(page[1:])
        return len(page) == PAGE

    def _note(self, events: Sequence[Event]) -> None:
        for event in events:
            self.ledger.note(event)
            self.past.note(event)
            self._last = event


_kept: WeakKeyDictionary[Partition, OrderedDict[str, Chronicle]] = WeakKeyDictionary()


async def chronicle(partition: Partition, board: str) -> Chronicle:
    """The log of a board as it is now."""
    boards = _kept.setdefault(partition, OrderedDict())
    found = boards.setdefault(board, Chronicle())
    boards.move_to_end(board)
    while len(boards) > MOST_KEPT:
        boards.popitem(last=False)
    await found.read_on(partition, board)
    return found


def forget(partition: Partition, board: str) -> None:
    """Nothing more will be asked of a board: it is undone."""
    _kept.get(partition, OrderedDict()).pop(board, None)
