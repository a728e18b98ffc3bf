"""Limits of storms, what a guard that tripped says of itself, and where an agent's writes come from."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from blackboard import Blackboard, Entry, InvalidSource, Limits
from blackboard.limits import Tripped, milliseconds
from blackboard.origin import Origin, enter, here

ORIGIN = Origin("claims", "claim-42", "decide#17", 5)


class Ball(Entry):
    n: int


@pytest.mark.parametrize(
    ("tripped", "said", "remedy", "command"),
    [
        (Tripped("depth", 10, 11, "", "a → b → a"), "depth 11 > 10: a → b → a", "board.resume(depth=20)", "--depth 20"),
        (Tripped("budget", 5, 6, "a", "b → a"), "budget of a 6 > 5: b → a", "board.resume(budget=10)", "--budget 10"),
        (
            Tripped("wall", 2000, 2500, "", "a"),
            "wall 2.5 s > 2 s: a",
            "board.resume(wall=timedelta(seconds=5))",
            "--wall 5s",
        ),
        (
            Tripped("wall", 1, 2, "", "a"),
            "wall 0.002 s > 0.001 s: a",
            "board.resume(wall=timedelta(seconds=1))",
            "--wall 1s",
        ),
    ],
    ids=["depth", "budget", "wall", "short"],
)
def test_what_a_guard_says(tripped: Tripped, said: str, remedy: str, command: str) -> None:
    assert (str(tripped), tripped.remedy, tripped.command) == (said, remedy, command)
    refused = tripped.refusal("b")
    assert (refused.board, refused.guard, refused.problem, refused.remedy) == ("b", tripped.guard, said, remedy)


def test_the_wall_clock_in_the_words_of_the_store() -> None:
    assert (milliseconds(None), milliseconds(timedelta(seconds=1.5))) == (0, 1500)
    assert Limits().wall is None


@pytest.mark.parametrize("budget", [0, -1, 1.5, True, 10**10])
def test_a_budget_is_a_whole_number(budget: int) -> None:
    with pytest.raises(InvalidSource, match="budget"):

        @Blackboard("b").knowledge_source(budget=budget)
        def agent(ball: Ball) -> None: ...


def test_a_budget_goes_with_the_trigger() -> None:
    bb = Blackboard("b")

    @bb.knowledge_source(budget=7)
    def agent(ball: Ball) -> None: ...

    @bb.knowledge_source
    def other(ball: Ball) -> None: ...

    assert agent.compile()["bg"] == 7
    assert "bg" not in other.compile(), "one without a budget is registered as it always was"
    assert agent.card().policies.budget == 7


@pytest.mark.parametrize(
    ("namespace", "board", "name"),
    [
        ("claims", "claim-42", "decide#17"),
        ("claims", "claim-43", "claim-42/decide#17"),
        ("others", "claim-42", "claims:claim-42/decide#17"),
    ],
)
def test_how_an_origin_is_named(namespace: str, board: str, name: str) -> None:
    assert ORIGIN.on(namespace, board) == name


async def test_an_origin_is_that_of_a_task_and_of_what_it_starts() -> None:
    async def child() -> Origin | None:
        return here()

    async def agent() -> tuple[Origin | None, Origin | None]:
        enter(lambda: ORIGIN)
        return await asyncio.create_task(child()), await asyncio.to_thread(here)

    assert await asyncio.create_task(agent()) == (ORIGIN, ORIGIN)
    assert here() is None
