"""Watching boards: one connection per partition hears of new events of every board that somebody waits for.

What is heard is advisory: which kinds have changed, and whether the board is at rest or closed. It tells a waiter whether a
look is worth while; data it never carries. A waiter looks anyway every second, so that a lost message costs time and
nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from blackboard.store.connection import Clients
from blackboard.store.keys import Keys
from blackboard.store.translation import translate

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rumour:
    """What is said of a board with each change: the kinds that changed, and whether it is at rest, or closed."""

    kinds: frozenset[str]
    at_rest: bool
    closed: bool

    @classmethod
    def parse(cls, text: bytes) -> Rumour:
        """What the script said: ``.`` (at rest), ``!`` (closed) or ``-``, then the kinds."""
        state, *kinds = text.decode().split(" ")
        return cls(frozenset(kinds), state != "-", state == "!")


Interest = Callable[[Rumour], bool]
"""Whether a waiter would look for what is said."""


class Signal:
    """The signal of one waiter: set when its board has news that it takes an interest in."""

    def __init__(self, interest: Interest | None = None) -> None:
        self._event = asyncio.Event()
        self._interest = interest

    def ring(self, rumour: Rumour | None) -> None:
        """Wake the waiter, if it wants to know; None: anything may have happened."""
        if rumour is None or rumour.closed or self._interest is None or self._interest(rumour):
            self._event.set()

    async def wait(self, seconds: float = LONGEST_WAIT_SECONDS) -> bool:
        """Wait for news, at most so long and never longer than a second. Says whether there was any."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)):
                await self._event.wait()
        rung = self._event.is_set()
        self._event.clear()
        return rung


class Watch:
    """Hears of news on the boards of one partition; the connection is opened by the first waiter."""

    def __init__(self, clients: Clients, keys: Keys) -> None:
        self._clients = clients
        self._keys = keys
        self._waiters: dict[str, set[Signal]] = defaultdict(set)
        self._pubsub: Any = None
        self._listener: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.asynccontextmanager
    async def board(self, board: str, interest: Interest | None = None) -> AsyncIterator[Signal]:
        """Give a signal that rings with every change of the board, or those of interest, heard from now on."""
        channel, signal = self._keys.channel(board), Signal(interest)
        waiters = self._waiters[channel]
        waiters.add(signal)
        try:
            if len(waiters) == 1:
                await self._subscribe(channel)
            yield signal
        finally:
            waiters.discard(signal)
            if not waiters and self._waiters.pop(channel, None) is not None:
                await self._unsubscribe(channel)

    async def aclose(self) -> None:
        """Stop listening."""
        self._closed = True  # a client library may swallow the cancellation (asyncio.wait_for before Python 3.12)
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
            self._listener = None
        if self._pubsub is not None:
            await self._pubsub.aclose()
            self._pubsub = None

    async def _subscribe(self, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):  # the listener connects anew and subscribes to all
            if self._pubsub is None:
                self._pubsub = self._clients.blocking.pubsub()
                # A channel of our own keeps the connection subscribed while nobody waits.
                await self._pubsub.subscribe(self._keys.tag + "watch")
            await self._pubsub.subscribe(channel)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="blackboard-watch")

    async def _unsubscribe(self, channel: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            if self._pubsub is not None:
                await self._pubsub.unsubscribe(channel)

    async def _listen(self) -> None:
        while not self._closed:
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=LONGEST_WAIT_SECONDS)
                if message is not None:
                    self._ring(message["channel"].decode(), Rumour.parse(message["data"]))
            except Exception as error:  # noqa: BLE001  # whatever it is, the waits of this process depend on it
                logger.info("%s Waits look every second meanwhile.", translate(error, self._clients.url, "SUBSCRIBE"))
                await asyncio.sleep(LONGEST_WAIT_SECONDS)
                await self._resubscribe()

    async def _resubscribe(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._pubsub.aclose()
            self._pubsub = self._clients.blocking.pubsub()
            await self._pubsub.subscribe(self._keys.tag + "watch", *self._waiters)
        for channel in list(self._waiters):
            self._ring(channel, None)

    def _ring(self, channel: str, rumour: Rumour | None) -> None:
        for signal in self._waiters.get(channel, ()):
            signal.ring(rumour)
