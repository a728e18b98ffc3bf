"""A payment whose worker is killed at each step of it: it stands in the ledger once, and the board says so."""

import signal
from pathlib import Path

import pytest

from blackboard import EventType
from tests.chaos.app import Bill, Paid, build
from tests.chaos.conftest import Hire

pytestmark = pytest.mark.chaos

DEAD = -signal.SIGKILL


@pytest.mark.parametrize(
    ("point", "by"),
    [("claimed", "pay"), ("paying", "pay"), ("paid", "ledger"), ("acted", "ledger"), ("committed", "pay")],
)
async def test_a_worker_is_killed_while_it_pays(
    namespace: str, valkey_url: str, hire: Hire, tmp_path: Path, point: str, by: str
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        dying = await hire(cut=point, lease=0.5)
        await board.post(Bill(ledger=str(ledger)))
        assert await dying.ends() == DEAD
        async with bb.workers():
            assert (await board.wait_for(Paid, timeout=20)).by == by
            await board.settled(timeout=10)
        assert len(ledger.read_text().split()) == 1
        assert await board.unknown() == []
        fired = [event.source async for event in board.events() if event.type is EventType.FIRED]
        assert fired == ["pay"]


async def test_every_worker_that_pays_is_killed(namespace: str, valkey_url: str, hire: Hire, tmp_path: Path) -> None:
    """One before it pays, one when it has: the third only looks."""
    ledger = tmp_path / "ledger"
    ledger.touch()
    async with build(namespace, valkey_url) as bb:
        board = bb.board("b")
        await board.post(Bill(ledger=str(ledger)))
        for point in ("paying", "paid"):
            dying = await hire(cut=point, lease=0.5)
            assert await dying.ends() == DEAD
        async with bb.workers():
            assert (await board.wait_for(Paid, timeout=20)).by == "ledger"
        assert len(ledger.read_text().split()) == 1
