"""Order, payment, stock, shipping, notice: the same agents choreographed, orchestrated, and switched in the middle.

    python -m examples.order_fulfilment
    python -m examples.order_fulfilment --url memory://

It prints who did what in each run, and that all runs end with the same entries. In a store that lives on, the boards can be
looked at afterwards: blackboard boards -n orders, blackboard tail BOARD -n orders.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

from blackboard import Absent, Blackboard, Board, Count, Entry, Event, EventType
from blackboard.control import Graph, Sequential, Strategy

bb = Blackboard("orders", author="shop")

# ---------------------------------------------------------------------------- what is on a board


class Order(Entry):
    """What a customer wants; one per board."""

    number: int
    customer: str
    item: str
    quantity: int
    amount: float


class Check(Entry, key="of"):
    """What one look for fraud came to."""

    of: str
    passed: bool


class Payment(Entry):
    """The money is there."""

    reference: str
    amount: float


class Reservation(Entry):
    """The goods lie ready."""

    item: str
    quantity: int


class Shipment(Entry):
    """The parcel is on its way."""

    tracking: str


class Notice(Entry, key="about"):
    """What the customer was told."""

    about: str
    text: str


# ---------------------------------------------------------------------------- the agents


@bb.knowledge_source
def check_amount(order: Order) -> Check:
    """Nobody buys for more than this without a call."""
    return Check(of="amount", passed=order.amount <= 5000)


@bb.knowledge_source
def check_customer(order: Order) -> Check:
    """Customers need a name."""
    return Check(of="customer", passed=bool(order.customer.strip()))


@bb.knowledge_source(when=Count(Check, Check.passed) == 2, retries=3, timeout=30)
async def take_payment(order: Order) -> Payment:
    """Only from those who passed both checks."""
    return Payment(reference=f"pay-{order.number}", amount=order.amount)


@bb.knowledge_source
async def reserve_stock(order: Order) -> Reservation:
    """Does not wait for the money."""
    return Reservation(item=order.item, quantity=order.quantity)


@bb.knowledge_source
async def ship(order: Order, payment: Payment, reservation: Reservation) -> Shipment:
    """What is paid and lies ready goes out."""
    return Shipment(tracking=f"{order.number}/{reservation.item}/{payment.reference}")


@bb.knowledge_source
def notify(order: Order, shipment: Shipment) -> Notice:
    """Good news."""
    return Notice(about="shipment", text=f"Dear {order.customer}, {order.item} is on its way: {shipment.tracking}")


@bb.knowledge_source(when=Absent(Payment), after=timedelta(minutes=30))
def remind(order: Order) -> Notice:
    """Never runs for an order that is paid in time: then its trigger no longer holds."""
    return Notice(about="payment", text=f"Dear {order.customer}, we are still waiting for {order.amount:.2f}")


# ---------------------------------------------------------------------------- the runs

OFFICE = (check_amount, check_customer, take_payment, notify, remind)
WAREHOUSE = (reserve_stock, ship)

SEQUENCE = Sequential(reserve_stock, check_customer, check_amount, take_payment, ship, notify)
GRAPH = Graph([check_amount, check_customer] >> take_payment >> reserve_stock >> ship >> notify)

PATIENCE = 30.0
"""Seconds that a part of a run may take."""


async def choreographed(board: Board) -> None:
    """Nobody conducts: whoever sees on the board what it needs goes on."""
    async with bb.workers():
        await board.post(an_order())
        await board.settled(PATIENCE)


async def orchestrated(board: Board, strategy: Strategy) -> None:
    """From the beginning a strategy says who is next."""
    await board.orchestrate(strategy)
    async with bb.workers(), bb.controller():
        await board.post(an_order())
        await board.settled(PATIENCE)


async def switched(board: Board) -> None:
    """The order is paid before the warehouse opens; its first parcel of the day goes step by step, the rest as ever."""
    async with bb.workers(only=OFFICE), bb.controller():
        await board.post(an_order())
        await board.wait_for(Payment, timeout=PATIENCE)
        await board.orchestrate(Sequential(reserve_stock, ship), why="the first parcel of the day")
        async with bb.workers(only=WAREHOUSE):
            await board.wait_for(Shipment, timeout=PATIENCE)
            await board.choreograph(why="all is well")
            await board.settled(PATIENCE)


def an_order() -> Order:
    """Always the same."""
    return Order(number=42, customer="Ada", item="kettle", quantity=1, amount=49.9)


RUNS: dict[str, Callable[[Board], Awaitable[None]]] = {
    "choreographed": choreographed,
    "in-sequence": partial(orchestrated, strategy=SEQUENCE),
    "along-a-graph": partial(orchestrated, strategy=GRAPH),
    "switched-twice": switched,
}

Entries = dict[str, bytes]
"""What is on a board: JSON by address."""


async def fulfil(orders: str) -> dict[str, Entries]:
    """Fulfil the order once in each way, on boards whose names begin so, and return what was on them in the end."""
    ends: dict[str, Entries] = {}
    async with bb:
        for name, run in RUNS.items():
            board = bb.board(f"{orders}-{name}")
            await run(board)
            print(f"\n{board.id}")
            async for line in story(board):
                print(f"  {line}")
            ends[name] = {entry.address: entry.payload for entry in await board.entries()}
            await board.close("fulfilled")
    return ends


async def story(board: Board) -> AsyncIterator[str]:
    """Who did what, and who said that it was time for it, in lines."""
    grants: dict[str | None, str] = {}
    async for event in board.events():
        match event.type:
            case EventType.GRANTED:
                grants[event.activation] = f"granted by {event.reason}, epoch {event.epoch}"
            case EventType.POSTED:
                yield told(event, event.by, f"posts {event.address}", grants.get(event.by))
            case EventType.OBVIATED:
                yield told(event, event.activation, "leaves the agenda", f"after event {event.cause}")
            case EventType.SWITCHED:
                why = ": ".join(filter(None, [event.strategy, event.reason]))
                yield told(event, event.by, f"switches to {event.mode}", why)
            case _:
                pass


def told(event: Event, who: str | None, what: str, why: str | None) -> str:
    """An event in a line."""
    return f"{event.seq:>2}  {who or '':<18} {what:<28} {why or ''}".rstrip()


def main() -> int:
    """Run everything, and say whether all runs came to the same."""
    parser = argparse.ArgumentParser(description="An order, choreographed and orchestrated.")
    parser.add_argument("--url", help="the store [default: BLACKBOARD_URL, else the embedded one in ./.blackboard]")
    bb.url = parser.parse_args().url
    first, *others = asyncio.run(fulfil(f"order-{uuid4().hex[:6]}")).values()
    if any(other != first for other in others):
        print("\nThe runs ended differently.")
        return 1
    print(f"\nAll {len(RUNS)} runs ended with the same {len(first)} entries: {', '.join(first)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
