"""Control on every store: the same agents, choreographed or orchestrated, switched while they run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import pytest

from blackboard import (
    Absent,
    Blackboard,
    Board,
    BoardClosed,
    Context,
    EpochConflict,
    Handoff,
    NotHeld,
    UnknownSource,
    helm,
)
from blackboard.control import Grants, Manual, Parallel, Sequential, State, Strategy, View
from blackboard.tasks import end_all
from tests.conformance.kinds import Claim, Decision, Done, Finding, Job
from tests.conformance.logbook import events_of, fired, types_of
from tests.eventually import async_eventually

SOON = 10
"""Seconds after which what should happen soon has not happened."""


@dataclass(frozen=True)
class Backwards(Strategy):
    """The last name of the agenda first, one at a time."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        if view.under_way:
            return (), state
        return sorted(view.held, key=lambda each: each.addresses, reverse=True)[:1], state


@dataclass(frozen=True)
class Failing(Strategy):
    """Divides by zero."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return view.held[: 1 // 0], state


@dataclass(frozen=True)
class Overreaching(Strategy):
    """Grants what is not there."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return [replace(each, identity="ghost") for each in view.held], state


class Asked(Sequential):
    """A sequence that says nothing of what it would grant next, and so is asked behind every step."""

    @property
    def label(self) -> str:
        return "Sequential"

    def foreseen(self, state: State) -> tuple[str, ...]:
        return ()


def working(bb: Blackboard) -> None:
    """Agents that know nothing of control: a job is done, then all that is done is counted into a decision."""

    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)

    @bb.knowledge_source
    async def check(claim: Claim) -> Finding:
        return Finding(source="check", risk=claim.amount)

    @bb.knowledge_source(when=Absent(Decision))
    async def decide(claim: Claim, finding: Finding) -> Decision:
        return Decision(approved=finding.risk < 100)


async def jobs(board: Board, *names: str) -> None:
    await board.post(*(Job(name=name) for name in names))


async def done_in_order(board: Board) -> list[str]:
    return [str(event.data["name"]) for event in await events_of(board, "posted") if event.kind == "done"]


async def _led(bb: Blackboard, strategy: Strategy) -> tuple[list[tuple[Any, ...]], str, int]:
    """What happens on a board under a strategy, where that says it stands in the end, and how often it was asked."""
    board = bb.board(type(strategy).__name__)
    await board.orchestrate(strategy)
    await board.post(Claim(amount=5))
    async with bb.workers(), bb.controller() as controller:
        await board.wait_for(Decision, timeout=SOON)
        await board.settled(timeout=SOON)

        async def at_its_end() -> str:
            said = (await board.mode()).said
            return said if said.startswith("finished") else ""

        said = await async_eventually(at_its_end, SOON, "the strategy has been told of the end")
    events = [
        (event.seq, event.type, event.source, event.address, event.cause, event.epoch, event.reason)
        for event in await events_of(board)
    ]
    return events, said, controller.decisions


async def test_a_sequence_says_beforehand_what_comes_next(bb: Blackboard) -> None:
    """And everything is as if it had been asked."""
    working(bb)
    async with bb:
        events, said, decisions = await _led(bb, Sequential("check", "decide"))
        asked_events, asked_said, asked_decisions = await _led(bb, Asked("check", "decide"))
    assert events == asked_events
    assert said == asked_said
    assert (decisions, asked_decisions) == (2, 3)


async def test_nothing_starts_on_an_orchestrated_board_that_is_not_granted(bb: Blackboard) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await jobs(board, "one", "two")
        held = await board.agenda()
        assert [each.state for each in held] == ["held", "held"]
        await board.grant(held[1].name, "why not")
        assert await board.wait_for(Done, timeout=SOON) == Done(name="two")
        (granted,) = await events_of(board, "granted")
        assert (granted.activation, granted.by, granted.reason) == (held[1].name, "@api", "why not")
        assert [each.name for each in await board.agenda()] == [held[0].name]


async def test_a_strategy_decides_the_order(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        await board.orchestrate(Backwards())
        await jobs(board, "a", "c", "b")
        await board.run_until_settled(SOON)
        assert await done_in_order(board) == ["c", "b", "a"]


async def test_the_switch_back_frees_what_was_held(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        first = await board.orchestrate(Manual(), why="to look at it")
        await jobs(board, "a", "b", "c")
        second = await board.choreograph(why="looked")
        assert (first.epoch, second.epoch, second.moved) == (1, 2, 3)
        await board.run_until_settled(SOON)
        assert len(await board.read(Done)) == 3
        switches = await events_of(board, "switched")
        assert [(each.mode, each.epoch, each.reason) for each in switches] == [
            ("orchestration", 1, "to look at it"),
            ("choreography", 2, "looked"),
        ]


async def test_a_switch_reports_and_can_wait_for_what_runs(bb: Blackboard) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    @bb.knowledge_source
    async def slow(job: Job) -> Done:
        started.set()
        await go_on.wait()
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await jobs(board, "a")
        async with asyncio.timeout(SOON):
            await started.wait()
        assert (await board.orchestrate(Manual())).running == ("slow",)
        draining = asyncio.create_task(board.choreograph(drain=True, timeout=SOON))
        go_on.set()
        await draining
        assert await fired(board) == ["slow"]


async def test_a_stale_epoch_is_refused(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await board.orchestrate(Manual())
        before = await types_of(board)
        with pytest.raises(EpochConflict, match="epoch 1, not 7"):
            await board.choreograph(epoch=7)
        assert await types_of(board) == before


async def test_a_misspelled_source_is_refused_and_not_waited_for(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        with pytest.raises(UnknownSource, match="chekc"):
            await board.orchestrate(Sequential("chekc", "decide"))
        assert await types_of(board) == []


async def test_a_closed_board_is_not_switched(bb: Blackboard) -> None:
    async with bb:
        board = bb.board("b")
        await jobs(board, "a")
        await board.close()
        for act in (board.orchestrate(Manual()), board.choreograph(), board.pause(), board.resume()):
            with pytest.raises(BoardClosed):
                await act


@pytest.mark.parametrize(
    ("strategy", "said"), [(Failing(), "ZeroDivisionError"), (Overreaching(), "which is not held")]
)
async def test_a_strategy_that_cannot_be_followed_pauses_its_board(
    bb: Blackboard, strategy: Strategy, said: str
) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller():
        board = bb.board("b")
        await jobs(board, "a")
        await board.settled(SOON)
        await board.orchestrate(strategy)
        await jobs(board, "b")
        async with asyncio.timeout(SOON):
            async for event in board.events(follow=True):
                if event.type == "paused":
                    assert event.reason is not None
                    assert said in event.reason
                    break
        mode = await board.mode()
        assert mode.paused
        assert len(await events_of(board, "paused")) == 1


async def test_pausing_holds_and_resuming_frees_a_choreographed_board(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        await jobs(board, "a", "b")
        assert (await board.pause("three in the morning")).moved == 2
        first = (await board.agenda())[0].name
        await board.grant(first)
        with pytest.raises(NotHeld):
            await board.grant(first)
        await board.resume("good morning")
        await board.run_until_settled(SOON)
        assert sorted(await done_in_order(board)) == ["a", "b"]
        assert [event.reason for event in await events_of(board, "paused", "resumed")] == [
            "three in the morning",
            "good morning",
        ]


async def test_a_vetoed_activation_is_kept_and_can_be_retried(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        await board.orchestrate(Manual())
        await jobs(board, "a")
        (held,) = await board.agenda()
        await board.veto(held.name, "not today")
        (dead,) = await board.dead()
        assert (dead.name, dead.problem) == (held.name, "not today")
        assert [dead.died_at] == [event.at for event in await events_of(board, "died")]
        await board.choreograph()
        assert await board.retry(held.name)
        await board.run_until_settled(SOON)
        assert await done_in_order(board) == ["a"]


async def test_stepping_goes_one_activation_at_a_time_in_either_mode(bb: Blackboard) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller():
        for name, orchestrated in (("c", False), ("o", True)):
            board = bb.board(name)
            await board.orchestrate(Backwards())  # which also begins the board
            if not orchestrated:
                await board.choreograph()
            await board.pause()
            await jobs(board, "a", "b", "c")
            await board.step(timeout=SOON)
            assert len(await fired(board)) == 1
            await board.step(timeout=SOON)
            assert len(await fired(board)) == 2
            assert (await board.mode()).paused
            await board.step("quiescence", timeout=SOON)
            assert await done_in_order(board) == (["c", "b", "a"] if orchestrated else ["a", "b", "c"])


async def test_a_source_can_be_paused_on_all_boards(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        await bb.pause("work", why="its service is away")
        board = bb.board("b")
        await jobs(board, "a")
        await board.post(Claim(amount=1))
        async with bb.workers():
            await board.wait_for(Decision, timeout=SOON)
            assert await board.read(Done) == []
            await bb.resume("work")
            await board.wait_for(Done, timeout=SOON)


async def test_boards_may_be_orchestrated_from_their_first_moment_on(store_url: str, namespace: str) -> None:
    bb = Blackboard(namespace, store_url, strategy=Parallel(1))
    working(bb)
    async with bb:
        board = bb.board("b")
        await jobs(board, "a", "b")
        assert {each.state.value for each in await board.agenda()} == {"held"}
        await board.run_until_settled(SOON)
        assert len(await board.read(Done)) == 2


async def test_a_board_without_a_controller_falls_back_when_it_is_told_to(bb: Blackboard) -> None:
    working(bb)
    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Parallel(1), unattended=0.05)
        await jobs(board, "a")
        await board.wait_for(Done, timeout=SOON)
        (_, back) = await events_of(board, "switched")
        assert (back.mode, back.reason) == ("choreography", "no controller came in time")


async def test_a_plan_says_what_a_switch_would_do_and_does_nothing(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        board = bb.board("b")
        await jobs(board, "a", "b")
        before = await types_of(board)
        plan = await board.plan(Backwards())
        assert [(each.activation.addresses, each.effect) for each in plan] == [
            (("job/a",), "held"),
            (("job/b",), "granted"),
        ]
        assert {each.effect for each in await board.plan()} == {"starts"}
        assert await types_of(board) == before


async def test_the_final_entries_are_the_same_in_both_modes(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        found = []
        for name, strategy in (("c", None), ("o", Sequential("check", "decide"))):
            board = bb.board(name)
            if strategy is not None:
                await board.orchestrate(strategy)
            await board.post(Claim(amount=7))
            async with bb.workers(), bb.controller():
                await board.wait_for(Decision, timeout=SOON)
            found.append([(each.address, each.payload) for each in await board.entries()])
        assert found[0] == found[1]


# ---------------------------------------------------------------------------- handoffs


def handing(bb: Blackboard, peer: str) -> list[tuple[str, float]]:
    told: list[tuple[str, float]] = []

    @bb.knowledge_source
    async def front_desk(claim: Claim) -> Handoff:
        return Handoff(peer, note="they want their money back")

    @bb.knowledge_source(when=Claim.amount > 1_000_000)
    async def refunds(claim: Claim, ctx: Context) -> Decision:
        told.append((ctx.note, claim.amount))
        return Decision(approved=True)

    @bb.knowledge_source
    async def other(job: Job) -> None: ...

    return told


@pytest.mark.parametrize("orchestrated", [False, True])
async def test_a_handoff_passes_control_to_a_peer_with_the_same_entries(bb: Blackboard, orchestrated: bool) -> None:
    told = handing(bb, "refunds")
    async with bb:
        board = bb.board("b")
        if orchestrated:
            await board.orchestrate(Parallel(1))
        await board.post(Claim(amount=5))
        await board.run_until_settled(SOON)
        assert told == [("they want their money back", 5)]
        (handed,) = await events_of(board, "handed_off")
        (triggered,) = [each for each in await events_of(board, "triggered") if each.source == "refunds"]
        assert handed.by is not None
        assert handed.by.startswith("front_desk#")
        assert (handed.source, triggered.cause) == ("refunds", handed.seq)


@pytest.mark.parametrize(
    ("peer", "said"), [("nobody", "no source of this name"), ("other", "kind job"), ("front_desk", "the giver itself")]
)
async def test_a_handoff_that_cannot_be_is_refused(bb: Blackboard, peer: str, said: str) -> None:
    handing(bb, peer)
    async with bb:
        board = bb.board("b")
        await board.post(Claim(amount=5))
        await board.run_until_settled(SOON)
        (dead,) = await board.dead()
        assert dead.source == "front_desk"
        assert "HandoffRefused" in dead.problem
        assert said in dead.problem
        assert await events_of(board, "handed_off") == []


@dataclass(frozen=True)
class Endless(Strategy):
    """Never answers."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        ENOUGH.wait()
        return (), state


ENOUGH = threading.Event()


async def test_a_strategy_that_does_not_answer_delays_no_other_board(
    bb: Blackboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helm, "PATIENCE", 0.05)
    ENOUGH.clear()
    working(bb)
    async with bb, bb.workers():
        stuck, other = bb.board("stuck"), bb.board("other")
        await stuck.orchestrate(Endless())
        await other.orchestrate(Parallel(1))
        await jobs(stuck, "a")
        await jobs(other, "a")
        async with bb.controller():
            await other.wait_for(Done, timeout=SOON)
            async with asyncio.timeout(SOON):
                async for event in stuck.events(follow=True):
                    if event.type == "paused":
                        assert event.reason == "its strategy Endless did not answer within 0.05 s"
                        break
    ENOUGH.set()


async def test_a_controller_that_is_cancelled_twice_leaves_nothing_behind(
    bb: Blackboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above all no thread that keeps for ever what it had claimed."""

    async def ending(tasks: Collection[asyncio.Task[Any]]) -> None:
        working.cancel()  # while it is just ending
        await end_all(tasks)

    async with bb:
        controller = bb.controller()
        working = asyncio.create_task(controller.run())
        keeper = f"blackboard-leases-{controller.id}"

        async def keeps() -> bool:
            return any(thread.name == keeper for thread in threading.enumerate())

        await async_eventually(keeps, 10, "the controller has begun")
        monkeypatch.setattr(helm, "end_all", ending)
        working.cancel()
        done, _ = await asyncio.wait([working], timeout=10)
        assert done, "the controller has not ended"

        async def gone() -> bool:
            return not await keeps()

        await async_eventually(gone, 10, "nothing renews its leases")
