"""Nothing leaks: the keys of a board expire together, a retention after its close; others are as the key map says."""

import asyncio
from datetime import timedelta

import pytest

from blackboard import Absent, Blackboard, BoardNotFound
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job
from tests.conftest import KeyFound, key_faults
from tests.eventually import async_eventually


def busy_blackboard(namespace: str, url: str, retention: timedelta | None) -> Blackboard:
    """A blackboard whose boards use every kind of key."""
    bb = Blackboard(namespace, url=url, retention=retention)

    @bb.knowledge_source(when=Finding.risk > 0.5)
    async def work(finding: Finding) -> Done:
        return Done(name=finding.source)

    @bb.knowledge_source(retries=0)
    async def fail(job: Job) -> None:
        raise RuntimeError

    @bb.knowledge_source(when=Absent(Decision), after=3600)
    async def wait(claim: Claim) -> None:
        return None

    return bb


async def work_a_little(bb: Blackboard, name: str) -> None:
    board = bb.board(name)
    await board.post(Claim(amount=1), Job(name="a"), Finding(source="a", risk=1))
    async with bb.workers():
        await board.wait_for(Done, timeout=10)
        await async_eventually(board.dead, 10, "one agent is dead")


async def expiring(bb: Blackboard, name: str) -> dict[str, bool]:
    """Which keys of a board there are, and whether each expires."""
    partition = bb.store().partition(name)
    answers = {}
    for key in partition.keys.board(name):
        left = await partition.calls.command("PTTL", key)
        if left != -2:
            answers[key.rpartition(":")[2]] = left > 0
    return answers


async def test_all_keys_of_a_closed_board_expire(store_url: str, namespace: str) -> None:
    bb = busy_blackboard(namespace, store_url, timedelta(days=7))
    async with bb:
        await work_a_little(bb, "open")
        await work_a_little(bb, "closed")
        await bb.board("closed").close()

        assert set(await expiring(bb, "open")) == {"meta", "entries", "memory", "agenda", "log", "fired", "ops"}
        assert not any((await expiring(bb, "open")).values())
        assert set(await expiring(bb, "closed")) == {"meta", "entries", "memory", "log", "fired", "ops"}
        assert all((await expiring(bb, "closed")).values())


async def test_a_closed_board_without_retention_is_kept(store_url: str, namespace: str) -> None:
    bb = busy_blackboard(namespace, store_url, None)
    async with bb:
        await work_a_little(bb, "b")
        await bb.board("b").close()
        assert not any((await expiring(bb, "b")).values())


async def test_after_its_retention_a_board_has_never_been(store_url: str, namespace: str) -> None:
    bb = busy_blackboard(namespace, store_url, timedelta(milliseconds=30))

    async def gone() -> bool:
        return await expiring(bb, "b") == {}

    async with bb:
        await work_a_little(bb, "b")
        board = bb.board("b")
        await board.close()
        await async_eventually(gone, 10, "the board's keys have expired")
        assert await bb.boards() == []
        assert await board.dead() == []
        with pytest.raises(BoardNotFound):
            await board.status()
        for key in ("activations", "ready", "due", "leases", "dead", "boards"):
            partition = bb.store().partitions[0]
            assert await partition.calls.command("EXISTS", getattr(partition.keys, key)) == 0
        await board.post(Claim(amount=2))  # the same id may begin again
        assert (await board.status()).seq == 3


async def test_late_events_do_not_bring_a_closed_board_back(store_url: str, namespace: str) -> None:
    """What still ran when the board closed must leave no key without an end."""
    bb = Blackboard(namespace, url=store_url)
    running, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        running.set()
        await go_on.wait()
        if job.name == "fails":
            raise RuntimeError
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        async with bb.workers():
            await board.post(Job(name="works"), Job(name="fails"))
            await asyncio.wait_for(running.wait(), 10)
            await board.close()
            go_on.set()
        assert all((await expiring(bb, "b")).values())


def test_the_check_of_keys_finds_faults() -> None:
    """The fixture behind every test of this folder, tested itself."""
    stem = "{bb:n:0}:"
    fine = {
        f"{stem}ready": KeyFound("zset", None),
        f"{stem}bell:ab": KeyFound("list", 1000),
        f"{stem}b:x:y:meta": KeyFound("hash", None),
        f"{stem}b:z:meta": KeyFound("hash", 5),
        f"{stem}b:z:log": KeyFound("list", 5),
    }
    assert key_faults(fine) == []
    for key, found in {
        f"{stem}unknown": KeyFound("hash", None),
        f"{stem}leases": KeyFound("hash", None),
        f"{stem}sources": KeyFound("hash", 5),
        f"{stem}bell:ab": KeyFound("list", None),
        f"{stem}b:z:fired": KeyFound("hash", None),
        f"{stem}b:z:other": KeyFound("hash", 5),
    }.items():
        assert len(key_faults(fine | {key: found})) == 1, key
