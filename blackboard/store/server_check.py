"""What kind of server a store is, and whether work can be entrusted to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from blackboard.errors import StoreRefused
from blackboard.store.address import Deployment
from blackboard.store.connection import Clients
from blackboard.store.translation import code_of, translate

__all__ = ["ServerFacts", "check_server"]

OLDEST = {"redis": (7, 0), "valkey": (8, 0)}
NOEVICTION = "noeviction"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says about itself. None stands for what it does not say, as managed services often do not."""

    name: str
    """`redis`, `valkey`, `fakeredis`, the name of another server that speaks their protocol, or `unknown`."""
    version: str | None = None
    role: str | None = None
    """`master` or `slave`, as the protocol calls them."""
    replicas: int | None = None
    """How many replicas are connected."""
    append_only: bool | None = None
    fsync: str | None = None
    """`always`, `everysec` or `no`: when the append-only file reaches the disk."""
    eviction_policy: str | None = None
    max_memory: int | None = None
    """Bytes; 0 is no limit."""
    cluster: bool = False
    warnings: tuple[str, ...] = ()
    """What does not forbid the use of this server, but should be known to whoever trusts it."""


async def check_server(clients: Clients) -> ServerFacts:
    """Look whether the server can be trusted with work, and return what it says about itself.

    Of a cluster every primary is looked at, and the facts are those of the first. Raises StoreRefused for a server
    that is too old, that may evict keys, or that is a replica; and what `translate` makes of a failed connection.
    """
    if clients.address.deployment is Deployment.MEMORY:
        return ServerFacts(name="fakeredis", role="master", warnings=("everything ends with this process",))
    try:
        every = [_judged(clients, await _facts(clients, node)) for node in await _nodes(clients)]
    except (RedisError, RedisClusterException, OSError) as error:
        raise translate(error, clients.url, "INFO") from error
    return every[0]


async def _nodes(clients: Clients) -> list[dict[str, Any]]:
    """The options by which a command reaches each server in turn."""
    if not isinstance(clients.commands, RedisCluster):
        return [{}]
    await clients.commands.initialize()  # type: ignore[unused-awaitable] # it returns the client, itself awaitable
    return [{"target_nodes": node} for node in clients.commands.get_primaries()]


async def _facts(clients: Clients, node: dict[str, Any]) -> ServerFacts:
    info = await _allowed(clients, node, "INFO")
    if not isinstance(info, Mapping):
        warning = "it does not say what it is (INFO is not allowed): version, eviction and persistence are unknown"
        return ServerFacts(name="unknown", warnings=(warning,))
    return _facts_of(info, await _fsync(clients, node))


async def _fsync(clients: Clients, node: dict[str, Any]) -> str | None:
    reply = await _allowed(clients, node, "CONFIG GET", "appendfsync")
    return str(reply["appendfsync"]) if isinstance(reply, Mapping) and "appendfsync" in reply else None


async def _allowed(clients: Clients, node: dict[str, Any], *command: str) -> object:
    """Run a command that managed services forbid or rename; None when this one does."""
    try:
        return await clients.commands.execute_command(*command, **node)
    except ResponseError as error:
        if code_of(error) in {"ERR", "NOPERM"}:
            return None
        raise


def _facts_of(info: Mapping[str, Any], fsync: str | None) -> ServerFacts:
    valkey = info.get("valkey_version")
    append_only = info.get("aof_enabled")
    return ServerFacts(
        name="valkey" if valkey else str(info.get("server_name", "redis")),
        version=str(valkey or info.get("redis_version")),
        role=info.get("role"),
        replicas=info.get("connected_slaves"),
        append_only=None if append_only is None else bool(append_only),
        fsync=fsync if append_only else None,
        eviction_policy=info.get("maxmemory_policy"),
        max_memory=info.get("maxmemory"),
        cluster=bool(info.get("cluster_enabled")),
    )


def _judged(clients: Clients, facts: ServerFacts) -> ServerFacts:
    for fault in (_too_old, _evicts, _is_replica, _is_cluster_node):
        if (verdict := fault(clients, facts)) is not None:
            raise StoreRefused(clients.url, *verdict)
    return replace(facts, warnings=(*facts.warnings, *_warnings(facts)))


_Verdict = tuple[str, str] | None
"""A problem and its remedy."""


def _too_old(_: Clients, facts: ServerFacts) -> _Verdict:
    oldest = OLDEST.get(facts.name)
    if oldest is None or facts.version is None or _numbers(facts.version) >= oldest:
        return None
    return f"{facts.name} {facts.version} is too old", "Use Redis 7.0 or later, or Valkey 8 or later"


def _evicts(_: Clients, facts: ServerFacts) -> _Verdict:
    if not facts.max_memory or facts.eviction_policy in {None, NOEVICTION}:
        return None
    return (
        f"with maxmemory-policy {facts.eviction_policy} it throws work away when its memory is full",
        f"Set maxmemory-policy {NOEVICTION} on the server",
    )


def _is_replica(_: Clients, facts: ServerFacts) -> _Verdict:
    if facts.role != "slave":
        return None
    return "it is a replica, which takes no writes", "Connect to its primary, or through redis+sentinel://"


def _is_cluster_node(clients: Clients, facts: ServerFacts) -> _Verdict:
    if not facts.cluster or clients.address.deployment is Deployment.CLUSTER:
        return None
    return (
        "it is a node of a cluster, which holds only some of the boards",
        "Use redis+cluster:// with its address",
    )


def _warnings(facts: ServerFacts) -> Iterator[str]:
    if facts.name not in {*OLDEST, "unknown"}:
        yield f"{facts.name} is not one of the servers that this library is tested with"
    if facts.eviction_policy not in {None, NOEVICTION}:
        yield f"maxmemory-policy is {facts.eviction_policy}: set {NOEVICTION} before you ever set maxmemory"
    if facts.append_only is False:
        yield "the append-only file is off: when the server ends, what it did not happen to save is lost"
    if facts.fsync == "no":
        yield "appendfsync is no: when the machine ends, up to half a minute of work is lost"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
