"""An order that nobody ships, as the chaos tests run it: the example's agents, with books that outlive their processes.

    python -m tests.chaos.orders '{"namespace": …, "url": …, "books": …, "cut": "booked", "after": 2}'

A worker that kills itself at the cut, with a signal that nobody can catch.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blackboard import Blackboard, Board
from blackboard.compensating import Compensating
from blackboard.store.partition import Partition
from examples import order_fulfilment as example
from tests.chaos.child import Knife, after, before, say
from tests.chaos.judge import counted

LEASE = 0.5

SEQUENCE = example.SEQUENCE


class Books(example.Book):
    """A book in a file: a line for each booking that was asked for, of which the first of a key counts."""

    def __init__(self, file: Path, reach: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._file = file
        self._reach = reach

    def enter(self, key: str, amount: float) -> None:
        """Note it at once: who dies afterwards has asked for it."""
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps([key, amount]) + "\n")
        self._reach()

    def balance(self) -> list[float]:
        """What was booked, each key once, in order of the amounts."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        bookings: dict[str, float] = {}
        for key, amount in map(json.loads, lines):
            bookings.setdefault(key, amount)
        return sorted(bookings.values())


def blackboard_of(namespace: str, url: str, lease: float = LEASE) -> Blackboard:
    """The example's blackboard, in a namespace of its own."""
    example.bb.name, example.bb.url, example.bb.lease = namespace, url, lease
    return example.bb


async def judge(board: Board, bank: list[float], shelf: list[float]) -> None:
    """Nothing is lost and nothing was done twice, on the board and outside of it."""
    assert (await board.status()).status == "aborted"
    assert (bank, shelf) == ([-49.9, 49.9], [-1, 1])
    seen = await counted(board)
    for source in ("take_payment", "reserve_stock", "undo:take_payment", "undo:reserve_stock"):
        assert (seen[f"triggered {source}"], seen[f"fired {source}"]) == (1, 1), source
    written = Counter({name: count for name, count in seen.items() if name.startswith("posted")})
    assert written == Counter(
        f"posted {address}"
        for address in (*("order", "check/amount", "check/customer", "payment", "reservation", "refund", "restocking"),)
    )
    assert seen["aborted"] == seen["undone"] == 1


async def main(namespace: str, url: str, books: str, cut: str, after_: int) -> None:
    """Work until the cut."""
    knife = Knife(cut, "kill", after_)
    knife.attach()
    after(Partition, "undo", lambda: knife.reach("planned"))
    before(Compensating, "__call__", lambda: knife.reach("planning"))
    example.bank = Books(Path(books) / "bank", lambda: knife.reach("booked"))
    example.shelf = Books(Path(books) / "shelf", lambda: knife.reach("booked"))
    async with blackboard_of(namespace, url) as bb:
        say("working")
        await bb.workers(concurrency=4).run()


if __name__ == "__main__":
    words: dict[str, Any] = json.loads(sys.argv[1])
    asyncio.run(main(words["namespace"], words["url"], words["books"], words["cut"], words["after"]))
