"""Connections to a store: one URL in, clients for commands, for waiting and for leases out.

The clients never repeat a command by themselves: a reply that was lost may belong to a command that was carried out,
and only the layer above knows which of its operations may be sent again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hiredis
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.connection
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.cluster
import redis.connection
import redis.sentinel
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from blackboard.errors import InvalidSource, StoreBusy, StoreUnreachable
from blackboard.measure import YEAR, is_number, is_whole
from blackboard.store import embedded
from blackboard.store.address import Address, Deployment, parse_address
from blackboard.store.lines import Argument, Lines
from blackboard.store.server_process import Fsync
from blackboard.store.translation import translate

if TYPE_CHECKING:
    from fakeredis import FakeServer

__all__ = ["AsyncClient", "Clients", "Settings", "SyncClient", "connect", "wait_until_ready"]

logger = logging.getLogger(__name__)

AsyncClient = redis.asyncio.Redis | redis.asyncio.RedisCluster
SyncClient = redis.Redis | redis.RedisCluster

# A blocking command may outlast its own limit by what the server and the network need to say so.
BLOCK_MARGIN_SECONDS = 5.0

# Every wait of a board holds a connection while it lasts; a queue of waits behind each other would be a deadlock.
MOST_WAITS = 100_000

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

    async def call_behind(self, bell: str, seconds: float, *words: Argument) -> Any:
        """The same call, as soon as there is a token on a doorbell, or after so many seconds; a token that is there is taken.

        The server carries it out then, if the connection is still there. Only where there are `waits`.
        """
        if self.waits is None:
            raise NotImplementedError
        return await self.waits.call(("BLPOP", bell, f"{seconds:.3f}"), words)

    async def execute(self, *words: Argument) -> Any:
        """Run one command, whose reply is what redis-py makes of it. Raises what redis-py raises."""
        cancelled = _cancellations()
        return _unless_cancelled(cancelled, await self.commands.execute_command(*words))

    def lease_client(self, timeout: float | None = None) -> SyncClient:
        """Make a synchronous client for a thread of its own, which closes it; a cluster connects at once.

        `timeout` shortens its waits: a renewal that takes as long as the lease is no renewal.

        Raises what redis-py raises when a cluster cannot be reached; `translate` explains it.
        """
        limit = min(self.settings.timeout, timeout or self.settings.timeout)
        return _SYNC[self.address.deployment](replace(self, settings=replace(self.settings, timeout=limit)))

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


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one asynchronous client is built from."""

    address: Address
    timeout: float
    """For connecting."""
    reply_timeout: float
    connections: int
    opened: AsyncExitStack
    memory: FakeServer | None


def _clients(address: Address, settings: Settings, *, is_embedded: bool) -> Clients:
    opened = AsyncExitStack()
    memory = _fake_server(address.name) if address.deployment is Deployment.MEMORY else None
    build = _ASYNC[address.deployment]
    block = settings.block + BLOCK_MARGIN_SECONDS
    commands = build(_Plan(address, settings.timeout, settings.timeout, settings.connections, opened, memory))
    blocking = build(_Plan(address, settings.timeout, block, MOST_WAITS, opened, memory))
    for client in (commands, blocking):
        opened.push_async_callback(client.aclose)
    clients = Clients(address, settings, commands, blocking, is_embedded, memory, _opened=opened)
    if address.deployment in _ONE_SERVER:
        clients.lines = _lines(address, settings, settings.timeout, settings.connections, opened)
        clients.waits = _lines(address, settings, block, MOST_WAITS, opened)
    return clients


_ONE_SERVER = (Deployment.SOCKET, Deployment.SERVER)


def _lines(address: Address, settings: Settings, timeout: float, most: int, opened: AsyncExitStack) -> Lines:
    # A call has a limit of its own, in which a connection is made, too.
    options = _options(address, settings.timeout, None) | {"retry": _never_again()} | _where(address)
    lines = Lines(redis.asyncio.ConnectionPool(max_connections=most, **options), timeout, most)
    opened.push_async_callback(lines.aclose)
    return lines


def _options(address: Address, timeout: float, reply_timeout: float | None) -> dict[str, Any]:
    """What every connection of redis-py is made with, synchronous or not."""
    ours = ("sentinel_username", "sentinel_password")
    return {
        **{name: value for name, value in address.options.items() if name not in ours},
        # Flat lists of bytes and integers, the same from every server.
        "protocol": 2,
        "legacy_responses": True,
        "decode_responses": False,
        "socket_connect_timeout": timeout,
        "socket_timeout": reply_timeout,
        "driver_info": DriverInfo(name="blackboard-runtime", lib_version=None),
    }


def _sentinel_options(address: Address, timeout: float) -> dict[str, Any]:
    named = {"username": "sentinel_username", "password": "sentinel_password"}
    own = {name: address.options[key] for name, key in named.items() if key in address.options}
    tls = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    return {
        **own,
        **tls,
        "ssl": address.tls,
        "protocol": 2,
        "socket_connect_timeout": timeout,
        "socket_timeout": timeout,
    }


def _cancellations() -> int:
    """How often this task has been told to end."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _unless_cancelled(before: int, answer: Any) -> Any:
    """The answer, unless this task was cancelled on the way: before Python 3.12 the client library may swallow that.

    It sends inside `asyncio.wait_for`, which returns a result that is just there instead of raising CancelledError. Whoever
    cancelled, or waits under a timeout, would wait for ever.
    """
    if _cancellations() > before:
        raise asyncio.CancelledError
    return answer


def _never_again() -> redis.asyncio.retry.Retry:
    return redis.asyncio.retry.Retry(NoBackoff(), 0)


class _PackedInC:
    """Has hiredis pack commands, as synchronous connections do: the asynchronous ones do it in Python, ten times slower."""

    def pack_command(self, *words: Any) -> list[bytes]:
        """The command as the protocol writes it."""
        # A command's name may have two words (`FUNCTION LIST`); the server wants them apart.
        return [hiredis.pack_command((*words[0].encode().split(), *words[1:]))]


class _SocketConnection(_PackedInC, redis.asyncio.UnixDomainSocketConnection):
    pass


class _TcpConnection(_PackedInC, redis.asyncio.Connection):
    pass


class _TlsConnection(_PackedInC, redis.asyncio.SSLConnection):
    pass


def _async_single(plan: _Plan) -> AsyncClient:
    options = _options(plan.address, plan.timeout, plan.reply_timeout) | {"retry": _never_again()}
    return redis.asyncio.Redis.from_pool(_pool(plan, options | _where(plan.address)))


def _where(address: Address) -> dict[str, Any]:
    """How an asynchronous connection finds its one server."""
    if address.deployment is Deployment.SOCKET:
        return {"connection_class": _SocketConnection, "path": address.path}
    kind = _TlsConnection if address.tls else _TcpConnection
    return {"connection_class": kind, **dict(zip(("host", "port"), address.nodes[0], strict=True))}


def _pool(plan: _Plan, options: dict[str, Any]) -> redis.asyncio.ConnectionPool:
    if plan.connections == MOST_WAITS:
        return redis.asyncio.ConnectionPool(max_connections=MOST_WAITS, **options)
    return redis.asyncio.BlockingConnectionPool(max_connections=plan.connections, timeout=plan.timeout, **options)


def _async_sentinel(plan: _Plan) -> AsyncClient:
    options = _options(plan.address, plan.timeout, plan.reply_timeout)
    sentinels = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call] # redis-py has no types here
        plan.address.nodes,
        sentinel_kwargs=_sentinel_options(plan.address, plan.timeout) | {"retry": _never_again()},
    )
    plan.opened.push_async_callback(sentinels.aclose)
    client: redis.asyncio.Redis = sentinels.master_for(
        plan.address.name, ssl=plan.address.tls, max_connections=MOST_WAITS, retry=_never_again(), **options
    )
    return client


def _async_cluster(plan: _Plan) -> AsyncClient:
    return redis.asyncio.RedisCluster(
        startup_nodes=[redis.asyncio.cluster.ClusterNode(*node) for node in plan.address.nodes],
        ssl=plan.address.tls,
        max_connections=MOST_WAITS,
        retry=_never_again(),
        **_options(plan.address, plan.timeout, plan.reply_timeout),
    )


def _async_memory(plan: _Plan) -> AsyncClient:
    from fakeredis import FakeAsyncRedis  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    client = FakeAsyncRedis(
        server=plan.memory, max_connections=MOST_WAITS, socket_timeout=plan.reply_timeout, protocol=2
    )
    client.auto_close_connection_pool = True  # it made the pool by itself, and would yet leave it open
    return client


_ASYNC: dict[Deployment, Callable[[_Plan], AsyncClient]] = {
    Deployment.MEMORY: _async_memory,
    Deployment.SOCKET: _async_single,
    Deployment.SERVER: _async_single,
    Deployment.SENTINEL: _async_sentinel,
    Deployment.CLUSTER: _async_cluster,
}


def _sync_options(clients: Clients) -> dict[str, Any]:
    timeout = clients.settings.timeout
    return _options(clients.address, timeout, timeout) | {"retry": Retry(NoBackoff(), 0)}


def _sync_single(clients: Clients) -> SyncClient:
    address, options = clients.address, _sync_options(clients)
    if address.deployment is Deployment.SOCKET:
        return redis.Redis(unix_socket_path=address.path, **options)
    host, port = address.nodes[0]
    return redis.Redis(host=host, port=port, ssl=address.tls, **options)


def _sync_sentinel(clients: Clients) -> SyncClient:
    address = clients.address
    options = _sentinel_options(address, clients.settings.timeout) | {"retry": Retry(NoBackoff(), 0)}
    sentinels = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call] # redis-py has no types here
        address.nodes, sentinel_kwargs=options
    )
    client: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call] # the same
        address.name, ssl=address.tls, **_sync_options(clients)
    )
    return client


def _sync_cluster(clients: Clients) -> SyncClient:
    address = clients.address
    nodes = [
        redis.cluster.ClusterNode(*node)  # type: ignore[no-untyped-call] # redis-py has no types here
        for node in address.nodes
    ]
    return redis.RedisCluster(startup_nodes=nodes, ssl=address.tls, **_sync_options(clients))


def _sync_memory(clients: Clients) -> SyncClient:
    from fakeredis import FakeRedis  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    return FakeRedis(server=clients.memory, protocol=2)


_SYNC: dict[Deployment, Callable[[Clients], SyncClient]] = {
    Deployment.MEMORY: _sync_memory,
    Deployment.SOCKET: _sync_single,
    Deployment.SERVER: _sync_single,
    Deployment.SENTINEL: _sync_sentinel,
    Deployment.CLUSTER: _sync_cluster,
}

# The named stores in memory live as long as the process, like the server that they stand for.
_shared_memory: dict[str, FakeServer] = {}


def _fake_server(name: str) -> FakeServer:
    from fakeredis import FakeServer  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    server = _shared_memory.get(name) or FakeServer(version=(7, 2))
    if name:
        _shared_memory[name] = server
    return server
