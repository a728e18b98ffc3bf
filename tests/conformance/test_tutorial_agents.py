"""Agents, first steps: knowledge sources that know nothing of each other solve a problem together.

The signature of a function is its wiring: parameters say what it needs, the return annotation what it may write.
"""

from datetime import timedelta

import pytest

from blackboard import Absent, Backoff, Blackboard, Context, Count, Entry, Quiescent

pytestmark = pytest.mark.tutorial


class Claim(Entry):
    """What the board is about."""

    amount: float
    text: str = ""


class Finding(Entry, key="source"):
    """What an agent has found out."""

    source: str
    risk: float


class Decision(Entry):
    """What all of this is for."""

    approved: bool


class Reminder(Entry):
    """Written when nobody has decided in time."""

    days: int


async def test_an_agent_runs_when_what_it_needs_is_there(bb: Blackboard) -> None:
    """A decorated function becomes an agent; workers run it as soon as the board has a claim."""

    @bb.knowledge_source
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=claim.amount < 100)

    async with bb, bb.workers():
        board = bb.board("claim-42")
        await board.post(Claim(amount=50))
        decision = await board.wait_for(Decision, timeout=10)

    assert decision.approved


def test_an_agent_is_still_a_function(bb: Blackboard) -> None:
    """Unit tests of an agent need no board, no store and no worker."""

    @bb.knowledge_source
    def assess(claim: Claim) -> Finding:
        return Finding(source="size", risk=claim.amount / 1000)

    assert assess(Claim(amount=500)).risk == 0.5


async def test_agents_meet_only_on_the_board(bb: Blackboard) -> None:
    """Nobody conducts: two agents look at the claim, and the third decides when both have spoken."""

    @bb.knowledge_source(when=Claim.amount > 100)
    async def check_history(claim: Claim) -> Finding:
        return Finding(source="history", risk=0.1)

    @bb.knowledge_source
    def check_text(claim: Claim) -> list[Finding]:  # a plain function runs in a thread
        return [Finding(source="text", risk=0.9 if "urgent" in claim.text else 0.2)]

    @bb.knowledge_source(when=[Count(Finding) >= 2, Absent(Decision)])
    def decide(claim: Claim, findings: list[Finding]) -> Decision:
        return Decision(approved=max(finding.risk for finding in findings) < 0.5)

    async with bb, bb.workers():
        board = bb.board("claim-42")
        await board.post(Claim(amount=250, text="urgent!"))
        decision = await board.wait_for(Decision, timeout=10)

    assert not decision.approved


async def test_an_agent_fires_once_for_what_it_saw(bb: Blackboard) -> None:
    """A new version of the claim is news and fires again; a write that changes nothing is not."""
    seen = []

    @bb.knowledge_source
    async def look(claim: Claim) -> None:
        seen.append(claim.amount)

    async with bb:
        board = bb.board("claim-42")
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        await board.post(Claim(amount=1))
        await board.run_until_settled(timeout=10)
        await board.revise(Claim(amount=2), version="any")
        await board.run_until_settled(timeout=10)

    assert seen == [1, 2]


async def test_an_agent_that_fails_is_tried_again(bb: Blackboard) -> None:
    """Retries wait a little longer each time; here not at all. The context says which attempt it is."""

    @bb.knowledge_source(retries=2, backoff=Backoff(initial=0))
    async def decide(claim: Claim, context: Context) -> Decision:
        if context.attempt < 3:
            raise ConnectionError("the model is asleep")
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("claim-42")
        await board.post(Claim(amount=1))
        assert (await board.wait_for(Decision, timeout=10)).approved
        failures = [event.attempt async for event in board.events() if event.type == "failed"]

    assert failures == [1, 2]


async def test_what_keeps_failing_is_kept_with_its_error(bb: Blackboard) -> None:
    """When the attempts are spent the activation is dead: kept, shown with its last error, and tried again on request."""
    repaired: list[bool] = []

    @bb.knowledge_source(retries=0)
    async def decide(claim: Claim) -> Decision:
        if not repaired:
            raise LookupError("no such customer")
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("claim-42")
        await board.post(Claim(amount=1))
        await board.settled(timeout=10)
        [dead] = await board.dead()
        assert "no such customer" in dead.problem

        repaired.append(True)
        assert await board.retry(dead.name)
        assert (await board.wait_for(Decision, timeout=10)).approved


async def test_a_deadline_is_a_delay_and_an_absence(bb: Blackboard) -> None:
    """`after=` delays an activation; it runs only if its trigger still holds then."""

    @bb.knowledge_source(when=Absent(Decision), after=timedelta(milliseconds=20))
    async def remind(claim: Claim) -> Reminder:
        return Reminder(days=30)

    async with bb, bb.workers():
        late, early = bb.board("late"), bb.board("early")
        await late.post(Claim(amount=1))
        await early.post(Claim(amount=1), Decision(approved=True))
        assert (await late.wait_for(Reminder, timeout=10)).days == 30
        await early.settled(timeout=10)
        assert await early.read(Reminder) is None


async def test_the_closing_report_comes_when_all_is_quiet(bb: Blackboard) -> None:
    """`Quiescent()` holds when nothing else will happen on this board without input from outside."""

    @bb.knowledge_source
    async def look(claim: Claim) -> Finding:
        return Finding(source="looked", risk=0)

    @bb.knowledge_source(when=Quiescent())
    async def report(findings: list[Finding]) -> Decision:
        return Decision(approved=len(findings) == 1)

    async with bb, bb.workers():
        board = bb.board("claim-42")
        await board.post(Claim(amount=1))
        assert (await board.wait_for(Decision, timeout=10)).approved


def test_without_async(bb: Blackboard) -> None:
    """Scripts, notebooks and synchronous frameworks use the same verbs without ``await``."""

    @bb.knowledge_source
    def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    with bb.sync() as blackboard, blackboard.workers():
        board = blackboard.board("claim-42")
        board.post(Claim(amount=1))
        assert board.wait_for(Decision, timeout=10).approved
        assert board.settled(timeout=10) == [event.seq for event in board.events()][-1]
