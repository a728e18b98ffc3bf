"""One scenario on every store: the whole log must be the same, event by event."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackboard import Absent, Backoff, Blackboard, Context, Count, Event, Quiescent, any_of
from tests.conformance.kinds import Claim, Counter, Decision, Done, Finding, Job, Note, Order, Payment, Plan


def cast(bb: Blackboard) -> None:
    """Sources of every style, with every kind of clause and every way to end."""

    @bb.knowledge_source(when=Claim.amount > 100, priority=5)
    async def check_history(claim: Claim) -> Finding:
        return Finding(source="history", risk=claim.amount / 1000)

    @bb.knowledge_source
    def check_text(claim: Claim, notes: list[Note] | None) -> list[Finding]:
        return [
            Finding(source="text", risk=len(claim.text) / 10),
            Finding(source="notes", risk=float(len(notes or []))),
        ]

    @bb.knowledge_source(when=[Count(Finding) == Plan.total, Absent(Decision)])
    async def decide(plan: Plan, findings: list[Finding]) -> Decision:
        return Decision(approved=sum(finding.risk for finding in findings) < 1)

    @bb.knowledge_source(when=Payment.order == Order.number)
    async def settle(order: Order, payment: Payment, counter: Counter | None) -> AsyncIterator[Done | Counter]:
        yield Done(name=f"{order.number}-{payment.id}")
        yield Counter(value=(counter.value if counter else 0) + 1)

    @bb.knowledge_source(when=any_of(Count(Job) >= 3, Claim.amount < 0), refire="once")
    async def begin(claim: Claim, job: Job) -> Note:
        return Note(text=job.name)

    @bb.knowledge_source(retries=1, backoff=Backoff(initial=0))
    async def stumble(job: Job, context: Context) -> Done:
        if context.attempt == 1 or job.name == "bad":
            raise ValueError(job.name)
        return Done(name=job.name)

    # After what is retried: the two may become ready within a millisecond, or not, and of the same age the name decides.
    @bb.knowledge_source(precondition=affordable, priority=-1)
    async def buy(order: Order) -> Done:
        return Done(name=f"bought {order.number}")

    @bb.knowledge_source(when=[Quiescent(), Absent(Note, Note.text == "report")])
    async def report(claim: Claim, done: list[Done]) -> Note:
        return Note(text="report")


def affordable(order: Order, decision: Decision | None) -> bool:
    """Nothing is bought before it was decided."""
    return decision is not None


async def play(bb: Blackboard) -> list[Event]:
    """One after the other, so that there is only one right order: a single worker, one activation at a time."""
    board = bb.board("b")

    async def run() -> None:
        async with bb.workers(concurrency=1):
            await board.settled(timeout=20)

    await board.post(Plan(total=3), Order(number=1), Order(number=2))
    await run()
    await board.post(Claim(amount=250, text="a text"), Job(name="a"), Job(name="b"))
    await run()
    await board.contribute(post=[Payment(id="x", order=1), Job(name="bad")], retract=["job/a"])
    await run()
    counter = await board.read(Counter)
    counter.value = 10
    await board.contribute(revise=[counter], post=[Payment(id="y", order=2), Payment(id="z", order=2)])
    await run()
    await board.retry((await board.dead())[0].name)
    await board.retract(Claim, "payment/x")
    await run()
    await board.close("enough")
    return [event async for event in board.events()]


def normal(event: Event, first: int) -> dict[str, object]:
    """An event without what differs from run to run: the time, the worker's instance, the id of an outside operation."""
    facts = {name: getattr(event, name) for name in event.__slots__ if getattr(event, name) not in (None, ())}
    del facts["milliseconds"]
    facts.pop("started", None)
    facts["due"] = bool(facts.get("due"))
    if event.type in {"fired", "failed", "died", "declined"}:
        facts["by"] = "a worker"
    if event.reason:
        facts["reason"] = event.reason.splitlines()[-1]
    return facts | {"at": event.milliseconds >= first}


@pytest.fixture
def stores(valkey_url: str, redis_url: str, namespace: str) -> dict[str, str]:
    """Return the URL of every store."""
    return {"memory": f"memory://{namespace}", "valkey": valkey_url, "redis": redis_url}


async def test_the_same_story_on_every_store(stores: dict[str, str], namespace: str) -> None:
    logs = {}
    for name, url in stores.items():
        bb = Blackboard(namespace, url=url)
        cast(bb)
        async with bb:
            events = await asyncio.wait_for(play(bb), 30)
        logs[name] = [normal(event, events[0].milliseconds) for event in events]
    assert len(logs["memory"]) > 60
    assert {event["type"] for event in logs["memory"]} >= {
        "created", "posted", "revised", "retracted", "triggered", "fired", "failed", "died", "declined", "revived", "closed",
    }  # fmt: skip
    assert logs["valkey"] == logs["redis"]
    assert logs["memory"] == logs["redis"]
