"""External effects: what was cut short while it acted outside the board is reconciled, or waits for a person."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blackboard import (
    ActivationNotFound,
    Backoff,
    Blackboard,
    Board,
    Context,
    EntryExists,
    Handoff,
    InvalidSource,
    NotUnknown,
    Outcome,
    UndeclaredKind,
)
from tests.conformance.kinds import Claim, Done, Job, Note
from tests.conformance.logbook import events_of
from tests.eventually import async_eventually

SHORT = 0.2
"""Seconds of a lease that nobody renews."""


class Provider:
    """What payments go to: it keeps them by their key, as payment providers do."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.paid: dict[str, str] = {}
        self.called, self.answer = asyncio.Event(), asyncio.Event()

    async def pay(self, key: str, name: str, *, first: bool = True) -> None:
        """Take the payment; the answer to it comes when the test says so."""
        self.calls.append(key)
        if first:
            self.paid[key] = name
        self.called.set()
        await self.answer.wait()
        self.paid[key] = name


async def in_doubt(board: Board) -> list[str]:
    return [each.source for each in await board.unknown()]


async def end_suddenly(worker: Any) -> None:
    """As a second SIGTERM does."""
    worker.abort()
    await worker.__aexit__(None, None, None)


def payments(bb: Blackboard, provider: Provider, **options: Any) -> None:
    @bb.knowledge_source(effects="external", retries=0, backoff=Backoff(initial=0), **options)
    async def pay(job: Job, ctx: Context) -> Done:
        await provider.pay(ctx.idempotency_key, job.name)
        return Done(name=job.name, by="pay")


# ---------------------------------------------------------------------------- a person


async def test_what_its_worker_was_ended_with_waits_for_a_person(bb: Blackboard) -> None:
    provider = Provider()
    payments(bb, provider)
    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        worker = bb.workers()
        await worker.__aenter__()
        await asyncio.wait_for(provider.called.wait(), 10)
        await end_suddenly(worker)
        assert await in_doubt(board) == ["pay"]
        await board.settled(timeout=10)
        (found,) = await board.unknown()
        assert "its worker was ended while it acted" in found.problem
        async with bb.workers(burst=True):
            pass
        assert len(provider.calls) == 1

        assert await board.resolve(found.name, "done", Done(name="a", by="ada"), why="the statement has it")

        assert (await board.read(Done))[0].by == "ada"
        events = await events_of(board)
        assert [event.type.value for event in events][-3:] == ["unsure", "fired", "posted"]
        assert (events[-1].by, events[-3].by) == (found.name, "@api")
        assert events[-3].reason == "resolved: done: the statement has it"
        with pytest.raises(ActivationNotFound):
            await board.resolve(found.name, "done")


async def test_a_time_limit_leaves_the_outcome_unknown(bb: Blackboard) -> None:
    provider = Provider()
    payments(bb, provider, timeout=0.05)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: in_doubt(board), 10, "the payment is in doubt")
        (found,) = await board.unknown()
        assert (found.attempts, "its time limit of 0.05 s struck" in found.problem) == (1, True)
        assert await board.dead() == []
        provider.answer.set()
        assert await board.retry(found.number)
        await board.wait_for(Done, timeout=10)
        assert len(set(provider.calls)) == 1, "the key is the same for every run"
        assert len(provider.calls) == 2


async def test_what_an_agent_raises_is_its_failure_as_ever(bb: Blackboard) -> None:
    """It knows what it did; so it does when it raises a TimeoutError of its own."""

    @bb.knowledge_source(effects="external", retries=0, timeout=30)
    async def pay(job: Job) -> None:
        raise TimeoutError("the provider said nothing")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await board.settled(timeout=10)
        assert [each.source for each in await board.dead()] == ["pay"]
        assert await in_doubt(board) == []


async def test_what_had_not_begun_is_not_in_doubt(bb: Blackboard) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def is_day(job: Job) -> bool:
        asked.set()
        await go_on.wait()
        return True

    provider = Provider()
    payments(bb, provider, precondition=is_day)
    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        worker = bb.workers()
        await worker.__aenter__()
        await asyncio.wait_for(asked.wait(), 10)
        await end_suddenly(worker)
        assert [each.state.value for each in await board.agenda()] == ["ready"]


async def test_what_is_done_is_committed_though_its_worker_is_ended(bb: Blackboard) -> None:
    """The contribution is on its way when the worker is told to end at once."""

    @bb.knowledge_source(effects="external")
    async def pay(job: Job) -> Done:
        asyncio.get_running_loop().call_soon(worker.abort)
        return Done(name=job.name)

    async with bb:
        board = bb.board("b")
        worker = bb.workers()
        await board.post(Job(name="a"))
        await asyncio.wait_for(worker.run(), 10)
        assert [each.name for each in await board.read(Done)] == ["a"]


async def test_of_a_stream_what_was_committed_stays(bb: Blackboard) -> None:
    parted, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source(effects="external")
    async def pay(job: Job) -> AsyncIterator[Done]:
        yield Done(name="half")
        parted.set()
        await go_on.wait()
        yield Done(name="whole")

    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        worker = bb.workers()
        await worker.__aenter__()
        await asyncio.wait_for(parted.wait(), 10)
        await end_suddenly(worker)
        assert [each.name for each in await board.read(Done)] == ["half"]
        assert await in_doubt(board) == ["pay"]


async def test_a_thread_cannot_be_stopped_and_so_is_in_doubt(bb: Blackboard) -> None:
    called, answer = threading.Event(), threading.Event()

    @bb.knowledge_source(effects="external", timeout=0.05)
    def pay(job: Job) -> Done:
        called.set()
        answer.wait(10)
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: in_doubt(board), 10, "the payment is in doubt")
        answer.set()
        assert called.is_set()
        assert await board.read(Done) == []


async def test_a_person_gives_up_or_is_refused(bb: Blackboard) -> None:
    provider = Provider()
    payments(bb, provider, timeout=0.05)

    @bb.knowledge_source(retries=0)
    async def fail(claim: Claim) -> None:
        raise RuntimeError

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"), Claim(amount=1))
        await async_eventually(lambda: in_doubt(board), 10, "the payment is in doubt")
        await async_eventually(board.dead, 10, "another is dead")
        (found,), (dead,) = await board.unknown(), await board.dead()
        with pytest.raises(UndeclaredKind, match="pay wrote the kind note, but its return annotation says only: done"):
            await board.resolve(found.name, "done", Note(text="?"))
        with pytest.raises(NotUnknown, match=f"{dead.name} of board b is dead"):
            await board.resolve(dead.name, "again")
        with pytest.raises(ActivationNotFound):
            await board.resolve("pay#99", "again")
        with pytest.raises(InvalidSource, match="again takes no entries"):
            await board.resolve(found.name, "again", Done(name="a"))
        with pytest.raises(InvalidSource, match="'maybe' is no verdict"):
            await board.resolve(found.name, "maybe")  # type: ignore[arg-type]
        await board.post(Done(name="a", by="another"))
        with pytest.raises(EntryExists):
            await board.resolve(found.name, "done", Done(name="a"))
        assert await in_doubt(board) == ["pay"]
        assert await board.resolve(found.name, "dead", why="the bill was wrong")
        assert {each.problem for each in await board.dead() if each.source == "pay"} == {"the bill was wrong"}


# ---------------------------------------------------------------------------- reconcile


def by_the_book(provider: Provider) -> Any:
    async def look(job: Job, ctx: Context) -> Outcome:
        if ctx.idempotency_key in provider.paid:
            return Outcome.done(Done(name=job.name, by="book"))
        return Outcome.again("it never arrived")

    return look


async def test_a_worker_that_died_is_reconciled_by_the_next(bb: Blackboard) -> None:
    """The worker neither ends nor renews its lease, as one that was killed."""
    provider = Provider()
    payments(bb, provider, reconcile=by_the_book(provider), lease=SHORT)
    async with bb:
        board = bb.board("b")
        await board.post(Job(name="a"))
        first = bb.workers()
        await first.__aenter__()
        await asyncio.wait_for(provider.called.wait(), 10)
        first._shifts[0]._leases.stop()
        async with bb.workers():
            done = await board.wait_for(Done, timeout=10)
            assert (done.by, len(provider.calls)) == ("book", 1)
        reasons = [event.reason for event in await events_of(board) if event.type.value == "unsure"]
        assert reasons == ["reconciled: done"]
        await end_suddenly(first)
        assert len(await board.read(Done)) == 1


async def test_what_never_arrived_runs_again(bb: Blackboard) -> None:
    provider = Provider()

    @bb.knowledge_source(effects="external", retries=3, timeout=0.1, reconcile=by_the_book(provider))
    async def pay(job: Job, ctx: Context) -> Done:
        await provider.pay(ctx.idempotency_key, job.name, first=len(provider.calls) > 1)
        return Done(name=job.name, by="pay")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        assert (await board.wait_for(Done, timeout=10)).by == "book"
        assert len(provider.calls) == 3
        said = [event.reason for event in await events_of(board) if event.type.value == "unsure"]
        assert "reconciled: again: it never arrived" in said


async def test_what_times_out_again_and_again_has_its_attempts(bb: Blackboard) -> None:
    runs = 0

    def nothing(job: Job) -> Outcome:
        return Outcome.again()

    @bb.knowledge_source(effects="external", retries=1, timeout=0.05, reconcile=nothing)
    async def pay(job: Job) -> Done:
        nonlocal runs
        runs += 1
        await asyncio.Event().wait()
        raise AssertionError

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(board.dead, 10, "its attempts are spent")
        assert runs == 2
        assert await in_doubt(board) == []


def raises(job: Job) -> Outcome:
    raise RuntimeError("no connection")


def says_nothing(job: Job) -> None:
    return None


def cannot_tell(job: Job) -> Outcome:
    return Outcome.unknown("two payments have this amount")


def says_too_much(job: Job) -> Outcome:
    return Outcome.done(Note(text="not declared"))


def hands_over(job: Job) -> Outcome:
    return Outcome.done(Handoff("nobody"))


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (raises, "RuntimeError: no connection"),
        (says_nothing, "it answered NoneType, which says nothing of the outcome"),
        (cannot_tell, "two payments have this amount"),
        (says_too_much, "pay wrote the kind note"),
        (hands_over, "pay wrote the kind Handoff"),
    ],
)
async def test_where_reconcile_does_not_help_a_person_must(bb: Blackboard, function: Any, problem: str) -> None:
    provider = Provider()
    payments(bb, provider, timeout=0.05, reconcile=function)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: in_doubt(board), 10, "the payment is in doubt")
        (found,) = await board.unknown()
        assert problem in found.problem
        assert len(provider.calls) == 1


async def test_a_release_without_reconcile_leaves_it_to_a_person(bb: Blackboard) -> None:
    provider = Provider()
    payments(bb, provider, reconcile=by_the_book(provider), timeout=0.05)
    old = Blackboard("old")
    payments(old, provider, timeout=0.05)
    async with bb, bb.workers() as worker:
        for shift in worker._shifts:  # as if their release knew of no reconcile
            shift._duty.sources["pay"] = old.sources["pay"]  # type: ignore[index]
        board = bb.board("b")
        await board.post(Job(name="a"))
        await async_eventually(lambda: in_doubt(board), 10, "the payment is in doubt")
        assert "has no reconcile function" in (await board.unknown())[0].problem


def test_reconcile_is_for_external_effects() -> None:
    bb = Blackboard("never")
    with pytest.raises(InvalidSource, match="its effects are on the board only"):

        @bb.knowledge_source(reconcile=raises)
        async def pay(job: Job) -> None: ...
