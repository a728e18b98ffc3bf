"""Connections to a store: one URL in, clients for commands, for waiting and for leases out.

The clients never repeat a command by themselves: a reply that was lost may belong to a command that was carried out,
and only the layer above knows which of its operations may be sent again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisClusterException, RedisError, ResponseError

from blackboard.errors import InvalidSource, StoreBusy, StoreRefused, StoreUnreachable
from blackboard.measure import YEAR, is_number, is_whole
from blackboard.store import embedded
from blackboard.store.address import Address, Deployment, parse_address
from blackboard.store.client import (
    MOST_WAITS,
    AsyncClient,
    Plan,
    SyncClient,
    fake_server,
    make_async,
    make_lines,
    make_sync,
)
from blackboard.store.lines import Argument, Lines
from blackboard.store.server_process import Fsync
from blackboard.store.translation import translate

if TYPE_CHECKING:
    from fakeredis import FakeServer

__all__ = ["AsyncClient", "Clients", "Settings", "SyncClient", "connect", "wait_until_ready"]

logger = logging.getLogger(__name__)

# A blocking command may outlast its own limit by what the server and the network need to say so.
BLOCK_MARGIN_SECONDS = 5.0

LONGEST_PAUSE_SECONDS = 0.25


MOST_CONNECTIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to connect, apart from where. All times are in seconds."""

    timeout: float = 5.0
    """The longest wait for a connection, and for the reply to a command that does not block."""
    block: float = 2.0
    """The longest time for which a command is asked to block."""
    connections: int = 32
    """At most so many commands are under way at once; the next one waits its turn."""
    directory: Path | str | None = None
    """The data directory of the embedded store; by default `BLACKBOARD_DIR`, else `./.blackboard`."""
    server: str | None = None
    """The server program of the embedded store."""
    fsync: Fsync = "everysec"
    """When the embedded store writes to the disk: every second, or before every reply."""

    def __post_init__(self) -> None:
        """Raises InvalidSource for a setting that cannot work."""
        rules = (
            ("timeout", is_number(self.timeout, 0.001, YEAR), "seconds from 0.001 up"),
            ("block", is_number(self.block, 0.001, YEAR), "seconds from 0.001 up"),
            (
                "connections",
                is_whole(self.connections, 1, MOST_CONNECTIONS),
                f"a whole number from 1 to {MOST_CONNECTIONS}",
            ),
            ("directory", self.directory is None or isinstance(self.directory, str | Path), "a directory, or None"),
            ("server", self.server is None or isinstance(self.server, str | Path), "a program, or None"),
            ("fsync", self.fsync in ("everysec", "always"), "one of: everysec, always"),
        )
        for name, holds, wanted in rules:
            if not holds:
                raise InvalidSource("settings", f"{name}={getattr(self, name)!r} cannot work", f"Give it {wanted}")


DEFAULTS = Settings()


@dataclass(slots=True, eq=False)
class Clients:
    """The clients of one store, and of one event loop. They connect on first use; `aclose` ends them all."""

    address: Address
    settings: Settings
    commands: AsyncClient
    """For everything that is answered at once."""
    blocking: AsyncClient
    """For blocking commands, on connections of their own with a timeout that outlasts them."""
    embedded: bool = False
    memory: FakeServer | None = None
    lines: Lines | None = None
    """Where scripts are called on one server, which is what most calls are; None where the client library finds the server."""
    waits: Lines | None = None
    """The same for calls that wait behind a blocking command."""
    _opened: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def url(self) -> str:
        """The address without its secrets, for messages and logs."""
        return self.address.shown

    async def call(self, *words: Argument) -> Any:
        """Make one call, whose reply is what the server says: bytes, whole numbers and lists. Raises what redis-py raises."""
        if self.lines is not None:
            return await self.lines.call(words)
        return await self.execute(*words)

    async def call_confirmed(self, words: Sequence[Argument], confirmation: Sequence[Argument]) -> tuple[Any, Any]:
        """The same call, and a command right behind it, on the same connection: the replies to both.

        Raises what redis-py raises, also where the server says no to the first; what it says to the second, and be it an error,
        is the second reply: the call was carried out. Raises StoreRefused where there are no `lines`.
        """
        if self.lines is None:
            problem = "a write and what confirms it cannot be sent there on one connection"
            raise StoreRefused(self.url, problem, "Connect to one server by its address")
        reply, confirmed = await self.lines.call_all(words, confirmation)
        if isinstance(reply, ResponseError):
            raise reply
        return reply, confirmed

    async def call_behind(self, bell: str, seconds: float, *words: Argument) -> Any:
        """The same call, as soon as there is a token on a doorbell, or after so many seconds; a token that is there is taken.

        The server carries it out then, if the connection is still there. Where there are no `waits` it is made at once; they end
        when the server does not let anybody wait, since the call would be made again and again.
        """
        waits = self.waits
        if waits is None:  # or it has just turned out, for somebody else
            return await self.call(*words)
        token, reply = await waits.call_all(("BLPOP", bell, f"{seconds:.3f}"), words)
        if isinstance(token, ResponseError) and self.waits is not None:
            logger.warning("the doorbell cannot be waited for (%s): idle workers take longer to begin", token)
            self.waits = None
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def execute(self, *words: Argument) -> Any:
        """Run one command, whose reply is what redis-py makes of it. Raises what redis-py raises."""
        cancelled = cancellations()
        return unless_cancelled(cancelled, await self.commands.execute_command(*words))

    def lease_client(self, timeout: float | None = None) -> SyncClient:
        """Make a synchronous client for a thread of its own, which closes it; a cluster connects at once.

        `timeout` shortens its waits: a renewal that takes as long as the lease is no renewal.

        Raises what redis-py raises when a cluster cannot be reached; `translate` explains it.
        """
        limit = min(self.settings.timeout, timeout or self.settings.timeout)
        return make_sync(Plan(self.address, limit, limit, 1, self._opened, self.memory))

    async def revive(self, timeout: float) -> None:
        """Start the server again if it is the embedded one and has died; do nothing about any other.

        `timeout` is in seconds. Raises what `embedded.ensure` raises.
        """
        if self.embedded:
            await asyncio.to_thread(_ensure, self.settings, timeout)

    async def aclose(self) -> None:
        """Close every connection. It is safe to call this twice."""
        await self._opened.aclose()


async def connect(url: str | None = None, settings: Settings = DEFAULTS) -> Clients:
    """Make the clients of the store at `url`, which is by default `BLACKBOARD_URL`, else the embedded store.

    The embedded store is started here if it does not run. No other server is contacted yet: `wait_until_ready` does
    that, and `check_server` looks whether it can be trusted. `memory://NAME` is one store for the whole process,
    `memory://` a new one for each call.

    Raises StoreRefused when the URL is wrong, and what `embedded.ensure` raises.
    """
    url = url if url is not None else os.environ.get("BLACKBOARD_URL") or None
    is_embedded = url is None
    if url is None:
        url = await asyncio.to_thread(_ensure, settings)
    return _clients(parse_address(url), settings, is_embedded=is_embedded)


async def wait_until_ready(clients: Clients, timeout: float = 30.0) -> None:
    """Wait until the server answers, and say in the log that it does not; start the embedded one if it has died.

    Raises StoreUnreachable or StoreBusy, whichever it was last, after `timeout` seconds, and StoreRefused at once.
    """
    deadline = time.monotonic() + timeout
    pause = 0.01
    waited = False
    while (fault := await _ping(clients)) is not None:
        left = deadline - time.monotonic()
        if left <= 0 or not isinstance(fault, StoreUnreachable | StoreBusy):
            raise fault
        if not waited:
            logger.warning("%s Waiting for up to %.1f s.", fault, left)
            waited = True
        await clients.revive(left)
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    if waited:
        logger.info("the store at %s answers again", clients.url)


async def _ping(clients: Clients) -> Exception | None:
    try:
        await clients.commands.execute_command("PING")
    except (RedisError, RedisClusterException, OSError) as error:
        return translate(error, clients.url, "PING")
    return None


def _ensure(settings: Settings, timeout: float = 30.0) -> str:
    return embedded.ensure(settings.directory, binary=settings.server, fsync=settings.fsync, timeout=timeout)


def _clients(address: Address, settings: Settings, *, is_embedded: bool) -> Clients:
    opened = AsyncExitStack()
    memory = fake_server(address.name) if address.deployment is Deployment.MEMORY else None
    block = settings.block + BLOCK_MARGIN_SECONDS
    at_once = Plan(address, settings.timeout, settings.timeout, settings.connections, opened, memory)
    patient = Plan(address, settings.timeout, block, MOST_WAITS, opened, memory)
    commands, blocking = make_async(at_once), make_async(patient)
    lines, waits = make_lines(at_once), make_lines(patient)
    return Clients(address, settings, commands, blocking, is_embedded, memory, lines, waits, opened)


def cancellations() -> int:
    """How often this task has been told to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def unless_cancelled(before: int, answer: Any) -> Any:
    """The answer, unless this task was cancelled on the way: before Python 3.12 the client library may swallow that.

    It sends inside `asyncio.wait_for`, which returns a result that is just there instead of raising CancelledError. Whoever
    cancelled, or waits under a timeout, would wait for ever.
    """
    if cancellations() > before:
        raise asyncio.CancelledError
    return answer
