"""`unregister`: a source that the code has no more stops to hold boards up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest

from blackboard import Absent, Blackboard, Concurrency, Count, Quiescent, SourceInUse, UnknownSource
from blackboard.control import Manual
from blackboard.registration import register
from blackboard.store.partition import Partition
from blackboard.store.stub import ClaimRequest
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job
from tests.eventually import async_eventually

Add = Callable[[Blackboard], None]

NUMBERS = itertools.count(2)


def keep(bb: Blackboard) -> None:
    """A source that stays in the code."""

    @bb.knowledge_source
    async def kept(job: Job) -> Done:
        return Done(name=job.name, by="kept")


def each(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def old(job: Job) -> Decision: ...


def join(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def old(claim: Claim, job: Job) -> Decision: ...


def gathering(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Count(Job) >= 1)
    async def old(jobs: list[Job]) -> Decision: ...


def delayed(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Absent(Decision), after=timedelta(hours=1))
    async def old(job: Job) -> Decision: ...


def once(bb: Blackboard) -> None:
    @bb.knowledge_source(refire="once")
    async def old(job: Job) -> Decision: ...


def limited(bb: Blackboard) -> None:
    @bb.knowledge_source(concurrency=Concurrency(1, per=Job.name), fair=True)
    async def old(job: Job) -> Decision: ...


def without_entries(bb: Blackboard) -> None:
    @bb.knowledge_source(when=Absent(Decision))
    async def old() -> Decision: ...


ALL = (each, join, gathering, delayed, once, limited, without_entries)


def program(namespace: str, url: str, *adding: Add) -> Blackboard:
    """A release of the program, with these sources."""
    bb = Blackboard(namespace, url=url)
    for add in adding:
        add(bb)
    return bb


@pytest.mark.parametrize("old", ALL)
async def test_what_is_open_of_it_leaves_and_the_board_settles(store_url: str, namespace: str, old: Add) -> None:
    async with program(namespace, store_url, keep, old) as bb:
        await bb.board("b").post(Claim(amount=1), Job(name="a"), Job(name="b"))
        assert "old" in {activation.source for activation in await bb.board("b").agenda()}

    async with program(namespace, store_url, keep) as bb:
        assert await bb.unregister("old") == 1
        assert {activation.source for activation in await bb.board("b").agenda()} == {"kept"}
        assert set(await bb.store().partitions[0].cards()) == {"kept"}
        await bb.board("b").run_until_settled(timeout=10)
        await bb.board("b").post(Job(name="c"))
        await bb.board("other").post(Claim(amount=1), Job(name="d"))
        await bb.board("b").run_until_settled(timeout=10)
        await bb.board("other").run_until_settled(timeout=10)
        assert [entry.name for entry in await bb.board("b").read(Done)] == ["a", "b", "c"]
        assert await bb.board("b").agenda() == await bb.board("other").agenda() == []


async def test_the_closing_report_of_a_source_that_is_gone_is_not_waited_for(store_url: str, namespace: str) -> None:
    def report(bb: Blackboard) -> None:
        @bb.knowledge_source(when=Quiescent())
        async def old(jobs: list[Job]) -> Decision: ...

    async with program(namespace, store_url, report) as bb:
        await bb.board("b").post(Job(name="a"))
        assert [each_one.source for each_one in await bb.board("b").agenda()] == ["old"]
        await bb.unregister("old")
        await bb.board("b").settled(timeout=10)
        assert await bb.board("b").agenda() == []


async def test_what_is_held_leaves_too(store_url: str, namespace: str) -> None:
    async with program(namespace, store_url, each) as bb:
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.post(Job(name="a"))
        await bb.unregister("old")
        assert await board.agenda() == []


async def test_what_runs_goes_on_to_its_end_and_does_not_fire_again(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url)
    began, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def old(job: Job) -> Done:
        began.set()
        await go_on.wait()
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await asyncio.wait_for(began.wait(), 10)
        await bb.unregister("old")
        await board.post(Job(name="b"))
        go_on.set()
        await board.settled(timeout=10)
        assert [entry.name for entry in await board.read(Done)] == ["a"]


async def test_what_it_has_fired_on_is_not_forgotten(store_url: str, namespace: str) -> None:
    """Should it come back, it fires on what is new, and on nothing twice."""

    def answering(bb: Blackboard) -> None:
        @bb.knowledge_source
        async def old(job: Job) -> Finding:
            return Finding(source=job.name, risk=0)

    async with program(namespace, store_url, answering) as bb:
        await bb.board("b").post(Job(name="a"))
        await bb.board("b").run_until_settled(timeout=10)
        await bb.unregister("old")
        await bb.board("b").post(Job(name="b"))
        await bb.board("b").settled(timeout=10)
    async with program(namespace, store_url, answering) as bb:
        await bb.board("b").run_until_settled(timeout=10)
        fired = [event.addresses async for event in bb.board("b").events() if event.type == "fired"]
    assert fired == [("job/a",), ("job/b",)]


async def test_a_paused_source_leaves_no_pause_behind(store_url: str, namespace: str) -> None:
    async with program(namespace, store_url, each) as bb:
        await bb.pause("old", why="it is too dear")
        await bb.unregister("old")
        assert await bb.store().partitions[0].suspended() == {}
        await register(bb.store(), "", bb.sources.values())
        await bb.board("b").post(Job(name="a"))
        assert [str(activation.state) for activation in await bb.board("b").agenda()] == ["ready"]


async def test_who_died_in_the_middle_leaves_the_rest_to_the_next(store_url: str, namespace: str) -> None:
    async with program(namespace, store_url, keep, each) as bb:
        await bb.board("b").post(Job(name="a"))
        partition = bb.store().partitions[0]
        never = '{"s":"old","p":[{"k":"?never","m":"e","a":"?never"}]}'
        await partition.register("", [("old", "{}", never, [])])

        await bb.unregister("old")

        assert {activation.source for activation in await bb.board("b").agenda()} == {"kept"}
        assert set(await partition.cards()) == {"kept"}


async def test_who_registers_it_meanwhile_keeps_it(
    store_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has the source starts in the middle of the call."""
    original = Partition.forget

    async def start_first(self: Partition, source: str, trigger: str) -> str:
        await register(bb.store(), "crew", bb.sources.values())
        return await original(self, source, trigger)

    bb = program(namespace, store_url, each)
    async with bb:
        await bb.board("b").post(Job(name="a"))
        monkeypatch.setattr(Partition, "forget", start_first)
        with pytest.raises(SourceInUse, match="a program has registered it again meanwhile"):
            await bb.unregister("old")
        assert [activation.source for activation in await bb.board("b").agenda()] == ["old"]
        assert set(await bb.store().partitions[0].cards()) == {"old"}

        monkeypatch.setattr(Partition, "forget", original)
        await bb.unregister("old")
        assert await bb.board("b").agenda() == []


async def test_what_a_saga_needs_is_not_taken_from_it(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url)
    began, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def old(job: Job) -> Done:
        return Done(name=job.name)

    @old.compensation
    async def undo(done: Done) -> None:
        began.set()
        await go_on.wait()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await board.settled(timeout=10)
        undoing = asyncio.create_task(board.compensate())
        await asyncio.wait_for(began.wait(), 10)
        with pytest.raises(SourceInUse, match="board b is being undone"):
            await bb.unregister("old")
        go_on.set()
        await asyncio.wait_for(undoing, 10)


async def test_what_still_runs_is_in_doubt_when_its_worker_dies(store_url: str, namespace: str) -> None:
    """What it did outside the board must stay in sight, although its source is gone."""
    bb = Blackboard(namespace, url=store_url)

    @bb.knowledge_source(effects="external")
    async def old(job: Job) -> Done: ...

    async with bb:
        await bb.board("b").post(Job(name="a"))
        partition = bb.store().partitions[0]
        await partition.calls.command("HSET", partition.keys.crews, "old", "|crew|")
        assert len((await partition.claim(ClaimRequest(1, "dying", 1, 1, "crew"))).claimed) == 1
        await bb.unregister("old")

        async def in_doubt() -> bool:
            handed = await partition.claim(ClaimRequest(1, "other", next(NUMBERS), 1000, "crew"))
            return [claimed.verdict for claimed in handed.claimed] == ["unknown"]

        await async_eventually(in_doubt, 10, "its lease has run out, and somebody is to say so")


async def test_a_source_that_is_not_there_is_an_error(store_url: str, namespace: str) -> None:
    async with program(namespace, store_url, keep) as bb:
        with pytest.raises(UnknownSource, match="there is no knowledge source old; registered are: kept"):
            await bb.unregister("old")


async def test_every_partition_forgets_it(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, url=store_url, partitions=3)
    each(bb)
    async with bb:
        for number in range(9):
            await bb.board(f"b{number}").post(Job(name="a"))
        assert await bb.unregister("old") == 9
        assert [await bb.board(f"b{number}").agenda() for number in range(9)] == [[]] * 9
