"""Where undoing meets what else lasts: doubt about external effects, pauses and deadlines, people, and data of another shape."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from blackboard import (
    Approval,
    Blackboard,
    Board,
    BoardAborted,
    Breaker,
    BreakerState,
    Count,
    Entry,
    Outcome,
    SagaUnderWay,
)
from blackboard.context import Context
from blackboard.control import Manual
from tests.conformance.kinds import Note
from tests.eventually import async_eventually

DEADLINE = 20
"""Seconds for what takes a moment."""

ITS_TIME = 0.2
"""Seconds after which an agent that acts outside the board is cut short."""


class Job(Entry):
    """What is to be done."""

    name: str = "one"


class Done(Entry):
    """It was."""

    name: str = "one"


class Wish(Entry, key="id"):
    """One of several."""

    id: str


class OldItem(Entry, kind="item", key="id"):
    """A thing as an older program knows it."""

    id: str
    price: int


class Item(Entry, kind="item", key="id", version=2):
    """The same thing as this one does."""

    id: str
    cents: int


@Item.upcast(1)
def in_cents(data: dict[str, object]) -> dict[str, object]:
    return {"id": data["id"], "cents": int(str(data["price"])) * 100}


class Payments:
    """An agent that is cut short while it pays, and that can be asked what became of that."""

    def __init__(self, bb: Blackboard, timeout: float | None = None) -> None:
        self.begun = asyncio.Event()
        self.asked: list[str] = []
        self.paid_back: list[str] = []

        async def look_it_up(job: Job) -> Outcome:
            self.asked.append(job.name)
            return Outcome.done(Done(name=job.name))

        @bb.knowledge_source(effects="external", timeout=timeout, reconcile=look_it_up)
        async def pay(job: Job) -> Done:
            self.begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        @pay.compensation
        async def pay_back(done: Done) -> None:
            self.paid_back.append(done.name)

    async def cut_short(self, bb: Blackboard, board: Board) -> None:
        """Begin to pay, and end the worker meanwhile, as a second SIGTERM does."""
        worker = bb.workers()
        await worker.__aenter__()
        await board.post(Job())
        await asyncio.wait_for(self.begun.wait(), DEADLINE)
        worker.abort()
        await worker.__aexit__(None, None, None)


async def saga_state(board: Board) -> str:
    return (await board.saga()).state


async def is_(board: Board, state: str) -> bool:
    return await saga_state(board) == state


async def undoes_wishes(bb: Blackboard) -> tuple[asyncio.Event, asyncio.Event]:
    """Add a source whose compensation says that it has begun, and waits until it may end."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    @work.compensation
    async def undo(done: Done) -> None:
        begun.set()
        await go_on.wait()

    return begun, go_on


# ---------------------------------------------------------------------------- external effects


async def test_what_is_cut_short_while_all_is_undone_is_asked_after_and_undone(bb: Blackboard) -> None:
    payments = Payments(bb, timeout=ITS_TIME)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job())
        await asyncio.wait_for(payments.begun.wait(), DEADLINE)
        await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert (payments.asked, payments.paid_back) == (["one"], ["one"])


@pytest.mark.parametrize("held", [False, True], ids=["ready", "held"])
@pytest.mark.parametrize("savepoint", [None, "here"], ids=["all", "since a savepoint"])
async def test_what_was_in_doubt_when_undoing_began_is_asked_after_and_undone(
    bb: Blackboard, held: bool, savepoint: str | None
) -> None:
    payments = Payments(bb)
    async with bb:
        board = bb.board("b")
        await board.post(Note(text="before"))
        await board.savepoint("here")
        await payments.cut_short(bb, board)
        if held:
            await board.orchestrate(Manual())
        await board.compensate("changed our minds", to=savepoint)
        async with bb.workers():
            ends = "aborted" if savepoint is None else "undone"
            await async_eventually(lambda: is_(board, ends), DEADLINE, "everything is undone")
        assert (payments.asked, payments.paid_back) == (["one"], ["one"])


async def test_no_switch_and_no_pause_keeps_doubt_from_being_cleared_while_a_board_is_undone(bb: Blackboard) -> None:
    payments = Payments(bb)
    async with bb:
        board = bb.board("b")
        await board.post(Note(text="before"))
        await board.savepoint("here")
        await payments.cut_short(bb, board)
        await board.compensate("changed our minds", to="here")
        await board.orchestrate(Manual())
        await board.pause()
        await board.choreograph()
        async with bb.workers():
            await async_eventually(lambda: is_(board, "undone"), DEADLINE, "everything is undone")
        assert (payments.asked, payments.paid_back) == (["one"], ["one"])


# ---------------------------------------------------------------------------- pauses and deadlines


async def test_who_pauses_a_board_that_goes_back_to_a_savepoint_finds_it_paused_afterwards(bb: Blackboard) -> None:
    begun, go_on = await undoes_wishes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="before"))
        await board.savepoint("here")
        await board.post(Job())
        await board.settled(DEADLINE)
        await board.compensate("changed our minds", to="here")
        await asyncio.wait_for(begun.wait(), DEADLINE)
        await board.pause("let me look")
        with pytest.raises(SagaUnderWay):
            await board.resume()
        go_on.set()
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert (await board.status()).paused
        await board.resume()
        assert not (await board.status()).paused


async def test_a_deadline_that_passes_while_a_board_goes_back_to_a_savepoint_pauses_it(bb: Blackboard) -> None:
    begun, go_on = await undoes_wishes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Note(text="before"))
        await board.savepoint("here")
        await board.post(Job())
        await board.settled(DEADLINE)
        await board.compensate("changed our minds", to="here")
        await asyncio.wait_for(begun.wait(), DEADLINE)
        await board.deadline(timedelta(milliseconds=1))

        async def has_passed() -> bool:
            return any([event.by == "@deadline" async for event in board.events()])

        await async_eventually(has_passed, DEADLINE, "its deadline has passed")
        go_on.set()
        await async_eventually(lambda: is_(board, "undone"), DEADLINE, "it is back at its savepoint")
        assert (await board.status()).paused


async def test_a_board_that_is_undone_takes_no_deadline_and_says_so(bb: Blackboard) -> None:
    begun, go_on = await undoes_wishes(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job())
        await board.settled(DEADLINE)
        await board.compensate("changed our minds")
        await asyncio.wait_for(begun.wait(), DEADLINE)
        with pytest.raises(BoardAborted):
            await board.deadline(timedelta(hours=1))
        go_on.set()


# ---------------------------------------------------------------------------- people


async def test_what_is_asked_in_vain_is_withdrawn_before_all_is_undone(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def ask(job: Job, ctx: Context) -> Done:
        await ctx.approval("Really?")
        return Done()

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Job())
        await async_eventually(board.approvals, DEADLINE, "it asks")
        await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert [each.state for each in await board.read(Approval)] == ["withdrawn"]


@pytest.mark.parametrize("answer", ["rejected", "expired"])
async def test_a_persons_no_does_not_open_a_breaker(bb: Blackboard, answer: str) -> None:
    asked: Any = True

    @bb.knowledge_source(approval=asked, breaker=Breaker(failures=2, cooldown=60))
    async def grant(wish: Wish) -> None: ...

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Wish(id="1"), Wish(id="2"), Wish(id="3"))

        async def all_asked() -> list[Approval]:
            found = await board.approvals()
            return found if len(found) == 3 else []

        for each in await async_eventually(all_asked, DEADLINE, "they ask"):
            await board.reject(each.id)

        async def all_dead() -> bool:
            return len(await board.dead()) == 3

        await async_eventually(all_dead, DEADLINE, "nothing is granted")
        assert (await bb.gauges())["grant"].breaker is BreakerState.CLOSED


async def test_a_worker_that_is_ended_does_not_open_a_breaker(bb: Blackboard) -> None:
    begun = asyncio.Event()

    @bb.knowledge_source(effects="external", breaker=Breaker(failures=1, cooldown=60))
    async def act(job: Job) -> Done:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with bb:
        board = bb.board("b")
        await board.post(Job())
        worker = bb.workers()
        await worker.__aenter__()
        await asyncio.wait_for(begun.wait(), DEADLINE)
        worker.abort()
        await worker.__aexit__(None, None, None)
        assert len(await board.unknown()) == 1
        assert (await bb.gauges())["act"].breaker is BreakerState.CLOSED


# ---------------------------------------------------------------------------- data of another shape


async def test_a_compensation_is_bound_to_what_was_gathered_in_an_older_shape(bb: Blackboard) -> None:
    undone: list[list[int]] = []
    before = Blackboard(f"{bb.name}-before", url="memory://")

    @before.knowledge_source(name="collect", when=[OldItem.price > 1, Count(OldItem) >= 3])
    async def collect_old(items: list[OldItem]) -> Done:
        return Done()

    @collect_old.compensation
    async def undo_old(items: list[OldItem], done: Done) -> None: ...

    async with before, before.workers():
        old = before.board("b")
        await old.post(OldItem(id="1", price=2), OldItem(id="2", price=1), OldItem(id="3", price=5))
        await old.settled(DEADLINE)
        lines = [line async for line in old.export()]

    @bb.knowledge_source(name="collect", when=[Item.cents > 100, Count(Item) >= 3])
    async def collect(items: list[Item]) -> Done:
        return Done()

    @collect.compensation
    async def undo(items: list[Item], done: Done) -> None:
        undone.append([each.cents for each in items])

    async with bb, bb.workers():
        board = await bb.import_board(lines, "b")
        await board.settled(DEADLINE)
        await board.compensate("changed our minds")
        await async_eventually(lambda: is_(board, "aborted"), DEADLINE, "everything is undone")
        assert undone == [[200, 500]]
