"""Order, payment, stock, shipping, notice: the same agents choreographed, orchestrated, and switched in the middle. An order that
nobody ships is undone: the money goes back, and the goods to their shelf.

    python -m examples.order_fulfilment
    python -m examples.order_fulfilment --url memory://

It prints who did what in each run, and that all runs end with the same entries, or with everything undone. In a store that
lives on, the boards can be looked at afterwards: blackboard boards -n orders, blackboard tail BOARD -n orders.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

from blackboard import Absent, Blackboard, Board, Context, Count, Entry, Event, EventType
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


class Refund(Entry):
    """The money is back."""

    reference: str
    amount: float


class Restocking(Entry):
    """The goods are on their shelf again."""

    item: str
    quantity: int


# ---------------------------------------------------------------------------- what is outside of the board


class Book:
    """The bank's, or the warehouse's: it counts each booking once for its key, however often it is asked to."""

    def __init__(self) -> None:
        self.bookings: dict[str, float] = {}

    def enter(self, key: str, amount: float) -> None:
        """Book an amount under a key, if nothing is booked under it."""
        self.bookings.setdefault(key, amount)


bank, shelf = Book(), Book()

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
async def take_payment(order: Order, ctx: Context) -> Payment:
    """Only from those who passed both checks."""
    bank.enter(ctx.idempotency_key, order.amount)
    return Payment(reference=f"pay-{order.number}", amount=order.amount)


@take_payment.compensation
async def refund_payment(payment: Payment, ctx: Context) -> Refund:
    """Pays back what was taken; asked for twice, the bank does it once."""
    bank.enter(ctx.idempotency_key, -payment.amount)
    return Refund(reference=payment.reference, amount=payment.amount)


@bb.knowledge_source
async def reserve_stock(order: Order, ctx: Context) -> Reservation:
    """Does not wait for the money."""
    shelf.enter(ctx.idempotency_key, -order.quantity)
    return Reservation(item=order.item, quantity=order.quantity)


@reserve_stock.compensation
async def restock_items(reservation: Reservation, ctx: Context) -> Restocking:
    """Puts back what was taken."""
    shelf.enter(ctx.idempotency_key, reservation.quantity)
    return Restocking(item=reservation.item, quantity=reservation.quantity)


@bb.knowledge_source
async def ship(order: Order, payment: Payment, reservation: Reservation, ctx: Context) -> Shipment:
    """What is paid and lies ready goes out, if somebody carries it."""
    if order.item == "anvil":
        ctx.abort(f"nobody ships {order.quantity} {order.item}")
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


async def choreographed(board: Board, item: str = "kettle") -> None:
    """Nobody conducts: whoever sees on the board what it needs goes on."""
    async with bb.workers():
        await board.post(an_order(item))
        await board.settled(PATIENCE)


async def orchestrated(board: Board, strategy: Strategy, item: str = "kettle") -> None:
    """From the beginning a strategy says who is next."""
    await board.orchestrate(strategy)
    async with bb.workers(), bb.controller():
        await board.post(an_order(item))
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


def an_order(item: str = "kettle") -> Order:
    """Always the same, but for what is ordered."""
    return Order(number=42, customer="Ada", item=item, quantity=1, amount=49.9)


RUNS: dict[str, Callable[[Board], Awaitable[None]]] = {
    "choreographed": choreographed,
    "in-sequence": partial(orchestrated, strategy=SEQUENCE),
    "along-a-graph": partial(orchestrated, strategy=GRAPH),
    "switched-twice": switched,
}

FAILING: dict[str, Callable[[Board], Awaitable[None]]] = {
    "nobody-ships": partial(choreographed, item="anvil"),
    "nobody-ships-in-sequence": partial(orchestrated, strategy=SEQUENCE, item="anvil"),
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
            await tell(board)
            ends[name] = {entry.address: entry.payload for entry in await board.entries()}
            await board.close("fulfilled")
    return ends


async def fail(orders: str) -> dict[str, Entries]:
    """Let an order fail once in each mode, and return what was on their boards once all was undone."""
    ends: dict[str, Entries] = {}
    async with bb:
        for name, run in FAILING.items():
            board = bb.board(f"{orders}-{name}")
            await run(board)
            await tell(board)
            ends[name] = {entry.address: entry.payload for entry in await board.entries()}
    return ends


async def tell(board: Board) -> None:
    """Print who did what."""
    print(f"\n{board.id}")
    async for line in story(board):
        print(f"  {line}")


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
            case EventType.ABORTED:
                yield told(event, event.by, "aborts", event.reason)
            case _:
                pass


def told(event: Event, who: str | None, what: str, why: str | None) -> str:
    """An event in a line."""
    return f"{event.seq:>2}  {who or '':<22} {what:<28} {why or ''}".rstrip()


def main() -> int:
    """Run everything, and say whether all runs came to the same."""
    parser = argparse.ArgumentParser(description="An order, choreographed and orchestrated.")
    parser.add_argument("--url", help="the store [default: BLACKBOARD_URL, else the embedded one in ./.blackboard]")
    bb.url = parser.parse_args().url
    orders = f"order-{uuid4().hex[:6]}"
    done, undone = asyncio.run(both(orders))
    first, *others = done
    if any(other != first for other in others) or any(end != undone[0] for end in undone):
        print("\nThe runs ended differently.")
        return 1
    print(f"\nAll {len(RUNS)} runs ended with the same {len(first)} entries: {', '.join(first)}.")
    print(f"What nobody ships was undone: {', '.join(each for each in undone[0] if each not in first)}.")
    return 0


async def both(orders: str) -> tuple[list[Entries], list[Entries]]:
    """Orders that are fulfilled, and orders that fail."""
    async with bb:
        return list((await fulfil(orders)).values()), list((await fail(orders)).values())


if __name__ == "__main__":
    sys.exit(main())
