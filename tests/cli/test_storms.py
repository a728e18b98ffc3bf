"""Storms from the command line: what a guard says in mode, show, agenda and doctor, and how its board goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from blackboard import Blackboard, Board, Entry, Limits
from tests.cli.conftest import Invoke
from tests.cli.processes import run
from tests.cli.reading import read
from tests.eventually import async_eventually

CYCLE = "depth 21 > 20: more → ball → more"


class Ball(Entry):
    """What an agent throws to itself."""

    n: int


async def storm(namespace: str, board: str) -> None:
    """An agent drives itself to the limit of a board."""
    bb = Blackboard(namespace, limits=Limits(depth=20))

    @bb.knowledge_source(reentrant=True)
    async def more(ball: Ball) -> Ball:
        ball.n += 1
        return ball

    async with bb, bb.workers():
        on = bb.board(board)
        await on.post(Ball(n=0))

        async def paused() -> bool:
            return (await on.status()).paused

        await async_eventually(paused, 20, "the guard trips")


@pytest.fixture
def stormy(invoke: Invoke, board: str, empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run verbs on a store of their own, in which a guard has paused the board."""
    monkeypatch.setenv("BLACKBOARD_DIR", str(empty_directory))
    monkeypatch.delenv("BLACKBOARD_NAMESPACE")
    asyncio.run(storm("storms", board))
    return invoke


def test_mode_says_which_guard_and_how_to_go_on(stormy: Invoke, board: str) -> None:
    found = read(stormy, "mode", board)
    assert (found["paused"], found["paused_by"], found["paused_why"]) == (True, "@guard", CYCLE)
    assert (found["guard"], found["go_on"]) == ("depth", f"blackboard resume {board} --depth 40")


def test_show_and_tail_tell_the_cycle(stormy: Invoke, board: str) -> None:
    shown = stormy("show", board, "-o", "table").stdout
    assert CYCLE in shown
    assert f"to let it go on: blackboard resume {board} --depth 40" in shown
    assert f"board paused by @guard (epoch 1): {CYCLE}" in stormy("tail", board, "-o", "table").stdout


def test_the_doctor_finds_it(stormy: Invoke, board: str) -> None:
    (warning,) = [each for each in read(stormy, "doctor") if each["check"] == "guards"]
    assert warning["verdict"] == "warn"
    assert CYCLE in warning["finding"]
    assert warning["remedy"].endswith(f"blackboard -n storms resume {board} --depth 40")
    stormy("close", board, "--yes")
    (finding,) = [each for each in read(stormy, "doctor") if each["check"] == "guards"]
    assert (finding["verdict"], finding["finding"]) == ("ok", "storms: no guard holds a board")


APPLICATION = """
from blackboard import Blackboard, Entry, Limits

bb = Blackboard("storms", limits=Limits(depth=20))

class Ball(Entry):
    n: int

@bb.knowledge_source(reentrant=True)
def more(ball: Ball) -> Ball:
    ball.n += 1
    return ball
"""


async def on_all_matches(act: Callable[[Board], Awaitable[object]]) -> None:
    async with Blackboard("storms") as bb:
        for i in range(5):
            await act(bb.board(f"match {i}"))


def test_a_burst_that_ends_says_which_boards_a_guard_holds(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLACKBOARD_DIR", str(empty_directory))
    (empty_directory / "stormy.py").write_text(APPLICATION)

    def burst(*words: str) -> str:
        done = run(empty_directory, "--app", "stormy:bb", "worker", "--burst", *words)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "a guard has paused" not in burst()
    asyncio.run(on_all_matches(lambda board: board.post(Ball(n=0))))
    told = burst()
    assert "not all is done: a guard has paused match 4, match 3, match 2 and 2 more" in told
    assert "blackboard -n storms show 'match 4'" in told
    assert "a guard has paused match 4" in burst("--processes", "2")
    asyncio.run(on_all_matches(lambda board: board.close()))
    assert "a guard has paused" not in burst()


def test_it_goes_on_under_a_higher_limit_only(stormy: Invoke, board: str) -> None:
    refused = stormy("resume", board, code=3)
    assert CYCLE in refused.stderr
    assert f"let them go on: blackboard resume {board} --depth 40." in refused.stderr
    assert "board.resume" not in refused.stderr
    assert read(stormy, "mode", board)["paused"]
    words = ("resume", board, "--depth", "40", "--wall", "2h", "--why", "go on")
    assert read(stormy, *words) == {"board": board, "paused": False, "epoch": 1, "changed": True, "freed": 1}
    told = stormy("tail", board, "-o", "table").stdout
    assert "go on, depth up to 40, wall up to 7200000" in told
    assert "guard" not in stormy("mode", board, "-o", "table").stdout


@pytest.mark.parametrize("words", [("--depth", "0"), ("--depth", "many"), ("--wall", "soon"), ("--budget", "-1")])
def test_a_limit_that_is_none_is_a_usage_error(invoke: Invoke, board: str, words: tuple[str, str]) -> None:
    assert words[0] in invoke("resume", board, *words, code=2).stderr


def test_limits_are_those_of_a_board(invoke: Invoke) -> None:
    assert "name it" in invoke("resume", "--all", "--depth", "5", code=2).stderr
