"""Modes switched at random under load, while workers and controllers are killed: control is absolute, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from typing import Any

import pytest

from blackboard import ActivationNotFound, Board, EpochConflict, Event, EventType, NotHeld
from blackboard.control import Manual, Parallel, Priority, Random, RoundRobin, Sequential, Strategy
from tests.chaos.app import LENGTH, Link, build
from tests.chaos.conftest import Hire
from tests.chaos.judge import counted, whole_chain

pytestmark = pytest.mark.chaos

STEPS = [f"link{place}" for place in range(LENGTH)]
STRATEGIES: list[Strategy | None] = [
    None,
    None,
    Sequential(*STEPS),
    Parallel(2),
    Priority(),
    RoundRobin(),
    Random(7),
    Manual(),
]
CONTROL = ("switched", "granted", "paused", "resumed")
ROUNDS = 80
PACE = 0.003
"""Seconds between two acts, so that they fall among what happens and not before it. Nothing is waited for."""


def ungranted(events: list[Event]) -> list[str]:
    """The activations that started in an orchestrated or paused epoch without a grant of that epoch, by the log.

    A start is no event of its own: what fired says how far the log was when it was claimed (`snapshot`). What was in force
    then is what the last switch, pause or resumption up to that event says.
    """
    found = []
    for fired in (event for event in events if event.type == "fired"):
        assert fired.snapshot is not None
        mode, epoch, paused, granted = "choreography", 0, False, set()
        for event in events[: fired.snapshot]:
            if event.type == "switched":
                mode, epoch = str(event.mode), int(event.epoch or 0)
            elif event.type == "paused":
                paused, epoch = True, int(event.epoch or 0)
            elif event.type == "resumed":
                paused = False
            elif event.type == "granted":
                granted.add((event.number, event.epoch))
        if (mode == "orchestration" or paused) and (fired.number, epoch) not in granted:
            found.append(f"{fired.activation} in epoch {epoch}")
    return found


def was_switched_under_way(events: list[Event]) -> bool:
    """Whether the board was switched or paused between the first and the last agent that fired."""
    fired = [event.seq for event in events if event.type == "fired"]
    return any(fired[0] < event.seq < fired[-1] for event in events if event.type in {"switched", "paused"})


async def one_act(board: Board, chance: random.Random) -> None:
    """Switch, pause, resume, or grant something by hand."""
    act = chance.choice(["switch", "switch", "switch", "pause", "resume", "grant"])
    if act == "pause":
        await board.pause("at random")
    elif act == "resume":
        await board.resume("at random")
    elif act == "grant":
        for held in [each for each in await board.agenda() if each.state == "held"][:1]:
            with contextlib.suppress(NotHeld, ActivationNotFound):  # a controller was faster
                await board.grant(held.name, "at random")
    else:
        strategy = chance.choice(STRATEGIES)
        epoch = (await board.status()).epoch
        try:
            await (board.choreograph(epoch=epoch) if strategy is None else board.orchestrate(strategy, epoch=epoch))
        except EpochConflict:  # a strategy paused it, or one of us was faster
            return


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_modes_are_switched_at_random_while_workers_and_controllers_die(
    namespace: str, valkey_url: str, hire: Hire, seed: int
) -> None:
    """The judge is the log: nothing started ungranted, nothing was lost or done twice, and the end is the same."""
    chance = random.Random(seed)
    async with build(namespace, valkey_url) as bb:
        boards: list[Board] = []
        crew = [await hire(lease=0.5), await hire(lease=0.5, role="controller")]
        for each in crew:
            await each.says("working")
        for turn in range(ROUNDS):
            boards.append(bb.board(f"b{turn}"))
            await boards[-1].orchestrate(chance.choice(STRATEGIES[2:]))
            await boards[-1].post(Link(place=0))
            for _ in range(3):
                await asyncio.sleep(PACE)
                await one_act(chance.choice(boards[-8:]), chance)
            if turn % 10 == 9:
                victim = chance.randrange(2)
                await crew[victim].kill()
                crew[victim] = await hire(lease=0.5, role=("worker", "controller")[victim])
                await crew[victim].says("working")
        for board in boards:
            await board.choreograph(why="enough")
            await board.resume("enough")
        await asyncio.gather(*(board.settled(timeout=30) for board in boards))

        switched_under_way = 0
        for board in boards:
            events = [event async for event in board.events()]
            assert ungranted(events) == []
            switched_under_way += was_switched_under_way(events)
            seen = await counted(board)
            happened = Counter({what: n for what, n in seen.items() if what.split(" ", 1)[0] not in CONTROL})
            assert happened == whole_chain()
            assert (await board.get(f"link/{LENGTH}")).payload == b'{"place":5,"text":"01234"}'  # type: ignore[union-attr]
        assert switched_under_way >= ROUNDS // 8  # else this tries nothing


def event(seq: int, kind: EventType, **facts: Any) -> Event:
    return Event("b", seq, kind, 0, **facts)


def test_the_judge_sees_who_started_ungranted() -> None:
    """Granted in epoch 1, started in epoch 2."""
    log = [
        event(1, EventType.SWITCHED, mode="orchestration", epoch=1),
        event(2, EventType.GRANTED, source="a", number=5, epoch=1),
        event(3, EventType.PAUSED, epoch=2),
        event(4, EventType.FIRED, source="a", number=5, snapshot=3),
    ]
    assert ungranted(log) == ["a#5 in epoch 2"]
    log[3] = event(4, EventType.FIRED, source="a", number=5, snapshot=2)
    assert ungranted(log) == []


async def test_a_controller_that_is_killed_is_replaced_within_its_lease(
    namespace: str, valkey_url: str, hire: Hire
) -> None:
    """It dies with a board in its hands; the decision is made by the other, once."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.orchestrate(Parallel(1))
        dying = await hire(lease=0.5, role="controller", cut="deciding")
        await board.post(Link(place=0))
        assert await dying.ends() < 0
        async with bb.workers(), bb.controller():
            await board.settled(timeout=10)
        grants = Counter(event.number for event in [e async for e in board.events()] if event.type == "granted")
        assert len(grants) == LENGTH
        assert set(grants.values()) == {1}
