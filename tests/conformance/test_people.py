"""People: an agent asks, somebody answers, and the agent goes on where it was."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from blackboard import (
    AlreadyAnswered,
    Answer,
    Approval,
    ApprovalExpired,
    ApprovalNotFound,
    Approve,
    Blackboard,
    Board,
    BoardClosed,
    Context,
    Entry,
    EventType,
    InvalidChoice,
    InvalidKind,
    VersionConflict,
)
from blackboard.activation import ActivationState
from blackboard.control import Sequential
from tests.conformance.kinds import Claim, Decision, Done, Job
from tests.conformance.test_steps import comes, dead_of, records, state_of
from tests.eventually import async_eventually, eventually


async def asked(board: Board, count: int = 1) -> list[Approval]:
    """Wait until the board asks so many things of people, and is parked for them."""

    async def there() -> list[Approval] | None:
        found = await board.approvals()
        return found if len(found) == count else None

    await comes(board, ActivationState.ASKING)
    found = await async_eventually(there, 10, f"{count} open approvals")
    assert found is not None
    return found


def pay_out(bb: Blackboard, **options: Any) -> list[Answer]:
    """An agent that asks before it decides."""
    answers: list[Answer] = []

    @bb.knowledge_source
    async def pay(claim: Claim, ctx: Context) -> Decision:
        amount = await ctx.step("amount", lambda: claim.amount)
        answer = await ctx.approval(f"Pay {amount:g}?", value={"amount": amount}, **options)
        answers.append(answer)
        return Decision(approved=answer.approved)

    return answers


@pytest.mark.tutorial
async def test_an_agent_asks_and_goes_on_with_the_answer(bb: Blackboard) -> None:
    """Until somebody answers, it takes no slot, and the board is at rest: only a person can go on."""
    answers = pay_out(bb, to="claims desk")
    async with bb, bb.workers(concurrency=1):
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        assert (approval.id, approval.activation, approval.question) == ("pay#3.2", "pay#3", "Pay 7?")
        assert (approval.value, approval.to, approval.choices) == (
            {"amount": 7.0},
            "claims desk",
            ["approve", "reject"],
        )
        assert await bb.approvals() == [("b", approval)]
        await board.settled(timeout=10)

        await board.approve(approval.id, "he is insured", by="ann")

        assert (await board.wait_for(Decision, timeout=10)).approved
        assert answers == [Answer("approve", {"amount": 7.0}, "ann", "he is insured", approved=True)]
        await board.settled(timeout=10)
        assert (await bb.approvals(), await records(bb, "b")) == ([], 0)
        assert [e.type.value async for e in board.events()] == [
            *("created", "posted", "triggered", "stepped", "stepped", "posted", "parked"),
            *("revised", "stepped", "fired", "posted"),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda b, i: b.reject(i, "fraud"), Answer("reject", {"amount": 7.0}, "api", "fraud", approved=False)),
        (lambda b, i: b.edit(i, {"amount": 5}), Answer("approve", {"amount": 5}, "api", "", approved=True)),
        (
            lambda b, i: b.answer(i, "reject", [1], by="bo"),
            Answer("reject", [1], "bo", "", approved=False),
        ),
        (lambda b, i: b.approve("pay#3"), Answer("approve", {"amount": 7.0}, "api", "", approved=True)),
    ],
)
async def test_the_ways_to_answer(bb: Blackboard, act: Any, expected: Answer) -> None:
    answers = pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await act(board, approval.id)
        await board.wait_for(Decision, timeout=10)
        assert answers == [expected]


async def test_what_cannot_be_answered(bb: Blackboard) -> None:
    pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        before = (await board.status()).seq
        with pytest.raises(InvalidChoice, match="answer with one of: approve, reject"):
            await board.answer(approval.id, "maybe")
        with pytest.raises(ApprovalNotFound, match="no approval magic"):
            await board.approve("magic")
        assert (await board.status()).seq == before
        await board.approve(approval.id, by="ann")
        with pytest.raises(AlreadyAnswered, match=r"pay#3\.2 is answered by now \(by ann at [-0-9: ]+ UTC: approve\)"):
            await board.reject(approval.id, by="bo")
        await board.settled(timeout=10)


async def test_of_two_who_answer_at_once_one_is_told_so(bb: Blackboard) -> None:
    answers = pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        said = await asyncio.gather(
            board.approve(approval.id, by="ann"), board.reject(approval.id, by="bo"), return_exceptions=True
        )
        refused = [each for each in said if isinstance(each, VersionConflict | AlreadyAnswered)]
        accepted = [each.by for each in said if isinstance(each, Approval)]
        assert (len(refused), len(accepted)) == (1, 1)
        await board.wait_for(Decision, timeout=10)
        assert [answer.by for answer in answers] == accepted


async def test_an_approval_is_an_entry_that_sources_can_see(bb: Blackboard) -> None:
    """Escalation is a source like any other: after a while, if it is still open."""
    pay_out(bb)

    @bb.knowledge_source(when=Approval.state == "open", after=0.05)
    async def escalate(approval: Approval) -> Job:
        return Job(name=f"call the boss: {approval.question}")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        assert (await board.wait_for(Job, timeout=10)).name == "call the boss: Pay 7?"
        found = await board.wait_for(Approval, Approval.state == "open", timeout=10)
        await comes(board, ActivationState.ASKING)
        found.state, found.choice, found.by = "answered", "approve", "a source"
        await board.revise(found)
        assert (await board.wait_for(Decision, timeout=10)).approved


async def test_an_answer_that_comes_before_it_is_parked_counts(bb: Blackboard) -> None:
    go = asyncio.Event()

    @bb.knowledge_source
    async def both(claim: Claim, ctx: Context) -> Decision:
        answer, _ = await asyncio.gather(ctx.approval("Well?"), ctx.step("slow", go.wait))
        return Decision(approved=answer.approved)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        approval = await board.wait_for(Approval, timeout=10)
        assert await state_of(board) == "running"
        await board.approve(approval.id)
        go.set()
        assert (await board.wait_for(Decision, timeout=10)).approved
        assert EventType.PARKED not in [event.type async for event in board.events()]


async def test_two_questions_at_once(bb: Blackboard) -> None:
    """Each answer wakes the agent; it goes on when it has both."""

    @bb.knowledge_source
    async def ask(claim: Claim, ctx: Context) -> Done:
        one, two = await asyncio.gather(ctx.approval("One?", ("a", "b")), ctx.approval("Two?", ("c", "d")))
        return Done(name=one.choice + two.choice)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        found = {each.question: each.id for each in await asked(board, 2)}
        await board.answer(found["Two?"], "d")
        await asked(board, 1)
        await board.answer(found["One?"], "b")
        assert (await board.wait_for(Done, timeout=10)).name == "bd"


async def test_it_outlives_every_worker(bb: Blackboard) -> None:
    answers = pay_out(bb)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=7))
        async with bb.workers():
            [approval] = await asked(board)
        await board.approve(approval.id)
        assert await state_of(board) == "ready"
        async with bb.workers():
            await board.wait_for(Decision, timeout=10)
        assert len(answers) == 1


async def note_that(board: Board) -> None:
    await board.wait_for(Approval, timeout=10)


async def test_a_question_that_nobody_waits_for_is_withdrawn(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def ask(claim: Claim, ctx: Context, board: Board) -> Done:
        asking = asyncio.ensure_future(ctx.approval("Well?"))
        await ctx.step("more important", note_that, board)
        asking.cancel()
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        await board.wait_for(Done, timeout=10)
        assert [each.state for each in await board.read(Approval)] == ["withdrawn"]


def test_a_program_without_a_loop_answers_too(bb: Blackboard) -> None:
    answers = pay_out(bb)
    with bb.sync() as blackboard, blackboard.workers():
        board = blackboard.board("b")
        board.post(Claim(amount=7))
        board.wait_for(Approval, timeout=10)
        assert [where for where, _ in eventually(blackboard.approvals, 10, "it asks")] == ["b"]
        board.approve("pay#3", by="ann")
        assert board.wait_for(Decision, timeout=10).approved
        assert [answer.by for answer in answers] == ["ann"]


# ---------------------------------------------------------------------------- in time, or not


async def test_a_default_is_taken_when_nobody_answers_in_time(bb: Blackboard) -> None:
    answers = pay_out(bb, expires=0.05, default="reject")
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        assert not (await board.wait_for(Decision, timeout=10)).approved
        assert [(answer.choice, answer.by) for answer in answers] == [("reject", "@expiry")]
        [approval] = await board.read(Approval)
        assert (approval.state, approval.choice, approval.by) == ("expired", "reject", "@expiry")
        with pytest.raises(AlreadyAnswered, match="is expired by now"):
            await board.approve(approval.id)


async def test_without_a_default_the_agent_is_told(bb: Blackboard) -> None:
    """In every run: it is recorded like an answer."""
    told = []

    @bb.knowledge_source
    async def ask(claim: Claim, ctx: Context) -> Done:
        try:
            await ctx.approval("Well?", expires=0.05)
        except ApprovalExpired as expired:
            told.append(expired.approval)
        if ctx.attempt == 1:
            raise RuntimeError
        return Done(name="went on")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        await board.wait_for(Done, timeout=10)
        assert told == ["ask#3.1", "ask#3.1"]


async def test_a_retry_of_what_died_of_silence_asks_again(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def ask(claim: Claim, ctx: Context) -> Done:
        await ctx.step("one", int)
        await ctx.approval("Well?", expires=0.5)
        return Done(name="went on")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        assert "ApprovalExpired" in await dead_of(board)
        assert await records(bb, "b") == 1, "its step is kept"
        await board.retry("ask#3")
        [approval] = await asked(board)
        await board.approve(approval.id)
        await board.wait_for(Done, timeout=10)
        assert {each.state for each in await board.read(Approval)} == {"expired", "answered"}


# ---------------------------------------------------------------------------- before an action


@pytest.mark.parametrize("option", [True, "Decide now?", Approve("Decide now?", to="the boss")])
async def test_a_source_asks_before_it_acts(bb: Blackboard, option: Any) -> None:
    acted = []

    @bb.knowledge_source(approval=option)
    async def decide(claim: Claim) -> Decision:
        acted.append(claim.amount)
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        assert approval.question == ("May decide run?" if option is True else "Decide now?")
        assert approval.value == {"entries": ["claim"]}
        assert acted == []
        await board.approve(approval.id)
        await board.wait_for(Decision, timeout=10)
        assert acted == [7]


async def test_what_is_rejected_is_dead_and_a_retry_asks_again(bb: Blackboard) -> None:
    @bb.knowledge_source(approval=True)
    async def decide(claim: Claim) -> Decision:
        return Decision(approved=True)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await board.reject(approval.id, "too much", by="ann")
        assert await dead_of(board) == "rejected by ann: too much"
        died = [event.reason async for event in board.events() if event.type is EventType.DIED]
        assert died == ["rejected by ann: too much"]
        await board.retry("decide#3")
        [again] = await asked(board)
        assert again.id != approval.id
        await board.approve(again.id)
        await board.wait_for(Decision, timeout=10)


async def test_a_changed_entry_asks_again(bb: Blackboard) -> None:
    """It has not begun: it is open like any other, and what was asked about older entries is withdrawn."""

    @bb.knowledge_source(approval=True, when=Claim.amount > 1)
    async def decide(claim: Claim) -> Done:
        return Done(name=f"{claim.amount:g}")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [first] = await asked(board)
        await board.revise(Claim(amount=8), version="any")

        async def asked_again() -> bool:
            return [each.id for each in await board.approvals()] not in ([first.id], [])

        await async_eventually(asked_again, 10, "another approval")
        with pytest.raises(AlreadyAnswered, match="withdrawn"):
            await board.approve(first.id)
        [second] = await asked(board)
        await board.approve(second.id)
        assert (await board.wait_for(Done, timeout=10)).name == "8"
        assert {each.state for each in await board.read(Approval)} == {"withdrawn", "answered"}


async def test_what_need_not_run_any_more_asks_no_more(bb: Blackboard) -> None:
    @bb.knowledge_source(approval=True, when=Claim.amount > 1)
    async def decide(claim: Claim) -> Done:
        return Done(name=f"{claim.amount:g}")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await board.revise(Claim(amount=0), version="any")
        assert (await state_of(board), await board.approvals(), await bb.approvals()) == ("", [], [])
        with contextlib.suppress(AlreadyAnswered):
            await board.approve(approval.id)
            pytest.fail("nobody waits for it")
        await board.wait_for(Approval, Approval.state == "withdrawn", timeout=10)


@pytest.mark.parametrize("end", ["veto", "close"])
async def test_an_act_on_what_asks_ends_it(bb: Blackboard, end: str) -> None:
    pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        if end == "veto":
            await board.veto("pay#3", "no")
            await board.wait_for(Approval, Approval.state == "withdrawn", timeout=10)
            await board.retry("pay#3")
            await asked(board)
        else:
            await board.close()
            assert await board.approvals() == []
            with pytest.raises((AlreadyAnswered, BoardClosed)):
                await board.approve(approval.id)
        assert len(await bb.approvals()) == (end == "veto")


async def test_on_an_orchestrated_board_what_waits_for_a_person_is_under_way(bb: Blackboard) -> None:
    """Its grant lasts until it has ended, and a sequence does not go past it."""
    answers = pay_out(bb)

    @bb.knowledge_source
    async def after(claim: Claim) -> Done:
        return Done(name="after")

    async with bb, bb.workers(), bb.controller():
        board = bb.board("b")
        await board.orchestrate(Sequential("pay", "after"))
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        assert await state_of(board) in {"held, awaiting approval", "awaiting approval, held"}
        await board.approve(approval.id)
        await board.wait_for(Done, timeout=10)
        assert len(answers) == 1


async def test_an_epoch_that_has_ended_holds_what_is_answered(bb: Blackboard) -> None:
    answers = pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await board.pause()
        await board.approve(approval.id)
        await comes(board, ActivationState.HELD)
        await board.grant("pay#3")
        await board.wait_for(Decision, timeout=10)
        assert len(answers) == 1


def test_nobody_else_may_call_a_kind_approval(bb: Blackboard) -> None:
    class Approval(Entry):
        text: str

    with pytest.raises(InvalidKind, match="has the kind approval already"):
        bb.know(Approval)


async def test_who_answers_too_late_is_told_who_was_first(bb: Blackboard) -> None:
    """By the name of the activation, too, which no longer asks: what was answered, by whom, when and why."""
    pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await board.answer(approval.activation, "approve", why="he is insured", by="ann")
        await board.wait_for(Decision, timeout=10)
        [answered] = [
            e async for e in board.events() if e.address == "approval/pay#3.2" and e.type is EventType.REVISED
        ]
        for act in (board.approve, board.reject):
            with pytest.raises(AlreadyAnswered, match=r"pay#3\.2 is answered by now \(by ann at .*approve.*insured"):
                await act("pay#3", by="bo")
        with pytest.raises(AlreadyAnswered) as refused:
            await board.edit(approval.id, {"amount": 5}, by="bo")
        assert f"by ann at {answered.at:%Y-%m-%d %H:%M:%S} UTC: approve, 'he is insured'" in str(refused.value)


async def test_one_name_for_several_questions_is_not_enough(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def pay(claim: Claim, ctx: Context) -> Decision:
        answers = await asyncio.gather(ctx.approval("Pay it?"), ctx.approval("All of it?"))
        return Decision(approved=all(answer.approved for answer in answers))

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        first, second = sorted(each.id for each in await asked(board, 2))
        with pytest.raises(ApprovalNotFound, match=f"name one of {first}, {second}"):
            await board.approve("pay#3")
        await board.approve(first)
        await board.approve("pay#3")  # the one that is left
        assert (await board.wait_for(Decision, timeout=10)).approved


async def test_the_log_says_who_answered(bb: Blackboard) -> None:
    pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        [approval] = await asked(board)
        await board.approve(approval.id, by="ann\n")
        await board.wait_for(Decision, timeout=10)
        revised = [event.by async for event in board.events() if event.type is EventType.REVISED]
        assert revised == ["@ann"]


@pytest.mark.parametrize("undone", ["abort", "compensate"])
async def test_what_is_asked_ends_with_a_board_that_is_undone(bb: Blackboard, undone: str) -> None:
    """Also when there is nothing to undo, so that the board is over at once."""
    pay_out(bb)

    @bb.knowledge_source
    async def give_up(job: Job, ctx: Context) -> None:
        ctx.abort("the customer withdrew")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        await asked(board)
        if undone == "abort":
            await board.post(Job(name="1"))
        else:
            await board.compensate("the customer withdrew")

        async def over() -> bool:
            return (await board.status()).status == "aborted"

        await async_eventually(over, 10, "the board is over")
        assert [each.state for each in await board.read(Approval)] == ["withdrawn"]
        assert await bb.approvals() == []


async def test_a_question_of_a_compensation_names_it_as_people_do(bb: Blackboard) -> None:
    """And is answered by that name."""

    @bb.knowledge_source
    async def pay(claim: Claim) -> Decision:
        return Decision(approved=True)

    @pay.compensation
    async def refund(decision: Decision, ctx: Context) -> None:
        await ctx.approval("Give it back?")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        await board.wait_for(Decision, timeout=10)
        await board.compensate("the customer withdrew")
        [approval] = await asked(board)
        assert approval.source == "undo:pay"
        assert approval.activation.startswith("undo:pay#")
        await board.approve(approval.activation)
        await board.settled(timeout=10)
        assert (await board.saga()).state == "aborted"


async def test_a_compensation_that_asks_is_skipped_with_its_question(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def pay(claim: Claim) -> Decision:
        return Decision(approved=True)

    @pay.compensation
    async def refund(decision: Decision, ctx: Context) -> None:
        await ctx.approval("Give it back?")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=7))
        await board.wait_for(Decision, timeout=10)
        await board.compensate("the customer withdrew")
        [approval] = await asked(board)
        await board.skip(approval.activation, "paid back by hand")
        await board.settled(timeout=10)
        assert (await board.saga()).state == "aborted"
        assert [each.state for each in await board.read(Approval)] == ["withdrawn"]


async def test_an_approval_that_was_overwritten_keeps_nobody_from_the_others(bb: Blackboard) -> None:
    """Neither who looks at what is asked, nor a board that is undone."""

    class Odd(Entry, key="id", kind="approval"):
        id: str

    pay_out(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Odd(id="odd"), Claim(amount=7))
        [approval] = await asked(board)
        await board.compensate("the customer withdrew")
        await board.settled(timeout=10)
        assert (await board.status()).status == "aborted"
        stored = await board.get(f"approval/{approval.id}")
        assert stored is not None
        assert b'"withdrawn"' in stored.payload
