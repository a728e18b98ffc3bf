"""A worker in a process of its own, which can be cut off at a named point of its life.

    python -m tests.chaos.child '{"namespace": …, "url": …, "lease": 1.0, "cut": "acting", "mode": "kill", "after": 1}'

It says what happens, a line each, on its standard output. At the cut it kills (`kill`) or stops (`stop`) itself with
a signal that nobody can catch; `say` only says that the point was reached.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from blackboard.helm import Helm
from blackboard.shift import Shift
from blackboard.store.partition import Partition
from blackboard.worker import Worker
from tests.chaos import releases
from tests.chaos.app import build


class Knife:
    """Cuts at one point, when it is reached for the so-manieth time."""

    def __init__(self, point: str, mode: str, after: int) -> None:
        self._point, self._mode, self._left = point, mode, after

    def reach(self, point: str) -> None:
        """A point of the worker's life is reached."""
        if point != self._point:
            return
        self._left -= 1
        if self._left != 0:
            return
        say(f"at {point}")
        if self._mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._mode == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)

    async def cut(self, point: str) -> None:
        """The same, for agents."""
        self.reach(point)

    def attach(self) -> None:
        """Put the points of a worker's life, which no agent passes, under the knife."""
        before(Shift, "_take", lambda: self.reach("claimed"))
        before(Shift, "_rest", lambda: self.reach("idle"))
        before(Shift, "_carry", lambda: self.reach("acted"))
        before(Helm, "_think", lambda: self.reach("deciding"))
        before(Partition, "renewal", lambda: self.reach("renewing"))
        after(Partition, "commit", lambda: self.reach("committed"))
        after(Partition, "fail", lambda: self.reach("failed"))


def before(owner: type, name: str, act: Callable[[], None]) -> None:
    """Act before each call of a method."""
    original = getattr(owner, name)

    def patched(*args: Any, **kwargs: Any) -> Any:
        act()
        return original(*args, **kwargs)

    setattr(owner, name, patched)


def after(owner: type, name: str, act: Callable[[], None]) -> None:
    """Act after each call of a coroutine method: it was carried out, and its answer never read."""
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def patched(*args: Any, **kwargs: Any) -> Any:
        result = await original(*args, **kwargs)
        if name != "commit" or args[1]:
            act()
        return result

    setattr(owner, name, patched)


def say(words: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def on_terminate(worker: Worker) -> None:
    """The first signal drains, the second aborts."""
    loop, orders = asyncio.get_running_loop(), iter([worker.drain, worker.abort])

    def obey() -> None:
        order = next(orders, worker.abort)
        order()
        say(order.__name__)

    loop.add_signal_handler(signal.SIGTERM, obey)


async def main(
    namespace: str,
    url: str,
    lease: float,
    cut: str = "",
    mode: str = "say",
    after: int = 1,
    role: str = "worker",
    release: int = 0,
) -> None:
    """Work, or decide, until told to stop. `release` says which of the releases of `releases.py` this is, if it is one."""
    knife = Knife(cut, mode, after)
    knife.attach()
    built = releases.build(namespace, url, knife.cut, lease, release=release) if release else None
    async with built or build(namespace, url, knife.cut, lease) as bb:
        if role == "controller":
            say("working")
            await bb.controller().run()
            return
        worker = bb.workers(concurrency=8)
        on_terminate(worker)
        say("working")
        await worker.run()
    say("ended")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(**json.loads(sys.argv[1])))
