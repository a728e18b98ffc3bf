"""Durability on real servers: what a write waits for, and what becomes of it when that does not come."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from blackboard import Blackboard, BoardClosed, Entry, NotDurable, StoreRefused
from blackboard.store.connection import Settings
from tests.eventually import async_eventually, eventually
from tests.integration.test_connection import Serve, free_port, program_of, servers

APPEND = ("--appendonly", "yes")


class Question(Entry):
    n: int


class Answer(Entry):
    n: int


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="bb-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(directory: Path) -> Iterator[Serve]:
    with servers(program_of("valkey"), directory) as serve:
        yield serve


def client(url: str) -> redis.Redis:
    return redis.Redis(unix_socket_path=url.removeprefix("unix://"))


def build(url: str, durability: str, **other: Any) -> Blackboard:
    bb = Blackboard("durable", url, durability=durability, **other)

    @bb.knowledge_source
    async def answer(question: Question) -> Answer:
        return Answer(n=question.n + 1)

    return bb


def asked(url: str, command: str) -> int:
    """How often a server was asked to wait."""
    with client(url) as asking:
        found: Any = asking.info("commandstats")
    return int(found.get(f"cmdstat_{command}", {}).get("calls", 0))


class Pair:
    """A primary and its replica."""

    def __init__(self, start: Serve) -> None:
        self.port = free_port()
        self.primary = start("--port", str(self.port), "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
        self.replica = start()
        self.attach()

    def attach(self) -> None:
        with client(self.replica) as replica:
            replica.replicaof("127.0.0.1", self.port)
        eventually(self._follows, 20, "the replica follows its primary")

    def detach(self) -> None:
        with client(self.replica) as replica:
            replica.replicaof("NO", "ONE")
        eventually(lambda: not self._count(), 20, "the primary has lost its replica")

    def _count(self) -> int:
        with client(self.primary) as primary:
            return int(primary.info("replication")["connected_slaves"])

    def _follows(self) -> bool:
        with client(self.primary) as primary:
            found: Any = primary.info("replication")
        return bool(found.get("slave0", {}).get("state") == "online")


# ---------------------------------------------------------------------------- replicas


async def test_what_was_posted_is_on_the_replica(start: Serve) -> None:
    pair = Pair(start)
    async with build(pair.primary, "replicated") as bb, bb.workers():
        await bb.board("b").post(Question(n=1))
        with client(pair.replica) as replica:
            assert replica.hexists(bb.store().partitions[0].keys.of_board("b", "entries"), "question")
        assert (await bb.board("b").wait_for(Answer, timeout=10)).n == 2


async def test_who_posts_is_told_when_the_replica_is_gone(start: Serve) -> None:
    """The write is there all the same: it cannot be taken back, and nobody else is told that it failed."""
    pair = Pair(start)
    async with build(pair.primary, "replicated", settings=Settings(timeout=0.5)) as bb:
        bb.store().partitions[0].calls.patience = 0
        pair.detach()
        with pytest.raises(NotDurable, match="0 of 1 replicas have it"):
            await bb.board("b").post(Question(n=1))
        assert await bb.board("b").read(Question) == Question(n=1)
        pair.attach()
        await bb.board("c").post(Question(n=1))


async def test_a_replica_that_comes_back_in_time_is_waited_for(start: Serve) -> None:
    pair = Pair(start)
    async with build(pair.primary, "replicated", settings=Settings(timeout=0.5)) as bb:
        pair.detach()
        posting = asyncio.create_task(bb.board("b").post(Question(n=1)))

        async def repeated() -> bool:
            return asked(pair.primary, "wait") > 1

        await async_eventually(repeated, 10, "the post is repeated")
        pair.attach()
        assert (await posting).stamps[0].version == 1
        assert [event.type async for event in bb.board("b").events()] == ["created", "posted", "triggered"]


async def test_a_worker_keeps_what_is_not_durable_and_goes_on_when_it_can_be(start: Serve) -> None:
    pair = Pair(start)
    async with build(pair.primary, "replicated", settings=Settings(timeout=0.5)) as bb:
        bb.store().partitions[0].calls.patience = 0.1
        pair.detach()
        with pytest.raises(NotDurable):
            await bb.board("b").post(Question(n=1))
        async with bb.workers():
            board, before = bb.board("b"), asked(pair.primary, "wait")

            async def tried() -> bool:
                return asked(pair.primary, "wait") > before

            await async_eventually(tried, 20, "the contribution was sent")
            pair.attach()
            await board.settled(timeout=20)
        fired = [event.type async for event in board.events()].count("fired")
        assert (await board.read(Answer), fired) == (Answer(n=2), 1)


async def test_a_store_without_replicas_is_refused(valkey_url: str) -> None:
    with pytest.raises(StoreRefused, match="it has 0 replicas, and 2 shall have every write"):
        async with build(valkey_url, "replicated:2"):
            pass


# ---------------------------------------------------------------------------- the disk


async def test_every_write_waits_for_the_disk_and_nothing_else_does(start: Serve) -> None:
    url = start(*APPEND)
    async with build(url, "fsync") as bb:
        before = asked(url, "waitaof")
        await bb.board("b").post(Question(n=1))
        assert asked(url, "waitaof") == before + 1
        await bb.board("b").read(Question)
        await bb.board("b").agenda()
        assert asked(url, "waitaof") == before + 1
        await bb.board("b").run_until_settled(timeout=10)
        assert asked(url, "waitaof") == before + 2, "the commit; a claim can be made again"


async def test_who_posts_is_told_when_the_disk_does_not_follow(start: Serve) -> None:
    url = start(*APPEND, "--appendfsync", "no")
    async with build(url, "fsync", settings=Settings(timeout=0.3)) as bb:
        bb.store().partitions[0].calls.patience = 0
        with pytest.raises(NotDurable, match="its append-only file has not reached the disk"):
            await bb.board("b").post(Question(n=1))


async def test_a_refusal_of_the_script_is_told_as_ever(start: Serve) -> None:
    """The server says no to the write, whatever it says of the disk."""
    url = start(*APPEND)
    async with build(url, "fsync") as bb:
        await bb.board("b").post(Question(n=1))
        await bb.board("b").close()
        with pytest.raises(BoardClosed):
            await bb.board("b").post(Question(n=2))


async def test_what_the_server_no_longer_tells_is_no_refusal_of_the_write(start: Serve) -> None:
    """Somebody has switched the append-only file off meanwhile: the write is there, and is said to be."""
    url = start(*APPEND)
    async with build(url, "fsync") as bb:
        bb.store().partitions[0].calls.patience = 0
        with client(url) as admin:
            admin.config_set("appendonly", "no")
        with pytest.raises(NotDurable, match="it does not say whether it is"):
            await bb.board("b").post(Question(n=1))
        assert await bb.board("b").read(Question) == Question(n=1)


async def test_a_user_who_may_not_wait_is_refused_at_once(start: Serve) -> None:
    url = start(*APPEND)
    with client(url) as admin:
        admin.execute_command("ACL", "SETUSER", "ann", "on", "nopass", "~*", "&*", "+@all", "-waitaof")
    with pytest.raises(
        StoreRefused, match=r"it lets nobody wait until a write is durable .* Allow WAITAOF to its user"
    ):
        async with build(f"{url}?username=ann&password=x", "fsync"):
            pass


async def test_a_store_without_an_append_only_file_is_refused(start: Serve) -> None:
    with pytest.raises(StoreRefused, match="no append-only file"):
        async with build(start(), "fsync"):
            pass


async def test_an_older_server_must_write_before_it_answers(directory: Path) -> None:
    with servers(program_of("redis"), directory) as serve:
        with pytest.raises(StoreRefused, match=r"redis 7.0.\d+ cannot say when a write has reached the disk"):
            async with build(serve(*APPEND), "fsync"):
                pass
        always = serve(*APPEND, "--appendfsync", "always")
        async with build(always, "fsync") as bb:
            await bb.board("b").post(Question(n=1))
        assert asked(always, "waitaof") == 0


async def test_in_memory_there_is_nothing_to_wait_for() -> None:
    async with build("memory://", "replicated:3") as bb:
        await bb.board("b").post(Question(n=1))
        await bb.board("b").run_until_settled(timeout=10)
