"""A storm is stopped whoever dies in it, and goes on from where it was: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import pytest

from blackboard import Board, Tripped
from tests.chaos.app import DEPTH, Ball, build
from tests.chaos.conftest import Hire
from tests.chaos.judge import counted
from tests.eventually import async_eventually

pytestmark = pytest.mark.chaos


async def tripped(board: Board) -> Tripped:
    """Wait until a guard has paused the board."""

    async def look() -> Tripped | None:
        return (await board.mode()).tripped

    return await async_eventually(look, 30, "the guard trips")


@pytest.mark.parametrize(
    ("point", "after"),
    [("bouncing", 7), ("bouncing", DEPTH), ("committed", 7), ("committed", DEPTH), ("acted", DEPTH), ("claimed", 7)],
    ids=str,
)
async def test_a_worker_is_killed_in_a_storm(
    namespace: str, valkey_url: str, hire: Hire, point: str, after: int
) -> None:
    """Also with the very commit that trips the guard: it was carried out, and its answer never read."""
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        dying = await hire(cut=point, after=after, lease=0.5)
        await board.post(Ball(bounces=0))
        await dying.ends()

        async with bb.workers():
            assert (await tripped(board)).chain == "bounce → ball → bounce"
            assert await board.read(Ball) == Ball(bounces=DEPTH)
            await board.resume(depth=2 * DEPTH)
            await tripped(board)

        assert await board.read(Ball) == Ball(bounces=2 * DEPTH)
        rounds = 2 * DEPTH
        assert await counted(board) == {
            "created": 1,
            "posted ball": 1,
            "triggered bounce": rounds + 1,
            "fired bounce": rounds,
            "revised ball": rounds,
            "paused": 2,
            "resumed": 1,
        }
