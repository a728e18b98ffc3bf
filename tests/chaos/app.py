"""The problem that the chaos tests solve: chains of agents, run by this process or by others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from blackboard import Backoff, Blackboard, Board, Context, Entry, Limits, Outcome
from blackboard.store.connection import Settings

DEPTH = 40
"""Activations in a chain at which a board is paused."""

LENGTH = 5
"""Agents in a chain."""


class Bill(Entry):
    """Asks for a payment, which stands in a ledger outside the board: a file."""

    ledger: str


class Paid(Entry):
    """Says that the bill is paid."""

    by: str


Cut = Callable[[str], Awaitable[None]]
"""Called by an agent at a named point of its life; in a test's child process it may not return."""


class Link(Entry, key="place"):
    """What each agent of a chain hands on; the first is posted from outside."""

    place: int
    text: str = ""


class Task(Entry):
    """Asks for one agent that takes long."""

    name: str


class Go(Entry):
    """Lets that agent go on."""


class Ball(Entry):
    """What an agent throws to itself, without end."""

    bounces: int


class Answer(Entry):
    """What that agent writes."""

    name: str
    attempt: int
    crashes: int


async def pass_by(_: str) -> None:
    """Nothing happens at any point."""


def build(
    namespace: str, url: str | None, cut: Cut = pass_by, lease: float = 1.0, settings: Settings | None = None
) -> Blackboard:
    """The application: five agents that each answer the one before, and one that waits for a sign."""
    bb = Blackboard(namespace, url=url, lease=lease, settings=settings, limits=Limits(depth=DEPTH))
    for place in range(LENGTH):
        add_link(bb, place, cut)

    @bb.knowledge_source(backoff=Backoff(initial=0), crashes=1)
    async def answer(task: Task, board: Board, context: Context) -> Answer:
        await cut("acting")
        if task.name == "stumble" and context.attempt == 1:
            raise RuntimeError("stumbled")
        if task.name == "wait":
            await board.wait_for(Go)
        if task.name == "hang":
            await asyncio.Event().wait()
        return Answer(name=task.name, attempt=context.attempt, crashes=context.crashes)

    @bb.knowledge_source(reentrant=True)
    async def bounce(ball: Ball) -> Ball:
        await cut("bouncing")
        ball.bounces += 1
        return ball

    add_payment(bb, cut)
    return bb


def add_payment(bb: Blackboard, cut: Cut) -> None:
    """Add the agent that pays, whose effect nobody may see twice."""

    async def look(bill: Bill, context: Context) -> Outcome:
        paid = Path(bill.ledger).read_text().split()  # noqa: ASYNC240  # a line or two
        return Outcome.done(Paid(by="ledger")) if context.idempotency_key in paid else Outcome.again()

    @bb.knowledge_source(effects="external", retries=0, crashes=5, reconcile=look)
    async def pay(bill: Bill, context: Context) -> Paid:
        await cut("paying")
        with Path(bill.ledger).open("a") as ledger:  # noqa: ASYNC230
            ledger.write(f"{context.idempotency_key}\n")
        await cut("paid")
        return Paid(by="pay")


def add_link(bb: Blackboard, place: int, cut: Cut) -> None:
    """Add the agent that answers the link at this place."""

    async def link(link: Link) -> Link:
        await cut(f"link {place}")
        return Link(place=place + 1, text=f"{link.text}{place}")

    bb.knowledge_source(name=f"link{place}", when=Link.place == place)(link)
