"""Clients of redis-py: how each is made for every kind of store.

None of them repeats a command by itself, and all answer alike: with flat lists of bytes and integers.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
from redis.retry import Retry

from blackboard.store.address import Address, Deployment
from blackboard.store.lines import Lines

if TYPE_CHECKING:
    from fakeredis import FakeServer

__all__ = ["MOST_WAITS", "AsyncClient", "Plan", "SyncClient", "fake_server", "make_async", "make_lines", "make_sync"]

AsyncClient = redis.asyncio.Redis | redis.asyncio.RedisCluster
SyncClient = redis.Redis | redis.RedisCluster

# Every wait of a board holds a connection while it lasts; a queue of waits behind each other would be a deadlock.
MOST_WAITS = 100_000

_ONE_SERVER = (Deployment.SOCKET, Deployment.SERVER)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a client is made from. Times are in seconds."""

    address: Address
    timeout: float
    """For connecting."""
    reply_timeout: float
    connections: int
    opened: AsyncExitStack
    """Ends what is made, but for synchronous clients."""
    memory: FakeServer | None


def make_async(plan: Plan) -> AsyncClient:
    """Make an asynchronous client."""
    client = _ASYNC[plan.address.deployment](plan)
    plan.opened.push_async_callback(client.aclose)
    return client


def make_lines(plan: Plan) -> Lines | None:
    """Make lines to the one server of the plan; None where there are several, or none outside this process."""
    if plan.address.deployment not in _ONE_SERVER:
        return None
    # A call has a limit of its own, in which a connection is made, too.
    options = _options(plan.address, plan.timeout, None) | {"retry": _never_again()} | _where(plan.address)
    pool = redis.asyncio.ConnectionPool(max_connections=plan.connections, **options)
    lines = Lines(pool, plan.reply_timeout, plan.connections)
    plan.opened.push_async_callback(lines.aclose)
    return lines


def make_sync(plan: Plan) -> SyncClient:
    """Make a synchronous client, which whoever asks for it closes; that of a cluster connects at once.

    Raises what redis-py raises when a cluster cannot be reached.
    """
    return _SYNC[plan.address.deployment](plan)


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


def _async_single(plan: Plan) -> AsyncClient:
    options = _options(plan.address, plan.timeout, plan.reply_timeout) | {"retry": _never_again()}
    return redis.asyncio.Redis.from_pool(_pool(plan, options | _where(plan.address)))


def _where(address: Address) -> dict[str, Any]:
    """How an asynchronous connection finds its one server."""
    if address.deployment is Deployment.SOCKET:
        return {"connection_class": _SocketConnection, "path": address.path}
    kind = _TlsConnection if address.tls else _TcpConnection
    return {"connection_class": kind, **dict(zip(("host", "port"), address.nodes[0], strict=True))}


def _pool(plan: Plan, options: dict[str, Any]) -> redis.asyncio.ConnectionPool:
    if plan.connections == MOST_WAITS:
        return redis.asyncio.ConnectionPool(max_connections=MOST_WAITS, **options)
    return redis.asyncio.BlockingConnectionPool(max_connections=plan.connections, timeout=plan.timeout, **options)


def _async_sentinel(plan: Plan) -> AsyncClient:
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


def _async_cluster(plan: Plan) -> AsyncClient:
    return redis.asyncio.RedisCluster(
        startup_nodes=[redis.asyncio.cluster.ClusterNode(*node) for node in plan.address.nodes],
        ssl=plan.address.tls,
        max_connections=MOST_WAITS,
        retry=_never_again(),
        **_options(plan.address, plan.timeout, plan.reply_timeout),
    )


def _async_memory(plan: Plan) -> AsyncClient:
    from fakeredis import FakeAsyncRedis  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    client = FakeAsyncRedis(
        server=plan.memory, max_connections=MOST_WAITS, socket_timeout=plan.reply_timeout, protocol=2
    )
    client.auto_close_connection_pool = True  # it made the pool by itself, and would yet leave it open
    return client


_ASYNC: dict[Deployment, Callable[[Plan], AsyncClient]] = {
    Deployment.MEMORY: _async_memory,
    Deployment.SOCKET: _async_single,
    Deployment.SERVER: _async_single,
    Deployment.SENTINEL: _async_sentinel,
    Deployment.CLUSTER: _async_cluster,
}


def _sync_options(plan: Plan) -> dict[str, Any]:
    return _options(plan.address, plan.timeout, plan.reply_timeout) | {"retry": Retry(NoBackoff(), 0)}


def _sync_single(plan: Plan) -> SyncClient:
    address, options = plan.address, _sync_options(plan)
    if address.deployment is Deployment.SOCKET:
        return redis.Redis(unix_socket_path=address.path, **options)
    host, port = address.nodes[0]
    return redis.Redis(host=host, port=port, ssl=address.tls, **options)


def _sync_sentinel(plan: Plan) -> SyncClient:
    address = plan.address
    options = _sentinel_options(address, plan.timeout) | {"retry": Retry(NoBackoff(), 0)}
    sentinels = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call] # redis-py has no types here
        address.nodes, sentinel_kwargs=options
    )
    client: redis.Redis = sentinels.master_for(  # type: ignore[no-untyped-call] # the same
        address.name, ssl=address.tls, **_sync_options(plan)
    )
    return client


def _sync_cluster(plan: Plan) -> SyncClient:
    address = plan.address
    nodes = [
        redis.cluster.ClusterNode(*node)  # type: ignore[no-untyped-call] # redis-py has no types here
        for node in address.nodes
    ]
    return redis.RedisCluster(startup_nodes=nodes, ssl=address.tls, **_sync_options(plan))


def _sync_memory(plan: Plan) -> SyncClient:
    from fakeredis import FakeRedis  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    return FakeRedis(server=plan.memory, protocol=2)


_SYNC: dict[Deployment, Callable[[Plan], SyncClient]] = {
    Deployment.MEMORY: _sync_memory,
    Deployment.SOCKET: _sync_single,
    Deployment.SERVER: _sync_single,
    Deployment.SENTINEL: _sync_sentinel,
    Deployment.CLUSTER: _sync_cluster,
}

# The named stores in memory live as long as the process, like the server that they stand for.
_shared_memory: dict[str, FakeServer] = {}


def fake_server(name: str) -> FakeServer:
    """The store in memory of this name; a new one where it has none."""
    from fakeredis import FakeServer  # noqa: PLC0415 - only memory:// pays for loading it and Lua

    server = _shared_memory.get(name) or FakeServer(version=(7, 2))
    if name:
        _shared_memory[name] = server
    return server
