"""Watching boards: one connection per partition hears of new events of every board that somebody waits for.

Each waiter names the topics that are worth a look, and is woken by nothing else. What is heard is advisory; data it never
carries. A waiter looks anyway every second, so that a lost message costs time and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import Any

from redis.exceptions import RedisError

from blackboard.store.connection import Clients, cancellations, unless_cancelled
from blackboard.store.keys import Keys
from blackboard.store.translation import translate

logger = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 1.0

LINGER_SECONDS = 1.0
"""For so long a channel is kept that nobody waits for."""

ANY_EVENT, REST, OVER = "", ".", "!"
"""Topics of a board: any event; that it rests or is over; that it is over."""


def change_of(kind: str) -> str:
    """The topic of a kind: it has changed."""
    return f"/{kind}"


class Signal:
    """The signal of one waiter: set when its board has news on one of its topics."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.over = False
        """Whether it was said that the board is over."""

    def ring(self, *, over: bool = False) -> None:
        """Wake the waiter."""
        self.over = self.over or over
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
        self._heard: set[str] = set()  # the channels that were asked for and not left
        self._pubsub: Any = None
        self._listener: asyncio.Task[None] | None = None
        self._closed = False
        self._sending = asyncio.Lock()
        self._leave_at = math.inf  # when to unsubscribe from what nobody waits for any more

    @contextlib.asynccontextmanager
    async def board(self, board: str, topics: Iterable[str] = (ANY_EVENT,)) -> AsyncIterator[Signal]:
        """Give a signal that rings with every change of the board that is one of the topics, heard from now on."""
        channels, signal = [self._keys.channel(board, topic) for topic in topics], Signal()
        for channel in channels:
            self._waiters[channel].add(signal)
        try:
            await self._subscribe(channels)
            yield signal
        finally:
            for channel in channels:
                self._waiters[channel].discard(signal)
            self._leave_at = min(self._leave_at, time.monotonic() + LINGER_SECONDS)

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

    async def _subscribe(self, channels: list[str]) -> None:
        # Should it fail, the listener connects anew and subscribes to all. One at a time: nobody's channel is left by who was on
        # the way to leave it, and nobody who comes second is before the connection is there.
        with contextlib.suppress(RedisError, OSError):
            async with self._sending:
                await self._join(channels)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="blackboard-watch")

    async def _join(self, channels: Iterable[str]) -> None:
        if self._pubsub is None:
            self._pubsub = self._clients.blocking.pubsub()
        # The presence keeps the connection subscribed while nobody waits, and says that here is somebody who may.
        wanted = [channel for channel in (self._keys.presence, *channels) if channel not in self._heard]
        if wanted:
            before = cancellations()
            await self._pubsub.subscribe(*wanted)
            self._heard.update(wanted)
            unless_cancelled(before, None)

    async def _leave(self) -> None:
        """Unsubscribe from what nobody waits for: all at once and not at once, since waits come close behind each other."""
        async with self._sending:
            self._leave_at = math.inf
            deserted = [channel for channel, waiters in self._waiters.items() if not waiters]
            for channel in deserted:
                del self._waiters[channel]
            self._heard.difference_update(deserted)
            if deserted:
                await self._pubsub.unsubscribe(*deserted)

    async def _listen(self) -> None:
        while not self._closed:
            try:
                message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=LONGEST_WAIT_SECONDS)
                if message is not None:
                    self._ring(message["channel"].decode())
                if time.monotonic() >= self._leave_at:
                    await self._leave()
            except Exception as error:  # noqa: BLE001  # whatever it is, the waits of this process depend on it
                logger.info("%s Waits look every second meanwhile.", translate(error, self._clients.url, "SUBSCRIBE"))
                await asyncio.sleep(LONGEST_WAIT_SECONDS)
                await self._resubscribe()

    async def _resubscribe(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            async with self._sending:
                self._heard.clear()
                await self._pubsub.aclose()
                self._pubsub = None
                await self._join(list(self._waiters))
        for channel in list(self._waiters):
            self._ring(channel)

    def _ring(self, channel: str) -> None:
        for signal in self._waiters.get(channel, ()):
            signal.ring(over=channel.endswith(OVER))
