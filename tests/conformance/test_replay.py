"""Whatever an agent does in which order, and wherever its runs end: a later run has what an earlier one had, and calls nothing
twice."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from dataclasses import dataclass
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as some

from blackboard import Backoff, Blackboard, Context
from tests.conformance.kinds import Claim, Done


@dataclass(frozen=True)
class Journey:
    """Groups of steps, one group after another, the steps of a group at once; and after how many groups each run fails."""

    groups: list[list[int]]
    """For each step, how many turns of the event loop its function takes."""
    fails: list[int]


journeys = some.lists(some.lists(some.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=6).flatmap(
    lambda groups: some.builds(
        Journey, some.just(groups), some.lists(some.integers(0, len(groups)), max_size=4).map(sorted)
    )
)


async def travel(journey: Journey) -> None:
    """Run it, and compare the runs."""
    bb = Blackboard("t", url=f"memory://{uuid4().hex}")
    called: Tally[str] = Tally()
    runs: list[list[list[tuple[str, int]]]] = []

    async def act(name: str, turns: int) -> tuple[str, int]:
        called[name] += 1
        for _ in range(turns):
            await asyncio.sleep(0)
        return name, called[name]

    @bb.knowledge_source(retries=len(journey.fails), backoff=Backoff(initial=0))
    async def agent(claim: Claim, ctx: Context) -> Done:
        runs.append([])
        for i, group in enumerate(journey.groups):
            if journey.fails[ctx.attempt - 1 : ctx.attempt] == [i]:
                raise RuntimeError
            steps = [ctx.step(f"{i}.{j}", act, f"{i}.{j}", turns) for j, turns in enumerate(group)]
            runs[-1].append(await asyncio.gather(*steps))
        if journey.fails[ctx.attempt - 1 : ctx.attempt] == [len(journey.groups)]:
            raise RuntimeError
        return Done(name="x")

    async with bb, bb.workers():
        board = bb.board("b")
        await board.post(Claim(amount=1))
        await board.wait_for(Done, timeout=20)
    every = [f"{i}.{j}" for i, group in enumerate(journey.groups) for j in range(len(group))]
    assert called == Tally(every)
    assert len(runs) == len(journey.fails) + 1
    assert runs[-1] == [[(f"{i}.{j}", 1) for j in range(len(group))] for i, group in enumerate(journey.groups)]
    assert all(run == runs[-1][: len(run)] for run in runs)


@settings(max_examples=25)
@given(journeys)
def test_every_run_has_what_the_last_had(journey: Journey) -> None:
    asyncio.run(travel(journey))
