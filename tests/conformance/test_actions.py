"""Running agents: every style of function, what may be returned, and every way to fail."""

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from blackboard import ActivationNotFound, Backoff, Blackboard, Board, BoardClosed, Context
from blackboard.control import Route
from blackboard.store.partition import Partition
from tests.conformance.kinds import Claim, Counter, Decision, Done, Finding, Job, Note
from tests.conformance.logbook import events_of, fired, types_of

AT_ONCE = Backoff(initial=0)


async def died_of(board: Board) -> str:
    """The last error of the board's only dead activation."""
    [dead] = await board.dead()
    return dead.problem


# ---------------------------------------------------------------------------- styles and results


async def test_agents_come_in_every_style(bb: Blackboard) -> None:
    main = threading.current_thread()

    @bb.knowledge_source
    async def asynchronous(claim: Claim) -> Done:
        return Done(name="asynchronous", by=str(threading.current_thread() is main))

    @bb.knowledge_source
    def plain(claim: Claim) -> Done:
        return Done(name="plain", by=str(threading.current_thread() is main))

    @bb.knowledge_source
    async def stream(claim: Claim) -> AsyncIterator[Done]:
        for part in ("one", "two"):
            yield Done(name=f"stream {part}")

    @bb.knowledge_source
    async def several(claim: Claim) -> list[Done | None]:
        return [Done(name="several"), None]

    @bb.knowledge_source
    async def pair(claim: Claim) -> tuple[Done, Finding]:
        return Done(name="pair"), Finding(source="pair", risk=0)

    @bb.knowledge_source
    async def nothing(claim: Claim) -> None:
        return None

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        done = {done.name: done.by for done in await board.read(Done)}
        assert done == {
            "asynchronous": "True", "pair": "", "plain": "False", "several": "", "stream one": "", "stream two": "",
        }  # fmt: skip
        assert sorted(await fired(board)) == ["asynchronous", "nothing", "pair", "plain", "several", "stream"]


async def test_each_yield_of_a_generator_is_on_the_board_at_once(bb: Blackboard) -> None:
    go_on = asyncio.Event()

    @bb.knowledge_source
    async def stream(claim: Claim) -> AsyncIterator[Counter]:
        for value in (1, 2):
            yield Counter(value=value)
            await go_on.wait()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Counter, timeout=10)
        assert await fired(board) == []
        go_on.set()
        await board.settled(timeout=10)
        assert (await board.read(Counter)).stamp.version == 2
        assert await types_of(board) == ["created", "posted", "triggered", "posted", "revised", "fired"]


async def test_a_generator_is_closed_when_its_activation_is_over(bb: Blackboard) -> None:
    closed = asyncio.Event()
    stale = asyncio.Event()

    @bb.knowledge_source
    async def stream(claim: Claim, counter: Counter | None, board: Board) -> AsyncIterator[Counter]:
        try:
            if not stale.is_set():
                stale.set()
                await board.revise(Counter(value=50), version="any")
            yield Counter(value=1)
        finally:
            closed.set()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1), Counter(value=0))
        await asyncio.wait_for(closed.wait(), 10)
        await board.settled(timeout=10)
        assert (await board.read(Counter)).value == 1
        assert await events_of(board, "failed") == []


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Finding(source="x", risk=0), "wrote the kind finding, but its return annotation says only: decision"),
        ("text", "returned str, which is neither an entry nor a Handoff"),
        ([Decision(approved=True), 5], "returned list, which is neither an entry nor a Handoff"),
        ([Decision(approved=True), Decision(approved=False)], "writes one address twice"),
    ],
)
async def test_what_was_not_declared_is_refused_whole(bb: Blackboard, result: object, said: str) -> None:
    @bb.knowledge_source(retries=0)
    async def decide(claim: Claim) -> Decision:
        return result  # type: ignore[return-value]

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert said in await died_of(board)
        assert [entry.address for entry in await board.entries()] == ["claim"]


async def test_a_unique_entry_keeps_its_address_when_its_agent_runs_again(bb: Blackboard) -> None:
    """Keys are made of the activation's number: a run that was cut off half-way leaves no double."""

    @bb.knowledge_source(backoff=AT_ONCE)
    async def write(claim: Claim, context: Context) -> AsyncIterator[list[Note]]:
        yield [Note(text="a"), Note(text="b")]
        if context.attempt == 1:
            raise RuntimeError("cut off")
        yield [Note(text="c")]

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        notes = {note.stamp.address: (note.text, note.stamp.version) for note in await board.read(Note)}
        assert notes == {"note/3.0": ("a", 1), "note/3.1": ("b", 1), "note/3.2": ("c", 1)}


# ---------------------------------------------------------------------------- failures


async def test_failures_are_counted_retried_and_buried(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=2, backoff=AT_ONCE)
    def fail(claim: Claim, context: Context) -> None:
        raise ValueError(f"attempt {context.attempt}")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert (await types_of(board))[2:] == ["triggered", "failed", "failed", "died"]
        assert [event.attempt for event in await events_of(board, "failed")] == [1, 2]
        [dead] = await board.dead()
        assert (dead.name, dead.state, dead.attempts) == ("fail#3", "dead", 3)
        assert dead.problem.endswith("ValueError: attempt 3")
        assert await fired(board) == []


async def test_a_backoff_is_waited_out(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=1, backoff=Backoff(initial=0.05, jitter=0))
    async def fail(claim: Claim, context: Context) -> Done:
        if context.attempt == 1:
            raise ValueError
        return Done(name="second")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        [failure], [fire] = await events_of(board, "failed"), await events_of(board, "fired")
        assert failure.due == failure.milliseconds + 50
        assert fire.started is not None
        assert fire.started >= failure.due


async def test_the_dead_come_back_on_request_or_with_news(bb: Blackboard) -> None:
    healthy = False

    @bb.knowledge_source(retries=0)
    async def decide(claim: Claim) -> Decision:
        if not healthy:
            raise RuntimeError("ill")
        return Decision(approved=claim.amount > 1)

    async with bb:
        retried, renewed = bb.board("retried"), bb.board("renewed")
        for board in (retried, renewed):
            await board.post(Claim(amount=1))
            await board.run_until_settled(timeout=10)
            assert len(await board.dead()) == 1
        healthy = True

        assert await retried.retry("decide#3")
        with pytest.raises(ActivationNotFound):
            await retried.retry("decide#3")
        await retried.run_until_settled(timeout=10)
        assert (await types_of(retried))[4:] == ["revived", "fired", "posted"]

        await renewed.revise(Claim(amount=2), version="any")
        await renewed.run_until_settled(timeout=10)
        assert await renewed.read(Decision) == Decision(approved=True)
        assert await renewed.dead() == []


async def test_an_agent_that_gave_an_impossible_instruction_may_give_a_better_one(bb: Blackboard) -> None:
    said = [{}, {"to": "decide"}]

    @bb.knowledge_source(retries=1, backoff=AT_ONCE)
    async def route(claim: Claim) -> Route:
        return Route(**said.pop(0))

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert [each.to for each in await board.read(Route)] == ["decide"]
        [failure] = await events_of(board, "failed")
        assert "Route cannot be followed" in str(failure.reason)


async def test_the_dead_say_when_they_died(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=0)
    async def decide(claim: Claim) -> Decision:
        raise RuntimeError("ill")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        [still_open] = await board.agenda()
        assert still_open.died_at is None
        await board.run_until_settled(timeout=10)
        copy = await bb.import_board([line async for line in board.export()], "copy")
        [death] = await events_of(board, "died")
        for each in (board, copy):
            [dead] = await each.dead()
            assert (dead.died_at, dead.due_at) == (death.at, None)


async def test_the_dead_of_a_source_that_fires_once_come_back_too(bb: Blackboard) -> None:
    healthy = False

    @bb.knowledge_source(retries=0, refire="once")
    async def begin(job: Job) -> Done:
        if not healthy:
            raise RuntimeError("ill")
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"), Job(name="b"))
        await board.run_until_settled(timeout=10)
        [dead] = await board.dead()
        healthy = True
        assert await board.retry(dead.name)
        await board.run_until_settled(timeout=10)
        assert [done.name for done in await board.read(Done)] == ["a"]


async def test_a_dead_activation_whose_trigger_is_gone_leaves(bb: Blackboard) -> None:
    @bb.knowledge_source(retries=0)
    async def fail(claim: Claim) -> None:
        raise RuntimeError

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        await board.retract(Claim)
        assert not await board.retry(3)
        assert await board.dead() == []


async def test_what_takes_too_long_has_failed(bb: Blackboard) -> None:
    never = asyncio.Event()
    thread = threading.Event()

    @bb.knowledge_source(timeout=0.02, retries=0)
    async def hang(claim: Claim) -> None:
        await never.wait()

    @bb.knowledge_source(timeout=0.02, retries=0)
    def hang_in_thread(claim: Claim) -> None:
        thread.wait()

    @bb.knowledge_source(timeout=0.02, retries=0)
    async def hang_in_parts(claim: Claim) -> AsyncIterator[Counter]:
        yield Counter(value=1)
        await never.wait()

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        try:
            await board.run_until_settled(timeout=10)
        finally:
            thread.set()
        dead = await board.dead()
        assert sorted(each.source for each in dead) == ["hang", "hang_in_parts", "hang_in_thread"]
        assert all("TimeoutError" in each.problem for each in dead)
        assert (await board.read(Counter)).value == 1


async def test_the_time_limit_is_the_agents_and_not_the_stores(bb: Blackboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished in time is committed, however long the store takes to answer."""
    original = Partition.commit

    async def slow(self: Partition, *args: Any) -> Any:
        await asyncio.sleep(0.1)  # the store, not the test, takes its time
        return await original(self, *args)

    @bb.knowledge_source(timeout=0.05, retries=0)
    async def count(claim: Claim) -> AsyncIterator[Counter]:
        yield Counter(value=1)
        yield Counter(value=2)

    monkeypatch.setattr(Partition, "commit", slow)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert await board.read(Counter) == Counter(value=2)
        assert await fired(board) == ["count"]


async def raise_stop(claim: Claim) -> None:
    raise StopAsyncIteration


def stop(claim: Claim) -> None:
    next(iter(()))


def leave(claim: Claim) -> None:
    sys.exit(3)


async def leave_the_loop(claim: Claim) -> None:
    sys.exit(3)


async def cancel(claim: Claim) -> None:
    raise asyncio.CancelledError


async def closed_elsewhere(claim: Claim) -> None:
    raise BoardClosed("elsewhere")


def long_story(claim: Claim) -> None:
    raise RuntimeError("\x1f\x1e\x00 ä 😀 \ud800" + "x" * 10_000)


async def test_a_workers_log_says_on_which_board_it_was(bb: Blackboard, caplog: pytest.LogCaptureFixture) -> None:
    """Numbers are a board's own: of a thousand boards, each may have an agent#3."""

    @bb.knowledge_source(retries=1, backoff=AT_ONCE)
    async def agent(claim: Claim) -> None:
        raise ValueError("no stock")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
    told = [each.getMessage() for each in caplog.records if "no stock" in each.getMessage()]
    assert told == [
        "agent#3 of board b failed (attempt 1): ValueError: no stock",
        "agent#3 of board b failed (attempt 2) and is dead: ValueError: no stock",
    ]


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (raise_stop, "StopAsyncIteration"),
        (stop, "raised StopIteration"),
        (leave, "SystemExit: 3"),
        (leave_the_loop, "SystemExit: 3"),
        (cancel, "CancelledError"),
        (closed_elsewhere, "board elsewhere takes no more writes"),
        (long_story, "xxxxx"),
    ],
)
async def test_whatever_an_agent_raises_is_its_failure_and_nobody_elses(
    bb: Blackboard, agent: Callable[[Claim], Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "blackboard")  # a captured half of a character stops tests that run in parallel
    bb.knowledge_source(retries=1, backoff=AT_ONCE, name="agent")(agent)

    @bb.knowledge_source
    async def other(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        assert said in await died_of(board)
        assert len(await events_of(board, "failed")) == 1
        assert await board.read(Decision) == Decision(approved=True)


# ---------------------------------------------------------------------------- what an agent is told


async def test_an_agent_is_told_of_its_activation(bb: Blackboard) -> None:
    told = []

    @bb.knowledge_source(retries=1, backoff=AT_ONCE)
    async def tell(claim: Claim, context: Context, board: Board) -> None:
        told.append(context)
        assert board.id == context.board.id == "b"
        if context.attempt == 1:
            raise RuntimeError("again")

    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
    first, second = told
    assert (first.activation, first.attempt, first.crashes, first.depth) == ("tell#3", 1, 0, 1)
    assert second.attempt == 2
    assert first.idempotency_key == second.idempotency_key == f"{bb.name}/b/tell#3"
