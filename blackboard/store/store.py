"""A namespace in a store: connected, checked, divided into partitions."""

from __future__ import annotations

import json
import logging

from redis.exceptions import ResponseError

from blackboard.errors import StoreRefused
from blackboard.limits import Limits
from blackboard.store.address import Deployment
from blackboard.store.calls import Calls
from blackboard.store.connection import Clients, Settings, connect, wait_until_ready
from blackboard.store.durability import Durability
from blackboard.store.keys import REGISTRY, Keys, partition_of
from blackboard.store.partition import Partition
from blackboard.store.server_check import ServerFacts, check_server
from blackboard.store.stub import Beginnings
from blackboard.store.watch import Watch

logger = logging.getLogger(__name__)


class Store:
    """The partitions of one namespace, and the watch on their boards."""

    def __init__(self, namespace: str, clients: Clients, facts: ServerFacts, partitions: list[Partition]) -> None:
        self.namespace = namespace
        self.clients = clients
        self.facts = facts
        self.partitions = partitions
        self._watches = [Watch(clients, partition.keys) for partition in partitions]

    def partition(self, board: str) -> Partition:
        """The partition that a board lives in."""
        return self.partitions[partition_of(board, len(self.partitions))]

    def watch(self, board: str) -> Watch:
        """The watch that hears of a board's events."""
        return self._watches[partition_of(board, len(self.partitions))]

    async def aclose(self) -> None:
        """Close every connection."""
        for watch in self._watches:
            await watch.aclose()
        await self.clients.aclose()


async def open_store(
    namespace: str,
    url: str | None = None,
    *,
    settings: Settings | None = None,
    limits: Limits | None = None,
    beginnings: Beginnings | None = None,
    partitions: int | None = None,
    durability: Durability | None = None,
    timeout: float = 30.0,
) -> Store:
    """Connect to a store, check that it can be trusted, and open a namespace in it.

    ``beginnings`` say what boards that are new begin with.
    ``durability`` is what is waited for with every write (None: nothing; in memory there is nothing to wait for).
    ``partitions`` is fixed when the namespace is created (1 by default). Raises StoreRefused when the server is too old,
    evicts keys, wants another password, cannot give the durability, or holds the namespace with another number of partitions;
    StoreUnreachable or StoreBusy when it does not answer within ``timeout`` seconds.
    """
    clients = await connect(url, settings or Settings())
    try:
        await wait_until_ready(clients, timeout)
        facts = await check_server(clients)
        for warning in facts.warnings:
            logger.warning("%s", warning)
        calls = Calls(clients, durability=await _offered(clients, facts, durability))
        await calls.prepare()
        count = await _agree_on_partitions(calls, namespace, partitions)
    except BaseException:
        await clients.aclose()
        raise
    every = [Partition(calls, Keys(namespace, number), limits or Limits(), beginnings) for number in range(count)]
    return Store(namespace, clients, facts, every)


async def _offered(clients: Clients, facts: ServerFacts, durability: Durability | None) -> Durability | None:
    """What is to be waited for on this server. Raises StoreRefused when it cannot give that."""
    deployment = clients.address.deployment
    if durability is None or deployment is Deployment.MEMORY:
        return None
    if (objection := durability.objection(deployment, facts)) is not None:
        raise StoreRefused(clients.url, *objection)
    if not durability.awaits(facts):
        return None
    try:
        await clients.call(*durability.probe)
    except ResponseError as error:
        problem = f"it lets nobody wait until a write is durable ({error})"
        raise StoreRefused(clients.url, problem, f"Allow {durability.probe[0]!s} to its user") from error
    return durability


async def namespaces(calls: Calls) -> dict[str, dict[str, int]]:
    """The namespaces of a store and their facts."""
    names = await calls.command("HKEYS", REGISTRY)
    rows = await calls.command("HMGET", REGISTRY, *names) if names else []
    return {name.decode(): json.loads(row) for name, row in zip(names, rows, strict=True) if row}


async def _agree_on_partitions(calls: Calls, namespace: str, wanted: int | None) -> int:
    facts = json.dumps({"partitions": wanted or 1})
    await calls.command("HSETNX", REGISTRY, namespace, facts)
    stored: int = json.loads(await calls.command("HGET", REGISTRY, namespace))["partitions"]
    if wanted is not None and stored != wanted:
        raise StoreRefused(
            calls.clients.url,
            f"the namespace {namespace} was created with {stored} partitions, not {wanted}",
            f"Open it with partitions={stored}: boards would not be found elsewhere",
        )
    return stored
