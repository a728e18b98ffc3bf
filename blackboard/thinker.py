"""A thread that calls functions for an event loop, one after another, and holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Thinker:
    """A thread for functions that may never return: whoever waits in vain drops it, and it does not keep a process alive.

    It starts with the first function; one thread for all costs less than one for each.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._started = False

    def ask(self, function: Callable[[], None]) -> asyncio.Future[None]:
        """Call a function in the thread. What is returned is done when it has returned, and raises what it raised."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def call() -> None:
            error: BaseException | None = None
            try:
                function()
            except BaseException as raised:  # noqa: BLE001  # it is passed on
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_finish, done, error)

        self._asked.put(call)
        if not self._started:
            self._started = True
            threading.Thread(target=self._think, name="blackboard-strategy", daemon=True).start()
        return done

    def end(self) -> None:
        """Ask nothing more of it: the thread ends behind what was asked before."""
        self._asked.put(None)

    def _think(self) -> None:
        while (call := self._asked.get()) is not None:
            call()


def _finish(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():  # nobody waits for it any more
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
