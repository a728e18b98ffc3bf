"""No update is lost, and the loser of a race runs again on fresh entries, at no cost to its retries."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackboard import Blackboard, Board, Context, Count
from blackboard.policies import Isolation
from tests.conformance.kinds import Claim, Counter, Decision, Done, Finding, Job, Note
from tests.conformance.logbook import events_of, fired


class Gate:
    """Holds agents back until they have all arrived."""

    def __init__(self, size: int) -> None:
        self._missing = size
        self._open = asyncio.Event()

    async def wait(self) -> None:
        """Arrive, and wait for the others; whoever comes later passes."""
        self._missing -= 1
        if self._missing <= 0:
            self._open.set()
        await self._open.wait()


async def test_ten_at_once_add_one_each_and_end_at_ten(bb: Blackboard) -> None:
    gate, runs = Gate(10), []

    @bb.knowledge_source(retries=0)
    async def add(job: Job, counter: Counter | None) -> Counter:
        runs.append(job.name)
        await gate.wait()
        counter = counter or Counter()
        counter.value += 1
        return counter

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Counter(value=0), *(Job(name=str(i)) for i in range(10)))
        await board.settled(timeout=20)
        assert await board.read(Counter) == Counter(value=10)
        assert len(await fired(board)) == 10
        assert len(runs) > 10  # so there were races
        assert await events_of(board, "failed", "died") == []


async def test_snapshot_isolation_also_guards_what_was_not_read(bb: Blackboard) -> None:
    """An agent that writes blindly over what appeared meanwhile has lost a race, too."""
    running, go_on, runs = asyncio.Event(), asyncio.Event(), []

    @bb.knowledge_source(retries=0)
    async def decide(claim: Claim, context: Context) -> Decision:
        runs.append(context.attempt)
        running.set()
        await go_on.wait()
        return Decision(approved=False)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await asyncio.wait_for(running.wait(), 10)
        await board.post(Decision(approved=True))
        go_on.set()
        await board.settled(timeout=10)
        assert runs == [1, 1]
        assert (await board.read(Decision)).approved is False
        assert [(event.type, event.by) for event in await events_of(board, "posted", "revised")][1:] == [
            ("posted", "@api"),
            ("revised", "decide#3"),
        ]


@pytest.mark.parametrize(("isolation", "gone"), [("snapshot", 2), ("serializable", 1)])
async def test_two_who_each_rely_on_the_other(bb: Blackboard, isolation: Isolation, gone: int) -> None:
    """Either may leave if the other stays: the race between reads and writes that a snapshot does not catch."""
    gate = Gate(2)

    @bb.knowledge_source(isolation=isolation)
    async def leave(job: Job, done: list[Done] | None) -> Done | None:
        await gate.wait()
        return None if done else Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="ada"), Job(name="eve"))
        await board.settled(timeout=10)
        assert len(await board.read(Done)) == gone
        assert len(await fired(board)) == 2


async def test_serializable_isolation_compares_what_was_read(bb: Blackboard) -> None:
    running, go_on, runs = asyncio.Event(), asyncio.Event(), []

    @bb.knowledge_source(retries=0, isolation="serializable")
    async def decide(claim: Claim, counter: Counter | None, board: Board) -> Decision:
        job = await board.get("job/late")
        runs.append((counter and counter.value, job is not None))
        running.set()
        await go_on.wait()
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1), Counter(value=1))
        await asyncio.wait_for(running.wait(), 10)
        await board.revise(Counter(value=2), version="any")
        await board.post(Job(name="late"))
        go_on.set()
        await board.settled(timeout=10)
        assert runs == [(1, False), (2, True)]
        assert await events_of(board, "failed") == []
        assert len(await fired(board)) == 1


async def test_serializable_isolation_sees_phantoms(bb: Blackboard) -> None:
    """What a query did not find, because it was not there yet, counts as read."""
    running, go_on, seen = asyncio.Event(), asyncio.Event(), []

    @bb.knowledge_source(retries=0, isolation="serializable")
    async def gather(findings: list[Finding]) -> Note:
        seen.append(("gather", len(findings)))
        await go_on.wait()
        return Note(text="gathered")

    @bb.knowledge_source(retries=0, isolation="serializable")
    async def query(claim: Claim, board: Board) -> Note:
        seen.append(("query", len(await board.read(Finding, Finding.risk > 0.5))))
        running.set()
        await go_on.wait()
        return Note(text="queried")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1), Finding(source="a", risk=1))
        await asyncio.wait_for(running.wait(), 10)
        await board.post(Finding(source="b", risk=1))
        go_on.set()
        await board.settled(timeout=10)
        assert sorted(seen) == [("gather", 1), ("gather", 2), ("query", 1), ("query", 2)]
        assert sorted(await fired(board)) == ["gather", "query"]
        assert len(await board.read(Note)) == 2


async def test_snapshot_isolation_does_not_mind_what_was_only_read(bb: Blackboard) -> None:
    running, go_on, runs = asyncio.Event(), asyncio.Event(), []

    @bb.knowledge_source(when=Count(Job) >= 0)
    async def decide(claim: Claim, counter: Counter | None) -> Decision:
        runs.append(counter)
        running.set()
        await go_on.wait()
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1), Counter(value=1))
        await asyncio.wait_for(running.wait(), 10)
        await board.revise(Counter(value=2), version="any")
        go_on.set()
        await board.settled(timeout=10)
        assert len(runs) == 1


async def test_a_serializable_agent_may_write_in_parts(bb: Blackboard) -> None:
    """Its own earlier contributions are no reason to start again."""

    @bb.knowledge_source(retries=0, isolation="serializable")
    async def tally(claim: Claim, counter: Counter | None, board: Board) -> AsyncIterator[Counter]:
        for value in (1, 2, 3):
            yield Counter(value=value)
            assert (await board.read(Counter)).value == value

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert await board.read(Counter) == Counter(value=3)
