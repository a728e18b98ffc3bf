"""Ratings and bids on every store: what comes first within one priority, by a formula or by what a source says."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from blackboard import ActivationState, Blackboard, Board, rating
from blackboard.control import Manual, Priority
from tests.conformance.kinds import Done, Job, Note, Payment
from tests.conformance.logbook import events_of
from tests.eventually import async_eventually

SOON = 10


async def in_order(board: Board) -> list[str | None]:
    """What the activations that fired were bound to, in order."""
    return [event.addresses[0] for event in await events_of(board, "fired")]


async def bids(board: Board) -> dict[str, float]:
    """What is held, and what it rates."""
    held = [each for each in await board.agenda() if each.state is ActivationState.HELD]
    return {each.addresses[0]: each.rating for each in held}


async def all_have_bid(board: Board, count: int) -> dict[str, float]:
    """Wait until so many activations have bid."""

    async def counted() -> bool:
        return len(await bids(board)) == count

    await async_eventually(counted, SOON, f"{count} activations have bid")
    return await bids(board)


def payments(**orders: int) -> list[Payment]:
    return [Payment(id=name, order=order) for name, order in orders.items()]


# ---------------------------------------------------------------------------- formulas


@pytest.mark.tutorial
async def test_a_rating_decides_what_comes_first(bb: Blackboard) -> None:
    """A formula of the entries: the store computes it, again when they change, and the highest is claimed first."""

    @bb.knowledge_source(rating=Payment.order * 2 - 1)
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb:
        board = bb.board("b")
        await board.post(*payments(low=1, high=9, middle=5))
        assert [each.rating for each in await board.agenda()] == [17, 1, 9]  # by address
        await board.revise(Payment(id="low", order=7), version="any")
        async with bb.workers(concurrency=1):
            await board.settled(timeout=SOON)
        assert await in_order(board) == ["payment/high", "payment/low", "payment/middle"]


async def test_a_strategy_goes_by_ratings(bb: Blackboard) -> None:
    @bb.knowledge_source(rating=-Payment.order)  # type: ignore[operator]
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb:
        board = bb.board("b")
        await board.orchestrate(Priority())
        await board.post(*payments(low=1, high=9, middle=5))
        async with bb.controller(), bb.workers():
            await board.settled(timeout=SOON)
        assert await in_order(board) == ["payment/low", "payment/middle", "payment/high"]


# ---------------------------------------------------------------------------- bids


@pytest.mark.tutorial
@pytest.mark.parametrize("plain", [False, True], ids=["async", "sync"])
async def test_a_source_bids_before_a_controller_chooses(bb: Blackboard, plain: bool) -> None:
    """A bid is a Python function with the source's parameters, or a part of them; it starts nothing."""

    async def worth(payment: Payment) -> float:
        return payment.order / 2

    @bb.knowledge_source(bid=(lambda payment: payment.order / 2) if plain else worth)
    async def pay(payment: Payment, jobs: list[Job] | None) -> Done:
        return Done(name=payment.id)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.post(*payments(low=1, high=9, middle=5))
        assert await all_have_bid(board, 3) == {"payment/high": 4.5, "payment/low": 0.5, "payment/middle": 2.5}
        assert await in_order(board) == []
        await board.orchestrate(Priority())
        async with bb.controller():
            await board.settled(timeout=SOON)
        assert await in_order(board) == ["payment/high", "payment/middle", "payment/low"]


async def test_a_bid_may_look_at_what_else_there_is(bb: Blackboard) -> None:
    def worth(payment: Payment, notes: list[Note], board: Board) -> int:
        return len(notes) + len(board.id) + payment.order

    @bb.knowledge_source(bid=worth)
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb, bb.workers():
        board = bb.board("four")
        await board.orchestrate(Manual())
        await board.post(Note(text="a"), Note(text="b"), *payments(one=10))
        assert await all_have_bid(board, 1) == {"payment/one": 16}


async def test_what_changes_is_bid_for_again(bb: Blackboard) -> None:
    @bb.knowledge_source(bid=lambda payment: payment.order)
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.post(*payments(one=1))
        assert await all_have_bid(board, 1) == {"payment/one": 1}
        await board.revise(Payment(id="one", order=2), version="any")
        assert await all_have_bid(board, 1) == {"payment/one": 2}


async def test_a_bid_that_fails_or_takes_too_long_counts_as_nothing(
    bb: Blackboard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("blackboard.execution.LONGEST_BID", 0.05)
    never, thread, asked = asyncio.Event(), threading.Event(), []

    async def raises(payment: Payment) -> float:
        asked.append(payment.id)
        raise RuntimeError("no idea")

    async def hangs(payment: Payment) -> float:
        await never.wait()
        return 1

    @bb.knowledge_source(bid=raises)
    async def failing(payment: Payment) -> None: ...

    @bb.knowledge_source(bid=hangs)
    async def hanging(payment: Payment) -> None: ...

    @bb.knowledge_source(bid=lambda payment: thread.wait())
    def hanging_in_thread(payment: Payment) -> None: ...

    @bb.knowledge_source(bid=lambda payment: "much")
    def odd(payment: Payment) -> None: ...

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        with caplog.at_level(logging.WARNING):
            await board.post(*payments(one=1))

            async def held() -> bool:
                return {each.state.value for each in await board.agenda()} == {"held"}

            await async_eventually(held, SOON, "all four are held")
        thread.set()
        assert [each.rating for each in await board.agenda()] == [0, 0, 0, 0]
        said = "\n".join(caplog.messages)
        for problem in ("RuntimeError: no idea", "TimeoutError", "it returned 'much', which is no number"):
            assert problem in said
        assert said.count("failed, and counts as 0") == 4
        assert asked == ["one"]


async def test_a_bid_for_entries_that_have_changed_is_given_up(bb: Blackboard) -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def worth(payment: Payment) -> int:
        if payment.order == 1:
            asked.set()
            try:
                await asyncio.Event().wait()
            finally:
                given_up.set()
        return payment.order

    @bb.knowledge_source(bid=worth)
    async def pay(payment: Payment) -> None: ...

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.post(*payments(one=1))
        async with asyncio.timeout(rating.LONGEST_BID / 2):
            await asked.wait()
            await board.revise(Payment(id="one", order=2), version="any")
            await given_up.wait()
        assert await all_have_bid(board, 1) == {"payment/one": 2}


async def test_an_agent_that_bids_does_not_bid_in_choreography(bb: Blackboard) -> None:
    asked = []

    @bb.knowledge_source(bid=lambda payment: asked.append(payment) or 1)
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(*payments(one=1))
        await board.settled(timeout=SOON)
        assert (await in_order(board), asked) == (["payment/one"], [])


async def test_a_switch_back_ends_the_bidding(bb: Blackboard) -> None:
    """What was asked for its bid, and has not answered yet, runs like everything else."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def hangs(payment: Payment) -> float:
        asked.set()
        await never.wait()
        return 1

    @bb.knowledge_source(bid=hangs)
    async def pay(payment: Payment) -> Done:
        return Done(name=payment.id)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.post(*payments(one=1))
        async with asyncio.timeout(SOON):
            await asked.wait()
        await board.choreograph()
        await board.wait_for(Done, timeout=rating.LONGEST_BID / 2)
        never.set()
        await board.settled(timeout=SOON)
