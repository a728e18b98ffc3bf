"""An agent that takes many durable steps, and its workers, one after the other, that die at named points.

    python -m tests.chaos.stepping NAMESPACE URL FILE "within 7" "recorded 9" none

Each is a process of its own, forked from one that has loaded everything and does nothing else; a line says how it ended.

Each call of a step's function is a line in the file: written before it returns, and outside of everything that is tested.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blackboard import Blackboard, Context, Entry
from blackboard.store.partition import Partition

STEPS = 20


class Journey(Entry):
    """Asks for so many steps, with a sleep before the last."""

    length: int
    sleep: float = 0.0


class Report(Entry):
    """What the steps returned."""

    visited: list[int]


def build(namespace: str, url: str, calls: Path, cut: str = "none") -> Blackboard:
    """The application: one agent; its policies are those that it has by default."""
    bb = Blackboard(namespace, url=url, lease=0.3)

    def visit(place: int) -> int:
        with calls.open("a") as file:
            file.write(f"{place}\n")
        if cut == f"within {place}":
            die()
        return place

    @bb.knowledge_source
    async def travel(journey: Journey, context: Context) -> Report:
        visited = []
        for place in range(1, journey.length + 1):
            if place == journey.length and journey.sleep:
                await context.sleep(journey.sleep)
            visited.append(await context.step(f"step {place}", visit, place))
        return Report(visited=visited)

    return bb


def die() -> None:
    """As nobody can catch it."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut_off(name: str, applies: Callable[..., bool]) -> None:
    """Die when the store has carried out a call and before anybody reads its answer."""
    original = getattr(Partition, name)

    async def patched(*args: Any, **kwargs: Any) -> Any:
        answer = await original(*args, **kwargs)
        if applies(*args):
            die()
        return answer

    setattr(Partition, name, patched)


async def main(namespace: str, url: str, calls: str, cut: str) -> None:
    """Work until nothing is left to do."""
    what, _, place = cut.partition(" ")
    if what == "recorded":
        cut_off("record", lambda _partition, _claim, record, *_: record is not None and record.name == f"step {place}")
    elif what == "parked":
        cut_off("park", lambda *_: True)
    async with build(namespace, url, Path(calls), cut) as bb:
        await bb.workers(concurrency=4, burst=True).run()


def fork(namespace: str, url: str, calls: str, cut: str) -> int:
    """Run a worker in a process of its own; how it ended."""
    child = os.fork()
    if child == 0:
        asyncio.run(main(namespace, url, calls, cut))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for each in sys.argv[4:]:
        print(fork(*sys.argv[1:4], each), flush=True)  # noqa: T201  # to the test
