"""Limits of a source over all workers, on every store: what runs at once, how fast, the breaker, and turns."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from blackboard import (
    ActivationState,
    Backoff,
    Blackboard,
    Breaker,
    BreakerState,
    Concurrency,
    Entry,
    Rate,
    UnknownSource,
)
from blackboard.store.stub import ClaimRequest
from tests.conformance.kinds import Done
from tests.conformance.logbook import events_of
from tests.eventually import async_eventually

SOON = 20


class Order(Entry, key="id"):
    id: str
    customer: str = "ann"


def orders(count: int, customer: str = "ann") -> list[Order]:
    return [Order(id=f"{customer}-{i:02}", customer=customer) for i in range(count)]


class Crowd:
    """How many were inside at once, by name."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def visit(self, name: str) -> None:
        self.now[name] += 1
        self.most[name] = max(self.most[name], self.now[name])
        await asyncio.sleep(0.01)
        self.now[name] -= 1


async def run_all(bb: Blackboard, *boards: str, workers: int = 3) -> None:
    """Several workers, each its own, until the boards have settled."""
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(bb.workers(concurrency=8))
        for board in boards:
            await bb.board(board).settled(timeout=SOON)


@pytest.mark.tutorial
async def test_at_most_so_many_run_at_once_over_all_workers(bb: Blackboard) -> None:
    """Three workers with eight places each, and an agent of which two may run."""
    crowd = Crowd()

    @bb.knowledge_source(concurrency=2)
    async def ship(order: Order) -> Done:
        await crowd.visit("all")
        return Done(name=order.id)

    async with bb:
        await bb.board("x").post(*orders(10))
        await bb.board("y").post(*orders(10))
        await run_all(bb, "x", "y")
        assert crowd.most == {"all": 2}
        assert len(await events_of(bb.board("x"), "fired")) == 10


@pytest.mark.tutorial
async def test_at_most_so_many_for_each_customer(bb: Blackboard) -> None:
    """One at a time for each customer; customers do not wait for each other."""
    crowd = Crowd()
    together = Crowd()

    @bb.knowledge_source(concurrency=Concurrency(1, per=Order.customer))
    async def ship(order: Order) -> Done:
        await asyncio.gather(crowd.visit(order.customer), together.visit("all"))
        return Done(name=order.id)

    async with bb:
        await bb.board("x").post(*orders(8), *orders(8, "bob"), *orders(8, "cid"))
        await run_all(bb, "x")
        assert crowd.most == {"ann": 1, "bob": 1, "cid": 1}
        assert together.most["all"] > 1


@pytest.mark.tutorial
async def test_no_faster_than_its_rate(bb: Blackboard) -> None:
    """A bucket of three, refilled every 50 ms: the rest waits, and is not forgotten."""
    starts: list[float] = []

    @bb.knowledge_source(rate=Rate(20, burst=3))
    async def ship(order: Order) -> Done:
        starts.append(time.monotonic())
        return Done(name=order.id)

    async with bb:
        await bb.board("x").post(*orders(9))
        began = time.monotonic()
        await run_all(bb, "x")
        assert starts[-1] - began >= 0.29, "six had to wait for the bucket to fill"


@pytest.mark.tutorial
async def test_a_source_that_keeps_failing_is_left_alone(bb: Blackboard) -> None:
    """Two failures in a row open the breaker; a probe that succeeds closes it, and everything is done."""
    broken, runs = True, 0

    @bb.knowledge_source(breaker=Breaker(failures=2, cooldown=0.2), retries=50, backoff=Backoff(initial=0))
    async def ship(order: Order) -> Done:
        nonlocal runs
        runs += 1
        if broken:
            raise ConnectionError("the carrier does not answer")
        return Done(name=order.id)

    async with bb:
        board = bb.board("x")
        await board.post(*orders(5))

        async def opened() -> bool:
            return (await bb.gauges())["ship"].breaker is BreakerState.OPEN

        async with bb.workers(concurrency=1):
            await async_eventually(opened, SOON, "the breaker is open")
            broken, failed = False, runs
            assert failed >= 2
            await board.settled(timeout=SOON)
        assert (await bb.gauges())["ship"].breaker is BreakerState.CLOSED
        assert runs == failed + 5


async def test_a_breaker_is_closed_by_hand(bb: Blackboard) -> None:
    broken = True

    @bb.knowledge_source(breaker=Breaker(failures=1, cooldown=3600), retries=5, backoff=Backoff(initial=0))
    async def ship(order: Order) -> Done:
        if broken:
            raise ConnectionError("the carrier does not answer")
        return Done(name=order.id)

    async with bb, bb.workers():
        board = bb.board("x")
        await board.post(*orders(1))

        async def opened() -> bool:
            return (await bb.gauges())["ship"].breaker is BreakerState.OPEN

        await async_eventually(opened, SOON, "the breaker is open")
        broken = False
        assert await bb.close_breaker(ship, why="mended")
        await board.settled(timeout=SOON)
        assert not await bb.close_breaker("ship")
        with pytest.raises(UnknownSource):
            await bb.close_breaker("nobody")


@pytest.mark.tutorial
async def test_boards_take_turns(bb: Blackboard) -> None:
    """A board with many does not delay the only one of another."""
    order_of_runs: list[str] = []

    @bb.knowledge_source(fair=True)
    async def ship(order: Order) -> Done:
        order_of_runs.append(order.customer)
        return Done(name=order.id)

    async with bb:
        await bb.board("big").post(*orders(50, "big"))
        await bb.board("small").post(*orders(1, "small"))
        async with bb.workers(concurrency=1):
            for board in ("big", "small"):
                await bb.board(board).settled(timeout=SOON)
        assert order_of_runs.index("small") <= 1


async def test_the_place_of_a_dead_worker_goes_on(bb: Blackboard) -> None:
    """It claimed and was never heard of again: when its lease is out, its place is free."""

    @bb.knowledge_source(concurrency=Concurrency(1, per=Order.customer))
    async def ship(order: Order) -> Done:
        return Done(name=order.id)

    async with bb:
        async with bb.workers():
            pass  # its crew is known from now on
        [partition] = bb.store().partitions
        crews = await partition.calls.command("HGET", partition.keys.crews, "ship")
        board = bb.board("x")
        await board.post(*orders(3))
        ghost = await partition.claim(ClaimRequest(1, "ghost", 1, 300, crews.decode().strip("|")))
        assert len(ghost.claimed) == 1
        async with bb.workers():
            await board.settled(timeout=SOON)
        assert len(await events_of(board, "fired")) == 3


async def test_limits_hold_on_an_orchestrated_board(bb: Blackboard) -> None:
    from blackboard.control import Parallel  # noqa: PLC0415

    crowd = Crowd()

    @bb.knowledge_source(concurrency=Concurrency(1, per=Order.customer), fair=True, rate="500/s")
    async def ship(order: Order) -> Done:
        await crowd.visit(order.customer)
        return Done(name=order.id)

    async with bb, bb.controller():
        await bb.board("x").orchestrate(Parallel(6))
        await bb.board("x").post(*orders(6), *orders(6, "bob"))
        await bb.board("y").post(*orders(6))
        await run_all(bb, "x", "y")
        assert crowd.most == {"ann": 1, "bob": 1}


async def test_what_waits_for_its_turn_says_so(bb: Blackboard) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source(concurrency=Concurrency(1, per=Order.customer))
    async def ship(order: Order) -> Done:
        begun.set()
        await may_end.wait()
        return Done(name=order.id)

    async with bb, bb.workers():
        board = bb.board("x")
        await board.post(*orders(2))
        await begun.wait()

        async def limited() -> bool:
            return [each.token for each in await board.agenda() if each.state is ActivationState.LIMITED] == ["sann"]

        await async_eventually(limited, SOON, "the other waits for its turn")
        gauge = (await bb.gauges())["ship"]
        assert (gauge.running, gauge.waiting) == (1, 1)
        may_end.set()
        await board.settled(timeout=SOON)
