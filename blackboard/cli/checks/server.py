"""What the doctor looks at in the server: what a crash can lose, its memory and its clock, and how far away it is."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from blackboard.cli.checks.finding import Finding
from blackboard.clock import SystemClock
from blackboard.limits import Limits
from blackboard.store.address import Deployment
from blackboard.store.calls import Calls
from blackboard.store.connection import Clients
from blackboard.store.keys import Keys
from blackboard.store.partition import Partition
from blackboard.store.server_check import ServerFacts, check_server
from blackboard.store.server_process import find_allocator

ROUND_TRIPS = 50
SLOW_MS = 5.0
SKEW_MS = 1000
NEARLY_FULL = 0.8


async def server_findings(clients: Clients) -> AsyncIterator[Finding]:
    """What is found in the server, which answers. Raises StoreError."""
    for finding in _settings(clients, await check_server(clients)):
        yield finding
    async for finding in _measured(clients):
        yield finding


def _settings(clients: Clients, facts: ServerFacts) -> Iterator[Finding]:
    where = "embedded, " if clients.embedded else ""
    yield Finding("store", "ok", f"{facts.name} {facts.version or ''} ({where}{clients.url})")
    yield _durability(clients, facts)
    if clients.embedded and sys.platform == "linux":
        yield _allocator()
    policy = facts.eviction_policy
    if policy in {None, "noeviction"}:
        yield Finding("eviction", "ok", f"maxmemory-policy {policy or 'is not told'}")
    else:
        yield Finding("eviction", "warn", f"maxmemory-policy {policy}", "Set noeviction before you ever set maxmemory")


def _allocator() -> Finding:
    """What the embedded server allocates with, if it is started now."""
    found = find_allocator()
    if found:
        return Finding("allocator", "ok", f"{found}, unless the server was started before that was installed")
    hint = "with jemalloc (Debian: libjemalloc2), which it takes when it is next started, it does a third more"
    return Finding("allocator", "ok", f"the embedded server uses the system's; {hint}")


def _durability(clients: Clients, facts: ServerFacts) -> Finding:
    """What each kind of crash can lose, as this server is set up."""
    replicas = (
        f" {facts.replicas} replicas copy it asynchronously: a failover loses what they lack." if facts.replicas else ""
    )
    if clients.address.deployment is Deployment.MEMORY:
        return Finding("durability", "warn", "everything is lost with this process", "Use it for tests only")
    if facts.append_only is None:
        return Finding(
            "durability", "warn", "the server does not tell how it persists", "Ask its operator: append-only file?"
        )
    if not facts.append_only:
        finding = f"no append-only file: when the server ends, all since its last snapshot is lost.{replicas}"
        return Finding("durability", "warn", finding, "Set appendonly yes on the server")
    match facts.fsync:
        case "always":
            return Finding("durability", "ok", f"every reply waits for the disk: no crash loses anything.{replicas}")
        case "no":
            finding = f"appendfsync no: a crash of the machine loses up to half a minute.{replicas}"
            return Finding("durability", "warn", finding, "Set appendfsync everysec or always")
    finding = (
        "a crash of a process, the server's too, loses nothing; one of the machine up to the last second "
        f"(appendfsync {facts.fsync or 'everysec'}).{replicas}"
    )
    return Finding("durability", "ok", finding)


async def _measured(clients: Clients) -> AsyncIterator[Finding]:
    calls = Calls(clients)
    if clients.address.deployment is not Deployment.MEMORY:
        yield _memory(await calls.command("INFO", "memory"))
        yield await _skew(calls)
    yield await _latency(Partition(calls, Keys("doctor"), Limits()))


def _memory(info: Any) -> Finding:
    used, limit = (int(info.get(name, 0)) for name in ("used_memory", "maxmemory"))
    finding = f"{used / 2**20:.1f} MiB used, " + (f"limit {limit / 2**20:.0f} MiB" if limit else "no limit set")
    if limit and used > limit * NEARLY_FULL:
        return Finding("memory", "warn", finding, "Raise maxmemory, close finished boards, or shorten their retention")
    return Finding("memory", "ok", finding)


async def _skew(calls: Calls) -> Finding:
    clock = SystemClock()
    before = clock.now()
    seconds, microseconds = await calls.command("TIME")
    skew = int(seconds) * 1000 + int(microseconds) // 1000 - (before + clock.now()) // 2
    finding = f"this machine and the server are {abs(skew)} ms apart"
    if abs(skew) > SKEW_MS:
        return Finding("clock", "warn", finding, "Synchronise both with NTP; only times shown here are affected")
    return Finding("clock", "ok", finding)


async def _latency(partition: Partition) -> Finding:
    """The round trip of a script that reads a board which is not there."""
    took = []
    for _ in range(ROUND_TRIPS):
        started = time.perf_counter()
        await partition.entries("doctor", "none")
        took.append((time.perf_counter() - started) * 1000)
    took = sorted(took[5:])  # without the first, which load the script
    middle, worst = took[len(took) // 2], took[-1]
    finding = f"a script takes {middle:.2f} ms there and back, {worst:.2f} ms at worst"
    if middle > SLOW_MS:
        return Finding("latency", "warn", finding, "Run workers nearer to the store; give them more -c to hide it")
    return Finding("latency", "ok", finding)
