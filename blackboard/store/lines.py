"""Lines: connections of redis-py that are kept from one call to the next, each for one call at a time.

A client of redis-py asks its pool, its retries, its callbacks and its metrics at every command, and limits the time of sending
and of reading by tasks and timers of their own; for a worker that makes one call after another that is half of what a round
trip costs it. Here a call is a send and a read under one limit, by the public methods of a connection, which the pool makes:
addresses, TLS, passwords and the protocol stay the library's affair.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import redis.asyncio
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as TimedOut

__all__ = ["Argument", "Lines"]

Argument = str | bytes | int


class Lines:
    """Makes calls on connections of a pool; never makes one again."""

    def __init__(self, pool: redis.asyncio.ConnectionPool, timeout: float, most: int) -> None:
        """``timeout`` is in seconds, for a call and all it needs, ``most`` calls are under way at once."""
        self._pool = pool
        self._timeout = timeout
        self._free = asyncio.Semaphore(most)
        self._idle: list[Any] = []

    async def call(self, *commands: Sequence[Argument]) -> Any:
        """Send commands at once and return the reply to the last.

        An earlier one may block, and what it is answered is nobody's concern: the server carries out the next when it has been
        answered, and never if the connection breaks before that. Raises what redis-py raises.
        """
        return _said((await self.call_all(*commands))[-1])

    async def call_all(self, *commands: Sequence[Argument]) -> list[Any]:
        """The same with the replies to all; where the server says no, its error is the reply. Raises the rest."""
        try:
            async with asyncio.timeout(self._timeout), self._free:
                return await self._exchange(commands)
        except TimeoutError as error:
            raise TimedOut(f"no reply within {self._timeout:g} s") from error
        except OSError as error:
            raise LostConnection(str(error)) from error

    async def aclose(self) -> None:
        """Close every connection, also under a call that is under way."""
        while self._idle:
            await self._drop(self._idle.pop())
        await self._pool.aclose()

    async def _exchange(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        connection = await self._take()
        try:
            packed = [part for words in commands for part in connection.pack_command(*words)]
            await connection.send_packed_command(packed, check_health=False)
            replies = [await _reply(connection) for _ in commands]
        except BaseException:
            await self._drop(connection)  # a reply may be on its way that nobody waits for any more
            raise
        self._idle.append(connection)
        return replies

    async def _take(self) -> Any:
        """A connection on which nothing is to be read: the one used last, or a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not await connection.can_read():  # else the server has closed it
                return connection
            await self._drop(connection)
        return await self._pool.get_connection()  # type: ignore[no-untyped-call] # redis-py has no types here

    async def _drop(self, connection: Any) -> None:
        await connection.disconnect(nowait=True)
        await self._pool.release(connection)


async def _reply(connection: Any) -> Any:
    try:
        return await connection.read_response(timeout=math.inf, disconnect_on_error=False)
    except redis.ResponseError as refusal:  # the server says no; the connection is in order
        return refusal


def _said(reply: Any) -> Any:
    if isinstance(reply, redis.ResponseError):
        raise reply
    return reply
