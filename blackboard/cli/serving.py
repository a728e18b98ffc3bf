"""One process of a worker or a controller: serve until told to stop, then drain; the second time, abort."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn, Protocol

from blackboard.cli.processes import on_signals

if TYPE_CHECKING:
    from blackboard import Blackboard  # the application has loaded it when this runs

logger = logging.getLogger(__name__)


class Servant(Protocol):
    """Whoever works here for an application."""

    @property
    def opening(self) -> str:
        """Who it is, and what it does, once it is ready."""
        ...

    @property
    def closing(self) -> str:
        """What it did, in the end."""
        ...

    async def run(self, ready: asyncio.Event) -> None:
        """Work until told to stop."""
        ...

    def drain(self) -> None:
        """Finish what runs, then end."""
        ...

    def abort(self) -> None:
        """End now."""
        ...


class Serving:
    """A worker or controller of an application, and what it has been told."""

    def __init__(self, bb: Blackboard, servant: Servant) -> None:
        self._bb = bb
        self._servant = servant
        self._ready = asyncio.Event()
        self._told = 0
        self._last = signal.SIGTERM
        self._main: asyncio.Task[None] | None = None

    async def serve(self, *, supervised: bool = False) -> int:
        """Work until done or told to stop. Returns the exit code; who was aborted ends the process at once."""
        on_signals(self._stop)
        if supervised:
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._orphaned)
        self._main = asyncio.create_task(self._work())
        try:
            await self._main
        except asyncio.CancelledError:
            logger.info("stopped before it had started")
        if self._told > 1:
            # Plain functions run in threads, which cannot be ended; waiting for them would be a drain, not an end.
            _end_at_once(128 + self._last)
        if any(_left_behind(thread) for thread in threading.enumerate()):
            logger.warning("an agent's thread is still running; it ends with this process")
            _end_at_once(0)
        return 0

    async def _work(self) -> None:
        async with self._bb as bb:
            settle_in()
            announcing = asyncio.create_task(self._announce())
            try:
                await self._servant.run(self._ready)
            finally:
                announcing.cancel()
            logger.info("%s (%s)", self._servant.closing, bb.name)

    async def _announce(self) -> None:
        await self._ready.wait()
        store = self._bb.store()
        server = f"{store.facts.name} {store.facts.version or ''}"
        logger.info("%s, on %s at %s", self._servant.opening, server, store.clients.url)

    def _stop(self, number: signal.Signals) -> None:
        self._told += 1
        self._last = number
        if not self._ready.is_set() and self._main is not None:
            self._main.cancel()
        elif self._told == 1:
            logger.info("%s: draining what runs; once more to abort", number.name)
            self._servant.drain()
        else:
            logger.info("%s: aborting; what ran is given back", number.name)
            self._servant.abort()

    def _orphaned(self) -> None:
        """Whoever started this process holds the other end of stdin; when it closes, nobody waits for us any more."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            if not self._told:
                self._stop(signal.SIGTERM)


def settle_in() -> None:
    """What is loaded by now lasts as long as the process: the garbage collector need not look at it again and again.

    That is a tenth of a busy worker's time. It is for a process that serves and nothing else, so no library call does it.
    """
    gc.collect()
    gc.freeze()


def _left_behind(thread: threading.Thread) -> bool:
    """Whether a plain function still runs, though its time is up: Python would wait for it for ever."""
    if not thread.name.startswith("blackboard-agent"):
        return False
    thread.join(timeout=0.2)  # an idle one is just about to end
    return thread.is_alive()


def _end_at_once(code: int) -> NoReturn:
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
