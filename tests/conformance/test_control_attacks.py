"""Control under attack: strategies that misbehave, claims that are not a controller's, acts that cross each other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from blackboard import Blackboard, Board, Entry, EpochConflict, Event
from blackboard.control import Grants, Manual, Parallel, State, Strategy, View
from blackboard.store.stub import ClaimRequest
from tests.conformance.kinds import Done, Job
from tests.conformance.logbook import events_of, fired
from tests.eventually import async_eventually

SOON = 10
"""Seconds after which what should happen soon has not happened."""


def working(bb: Blackboard) -> None:
    @bb.knowledge_source
    async def work(job: Job) -> Done:
        return Done(name=job.name)


async def first_of(board: Board, *types: str) -> Event:
    async with asyncio.timeout(SOON):
        async for event in board.events(follow=True):
            if event.type in types:
                return event
    raise AssertionError


# ---------------------------------------------------------------------------- strategies


@dataclass(frozen=True)
class Leaving(Strategy):
    """Ends the program."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        sys.exit("I am off")


@dataclass(frozen=True)
class Cancelling(Strategy):
    """Raises what ends a task."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        raise asyncio.CancelledError


@dataclass(frozen=True)
class Controlling(Strategy):
    """Fails with the characters that separate fields in the store."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        raise ValueError("a\x1fb\x1ec")


@dataclass(frozen=True)
class Renumbering(Strategy):
    """Grants what is held under numbers that it has not."""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return [replace(each, number=10**6) for each in view.held], state


@dataclass(frozen=True)
class Remembering(Strategy):
    """Remembers what cannot be written down."""

    what: str = ""
    times: int = 1

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return (), chr(0xD800) if self.what == "half a character" else "x" * self.times


@dataclass(frozen=True)
class Waking(Strategy):
    """Wants to be asked at times that are none, or in the past."""

    when: str | int = 0

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return (), state

    def wake(self, view: View, state: State, now: int) -> Any:
        return float("inf") if self.when == "never" else self.when


@dataclass(frozen=True)
class Posting(Strategy):
    """Posts what is no entry, or one that no board takes."""

    what: str = ""

    def decide(self, view: View, state: State, now: int) -> tuple[Grants, State]:
        return view.held, state

    def posts(self, view: View, state: State, now: int) -> Sequence[Entry]:
        posts: list[Any] = ["nonsense" if self.what == "text" else Job(name="x" * 600)]
        return posts


MISBEHAVING = [
    (Leaving(), "SystemExit: I am off"),
    (Cancelling(), "CancelledError"),
    (Controlling(), "ValueError: a b c"),
    (Renumbering(), "which is not held"),
    (Remembering("half a character"), "UnicodeEncodeError"),
    (Remembering(times=2_000_000), "the limit is 1048576"),
    (Waking("soon"), "TypeError"),
    (Waking("never"), "TypeError|OverflowError"),
    (Posting("text"), "AttributeError"),
    (Posting(), "InvalidKey"),
]


@pytest.mark.parametrize(("strategy", "said"), MISBEHAVING)
async def test_a_strategy_that_misbehaves_pauses_its_board_and_troubles_no_other(
    bb: Blackboard, strategy: Strategy, said: str
) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller() as controller:
        bad, good = bb.board("bad"), bb.board("good")
        await good.orchestrate(Parallel(1))
        await bad.orchestrate(strategy)
        await bad.post(Job(name="a"))
        reason = (await first_of(bad, "paused")).reason or ""
        assert any(each in reason for each in said.split("|"))
        await good.post(Job(name="a"))
        await good.wait_for(Done, timeout=SOON)
        assert controller.decisions < 10


async def test_a_time_that_has_passed_is_no_reason_to_spin(bb: Blackboard) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller() as controller:
        past, other = bb.board("past"), bb.board("other")
        await past.orchestrate(Waking(1))
        await past.post(Job(name="a"))
        await other.orchestrate(Parallel(1))
        for n in range(30):
            await other.post(Job(name=f"{n}"))
        await other.run_until_settled(SOON)
        decisions = controller.decisions
        async with asyncio.timeout(SOON):
            await async_eventually(
                lambda: _more(controller.decisions, decisions), SOON, "it is asked again all the same"
            )
        assert decisions < 100


async def _more(now: int, before: int) -> bool:
    return now > before


# ---------------------------------------------------------------------------- what is not a controller's


async def test_a_controller_that_is_handed_what_killed_its_workers_buries_it(bb: Blackboard) -> None:
    """Recovery happens in every claim: also in a controller's, and its board is not to blame."""
    working(bb)
    async with bb:
        async with bb.workers():
            pass
        board, (partition,) = bb.board("b"), bb.store().partitions
        await board.post(Job(name="a"))
        crew = (await partition.calls.command("HGET", partition.keys.crews, "work")).decode().strip("|")
        numbers = iter(range(1, 1_000_000))

        async def killed() -> bool:
            request = ClaimRequest(1, "killed", next(numbers), 1, crew)
            return bool((await partition.claim(request)).claimed)

        for _ in range(4):
            await async_eventually(killed, SOON, "the lease of a millisecond has run out")
        async with bb.controller():
            event = await first_of(board, "died", "paused")
        assert (event.type, event.source) == ("died", "work")
        assert not (await board.mode()).paused


# ---------------------------------------------------------------------------- acts that cross each other


async def test_in_a_storm_of_switches_each_epoch_is_won_once_and_nothing_is_lost_or_run_twice(bb: Blackboard) -> None:
    working(bb)
    async with bb, bb.workers(), bb.controller():
        board = bb.board("b")
        await board.orchestrate(Parallel(2))

        async def switch() -> int:
            won = 0
            for n in range(30):
                epoch = (await board.mode()).epoch
                try:
                    await (board.orchestrate(Parallel(2), epoch=epoch) if n % 2 else board.choreograph(epoch=epoch))
                    won += 1
                except EpochConflict:
                    pass
            return won

        async def pause() -> None:
            for _ in range(20):
                await board.pause("a\nb")
                await board.resume()

        async def post() -> None:
            for n in range(60):
                await board.post(Job(name=f"{n}"))

        one, other, _, _ = await asyncio.gather(switch(), switch(), pause(), post())
        await board.choreograph()
        await board.settled(3 * SOON)
        begun = await events_of(board, "switched", "paused")
        assert [event.epoch for event in begun] == list(range(1, len(begun) + 1))
        assert len([event for event in begun if event.type == "switched"]) == one + other + 2
        assert len(await fired(board)) == len(await board.read(Done)) == 60


async def test_stepping_to_quiescence_waits_for_what_is_tried_again(bb: Blackboard) -> None:
    tries: list[str] = []

    @bb.knowledge_source(retries=2)
    async def work(job: Job) -> Done:
        tries.append(job.name)
        if len(tries) == 1:
            raise OSError("away")
        return Done(name=job.name)

    async with bb, bb.workers():
        board = bb.board("b")
        await board.orchestrate(Manual())
        await board.choreograph()
        await board.pause()
        await board.post(Job(name="a"))
        await board.step("quiescence", timeout=SOON)
        assert tries == ["a", "a"]


async def test_a_reason_is_kept_as_one_line_that_can_be_shown(bb: Blackboard) -> None:
    working(bb)
    async with bb:
        async with bb.workers():
            pass
        await bb.pause("work", why=f"a\x1fb\x1e\nc{chr(0xD800)}")
        (partition,) = bb.store().partitions
        assert (await partition.suspended())["work"][2] == "a b  c "
